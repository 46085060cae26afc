//! The day in MDP 3.0: what it says of books is what the flow's orders come to, and it is published, lost and told again
//! as a channel's is.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::process::Command;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::itch50::messages::Message;
use gateway_feed::mdp3::sbe::Header;
use gateway_feed::mdp3::schema::{OrderSnapshot, Snapshot};
use gateway_feed::mdp3::{Mdp3, Mdp3Config, Mdp3Decoder};
use gateway_feed::sink::Outputs;
use gateway_feed::transport::Transport;
use gateway_sim::flow::{FlowOptions, Mdp3Flow, OrderFlow};
use gateway_sim::packetiser::{Framing, PackOptions, Packetiser};
use gateway_sim::source::{Source, SourceMessage};
use gateway_sim::venue::{Mdp3State, PublishedLevel};

const SECURITY_IDS_BEGIN: i32 = 100_000;

fn options(messages: u64) -> FlowOptions {
    FlowOptions {
        seed: 7,
        symbols: 3,
        messages,
        orders_max: 400,
        interval_ns: 1_000,
    }
}

fn day(messages: u64) -> Vec<(u64, Vec<u8>)> {
    let mut flow = Mdp3Flow::new(OrderFlow::new(options(messages)));
    let mut day = Vec::new();
    while let Some(message) = flow.next().unwrap() {
        day.push((message.time_ns, message.bytes.to_vec()));
    }
    day
}

/// Orders of the flow by reference: security, side, price in units of 1e-9, shares.
#[derive(Default)]
struct Orders(HashMap<u64, (u16, bool, i64, u64)>);

impl Orders {
    fn apply(&mut self, bytes: &[u8]) {
        match Message::parse(bytes).unwrap() {
            Message::AddOrder(order) => {
                let about = (order.stock_locate(), order.buy_sell() == b'B');
                let price = i64::from(order.price().0) * 100_000;
                let order = (order.order_reference(), order.shares());
                self.0
                    .insert(order.0, (about.0, about.1, price, order.1.into()));
            }
            Message::AddOrderAttributed(order) => {
                let about = (order.stock_locate(), order.buy_sell() == b'B');
                let price = i64::from(order.price().0) * 100_000;
                let order = (order.order_reference(), order.shares());
                self.0
                    .insert(order.0, (about.0, about.1, price, order.1.into()));
            }
            Message::OrderDelete(order) => {
                self.0.remove(&order.order_reference());
            }
            Message::OrderCancel(order) => {
                self.reduce(order.order_reference(), order.cancelled_shares());
            }
            Message::OrderExecuted(order) => {
                self.reduce(order.order_reference(), order.executed_shares());
            }
            Message::OrderExecutedWithPrice(order) => {
                self.reduce(order.order_reference(), order.executed_shares());
            }
            Message::OrderReplace(order) => {
                let before = self.0.remove(&order.original_order_reference()).unwrap();
                let price = i64::from(order.price().0) * 100_000;
                let after = (before.0, before.1, price, order.shares().into());
                self.0.insert(order.new_order_reference(), after);
            }
            _ => {}
        }
    }

    fn reduce(&mut self, reference: u64, shares: u32) {
        let order = self.0.get_mut(&reference).unwrap();
        order.3 -= u64::from(shares);
        if order.3 == 0 {
            self.0.remove(&reference);
        }
    }

    /// The ten best levels of a side.
    fn levels(&self, locate: u16, is_bid: bool) -> Vec<PublishedLevel> {
        let mut levels: BTreeMap<i64, (i32, i32)> = BTreeMap::new();
        for (_, _, price, shares) in self.0.values().filter(|o| (o.0, o.1) == (locate, is_bid)) {
            let level = levels.entry(*price).or_default();
            level.0 += i32::try_from(*shares).unwrap();
            level.1 += 1;
        }
        let levels = levels
            .into_iter()
            .map(|(price, (size, orders))| (price, size, orders));
        if is_bid {
            levels.rev().take(10).collect()
        } else {
            levels.take(10).collect()
        }
    }
}

#[test]
fn levels_and_orders_are_those_of_the_flow_after_a_whole_day() {
    for messages in [500, 2_000, 20_000] {
        let (mut orders, mut flow) = (Orders::default(), OrderFlow::new(options(messages)));
        while let Some(message) = flow.next() {
            orders.apply(message.bytes);
        }
        let mut state = Mdp3State::default();
        for (packet, (_, message)) in (1..).zip(day(messages)) {
            state.apply(packet, &message);
        }
        assert_eq!(state.instruments().len(), 3);
        for (id, instrument) in state.instruments() {
            let locate = u16::try_from(id - SECURITY_IDS_BEGIN).unwrap();
            assert_eq!(instrument.bids, orders.levels(locate, true), "{messages}");
            assert_eq!(
                instrument.offers,
                orders.levels(locate, false),
                "{messages}"
            );
        }
        let mut told: Vec<_> = state
            .instruments()
            .values()
            .flat_map(|instrument| &instrument.orders)
            .map(|(id, (is_bid, price, size))| (*id, *is_bid, *price, *size))
            .collect();
        let mut expected: Vec<_> = orders
            .0
            .iter()
            .map(|(id, order)| (*id, order.1, order.2, i32::try_from(order.3).unwrap()))
            .collect();
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
        assert!(told.len() > 50 && state.instruments().values().any(|i| i.bids.len() == 10));
    }
}

#[test]
fn packets_are_numbered_and_heartbeats_with_them() {
    let mut packetiser = Packetiser::new(PackOptions {
        framing: Framing::Mdp3,
        messages_max: 4,
        ..PackOptions::default()
    });
    let mut packets = Vec::new();
    let first = packetiser.numbered_heartbeat().unwrap();
    for (time_ns, bytes) in day(200) {
        let message = SourceMessage {
            time_ns,
            missing: 0,
            bytes: &bytes,
        };
        packets.extend(packetiser.push(&message).unwrap());
    }
    assert_eq!(packetiser.numbered_heartbeat(), None, "a packet is begun");
    packets.extend(packetiser.finish());
    packets.insert(0, first);
    packets.extend(packetiser.numbered_heartbeat());
    let (mut numbers, mut weeks) = (Vec::new(), Vec::new());
    for packet in &packets {
        let frame = Mdp3::frame(&packet.payload).unwrap();
        assert_eq!((frame.first, packet.messages), (packet.first, 1));
        numbers.push(frame.first);
        weeks.push(frame.session);
        let mut messages = 0;
        Framing::Mdp3.messages(&packet.payload, |_| messages += 1);
        assert!((1..=4).contains(&messages), "{messages}");
    }
    assert!(packets.len() > 40);
    assert_eq!(numbers, (1..=packets.len() as u64).collect::<Vec<_>>());
    assert!(weeks.iter().all(|week| *week == weeks[0]));
}

#[test]
fn a_loop_tells_each_instrument_whole() {
    let mut state = Mdp3State::default();
    for (packet, (_, message)) in (1..).zip(day(20_000)) {
        state.apply(packet, &message);
    }
    let (mut levels, mut orders, mut next) = (0, 0, None);
    for message in state.snapshots() {
        let (header, body) = Header::split(&message).unwrap();
        match header.template_id {
            52 => {
                let view = Snapshot::parse(&header, body).unwrap();
                let instrument = &state.instruments()[&view.root.security_id()];
                assert_eq!(view.root.rpt_seq(), instrument.rpt_seq);
                assert_eq!(view.root.tot_num_reports(), 3);
                levels += 1;
                assert_eq!(
                    view.entries.len(),
                    instrument.bids.len() + instrument.offers.len()
                );
            }
            53 => {
                let view = OrderSnapshot::parse(&header, body).unwrap();
                let (part, parts) = (view.root.current_chunk(), view.root.no_chunks());
                assert_eq!(next.unwrap_or(1), part);
                next = (part < parts).then_some(part + 1);
                orders += view.entries.len();
            }
            other => panic!("template {other}"),
        }
    }
    let resting: usize = state.instruments().values().map(|i| i.orders.len()).sum();
    assert_eq!((levels, orders, next), (3, resting, None));
    assert!(resting > 100, "{resting}");
}

#[test]
fn what_both_lines_lose_is_what_the_report_says_and_all_else_decodes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("channel.pcap");
    let output = Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args(["generate", "--feed", "cme-mdp3", "--messages", "5000"])
        .args(["--symbols", "10", "--loss-a", "0.2", "--loss-b", "0.3"])
        .args(["--messages-per-packet", "4"])
        .args(["--line-a", "239.1.1.1:5001", "--line-b", "239.1.1.2:5001"])
        .arg("--output-pcap")
        .arg(&file)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    let decoder = Mdp3Decoder::new(&Mdp3Config::default()).unwrap();
    let mut channel: Channel<Mdp3Decoder, Mdp3> = Channel::new(ChannelConfig::default(), decoder);
    let mut sink = Collector::new(Outputs::NONE);
    let (mut reader, mut latest) = (CaptureReader::open(&file).unwrap(), 0);
    while let Some(captured) = reader.next().unwrap() {
        latest = captured.timestamp_ns;
        let udp = gateway_wire::parse(captured.frame).unwrap();
        let line = LineId(udp.destination[3] - 1);
        let payload = udp.payload(captured.frame).unwrap();
        assert_eq!(channel.on_packet(line, latest, payload, &mut sink), None);
    }
    channel.finish(latest, &mut sink);
    let counters = channel.counters();
    let lost = report["lost_on_both"]["messages"].as_u64().unwrap();
    assert!(lost > 5, "{lost}");
    assert_eq!(counters.gap_messages, lost);
    assert_eq!(
        counters.messages + lost,
        report["messages"].as_u64().unwrap()
    );
    assert_eq!(
        counters.next_sequence,
        report["last_sequence"].as_u64().unwrap() + 1
    );
    // Of the templates that are written nothing is left undecoded.
    let decoded = channel.decoder().counters();
    assert_eq!(decoded.unknown_types + decoded.length_errors(), 0);
    for template in [12, 30, 46, 47, 48, 54] {
        let told = report["by_type"][template.to_string()].as_u64().unwrap();
        let seen = decoded.by_type[template];
        assert!(
            0 < seen && seen <= told,
            "template {template}: {seen} of {told}"
        );
    }
}

#[test]
fn behind_a_channel_reset_all_that_rests_is_told_anew() {
    let told = |every: u64| {
        let flow = Mdp3Flow::new(OrderFlow::new(options(5_000)));
        let mut flow = flow.with_channel_resets(every);
        let (mut state, mut resets) = (Mdp3State::default(), 0);
        let mut number = 0;
        while let Some(message) = flow.next().unwrap() {
            number += 1;
            state.apply(number, message.bytes);
            let (header, _) = Header::split(message.bytes).unwrap();
            if header.template_id == 4 {
                resets += 1;
                let instruments = state.instruments().values();
                assert!(instruments.clone().all(|each| each.bids.is_empty()
                    && each.offers.is_empty()
                    && each.orders.is_empty()
                    && each.rpt_seq == 0));
                // The loop says so of each.
                let empty = state.snapshots().into_iter().filter(|message| {
                    let (header, body) = Header::split(message).unwrap();
                    let view = Snapshot::parse(&header, body);
                    let of_levels = view.filter(|_| header.template_id == 52);
                    of_levels.is_some_and(|view| {
                        view.entries.iter().all(|entry| entry.entry_type() == b'J')
                            && view.entries.len() == 1
                    })
                });
                assert_eq!(empty.count(), instruments.len());
            }
        }
        (state, resets)
    };
    let ((without, none), (with, resets)) = (told(0), told(1_200));
    assert_eq!((none, resets), (0, 4));
    assert!(
        with.instruments()
            .values()
            .any(|each| each.orders.len() > 10)
    );
    for (id, instrument) in without.instruments() {
        let other = &with.instruments()[id];
        assert_eq!(
            (&instrument.bids, &instrument.offers),
            (&other.bids, &other.offers)
        );
        assert_eq!(instrument.orders, other.orders);
        assert!(other.rpt_seq < instrument.rpt_seq);
    }
}
