//! DBN version 3, plain or in one Zstandard frame.
//!
//! The header stands in front of the records and names every symbol, so it is known before the first record: see
//! [`Contents`](super::Contents). Only the end of the time that the file covers is not. The header says "unknown" for
//! it while records are written, so that no file ever claims more than it holds, and an ordinary file gets it when it
//! is finished. In a compressed file and in a pipe it stays unknown: nothing in them can be corrected.

use std::io::BufWriter;
use std::num::NonZeroU64;

use dbn::encode::{DbnEncoder, DbnMetadataEncoder, DynWriter, EncodeRecord};
use dbn::{Metadata, SType, SymbolMapping};
use gateway_feed::record::v3;
use gateway_feed::sink::Nanos;

pub use dbn::Compression;

use super::BUFFER_BYTES;
use super::numbering::Numbering;
use super::schema::{Entry, Schema};
use super::target::{OutputError, Target};

/// What stands in front of the records.
#[derive(Clone, Debug)]
pub struct Header {
    /// Who published them.
    pub publisher: dbn::Publisher,
    /// Which records the file takes.
    pub schema: Schema,
    /// When the input begins.
    pub start: Nanos,
    /// Which instrument each symbol is, and on which days (UTC), by its number in the file.
    pub mappings: Vec<SymbolMapping>,
    /// Which instruments have another number than in their session.
    pub numbering: Numbering,
}

impl Header {
    fn metadata(&self) -> Metadata {
        let symbols = self.mappings.iter();
        Metadata::builder()
            .version(v3::DBN_VERSION)
            .dataset(self.publisher.dataset())
            .schema(self.schema.in_dbn())
            .start(self.start)
            .stype_in(Some(SType::RawSymbol))
            .stype_out(SType::InstrumentId)
            .symbols(symbols.map(|mapping| mapping.raw_symbol.clone()).collect())
            .mappings(self.mappings.clone())
            .build()
    }
}

pub(super) struct DbnWriter {
    encoder: DbnEncoder<DynWriter<'static, BufWriter<Target>>>,
    name: String,
    start: Nanos,
    /// Whether the header gets the end of the time when it is known.
    tells_end: bool,
}

impl DbnWriter {
    pub(super) fn new(
        target: Target,
        header: &Header,
        compression: Compression,
    ) -> Result<Self, OutputError> {
        let name = target.name().to_owned();
        let tells_end = target.is_correctable() && compression == Compression::None;
        let buffer = BufWriter::with_capacity(BUFFER_BYTES, target);
        let encoder = DynWriter::new(buffer, compression)
            .and_then(|writer| DbnEncoder::new(writer, &header.metadata()))
            .map_err(|error| OutputError::encode(&name, error))?;
        Ok(Self {
            encoder,
            name,
            start: header.start,
            tells_end,
        })
    }

    pub(super) fn write(&mut self, entry: &Entry<'_>) -> Result<(), OutputError> {
        match entry {
            Entry::Mbo(order) => self.encoder.encode_record(*order),
            Entry::Mbp1(quote) => self.encoder.encode_record(*quote),
            Entry::Trade(trade) => self.encoder.encode_record(trade),
            Entry::Definition(definition) => self.encoder.encode_record(*definition),
            Entry::Status(status) => self.encoder.encode_record(*status),
            Entry::Imbalance(imbalance) => self.encoder.encode_record(*imbalance),
            Entry::Statistics(statistic) => self.encoder.encode_record(*statistic),
        }
        .map_err(|error| OutputError::encode(&self.name, error))
    }

    /// Ends the file; `last` is when the last of what was read came.
    pub(super) fn finish(mut self, last: Nanos) -> Result<(), OutputError> {
        let failed = |error| OutputError::encode(&self.name, error);
        let writer = self.encoder.get_mut();
        writer.finish().map_err(failed)?;
        if self.tells_end {
            // DBN's end is exclusive.
            let end = NonZeroU64::new(last).map(|last| last.saturating_add(1));
            DbnMetadataEncoder::new(writer.get_mut().get_mut())
                .update_encoded(v3::DBN_VERSION, self.start, end, None)
                .map_err(failed)?;
        }
        Ok(())
    }
}
