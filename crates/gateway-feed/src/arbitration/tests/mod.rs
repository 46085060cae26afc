//! Each state of the machine, one behaviour a test.

#![allow(clippy::unwrap_used)]

mod doubts;
mod hold;
mod order;
mod packets;
mod recover;
mod resets;
mod sessions;
mod snapshots;
mod stale;

use super::{ArbiterConfig, Defect, LineId, SESSION_RETURN_QUIET_NS};
use crate::channel::{Channel, ChannelConfig};
use crate::harness::Item::{
    self, Gap, Recovered, Recovering, Reset, SessionEnd, SessionStart, SnapshotBegin, SnapshotEnd,
};
use crate::harness::{Echo, Log, Witness, check};
use crate::moldudp64::{PacketBuilder, Session};
use crate::recovery::{Demand, Snapshot, Supply, SupplyError, SupplyItem};
use crate::transport::FrameError;

const A: LineId = LineId(0);
const B: LineId = LineId(1);
const HOLD_NS: u64 = 1_000_000;
const MS: u64 = 1_000_000;

/// A channel, its output, and a clock.
struct Bench {
    channel: Channel<Echo>,
    config: ChannelConfig,
    log: Log,
    taken: usize,
    now: u64,
    session: &'static str,
    demand: Demand,
    supplied: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(ChannelConfig::default())
    }

    fn with(config: ChannelConfig) -> Self {
        let config = ChannelConfig {
            hold_timeout_ns: HOLD_NS,
            ..config
        };
        let channel = Channel::new(config, Echo::default());
        Self {
            channel,
            config,
            log: Log::default(),
            taken: 0,
            now: 1_700_000_000_000_000_000,
            session: "ONE",
            demand: Demand::default(),
            supplied: 0,
        }
    }

    /// What the channel wants now: its holes as (first, count), and the lowest snapshot.
    fn demand(&mut self) -> (Vec<(u64, u64)>, Option<u64>) {
        let taken = &mut self.demand;
        self.channel.tell_demand(|demand| {
            *taken = *demand;
            true
        });
        let holes = taken.holes().iter().map(|hole| (hole.first, hole.count));
        (holes.collect(), taken.snapshot_from)
    }

    /// Gives the channel something, in answer to the demand that it told last.
    fn supply(&mut self, item: SupplyItem) -> Result<(), SupplyError> {
        self.demand();
        self.now += 1;
        self.supplied += 1;
        let supply = Supply {
            epoch: self.demand.epoch,
            serial: self.supplied,
            item,
        };
        self.channel.supply(self.now, &supply, &mut self.log)
    }

    fn answer(&mut self, first: u64, last: u64) -> Result<(), SupplyError> {
        let packet = self.packet(first, last);
        self.supply(SupplyItem::Answer(packet.into()))
    }

    fn give_up(&mut self, before: u64) -> &mut Self {
        assert_eq!(self.supply(SupplyItem::GiveUp { before }), Ok(()));
        self
    }

    /// A snapshot of `count` messages that is valid at `sequence`.
    fn snapshot(&mut self, sequence: u64, count: u16) -> Result<(), SupplyError> {
        let mut bytes = Vec::new();
        for number in 0..count {
            bytes.extend_from_slice(&[0, 4, b'S', 0]);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let session = Session::from_name(self.session).unwrap().id();
        let snapshot = Snapshot::new(session, sequence, bytes.into()).unwrap();
        self.supply(SupplyItem::Snapshot(snapshot))
    }

    /// A reader has lost records.
    fn refresh(&mut self) -> bool {
        self.channel.refresh(self.now, &mut self.log)
    }

    /// Lets time pass, a deadline at a time.
    fn pass(&mut self, time: u64) -> &mut Self {
        let until = self.now + time;
        loop {
            self.demand();
            let Some(deadline) = self.channel.next_deadline().filter(|due| *due <= until) else {
                break;
            };
            let now = deadline.max(self.now);
            self.channel.on_time(now, &mut self.log);
            self.now = now;
        }
        self.now = until;
        self
    }

    fn send(&mut self, line: LineId, packet: &[u8]) -> Option<Defect> {
        self.now += 1;
        self.channel
            .on_packet(line, self.now, packet, &mut self.log)
    }

    fn builder(&self, first: u64) -> PacketBuilder {
        PacketBuilder::new(Session::from_name(self.session).unwrap(), first, 1_472)
    }

    /// A packet with the messages `first ..= last`, whose content tells their number.
    fn packet(&self, first: u64, last: u64) -> Vec<u8> {
        self.packet_of(first, last, 0)
    }

    fn packet_of(&self, first: u64, last: u64, content: u64) -> Vec<u8> {
        let mut builder = self.builder(first);
        (first..=last).for_each(|number| builder.push(&(number + content).to_be_bytes()).unwrap());
        builder.finish(<[u8]>::to_vec)
    }

    fn data(&mut self, line: LineId, first: u64, last: u64) -> &mut Self {
        let packet = self.packet(first, last);
        assert_eq!(self.send(line, &packet), None);
        self
    }

    /// Messages under the same numbers with other contents.
    fn other_data(&mut self, line: LineId, first: u64, last: u64) -> &mut Self {
        let packet = self.packet_of(first, last, 7_000_000);
        assert_eq!(self.send(line, &packet), None);
        self
    }

    fn heartbeat(&mut self, line: LineId, next: u64) -> &mut Self {
        let packet = self.builder(next).heartbeat();
        assert_eq!(self.send(line, &packet), None);
        self
    }

    fn end(&mut self, line: LineId, next: u64) -> &mut Self {
        let packet = self.builder(next).end_of_session();
        assert_eq!(self.send(line, &packet), None);
        self
    }

    /// What left since the last look; runs of messages as (first, last).
    fn left(&mut self) -> Vec<Left> {
        check(&self.channel, &self.config, &self.log);
        let mut left = Vec::new();
        for item in &self.log.items[self.taken..] {
            match (left.last_mut(), item) {
                (Some(Left::Messages(_, last)), Item::Message { sequence, .. })
                    if *last + 1 == *sequence =>
                {
                    *last = *sequence;
                }
                (_, Item::Message { sequence, .. }) => {
                    left.push(Left::Messages(*sequence, *sequence))
                }
                (Some(Left::InSnapshot(count)), Item::InSnapshot { .. }) => *count += 1,
                (_, Item::InSnapshot { .. }) => left.push(Left::InSnapshot(1)),
                (_, event) => left.push(Left::Event(event.clone())),
            }
        }
        self.taken = self.log.items.len();
        left
    }

    fn line(&self, line: LineId) -> super::LineCounters {
        self.channel.counters().lines[line.index()]
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Left {
    Messages(u64, u64),
    /// So many messages of a snapshot, those told again on top of it included.
    InSnapshot(u64),
    Event(Item),
}

use Left::{Event, InSnapshot, Messages};
