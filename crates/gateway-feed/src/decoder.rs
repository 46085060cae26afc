//! What every feed's decoder offers to the channel that drives it.
//!
//! A channel takes packets, puts their messages in order, and hands each message once to its decoder. The decoder
//! turns it into records for a [`RecordSink`]. It is a state machine over borrowed bytes: it never panics on any
//! input, never allocates after construction, and counts each message under its type or under the reason why it
//! could not be decoded.

use crate::sink::{MessageContext, RecordSink};

/// Turns the messages of one channel, in order, into records.
pub trait Decoder {
    /// Decodes one application message (without its transport's length prefix) and publishes its records.
    ///
    /// A message that cannot be decoded publishes nothing and is counted, see [`DecoderCounters`].
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S);

    /// The transport's session is another one than before, so that what is valid for a session only (an instrument's
    /// id, an order's, the date) is forgotten. The channel calls it before the first message of each session but the
    /// very first.
    fn session_changed<S: RecordSink>(&mut self, sink: &mut S);

    /// What was decoded so far.
    fn counters(&self) -> &DecoderCounters;
}

/// What a decoder has seen since it was made, sessions included. Each message is counted exactly once: in `by_type`,
/// or in `unknown_types`, `too_short`, `too_long` or `empty`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderCounters {
    /// Messages decoded, by the byte that names their type.
    pub by_type: [u64; 256],
    /// Messages of a type that the decoder does not know: skipped.
    pub unknown_types: u64,
    /// Messages shorter than their type: skipped.
    pub too_short: u64,
    /// Messages longer than their type: skipped, because what follows the known fields is not known.
    pub too_long: u64,
    /// Messages without a single byte: skipped.
    pub empty: u64,
    /// Of the messages decoded, those without a counterpart among the normalised records: a reader of normalised
    /// records gets them as native records.
    pub unmapped: u64,
    /// Instruments whose symbol is known now.
    pub instruments: u64,
    /// Symbols that were not learnt because they are blank or hold bytes that are no printable ASCII.
    pub symbols_refused: u64,
}

impl DecoderCounters {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            by_type: [0; 256],
            unknown_types: 0,
            too_short: 0,
            too_long: 0,
            empty: 0,
            unmapped: 0,
            instruments: 0,
            symbols_refused: 0,
        }
    }

    /// Messages whose length is not that of their type, for whatever reason.
    #[must_use]
    pub const fn length_errors(&self) -> u64 {
        self.too_short + self.too_long + self.empty
    }

    /// Messages decoded.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.by_type.iter().sum()
    }
}

impl Default for DecoderCounters {
    fn default() -> Self {
        Self::new()
    }
}
