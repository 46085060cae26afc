//! What every feed's decoder offers to the channel that drives it.
//!
//! A channel takes packets, puts their messages in order, and hands each message once to its decoder. The decoder
//! turns it into records for a [`RecordSink`]. It is a state machine over borrowed bytes: it never panics on any
//! input, never allocates after construction, and counts each message under its type or under the reason why it
//! could not be decoded.

use crate::sink::{MessageContext, Nanos, RecordSink};

/// Turns the messages of one channel, in order, into records.
pub trait Decoder {
    /// Whether numbers that begin anew mean another day, on which the decoder numbers instruments anew: the channel tells
    /// [`ControlKind::SessionStart`](crate::record::ControlKind::SessionStart) then instead of
    /// [`ControlKind::Reset`](crate::record::ControlKind::Reset), behind which instruments stay.
    const RESTARTS_ARE_DAYS: bool = false;

    /// Whether lines beside those of the stream bring the state of instruments over and over, which the decoder takes by
    /// [`refresh`](Self::refresh) and not the arbiter.
    const TAKES_REFRESHES: bool = false;

    /// Decodes one application message (without its transport's length prefix) and publishes its records.
    ///
    /// A message that cannot be decoded publishes nothing and is counted, see [`DecoderCounters`].
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S);

    /// What comes next does not follow what came before. `context` has the number of the next message, and the time.
    /// The channel calls it behind its control record about the same.
    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    );

    /// A part of a snapshot begins, or it is over. Until then what comes describes what there is already: records that can
    /// say so are flagged [`F_SNAPSHOT`](dbn::flags::SNAPSHOT).
    fn snapshot(&mut self, part: SnapshotPart);

    /// Takes a message of a line of refreshes: of which line, and whether it is the first one of its packet, whose number
    /// on that line is the context's.
    fn refresh<S: RecordSink>(
        &mut self,
        line: (usize, bool),
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let _ = (line, context, message, sink);
    }

    /// Looks whether anything has been waited for in vain at `now`, which is measured by a clock that nobody sets; records are
    /// stamped with `ts_recv`. To be called now and then, say once a millisecond; whether records went out.
    fn watch<S: RecordSink>(&mut self, now: Nanos, ts_recv: Nanos, sink: &mut S) -> bool {
        let _ = (now, ts_recv, sink);
        false
    }

    /// Whether [`prefetch`](Self::prefetch) is worth a walk over a packet of several messages before they are decoded.
    #[inline(always)]
    fn prefetches(&self) -> bool {
        false
    }

    /// Asks the processor to fetch what decoding `message` will touch. Any bytes may come.
    #[inline(always)]
    fn prefetch(&self, message: &[u8]) {
        let _ = message;
    }

    /// What was decoded so far.
    fn counters(&self) -> &DecoderCounters;
}

/// Why a message does not follow the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discontinuity {
    /// Messages are missing: lost for good, or sent before the channel began to listen. What was derived from the
    /// messages before (an order book) may be wrong from here on.
    Lost,
    /// The numbers restarted within the session, or a snapshot follows: no order rests any more; what instruments there
    /// are is still known.
    Restarted,
    /// The session is another one than before: what is valid for a session only (an instrument's id, an order's, the
    /// date) is forgotten. Not told about a channel's very first session.
    SessionChanged,
}

/// How far a snapshot is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPart {
    /// Its own messages follow.
    State,
    /// Messages of the stream follow that came behind it, once more.
    Replay,
    /// The stream goes on.
    Over,
}

impl SnapshotPart {
    /// What records are flagged with.
    #[must_use]
    pub const fn flag(self) -> u8 {
        match self {
            Self::State | Self::Replay => dbn::flags::SNAPSHOT,
            Self::Over => 0,
        }
    }
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
    /// Symbols that were not learnt because they are blank or hold bytes that are no printable ASCII; messages about an
    /// instrument whose symbol or id is none, or that there is no room for.
    pub symbols_refused: u64,
    /// Records of an event of more instruments than a decoder remembers: the event's end may not be told for theirs.
    pub events_overflowed: u64,
    /// What the index of resting orders met; all zero without one.
    pub orders: OrderCounters,
    /// What recovery instrument by instrument met; all zero without it.
    pub refresh: RefreshCounters,
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
            events_overflowed: 0,
            orders: OrderCounters::new(),
            refresh: RefreshCounters::new(),
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

/// What became of instruments whose books were not whole, since the decoder was made. Levels and orders of an instrument are
/// books of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshCounters {
    /// Instruments whose levels are not whole now.
    pub stale_levels: u64,
    /// Instruments whose orders are not whole now.
    pub stale_orders: u64,
    /// Records of each output that were withheld because their book was not whole.
    pub withheld: u64,
    /// Records of each output that were left out because a snapshot contained them already.
    pub contained: u64,
    /// Books made whole by a snapshot.
    pub snapshots: u64,
    /// Messages that were kept and told behind those snapshots.
    pub replayed: u64,
    /// Instruments that the stream itself proved to have lost nothing, or emptied.
    pub refreshed: u64,
    /// Instruments whose changes go on although no snapshot came that could be used.
    pub given_up: u64,
    /// Books whose changes go on because the time was over in which a snapshot should have come.
    pub timed_out: u64,
    /// Snapshots that were of no use because the first packet behind the loss had not come yet.
    pub early: u64,
    /// Snapshots from before the loss, or from before what is kept of the stream.
    pub too_old: u64,
    /// Snapshots further ahead of the stream than a venue is.
    pub too_far_ahead: u64,
    /// Messages of the loops' lines that are no snapshot and no definition that can be read, heartbeats left out.
    pub not_snapshots: u64,
    /// Parts of snapshots that were wanted and do not go on with those before.
    pub out_of_order: u64,
    /// Definitions of the instrument feed that said nothing new.
    pub repeated: u64,
    /// Snapshots, and definitions of the instrument feed, of instruments that there is no room for.
    pub no_room: u64,
    /// Snapshot loops that came whole.
    pub loops: u64,
    /// How often there was no room for what is kept of the stream, and it was let go.
    pub overflows: u64,
}

impl RefreshCounters {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            stale_levels: 0,
            stale_orders: 0,
            withheld: 0,
            contained: 0,
            snapshots: 0,
            replayed: 0,
            refreshed: 0,
            given_up: 0,
            timed_out: 0,
            early: 0,
            too_old: 0,
            too_far_ahead: 0,
            not_snapshots: 0,
            out_of_order: 0,
            repeated: 0,
            no_room: 0,
            loops: 0,
            overflows: 0,
        }
    }
}

/// What the index of resting orders, from which `full` records are completed, has met since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCounters {
    /// Orders that rest now.
    pub live: u64,
    /// Messages about an order that is not known: their records are as `plain` ones are.
    pub unknown: u64,
    /// Orders that were not remembered because the index is full.
    pub overflowed: u64,
    /// Orders whose reference one that rests had already: the older one was forgotten.
    pub duplicate: u64,
    /// Messages that name an order of another instrument (treated as unknown ones), or take more off an order than is
    /// left.
    pub inconsistent: u64,
}

impl OrderCounters {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            live: 0,
            unknown: 0,
            overflowed: 0,
            duplicate: 0,
            inconsistent: 0,
        }
    }
}

impl Default for DecoderCounters {
    fn default() -> Self {
        Self::new()
    }
}
