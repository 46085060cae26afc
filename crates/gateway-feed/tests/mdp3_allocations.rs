//! After construction a channel of MDP 3.0 that recovers takes no memory: not for a loss, not for what it keeps, not for
//! snapshots.

#![allow(clippy::unwrap_used)]

use gateway_feed::arbitration::{LineId, OnGap};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::mdp3::{Mdp3, Mdp3Config, Mdp3Recoverer, Mdp3RecoveryConfig, PacketBuilder};
use gateway_feed::record::ControlRecord;
use gateway_feed::sink::{InstrumentId, Output, Outputs, RecordSink};
use gateway_sim::flow::{FlowOptions, MIDNIGHT_NS, Mdp3Flow, OrderFlow};
use gateway_sim::packetiser::{Framing, PackOptions, Packetiser};
use gateway_sim::source::Source;
use gateway_sim::venue::Mdp3State;
use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Tally(u64);

impl RecordSink for Tally {
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE
            .with(Output::Native)
            .with(Output::Plain)
            .with(Output::Full)
    }

    fn publish(&mut self, _: Output, _: InstrumentId, _: &[u64]) {
        self.0 += 1;
    }

    fn control(&mut self, _: &ControlRecord) {}

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

/// Packets of the stream, and behind each tenth one those of a whole snapshot loop, whose image is five packets old.
fn day() -> Vec<(u8, Vec<u8>)> {
    let mut flow = Mdp3Flow::new(OrderFlow::new(FlowOptions {
        symbols: 5,
        messages: 2_000,
        ..FlowOptions::default()
    }));
    let mut packetiser = Packetiser::new(PackOptions {
        framing: Framing::Mdp3,
        messages_max: 4,
        ..PackOptions::default()
    });
    let (mut day, mut state, mut image) = (Vec::new(), Mdp3State::default(), Vec::new());
    while let Some(message) = flow.next().unwrap() {
        let Some(packet) = packetiser.push(&message).unwrap() else {
            continue;
        };
        Framing::Mdp3.messages(&packet.payload, |message| {
            state.apply(packet.first, message)
        });
        day.push((0, packet.payload.to_vec()));
        if packet.first % 10 == 5 {
            image = state.snapshots();
        }
        if packet.first % 10 == 0 {
            for (number, message) in (1..).zip(image.drain(..)) {
                let mut builder = PacketBuilder::new(number, 1_472);
                builder.push(&message).unwrap();
                day.push((1, builder.finish(MIDNIGHT_NS, <[u8]>::to_vec)));
            }
        }
    }
    day
}

#[test]
fn recovering_takes_no_memory() {
    let recovery = Mdp3RecoveryConfig {
        messages_max: 40,
        bytes_max: 10_000,
        timeout_ns: u64::MAX,
    };
    let decoder = Mdp3Recoverer::new(&Mdp3Config::default(), Some(recovery)).unwrap();
    let config = ChannelConfig {
        lines: 2,
        answer_lines: 1,
        on_gap: OnGap::Continue,
        hold_timeout_ns: 1,
        ..ChannelConfig::default()
    };
    let mut channel: Channel<Mdp3Recoverer, Mdp3> = Channel::new(config, decoder);
    let (day, mut sink) = (day(), Tally(0));
    let before = allocations::of_this_thread();
    for (now, (line, packet)) in (1..).zip(&day) {
        if *line == 0 && now % 17 == 0 {
            continue;
        }
        channel.on_packet(LineId(*line), now * 100, packet, &mut sink);
        channel.on_time(now * 100 + 50, &mut sink);
    }
    assert_eq!(allocations::of_this_thread() - before, 0);
    let refresh = channel.decoder().counters().refresh;
    assert!(
        refresh.snapshots > 10 && refresh.withheld > 10,
        "{refresh:?}"
    );
    assert!(refresh.replayed > 0 && sink.0 > 1_000, "{refresh:?}");
}
