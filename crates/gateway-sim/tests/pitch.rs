//! The day in PITCH: what the decoder makes of it, and that lines carry it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::process::Command;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::OrderIndexConfig;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::pitch::{Market, PitchConfig, PitchDecoder, PitchUnit, unit_session};
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_sim::flow::{FlowOptions, OrderFlow, PitchFlow};
use gateway_sim::source::Source;

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
