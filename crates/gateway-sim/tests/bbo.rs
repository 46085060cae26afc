//! The day in Nasdaq BBO: each quotation is what the day's orders come to, and lines carry it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::process::Command;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::itch50::messages::Message;
use gateway_feed::nasdaq_bbo::messages::Quotation;
use gateway_feed::nasdaq_bbo::{BboConfig, BboDecoder};
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_sim::flow::{BboFlow, FlowOptions, OrderFlow};
use gateway_sim::source::Source;

fn options() -> FlowOptions {
    FlowOptions {
        messages: 20_000,
        symbols: 10,
        ..FlowOptions::default()
    }
}

/// The orders that rest after a day, by a list that is searched from end to end: reference, symbol, bid, price, shares.
fn resting() -> Vec<(u64, String, bool, u32, u32)> {
    let mut flow = OrderFlow::new(options());
    let mut orders: Vec<(u64, String, bool, u32, u32)> = Vec::new();
    while let Some(message) = flow.next() {
        let mut take = |reference: u64, shares: u32| {
            let order = orders
                .iter_mut()
                .find(|order| order.0 == reference)
                .unwrap();
            order.4 -= shares.min(order.4);
            orders.retain(|order| order.4 > 0);
        };
        match Message::parse(message.bytes).unwrap() {
            Message::AddOrder(m) => orders.push((
                m.order_reference(),
                m.stock().to_string(),
                m.buy_sell() == b'B',
                m.price().0,
                m.shares(),
            )),
            Message::AddOrderAttributed(m) => orders.push((
                m.order_reference(),
                m.stock().to_string(),
                m.buy_sell() == b'B',
                m.price().0,
                m.shares(),
            )),
            Message::OrderExecuted(m) => take(m.order_reference(), m.executed_shares()),
            Message::OrderExecutedWithPrice(m) => take(m.order_reference(), m.executed_shares()),
            Message::OrderCancel(m) => take(m.order_reference(), m.cancelled_shares()),
            Message::OrderDelete(m) => take(m.order_reference(), u32::MAX),
            Message::OrderReplace(m) => {
                let before = m.original_order_reference();
                let order = orders.iter_mut().find(|order| order.0 == before).unwrap();
                (order.0, order.3, order.4) = (m.new_order_reference(), m.price().0, m.shares());
            }
            _ => {}
        }
    }
    orders
}

#[test]
fn the_last_quotation_of_each_security_is_what_its_orders_come_to() {
    let mut flow = BboFlow::new(OrderFlow::new(options()));
    let mut decoder = BboDecoder::new(&BboConfig::default()).unwrap();
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    let (mut last, mut sequence, mut quotations) = (HashMap::new(), 0, 0);
    while let Some(message) = flow.next().unwrap() {
        sequence += 1;
        let context = MessageContext {
            sequence,
            ts_recv: 1_577_716_200_000_000_000,
        };
        decoder.message(&context, message.bytes, &mut sink);
        if let Some(quote) = Quotation::parse(message.bytes) {
            quotations += 1;
            let told = (
                (quote.bid_price().0, quote.bid_size()),
                (quote.ask_price().0, quote.ask_size()),
            );
            let before = last.insert(quote.stock().to_string(), told);
            assert_ne!(before, Some(told), "nothing is told twice");
            let (bid, ask) = (told.0.0, told.1.0);
            assert!(bid == 0 || ask == 0 || bid < ask, "{bid} {ask}");
        }
    }
    let counters = decoder.counters();
    assert_eq!(counters.messages(), sequence);
    assert_eq!(counters.unknown_types + counters.length_errors(), 0);
    assert_eq!(counters.instruments, 10);
    assert!(quotations > 1_000, "{quotations}");
    assert_eq!(sink.records(Output::Full).len() as u64, sequence);

    let orders = resting();
    for (symbol, told) in last {
        let best = |is_bid: bool| {
            let side = || {
                orders
                    .iter()
                    .filter(|order| order.1 == symbol && order.2 == is_bid)
            };
            let prices = side().map(|order| order.3);
            let price = if is_bid { prices.max() } else { prices.min() };
            let at_best = side().filter(|order| Some(order.3) == price);
            (
                price.unwrap_or(0),
                at_best.map(|order| order.4).sum::<u32>(),
            )
        };
        assert_eq!(told, (best(true), best(false)), "{symbol}");
    }
}

#[test]
fn lines_carry_the_day_whole_where_each_loses_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bbo.pcap");
    let output = Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args(["generate", "--feed", "nasdaq-bbo", "--messages", "5000"])
        .args(["--symbols", "10", "--loss-a", "0.02"])
        .args(["--line-a", "239.1.1.1:5001", "--line-b", "239.1.1.2:5001"])
        .arg("--output-pcap")
        .arg(&file)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let decoder = BboDecoder::new(&BboConfig::default()).unwrap();
    let config = ChannelConfig {
        hold_timeout_ns: 1_000_000_000,
        ..ChannelConfig::default()
    };
    let mut channel: Channel<BboDecoder> = Channel::new(config, decoder);
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
    assert_eq!(channel.counters().gaps, 0);
    assert_eq!(
        channel.counters().messages,
        report["messages"].as_u64().unwrap()
    );
    assert_eq!(channel.decoder().counters().length_errors(), 0);
}
