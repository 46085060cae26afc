//! After construction a channel allocates and frees nothing, whatever comes: in order, copies, holes, sessions,
//! restarts, damage, what is asked for and what is given.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use gateway_feed::arbitration::{LineId, OnGap};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use gateway_feed::moldudp64::{MESSAGE_COUNT_MAX, PacketBuilder, Session};
use gateway_feed::record::ControlRecord;
use gateway_feed::recovery::{Demand, Snapshot, Supply, SupplyItem};
use gateway_feed::sink::{InstrumentId, MessageContext, Output, Outputs, RecordSink};
use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[derive(Default)]
struct Count(DecoderCounters);

impl Decoder for Count {
    fn message<S: RecordSink>(&mut self, _: &MessageContext, _: &[u8], _: &mut S) {
        self.0.by_type[0] += 1;
    }

    fn discontinuity<S: RecordSink>(&mut self, _: Discontinuity, _: &MessageContext, _: &mut S) {}

    fn snapshot(&mut self, _: SnapshotPart) {}

    fn counters(&self) -> &DecoderCounters {
        &self.0
    }
}

#[derive(Default)]
struct Controls(u64);

impl RecordSink for Controls {
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE
    }

    fn publish(&mut self, _: Output, _: InstrumentId, _: &[u64]) {}

    fn control(&mut self, _: &ControlRecord) {
        self.0 += 1;
    }

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

#[test]
fn after_construction_nothing_is_allocated() {
    let mut builder = PacketBuilder::new(Session::from_name("A").unwrap(), 1, 1_400);
    let mut packets = Vec::new();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for number in 0..20_000_u64 {
        if number % 5_000 == 4_999 {
            let name = if number % 2_000 == 999 { "B" } else { "A" };
            builder.restart(Session::from_name(name).unwrap(), 1);
            packets.push(builder.heartbeat().to_vec());
        }
        let count = (number % 40).min(u64::from(MESSAGE_COUNT_MAX));
        (0..count).for_each(|_| builder.push(&number.to_be_bytes()).unwrap());
        packets.push(builder.finish(<[u8]>::to_vec));
    }
    packets.push(builder.end_of_session().to_vec());
    let config = ChannelConfig {
        hold_packets_max: 16,
        ..ChannelConfig::default()
    };
    let mut channel = Channel::<Count>::new(config, Count::default());
    let mut sink = Controls::default();
    let mut now = 1_700_000_000_000_000_000;

    let before = allocations::of_this_thread();
    for (index, packet) in packets.iter().enumerate() {
        for line in [LineId(0), LineId(1)] {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            now += random >> 48;
            let other = &packets[(index + (random >> 33) as usize % 9).min(packets.len() - 1)];
            let packet = if random >> 61 == 0 { other } else { packet };
            let cut = if random >> 58 == 9 {
                packet.len() / 2
            } else {
                packet.len()
            };
            if random >> 62 != 1 {
                channel.on_packet(line, now, &packet[..cut], &mut sink);
            }
            channel.on_time(now, &mut sink);
        }
    }
    channel.finish(now, &mut sink);
    let after = allocations::of_this_thread();

    assert_eq!(after - before, 0);
    let counters = channel.counters();
    assert!(
        counters.messages > 100_000 && counters.gaps > 100 && counters.holding_max == 16,
        "{counters:?}"
    );
    assert!(sink.0 > 100);
}

/// Messages of a packet in the test of recovery.
const MESSAGES: u64 = 4;
/// Far more packets than are remembered anywhere.
const PACKETS: u64 = 20_000;

/// Bytes that can be handed over without a count in the heap.
fn for_ever(bytes: Vec<u8>) -> Bytes {
    Bytes::from_static(Vec::leak(bytes))
}

/// Gives a channel what it wants: what is missing, packet by packet, and at times the word that it cannot be had, or a
/// snapshot.
struct Servers {
    session: Session,
    answers: Vec<Bytes>,
    state: Bytes,
    serial: u64,
}

impl Servers {
    fn give(
        &mut self,
        channel: &mut Channel<Count>,
        now: u64,
        demand: &Demand,
        random: u64,
        sink: &mut Controls,
    ) {
        let mut supply = |item| {
            self.serial += 1;
            let supply = Supply {
                epoch: demand.epoch,
                serial: self.serial,
                item,
            };
            let _ = channel.supply(now, &supply, sink);
        };
        if let Some(from) = demand.snapshot_from {
            let sequence = from + random % 9;
            let snapshot = Snapshot::new(self.session.id(), sequence, self.state.clone()).unwrap();
            supply(SupplyItem::Snapshot(snapshot));
        }
        for hole in demand.holes() {
            if random.is_multiple_of(16) {
                supply(SupplyItem::GiveUp { before: hole.end() });
            }
            for packet in (hole.first - 1) / MESSAGES..=(hole.end() - 2) / MESSAGES {
                let answer = self.answers[packet as usize].clone();
                supply(SupplyItem::Answer(answer));
            }
        }
    }
}

#[test]
fn what_is_asked_for_and_given_allocates_nothing_either() {
    let session = Session::from_name("A").unwrap();
    let mut builder = PacketBuilder::new(session, 1, 1_400);
    let mut packets = Vec::new();
    for number in 0..PACKETS {
        (0..MESSAGES).for_each(|_| builder.push(&number.to_be_bytes()).unwrap());
        packets.push(builder.finish(<[u8]>::to_vec));
    }
    let mut servers = Servers {
        session,
        answers: packets.iter().cloned().map(for_ever).collect(),
        state: for_ever([&[0, 3], &b"abc"[..]].concat().repeat(2_000)),
        serial: 0,
    };
    let config = ChannelConfig {
        on_gap: OnGap::Recover,
        hold_packets_max: 16,
        recover_packets_max: 64,
        recover_bytes_max: 64 * 1024,
        recover_timeout_ns: 2_000_000,
        snapshots: true,
        ..ChannelConfig::default()
    };
    let mut channel = Channel::<Count>::new(config, Count::default());
    let mut sink = Controls::default();
    let mut now = 1_700_000_000_000_000_000;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;

    let before = allocations::of_this_thread();
    for packet in &packets {
        for line in [LineId(0), LineId(1)] {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            now += random >> 46;
            if random >> 61 != 0 {
                channel.on_packet(line, now, packet, &mut sink);
            }
            channel.on_time(now, &mut sink);
            let mut wanted = None;
            channel.tell_demand(|demand| {
                let takes = !(random >> 40).is_multiple_of(4);
                wanted = takes.then_some(*demand);
                takes
            });
            if let Some(demand) = wanted.filter(|_| !(random >> 33).is_multiple_of(3)) {
                servers.give(&mut channel, now, &demand, random >> 50, &mut sink);
            }
        }
    }
    channel.finish(now, &mut sink);
    let after = allocations::of_this_thread();

    assert_eq!(after - before, 0);
    let counters = channel.counters().recovery;
    assert!(
        counters.holes_closed > 50
            && counters.holes_lost > 10
            && counters.timeouts > 5
            && counters.snapshots > 5
            && counters.replayed > 10
            && counters.demands_delayed > 50
            && counters.refused_not_wanted > 5,
        "{counters:?}"
    );
}
