//! `full` records against a naive model: a map of orders, and what each message type says about them.

use std::collections::{HashMap, HashSet};

use dbn::flags::{LAST, MAYBE_BAD_BOOK, PUBLISHER_SPECIFIC};
use gateway_capture::ItchFileReader;
use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::itch50::messages::Message;
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::record::v3;
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_test_support::data::find_or_skip;
use proptest::prelude::*;

use crate::support::{RECEIVED, typed};

const UNDEFINED_PRICE: i64 = i64::MAX;
const UNDEFINED_SIZE: u32 = u32::MAX;

/// An order record without what all records of a message share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    instrument: u32,
    action: char,
    side: char,
    order: u64,
    price: i64,
    size: u32,
    flags: u8,
}

#[derive(Clone, Copy)]
struct Order {
    locate: u16,
    side: char,
    price: i64,
    size: u32,
}

/// What happens to a channel.
#[derive(Clone, Debug)]
enum Happening {
    Message(Vec<u8>),
    Break(Discontinuity),
}

#[derive(Default)]
struct Model {
    orders: HashMap<u64, Order>,
    suspect: HashSet<u16>,
    gap: bool,
    named: HashMap<u16, [u8; 8]>,
}

impl Model {
    fn happen(&mut self, happening: &Happening) -> Vec<Record> {
        match happening {
            Happening::Break(Discontinuity::Lost) => {
                self.gap = true;
                Vec::new()
            }
            Happening::Break(kind) => {
                let mut known: Vec<_> = self.named.keys().chain(&self.suspect).copied().collect();
                known.sort_unstable();
                known.dedup();
                let clear = |locate| Record {
                    instrument: u32::from(locate),
                    action: 'R',
                    side: 'N',
                    order: 0,
                    price: UNDEFINED_PRICE,
                    size: 0,
                    flags: LAST,
                };
                let records = known.into_iter().map(clear).collect();
                let named = std::mem::take(&mut self.named);
                *self = Self::default();
                if *kind == Discontinuity::Restarted {
                    self.named = named;
                }
                records
            }
            Happening::Message(message) => self.message(message),
        }
    }

    fn message(&mut self, bytes: &[u8]) -> Vec<Record> {
        let message = Message::parse(bytes).unwrap();
        let locate = u16::from_be_bytes([bytes[1], bytes[2]]);
        let nano = |price: u32| i64::from(price) * 100_000;
        // (action, side, order, price, size, incomplete)
        let mut records: Vec<(char, char, u64, i64, u32, bool)> = Vec::new();
        match message {
            Message::AddOrder(add) => {
                self.name(locate, add.stock().0);
                let side = side(add.buy_sell());
                self.add(
                    add.order_reference(),
                    locate,
                    side,
                    nano(add.price().0),
                    add.shares(),
                );
                records.push((
                    'A',
                    side,
                    add.order_reference(),
                    nano(add.price().0),
                    add.shares(),
                    false,
                ));
            }
            Message::AddOrderAttributed(add) => {
                self.name(locate, add.stock().0);
                let side = side(add.buy_sell());
                self.add(
                    add.order_reference(),
                    locate,
                    side,
                    nano(add.price().0),
                    add.shares(),
                );
                records.push((
                    'A',
                    side,
                    add.order_reference(),
                    nano(add.price().0),
                    add.shares(),
                    false,
                ));
            }
            Message::OrderDelete(delete) => {
                let reference = delete.order_reference();
                let cancel = match self.take(reference, locate, None) {
                    Some(order) => (
                        'C',
                        order.side,
                        reference,
                        order.price,
                        order.size,
                        order.side == 'N',
                    ),
                    None => ('C', 'N', reference, UNDEFINED_PRICE, UNDEFINED_SIZE, true),
                };
                records.push(cancel);
            }
            Message::OrderCancel(cancel) => {
                let (reference, size) = (cancel.order_reference(), cancel.cancelled_shares());
                let cancel = match self.take(reference, locate, Some(size)) {
                    Some(order) => (
                        'C',
                        order.side,
                        reference,
                        order.price,
                        size,
                        order.side == 'N',
                    ),
                    None => ('C', 'N', reference, UNDEFINED_PRICE, size, true),
                };
                records.push(cancel);
            }
            Message::OrderReplace(replace) => {
                let (old, new) = (
                    replace.original_order_reference(),
                    replace.new_order_reference(),
                );
                let (price, size) = (nano(replace.price().0), replace.shares());
                let taken = self.take(old, locate, None);
                let side = taken.map_or('N', |order| order.side);
                records.push(match taken {
                    Some(order) => ('C', side, old, order.price, order.size, side == 'N'),
                    None => ('C', 'N', old, UNDEFINED_PRICE, UNDEFINED_SIZE, true),
                });
                self.add(new, locate, side, price, size);
                records.push(('A', side, new, price, size, side == 'N'));
            }
            Message::OrderExecuted(execution) => {
                let (reference, size) = (execution.order_reference(), execution.executed_shares());
                let taken = self.take(reference, locate, Some(size));
                records.extend(executed(reference, taken, None, size, true));
            }
            Message::OrderExecutedWithPrice(execution) => {
                let (reference, size) = (execution.order_reference(), execution.executed_shares());
                let taken = self.take(reference, locate, Some(size));
                let price = Some(nano(execution.execution_price().0));
                records.extend(executed(
                    reference,
                    taken,
                    price,
                    size,
                    execution.printable() == b'Y',
                ));
            }
            Message::Trade(trade) => {
                self.name(locate, trade.stock().0);
                records.push(('T', 'N', 0, nano(trade.price().0), trade.shares(), false));
            }
            Message::CrossTrade(trade) => {
                self.name(locate, trade.stock().0);
                let price = if trade.cross_price().0 == 0 {
                    UNDEFINED_PRICE
                } else {
                    nano(trade.cross_price().0)
                };
                records.push((
                    'T',
                    'N',
                    0,
                    price,
                    u32::try_from(trade.shares()).unwrap_or(UNDEFINED_SIZE),
                    false,
                ));
            }
            other => other.visit_fields(|name, value| {
                if let ("stock", gateway_feed::itch50::fields::FieldValue::Text { bytes, .. }) =
                    (name, value)
                {
                    self.name(locate, bytes);
                }
            }),
        }
        let suspect = self.gap || self.suspect.contains(&locate);
        let last = records.len().saturating_sub(1);
        let of = |(index, (action, side, order, price, size, incomplete))| Record {
            instrument: u32::from(locate),
            action,
            side,
            order,
            price,
            size,
            flags: [
                (LAST, index == last),
                (PUBLISHER_SPECIFIC, incomplete),
                (MAYBE_BAD_BOOK, suspect),
            ]
            .iter()
            .map(|&(flag, set)| flag * u8::from(set))
            .sum(),
        };
        records.into_iter().enumerate().map(of).collect()
    }

    fn name(&mut self, locate: u16, stock: [u8; 8]) {
        if locate != 0 {
            self.named.insert(locate, stock);
        }
    }

    fn add(&mut self, reference: u64, locate: u16, side: char, price: i64, size: u32) {
        let order = Order {
            locate,
            side,
            price,
            size,
        };
        if let Some(before) = self.orders.insert(reference, order) {
            self.suspect.extend([before.locate, locate]);
        }
    }

    /// Takes `size` off, or all.
    fn take(&mut self, reference: u64, locate: u16, size: Option<u32>) -> Option<Order> {
        let known = self
            .orders
            .get(&reference)
            .copied()
            .filter(|order| order.locate == locate);
        let Some(order) = known else {
            self.suspect.insert(locate);
            return None;
        };
        match size {
            Some(size) if size < order.size => {
                self.orders.insert(
                    reference,
                    Order {
                        size: order.size - size,
                        ..order
                    },
                );
            }
            _ => drop(self.orders.remove(&reference)),
        }
        Some(order)
    }
}

fn side(code: u8) -> char {
    match code {
        b'B' => 'B',
        b'S' => 'A',
        _ => 'N',
    }
}

fn executed(
    reference: u64,
    taken: Option<Order>,
    price: Option<i64>,
    size: u32,
    printable: bool,
) -> Vec<(char, char, u64, i64, u32, bool)> {
    let (side, at) = taken.map_or(('N', UNDEFINED_PRICE), |order| (order.side, order.price));
    let price = price.unwrap_or(at);
    let aggressor = match side {
        'B' => 'A',
        'A' => 'B',
        _ => 'N',
    };
    let incomplete = side == 'N';
    let mut records = Vec::new();
    if printable {
        records.push(('T', aggressor, 0, price, size, incomplete));
    }
    records.push(('F', side, reference, price, size, incomplete));
    records.push(('C', side, reference, at, size, incomplete));
    records
}

/// The order records of what a decoder published.
fn order_records(sink: &Collector) -> Vec<Record> {
    let of = |published: &Published| match published {
        Published::Record { words, .. } if words[0].to_le_bytes()[1] == dbn::rtype::MBO => {
            let record = typed::<v3::MboMsg>(words);
            Some(Record {
                instrument: record.hd.instrument_id,
                action: record.action.cast_unsigned() as char,
                side: record.side.cast_unsigned() as char,
                order: record.order_id,
                price: record.price,
                size: record.size,
                flags: record.flags.raw(),
            })
        }
        _ => None,
    };
    sink.published.iter().filter_map(of).collect()
}

fn decoder() -> ItchDecoder {
    ItchDecoder::new(&ItchConfig {
        orders: Some(OrderIndexConfig {
            orders_max: 100_000,
            prefetch: true,
        }),
        ..ItchConfig::default()
    })
    .unwrap()
}

/// What the decoder makes of one happening.
fn decode(decoder: &mut ItchDecoder, happening: &Happening) -> Vec<Record> {
    let context = MessageContext {
        sequence: 1,
        ts_recv: RECEIVED,
    };
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    match happening {
        Happening::Message(message) => {
            decoder.prefetch(message);
            decoder.message(&context, message, &mut sink);
        }
        Happening::Break(kind) => decoder.discontinuity(*kind, &context, &mut sink),
    }
    order_records(&sink)
}

/// The generator's day of which some messages are lost (told or not), some come twice, and which now and then begins
/// anew.
fn day() -> impl Strategy<Value = Vec<Happening>> {
    let fate = prop_oneof![
        400 => Just(0_u8),
        20 => Just(1),
        10 => Just(2),
        4 => Just(3),
        1 => Just(4),
        1 => Just(5),
    ];
    (
        any::<u64>(),
        1..40_u32,
        5..400_u32,
        proptest::collection::vec(fate, 1..1_500),
    )
        .prop_map(|(seed, symbols, orders_max, fates)| {
            let mut flow = OrderFlow::new(FlowOptions {
                seed,
                symbols,
                messages: 0,
                orders_max,
                ..FlowOptions::default()
            });
            let mut happenings = Vec::new();
            for fate in fates {
                let Some(message) = flow.next() else { break };
                let message = Happening::Message(message.bytes.to_vec());
                match fate {
                    1 => {}
                    2 => happenings.push(Happening::Break(Discontinuity::Lost)),
                    3 => happenings.extend([message.clone(), message]),
                    4 => happenings.extend([Happening::Break(Discontinuity::Restarted), message]),
                    5 => happenings
                        .extend([Happening::Break(Discontinuity::SessionChanged), message]),
                    _ => happenings.push(message),
                }
            }
            happenings
        })
}

proptest! {
    #[test]
    fn the_records_are_those_of_a_naive_model(happenings in day()) {
        let (mut decoder, mut model) = (decoder(), Model::default());
        for happening in &happenings {
            prop_assert_eq!(decode(&mut decoder, happening), model.happen(happening), "{:?}", happening);
        }
        prop_assert_eq!(decoder.counters().orders.live as usize, model.orders.len());
    }
}

/// Adds up what the records say of each order: what was added is what was executed, what was cancelled, and what
/// rests. Returns how many orders were added.
fn reconcile(messages: &[Vec<u8>]) -> usize {
    #[derive(Default)]
    struct Sums {
        added: u64,
        executed: u64,
        taken_off: u64,
    }
    let (mut decoder, mut model) = (decoder(), Model::default());
    let mut orders: HashMap<u64, Sums> = HashMap::new();
    for message in messages {
        let happening = Happening::Message(message.clone());
        let records = decode(&mut decoder, &happening);
        assert_eq!(records, model.happen(&happening));
        // Only an order that is not known is taken off at no price: nothing was added that this could be a part of.
        let unknown = |record: &&Record| record.action == 'C' && record.price == UNDEFINED_PRICE;
        let unknown = records.iter().find(unknown).map(|record| record.order);
        for record in records {
            let size = u64::from(record.size);
            let sums = orders.entry(record.order).or_default();
            match record.action {
                'A' => sums.added += size,
                'F' if unknown != Some(record.order) => sums.executed += size,
                'C' if unknown != Some(record.order) => sums.taken_off += size,
                'T' | 'F' | 'C' => {}
                other => panic!("a record of action {other}"),
            }
        }
    }
    orders.retain(|_, sums| sums.added > 0);
    let index = decoder.order_index().unwrap();
    for (&order, sums) in &orders {
        let resting = index.get(order).map_or(0, |order| u64::from(order.size));
        let cancelled = sums.taken_off - sums.executed;
        assert_eq!(
            sums.added,
            sums.executed + cancelled + resting,
            "order {order}"
        );
    }
    orders.len()
}

fn of_file(path: &str) -> Option<Vec<Vec<u8>>> {
    let mut reader = ItchFileReader::open(&find_or_skip(path)?).unwrap();
    let mut messages = Vec::new();
    while let Some((_, message)) = reader.next().unwrap() {
        messages.push(message.to_vec());
    }
    Some(messages)
}

#[test]
fn the_sums_of_a_generated_day_reconcile() {
    let mut flow = OrderFlow::new(FlowOptions {
        messages: 60_000,
        orders_max: 5_000,
        ..FlowOptions::default()
    });
    let mut messages = Vec::new();
    while let Some(message) = flow.next() {
        messages.push(message.bytes.to_vec());
    }
    assert!(reconcile(&messages) > 20_000);
}

#[test]
fn the_sums_of_the_simulated_file_reconcile() {
    if let Some(messages) = of_file("ritch-itch50/ex20101224.lenprefixed.itch50") {
        assert_eq!(messages.len(), 12_012);
        assert_eq!(
            reconcile(&messages),
            5_000 + 12,
            "all that A and F add, and U"
        );
    }
}

#[test]
fn the_sums_of_the_real_snippet_reconcile() {
    if let Some(messages) = of_file("nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50") {
        assert_eq!(messages.len(), 1_000);
        assert_eq!(
            reconcile(&messages),
            367 + 193 + 225,
            "all that A, F and U add"
        );
    }
}
