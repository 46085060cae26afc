//! Raw message files: a 2-byte big-endian length, then the message (Nasdaq BinaryFILE).

use std::io::Read;
use std::path::Path;

use crate::buffer::StreamBuffer;
use crate::{CaptureError, FileSource};

/// Bytes of the length in front of each message.
const LENGTH_BYTES: usize = 2;

/// Reads the messages of a raw file, plain or gzip-compressed, in order.
///
/// A length of zero is the format's end mark. As the last two bytes of the file it is accepted, anywhere else it is
/// an error: the framing cannot be trusted from there on.
#[derive(Debug)]
pub struct ItchFileReader<R> {
    stream: StreamBuffer<R>,
    /// Bytes of the message handed out last, consumed before the next.
    pending: usize,
    ended: bool,
}

impl ItchFileReader<FileSource> {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`CaptureError::Open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        Ok(Self::from_reader(
            path.display().to_string(),
            FileSource::open(path)?,
        ))
    }

    /// Bytes read of the file as it lies on disk, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.stream.reader().bytes_read()
    }

    /// Size of the file on disk in bytes; `None` for a pipe.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.stream.reader().bytes_total()
    }
}

impl<R: Read> ItchFileReader<R> {
    /// Reads uncompressed data from `reader`; errors call it `name`.
    pub fn from_reader(name: impl Into<String>, reader: R) -> Self {
        Self {
            stream: StreamBuffer::new(name.into(), reader),
            pending: 0,
            ended: false,
        }
    }

    /// The next message and the offset of its length in the data; `None` at the end and after an error.
    ///
    /// # Errors
    /// [`CaptureError::Truncated`] where the file ends inside a message, [`CaptureError::ZeroLength`],
    /// [`CaptureError::Read`].
    #[allow(
        clippy::should_implement_trait,
        reason = "lends the buffer, which Iterator cannot express"
    )]
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let length = match self.advance() {
            Ok(Some(length)) => length,
            Ok(None) => {
                self.ended = true;
                return Ok(None);
            }
            Err(error) => {
                self.ended = true;
                return Err(error);
            }
        };
        self.pending = LENGTH_BYTES + length;
        Ok(Some((
            self.stream.offset(),
            &self.stream.data()[LENGTH_BYTES..LENGTH_BYTES + length],
        )))
    }

    /// Buffers the next message; its length, or `None` at the end.
    fn advance(&mut self) -> Result<Option<usize>, CaptureError> {
        self.stream.consume(std::mem::take(&mut self.pending));
        if !self.stream.require_or_end(LENGTH_BYTES)? {
            return Ok(None);
        }
        let data = self.stream.data();
        let length = usize::from(u16::from_be_bytes([data[0], data[1]]));
        if length == 0 {
            return if self.stream.fill(LENGTH_BYTES + 1)? {
                Err(CaptureError::ZeroLength {
                    name: self.stream.name().to_owned(),
                    offset: self.stream.offset(),
                })
            } else {
                Ok(None)
            };
        }
        self.stream.require(LENGTH_BYTES + length)?;
        Ok(Some(length))
    }
}
