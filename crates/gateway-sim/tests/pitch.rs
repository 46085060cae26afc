//! The day in PITCH: what the decoder makes of it, and that lines carry it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::OrderIndexConfig;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::pitch::{
    Market, PacketBuilder, PitchConfig, PitchDecoder, PitchUnit, unit_session,
};
use gateway_feed::recovery::{Demand, Snapshot, Supply, SupplyItem};
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_sim::flow::{FlowOptions, OrderFlow, PitchFlow};
use gateway_sim::source::Source;
use gateway_sim::venue::PitchState;
use proptest::prelude::*;

fn decoder() -> PitchDecoder {
    PitchDecoder::new(&PitchConfig {
        orders: Some(OrderIndexConfig {
            orders_max: 50_000,
            prefetch: true,
        }),
        ..PitchConfig::new(Market::Equities)
    })
    .unwrap()
}

fn options() -> FlowOptions {
    FlowOptions {
        messages: 30_000,
        symbols: 20,
        ..FlowOptions::default()
    }
}

#[test]
fn every_message_decodes_and_the_book_holds_the_same_orders() {
    let mut flow = PitchFlow::new(OrderFlow::new(options()));
    let mut itch = OrderFlow::new(options());
    while itch.next().is_some() {}
    let mut decoder = decoder();
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    let mut context = MessageContext {
        sequence: 0,
        ts_recv: 1_577_716_200_000_000_000,
    };
    let mut latest = 0;
    while let Some(message) = flow.next().unwrap() {
        assert!(message.time_ns >= latest, "time runs forward");
        latest = message.time_ns;
        context.sequence += 1;
        decoder.message(&context, message.bytes, &mut sink);
    }
    let counters = decoder.counters();
    assert_eq!(counters.messages(), context.sequence);
    assert_eq!(counters.unknown_types + counters.length_errors(), 0);
    let orders = counters.orders;
    assert_eq!(orders.live, itch.live_orders() as u64);
    assert_eq!(
        (
            orders.unknown,
            orders.duplicate,
            orders.inconsistent,
            orders.overflowed
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(counters.instruments, 20);
    for kind in [
        0x20, 0x22, 0x23, 0x25, 0x26, 0x28, 0x29, 0x2B, 0x2F, 0x31, 0x95, 0x97, 0x2D,
    ] {
        // Sizes beyond 65,535 are rare.
        assert!(counters.by_type[kind] > 0 || kind == 0x25, "{kind:02X}");
    }
}

#[test]
fn lines_of_a_unit_carry_it_whole_where_each_loses_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unit.pcap");
    let output = Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args(["generate", "--feed", "cboe-pitch-equities", "--unit", "9"])
        .args(["--messages", "5000", "--symbols", "10", "--loss-a", "0.02"])
        .args(["--line-a", "239.1.1.1:5001", "--line-b", "239.1.1.2:5001"])
        .arg("--output-pcap")
        .arg(&file)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told: BTreeMap<String, u64> = serde_json::from_value(report["by_type"].clone()).unwrap();

    let config = ChannelConfig {
        session: Some(unit_session(9)),
        hold_timeout_ns: 1_000_000_000,
        ..ChannelConfig::default()
    };
    let mut channel: Channel<PitchDecoder, PitchUnit> = Channel::new(config, decoder());
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    let mut reader = CaptureReader::open(&file).unwrap();
    let mut latest = 0;
    while let Some(captured) = reader.next().unwrap() {
        latest = captured.timestamp_ns;
        let udp = gateway_wire::parse(captured.frame).unwrap();
        let line = LineId(udp.destination[3] - 1);
        let payload = udp.payload(captured.frame).unwrap();
        assert_eq!(channel.on_packet(line, latest, payload, &mut sink), None);
    }
    channel.finish(latest, &mut sink);
    let counters = channel.counters();
    assert_eq!(
        (counters.gaps, counters.resets, counters.sessions),
        (0, 0, 1)
    );
    assert!(
        counters.lines[0].gaps > 0 || counters.lines[1].wins > 0,
        "A lost some"
    );
    assert_eq!(report["messages"], counters.messages);
    let decoded = channel.decoder().counters();
    let seen = (0..=255_u8)
        .filter(|kind| decoded.by_type[usize::from(*kind)] > 0)
        .map(|kind| (format!("{kind:02X}"), decoded.by_type[usize::from(kind)]));
    assert_eq!(told, seen.collect());
    assert_eq!(decoded.orders.unknown, 0);
}

const START_NS: u64 = 1_577_716_200_000_000_000;
/// DBN's flags of records.
const SNAPSHOT: u8 = 1 << 5;
const MAYBE_BAD_BOOK: u8 = 1 << 2;

/// A day's messages, the same for every test.
fn day() -> &'static [Vec<u8>] {
    static DAY: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    DAY.get_or_init(|| {
        let mut flow = PitchFlow::new(OrderFlow::new(FlowOptions {
            messages: 6_000,
            ..options()
        }));
        let mut day = Vec::new();
        while let Some(message) = flow.next().unwrap() {
            day.push(message.bytes.to_vec());
        }
        day
    })
}

/// What rests by records alone: size, price and side by the order's number.
type Book = BTreeMap<u64, (u32, i64, u8)>;

/// Applies the order records of `records`, each `(action, instrument, order, flags)` of interest handed to `look`.
fn book<'a>(records: impl Iterator<Item = &'a [u64]>, mut look: impl FnMut(u8, u8)) -> Book {
    const MBO: u64 = 0xA0;
    let mut orders: BTreeMap<u64, (u64, (u32, i64, u8))> = BTreeMap::new();
    for words in records.filter(|words| words[0] >> 8 & 0xFF == MBO) {
        let instrument = words[0] >> 32;
        let [size_a, size_b, size_c, size_d, flags, _, action, side] = words[4].to_le_bytes();
        let size = u32::from_le_bytes([size_a, size_b, size_c, size_d]);
        look(action, flags);
        let (order, told) = (words[2], (size, words[3] as i64, side));
        match action {
            b'A' | b'M' => {
                orders.insert(order, (instrument, told));
            }
            b'C' => {
                let left = orders.get_mut(&order).map(|(_, (left, ..))| {
                    *left -= size.min(*left);
                    *left
                });
                if left == Some(0) {
                    orders.remove(&order);
                }
            }
            b'R' => orders.retain(|_, (of, _)| *of != instrument),
            _ => {}
        }
    }
    let book = orders.into_iter();
    book.map(|(order, (_, told))| (order, told)).collect()
}

/// The book that the first `messages` messages lead to.
fn truth(messages: usize) -> Book {
    let mut decoder = decoder();
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    for (sequence, message) in (1..).zip(&day()[..messages]) {
        let context = MessageContext {
            sequence,
            ts_recv: START_NS,
        };
        decoder.message(&context, message, &mut sink);
    }
    book(sink.records(Output::Full).into_iter(), |_, _| ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A unit's channel that loses messages, or begins in mid-day, and is given an image as of any later message while the
    /// stream flows on.
    #[test]
    fn an_image_as_of_any_message_makes_the_books_those_of_the_lossless_stream(
        kept in 0_usize..2_000,
        lost in 1_usize..1_500,
        behind in 0_usize..700,
        flows_on in 0_usize..700,
        rest in 1_usize..500,
    ) {
        let (gap_end, as_of) = (kept + lost, kept + lost + behind);
        let end = (as_of + flows_on + rest).min(day().len());
        let config = ChannelConfig {
            session: Some(unit_session(3)),
            lines: 1,
            snapshots: true,
            hold_timeout_ns: 0,
            ..ChannelConfig::default()
        };
        let mut channel: Channel<PitchDecoder, PitchUnit> = Channel::new(config, decoder());
        let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
        let mut now = START_NS;
        let mut publish = |channel: &mut Channel<_, _>, sink: &mut Collector, from: usize, to: usize| {
            let mut builder = PacketBuilder::new(3, from as u32 + 1, 1_400);
            for message in &day()[from..to] {
                if builder.push(message).is_err() {
                    now += 1_000;
                    builder.finish(|packet| channel.on_packet(LineId(0), now, packet, sink));
                    builder.push(message).unwrap();
                }
            }
            now += 1_000;
            builder.finish(|packet| channel.on_packet(LineId(0), now, packet, sink));
            channel.on_time(now, sink);
            now
        };
        publish(&mut channel, &mut sink, 0, kept);
        let told_at = as_of + flows_on;
        let now = publish(&mut channel, &mut sink, gap_end, told_at);

        let mut state = PitchState::default();
        day()[..as_of].iter().for_each(|message| state.apply(message));
        let (image, orders) = state.snapshot();
        prop_assert_eq!(orders as usize, truth(as_of).len());
        let mut bytes = Vec::new();
        for message in image.messages() {
            bytes.extend_from_slice(&(message.len() as u16).to_be_bytes());
            bytes.extend_from_slice(message);
        }
        let mut demand = Demand::default();
        channel.tell_demand(|told| {
            demand = *told;
            true
        });
        prop_assert!(demand.snapshot_from <= Some(as_of as u64 + 1) && demand.snapshot_from.is_some());
        let snapshot = Snapshot::new(unit_session(3), as_of as u64 + 1, bytes.into()).unwrap();
        let supply = Supply { epoch: demand.epoch, serial: 1, item: SupplyItem::Snapshot(snapshot) };
        prop_assert_eq!(channel.supply(now, &supply, &mut sink), Ok(()));
        let before = sink.records(Output::Full).len();
        while channel.takes_snapshot() || channel.next_deadline() == Some(0) {
            channel.on_time(now, &mut sink);
            channel.tell_demand(|_| true);
        }
        let records = sink.records(Output::Full);
        prop_assert_eq!(book(records.into_iter(), |_, _| ()), truth(told_at));
        publish(&mut channel, &mut sink, told_at, end);
        let records = sink.records(Output::Full);
        let (mut flagged, mut suspect) = (0_usize, 0);
        let left = book(records.into_iter().skip(before), |action, flags| {
            flagged += usize::from(flags & SNAPSHOT != 0);
            suspect += usize::from(flags & MAYBE_BAD_BOOK != 0 && action != b'R');
        });
        prop_assert_eq!(left, truth(end));
        prop_assert_eq!(suspect, 0);
        prop_assert!(flagged >= orders as usize);
        let decoded = channel.decoder().counters().orders;
        prop_assert_eq!(channel.counters().recovery.snapshots, 1);
        prop_assert_eq!(decoded.live as usize, truth(end).len());
    }
}
