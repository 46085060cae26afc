//! A book as order records: what a reader who comes late needs to go on from.

use std::cmp::Ordering;

use dbn::flags::{LAST, SNAPSHOT};
use dbn::{Action, FlagSet, UNDEF_PRICE};
use gateway_record::{InstrumentId, v3};

use crate::books::Books;
use crate::mbo::Mbo;
use crate::orders::Resting;
use crate::side::BookSide;

/// An order of a snapshot, by which it is sorted.
struct Found {
    slot: u32,
    side: BookSide,
    key: i64,
    /// How many orders were added since.
    age: u32,
    order_id: u64,
    size: u32,
}

impl Books {
    /// The book of an instrument as order records, appended to `into`: a Clear, then an Add for each order, bids before
    /// asks, the best price first and at each price the oldest order first. All are flagged `F_SNAPSHOT`, the last
    /// `F_LAST`. Says whether the instrument has a book; where it has none nothing is appended.
    ///
    /// The records are valid at [`Books::sequence`]: whoever applies them goes on with the record behind it. Their time
    /// and their sequence are those of the instrument's last message, as those of an order are not kept.
    ///
    /// Looks at the orders of all books until those of the instrument are found (some milliseconds for a million) and
    /// takes memory for them: not for every record. Several instruments cost little more than one:
    /// [`orders_of`](Self::orders_of).
    pub fn orders(&self, id: InstrumentId, into: &mut Vec<v3::MboMsg>) -> bool {
        self.orders_of(&[id], into) == 1
    }

    /// The books of several instruments as [`orders`](Self::orders) has them, one after another in the order in which
    /// they were first heard of. Instruments without a book are left out. Gives how many there are.
    pub fn orders_of(&self, ids: &[InstrumentId], into: &mut Vec<v3::MboMsg>) -> usize {
        let mut slots: Vec<u32> = ids
            .iter()
            .filter_map(|id| self.instruments.find(id.0))
            .collect();
        slots.sort_unstable();
        slots.dedup();
        let mut found = self.find_orders(&slots);
        found.sort_unstable_by(Found::by_priority);
        into.reserve(found.len() + slots.len());
        let mut orders = found.iter().peekable();
        for &slot in &slots {
            into.push(self.snapshot_record(slot, Action::Clear));
            while let Some(order) = orders.next_if(|order| order.slot == slot) {
                into.push(v3::MboMsg {
                    order_id: order.order_id,
                    price: order.side.key(order.key),
                    size: order.size,
                    side: dbn::Side::from(order.side) as _,
                    ..self.snapshot_record(slot, Action::Add)
                });
            }
            if let Some(last) = into.last_mut() {
                last.flags = FlagSet::new(SNAPSHOT | LAST);
            }
        }
        slots.len()
    }

    /// All orders of some books, in no order.
    fn find_orders(&self, slots: &[u32]) -> Vec<Found> {
        // A bit for each level that is looked for: what most orders are told apart by has to stay in the cache.
        let mut wanted = vec![0_u64; self.options.levels_max as usize / 64 + 1];
        let mut orders = 0;
        for &slot in slots {
            for side in &self.instruments.get(slot).sides {
                for level in self.levels.levels(side) {
                    wanted[level.number as usize / 64] |= 1 << (level.number % 64);
                    orders += level.orders as usize;
                }
            }
        }
        let all = self.orders.iter();
        let of_these = all.filter(|(_, resting)| {
            wanted[resting.level as usize / 64] & 1 << (resting.level % 64) != 0
        });
        let found = of_these.filter_map(|(order_id, resting)| self.found(order_id, resting));
        let mut into = Vec::with_capacity(orders);
        into.extend(found.take(orders));
        into
    }

    fn found(&self, order_id: u64, resting: Resting) -> Option<Found> {
        let owner = self.levels.numbers.owner(resting.level)?;
        Some(Found {
            slot: owner.slot,
            side: owner.side,
            key: owner.side.key(owner.price),
            age: self.stamp.wrapping_sub(resting.stamp),
            order_id,
            size: resting.size,
        })
    }

    /// A record without an order.
    fn snapshot_record(&self, slot: u32, action: Action) -> v3::MboMsg {
        let instrument = self.instruments.get(slot);
        let ts_event = instrument.ts_event;
        let wide = self.ts_recv.wrapping_sub(ts_event).cast_signed();
        v3::MboMsg {
            hd: v3::RecordHeader::new::<v3::MboMsg>(
                dbn::rtype::MBO,
                self.publisher_id().unwrap_or_default(),
                instrument.id,
                ts_event,
            ),
            order_id: 0,
            price: UNDEF_PRICE,
            size: 0,
            flags: FlagSet::new(SNAPSHOT),
            channel_id: instrument.channel,
            action: action as _,
            side: dbn::Side::None as _,
            ts_recv: self.ts_recv,
            ts_in_delta: wide.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            sequence: instrument.venue_sequence,
        }
    }
}

impl Found {
    fn by_priority(&self, other: &Self) -> Ordering {
        (self.slot, self.side as u8, self.key)
            .cmp(&(other.slot, other.side as u8, other.key))
            .then(other.age.cmp(&self.age))
    }
}

/// The words of an order record, as a queue has them and [`Books::apply`] takes them.
#[must_use]
pub fn words(record: &v3::MboMsg) -> [u64; 7] {
    Mbo::words(record)
}
