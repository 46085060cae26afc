//! Oracles that unit tests, property tests and fuzz targets share: whatever the packets, a channel keeps its promises.
//!
//! Nothing here belongs to the data path.

mod bytes;
#[cfg(test)]
mod properties;

pub use bytes::{channel, moldudp64};

use crate::channel::{Channel, ChannelConfig};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity};
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
}

/// A sink that keeps everything, in order. It allocates.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// What came.
    pub items: Vec<Item>,
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
        self.items.push(Item::Message {
            sequence: *sequence,
            bytes,
        });
    }

    fn control(&mut self, record: &ControlRecord) {
        let is = |kind: ControlKind| record.kind == kind as u16;
        self.items.push(if is(ControlKind::Gap) {
            Item::Gap(record.sequence, record.count)
        } else if is(ControlKind::Reset) {
            Item::Reset(record.sequence)
        } else if is(ControlKind::SessionStart) {
            Item::SessionStart(record.sequence)
        } else {
            Item::SessionEnd(record.sequence)
        });
    }

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

/// A decoder that publishes each message as it is, for [`Log`].
#[derive(Debug, Default)]
pub struct Echo {
    counters: DecoderCounters,
    /// How often a session changed.
    pub sessions_changed: u64,
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

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// Panics unless the channel kept its promises so far: what left it is in order, each number at most once, every hole
/// is announced exactly, every message is accounted for under one reason, and the hold is within its bounds.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn check<T: Transport>(channel: &Channel<Echo, T>, config: &ChannelConfig, log: &Log) {
    let counters = channel.counters();
    let mut next = None;
    let mut lost = 0_u64;
    let mut seen = [0_u64; 5];
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
        channel.decoder().counters().messages() + channel.decoder().counters().empty
    );
    assert_eq!(counters.session_changes, channel.decoder().sessions_changed);
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
    assert!(
        counters.holding_max <= config.hold_packets_max as u64,
        "the hold grew past its bound"
    );
    assert_eq!(channel.next_deadline().is_some(), counters.holding > 0);
    if counters.holding == 0 {
        assert!(counters.lines.iter().all(|line| line.holding == 0));
    }
}
