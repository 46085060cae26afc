//! The order messages that come most, decoded without asking which one it is.
//!
//! Adds (A, F), replaces (U), deletes (D) and cancels (X) are 95 of 100 messages, in an order that no branch
//! predictor foresees: a jump to an arm for each type is mispredicted more often than not, and a mispredicted jump
//! costs more than all else that is done for a message. So these types share one piece of code. A table says where a
//! type has its fields; what it does not have is read from somewhere within the message and masked out.

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

use super::fields::{Price4, Symbol};
use super::messages::{AddOrder, AddOrderAttributed, OrderCancel, OrderDelete, OrderReplace};
use crate::order_index::{Choice, RestingOrder};
use crate::record::MboEvent;

/// Where an order message has what its first record needs. Offsets are in bytes; that of a field which the type does
/// not have is 0.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes of the message; 0 for the types that are decoded elsewhere.
    length: usize,
    shares_at: usize,
    side_at: usize,
    stock_at: usize,
    price_at: usize,
    /// Of the record, see [`MboEvent::codes`]; with all ones in place of the size where the message has no shares.
    codes: u64,
    /// The same for a record that is completed.
    full_codes: u64,
    /// What is added to these where the side is not known.
    full_without_side: u64,
    /// Whether the order is added, or else taken off.
    adds: Choice,
    /// Whether it is so as a whole: not where shares are taken off.
    whole: bool,
    /// Whether a second record follows.
    replaces: bool,
    /// What the four bytes at `price_at` are multiplied by: 100,000 (from 1e-4 to 1e-9), or 0 without a price.
    price_factor: i64,
    /// What is added to that: 0, or `UNDEF_PRICE` without a price.
    price_undefined: i64,
    /// All ones where the message has a symbol, else 0.
    stock_mask: u64,
}

const fn shapes() -> [Shape; 256] {
    let none = Shape {
        length: 0,
        shares_at: 0,
        side_at: 0,
        stock_at: 0,
        price_at: 0,
        codes: 0,
        full_codes: MboEvent::codes(Action::Cancel, LAST),
        full_without_side: MboEvent::flags(PUBLISHER_SPECIFIC),
        adds: Choice::NO,
        whole: true,
        replaces: false,
        price_factor: 0,
        price_undefined: UNDEF_PRICE,
        stock_mask: 0,
    };
    let add = Shape {
        length: AddOrder::LENGTH,
        side_at: 19,
        shares_at: 20,
        stock_at: 24,
        price_at: 32,
        codes: MboEvent::codes(Action::Add, LAST),
        full_codes: MboEvent::codes(Action::Add, LAST),
        full_without_side: 0,
        adds: Choice::YES,
        whole: true,
        replaces: false,
        price_factor: Price4(1).to_nano(),
        price_undefined: 0,
        stock_mask: !0,
    };
    let no_size = UNDEF_ORDER_SIZE as u64;
    let cancel = MboEvent::codes(Action::Cancel, PUBLISHER_SPECIFIC);
    let last = MboEvent::codes(Action::Cancel, PUBLISHER_SPECIFIC | LAST);
    let mut shapes = [none; 256];
    shapes[AddOrder::TYPE as usize] = add;
    shapes[AddOrderAttributed::TYPE as usize] = Shape {
        length: AddOrderAttributed::LENGTH,
        ..add
    };
    shapes[OrderCancel::TYPE as usize] = Shape {
        length: OrderCancel::LENGTH,
        shares_at: 19,
        codes: last,
        whole: false,
        ..none
    };
    shapes[OrderDelete::TYPE as usize] = Shape {
        length: OrderDelete::LENGTH,
        codes: last | no_size,
        ..none
    };
    shapes[OrderReplace::TYPE as usize] = Shape {
        length: OrderReplace::LENGTH,
        codes: cancel | no_size,
        full_codes: MboEvent::codes(Action::Cancel, 0),
        replaces: true,
        ..none
    };
    shapes
}

/// The shapes by the byte that names the type.
static TABLE: [Shape; 256] = shapes();

// What `CommonOrder::read` relies on.
const _: () = {
    let shapes = shapes();
    let mut message_type = 0;
    while message_type < 256 {
        let shape = &shapes[message_type];
        message_type += 1;
        if shape.length > 0 {
            assert!(shape.length >= ORDER_REFERENCE_AT + 8);
            assert!(shape.shares_at + 4 <= shape.length);
            assert!(shape.side_at < shape.length);
            assert!(shape.stock_at + 8 <= shape.length);
            assert!(shape.price_at + 4 <= shape.length);
            assert!(!shape.replaces || shape.length == OrderReplace::LENGTH);
        }
    }
};

/// Where each of these messages names its order, or the original one.
const ORDER_REFERENCE_AT: usize = 11;

/// Where a replacement names its new order.
const NEW_ORDER_REFERENCE_AT: usize = 19;

/// What may be the orders that `message` names, twice the same where it is one: for prefetching only. Where there is
/// none, it is whatever stands in the place, or 0.
#[inline(always)]
pub(super) fn order_references(message: &[u8]) -> [u64; 2] {
    let read = |at: usize| {
        let bytes = message.get(at..).and_then(|rest| rest.first_chunk::<8>());
        bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    };
    let replaces = message.first() == Some(&OrderReplace::TYPE);
    let second = if replaces {
        NEW_ORDER_REFERENCE_AT
    } else {
        ORDER_REFERENCE_AT
    };
    [read(ORDER_REFERENCE_AT), read(second)]
}

/// A side by the byte that names it; any other byte, such as a type, names none.
static SIDES: [Side; 256] = {
    let mut sides = [Side::None; 256];
    sides[b'B' as usize] = Side::Bid;
    sides[b'S' as usize] = Side::Ask;
    sides
};

/// The same in its place in a record.
static SIDE_CODES: [u64; 256] = {
    let mut codes = [0; 256];
    let mut letter = 0;
    while letter < 256 {
        codes[letter] = MboEvent::side_code(SIDES[letter]);
        letter += 1;
    }
    codes
};

/// A message of one of these types.
#[derive(Clone, Copy)]
pub(super) struct CommonOrder<'a> {
    /// As long as the shape says.
    message: &'a [u8],
    shape: &'static Shape,
}

impl<'a> CommonOrder<'a> {
    /// Views `message`; `None` if it is of another type, or not as long as its type.
    #[inline(always)]
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let shape = &TABLE[usize::from(*message.first()?)];
        (message.len() == shape.length).then_some(Self { message, shape })
    }

    /// Reads the `N` bytes at `at`: an offset of the shape, or one that each of these messages has.
    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        debug_assert!(at + N <= self.message.len());
        // SAFETY: `parse` saw that the message is as long as its shape says, and the assertion beside the table that
        // every field at an offset of the shape ends within that length. An array of bytes has no alignment.
        unsafe { *self.message.as_ptr().add(at).cast::<[u8; N]>() }
    }

    #[inline(always)]
    pub(super) fn message_type(&self) -> u8 {
        self.read::<1>(0)[0]
    }

    #[inline(always)]
    pub(super) fn stock_locate(&self) -> u16 {
        u16::from_be_bytes(self.read(1))
    }

    #[inline(always)]
    pub(super) fn timestamp(&self) -> u64 {
        u64::from_be_bytes(self.read(3)) & 0x0000_FFFF_FFFF_FFFF
    }

    /// The order that the message names: the original one of a replacement.
    #[inline(always)]
    pub(super) fn order_reference(&self) -> u64 {
        u64::from_be_bytes(self.read(ORDER_REFERENCE_AT))
    }

    /// The number of shares of a message that has one.
    #[inline(always)]
    pub(super) fn shares(&self) -> u32 {
        u32::from_be_bytes(self.read(self.shape.shares_at))
    }

    /// The price of an added order.
    #[inline(always)]
    pub(super) fn price(&self) -> u32 {
        u32::from_be_bytes(self.read(self.shape.price_at))
    }

    /// The side of an added order.
    #[inline(always)]
    pub(super) fn side(&self) -> Side {
        let [letter] = self.read(self.shape.side_at);
        SIDES[usize::from(letter)]
    }

    /// Whether the message names a symbol other than `known`.
    #[inline(always)]
    pub(super) fn has_news_of(&self, known: u64) -> bool {
        (u64::from_ne_bytes(self.read(self.shape.stock_at)) ^ known) & self.shape.stock_mask != 0
    }

    /// The symbol of a message that has one.
    #[inline(always)]
    pub(super) fn stock(&self) -> Symbol {
        Symbol(self.read(self.shape.stock_at))
    }

    /// Whether the message adds an order or takes a whole one off, and which of the two.
    #[inline(always)]
    pub(super) fn whole(&self) -> Option<Choice> {
        self.shape.whole.then_some(self.shape.adds)
    }

    /// The order that the message adds; of any other but the instrument undefined.
    #[inline(always)]
    pub(super) fn resting(&self) -> RestingOrder {
        RestingOrder {
            price: self.price(),
            size: self.shares(),
            instrument: self.stock_locate(),
            side: self.side(),
        }
    }

    /// Action, flags and side of the message's `full` record, or its first.
    #[inline(always)]
    pub(super) fn full_codes(&self, side: Side) -> u64 {
        let flags = match side {
            Side::None => self.shape.full_without_side,
            Side::Bid | Side::Ask => 0,
        };
        self.shape.full_codes | flags | MboEvent::side_code(side)
    }

    /// The message's `plain` record, or its first.
    #[inline(always)]
    pub(super) fn record(&self, event: &MboEvent) -> [u64; 7] {
        let shape = self.shape;
        let price = i64::from(u32::from_be_bytes(self.read(shape.price_at)));
        let [side] = self.read(shape.side_at);
        event.record_of_codes(
            shape.codes | SIDE_CODES[usize::from(side)],
            self.order_reference(),
            price * shape.price_factor + shape.price_undefined,
            self.shares(),
        )
    }

    /// The new order, where the message replaces one.
    #[inline(always)]
    pub(super) fn replacement(&self) -> Option<OrderReplace<'a>> {
        if self.shape.replaces {
            OrderReplace::parse(self.message)
        } else {
            None
        }
    }
}
