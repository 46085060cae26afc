//! Readers that come late end with the book of one who was there from the start.

use std::collections::BTreeMap;

use gateway_client::protocol::ErrorCode;
use gateway_client::{
    BookEntry, Client, ClientError, Event, JoinOutcome, OrderSnapshot, OrdersOf, Record,
    SubscribeOptions, Subscription,
};
use gateway_feed::record::v3::MboMsg;
use gateway_queue::Publisher;

use crate::flow::{Flow, Resting, definition};
use crate::rig::{Rig, meanwhile, settle};

fn publish(publisher: &mut Publisher, flow: &mut Flow, messages: usize) {
    for record in (0..messages).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
}

/// Reads all there is; calls `each` with the position of every record.
fn drain(subscription: &mut Subscription, mut each: impl FnMut(u64, &Record<'_>)) {
    loop {
        match subscription.poll() {
            Event::Record(record) => {
                // The view borrows the subscription: its position is that of the next slot.
                let words = match record {
                    Record::Mbo(_) | Record::Control(_) => 1,
                    ref other => panic!("{other:?}"),
                };
                let kept = match record {
                    Record::Mbo(order) => Kept::Mbo(order.clone()),
                    Record::Control(control) => Kept::Control(*control),
                    _ => unreachable!(),
                };
                let position = subscription.position() - words;
                each(position, &kept.record());
            }
            Event::Empty => return,
            other => panic!("{other:?}"),
        }
    }
}

enum Kept {
    Mbo(MboMsg),
    Control(gateway_client::ControlRecord),
}

impl Kept {
    fn record(&self) -> Record<'_> {
        match self {
            Self::Mbo(order) => Record::Mbo(order),
            Self::Control(control) => Record::Control(control),
        }
    }
}

/// Goes on from a snapshot: the subscription, and what rested.
fn join(client: &Client, snapshot: &OrderSnapshot) -> (Subscription, Resting) {
    let mut resting = Resting::default();
    for record in snapshot.records() {
        resting.apply(&record);
    }
    let options = SubscribeOptions::named("late").resuming(snapshot.checkpoint());
    let subscription = client.subscribe("all", &options).unwrap();
    assert_eq!(subscription.joined().outcome, JoinOutcome::AsAsked);
    (subscription, resting)
}

#[test]
fn whoever_joins_with_orders_ends_with_every_order() {
    for seed in 0..8 {
        let (rig, mut publisher) = Rig::new(8_192);
        let mut builder = rig.builder(None);
        let mut flow = Flow::new(seed, 6, 40);
        publisher.publish_array(&flow.session_start());
        let before = 200 + flow.number(1_000) as usize;
        publish(&mut publisher, &mut flow, before);
        let client = rig.client();
        // Somewhere in the middle of what there is to read: all instruments came by then.
        for _ in 0..4 + flow.number(10) {
            builder.step();
        }
        let snapshot = meanwhile(&mut builder, || {
            client.orders("books", OrdersOf::All).unwrap()
        });
        assert_eq!((snapshot.instruments, snapshot.invalid), (6, 0));
        assert!(snapshot.checkpoint().position <= publisher.head());
        let (mut subscription, mut resting) = join(&client, &snapshot);
        publish(&mut publisher, &mut flow, 1_000);
        drain(&mut subscription, |position, record| {
            assert!(!snapshot.has(position));
            resting.apply(record);
        });
        assert_eq!(resting, flow.resting, "seed {seed}");
        settle(&mut builder);
    }
}

#[test]
fn whoever_joins_with_the_orders_of_one_instrument_ends_with_those() {
    let (rig, mut publisher) = Rig::new(8_192);
    let mut builder = rig.builder(None);
    let mut flow = Flow::new(9, 6, 40);
    publisher.publish_array(&flow.session_start());
    publish(&mut publisher, &mut flow, 800);
    publisher.publish(&definition(3, "MSFT"));
    let client = rig.client();
    let (by_symbol, by_id) = meanwhile(&mut builder, || {
        let symbol = OrdersOf::Symbol("MSFT".into());
        // Not announced before the builder has read so far.
        let by_symbol = (0..10_000).find_map(|_| client.orders("books", symbol.clone()).ok());
        (
            by_symbol.unwrap(),
            client.orders("books", OrdersOf::Id(3)).unwrap(),
        )
    });
    let ids = |snapshot: &OrderSnapshot| -> Vec<_> {
        snapshot
            .records()
            .map(|record| match record {
                Record::Mbo(order) => (order.order_id, order.flags.raw()),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(ids(&by_symbol), ids(&by_id));
    assert_eq!(by_symbol.instruments, 1);
    let (mut subscription, mut resting) = join(&client, &by_id);
    publish(&mut publisher, &mut flow, 500);
    drain(&mut subscription, |_, record| match record {
        Record::Mbo(order) if order.hd.instrument_id == 3 => resting.apply(record),
        _ => {}
    });
    flow.resting.0.retain(|_, order| order.instrument == 3);
    assert_eq!(resting, flow.resting);
}

#[test]
fn orders_that_cannot_be_had_are_refused_with_their_reason() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut flow = Flow::new(10, 2, 5);
    // No session's start: nobody knows what rested before.
    publish(&mut publisher, &mut flow, 20);
    settle(&mut builder);
    let client = rig.client();
    meanwhile(&mut builder, || {
        let refused = |of| match client.orders("books", of) {
            Err(ClientError::Refused { code, text }) => (code, text),
            other => panic!("{other:?}"),
        };
        let (code, text) = refused(OrdersOf::Id(1));
        assert_eq!(code, ErrorCode::NotValid);
        assert!(text.contains("never_begun"), "{text}");
        assert_eq!(refused(OrdersOf::Id(99)).0, ErrorCode::UnknownInstrument);
        let symbol = OrdersOf::Symbol("AAPL".into());
        assert_eq!(refused(symbol).0, ErrorCode::UnknownInstrument);
        let all = client.orders("books", OrdersOf::All).unwrap();
        assert_eq!((all.instruments, all.invalid), (0, 2));
        assert_eq!(all.records().len(), 0);
    });
}

/// Levels by side and price: what a reader of table and queue keeps.
#[derive(Default)]
struct Depth(BTreeMap<(u8, i64), (u64, u32)>);

impl Depth {
    fn of(entry: &BookEntry) -> Self {
        let mut depth = Self::default();
        for level in entry.levels {
            if level.bid_ct > 0 {
                let bid = (u64::from(level.bid_sz), level.bid_ct);
                depth.0.insert((b'B', level.bid_px), bid);
            }
            if level.ask_ct > 0 {
                let ask = (u64::from(level.ask_sz), level.ask_ct);
                depth.0.insert((b'A', level.ask_px), ask);
            }
        }
        depth
    }

    /// `whole` is the order's size before, which a cancel that takes all of it equals.
    fn apply(&mut self, order: &MboMsg, sizes: &mut BTreeMap<u64, u32>) {
        let key = (order.side as u8, order.price);
        match order.action as u8 {
            b'A' => {
                sizes.insert(order.order_id, order.size);
                let level = self.0.entry(key).or_default();
                level.0 += u64::from(order.size);
                level.1 += 1;
            }
            b'C' => {
                let Some(level) = self.0.get_mut(&key) else {
                    return;
                };
                level.0 -= u64::from(order.size);
                if level.0 == 0 {
                    self.0.remove(&key);
                }
            }
            _ => {}
        }
    }

    fn sizes(&self, side: u8) -> Vec<(i64, u64)> {
        let levels = self.0.iter().filter(|((of, _), _)| *of == side);
        let levels = levels.map(|((_, price), (size, _))| (*price, *size));
        match side {
            b'B' => levels.rev().collect(),
            _ => levels.collect(),
        }
    }
}

/// With no more levels than the table has, they end with every level.
#[test]
fn whoever_joins_with_depth_ends_with_every_level() {
    for seed in 0..8 {
        let (rig, mut publisher) = Rig::new(8_192);
        let mut builder = rig.builder(None);
        let mut flow = Flow::new(100 + seed, 4, 10);
        publisher.publish_array(&flow.session_start());
        let before = 200 + flow.number(1_000) as usize;
        publish(&mut publisher, &mut flow, before);
        settle(&mut builder);
        let client = rig.client();
        let mut table = client.books("books", "late").unwrap();
        // The position first, then the books, which may be ahead of it by then.
        let checkpoint = table.checkpoint();
        publish(&mut publisher, &mut flow, 50);
        settle(&mut builder);
        let mut books: BTreeMap<u32, (u64, Depth)> = table
            .instruments()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|instrument| {
                let entry = table.read(instrument).unwrap();
                assert!(entry.state.is_valid());
                (instrument.id, (entry.position, Depth::of(&entry)))
            })
            .collect();
        assert_eq!(books.len(), 4);
        let options = SubscribeOptions::named("late").resuming(checkpoint);
        let mut subscription = client.subscribe("all", &options).unwrap();
        assert_eq!(subscription.joined().outcome, JoinOutcome::AsAsked);
        publish(&mut publisher, &mut flow, 1_000);
        let mut skipped = 0;
        let mut sizes = BTreeMap::new();
        drain(&mut subscription, |position, record| {
            let Record::Mbo(order) = record else { return };
            let (from, depth) = books.get_mut(&order.hd.instrument_id).unwrap();
            if position < *from {
                skipped += 1;
            } else {
                depth.apply(order, &mut sizes);
            }
        });
        assert!(skipped >= 50, "the books were ahead of the position");
        for (instrument, (_, depth)) in &books {
            for side in [b'B', b'A'] {
                let expected: Vec<_> = flow
                    .resting
                    .levels(*instrument, side)
                    .into_iter()
                    .map(|(price, size, _)| (price, size))
                    .collect();
                assert_eq!(depth.sizes(side), expected, "instrument {instrument}");
            }
        }
    }
}
