//! 998 real Nasdaq orders of one morning, and the ten best levels that LOBSTER reconstructed after each.
//!
//! The events become ITCH messages by our own encoder, records by the real decoder, and books. LOBSTER tells of the ten
//! best levels only: what rested at the beginning is one order a level, what comes into sight behind the tenth level
//! is added as it is seen, and what falls behind it is deleted, as nothing more is told of it. All else has to follow
//! from the events.

use std::collections::HashMap;
use std::fs;

use dbn::BidAskPair;
use gateway_book::record::{ControlKind, InstrumentId};
use gateway_book::{Books, Validity};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::encode::{AddOrder, OrderCancel, OrderDelete, OrderExecuted, Trade};
use gateway_feed::itch50::fields::{Price4, Symbol};
use gateway_feed::itch50::harness::Collector;
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_test_support::data::find_or_skip;

use crate::support::{books, control};

const LEVELS: usize = 10;
const LOCATE: u16 = 1;
/// Orders that stand for what rested before are numbered from here on.
const SEEN_FIRST: u64 = 1 << 40;

/// An event, as LOBSTER has it.
#[derive(Clone, Copy, Debug)]
struct Event {
    kind: u8,
    order: u64,
    size: u32,
    price: u32,
    buys: bool,
}

/// Price and size of the ten best levels: asks, bids.
type Row = [[(u32, u32); LEVELS]; 2];

fn events(text: &str) -> Vec<Event> {
    text.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            Event {
                kind: fields[1].parse().unwrap(),
                order: fields[2].parse().unwrap(),
                size: fields[3].parse().unwrap(),
                price: fields[4].parse().unwrap(),
                buys: fields[5] == "1",
            }
        })
        .collect()
}

fn rows(text: &str) -> Vec<Row> {
    text.lines()
        .map(|line| {
            let numbers: Vec<u32> = line
                .split(',')
                .map(|field| field.parse().unwrap())
                .collect();
            let mut row = Row::default();
            for (rank, level) in numbers.chunks(4).enumerate() {
                row[0][rank] = (level[0], level[1]);
                row[1][rank] = (level[2], level[3]);
            }
            row
        })
        .collect()
}

/// An order that the exchange of this test has.
#[derive(Clone, Copy)]
struct Resting {
    buys: bool,
    price: u32,
    size: u32,
}

/// Says in ITCH what LOBSTER says, and applies it.
struct Exchange {
    orders: HashMap<u64, Resting>,
    next_seen: u64,
    decoder: ItchDecoder,
    books: Books,
    messages: u64,
    position: u64,
    /// Levels that came into sight.
    appeared: u32,
}

impl Exchange {
    fn new() -> Self {
        let mut books = books();
        let _ = books.apply(&control(ControlKind::SessionStart as u16, 0, 1), 0);
        let decoder = ItchDecoder::new(&ItchConfig {
            orders: Some(OrderIndexConfig {
                orders_max: 10_000,
                prefetch: true,
            }),
            ..ItchConfig::default()
        })
        .unwrap();
        Self {
            orders: HashMap::new(),
            next_seen: SEEN_FIRST,
            decoder,
            books,
            messages: 0,
            position: 0,
            appeared: 0,
        }
    }

    fn send(&mut self, message: &[u8]) {
        self.messages += 1;
        let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
        let context = MessageContext {
            sequence: self.messages,
            ts_recv: 1_340_285_400_000_000_000,
        };
        self.decoder.message(&context, message, &mut sink);
        for record in sink.records(Output::Full) {
            self.position += 1;
            let _ = self.books.apply(record, self.position);
        }
    }

    fn add(&mut self, order: u64, resting: Resting) {
        self.orders.insert(order, resting);
        let message = AddOrder {
            stock_locate: LOCATE,
            order_reference: order,
            buy_sell: if resting.buys { b'B' } else { b'S' },
            shares: resting.size,
            stock: Symbol::new("AAPL").unwrap(),
            price: Price4(resting.price),
            ..AddOrder::default()
        };
        self.send(&message.encode());
    }

    /// Adds what is seen of a level without having been told.
    fn appear(&mut self, buys: bool, price: u32, size: u32) {
        self.next_seen += 1;
        self.add(self.next_seen, Resting { buys, price, size });
    }

    fn delete(&mut self, order: u64) {
        self.orders.remove(&order);
        let message = OrderDelete {
            stock_locate: LOCATE,
            order_reference: order,
            ..OrderDelete::default()
        };
        self.send(&message.encode());
    }

    fn reduce(&mut self, order: u64, event: &Event) {
        let resting = self.orders.get_mut(&order).unwrap();
        resting.size = resting
            .size
            .checked_sub(event.size)
            .expect("no more than rests");
        if resting.size == 0 {
            self.orders.remove(&order);
        }
        if event.kind == 4 {
            let message = OrderExecuted {
                stock_locate: LOCATE,
                order_reference: order,
                executed_shares: event.size,
                ..OrderExecuted::default()
            };
            self.send(&message.encode());
        } else {
            let message = OrderCancel {
                stock_locate: LOCATE,
                order_reference: order,
                cancelled_shares: event.size,
                ..OrderCancel::default()
            };
            self.send(&message.encode());
        }
    }

    /// The order of an event, or the one that stands for it.
    fn order_of(&self, event: &Event) -> u64 {
        if self.orders.contains_key(&event.order) {
            return event.order;
        }
        let mut seen = self.orders.iter().filter(|(order, resting)| {
            **order > SEEN_FIRST && (resting.buys, resting.price) == (event.buys, event.price)
        });
        *seen
            .next()
            .unwrap_or_else(|| panic!("nothing for {event:?}"))
            .0
    }

    fn happen(&mut self, event: &Event) {
        match event.kind {
            1 => self.add(
                event.order,
                Resting {
                    buys: event.buys,
                    price: event.price,
                    size: event.size,
                },
            ),
            2 | 4 => self.reduce(self.order_of(event), event),
            3 => match self.order_of(event) {
                order if order == event.order => self.delete(order),
                seen => self.reduce(seen, event),
            },
            5 => {
                let message = Trade {
                    stock_locate: LOCATE,
                    buy_sell: b'B',
                    shares: event.size,
                    stock: Symbol::new("AAPL").unwrap(),
                    price: Price4(event.price),
                    ..Trade::default()
                };
                self.send(&message.encode());
            }
            kind => panic!("an event of type {kind}"),
        }
    }

    /// Makes what is told of the same as what is in sight: behind `before` nothing was known, behind the tenth level of
    /// `now` nothing will be.
    fn look(&mut self, before: &Row, now: &Row) {
        for (side, buys) in [(0, false), (1, true)] {
            let behind = |price: u32, of: &Row| {
                let (last, _) = of[side][LEVELS - 1];
                if buys { price < last } else { price > last }
            };
            for (price, size) in now[side] {
                if behind(price, before) {
                    let known: u32 = self
                        .orders
                        .values()
                        .filter(|resting| (resting.buys, resting.price) == (buys, price))
                        .map(|resting| resting.size)
                        .sum();
                    // An order that has just come may be all of it.
                    if known < size {
                        self.appeared += 1;
                        self.appear(buys, price, size - known);
                    }
                }
            }
            let mut gone: Vec<u64> = self
                .orders
                .iter()
                .filter(|(_, resting)| resting.buys == buys && behind(resting.price, now))
                .map(|(order, _)| *order)
                .collect();
            gone.sort_unstable();
            for order in gone {
                self.delete(order);
            }
        }
    }

    fn top(&self) -> Row {
        let book = self.books.instrument(InstrumentId(LOCATE.into())).unwrap();
        let pairs: [BidAskPair; LEVELS] = book.top();
        let ticks = |price: i64| u32::try_from(price / 100_000).unwrap();
        [
            pairs.clone().map(|pair| (ticks(pair.ask_px), pair.ask_sz)),
            pairs.map(|pair| (ticks(pair.bid_px), pair.bid_sz)),
        ]
    }
}

/// What rested before the first event: the first row without it.
fn beginning(event: &Event, row: &Row) -> Vec<(bool, u32, u32)> {
    assert_eq!(event.kind, 1, "the first event is a new order");
    let mut levels = Vec::new();
    for (side, buys) in [(0, false), (1, true)] {
        for (price, size) in row[side] {
            let own = (buys, price) == (event.buys, event.price);
            let size = if own { size - event.size } else { size };
            if size > 0 {
                levels.push((buys, price, size));
            }
        }
    }
    levels
}

#[test]
fn real_orders_make_the_real_book() {
    let Some(folder) = find_or_skip("lobster-aapl") else {
        return;
    };
    let file = |what: &str| {
        let name = format!("AAPL_2012-06-21_34200000_57600000_{what}_10.csv");
        fs::read_to_string(folder.join(name)).unwrap()
    };
    let (events, rows) = (events(&file("message")), rows(&file("orderbook")));
    assert_eq!(events.len(), rows.len());
    let mut exchange = Exchange::new();
    for (buys, price, size) in beginning(&events[0], &rows[0]) {
        exchange.appear(buys, price, size);
    }
    let mut before = rows[0];
    let mut compared = 0;
    for (at, (event, row)) in events.iter().zip(&rows).enumerate() {
        exchange.happen(event);
        exchange.look(&before, row);
        assert_eq!(exchange.top(), *row, "after event {at}, {event:?}");
        compared += 2 * LEVELS as u32;
        before = *row;
    }
    let book = exchange
        .books
        .instrument(InstrumentId(LOCATE.into()))
        .unwrap();
    assert_eq!(book.validity(), Validity::Valid { since: 0 });
    assert!(
        exchange.appeared * 20 < compared,
        "{} of {compared} levels were not worked out but seen",
        exchange.appeared
    );
}
