//! Where the messages come from that are published: the generator, or a file.

use std::io::Read;

use gateway_capture::{CaptureError, ItchFileReader};
use gateway_feed::itch50::encode::TIMESTAMP_MAX;

use crate::flow::OrderFlow;

/// A message to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceMessage<'a> {
    /// When it happened, in nanoseconds by a clock of the source's own; never runs backwards.
    pub time_ns: u64,
    /// How many messages are missing between the previous one and this: its sequence number is so much higher.
    pub missing: u64,
    /// The message's bytes.
    pub bytes: &'a [u8],
}

/// Gives messages in the order in which they are to be published.
pub trait Source {
    /// The next message, or `None` at the end.
    ///
    /// # Errors
    /// The file behind it is unreadable or damaged; the messages before were given, and none follows.
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        (**self).next()
    }
}

impl Source for OrderFlow {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        let message = Self::next(self);
        Ok(message.map(|message| SourceMessage {
            time_ns: message.timestamp,
            missing: 0,
            bytes: message.bytes,
        }))
    }
}

/// The messages of a raw ITCH file; their own time stamps are the clock.
#[derive(Debug)]
pub struct ItchFileSource<R> {
    reader: ItchFileReader<R>,
    time_ns: u64,
}

impl<R: Read> ItchFileSource<R> {
    /// Reads on from where `reader` stands.
    #[must_use]
    pub fn new(reader: ItchFileReader<R>) -> Self {
        Self { reader, time_ns: 0 }
    }
}

impl<R: Read> Source for ItchFileSource<R> {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        let Some((_, bytes)) = self.reader.next()? else {
            return Ok(None);
        };
        // Bytes 5 to 10 of every ITCH 5.0 message; another protocol's messages simply come without a pace.
        if let Some(stamp) = bytes.get(3..11).and_then(|bytes| bytes.first_chunk::<8>()) {
            self.time_ns = self.time_ns.max(u64::from_be_bytes(*stamp) & TIMESTAMP_MAX);
        }
        Ok(Some(SourceMessage {
            time_ns: self.time_ns,
            missing: 0,
            bytes,
        }))
    }
}
