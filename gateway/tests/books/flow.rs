//! Messages about orders as a `full` queue has them, and what rests after them.
//!
//! [`Resting`] knows nothing of the books under test: a map of orders, from which levels are added up when somebody
//! looks.

use std::collections::BTreeMap;

use dbn::flags::{LAST, SNAPSHOT};
use dbn::{Action, Side};
use gateway_client::{BookEntry, Level, Record};
use gateway_feed::record::v3::{InstrumentDefMsg, MboMsg, RecordHeader, StatusMsg};
use gateway_feed::record::{
    ControlKind, ControlRecord, InstrumentId, MboEvent, RTYPE_CONTROL, WORDS_MAX, words_into,
};

pub(crate) const PUBLISHER: u16 = 2;

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) instrument: u32,
    pub(crate) side: u8,
    pub(crate) price: i64,
    pub(crate) size: u32,
}

/// Everything that rests, by reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resting(pub(crate) BTreeMap<u64, Order>);

impl Resting {
    /// Applies a record as a strategy does.
    pub(crate) fn apply(&mut self, record: &Record<'_>) {
        match record {
            Record::Mbo(order) => self.apply_order(order),
            Record::Control(control)
                if ControlKind::from_number(control.kind) == Some(ControlKind::SessionStart) =>
            {
                self.0.clear();
            }
            _ => {}
        }
    }

    fn apply_order(&mut self, record: &MboMsg) {
        match record.action as u8 {
            b'A' => {
                let order = Order {
                    instrument: record.hd.instrument_id,
                    side: record.side as u8,
                    price: record.price,
                    size: record.size,
                };
                assert_eq!(self.0.insert(record.order_id, order), None, "added twice");
            }
            b'C' => {
                let order = self
                    .0
                    .get_mut(&record.order_id)
                    .expect("an order that rests");
                order.size -= record.size;
                if order.size == 0 {
                    self.0.remove(&record.order_id);
                }
            }
            b'R' => {
                let cleared = record.hd.instrument_id;
                self.0.retain(|_, order| order.instrument != cleared);
            }
            b'T' | b'F' => {}
            other => panic!("action {other}"),
        }
    }

    /// Price, size and number of orders of each level of a side, best first.
    pub(crate) fn levels(&self, instrument: u32, side: u8) -> Vec<(i64, u64, u32)> {
        let mut levels = BTreeMap::<i64, (u64, u32)>::new();
        for order in self.0.values() {
            if (order.instrument, order.side) == (instrument, side) {
                let level = levels.entry(order.price).or_default();
                level.0 += u64::from(order.size);
                level.1 += 1;
            }
        }
        let levels = levels
            .into_iter()
            .map(|(price, (size, count))| (price, size, count));
        match side {
            b'B' => levels.rev().collect(),
            _ => levels.collect(),
        }
    }

    /// The ten best levels.
    pub(crate) fn ten(&self, instrument: u32) -> [Level; 10] {
        let mut ten = [Level::EMPTY; 10];
        for (level, (price, size, count)) in ten.iter_mut().zip(self.levels(instrument, b'B')) {
            (level.bid_px, level.bid_sz, level.bid_ct) = (price, size as u32, count);
        }
        for (level, (price, size, count)) in ten.iter_mut().zip(self.levels(instrument, b'A')) {
            (level.ask_px, level.ask_sz, level.ask_ct) = (price, size as u32, count);
        }
        ten
    }

    /// Asserts that the table's entry shows what rests.
    pub(crate) fn assert_shown(&self, entry: &BookEntry) {
        let instrument = entry.instrument_id;
        assert_eq!(
            entry.levels,
            self.ten(instrument),
            "instrument {instrument}"
        );
        let of_side = |side| self.levels(instrument, side).len() as u32;
        assert_eq!(
            (entry.bid_levels, entry.ask_levels),
            (of_side(b'B'), of_side(b'A'))
        );
    }
}

/// Makes messages, the same ones for the same seed.
pub(crate) struct Flow {
    state: u64,
    next_id: u64,
    sequence: u64,
    instruments: u32,
    prices: u64,
    pub(crate) resting: Resting,
}

impl Flow {
    /// Messages about so many instruments, at so many prices a side.
    pub(crate) fn new(seed: u64, instruments: u32, prices: u64) -> Self {
        Self {
            state: seed,
            next_id: 1,
            sequence: 1,
            instruments,
            prices,
            resting: Resting::default(),
        }
    }

    /// A number below `below`.
    pub(crate) fn number(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    /// The records of the next message; what rests afterwards is in `resting`.
    pub(crate) fn message(&mut self) -> Vec<[u64; 7]> {
        let live = self.resting.0.len() as u64;
        let records = match self.number(10) {
            0..=4 => vec![self.add()],
            _ if live == 0 => vec![self.add()],
            5..=6 => self.execute(),
            7..=8 => {
                let (id, order) = self.any();
                vec![self.cancel(id, order, order.size, LAST)]
            }
            _ => {
                let (id, order) = self.any();
                let cancel = self.cancel(id, order, order.size, 0);
                let add = self.add_of(Order {
                    size: order.size + 1,
                    ..order
                });
                vec![cancel, add]
            }
        };
        self.sequence += 1;
        for record in &records {
            self.resting.apply(&view(record));
        }
        records
    }

    fn any(&mut self) -> (u64, Order) {
        let live = self.resting.0.len() as u64;
        let index = self.number(live) as usize;
        let (id, order) = self.resting.0.iter().nth(index).unwrap();
        (*id, *order)
    }

    fn event(&self, instrument: u32) -> MboEvent {
        MboEvent::new(
            MboEvent::head(PUBLISHER),
            MboEvent::channel(0),
            InstrumentId(instrument),
            self.sequence * 1_000,
            self.sequence * 1_000 + 7,
            self.sequence,
        )
    }

    fn add(&mut self) -> [u64; 7] {
        let instrument = 1 + self.number(self.instruments.into()) as u32;
        let distance = 1 + self.number(self.prices) as i64;
        let bid = self.number(2) == 0;
        let order = Order {
            instrument,
            side: if bid { b'B' } else { b'A' },
            price: 100_000_000_000 + if bid { -distance } else { distance } * 10_000_000,
            size: 1 + self.number(500) as u32,
        };
        self.add_of(order)
    }

    fn add_of(&mut self, order: Order) -> [u64; 7] {
        let id = self.next_id;
        self.next_id += 1;
        let side = if order.side == b'B' {
            Side::Bid
        } else {
            Side::Ask
        };
        self.event(order.instrument)
            .record(Action::Add, side, id, order.price, order.size, LAST)
    }

    fn cancel(&self, id: u64, order: Order, size: u32, flags: u8) -> [u64; 7] {
        let side = if order.side == b'B' {
            Side::Bid
        } else {
            Side::Ask
        };
        self.event(order.instrument)
            .record(Action::Cancel, side, id, order.price, size, flags)
    }

    /// A trade, a fill, and what they take off the order.
    fn execute(&mut self) -> Vec<[u64; 7]> {
        let (id, order) = self.any();
        let size = 1 + self.number(order.size.into()) as u32;
        let (side, other) = if order.side == b'B' {
            (Side::Bid, Side::Ask)
        } else {
            (Side::Ask, Side::Bid)
        };
        let event = self.event(order.instrument);
        vec![
            event.record(Action::Trade, other, 0, order.price, size, 0),
            event.record(Action::Fill, side, id, order.price, size, 0),
            self.cancel(id, order, size, LAST),
        ]
    }

    /// A session begins: nothing rests.
    pub(crate) fn session_start(&mut self) -> [u64; 7] {
        self.resting.0.clear();
        self.sequence = 1;
        control(ControlKind::SessionStart, 1, 0)
    }

    /// An instrument is cleared.
    pub(crate) fn clear(&mut self, instrument: u32) -> [u64; 7] {
        self.resting
            .0
            .retain(|_, order| order.instrument != instrument);
        self.event(instrument).record(
            Action::Clear,
            Side::None,
            0,
            dbn::UNDEF_PRICE,
            0,
            LAST | SNAPSHOT,
        )
    }
}

/// The record of those words.
pub(crate) fn view(words: &[u64]) -> Record<'_> {
    Record::from_words(gateway_client::RecordRef { position: 0, words })
}

pub(crate) fn control(kind: ControlKind, sequence: u64, count: u64) -> [u64; 7] {
    ControlRecord {
        length: 14,
        rtype: RTYPE_CONTROL,
        publisher_id: PUBLISHER,
        instrument_id: 0,
        ts_event: 5,
        kind: kind as u16,
        channel_id: 0,
        reserved: [0; 5],
        sequence,
        count,
        ts_recv: 6,
        session: *b"SESSION1",
    }
    .words()
}

pub(crate) fn definition(instrument: u32, symbol: &str) -> Vec<u64> {
    let mut record = InstrumentDefMsg {
        hd: RecordHeader::new::<InstrumentDefMsg>(
            dbn::rtype::INSTRUMENT_DEF,
            PUBLISHER,
            instrument,
            3,
        ),
        ..InstrumentDefMsg::default()
    };
    for (place, byte) in record.raw_symbol.iter_mut().zip(symbol.bytes()) {
        *place = byte as _;
    }
    words_into(&record, &mut [0; WORDS_MAX]).to_vec()
}

pub(crate) fn halt(instrument: u32) -> Vec<u64> {
    let record = StatusMsg {
        hd: RecordHeader::new::<StatusMsg>(dbn::rtype::STATUS, PUBLISHER, instrument, 4),
        ts_recv: 5,
        action: dbn::StatusAction::Halt as u16,
        reason: 1,
        is_trading: b'N' as _,
        is_quoting: b'N' as _,
        is_short_sell_restricted: b'~' as _,
        ..StatusMsg::default()
    };
    words_into(&record, &mut [0; WORDS_MAX]).to_vec()
}
