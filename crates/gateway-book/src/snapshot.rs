//! A book as order records: what a reader who comes late needs to go on from.

use gateway_record::{InstrumentId, v3};

use crate::books::Books;
use crate::mbo::Mbo;

impl Books {
    /// The book of an instrument as order records, appended to `into`: a Clear, then an Add for each order, bids before
    /// asks, the best price first and at each price the oldest order first. All are flagged `F_SNAPSHOT`, the last
    /// `F_LAST`. Says whether the instrument has a book; where it has none nothing is appended.
    ///
    /// The records are valid at [`Books::sequence`]: whoever applies them goes on with the record behind it. Their time
    /// and their sequence are those of the instrument's last message, as those of an order are not kept.
    ///
    /// Looks at the orders of all books (some milliseconds for a million) and takes memory for them: not for every record.
    /// Several instruments cost little more than one: [`orders_of`](Self::orders_of). Who cannot wait for so long takes
    /// [`begin_scan`](Self::begin_scan).
    pub fn orders(&self, id: InstrumentId, into: &mut Vec<v3::MboMsg>) -> bool {
        self.orders_of(&[id], into) == 1
    }

    /// The books of several instruments as [`orders`](Self::orders) has them, one after another in the order in which
    /// they were first heard of. Instruments without a book are left out. Gives how many there are.
    pub fn orders_of(&self, ids: &[InstrumentId], into: &mut Vec<v3::MboMsg>) -> usize {
        let mut scan = self.begin_scan(Some(ids));
        self.scan(&mut scan, usize::MAX);
        let scanned = self.end_scan(scan);
        let instruments = scanned.instruments();
        scanned.records(|record| into.push(record));
        instruments
    }
}

/// The words of an order record, as a queue has them and [`Books::apply`] takes them.
#[must_use]
pub fn words(record: &v3::MboMsg) -> [u64; 7] {
    Mbo::words(record)
}
