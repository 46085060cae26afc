//! Which instruments a message of the incremental feed is about, and where it stands in each one's reports.

use super::super::sbe::Header;
use super::super::schema::{
    Book, DailyStatistics, Limits, LongBook, LongSessionStatistics, LongTrades, LongVolume,
    OrderBook, SessionStatistics, Trades, Volume,
};

/// "MDEntryType": the book is empty.
const EMPTY_BOOK: u8 = b'J';

/// An entry about an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) security_id: i32,
    /// "RptSeq"; 0 where the entry has none: orders alone are not counted.
    pub(super) rpt_seq: u32,
    /// Whether the instrument's book is empty from here on.
    pub(super) empties: bool,
}

/// What a message can do to books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touches {
    Nothing,
    Levels,
    Orders,
    Both,
}

/// Hands each entry about an instrument to `visit`, in order. A message that cannot be read has none.
pub(super) fn updates(header: &Header, body: &[u8], mut visit: impl FnMut(Update)) -> Touches {
    macro_rules! walk {
        ($view:ident, |$entry:ident| ($rpt_seq:expr, $empties:expr)) => {
            if let Some(view) = $view::parse(header, body) {
                for $entry in view.entries {
                    visit(Update {
                        security_id: $entry.security_id(),
                        rpt_seq: $rpt_seq,
                        empties: $empties,
                    });
                }
            }
        };
    }
    macro_rules! book {
        ($view:ident) => {{
            walk!($view, |entry| (
                entry.rpt_seq(),
                entry.entry_type() == EMPTY_BOOK
            ));
            let orders = $view::parse(header, body).is_some_and(|view| !view.orders.is_empty());
            return if orders {
                Touches::Both
            } else {
                Touches::Levels
            };
        }};
    }
    match header.template_id {
        32 | 46 => book!(Book),
        64 => book!(LongBook),
        43 | 47 => {
            walk!(OrderBook, |entry| (0, entry.entry_type() == EMPTY_BOOK));
            return Touches::Orders;
        }
        42 | 48 => walk!(Trades, |entry| (entry.rpt_seq(), false)),
        65 => walk!(LongTrades, |entry| (entry.rpt_seq(), false)),
        37 => walk!(Volume, |entry| (entry.rpt_seq(), false)),
        66 => walk!(LongVolume, |entry| (entry.rpt_seq(), false)),
        33 | 49 => walk!(DailyStatistics, |entry| (entry.rpt_seq(), false)),
        34 | 50 => walk!(Limits, |entry| (entry.rpt_seq(), false)),
        35 | 51 => walk!(SessionStatistics, |entry| (entry.rpt_seq(), false)),
        67 => walk!(LongSessionStatistics, |entry| (entry.rpt_seq(), false)),
        _ => {}
    }
    Touches::Nothing
}
