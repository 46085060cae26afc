//! Orders on request: what rests, valid at a position of the queue, for readers who come late.
//!
//! A large book has some hundred thousand orders. They are collected in pieces between the batches of records that the
//! builder applies, some 30 µs at a time, and the last of them, which looks at each instrument, some tenths of a
//! millisecond; what the records change meanwhile is collected with them ([`OrderScan`]). Sorting and composing is left to
//! whoever asked.

use gateway_book::{Books, OrderScan, words};
use gateway_client::protocol::OrdersOf;
use gateway_feed::record::InstrumentId;

use super::table::{BookWriter, worth};
use crate::broker::{Draft, Orders, OrdersRefusal, OrdersRequest};

/// Buckets of the index that a piece looks at: some 30 µs.
const PIECE_BUCKETS: usize = 256;
/// Channels that begin anew during a scan have it begun anew so often.
const ATTEMPTS_MAX: u32 = 3;

/// A request whose orders are being collected.
#[derive(Debug)]
pub(super) struct Collection {
    request: OrdersRequest,
    /// The instrument, if it is one.
    slot: Option<u32>,
    scan: OrderScan,
    attempts: u32,
    is_whole: bool,
}

impl Collection {
    /// Begins with a request. One that is refused at once, or that nobody waits for any longer, is answered.
    pub(super) fn begin(books: &Books, table: &BookWriter, request: OrdersRequest) -> Option<Self> {
        if request.answer.is_closed() {
            return None;
        }
        let slot = match &request.of {
            OrdersOf::All => Ok(None),
            OrdersOf::Id(id) => {
                let book = books.instrument(InstrumentId(*id));
                book.map(|book| Some(book.slot()))
                    .ok_or(OrdersRefusal::UnknownInstrument)
            }
            OrdersOf::Symbol(symbol) => {
                let slot = table.find(books, symbol);
                slot.map(Some).ok_or(OrdersRefusal::UnknownInstrument)
            }
        };
        match slot.and_then(|slot| refuse_invalid(books, slot).map(|()| slot)) {
            Ok(slot) => Some(Self {
                request,
                slot,
                scan: scan(books, slot),
                attempts: 1,
                is_whole: false,
            }),
            Err(refusal) => {
                // Whoever asked may have gone.
                let _ = request.answer.send(Err(refusal));
                None
            }
        }
    }

    /// Takes note of a record that is about to be applied.
    pub(super) fn expect(&mut self, books: &Books, record: &[u64]) {
        self.scan.expect(books, record);
    }

    /// Takes note of what the records did, once they are applied.
    pub(super) fn follow(&mut self, books: &Books) {
        self.scan.follow(books);
    }

    /// Whether all orders were seen, and are still those: what is left to do is to [end](Self::end) it.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole && !self.scan.is_void()
    }

    /// Looks at some more orders, if there are any. Returns nothing where there is no need to go on: nobody waits for the
    /// answer, or too much changes for it.
    pub(super) fn go_on(mut self, books: &Books) -> Option<Self> {
        if self.request.answer.is_closed() {
            return None;
        }
        if self.scan.is_void() {
            if self.attempts == ATTEMPTS_MAX {
                return self.give_up();
            }
            self.attempts += 1;
            self.scan = scan(books, self.slot);
            self.is_whole = false;
        }
        // What records changed is kept for each of them: as much as all orders take, and no more.
        if self.scan.followed() > books.options().orders_max as usize {
            return self.give_up();
        }
        if !self.is_whole {
            self.is_whole = books.scan(&mut self.scan, PIECE_BUCKETS);
        }
        Some(self)
    }

    fn give_up(self) -> Option<Self> {
        let _ = self.request.answer.send(Err(OrdersRefusal::Busy));
        None
    }

    /// Answers with the orders as they are now, at `position`, the next slot of the queue to be read. Whether there were
    /// any. To be called between two messages.
    pub(super) fn end(self, books: &Books, position: u64) -> bool {
        let answer = refuse_invalid(books, self.slot).map(|()| {
            let scanned = books.end_scan(self.scan);
            Draft::new(move || {
                let (instruments, invalid) = (scanned.instruments(), scanned.invalid());
                let mut all = Vec::new();
                scanned.records(|record| all.extend(words(&record)));
                Orders {
                    position,
                    words: all,
                    instruments: instruments as u32,
                    invalid: invalid as u32,
                }
            })
        });
        let is_answered = answer.is_ok();
        // Whoever asked may have gone.
        let _ = self.request.answer.send(answer);
        is_answered
    }
}

fn scan(books: &Books, slot: Option<u32>) -> OrderScan {
    let id = slot.and_then(|slot| books.slot(slot)).map(|book| book.id());
    books.begin_scan(id.as_ref().map(std::slice::from_ref))
}

/// Refuses the orders of a single book that cannot be trusted.
fn refuse_invalid(books: &Books, slot: Option<u32>) -> Result<(), OrdersRefusal> {
    match slot.and_then(|slot| books.slot(slot)) {
        Some(book) if !book.validity().is_valid() => Err(OrdersRefusal::NotValid {
            state: worth(book.validity()).0.name(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use dbn::{Action, Side};
    use gateway_book::BooksOptions;
    use gateway_feed::record::{ControlKind, ControlRecord, MboEvent, RTYPE_CONTROL};
    use tokio::sync::oneshot::{self, Receiver};

    use super::*;

    fn control(kind: ControlKind) -> [u64; 7] {
        ControlRecord {
            length: 14,
            rtype: RTYPE_CONTROL,
            publisher_id: 2,
            instrument_id: 0,
            ts_event: 0,
            kind: kind as u16,
            channel_id: 0,
            reserved: [0; 5],
            sequence: 1,
            count: 0,
            ts_recv: 0,
            session: [0; 8],
        }
        .words()
    }

    fn apply(books: &mut Books, collection: &mut Option<Collection>, record: &[u64]) {
        if let Some(collection) = collection {
            collection.expect(books, record);
        }
        let sequence = books.sequence() + 1;
        let _ = books.apply(record, sequence);
        if let Some(collection) = collection {
            collection.follow(books);
        }
    }

    type Answer = Receiver<Result<Draft, OrdersRefusal>>;

    /// Books with one order, all of which was just seen for a request.
    fn seen() -> (Books, Option<Collection>, Answer) {
        let options = BooksOptions {
            orders_max: 100,
            levels_max: 100,
            instruments_max: 10,
            publisher_id: Some(2),
        };
        let mut books = Books::new(&options).unwrap();
        let (table, _handle) = BookWriter::create("b", "q", 10).unwrap();
        let mut none = None;
        apply(&mut books, &mut none, &control(ControlKind::SessionStart));
        let (head, channel) = (MboEvent::head(2), MboEvent::channel(0));
        let event = MboEvent::new(head, channel, InstrumentId(5), 1, 1, 1);
        let flags = dbn::flags::LAST;
        let order = event.record(Action::Add, Side::Bid, 7, 10_000_000, 100, flags);
        apply(&mut books, &mut none, &order);
        let (answer, answered) = oneshot::channel();
        let request = OrdersRequest {
            of: OrdersOf::All,
            answer,
        };
        let mut collection = Collection::begin(&books, &table, request);
        while !collection.as_ref().unwrap().is_whole() {
            collection = collection.unwrap().go_on(&books);
        }
        (books, collection, answered)
    }

    #[test]
    fn a_channel_that_begins_anew_after_all_was_seen_has_it_looked_at_again() {
        for kind in [
            ControlKind::SessionStart,
            ControlKind::Reset,
            ControlKind::SnapshotBegin,
        ] {
            let (mut books, mut collection, mut answered) = seen();
            apply(&mut books, &mut collection, &control(kind));
            assert!(!collection.as_ref().unwrap().is_whole(), "{kind:?}");
            while !collection.as_ref().unwrap().is_whole() {
                collection = collection.unwrap().go_on(&books);
            }
            assert!(collection.unwrap().end(&books, 9));
            let orders = answered.try_recv().unwrap().unwrap().finish();
            // A Clear, where the book is valid.
            assert!(orders.words.len() <= 7, "{kind:?}: orders of before");
        }
    }

    #[test]
    fn what_is_asked_for_again_and_silence_leave_a_collection_as_it_is() {
        let (mut books, mut collection, mut answered) = seen();
        for kind in [
            ControlKind::Recovering,
            ControlKind::Recovered,
            ControlKind::Stale,
            ControlKind::Live,
            ControlKind::SessionEnd,
        ] {
            apply(&mut books, &mut collection, &control(kind));
            assert!(collection.as_ref().unwrap().is_whole(), "{kind:?}");
        }
        assert!(collection.unwrap().end(&books, 9));
        let orders = answered.try_recv().unwrap().unwrap().finish();
        assert_eq!(orders.words.len(), 14, "a Clear and an Add");
    }

    #[test]
    fn a_request_that_nobody_waits_for_is_dropped_though_all_was_seen() {
        let (books, collection, answered) = seen();
        drop(answered);
        assert!(collection.unwrap().go_on(&books).is_none());
    }
}
