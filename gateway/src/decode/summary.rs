//! What a file held.

use std::collections::BTreeMap;

use gateway_feed::arbitration::ChannelCounters;
use gateway_feed::decoder::Decoder;
use gateway_feed::record::{ControlKind, ControlRecord};
use serde::Serialize;

use super::export::RecordCounts;
use super::{Detected, LIST_MAX};
use crate::config::model::Feed;

/// A place in the file where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileError {
    /// Where its packet or message starts in the (uncompressed) file.
    pub offset: u64,
    /// What is wrong.
    pub reason: String,
}

/// The symbols in a file's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Symbols {
    /// How many there are.
    pub mapped: u64,
    /// Instruments that are two symbols in one session, of which the header tells the later.
    pub ambiguous: u64,
    /// Instruments with another number than in their session, because an earlier session's has that number on the day.
    pub renumbered: u64,
}

/// What the index of resting orders, which completes `full` records, met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Orders that rest at the end.
    pub live: u64,
    /// Messages about an order that is not known: their records are as `plain` ones are.
    pub unknown: u64,
    /// Orders that were not remembered because the index was full.
    pub overflowed: u64,
    /// Orders whose reference one that rested had already: the older one was forgotten.
    pub duplicate: u64,
    /// Messages that name an order of another instrument, or take more off an order than is left.
    pub inconsistent: u64,
}

/// What a file held. Serialises as the object that `gateway decode --json` prints.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// What the file was found to hold; `None` where the protocol was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected: Option<Detected>,
    /// UDP packets read as the protocol's; 0 for files without packets.
    pub packets: u64,
    /// Packets of a capture that are not UDP over IPv4, or cannot be read.
    pub other_packets: u64,
    /// Messages decoded, each once, whatever lines brought it.
    pub messages: u64,
    /// Messages by the letter of their type; of PITCH by its hexadecimal digits, of MDP 3.0 by the number of their template.
    pub by_type: BTreeMap<String, u64>,
    /// Messages of unknown type, skipped.
    pub unknown_types: u64,
    /// Heartbeat packets.
    pub heartbeats: u64,
    /// Ranges of messages that no line brought: first and last.
    pub gaps: Vec<[u64; 2]>,
    /// How many ranges there are; more than listed where the list was cut.
    pub gaps_total: u64,
    /// How many messages they hold.
    pub lost: u64,
    /// Messages that came again.
    pub duplicates: u64,
    /// Messages that came after their gap had been declared.
    pub late: u64,
    /// Restarts of the numbering within a session.
    pub resets: u64,
    /// Sessions, by their names in the packets.
    pub sessions: u64,
    /// What was written to a file of records and what was not; `None` where none was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<RecordCounts>,
    /// The symbols in a file's header; `None` where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Symbols>,
    /// What the index of orders met; `None` where records were not completed from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<Orders>,
    /// Whether the reading ended before the file did, because somebody asked for it.
    pub interrupted: bool,
    /// What is wrong, and where.
    pub errors: Vec<FileError>,
    /// How many errors there are; more than listed where the list was cut.
    pub errors_total: u64,
}

impl Summary {
    pub(super) fn error(&mut self, offset: u64, reason: String) {
        self.errors_total += 1;
        if self.errors.len() < LIST_MAX {
            self.errors.push(FileError { offset, reason });
        }
    }

    pub(super) fn control(&mut self, record: &ControlRecord) {
        if ControlKind::from_number(record.kind) == Some(ControlKind::Gap) && record.count > 0 {
            self.gaps_total += 1;
            self.lost += record.count;
            if self.gaps.len() < LIST_MAX {
                self.gaps
                    .push([record.sequence, record.sequence + (record.count - 1)]);
            }
        }
    }

    pub(super) fn add_decoder(&mut self, feed: Feed, decoder: &impl Decoder, has_orders: bool) {
        let counters = decoder.counters();
        if has_orders {
            let orders = self.orders.get_or_insert_default();
            orders.live += counters.orders.live;
            orders.unknown += counters.orders.unknown;
            orders.overflowed += counters.orders.overflowed;
            orders.duplicate += counters.orders.duplicate;
            orders.inconsistent += counters.orders.inconsistent;
        }
        self.messages += counters.messages();
        self.unknown_types += counters.unknown_types;
        for (kind, count) in (0..=u8::MAX).zip(&counters.by_type) {
            if *count > 0 {
                *self.by_type.entry(feed.type_name(kind)).or_default() += count;
            }
        }
    }

    pub(super) fn add_channel(&mut self, counters: &ChannelCounters) {
        self.heartbeats += counters.heartbeats;
        self.resets += counters.resets;
        self.sessions += 1;
        for line in &counters.lines {
            self.duplicates += line.duplicates;
            self.late += line.late;
        }
    }
}
