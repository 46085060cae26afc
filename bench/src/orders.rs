//! `orders`: the order index beside other maps, on the operations that a day's messages come to.
//!
//! Each map holds the same orders (reference → price, size, instrument, side), is made for as many as the index and
//! does the same row of insertions, reductions and removals; nothing is decoded or published. The opening, until as
//! many orders rest as the case says, is not timed.

use anyhow::Result;
use dbn::Side;
use gateway_feed::itch50::messages::Message;
use gateway_feed::order_index::{OrderIndex, RestingOrder};

use crate::{
    flow::{Flow, SYMBOLS},
    harness::{Case, Run, interleave},
    input::split,
    report::Row,
};

/// Orders that rest.
const POINTS: [u32; 2] = [60_000, 850_000];
/// Operations ahead at which a prefetch is asked for: about as far as a packet of thirty messages reaches on average.
const AHEAD: usize = 15;

/// What a message does to the resting orders; a replacement is two of these.
#[derive(Clone, Copy)]
enum Operation {
    Insert(u64, RestingOrder),
    Reduce(u64, u32),
    Remove(u64),
}

impl Operation {
    const fn reference(&self) -> u64 {
        match *self {
            Self::Insert(reference, _) | Self::Reduce(reference, _) | Self::Remove(reference) => {
                reference
            }
        }
    }
}

/// The operations of a row of messages.
fn operations(stream: &[u8]) -> Vec<Operation> {
    let mut operations = Vec::new();
    for bytes in split(stream) {
        let add = |price, size, instrument| RestingOrder {
            price,
            size,
            instrument,
            side: Side::Bid,
        };
        match Message::parse(bytes) {
            Ok(Message::AddOrder(m)) => operations.push(Operation::Insert(
                m.order_reference(),
                add(m.price().0, m.shares(), m.stock_locate()),
            )),
            Ok(Message::AddOrderAttributed(m)) => operations.push(Operation::Insert(
                m.order_reference(),
                add(m.price().0, m.shares(), m.stock_locate()),
            )),
            Ok(Message::OrderExecuted(m)) => {
                operations.push(Operation::Reduce(m.order_reference(), m.executed_shares()));
            }
            Ok(Message::OrderExecutedWithPrice(m)) => {
                operations.push(Operation::Reduce(m.order_reference(), m.executed_shares()));
            }
            Ok(Message::OrderCancel(m)) => {
                operations.push(Operation::Reduce(m.order_reference(), m.cancelled_shares()));
            }
            Ok(Message::OrderDelete(m)) => operations.push(Operation::Remove(m.order_reference())),
            Ok(Message::OrderReplace(m)) => {
                operations.push(Operation::Remove(m.original_order_reference()));
                operations.push(Operation::Insert(
                    m.new_order_reference(),
                    add(m.price().0, m.shares(), m.stock_locate()),
                ));
            }
            _ => {}
        }
    }
    operations
}

/// A map of resting orders. `reduce` and `remove` return the order's price, so that it has to be read.
trait Orders {
    fn insert(&mut self, reference: u64, order: RestingOrder);
    fn reduce(&mut self, reference: u64, size: u32) -> u32;
    fn remove(&mut self, reference: u64) -> u32;
    fn prefetch(&self, _reference: u64) {}
}

impl Orders for OrderIndex {
    #[inline]
    fn insert(&mut self, reference: u64, order: RestingOrder) {
        Self::insert(self, reference, order);
    }

    #[inline]
    fn reduce(&mut self, reference: u64, size: u32) -> u32 {
        Self::reduce(self, reference, size).map_or(0, |order| order.price)
    }

    #[inline]
    fn remove(&mut self, reference: u64) -> u32 {
        Self::remove(self, reference).map_or(0, |order| order.price)
    }

    #[inline]
    fn prefetch(&self, reference: u64) {
        Self::prefetch(self, reference);
    }
}

impl Orders for hashbrown::HashMap<u64, RestingOrder> {
    #[inline]
    fn insert(&mut self, reference: u64, order: RestingOrder) {
        Self::insert(self, reference, order);
    }

    #[inline]
    fn reduce(&mut self, reference: u64, size: u32) -> u32 {
        use hashbrown::hash_map::Entry;
        match self.entry(reference) {
            Entry::Occupied(mut entry) if entry.get().size > size => {
                entry.get_mut().size -= size;
                entry.get().price
            }
            Entry::Occupied(entry) => entry.remove().price,
            Entry::Vacant(_) => 0,
        }
    }

    #[inline]
    fn remove(&mut self, reference: u64) -> u32 {
        Self::remove(self, &reference).map_or(0, |order| order.price)
    }
}

impl Orders for intmap::IntMap<u64, RestingOrder> {
    #[inline]
    fn insert(&mut self, reference: u64, order: RestingOrder) {
        Self::insert(self, reference, order);
    }

    #[inline]
    fn reduce(&mut self, reference: u64, size: u32) -> u32 {
        match self.get_mut(reference) {
            Some(order) if order.size > size => {
                order.size -= size;
                order.price
            }
            Some(order) => {
                let price = order.price;
                Self::remove(self, reference);
                price
            }
            None => 0,
        }
    }

    #[inline]
    fn remove(&mut self, reference: u64) -> u32 {
        Self::remove(self, reference).map_or(0, |order| order.price)
    }
}

#[inline(always)]
fn apply(orders: &mut impl Orders, operation: &Operation) -> u64 {
    match *operation {
        Operation::Insert(reference, order) => {
            orders.insert(reference, order);
            0
        }
        Operation::Reduce(reference, size) => orders.reduce(reference, size).into(),
        Operation::Remove(reference) => orders.remove(reference).into(),
    }
}

fn case<'a, O: Orders>(
    name: String,
    opening: &'a [Operation],
    operations: &'a [Operation],
    make: impl Fn() -> O + 'a,
    prefetch: bool,
) -> Case<'a> {
    Case::prepared(name, move || {
        let mut orders = make();
        for operation in opening {
            apply(&mut orders, operation);
        }
        Run::timed(|| {
            let mut sum = 0_u64;
            for (at, operation) in operations.iter().enumerate() {
                if prefetch && let Some(ahead) = operations.get(at + AHEAD) {
                    orders.prefetch(ahead.reference());
                }
                sum = sum.wrapping_add(apply(&mut orders, operation));
            }
            std::hint::black_box(sum);
            operations.len() as u64
        })
    })
}

/// Measures every map at each number of resting orders.
///
/// # Errors
/// When the flow or memory cannot be had.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for live in POINTS {
        let flow = Flow::generate(live)?;
        let (opening, stream) = (operations(&flow.opening), operations(&flow.stream));
        let room = live + live / 100;
        let index = move || OrderIndex::new(room).expect("there is memory for a bench");
        let name = |what: &str| format!("{what}, {live} orders rest, {SYMBOLS} symbols");
        let mut cases = [
            case(
                name("order index, prefetched"),
                &opening,
                &stream,
                index,
                true,
            ),
            case(name("order index"), &opening, &stream, index, false),
            case(
                name("hashbrown"),
                &opening,
                &stream,
                move || hashbrown::HashMap::with_capacity(room as usize),
                false,
            ),
            case(
                name("intmap"),
                &opening,
                &stream,
                move || intmap::IntMap::with_capacity(room as usize),
                false,
            ),
        ];
        let mut samples = interleave(&mut cases, runs);
        for sample in &mut samples {
            sample.unit = "ns/operation";
        }
        for sample in &samples {
            let baseline = (sample.case != samples[2].case).then_some(&samples[2]);
            rows.push(Row::new("orders", sample, baseline, None));
        }
    }
    Ok(rows)
}
