//! The orders of books, collected in pieces while records go on to be applied, and right as of the last of these.
//!
//! A scan walks over the index of orders and copies what rests there. What records do meanwhile it copies too, behind what
//! is there: so of what is known of an order the last is true. A book that begins anew makes everything that was known of
//! its orders before untrue. Nothing is sorted out before the scan is over, and whoever wants the orders does it, on
//! whatever thread.

use std::cmp::Ordering;
use std::fmt;

use dbn::flags::{LAST, SNAPSHOT};
use dbn::{Action, FlagSet, UNDEF_PRICE};
use gateway_record::{InstrumentId, RTYPE_CONTROL, v3};

use crate::books::{Books, NO_SLOT};
use crate::control::begins_anew;
use crate::mbo::{Mbo, WORDS};
use crate::orders::Resting;
use crate::side::BookSide;

/// What is known of an order: its book, its place there, what is left of it.
#[derive(Clone, Copy)]
struct Known {
    order_id: u64,
    key: i64,
    /// [`NO_SLOT`] for one that does not rest any more.
    slot: u32,
    size: u32,
    /// Later orders have higher stamps, modulo 2³².
    stamp: u32,
    side: BookSide,
}

/// A scan that is under way. See [`Books::begin_scan`].
pub struct OrderScan {
    /// The slots whose orders are wanted, in their order; `None` for those of all valid books.
    slots: Option<Vec<u32>>,
    /// A bit for each level of these; empty where all are wanted.
    levels: Vec<u64>,
    /// The bucket of the index that is looked at next.
    cursor: usize,
    known: Vec<Known>,
    /// Slots whose books began anew, and how much was known then.
    begun: Vec<(u32, usize)>,
    /// References that records named which are being applied.
    named: Vec<u64>,
    /// How many times orders were looked up because a record named them.
    followed: usize,
    is_void: bool,
}

impl OrderScan {
    /// Takes note of a record that is about to be applied: to be called for each, in their order. Any words may come.
    pub fn expect(&mut self, books: &Books, record: &[u64]) {
        let Ok(words) = <&[u64; WORDS]>::try_from(record) else {
            return;
        };
        let mbo = Mbo(words);
        match (words[0] >> 8) as u8 {
            RTYPE_CONTROL => self.is_void |= begins_anew(words),
            dbn::rtype::MBO if mbo.action() == b'R' => {
                if let Some(slot) = books.instruments.find(mbo.instrument()) {
                    self.begun.push((slot, self.known.len()));
                }
            }
            dbn::rtype::MBO => self.named.push(mbo.order_id()),
            _ => {}
        }
    }

    /// Looks up what the records that were expected have done to orders: to be called once they are applied, and before
    /// the books are [scanned](Books::scan) on.
    pub fn follow(&mut self, books: &Books) {
        self.followed += self.named.len();
        let mut named = std::mem::take(&mut self.named);
        for order_id in named.drain(..) {
            let gone = Known {
                order_id,
                key: 0,
                slot: NO_SLOT,
                size: 0,
                stamp: 0,
                side: BookSide::Bid,
            };
            let found = books.orders.find(order_id);
            let known = found.and_then(|at| books.known(order_id, books.orders.get(at)));
            self.known.push(known.unwrap_or(gone));
        }
        self.named = named;
    }

    /// Whether the scan is of no use any more, because a channel began anew meanwhile: another one is to be begun.
    #[must_use]
    pub const fn is_void(&self) -> bool {
        self.is_void
    }

    /// How much records have added: each order that was looked up because of them, and each book that began anew, is kept
    /// until the scan is over.
    #[must_use]
    pub const fn followed(&self) -> usize {
        self.followed + self.begun.len()
    }
}

/// An instrument of a scan.
#[derive(Clone, Copy)]
struct Head {
    slot: u32,
    id: u32,
    venue_sequence: u32,
    channel: u8,
    ts_event: u64,
}

/// Orders as they rested when their scan was over. It owns what it has, and may be made records of on another thread.
pub struct ScannedOrders {
    known: Vec<Known>,
    begun: Vec<(u32, usize)>,
    is_repeated: bool,
    heads: Vec<Head>,
    invalid: usize,
    publisher_id: u16,
    ts_recv: u64,
    stamp: u32,
}

impl Books {
    /// Begins to collect the orders of all valid books, or of the books of some instruments whether they are valid or not.
    /// Instruments without a book are left out.
    ///
    /// [`scan`](Self::scan) goes on with it, in as many pieces as are wanted; a record that is applied in between has to
    /// be [expected](OrderScan::expect) and [followed](OrderScan::follow). [`end_scan`](Self::end_scan) has the orders.
    #[must_use]
    pub fn begin_scan(&self, of: Option<&[InstrumentId]>) -> OrderScan {
        let mut orders = self.live as usize;
        let mut levels = Vec::new();
        let slots = of.map(|ids| {
            let found = ids.iter().filter_map(|id| self.instruments.find(id.0));
            let mut slots: Vec<u32> = found.collect();
            slots.sort_unstable();
            slots.dedup();
            // A bit for each level that is looked for: what most orders are told apart by has to stay in the cache.
            levels = vec![0_u64; self.options.levels_max as usize / 64 + 1];
            orders = 0;
            for &slot in &slots {
                for side in &self.instruments.get(slot).sides {
                    for level in self.levels.levels(side) {
                        levels[level.number as usize / 64] |= 1 << (level.number % 64);
                        orders += level.orders as usize;
                    }
                }
            }
            slots
        });
        OrderScan {
            slots,
            levels,
            cursor: 0,
            known: Vec::with_capacity(orders),
            begun: Vec::new(),
            named: Vec::new(),
            followed: 0,
            is_void: false,
        }
    }

    /// Looks at up to `buckets` more buckets of the index of orders, of up to three orders each. Whether it has seen all.
    pub fn scan(&self, scan: &mut OrderScan, buckets: usize) -> bool {
        let from = scan.cursor;
        scan.cursor = from.saturating_add(buckets).min(self.orders.buckets());
        for (order_id, resting) in self.orders.in_buckets(from..scan.cursor) {
            // Levels that are there since are those of orders that records have named.
            let word = scan.levels.get(resting.level as usize / 64);
            if scan.slots.is_some() && word.is_none_or(|word| word >> (resting.level % 64) & 1 == 0)
            {
                continue;
            }
            if let Some(known) = self.known(order_id, resting) {
                scan.known.push(known);
            }
        }
        scan.cursor == self.orders.buckets()
    }

    /// Ends a scan that has seen all: the orders are those at [`Books::sequence`]. Looks at each instrument once.
    #[must_use]
    pub fn end_scan(&self, scan: OrderScan) -> ScannedOrders {
        let all = 0..self.instruments.len();
        let head = |slot: u32| {
            let instrument = self.instruments.get(slot);
            Head {
                slot,
                id: instrument.id,
                venue_sequence: instrument.venue_sequence,
                channel: instrument.channel,
                ts_event: instrument.ts_event,
            }
        };
        let (heads, invalid) = match &scan.slots {
            Some(slots) => (slots.iter().map(|&slot| head(slot)).collect(), 0),
            None => {
                let valid = all.filter(|&slot| {
                    let book = self.slot(slot);
                    book.is_some_and(|book| book.validity().is_valid())
                });
                let heads: Vec<Head> = valid.map(head).collect();
                let invalid = self.instruments.len() as usize - heads.len();
                (heads, invalid)
            }
        };
        ScannedOrders {
            is_repeated: scan.followed > 0,
            known: scan.known,
            begun: scan.begun,
            heads,
            invalid,
            publisher_id: self.publisher_id().unwrap_or_default(),
            ts_recv: self.ts_recv,
            stamp: self.stamp,
        }
    }

    fn known(&self, order_id: u64, resting: Resting) -> Option<Known> {
        let owner = self.levels.numbers.owner(resting.level)?;
        Some(Known {
            order_id,
            key: owner.side.key(owner.price),
            slot: owner.slot,
            size: resting.size,
            stamp: resting.stamp,
            side: owner.side,
        })
    }
}

impl ScannedOrders {
    /// How many books it has.
    #[must_use]
    pub const fn instruments(&self) -> usize {
        self.heads.len()
    }

    /// How many books were left out because they cannot be trusted.
    #[must_use]
    pub const fn invalid(&self) -> usize {
        self.invalid
    }

    /// The records, one after another to `take`: for each book a Clear, then an Add for each order, bids before asks, the
    /// best price first and at each price the oldest order first. All are flagged `F_SNAPSHOT`, the last of a book
    /// `F_LAST`.
    pub fn records(mut self, mut take: impl FnMut(v3::MboMsg)) {
        self.forget_what_is_untrue();
        let stamp = self.stamp;
        self.known
            .sort_unstable_by(|one, other| one.by_priority(other, stamp));
        let mut orders = self.known.iter().peekable();
        for head in &self.heads {
            // Of books that are left out.
            while orders.next_if(|order| order.slot < head.slot).is_some() {}
            let mut record = self.record(head, Action::Clear);
            while let Some(order) = orders.next_if(|order| order.slot == head.slot) {
                let next = v3::MboMsg {
                    order_id: order.order_id,
                    price: order.side.key(order.key),
                    size: order.size,
                    side: dbn::Side::from(order.side) as _,
                    ..self.record(head, Action::Add)
                };
                take(std::mem::replace(&mut record, next));
            }
            record.flags = FlagSet::new(SNAPSHOT | LAST);
            take(record);
        }
    }

    /// Leaves of what is known of an order the last, and of that what is still so.
    fn forget_what_is_untrue(&mut self) {
        // By slot: what is known before that is untrue.
        let slots = self.begun.iter().map(|(slot, _)| slot + 1).max();
        let mut untrue = vec![0; slots.unwrap_or_default() as usize];
        for &(slot, before) in &self.begun {
            untrue[slot as usize] = before;
        }
        for (at, known) in self.known.iter_mut().enumerate() {
            let before = untrue.get(known.slot as usize).copied();
            if before.is_some_and(|before| at < before) {
                known.slot = NO_SLOT;
            }
        }
        if self.is_repeated {
            // Stable: what is known later stays behind. Turned round, the last is the first of its kind.
            self.known.reverse();
            self.known.sort_by_key(|known| known.order_id);
            self.known.dedup_by_key(|known| known.order_id);
        }
        self.known.retain(|known| known.slot != NO_SLOT);
    }

    /// A record without an order.
    fn record(&self, head: &Head, action: Action) -> v3::MboMsg {
        let wide = self.ts_recv.wrapping_sub(head.ts_event).cast_signed();
        v3::MboMsg {
            hd: v3::RecordHeader::new::<v3::MboMsg>(
                dbn::rtype::MBO,
                self.publisher_id,
                head.id,
                head.ts_event,
            ),
            order_id: 0,
            price: UNDEF_PRICE,
            size: 0,
            flags: FlagSet::new(SNAPSHOT),
            channel_id: head.channel,
            action: action as _,
            side: dbn::Side::None as _,
            ts_recv: self.ts_recv,
            ts_in_delta: wide.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            sequence: head.venue_sequence,
        }
    }
}

impl Known {
    fn by_priority(&self, other: &Self, now: u32) -> Ordering {
        let age = |known: &Self| now.wrapping_sub(known.stamp);
        (self.slot, self.side as u8, self.key)
            .cmp(&(other.slot, other.side as u8, other.key))
            .then(age(other).cmp(&age(self)))
    }
}

impl fmt::Debug for OrderScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderScan")
            .field("slots", &self.slots)
            .field("cursor", &self.cursor)
            .field("known", &self.known.len())
            .field("is_void", &self.is_void)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ScannedOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScannedOrders")
            .field("known", &self.known.len())
            .field("instruments", &self.heads.len())
            .field("invalid", &self.invalid)
            .finish_non_exhaustive()
    }
}
