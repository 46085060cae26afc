//! Capture files: what `gateway decode`, the capture provider and the simulator read.
//!
//! Two families, each also gzip-compressed, told apart by their first bytes ([`sniff`]):
//!
//! - frames: classic pcap (both byte orders, microseconds and nanoseconds) and pcapng, read by [`CaptureReader`];
//! - messages: files in which a 2-byte big-endian length precedes each message (Nasdaq's BinaryFILE, as the daily
//!   ITCH files are published), read by [`ItchFileReader`].
//!
//! Promises: memory is constant whatever the file says (no allocation follows a length read from it); what precedes
//! a cut or damaged place is delivered; every error names the file, the offset in the (uncompressed) data and the
//! remedy; after an error or the end a reader stays at its end. No input panics.
//!
//! Formats are parsed by `pcap-parser`; buffering, limits, truncation and time stamps are here, because its streaming
//! readers do not tell a cut file's offset and because its time-stamp options hold for little-endian sections only.

mod buffer;
mod error;
mod itch_file;
mod link;
mod pcapng;
mod reader;
mod sniff;
mod source;
mod writer;

pub use error::CaptureError;
pub use itch_file::ItchFileReader;
pub use link::LinkType;
pub use reader::{CaptureReader, CapturedPacket};
pub use sniff::{FileKind, sniff};
pub use source::FileSource;
pub use writer::PcapWriter;

/// The longest captured frame or pcapng block that is read, in bytes; a longer one is an error.
///
/// libpcap's own limit is 256 KiB a packet; the rest leaves room for a pcapng block's options.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// The most interfaces that one section of a pcapng file may describe.
pub const INTERFACES_MAX: usize = 4096;
