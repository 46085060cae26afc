//! A generated day of IEX over a real link, with loss on both lines, a new session and new numbers within one: every record
//! that a strategy gets is compared with what the bytes say, which are read here by the offsets of IEX's specifications.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use dbn::{StatusAction, StatusReason, UNDEF_PRICE, flags};
use gateway_client::{Client, Event, Record, Start, SubscribeOptions, WaitStrategy};
use gateway_e2e::Lab;
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_sim::flow::{FlowOptions, IexFeed, IexFlow, OrderFlow};
use gateway_sim::source::Source;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::{Config, Report, wait};

const LIMIT: Duration = Duration::from_secs(60);
const SYMBOLS: u32 = 20;
const RATE: u64 = 5_000;
/// DBN's number of IEX.
const PUBLISHER: u16 = 38;

/// What a record says, times of receipt left out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Quote {
        bid: (i64, u32),
        ask: (i64, u32),
        flags: u8,
        sequence: u32,
    },
    Order {
        action: u8,
        side: u8,
        order_id: u64,
        price: i64,
        size: u32,
        flags: u8,
        sequence: u32,
    },
    Definition {
        symbol: String,
        round_lot: i32,
    },
    Status {
        action: u16,
        reason: u16,
        /// Trading, quoting, short sale restricted.
        states: [u8; 3],
    },
    Auction {
        /// Reference, both clearing prices, collars.
        prices: [i64; 5],
        shares: [u32; 2],
        side: u8,
        kind: u8,
        time: u64,
    },
    Native(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    instrument: u32,
    /// 0 where it is not the venue's.
    ts_event: u64,
    what: What,
}

/// The records that messages lead to.
struct Model {
    /// Symbols by number, from 1.
    symbols: Vec<String>,
    /// How many gaps there were when an instrument's quote was last known to be right.
    clean_at: HashMap<String, u32>,
    gaps: u32,
    told: Vec<Told>,
}

fn u64_at(message: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(message[at..at + 8].try_into().unwrap())
}

fn u32_at(message: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(message[at..at + 4].try_into().unwrap())
}

/// A price in units of 1e-9; none is 0 on the wire.
fn price_at(message: &[u8], at: usize) -> i64 {
    match i64::from_le_bytes(message[at..at + 8].try_into().unwrap()) {
        0 => UNDEF_PRICE,
        price => price * 100_000,
    }
}

impl Model {
    fn new() -> Self {
        Self {
            symbols: Vec::new(),
            clean_at: HashMap::new(),
            gaps: 0,
            told: Vec::new(),
        }
    }

    /// Numbers begin anew: every book is cleared; with the session the numbers of instruments go, too.
    fn begin(&mut self, same_session: bool) {
        for instrument in 1..=self.symbols.len() as u32 {
            self.told.push(Told {
                instrument,
                ts_event: 0,
                what: What::Order {
                    action: b'R',
                    side: b'N',
                    order_id: 0,
                    price: UNDEF_PRICE,
                    size: 0,
                    flags: flags::LAST,
                    sequence: 1,
                },
            });
        }
        self.clean_at.clear();
        self.gaps = 0;
        if !same_session {
            self.symbols.clear();
        }
    }

    fn number(&mut self, symbol: &str) -> u32 {
        let known = self.symbols.iter().position(|known| known == symbol);
        let index = known.unwrap_or_else(|| {
            self.symbols.push(symbol.to_owned());
            self.symbols.len() - 1
        });
        index as u32 + 1
    }

    fn take(&mut self, sequence: u32, message: &[u8]) {
        let ts_event = u64_at(message, 2);
        if message[0] == b'S' {
            let what = What::Native(message.to_vec());
            return self.push(0, 0, what);
        }
        let symbol = String::from_utf8_lossy(&message[10..18])
            .trim_end()
            .to_owned();
        let instrument = self.number(&symbol);
        if message[0] == b'Q' {
            self.clean_at.insert(symbol.clone(), self.gaps);
        }
        let clean_at = self.clean_at.get(&symbol).copied().unwrap_or(0);
        let suspect = if clean_at == self.gaps {
            0
        } else {
            flags::MAYBE_BAD_BOOK
        };
        let order =
            |action: u8, side: u8, order_id: u64, price: i64, size: u32, flags: u8| What::Order {
                action,
                side,
                order_id,
                price,
                size,
                flags: flags | suspect,
                sequence,
            };
        let status = |action: StatusAction, reason: StatusReason, states: [u8; 3]| What::Status {
            action: action as u16,
            reason: reason as u16,
            states,
        };
        let unsided = flags::PUBLISHER_SPECIFIC;
        let whats = match message[0] {
            b'Q' => vec![What::Quote {
                bid: (price_at(message, 22), u32_at(message, 18)),
                ask: (price_at(message, 30), u32_at(message, 38)),
                flags: flags::LAST | flags::TOB,
                sequence,
            }],
            kind @ (b'8' | b'5') => {
                let size = u32_at(message, 18);
                let action = if size == 0 { b'C' } else { b'M' };
                let side = if kind == b'8' { b'B' } else { b'A' };
                let last = if message[1] == 1 { flags::LAST } else { 0 };
                let price = price_at(message, 22);
                vec![order(action, side, 0, price, size, flags::MBP | last)]
            }
            b'a' => {
                let side = if message[1] == b'8' { b'B' } else { b'A' };
                let (id, size) = (u64_at(message, 18), u32_at(message, 26));
                let price = price_at(message, 30);
                vec![order(b'A', side, id, price, size, flags::LAST)]
            }
            b'M' => {
                let (id, size) = (u64_at(message, 18), u32_at(message, 26));
                let (price, flags) = (price_at(message, 30), unsided | flags::LAST);
                vec![order(b'M', b'N', id, price, size, flags)]
            }
            b'R' => {
                let (id, flags) = (u64_at(message, 18), unsided | flags::LAST);
                vec![order(b'C', b'N', id, UNDEF_PRICE, u32::MAX, flags)]
            }
            b'L' => {
                let (id, size) = (u64_at(message, 18), u32_at(message, 26));
                let (price, trade) = (price_at(message, 30), u64_at(message, 38));
                let last = unsided | flags::LAST;
                vec![
                    order(b'T', b'N', trade, price, size, unsided),
                    order(b'F', b'N', id, price, size, unsided),
                    order(b'C', b'N', id, UNDEF_PRICE, size, last),
                ]
            }
            b'T' => {
                let (trade, size) = (u64_at(message, 30), u32_at(message, 18));
                let price = price_at(message, 22);
                vec![order(b'T', b'N', trade, price, size, flags::LAST)]
            }
            b'D' => vec![What::Definition {
                symbol,
                round_lot: u32_at(message, 18) as i32,
            }],
            b'H' => {
                assert_eq!(message[1], b'T');
                let states = *b"YY~";
                vec![status(StatusAction::Trading, StatusReason::None, states)]
            }
            b'O' => {
                assert_eq!(message[1], b'N');
                let (action, states) = (StatusAction::Trading, *b"YY~");
                vec![status(action, StatusReason::Operational, states)]
            }
            b'P' => {
                assert_eq!(message[1], 0);
                let states = *b"~~N";
                vec![status(StatusAction::SsrChange, StatusReason::None, states)]
            }
            b'A' => vec![What::Auction {
                prices: [22, 30, 48, 64, 72].map(|at| price_at(message, at)),
                shares: [u32_at(message, 18), u32_at(message, 38)],
                side: match message[42] {
                    b'B' => b'B',
                    b'S' => b'A',
                    _ => b'N',
                },
                kind: message[1],
                time: u64::from(u32_at(message, 44)) * 1_000_000_000,
            }],
            b'B' | b'X' | b'E' => vec![What::Native(message.to_vec())],
            kind => panic!("a message of type {kind:02x}"),
        };
        for what in whats {
            let is_native = matches!(what, What::Native(_));
            self.push(instrument, if is_native { 0 } else { ts_event }, what);
        }
    }

    fn push(&mut self, instrument: u32, ts_event: u64, what: What) {
        self.told.push(Told {
            instrument,
            ts_event,
            what,
        });
    }
}

/// What a strategy got.
#[derive(Clone, Default)]
struct Got {
    told: Vec<Told>,
    controls: Vec<ControlRecord>,
    lost_slots: u64,
}

struct Strategy {
    got: Arc<Mutex<Got>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Strategy {
    fn start(socket: &Path) -> Self {
        let client = Client::connect(socket).unwrap();
        let options = SubscribeOptions {
            start: Start::Oldest,
            wait: WaitStrategy::Yield,
            ..SubscribeOptions::named("iex")
        };
        let mut subscription = client.subscribe("all", &options).unwrap();
        let (got, stop) = (Arc::<Mutex<Got>>::default(), Arc::<AtomicBool>::default());
        let (shared, stopped) = (Arc::clone(&got), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            loop {
                let event = subscription.wait(Duration::from_millis(20));
                let mut got = shared.lock().unwrap();
                match event {
                    Event::Record(Record::Control(control)) => got.controls.push(*control),
                    Event::Record(record) => got.told.push(told(&record)),
                    Event::Lost(slots) => got.lost_slots += slots,
                    Event::Closed(_) => return,
                    // Relaxed: the flag is all there is to know.
                    Event::Empty if stopped.load(Ordering::Relaxed) => return,
                    Event::Empty => {}
                }
            }
        });
        Self { got, stop, thread }
    }

    /// Waits for as many records as are expected, and for more that should not come; compares all.
    fn expect(self, expected: &[Told]) -> Vec<ControlRecord> {
        let enough = wait::until("as many records as expected", LIMIT, || {
            Ok((self.got.lock().unwrap().told.len() >= expected.len()).then_some(()))
        });
        std::thread::sleep(Duration::from_millis(200));
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let got = self.got.lock().unwrap().clone();
        let pairs = got.told.iter().zip(expected);
        if let Some((place, (got, expected))) = pairs.enumerate().find(|(_, (a, b))| a != b) {
            panic!("record {place} is {got:?}, expected is {expected:?}");
        }
        assert_eq!(got.told.len(), expected.len(), "{enough:?}");
        assert_eq!(got.lost_slots, 0);
        got.controls
    }
}

fn told(record: &Record<'_>) -> Told {
    let byte = |character: i8| character.cast_unsigned();
    match record {
        Record::Mbp1(quote) => {
            assert_eq!(quote.hd.publisher_id, PUBLISHER);
            assert_eq!((byte(quote.action), byte(quote.side)), (b'M', b'N'));
            let [level] = &quote.levels;
            Told {
                instrument: quote.hd.instrument_id,
                ts_event: quote.hd.ts_event,
                what: What::Quote {
                    bid: (level.bid_px, level.bid_sz),
                    ask: (level.ask_px, level.ask_sz),
                    flags: quote.flags.raw(),
                    sequence: quote.sequence,
                },
            }
        }
        Record::Mbo(order) => {
            assert_eq!(order.hd.publisher_id, PUBLISHER);
            let is_clear = byte(order.action) == b'R';
            Told {
                instrument: order.hd.instrument_id,
                ts_event: if is_clear { 0 } else { order.hd.ts_event },
                what: What::Order {
                    action: byte(order.action),
                    side: byte(order.side),
                    order_id: order.order_id,
                    price: order.price,
                    size: order.size,
                    flags: order.flags.raw(),
                    sequence: order.sequence,
                },
            }
        }
        Record::Definition(definition) => Told {
            instrument: definition.hd.instrument_id,
            ts_event: definition.hd.ts_event,
            what: What::Definition {
                symbol: definition.raw_symbol().unwrap().to_owned(),
                round_lot: definition.min_lot_size_round_lot,
            },
        },
        Record::Status(status) => Told {
            instrument: status.hd.instrument_id,
            ts_event: status.hd.ts_event,
            what: What::Status {
                action: status.action,
                reason: status.reason,
                states: [
                    status.is_trading,
                    status.is_quoting,
                    status.is_short_sell_restricted,
                ]
                .map(byte),
            },
        },
        Record::Imbalance(auction) => Told {
            instrument: auction.hd.instrument_id,
            ts_event: auction.hd.ts_event,
            what: What::Auction {
                prices: [
                    auction.ref_price,
                    auction.cont_book_clr_price,
                    auction.auct_interest_clr_price,
                    auction.lower_collar,
                    auction.upper_collar,
                ],
                shares: [auction.paired_qty, auction.total_imbalance_qty],
                side: byte(auction.side),
                kind: byte(auction.auction_type),
                time: auction.auction_time,
            },
        },
        Record::Native { header, bytes } => Told {
            instrument: header.instrument_id,
            ts_event: 0,
            what: What::Native(bytes.to_vec()),
        },
        other => panic!("{other:?}"),
    }
}

/// The messages, as the simulator publishes them.
fn day(feed: IexFeed, seed: u64, messages: u64) -> Vec<Vec<u8>> {
    let options = FlowOptions {
        seed,
        symbols: SYMBOLS,
        messages,
        orders_max: 1_000_000,
        interval_ns: 1_000_000_000 / RATE,
    };
    let mut flow = IexFlow::new(feed, OrderFlow::new(options));
    let mut day = Vec::new();
    while let Some(message) = flow.next().unwrap() {
        day.push(message.bytes.to_vec());
    }
    day
}

fn name(feed: IexFeed) -> &'static str {
    match feed {
        IexFeed::Tops => "iex-tops",
        IexFeed::Deep => "iex-deep",
        IexFeed::DeepPlus => "iex-deep-plus",
    }
}

fn config(tier: &str, feed: IexFeed) -> Config {
    Config {
        feed: name(feed),
        queues: vec![Queue::all("all").with_slots(1 << 17)],
        ..Config::new(Input::tier(tier))
    }
}

fn publish(lab: &Lab, config: &Config, seed: u64, messages: u64, more: &str) -> Report {
    let arguments = format!(
        "generate --feed {} --symbols {SYMBOLS} --messages {messages} --pace rate={RATE} --seed {seed} \
         --messages-per-packet 6 --heartbeat-ms 50 {more}",
        config.feed
    );
    let simulator = lab.simulator(config, &arguments).unwrap();
    simulator.finish(LIMIT).unwrap()
}

fn assert_published(report: &Report, day: &[Vec<u8>]) {
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    for message in day {
        *types.entry(char::from(message[0]).to_string()).or_default() += 1;
    }
    assert_eq!(report.by_type, types);
    assert_eq!(report.messages, day.len() as u64);
}

/// What is lost on both lines is told as gaps; everything else comes as it was sent.
fn every_record_is_what_was_sent(tier: &str, feed: IexFeed) {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = config(tier, feed);
    let gateway = lab.gateway(&config).unwrap();
    let strategy = Strategy::start(&gateway.socket());
    let report = publish(&lab, &config, 3, 6_000, "--loss-a 0.15 --loss-b 0.15");
    let day = day(feed, 3, 6_000);
    assert_published(&report, &day);
    let lost = &report.lost_on_both;
    assert!(lost.messages > 20, "{lost:?}");
    let mut model = Model::new();
    for (sequence, message) in (1..).zip(&day) {
        if lost.ranges.iter().any(|(first, _)| *first == sequence) {
            model.gaps += 1;
        }
        let is_lost = |(first, last): &(u64, u64)| (*first..=*last).contains(&sequence);
        if !lost.ranges.iter().any(is_lost) {
            model.take(sequence as u32, message);
        }
    }
    let controls = strategy.expect(&model.told);
    let is_gap = |control: &&ControlRecord| control.kind == ControlKind::Gap as u16;
    let gaps: Vec<(u64, u64)> = controls
        .iter()
        .filter(is_gap)
        .map(|gap| (gap.sequence, gap.sequence + gap.count - 1))
        .collect();
    assert_eq!(gaps, lost.ranges);
    let metrics = wait::until("the counters on show to catch up", LIMIT, || {
        let metrics = gateway.metrics()?;
        let of = |name| metrics.sum(name, &[]).unwrap_or_default() as u64;
        let shown = of("gateway_messages_total") + of("gateway_messages_lost_total");
        Ok((shown >= report.messages).then_some(metrics))
    })
    .unwrap();
    let sum = |name: &str| metrics.sum(name, &[]).unwrap_or_default() as u64;
    assert_eq!(sum("gateway_messages_lost_total"), lost.messages);
    assert_eq!(sum("gateway_decode_errors_total"), 0);
    assert_eq!(sum("gateway_next_sequence"), report.last_sequence + 1);
}

#[test]
fn every_record_of_tops_is_what_was_sent() {
    every_record_is_what_was_sent("copy", IexFeed::Tops);
    every_record_is_what_was_sent("socket", IexFeed::Tops);
}

#[test]
fn every_record_of_deep_is_what_was_sent() {
    every_record_is_what_was_sent("copy", IexFeed::Deep);
}

#[test]
fn every_record_of_deep_plus_is_what_was_sent() {
    every_record_is_what_was_sent("copy", IexFeed::DeepPlus);
}

/// A day, another session on the same channel, and in it numbers that begin anew.
#[test]
fn a_new_session_and_new_numbers_within_one_begin_with_empty_books() {
    for feed in [IexFeed::Tops, IexFeed::Deep, IexFeed::DeepPlus] {
        let Some(lab) = Lab::open().unwrap() else {
            return;
        };
        let config = config("copy", feed);
        let gateway = lab.gateway(&config).unwrap();
        let strategy = Strategy::start(&gateway.socket());
        let mut model = Model::new();
        let sessions = [("4e1d0000", 1), ("4e1d0001", 2), ("4e1d0001", 3)];
        for (place, (session, seed)) in sessions.into_iter().enumerate() {
            // Heartbeats for longer than packets are held: numbers that begin anew are believed for them.
            let more = format!("--session {session} --pause-ms 1000");
            let report = publish(&lab, &config, seed, 2_000, &more);
            let day = day(feed, seed, 2_000);
            assert_published(&report, &day);
            assert_eq!(report.session, session);
            model.begin(place > 0 && sessions[place - 1].0 == session);
            for (sequence, message) in (1..).zip(&day) {
                model.take(sequence, message);
            }
        }
        let controls = strategy.expect(&model.told);
        let kinds: Vec<_> = controls
            .iter()
            .map(|control| ControlKind::from_number(control.kind).unwrap())
            .collect();
        let expected = [
            ControlKind::SessionStart,
            ControlKind::SessionStart,
            ControlKind::Reset,
        ];
        assert_eq!(kinds, expected, "{feed:?}");
    }
}
