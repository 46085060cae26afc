//! The day in TOPS, DEEP and DEEP+: that each tells the same books, read here by offsets of the specifications and with
//! nothing of the gateway's; and that segments carry it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Output};

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::iex::{DEEP, DEEP_PLUS, IexConfig, IexDecoder, IexTp, TOPS};
use gateway_feed::itch50::harness::Collector;
use gateway_feed::sink::Outputs;
use gateway_sim::flow::{FlowOptions, IEX_MIDNIGHT_NS, IexFeed, IexFlow, OrderFlow};
use gateway_sim::source::Source;
use serde_json::Value;

const FEEDS: [IexFeed; 3] = [IexFeed::Tops, IexFeed::Deep, IexFeed::DeepPlus];

fn options(messages: u64) -> FlowOptions {
    FlowOptions {
        seed: 7,
        symbols: 5,
        messages,
        orders_max: 500,
        interval_ns: 1_000,
    }
}

fn day(feed: IexFeed, messages: u64) -> Vec<Vec<u8>> {
    let mut flow = IexFlow::new(feed, OrderFlow::new(options(messages)));
    let (mut day, mut latest) = (Vec::new(), 0);
    while let Some(message) = flow.next().unwrap() {
        assert!(message.time_ns >= latest, "time runs forward");
        latest = message.time_ns;
        assert_eq!(u64_at(message.bytes, 2), IEX_MIDNIGHT_NS + latest);
        day.push(message.bytes.to_vec());
    }
    day
}

fn u64_at(message: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(message[at..at + 8].try_into().unwrap())
}

fn u32_at(message: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(message[at..at + 4].try_into().unwrap())
}

fn symbol(message: &[u8]) -> String {
    String::from_utf8_lossy(&message[10..18])
        .trim_end()
        .to_owned()
}

/// An order: symbol, whether it is a bid, price, shares.
type Order = (String, bool, u64, u64);
/// Shares by price, of bids and of offers, by symbol.
type Levels = BTreeMap<String, [BTreeMap<u64, u64>; 2]>;

/// What rests after a day of ITCH, by the offsets of its specification.
fn resting(messages: u64) -> Vec<Order> {
    let be = |message: &[u8], at: usize, bytes: usize| {
        let field = &message[at..at + bytes];
        field.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
    };
    let mut orders: HashMap<u64, Order> = HashMap::new();
    let mut flow = OrderFlow::new(options(messages));
    while let Some(message) = flow.next() {
        let message = message.bytes;
        match message[0] {
            b'A' | b'F' => {
                let text = String::from_utf8_lossy(&message[24..32]);
                let order = (
                    text.trim_end().to_owned(),
                    message[19] == b'B',
                    be(message, 32, 4),
                    be(message, 20, 4),
                );
                orders.insert(be(message, 11, 8), order);
            }
            b'E' | b'C' | b'X' => {
                let order = orders.get_mut(&be(message, 11, 8)).unwrap();
                order.3 -= be(message, 19, 4);
            }
            b'D' => {
                orders.remove(&be(message, 11, 8));
            }
            b'U' => {
                let before = orders.remove(&be(message, 11, 8)).unwrap();
                let after = (before.0, before.1, be(message, 31, 4), be(message, 27, 4));
                orders.insert(be(message, 19, 8), after);
            }
            _ => {}
        }
        orders.retain(|_, order| order.3 > 0);
    }
    let mut resting: Vec<Order> = orders.into_values().collect();
    resting.sort();
    resting
}

fn levels(orders: &[Order]) -> Levels {
    let mut levels = Levels::new();
    for (symbol, is_bid, price, shares) in orders {
        let sides = levels.entry(symbol.clone()).or_default();
        *sides[usize::from(!is_bid)].entry(*price).or_default() += shares;
    }
    levels
}

#[test]
fn levels_of_deep_are_those_of_the_orders_and_never_crossed_when_an_event_is_complete() {
    for messages in [300, 3_000, 30_000] {
        let (mut told, mut transitions) = (Levels::new(), 0);
        for message in day(IexFeed::Deep, messages) {
            if !matches!(message[0], b'8' | b'5') {
                continue;
            }
            let sides = told.entry(symbol(&message)).or_default();
            let side = &mut sides[usize::from(message[0] == b'5')];
            let (size, price) = (u32_at(&message, 18), u64_at(&message, 22));
            if size == 0 {
                assert!(side.remove(&price).is_some(), "a level goes that was there");
            } else {
                assert_ne!(side.insert(price, size.into()), Some(size.into()));
            }
            match message[1] {
                0 => transitions += 1,
                1 => {
                    let best = (sides[0].keys().next_back(), sides[1].keys().next());
                    if let (Some(bid), Some(ask)) = best {
                        assert!(bid < ask, "{bid} {ask}");
                    }
                }
                flags => panic!("event flags {flags}"),
            }
        }
        told.retain(|_, sides| sides.iter().any(|side| !side.is_empty()));
        assert_eq!(told, levels(&resting(messages)));
        assert!(transitions > 5, "events of two levels: {transitions}");
    }
}

#[test]
fn quotes_of_tops_are_the_best_levels_and_are_told_where_they_change() {
    for messages in [300, 3_000, 30_000] {
        let mut told: BTreeMap<String, [u64; 4]> = BTreeMap::new();
        for message in day(IexFeed::Tops, messages) {
            if message[0] != b'Q' {
                continue;
            }
            let quote = [
                u64_at(&message, 22),
                u32_at(&message, 18).into(),
                u64_at(&message, 30),
                u32_at(&message, 38).into(),
            ];
            assert!(quote[0] == 0 || quote[2] == 0 || quote[0] < quote[2]);
            assert_ne!(told.insert(symbol(&message), quote), Some(quote));
        }
        let shown = |level: Option<(&u64, &u64)>| level.map_or((0, 0), |(p, s)| (*p, *s));
        let expected = levels(&resting(messages))
            .into_iter()
            .map(|(symbol, [bids, asks])| {
                let (bid, ask) = (shown(bids.last_key_value()), shown(asks.first_key_value()));
                (symbol, [bid.0, bid.1, ask.0, ask.1])
            })
            .collect();
        told.retain(|_, quote| *quote != [0; 4]);
        assert_eq!(told, expected);
    }
}

#[test]
fn orders_of_deep_plus_are_those_that_rest_and_only_the_best_are_executed() {
    for messages in [300, 3_000, 30_000] {
        let mut orders: HashMap<u64, Order> = HashMap::new();
        let mut executions = 0;
        for message in day(IexFeed::DeepPlus, messages) {
            if !matches!(message[0], b'a' | b'M' | b'R' | b'L') {
                continue;
            }
            let id = u64_at(&message, 18);
            if message[0] == b'a' {
                let is_bid = match message[1] {
                    b'8' => true,
                    b'5' => false,
                    side => panic!("side {side}"),
                };
                let order = (
                    symbol(&message),
                    is_bid,
                    u64_at(&message, 30),
                    u32_at(&message, 26).into(),
                );
                assert_eq!(orders.insert(id, order), None, "a number is new once");
                continue;
            }
            let order = orders.get(&id).unwrap().clone();
            assert_eq!(order.0, symbol(&message));
            match message[0] {
                b'M' => {
                    let price = u64_at(&message, 30);
                    let after = (order.0, order.1, price, u32_at(&message, 26).into());
                    // It keeps its place only where it becomes less at its price.
                    assert!(message[1] == 0 || (after.2 == order.2 && after.3 < order.3));
                    orders.insert(id, after);
                }
                b'R' => {
                    orders.remove(&id);
                }
                _ => {
                    executions += 1;
                    let better = orders.values().any(|other| {
                        (&other.0, other.1) == (&order.0, order.1)
                            && if order.1 {
                                other.2 > order.2
                            } else {
                                other.2 < order.2
                            }
                    });
                    assert!(!better, "an order is executed while a better one rests");
                    let left = order.3.checked_sub(u32_at(&message, 26).into()).unwrap();
                    orders.insert(id, (order.0, order.1, order.2, left));
                }
            }
            orders.retain(|_, order| order.3 > 0);
        }
        let mut told: Vec<Order> = orders.into_values().collect();
        told.sort();
        assert_eq!(told, resting(messages));
        assert!(executions > 0);
    }
}

/// Number, symbol, size, price and conditions of a trade.
type Trade = (u64, String, u32, u64, u8);

#[test]
fn trades_are_the_same_in_all_feeds_and_breaks_name_one_of_them_once() {
    let mut of_feeds = Vec::new();
    for feed in FEEDS {
        let (mut trades, mut broken): (Vec<Trade>, Vec<Trade>) = (Vec::new(), Vec::new());
        for message in day(feed, 30_000) {
            let of = |size, price, number| {
                (
                    u64_at(&message, number),
                    symbol(&message),
                    u32_at(&message, size),
                    u64_at(&message, price),
                    message[1],
                )
            };
            match message[0] {
                b'T' => trades.push(of(18, 22, 30)),
                b'L' => trades.push(of(26, 30, 38)),
                b'B' => {
                    let trade = of(18, 22, 30);
                    assert!(trades.contains(&trade) && !broken.contains(&trade));
                    broken.push(trade);
                }
                _ => {}
            }
        }
        assert!(broken.len() > 20, "{}", broken.len());
        let of_odd_lots = trades.iter().filter(|trade| trade.4 & 0x20 != 0);
        assert!(of_odd_lots.clone().all(|trade| trade.2 < 100));
        assert!(of_odd_lots.count() > 10);
        of_feeds.push((trades, broken));
    }
    assert!(of_feeds.iter().all(|feed| *feed == of_feeds[0]));
}

#[test]
fn every_message_decodes_and_each_type_of_the_feed_is_told() {
    for (feed, types) in FEEDS
        .into_iter()
        .zip(["SDHOPQTBXA", "SDHOPE85TBXA", "SDHOPEaMRLTB"])
    {
        let day = day(feed, 30_000);
        assert_eq!(day, self::day(feed, 30_000), "the same seed, the same day");
        let mut decoder = IexDecoder::new(&IexConfig::default()).unwrap();
        let mut sink = Collector::new(Outputs::NONE);
        for (sequence, message) in (1..).zip(&day) {
            let context = gateway_feed::sink::MessageContext {
                sequence,
                ts_recv: IEX_MIDNIGHT_NS,
            };
            decoder.message(&context, message, &mut sink);
        }
        let counters = decoder.counters();
        assert_eq!(counters.messages(), day.len() as u64);
        assert_eq!(counters.unknown_types + counters.length_errors(), 0);
        assert_eq!((counters.instruments, counters.symbols_refused), (5, 0));
        let told: Vec<u8> = (0..=u8::MAX)
            .filter(|kind| counters.by_type[usize::from(*kind)] > 0)
            .collect();
        let mut expected = types.as_bytes().to_vec();
        expected.sort_unstable();
        assert_eq!(told, expected, "{feed:?}");
        let told_once = |kind: u8| {
            let of_kind = day.iter().filter(|message| message[0] == kind);
            let mut symbols: Vec<String> = of_kind.map(|message| symbol(message)).collect();
            let all = symbols.len();
            symbols.sort();
            symbols.dedup();
            assert_eq!(symbols.len(), all, "{feed:?}: once a security");
        };
        told_once(b'X');
        told_once(b'E');
        let definitions = day.iter().filter(|message| message[0] == b'D');
        let symbols: Vec<String> = definitions.map(|message| symbol(message)).collect();
        assert_eq!(symbols, ["AAAA", "AAAB", "AAAC", "AAAD", "AAAE"]);
    }
}

fn generate(feed: &str, file: &Path, more: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args(["generate", "--feed", feed, "--messages", "5000"])
        .args(["--symbols", "10", "--line-a", "239.1.1.1:5001", "--json"])
        .args(more.split_whitespace())
        .arg("--output-pcap")
        .arg(file)
        .output()
        .unwrap()
}

#[test]
fn segments_tell_their_session_their_numbers_and_the_bytes_before_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, protocol) in [
        ("iex-tops", 0x8003_u16),
        ("iex-deep", 0x8004),
        ("iex-deep-plus", 0x8005),
    ] {
        let file = folder.path().join(name);
        let more = "--session c0ffee --channel 9 --pace rate=1000 --heartbeat-ms 1 --linger-ms 0";
        let output = generate(name, &file, more);
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut reader = CaptureReader::open(&file).unwrap();
        let (mut next, mut offset, mut heartbeats, mut latest) = (1, 0, 0, 0);
        while let Some(captured) = reader.next().unwrap() {
            let udp = gateway_wire::parse(captured.frame).unwrap();
            let segment = udp.payload(captured.frame).unwrap();
            let u16_at = |at: usize| u16::from_le_bytes([segment[at], segment[at + 1]]);
            assert_eq!((segment[0], segment[1], u16_at(2)), (1, 0, protocol));
            assert_eq!((u32_at(segment, 4), u32_at(segment, 8)), (9, 0x00c0_ffee));
            let (bytes, count) = (usize::from(u16_at(12)), u16_at(14));
            assert_eq!(bytes, segment.len() - 40);
            assert_eq!((u64_at(segment, 16), u64_at(segment, 24)), (offset, next));
            assert!(u64_at(segment, 32) >= latest);
            latest = u64_at(segment, 32);
            let (mut rest, mut messages) = (&segment[40..], 0);
            while let [low, high, behind @ ..] = rest {
                rest = &behind[usize::from(u16::from_le_bytes([*low, *high]))..];
                messages += 1;
            }
            assert_eq!(messages, count);
            heartbeats += u64::from(count == 0);
            next += u64::from(count);
            offset += bytes as u64;
        }
        assert_eq!(report["last_sequence"], next - 1);
        assert_eq!(report["session"], "c0ffee");
        assert_eq!(report["heartbeats"], heartbeats);
        assert!(heartbeats > 10, "{heartbeats}");
    }
}

fn decode<const PROTOCOL: u16>(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let more = "--line-b 239.1.1.2:5001 --loss-a 0.2 --loss-b 0.3 --messages-per-packet 4";
    let output = generate(name, &file, more);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let decoder = IexDecoder::new(&IexConfig::default()).unwrap();
    let mut channel: Channel<IexDecoder, IexTp<PROTOCOL>> =
        Channel::new(ChannelConfig::default(), decoder);
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
    let decoded = channel.decoder().counters();
    assert_eq!(decoded.unknown_types + decoded.length_errors(), 0);
}

#[test]
fn what_both_lines_lose_is_what_the_report_says_and_all_else_decodes() {
    decode::<TOPS>("iex-tops");
    decode::<DEEP>("iex-deep");
    decode::<DEEP_PLUS>("iex-deep-plus");
}

#[test]
fn a_session_that_is_no_number_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for session in ["MONDAY", "123456789", "-1", "+1"] {
        let output = generate(
            "iex-tops",
            &folder.path().join("none"),
            &format!("--session={session}"),
        );
        assert_eq!(output.status.code(), Some(2), "{session}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("eight hexadecimal digits"), "{said}");
    }
}

#[test]
fn what_the_feed_has_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none");
    for (feed, more) in [
        ("iex-deep", "--first-sequence 500"),
        ("cme-mdp3", "--channel 3"),
    ] {
        let output = generate(feed, &file, more);
        assert_eq!(output.status.code(), Some(2), "{feed} {more}");
    }
}
