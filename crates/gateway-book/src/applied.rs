//! What a record did to the books.

use gateway_record::InstrumentId;

/// Whom a record concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nobody: a record without meaning for books, or one that was not applied.
    Nobody,
    /// The book of one instrument.
    Instrument {
        /// The instrument.
        id: InstrumentId,
        /// Its slot, see [`Book::slot`](crate::Book::slot).
        slot: u32,
    },
    /// Every book of one channel.
    Channel(u8),
    /// Every book.
    All,
}

/// How near to the best price a book changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Change {
    /// Nothing rests otherwise than before.
    #[default]
    Nothing = 0,
    /// Behind the ten best levels.
    Deeper = 1,
    /// Among the ten best levels of a side, but not at the best.
    Ten = 2,
    /// The best level of a side: its price, its size or its number of orders.
    Best = 3,
}

impl Change {
    #[inline(always)]
    pub(crate) const fn from_number(number: u8) -> Self {
        // Looked up rather than branched on: how near to the best price a book changes is chance.
        [Self::Nothing, Self::Deeper, Self::Ten, Self::Best][number as usize & 3]
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Applied {
    /// Whom it concerned.
    pub subject: Subject,
    /// The nearest change of the book since its last complete event: a message may be several records.
    pub change: Change,
    /// It was the last record of its message (`F_LAST`), so that the book can be looked at. Always so for records that
    /// are not about orders.
    pub complete: bool,
    /// It was a trade that is the book's last now.
    pub trade: bool,
    /// The instrument's trading status was told.
    pub status: bool,
    /// The slot of another instrument whose book changed and is not valid any more: an order was added under the
    /// reference of one of its own.
    pub also: Option<u32>,
    /// Whether the subject can be trusted may be otherwise than before.
    pub validity: bool,
}

impl Applied {
    /// A record that says nothing about books.
    pub(crate) const NOTHING: Self = Self {
        subject: Subject::Nobody,
        change: Change::Nothing,
        complete: true,
        trade: false,
        status: false,
        also: None,
        validity: false,
    };

    /// Every book of the subject begins anew or cannot be trusted any longer.
    pub(crate) const fn of_many(subject: Subject, change: Change) -> Self {
        Self {
            subject,
            change,
            validity: true,
            ..Self::NOTHING
        }
    }
}
