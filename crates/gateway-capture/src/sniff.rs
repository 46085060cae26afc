//! What a file is, from its first bytes.

use std::path::Path;

use crate::buffer::StreamBuffer;
use crate::reader::{PCAPNG_MAGIC, is_classic};
use crate::{CaptureError, FileSource};

/// How many bytes [`sniff`] looks at.
const SNIFFED_BYTES: usize = 4096;
/// Longer than any feed's message; what two letters of a text read as a length is far beyond.
const MESSAGE_BYTES_MAX: usize = 2048;

/// The format of a file, compressed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Classic pcap, of either byte order and resolution.
    Pcap,
    /// pcapng.
    Pcapng,
    /// Messages, each behind its 2-byte big-endian length.
    LengthPrefixed,
    /// None of these, or an empty file.
    Unknown,
}

/// Looks at the first bytes of `path` (after decompression).
///
/// A file counts as [`FileKind::LengthPrefixed`] where every length in its first 4 KiB is one that messages have and
/// leads to a message that starts with a letter, as all message types of ITCH do.
///
/// # Errors
/// [`CaptureError::Open`], [`CaptureError::Read`].
pub fn sniff(path: impl AsRef<Path>) -> Result<FileKind, CaptureError> {
    let path = path.as_ref();
    let mut stream = StreamBuffer::new(path.display().to_string(), FileSource::open(path)?);
    stream.fill(SNIFFED_BYTES)?;
    Ok(kind(
        &stream.data()[..stream.data().len().min(SNIFFED_BYTES)],
    ))
}

fn kind(start: &[u8]) -> FileKind {
    if start.starts_with(&PCAPNG_MAGIC) {
        FileKind::Pcapng
    } else if is_classic(start) {
        FileKind::Pcap
    } else if is_length_prefixed(start) {
        FileKind::LengthPrefixed
    } else {
        FileKind::Unknown
    }
}

fn is_length_prefixed(mut rest: &[u8]) -> bool {
    let mut messages = 0;
    while let [high, low, first, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > MESSAGE_BYTES_MAX || !first.is_ascii_alphabetic() {
            return false;
        }
        messages += 1;
        match rest.get(2 + length..) {
            Some(next) => rest = next,
            None => break,
        }
    }
    messages > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_first_bytes() {
        assert_eq!(kind(b""), FileKind::Unknown);
        assert_eq!(kind(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]), FileKind::Pcap);
        assert_eq!(kind(&[0xa1, 0xb2, 0x3c, 0x4d, 0, 2]), FileKind::Pcap);
        assert_eq!(kind(&[0x0a, 0x0d, 0x0d, 0x0a]), FileKind::Pcapng);
        assert_eq!(
            kind(b"\x00\x0cS00000000000\x00\x02AB"),
            FileKind::LengthPrefixed
        );
        assert_eq!(kind(b"\x00\x00S0000000000"), FileKind::Unknown);
        assert_eq!(kind(b"hello, world, this is text"), FileKind::Unknown);
    }
}
