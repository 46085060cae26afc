//! The generated day is consistent: a naive book that knows only the messages accepts every one of them.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap, HashSet};

use gateway_feed::itch50::messages::Message;
use gateway_sim::flow::{FlowOptions, OrderFlow};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
struct Resting {
    locate: u16,
    buy: bool,
    price: u32,
    shares: u32,
}

/// A book as the specification describes it, without regard to speed.
#[derive(Default)]
struct NaiveBook {
    orders: HashMap<u64, Resting>,
    /// References of each (security, side) by price, in order of arrival.
    levels: HashMap<(u16, bool), BTreeMap<u32, Vec<u64>>>,
    used: HashSet<u64>,
}

impl NaiveBook {
    fn add(&mut self, reference: u64, order: Resting) {
        assert!(
            order.shares > 0 && order.price > 0 && order.price <= 2_000_000_000,
            "{order:?}"
        );
        assert!(
            self.used.insert(reference),
            "reference {reference} is used twice"
        );
        self.orders.insert(reference, order);
        self.levels
            .entry((order.locate, order.buy))
            .or_default()
            .entry(order.price)
            .or_default()
            .push(reference);
        if let (Some(bid), Some(ask)) = (
            self.best(order.locate, true),
            self.best(order.locate, false),
        ) {
            assert!(bid.0 < ask.0, "bid {} and ask {} cross", bid.0, ask.0);
        }
    }

    /// Best price and the first order at it.
    fn best(&self, locate: u16, buy: bool) -> Option<(u32, u64)> {
        let levels = self.levels.get(&(locate, buy))?;
        let (price, references) = if buy {
            levels.last_key_value()
        } else {
            levels.first_key_value()
        }?;
        Some((*price, references[0]))
    }

    fn execute(&mut self, locate: u16, reference: u64, shares: u32) {
        let order = self.orders[&reference];
        assert_eq!(order.locate, locate);
        assert_eq!(
            self.best(locate, order.buy),
            Some((order.price, reference)),
            "priority"
        );
        assert!(shares > 0 && shares <= order.shares);
        self.take(reference, shares);
    }

    fn take(&mut self, reference: u64, shares: u32) {
        let order = self.orders.get_mut(&reference).unwrap();
        order.shares -= shares;
        if order.shares == 0 {
            self.remove(reference);
        }
    }

    fn remove(&mut self, reference: u64) -> Resting {
        let order = self.orders.remove(&reference).expect("a resting order");
        let levels = self.levels.get_mut(&(order.locate, order.buy)).unwrap();
        let level = levels.get_mut(&order.price).unwrap();
        level.retain(|other| *other != reference);
        if level.is_empty() {
            levels.remove(&order.price);
        }
        order
    }
}

/// Feeds a whole day to the naive book; counts by type and the most orders that rested.
fn check(options: FlowOptions) -> (BTreeMap<char, u64>, usize) {
    let expected = if options.messages == 0 {
        0
    } else {
        options.messages.max(options.messages_min())
    };
    let mut flow = OrderFlow::new(options.clone());
    let mut book = NaiveBook::default();
    let mut symbols = HashMap::new();
    let mut matches = HashSet::new();
    let (mut counts, mut most, mut last_timestamp, mut total) = (BTreeMap::new(), 0, 0, 0);
    while let Some(generated) = flow.next() {
        total += 1;
        assert!(generated.timestamp >= last_timestamp, "time runs backwards");
        last_timestamp = generated.timestamp;
        *counts.entry(generated.bytes[0] as char).or_insert(0) += 1;
        let message = Message::parse(generated.bytes).unwrap();
        let wire = generated.bytes[5..11]
            .iter()
            .fold(0, |time, byte| time << 8 | u64::from(*byte));
        assert_eq!(wire, generated.timestamp);
        let resting = |locate, side, price: u32, shares| Resting {
            locate,
            buy: side == b'B',
            price,
            shares,
        };
        match message {
            Message::StockDirectory(m) => {
                assert!(m.stock().is_valid());
                assert!(symbols.insert(m.stock_locate(), m.stock()).is_none());
            }
            Message::AddOrder(m) => {
                assert_eq!(symbols[&m.stock_locate()], m.stock());
                book.add(
                    m.order_reference(),
                    resting(m.stock_locate(), m.buy_sell(), m.price().0, m.shares()),
                );
            }
            Message::AddOrderAttributed(m) => {
                assert_eq!(symbols[&m.stock_locate()], m.stock());
                book.add(
                    m.order_reference(),
                    resting(m.stock_locate(), m.buy_sell(), m.price().0, m.shares()),
                );
            }
            Message::OrderExecuted(m) => {
                assert!(matches.insert(m.match_number()));
                book.execute(m.stock_locate(), m.order_reference(), m.executed_shares());
            }
            Message::OrderExecutedWithPrice(m) => {
                assert!(matches.insert(m.match_number()));
                assert!(m.execution_price().0 > 0);
                book.execute(m.stock_locate(), m.order_reference(), m.executed_shares());
            }
            Message::OrderCancel(m) => {
                let order = book.orders[&m.order_reference()];
                assert_eq!(order.locate, m.stock_locate());
                assert!(
                    m.cancelled_shares() > 0 && m.cancelled_shares() < order.shares,
                    "a cancel leaves shares"
                );
                book.take(m.order_reference(), m.cancelled_shares());
            }
            Message::OrderDelete(m) => {
                assert_eq!(book.remove(m.order_reference()).locate, m.stock_locate());
            }
            Message::OrderReplace(m) => {
                let old = book.remove(m.original_order_reference());
                assert_eq!(old.locate, m.stock_locate());
                book.add(
                    m.new_order_reference(),
                    Resting {
                        price: m.price().0,
                        shares: m.shares(),
                        ..old
                    },
                );
            }
            Message::Trade(m) => {
                assert!(matches.insert(m.match_number()));
                assert!(m.shares() > 0 && m.price().0 > 0);
            }
            Message::CrossTrade(m) => {
                assert!(matches.insert(m.match_number()));
                assert_eq!(m.shares() == 0, m.cross_price().0 == 0);
            }
            _ => {}
        }
        most = most.max(book.orders.len());
        assert!(most <= options.orders_max.max(1) as usize);
    }
    assert_eq!(total, expected);
    assert_eq!(flow.live_orders(), book.orders.len());
    assert!(flow.next().is_none());
    (counts, most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_day_is_consistent(seed: u64, symbols in 1_u32..40, messages in 1_u64..6_000, orders_max in 0_u32..300) {
        check(FlowOptions { seed, symbols, messages, orders_max, ..FlowOptions::default() });
    }
}

#[test]
fn the_mix_is_that_of_a_real_minute() {
    let options = FlowOptions {
        symbols: 300,
        messages: 200_000,
        ..FlowOptions::default()
    };
    let (counts, _) = check(options.clone());
    let market = (options.messages - options.messages_min()) as f64;
    let real = [
        ('A', 367),
        ('U', 225),
        ('F', 193),
        ('D', 167),
        ('E', 28),
        ('C', 1),
        ('X', 6),
        ('I', 4),
        ('P', 4),
        ('Q', 4),
    ];
    for (kind, per_mille) in real {
        let share = counts[&kind] as f64 / market * 999.0;
        let tolerance = 2.0 + f64::from(per_mille) * 0.03;
        assert!(
            (share - f64::from(per_mille)).abs() < tolerance,
            "{kind}: {share:.1} instead of {per_mille}"
        );
    }
    for (kind, count) in [('S', 6), ('R', 300), ('H', 300), ('Y', 300), ('L', 300)] {
        assert_eq!(counts[&kind], count, "{kind}");
    }
}

#[test]
fn the_book_grows_to_its_bound_and_stays_there() {
    let options = FlowOptions {
        symbols: 10,
        messages: 50_000,
        orders_max: 2_000,
        ..FlowOptions::default()
    };
    let (counts, most) = check(options);
    assert_eq!(most, 2_000);
    assert!(
        counts[&'D'] > 15_000,
        "deletions take the place of additions"
    );
}

#[test]
fn a_seed_fixes_every_byte() {
    let day = |seed| {
        let mut flow = OrderFlow::new(FlowOptions {
            seed,
            messages: 5_000,
            ..FlowOptions::default()
        });
        let mut bytes = Vec::new();
        while let Some(message) = flow.next() {
            bytes.extend_from_slice(message.bytes);
        }
        bytes
    };
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}

#[test]
fn a_day_without_end_goes_on_and_its_clock_stops_at_midnight() {
    let options = FlowOptions {
        symbols: 3,
        messages: 0,
        interval_ns: 10_000_000_000_000,
        ..FlowOptions::default()
    };
    let mut flow = OrderFlow::new(options);
    for _ in 0..20_000 {
        assert!(flow.next().unwrap().timestamp < 86_400_000_000_000);
    }
}
