//! What there is of a snapshot while it is fetched, whatever the protocol.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use gateway_feed::itch50::glimpse::GlimpseError;
use gateway_feed::pitch::session::SpinError;
use tokio::time::Instant;

use super::connect::ConnectError;

/// A whole snapshot.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The number of the live feed to go on with.
    pub(super) sequence: u64,
    /// Its messages, each behind its length.
    pub(super) messages: Bytes,
    /// How many.
    pub(super) count: u64,
    /// How long it took.
    pub(super) took: Duration,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    #[error(transparent)]
    Glimpse(#[from] GlimpseError),
    #[error(transparent)]
    Spin(#[from] SpinError),
    #[error("it is longer than {} MiB: raise snapshot_mib_max, or the server is no snapshot server", .0 >> 20)]
    TooLong(usize),
    #[error("it was not whole within {} ms: raise snapshot_timeout_ms, or the server is too slow", .0.as_millis())]
    Timeout(Duration),
}

/// How a snapshot ended: the number of the live feed to go on with, and how many messages the server has sent.
type End = Result<(u64, u64), FetchError>;

/// What came of a snapshot so far.
#[derive(Debug)]
pub(super) struct Taken {
    messages: Vec<u8>,
    bytes_max: usize,
    end: Option<End>,
}

impl Taken {
    /// Nothing yet of one that may take so much memory.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            messages: Vec::new(),
            bytes_max,
            end: None,
        }
    }

    /// Takes a message.
    pub(super) fn message(&mut self, message: &[u8]) {
        if self.end.is_some() {
            return;
        }
        // No client takes a message that is longer than this can say.
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let length = length.to_be_bytes();
        if self.messages.len() + length.len() + message.len() > self.bytes_max {
            self.end = Some(Err(FetchError::TooLong(self.bytes_max)));
            return;
        }
        self.messages.extend_from_slice(&length);
        self.messages.extend_from_slice(message);
    }

    /// It is whole, or there will be none; the first word counts.
    pub(super) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// How it ended, once, if it did.
    pub(super) const fn take_end(&mut self) -> Option<End> {
        self.end.take()
    }

    /// The whole snapshot, begun at that time.
    pub(super) fn fetched(self, (sequence, count): (u64, u64), begun: Instant) -> Fetched {
        Fetched {
            sequence,
            messages: self.messages.into(),
            count,
            took: begun.elapsed(),
        }
    }
}
