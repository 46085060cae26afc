//! What can be wrong with a capture file.

use std::io;

/// Why a capture file could not be opened or read on.
///
/// Offsets count bytes from the start of the file's data, after decompression where the file is compressed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened: it is missing, or the user may not read it. Check path and permissions.
    #[error("{name}: cannot open: {source}; check that the path is right and the file readable")]
    Open {
        /// The file.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Reading failed, or the compressed data is damaged. Copy or download the file again.
    #[error(
        "{name}: cannot read beyond offset {offset}: {source}; if this is no fault of the disk, the compressed data is \
         damaged: fetch the file again"
    )]
    Read {
        /// The file.
        name: String,
        /// How much of the data was read.
        offset: u64,
        /// The system's or the decompressor's reason.
        source: io::Error,
    },
    /// The first bytes are those of no capture format. For a raw ITCH file use the reader of such files.
    #[error(
        "{name}: neither pcap nor pcapng: it starts with {start}; expected a capture as tcpdump or Wireshark write it, \
         plain or gzip-compressed"
    )]
    NotACapture {
        /// The file.
        name: String,
        /// The first bytes in hexadecimal, or "nothing".
        start: String,
    },
    /// The file ends inside a record; all before it was delivered. The capture was cut or its copying was.
    #[error(
        "{name}: ends inside the record at offset {offset}: it needs {needed} bytes, {available} are there; what comes \
         before it was read; the file was cut (fetch it again to have the rest), or it is of another format"
    )]
    Truncated {
        /// The file.
        name: String,
        /// Where the incomplete record starts.
        offset: u64,
        /// Bytes that the record needs, as far as is known.
        needed: u64,
        /// Bytes that are there.
        available: u64,
    },
    /// A record says it is longer than any frame: the place is damaged, or an earlier length was.
    #[error(
        "{name}: the record at offset {offset} claims {length} bytes, more than the limit of {limit}; the file is \
         damaged there, what comes before it was read"
    )]
    TooLong {
        /// The file.
        name: String,
        /// Where the record starts.
        offset: u64,
        /// The length it claims.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// The format's own rules are broken at this place.
    #[error("{name}: damaged at offset {offset}: {reason}; what comes before it was read")]
    Damaged {
        /// The file.
        name: String,
        /// Where the record starts.
        offset: u64,
        /// Which rule is broken.
        reason: &'static str,
    },
    /// A message of length zero that does not end the file: the lengths are missing or the framing is lost.
    #[error(
        "{name}: the message at offset {offset} has length 0; each message must be preceded by its 2-byte big-endian \
         length, and only the end of the file is marked by 0; what comes before it was read"
    )]
    ZeroLength {
        /// The file.
        name: String,
        /// Where the length stands.
        offset: u64,
    },
}

impl CaptureError {
    /// The offset at which reading stopped, where the file could be opened at all.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Open { .. } => None,
            Self::NotACapture { .. } => Some(0),
            Self::Read { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::TooLong { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::ZeroLength { offset, .. } => Some(*offset),
        }
    }
}
