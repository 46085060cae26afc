//! Where decoded messages go: the boundary between a decoder and whoever publishes its records.
//!
//! The decoder does not know queues, filters or shared memory. It asks which outputs anybody wants of an
//! instrument, builds only those, and hands each record over as whole 8-byte words.

use crate::record::ControlRecord;

pub use crate::record::{InstrumentId, Nanos};

/// One way of expressing a message as records; a queue chooses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Output {
    /// The exchange's own bytes behind a 16-byte header.
    Native = 1,
    /// DBN records from the message alone: what the message leaves out is undefined and flagged.
    Plain = 2,
    /// DBN records as Databento publishes them, completed from an order index.
    Full = 4,
}

/// A set of [`Output`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outputs(u8);

impl Outputs {
    /// Nobody wants anything.
    pub const NONE: Self = Self(0);

    /// The set with `output` added.
    #[must_use]
    pub const fn with(self, output: Output) -> Self {
        Self(self.0 | output as u8)
    }

    /// The set without `output`.
    #[must_use]
    #[inline(always)]
    pub const fn without(self, output: Output) -> Self {
        Self(self.0 & !(output as u8))
    }

    /// All outputs of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `output` is in the set.
    #[must_use]
    #[inline(always)]
    pub const fn contains(self, output: Output) -> bool {
        self.0 & output as u8 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The outputs whose records are not the exchange's bytes.
pub(crate) const NORMALISED: [Output; 2] = [Output::Plain, Output::Full];

/// Publishes a record that is the same in each of the `wanted` [`NORMALISED`] outputs.
#[inline(always)]
pub(crate) fn publish_each<S: RecordSink>(
    wanted: Outputs,
    instrument: InstrumentId,
    words: &[u64],
    sink: &mut S,
) {
    for output in NORMALISED {
        if wanted.contains(output) {
            sink.publish(output, instrument, words);
        }
    }
}

/// What a message's surroundings say about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageContext {
    /// The transport's sequence number of this message.
    pub sequence: u64,
    /// When the gateway received the packet.
    pub ts_recv: Nanos,
}

/// Takes the records of a channel, in the order in which they leave it.
pub trait RecordSink {
    /// Which outputs any reader wants of `instrument`. Cheap: a decoder asks once a message.
    ///
    /// Instrument 0 stands for messages that concern no single instrument: every reader of the channel wants them.
    fn wants(&self, instrument: InstrumentId) -> Outputs;

    /// Takes one record of `output`: whole 8-byte words, the first starting with the record's header.
    fn publish(&mut self, output: Output, instrument: InstrumentId, words: &[u64]);

    /// Takes a record about the channel itself; it concerns every reader of the channel.
    fn control(&mut self, record: &ControlRecord);

    /// Learns that `instrument` is `symbol` (printable ASCII, no padding) from now on. Called once a change, not once
    /// a message, and always before a record of that instrument is offered under its new symbol.
    ///
    /// An empty `symbol` says that the instrument's symbol is not known any longer: the session changed.
    fn instrument(&mut self, instrument: InstrumentId, symbol: &[u8]);
}
