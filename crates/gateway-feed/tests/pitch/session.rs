//! A unit's stream: arbitration, time, gaps, units beside each other.

use dbn::UNDEF_TIMESTAMP;
use dbn::flags::MAYBE_BAD_BOOK;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::pitch::Market::Equities;
use gateway_feed::pitch::layout::{Symbol6, WriteAddShort, WriteTime, WriteUnitClear};
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
    assert_eq!((counters.other_units, counters.sessions), (6, 1));
    assert_eq!(counters.sessions_refused, 0);
    // Messages without a number may be of no unit; those of another one are not ours.
    let own = |unit| packet(unit, 0, &[add(30)]);
    for unit in [0, 2, 3] {
        channel.on_packet(LineId(0), RECEIVED, &own(unit), &mut sink);
    }
    assert_eq!(channel.counters().unsequenced, 2);
    assert_eq!(channel.decoder().counters().messages(), 5);
}

#[test]
fn what_comes_without_a_number_changes_no_order_and_no_time() {
    let (mut channel, mut sink) = (channel(Some(1)), everything());
    channel.on_packet(LineId(0), RECEIVED, &packet(1, 1, &[add(1)]), &mut sink);
    // From each line.
    for line in [0, 1] {
        channel.on_packet(LineId(line), RECEIVED, &packet(1, 0, &[add(30)]), &mut sink);
    }
    // They go out as they are.
    let sizes = sink.records(Output::Full).into_iter().map(<[u64]>::len);
    assert_eq!(sizes.collect::<Vec<_>>(), [7, 6, 6]);
    let counters = channel.decoder().counters();
    assert_eq!((counters.unmapped, counters.orders.live), (2, 1));
    assert_eq!(counters.orders.duplicate, 0);
}

#[test]
fn another_day_numbers_its_instruments_anew() {
    let (mut channel, mut sink) = (channel(Some(1)), everything());
    let mut received = RECEIVED;
    for day in 0..2 {
        for number in 1..=3 {
            let packet = packet(1, number, &[add(number.into())]);
            channel.on_packet(LineId(0), received, &packet, &mut sink);
        }
        assert_eq!(channel.decoder().counters().orders.live, 3, "day {day}");
        // Between two days the venue's heartbeats tell that the next number is 1.
        for _ in 0..3 {
            received += 1_000_000_000;
            channel.on_packet(LineId(0), received, &packet(1, 1, &[]), &mut sink);
            channel.on_time(received + 900_000_000, &mut sink);
        }
    }
    let symbols = sink
        .published
        .iter()
        .filter_map(|published| match published {
            Published::Symbol { symbol, .. } => Some(symbol.is_empty()),
            _ => None,
        });
    // Told, forgotten, told again, forgotten.
    assert_eq!(symbols.collect::<Vec<_>>(), [false, true, false, true]);
    // Who keeps instruments learns that their numbers are void.
    let start = (ControlKind::SessionStart as u16, 1, 0);
    assert_eq!(controls(&sink), [start; 3]);
    assert_eq!(channel.decoder().counters().instruments, 0);
}

#[test]
fn a_clear_behind_a_clear_is_told_once() {
    let (mut channel, mut sink) = (channel(Some(1)), everything());
    let clear = || WriteUnitClear::default().encode(Equities).to_vec();
    let clears = |sink: &Collector| {
        let records = sink.records(Output::Full).into_iter().map(view::<MboMsg>);
        records
            .filter(|record| record.action == dbn::Action::Clear as std::ffi::c_char)
            .count()
    };
    let packets = [
        packet(1, 1, &[add(1)]),
        packet(1, 2, &[clear(), clear(), clear()]),
        packet(1, 5, &[add(2), clear()]),
        // A gap: what is empty cannot be known to be.
        packet(1, 9, &[clear()]),
    ];
    let mut told = Vec::new();
    for packet in &packets {
        channel.on_packet(LineId(0), RECEIVED, packet, &mut sink);
        channel.on_time(RECEIVED + 1_000_000_000, &mut sink);
        told.push(clears(&sink));
    }
    assert_eq!(told, [0, 1, 2, 3]);
    assert_eq!(channel.decoder().counters().by_type[0x97], 5);
    // One instrument's order between two of them is that instrument's alone.
    let other = WriteAddShort {
        symbol: Symbol6(*b"OTHER "),
        ..WriteAddShort::default()
    };
    let next = [other.encode(Equities).to_vec(), clear(), add(3), clear()];
    channel.on_packet(LineId(0), RECEIVED, &packet(1, 10, &next), &mut sink);
    assert_eq!(clears(&sink), 3 + 2);
}

/// A port that carries several units is alive while one of them is; each unit is so for itself.
#[test]
fn packets_of_other_units_are_no_sign_of_life() {
    let config = ChannelConfig {
        lines: 1,
        session: Some(unit_session(1)),
        stale_after_ns: 1_000,
        ..ChannelConfig::default()
    };
    let mut channel: Channel<PitchDecoder, PitchUnit> = Channel::new(config, decoder(Equities));
    let mut sink = everything();
    let silent = |channel: &Channel<PitchDecoder, PitchUnit>| channel.counters().lines[0].silent;
    channel.on_packet(LineId(0), RECEIVED, &packet(1, 1, &[]), &mut sink);
    channel.watch(RECEIVED + 500, &mut sink);
    assert_eq!(silent(&channel), 0);
    let other = packet(9, 1, &[time()]);
    channel.on_packet(LineId(0), RECEIVED + 1_500, &other, &mut sink);
    channel.watch(RECEIVED + 1_600, &mut sink);
    assert_eq!((silent(&channel), channel.counters().other_units), (1, 1));
    channel.on_packet(LineId(0), RECEIVED + 1_700, &packet(1, 1, &[]), &mut sink);
    channel.watch(RECEIVED + 1_800, &mut sink);
    assert_eq!(silent(&channel), 0);
}
