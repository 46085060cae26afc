//! DBN files as Databento's own crate reads them, and whether they are whole.

use std::path::Path;

use dbn::decode::{DbnDecoder, DbnMetadata, DecodeRecord, DecodeRecordRef};
use dbn::{Metadata, VersionUpgradePolicy};

/// A file's header, and its records behind it.
pub(crate) struct Read {
    pub(crate) metadata: Metadata,
    /// Each record's bytes.
    pub(crate) records: Vec<Vec<u8>>,
    plain: Vec<u8>,
}

/// Reads a file, compressed or not, to its end.
pub(crate) fn read(path: &Path) -> Read {
    read_bytes(&std::fs::read(path).unwrap())
}

/// Reads the bytes of a file, which must be whole: Databento's decoder takes a record that is cut for the end.
pub(crate) fn read_bytes(bytes: &[u8]) -> Read {
    let plain = if bytes.starts_with(b"DBN") {
        bytes.to_vec()
    } else {
        zstd::decode_all(bytes).unwrap()
    };
    let mut decoder = decoder(&plain);
    let metadata = decoder.metadata().clone();
    let mut records = Vec::new();
    while let Some(record) = decoder.decode_record_ref().unwrap() {
        records.push(AsRef::<[u8]>::as_ref(&record).to_vec());
    }
    let header = 8 + u32::from_le_bytes(plain[4..8].try_into().unwrap()) as usize;
    let length = header + records.iter().map(Vec::len).sum::<usize>();
    assert_eq!(length, plain.len(), "something is behind the last record");
    Read {
        metadata,
        records,
        plain,
    }
}

fn decoder(plain: &[u8]) -> DbnDecoder<&[u8]> {
    DbnDecoder::with_upgrade_policy(plain, VersionUpgradePolicy::AsIs).unwrap()
}

impl Read {
    /// The records; all must be of this type.
    pub(crate) fn of_type<R: dbn::v3::HasRType + Clone>(&self) -> Vec<R> {
        decoder(&self.plain).decode_records().unwrap()
    }

    /// How many records have this type.
    pub(crate) fn count(&self, rtype: u8) -> u64 {
        let of_type = self.records.iter().filter(|record| record[1] == rtype);
        of_type.count() as u64
    }
}
