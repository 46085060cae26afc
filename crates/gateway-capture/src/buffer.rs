//! A window over a byte stream: whole records in one slice, with bounded memory.

use std::io::{self, Read};

use crate::{CaptureError, RECORD_BYTES_MAX};

/// The window's usual size in bytes: many frames, and small enough for the second-level cache.
const WINDOW_BYTES: usize = 128 << 10;

/// Buffers `reader` so that a record lies in one piece, and says where in the stream it lies.
#[derive(Debug)]
pub(crate) struct StreamBuffer<R> {
    name: String,
    reader: R,
    /// The window; its length is its capacity.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Position of `start` in the stream.
    offset: u64,
    ended: bool,
    /// The compressed stream ended before its own end mark.
    cut: bool,
}

impl<R: Read> StreamBuffer<R> {
    pub(crate) fn new(name: String, reader: R) -> Self {
        Self {
            name,
            reader,
            bytes: vec![0; WINDOW_BYTES],
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            cut: false,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    /// Position in the stream of the first byte not yet consumed.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is buffered and not yet consumed.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Buffers at least `needed` bytes (at most [`RECORD_BYTES_MAX`]) unless the stream ends first; returns whether
    /// they are there. Twice the memory is never held: the window grows once, from its usual size to the largest.
    pub(crate) fn fill(&mut self, needed: usize) -> Result<bool, CaptureError> {
        if self.end - self.start >= needed {
            return Ok(true);
        }
        if self.start + needed > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if needed > self.bytes.len() {
                self.bytes.resize(RECORD_BYTES_MAX, 0);
            }
        }
        while self.end - self.start < needed && !self.ended {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    self.cut = true;
                }
                Err(source) => {
                    self.ended = true;
                    let offset = self.offset + self.data().len() as u64;
                    return Err(CaptureError::Read {
                        name: self.name.clone(),
                        offset,
                        source,
                    });
                }
            }
        }
        Ok(self.end - self.start >= needed)
    }

    /// Buffers the `needed` bytes of a record, or says that the stream is cut inside it.
    pub(crate) fn require(&mut self, needed: usize) -> Result<(), CaptureError> {
        if needed > RECORD_BYTES_MAX {
            return Err(self.too_long(needed as u64));
        }
        if self.fill(needed)? {
            Ok(())
        } else {
            Err(self.truncated(needed as u64))
        }
    }

    /// Like [`Self::require`] for the first `needed` bytes of a record; `false` where the stream ends cleanly.
    pub(crate) fn require_or_end(&mut self, needed: usize) -> Result<bool, CaptureError> {
        if self.fill(needed)? {
            Ok(true)
        } else if self.data().is_empty() && !self.cut {
            Ok(false)
        } else {
            Err(self.truncated(needed as u64))
        }
    }

    /// Consumes `count` bytes without holding them; the record starts here for the error's sake.
    pub(crate) fn skip(&mut self, count: u64) -> Result<(), CaptureError> {
        let record = self.offset;
        let mut left = count;
        while left > 0 {
            let step = left.min(WINDOW_BYTES as u64) as usize;
            if !self.fill(step)? {
                let available = count - left + self.data().len() as u64;
                return Err(CaptureError::Truncated {
                    name: self.name.clone(),
                    offset: record,
                    needed: count,
                    available,
                });
            }
            self.consume(step);
            left -= step as u64;
        }
        Ok(())
    }

    pub(crate) fn truncated(&self, needed: u64) -> CaptureError {
        CaptureError::Truncated {
            name: self.name.clone(),
            offset: self.offset,
            needed,
            available: self.data().len() as u64,
        }
    }

    pub(crate) fn too_long(&self, length: u64) -> CaptureError {
        let limit = RECORD_BYTES_MAX as u64;
        CaptureError::TooLong {
            name: self.name.clone(),
            offset: self.offset,
            length,
            limit,
        }
    }

    pub(crate) fn damaged(&self, reason: &'static str) -> CaptureError {
        CaptureError::Damaged {
            name: self.name.clone(),
            offset: self.offset,
            reason,
        }
    }
}
