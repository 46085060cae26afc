//! An order record, read from its words.

use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE};

use gateway_record::{WORDS_MAX, v3, words_into};

use crate::side::BookSide;

/// Words of an order record.
pub(crate) const WORDS: usize = 7;

/// The words of an order record, by field: see [`gateway_record::MboEvent`], which composes them.
#[derive(Clone, Copy)]
pub(crate) struct Mbo<'a>(pub(crate) &'a [u64; WORDS]);

impl Mbo<'_> {
    /// The words of a record.
    pub(crate) fn words(record: &v3::MboMsg) -> [u64; WORDS] {
        let mut words = [0; WORDS_MAX];
        let mut taken = [0; WORDS];
        taken.copy_from_slice(words_into(record, &mut words));
        taken
    }

    /// What the low half of an order record's first word is: length, type, publisher.
    pub(crate) const fn head(publisher_id: u16) -> u32 {
        gateway_record::MboEvent::head(publisher_id) as u32
    }

    #[inline(always)]
    pub(crate) const fn instrument(self) -> u32 {
        (self.0[0] >> 32) as u32
    }

    #[inline(always)]
    pub(crate) const fn ts_event(self) -> u64 {
        self.0[1]
    }

    #[inline(always)]
    pub(crate) const fn order_id(self) -> u64 {
        self.0[2]
    }

    #[inline(always)]
    pub(crate) const fn price(self) -> i64 {
        self.0[3].cast_signed()
    }

    #[inline(always)]
    pub(crate) const fn size(self) -> u32 {
        self.0[4] as u32
    }

    #[inline(always)]
    pub(crate) const fn flags(self) -> u8 {
        (self.0[4] >> 32) as u8
    }

    #[inline(always)]
    pub(crate) const fn channel(self) -> u8 {
        (self.0[4] >> 40) as u8
    }

    #[inline(always)]
    pub(crate) const fn action(self) -> u8 {
        (self.0[4] >> 48) as u8
    }

    #[inline(always)]
    pub(crate) const fn side_code(self) -> u8 {
        (self.0[4] >> 56) as u8
    }

    #[inline(always)]
    pub(crate) const fn ts_recv(self) -> u64 {
        self.0[5]
    }

    #[inline(always)]
    pub(crate) const fn venue_sequence(self) -> u32 {
        (self.0[6] >> 32) as u32
    }

    /// The side; a bid where the record has none.
    #[inline(always)]
    pub(crate) const fn side_or_bid(self) -> BookSide {
        // Which of the two it is is chance, and so not branched on.
        if self.side_code() == b'A' {
            BookSide::Ask
        } else {
            BookSide::Bid
        }
    }

    /// The number of the side, of a record that has one; else any.
    #[inline(always)]
    pub(crate) const fn side_bit(self) -> usize {
        // The last bit of the letters A and B.
        self.side_code() as usize & 1
    }

    /// Whether the record has a side.
    #[inline(always)]
    pub(crate) const fn has_side(self) -> bool {
        self.side_code().wrapping_sub(b'A') < 2
    }

    /// Side and price, where the record has both.
    #[inline(always)]
    pub(crate) fn place(self) -> Option<(BookSide, i64)> {
        let side = BookSide::from_code(self.side_code())?;
        (self.price() != UNDEF_PRICE).then_some((side, self.price()))
    }

    /// The size, where the record has one that an order can have.
    #[inline(always)]
    pub(crate) fn order_size(self) -> Option<u32> {
        let size = self.size();
        (size != 0 && size != UNDEF_ORDER_SIZE).then_some(size)
    }
}
