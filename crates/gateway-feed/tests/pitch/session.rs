//! A unit's stream: arbitration, time, gaps, units beside each other.

use dbn::UNDEF_TIMESTAMP;
use dbn::flags::MAYBE_BAD_BOOK;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::pitch::Market::Equities;
use gateway_feed::pitch::layout::{Symbol6, WriteAddShort, WriteTime};
use gateway_feed::pitch::{PacketBuilder, PitchDecoder, PitchUnit, unit_session};
use gateway_feed::record::ControlKind;
use gateway_feed::record::v3::MboMsg;
use gateway_feed::sink::Output;

use crate::{RECEIVED, SECONDS, decoder, everything, view};

fn add(order_id: u64) -> Vec<u8> {
    let add = WriteAddShort {
        time_offset: 5,
        order_id,
        side: b'B',
        quantity: 1,
        symbol: Symbol6(*b"XYZ   "),
        ..WriteAddShort::default()
    };
    add.encode(Equities).to_vec()
}

fn time() -> Vec<u8> {
    WriteTime { seconds: SECONDS }.encode(Equities).to_vec()
}

fn packet(unit: u8, sequence: u32, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = PacketBuilder::new(unit, sequence, 1_400);
    for message in messages {
        builder.push(message).unwrap();
    }
    builder.finish(<[u8]>::to_vec)
}

fn channel(unit: Option<u8>) -> Channel<PitchDecoder, PitchUnit> {
    let config = ChannelConfig {
        lines: 2,
        session: unit.map(unit_session),
        ..ChannelConfig::default()
    };
    Channel::new(config, decoder(Equities))
}

/// Order, time and flags of the adds.
fn adds(sink: &Collector) -> Vec<(u64, u64, u8)> {
    sink.records(Output::Full)
        .into_iter()
        .map(view::<MboMsg>)
        .map(|add| {
            (
                add.order_id,
                add.hd.ts_event,
                add.flags.raw() & MAYBE_BAD_BOOK,
            )
        })
        .collect()
}

fn controls(sink: &Collector) -> Vec<(u16, u64, u64)> {
    let control = |published: &Published| match published {
        Published::Control(control) => Some((control.kind, control.sequence, control.count)),
        _ => None,
    };
    sink.published.iter().filter_map(control).collect()
}

#[test]
fn there_is_no_time_until_a_unit_tells_it_nor_behind_a_gap() {
    let (mut channel, mut sink) = (channel(Some(1)), everything());
    let mut take = |sequence, messages: &[Vec<u8>], sink: &mut Collector| {
        let packet = packet(1, sequence, messages);
        assert_eq!(channel.on_packet(LineId(0), RECEIVED, &packet, sink), None);
    };
    take(1, &[add(1), time(), add(2)], &mut sink);
    // Number 4 is lost.
    take(5, &[add(3), time(), add(4)], &mut sink);
    channel.finish(RECEIVED, &mut sink);
    assert_eq!(
        adds(&sink),
        [
            (1, UNDEF_TIMESTAMP, 0),
            (2, RECEIVED + 5, 0),
            (3, UNDEF_TIMESTAMP, MAYBE_BAD_BOOK),
            (4, RECEIVED + 5, MAYBE_BAD_BOOK),
        ]
    );
    let start = (ControlKind::SessionStart as u16, 1, 0);
    assert_eq!(controls(&sink), [start, (ControlKind::Gap as u16, 4, 1)]);
}

#[test]
fn two_lines_deliver_each_message_once() {
    let (mut channel, mut sink) = (channel(Some(1)), everything());
    let packets: Vec<_> = (1..=6).map(|n| packet(1, n, &[add(n.into())])).collect();
    // A loses 3, B loses 5.
    for (number, packet) in (1..).zip(&packets) {
        for (line, lost) in [(0, 3), (1, 5)] {
            if number != lost {
                channel.on_packet(LineId(line), RECEIVED, packet, &mut sink);
            }
        }
    }
    let orders: Vec<_> = adds(&sink).into_iter().map(|(order, ..)| order).collect();
    assert_eq!(orders, [1, 2, 3, 4, 5, 6]);
    assert_eq!(channel.counters().gaps, 0);
}

#[test]
fn a_channel_takes_its_unit_and_leaves_the_others() {
    let (mut channel, mut sink) = (channel(Some(2)), everything());
    for number in 1..=3 {
        for unit in [1, 2, 3] {
            let order = u64::from(unit) * 10 + u64::from(number);
            let packet = packet(unit, number, &[add(order)]);
            channel.on_packet(LineId(0), RECEIVED, &packet, &mut sink);
        }
    }
    let orders: Vec<_> = adds(&sink).into_iter().map(|(order, ..)| order).collect();
    assert_eq!(orders, [21, 22, 23]);
    let counters = channel.counters();
    assert_eq!((counters.sessions_refused, counters.sessions), (6, 1));
    // Messages without a number may be of no unit; those of another one are not ours.
    channel.on_packet(LineId(0), RECEIVED, &packet(0, 0, &[add(30)]), &mut sink);
    channel.on_packet(LineId(0), RECEIVED, &packet(2, 0, &[add(31)]), &mut sink);
    channel.on_packet(LineId(0), RECEIVED, &packet(3, 0, &[add(32)]), &mut sink);
    let orders: Vec<_> = adds(&sink).into_iter().map(|(order, ..)| order).collect();
    assert_eq!(orders[3..], [30, 31]);
    assert_eq!(channel.counters().unsequenced, 2);
    assert_eq!(channel.decoder().counters().messages(), 5);
}
