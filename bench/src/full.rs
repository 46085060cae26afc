//! `decode`, second part: what order-level records cost, by how many orders rest.
//!
//! MoldUDP64 packets of the simulator's flow go through a channel (framing, arbitration, decoding) into a sink that
//! looks at each record; the opening, until as many orders rest as the case says, is not timed. `plain` records of the
//! same packets, and the bare decode of the same messages by `itch5` and `itchy`, stand beside them.

use anyhow::{Result, ensure};
use gateway_feed::{
    arbitration::LineId,
    channel::{Channel, ChannelConfig},
    decoder::Decoder,
    itch50::{ItchConfig, ItchDecoder, OrderIndexConfig},
    moldudp64::MoldUdp64,
    sink::Output,
};
use gateway_guard::look::Look;

use crate::{
    flow::{Flow, Packets, SYMBOLS},
    harness::{Case, Run, interleave},
    report::{Goal, Row, Samples},
    rivals,
};

/// Orders that rest, and the goal for it in nanoseconds a message at 30 messages a packet.
const POINTS: [(u32, f64); 2] = [(60_000, 30.0), (850_000, 45.0)];
/// Goal for the memory of the index.
const BYTES_PER_ORDER_MAX: f64 = 40.0;

type ItchChannel = Channel<ItchDecoder, MoldUdp64>;

/// A channel behind the opening.
fn prepared(
    opening: &Packets,
    orders: Option<OrderIndexConfig>,
    sink: &mut Look,
) -> Result<ItchChannel> {
    let config = ItchConfig {
        orders,
        ..ItchConfig::default()
    };
    let mut channel = Channel::new(ChannelConfig::default(), ItchDecoder::new(&config)?);
    drain(&mut channel, opening, sink);
    Ok(channel)
}

fn drain(channel: &mut ItchChannel, packets: &Packets, sink: &mut Look) -> u64 {
    let before = channel.counters().messages;
    for packet in packets.iter() {
        channel.on_packet(LineId(0), 1_577_716_200_000_000_000, packet, sink);
    }
    channel.counters().messages - before
}

/// One kind of records from one kind of packets.
fn case<'a>(
    name: String,
    output: Output,
    orders: Option<OrderIndexConfig>,
    opening: &'a Packets,
    packets: &'a Packets,
) -> Case<'a> {
    Case::prepared(name, move || {
        let mut sink = Look::new(output);
        match prepared(opening, orders, &mut sink) {
            Ok(mut channel) => Run::timed(|| drain(&mut channel, packets, &mut sink)),
            Err(error) => panic!("{error}"),
        }
    })
}

/// Measures every case at each number of resting orders.
///
/// # Errors
/// When the flow or memory cannot be had.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (live, goal) in POINTS {
        let flow = Flow::generate(live)?;
        rows.extend(at(&flow, goal, runs)?);
    }
    Ok(rows)
}

fn at(flow: &Flow, goal: f64, runs: usize) -> Result<Vec<Row>> {
    let opening = Packets::build(&flow.opening, 30, 1)?;
    let thirty = Packets::build(&flow.stream, 30, opening.next())?;
    let one = Packets::build(&flow.stream, 1, opening.next())?;
    let orders = |prefetch| {
        Some(OrderIndexConfig {
            orders_max: flow.live + flow.live / 100,
            prefetch,
        })
    };
    let mut sink = Look::new(Output::Full);
    let mut probe = prepared(&opening, orders(true), &mut sink)?;
    sink.records = 0;
    let messages = drain(&mut probe, &thirty, &mut sink);
    let met = probe.decoder().counters().orders;
    ensure!(
        messages == flow.messages && met.unknown + met.overflowed == 0,
        "{messages} of {} messages, {met:?}",
        flow.messages
    );
    let records = sink.records as f64 / messages as f64;
    let bytes = probe
        .decoder()
        .order_index()
        .map_or(0, |index| index.bytes());
    let name = |what: &str| format!("{what}, {} orders rest, {SYMBOLS} symbols", flow.live);
    let full = format!("full ({records:.2} records a message)");
    let mut cases = [
        case(
            name(&format!("{full}, 30 a packet")),
            Output::Full,
            orders(true),
            &opening,
            &thirty,
        ),
        case(
            name("full without prefetching, 30 a packet"),
            Output::Full,
            orders(false),
            &opening,
            &thirty,
        ),
        case(
            name("full, 1 a packet"),
            Output::Full,
            orders(true),
            &opening,
            &one,
        ),
        case(
            name("plain, 30 a packet"),
            Output::Plain,
            None,
            &opening,
            &thirty,
        ),
        case(
            name("plain, 1 a packet"),
            Output::Plain,
            None,
            &opening,
            &one,
        ),
        Case::new(name("itch5 fields"), || rivals::itch5(&flow.stream)),
        Case::new(name("itchy messages"), || rivals::itchy(&flow.stream)),
    ];
    let samples = interleave(&mut cases, runs);
    let itch5 = Some(&samples[5]);
    let mut rows = vec![
        Row::new("decode", &samples[0], itch5, Some(Goal::ValueAtMost(goal))),
        Row::new("decode", &samples[1], itch5, None),
        Row::new("decode", &samples[2], itch5, None),
        Row::new("decode", &samples[3], itch5, None),
        Row::new("decode", &samples[4], itch5, None),
        Row::new("decode", &samples[5], None, None),
        Row::new("decode", &samples[6], itch5, None),
    ];
    let memory = Samples {
        case: name("memory of the order index"),
        unit: "bytes/order",
        values: vec![bytes as f64 / f64::from(flow.live)],
    };
    rows.push(Row::new(
        "decode",
        &memory,
        None,
        Some(Goal::ValueAtMost(BYTES_PER_ORDER_MAX)),
    ));
    Ok(rows)
}
