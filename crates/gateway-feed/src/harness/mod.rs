//! Oracles that unit tests, property tests and fuzz targets share: whatever the packets, a channel keeps its promises.
//!
//! Nothing here belongs to the data path.

mod bytes;
#[cfg(test)]
mod properties;

pub use bytes::{channel, moldudp64};

use crate::arbitration::OnGap;
use crate::channel::{Channel, ChannelConfig};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::record::{ControlKind, ControlRecord};
use crate::sink::{InstrumentId, MessageContext, Output, Outputs, RecordSink};
use crate::transport::Transport;

/// What left a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Message {
        /// Its number; 0 outside the sequence.
        sequence: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A session begins.
    SessionStart(u64),
    /// A session ended.
    SessionEnd(u64),
    /// The numbers restarted.
    Reset(u64),
    /// Numbers did not come: the first one, and how many.
    Gap(u64, u64),
    /// Numbers are asked for: the first one, and how many.
    Recovering(u64, u64),
    /// Nothing is asked for any more.
    Recovered(u64),
    /// A snapshot begins: where it is valid, and how many messages it has.
    SnapshotBegin(u64, u64),
    /// A message of a snapshot, or one told again on top of it.
    InSnapshot {
        /// Its number; of the snapshot's own messages, that of the last one it contains.
        sequence: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A snapshot ends: where the stream goes on, and how many messages were told again.
    SnapshotEnd(u64, u64),
    /// All lines are silent.
    Stale(u64),
    /// One is not any longer.
    Live(u64),
}

/// A sink that keeps everything, in order. It allocates.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// What came.
    pub items: Vec<Item>,
    in_snapshot: bool,
}

impl Log {
    /// The numbers of the messages that came, in order.
    #[must_use]
    pub fn sequences(&self) -> Vec<u64> {
        let messages = self.items.iter().filter_map(|item| match item {
            Item::Message { sequence, .. } => Some(*sequence),
            _ => None,
        });
        messages.collect()
    }

    /// The gaps that came as (first, last); ones that touch are one.
    #[must_use]
    pub fn gaps(&self) -> Vec<(u64, u64)> {
        let merged = self.merged();
        let gaps = merged.iter().filter_map(|item| match item {
            Item::Gap(first, count) => Some((*first, first + count - 1)),
            _ => None,
        });
        gaps.collect()
    }

    /// What came, with gaps that follow each other made one.
    #[must_use]
    pub fn merged(&self) -> Vec<Item> {
        let mut merged: Vec<Item> = Vec::with_capacity(self.items.len());
        for item in &self.items {
            match (merged.last_mut(), item) {
                (Some(Item::Gap(first, count)), Item::Gap(next, more))
                    if *first + *count == *next =>
                {
                    *count += more
                }
                _ => merged.push(item.clone()),
            }
        }
        merged
    }
}

impl RecordSink for Log {
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE.with(Output::Native)
    }

    /// Takes what [`Echo`] publishes: number, length, bytes.
    fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
        let [sequence, length, words @ ..] = words else {
            return;
        };
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(*length as usize);
        let sequence = *sequence;
        self.items.push(if self.in_snapshot {
            Item::InSnapshot { sequence, bytes }
        } else {
            Item::Message { sequence, bytes }
        });
    }

    fn control(&mut self, record: &ControlRecord) {
        let (sequence, count) = (record.sequence, record.count);
        let Some(kind) = ControlKind::from_number(record.kind) else {
            return;
        };
        self.in_snapshot = match kind {
            ControlKind::SnapshotBegin => true,
            ControlKind::SnapshotEnd => false,
            _ => self.in_snapshot,
        };
        self.items.push(match kind {
            ControlKind::Gap => Item::Gap(sequence, count),
            ControlKind::Reset => Item::Reset(sequence),
            ControlKind::SessionStart => Item::SessionStart(sequence),
            ControlKind::SessionEnd => Item::SessionEnd(sequence),
            ControlKind::Recovering => Item::Recovering(sequence, count),
            ControlKind::Recovered => Item::Recovered(sequence),
            ControlKind::SnapshotBegin => Item::SnapshotBegin(sequence, count),
            ControlKind::SnapshotEnd => Item::SnapshotEnd(sequence, count),
            ControlKind::Stale => Item::Stale(sequence),
            ControlKind::Live => Item::Live(sequence),
        });
    }

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

/// A decoder that publishes each message as it is, for [`Log`].
#[derive(Debug, Default)]
pub struct Echo {
    counters: DecoderCounters,
    sessions_changed: u64,
}

impl Decoder for Echo {
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        let mut words = vec![context.sequence, message.len() as u64];
        words.extend(message.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        }));
        match message.first() {
            Some(&kind) => self.counters.by_type[usize::from(kind)] += 1,
            None => self.counters.empty += 1,
        }
        sink.publish(Output::Native, InstrumentId(0), &words);
    }

    fn discontinuity<S: RecordSink>(&mut self, kind: Discontinuity, _: &MessageContext, _: &mut S) {
        self.sessions_changed += u64::from(kind == Discontinuity::SessionChanged);
    }

    fn snapshot(&mut self, _: SnapshotPart) {}

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// A decoder whose account of the channel [`check`] can compare with the channel's own.
pub trait Witness: Decoder {
    /// How often a session changed.
    fn sessions_changed(&self) -> u64;
}

impl Witness for Echo {
    fn sessions_changed(&self) -> u64 {
        self.sessions_changed
    }
}

/// A snapshot that is being taken, as it should come.
struct Taken {
    sequence: u64,
    left: u64,
    next: u64,
}

/// Panics unless the channel kept its promises so far: what left it is in order, each number at most once, every hole
/// is announced exactly, every message is accounted for under one reason, and the hold is within its bounds.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn check<D: Witness, T: Transport>(channel: &Channel<D, T>, config: &ChannelConfig, log: &Log) {
    let counters = channel.counters();
    let mut next = None;
    let mut lost = 0_u64;
    let mut seen = [0_u64; 5];
    let mut snapshot: Option<Taken> = None;
    let mut recovering = false;
    let mut in_snapshots = 0_u64;
    for (at, item) in log.items.iter().enumerate() {
        let before = &log.items[at.saturating_sub(8)..=at];
        match *item {
            Item::Message { sequence: 0, .. } => seen[0] += 1,
            Item::Message { sequence, .. } => {
                assert_eq!(
                    Some(sequence),
                    next,
                    "a message left out of order: {before:?}"
                );
                seen[0] += 1;
                next = Some(sequence + 1);
            }
            Item::Gap(first, count) => {
                assert_eq!(
                    Some(first),
                    next,
                    "a gap does not begin where the stream stands: {before:?}"
                );
                assert!(count > 0, "a gap is empty");
                seen[1] += 1;
                lost = lost.saturating_add(count);
                next = Some(first + count);
            }
            Item::Recovering(first, count) => {
                assert_eq!((Some(first), recovering), (next, false), "{before:?}");
                assert!(count > 0, "nothing is asked for");
                recovering = true;
            }
            Item::Recovered(sequence) => {
                assert_eq!((Some(sequence), recovering), (next, true), "{before:?}");
                recovering = false;
            }
            Item::SnapshotBegin(sequence, messages) => {
                assert!(snapshot.is_none() && Some(sequence) <= next, "{before:?}");
                snapshot = Some(Taken {
                    sequence,
                    left: messages,
                    next: sequence,
                });
            }
            Item::InSnapshot { sequence, .. } => {
                let taken = snapshot.as_mut().expect("within a snapshot");
                if taken.left > 0 {
                    assert_eq!(sequence, taken.sequence.saturating_sub(1), "{before:?}");
                    taken.left -= 1;
                } else {
                    assert_eq!(sequence, taken.next, "told again out of order: {before:?}");
                    taken.next += 1;
                }
                in_snapshots += 1;
            }
            Item::SnapshotEnd(sequence, replayed) => {
                let taken = snapshot.take().expect("a snapshot ends that began");
                assert_eq!((Some(sequence), taken.left), (next, 0), "{before:?}");
                assert_eq!(taken.next, sequence, "{before:?}");
                assert_eq!(replayed, sequence - taken.sequence, "{before:?}");
            }
            Item::Stale(sequence) | Item::Live(sequence) => {
                assert_eq!(sequence, next.unwrap_or(0), "{before:?}");
            }
            Item::SessionStart(sequence) => {
                seen[2] += 1;
                next = Some(sequence);
            }
            Item::Reset(sequence) => {
                seen[3] += 1;
                next = Some(sequence);
            }
            Item::SessionEnd(sequence) => {
                assert_eq!(
                    Some(sequence),
                    next,
                    "a session ended elsewhere than where the stream stands: {before:?}"
                );
                seen[4] += 1;
            }
        }
    }
    assert_eq!(counters.next_sequence, next.unwrap_or(0));
    assert_eq!(
        seen,
        [
            counters.messages,
            counters.gaps,
            counters.sessions,
            counters.resets,
            counters.session_ends
        ]
    );
    assert_eq!(counters.gap_messages, lost);
    assert_eq!(
        counters.messages,
        counters
            .lines
            .iter()
            .map(|line| line.delivered)
            .sum::<u64>()
    );
    assert_eq!(
        counters.messages,
        channel.decoder().counters().messages() + channel.decoder().counters().empty - in_snapshots
    );
    let recovery = &counters.recovery;
    if snapshot.is_none() {
        assert_eq!(recovery.snapshot_messages + recovery.replayed, in_snapshots);
    }
    assert!(
        recovery.holes >= recovery.holes_closed + recovery.holes_lost,
        "more holes were closed than asked for"
    );
    assert_eq!(
        counters.session_changes,
        channel.decoder().sessions_changed()
    );
    for (index, line) in counters.lines.iter().enumerate() {
        assert_eq!(
            line.messages,
            line.accounted(),
            "line {index} does not reconcile: {line:?}"
        );
    }
    let implausible = counters.lines.iter().map(|line| line.implausible);
    assert!(
        counters.implausible > 0 || implausible.sum::<u64>() == 0,
        "messages were refused in no packet"
    );
    let holds_max = match config.on_gap {
        OnGap::Continue => config.hold_packets_max,
        OnGap::Recover => config.hold_packets_max.max(config.recover_packets_max),
    };
    assert!(
        counters.holding_max <= holds_max as u64,
        "the hold grew past its bound"
    );
    assert!(recovery.retained <= config.recover_packets_max.max(1) as u64);
    if channel.next_deadline() != Some(0) {
        assert_eq!(channel.next_deadline().is_some(), counters.holding > 0);
    }
    if counters.holding == 0 {
        assert!(counters.lines.iter().all(|line| line.holding == 0));
    }
}
