//! Orders on request: what rests, valid at a position of the queue, for readers who come late.
//!
//! A large book has some hundred thousand orders. They are collected in pieces between the batches of records that the
//! builder applies, so that a request never keeps it for longer than a batch does; what the records change meanwhile is
//! collected with them ([`OrderScan`]). Sorting and composing is left to whoever asked.

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

    /// Whether all orders were seen: what is left to do is to [end](Self::end) it.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Looks at some more orders. Returns nothing where there is no need to go on: nobody waits for the answer, or too much
    /// changes for it.
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
        }
        // What records changed is kept for each of them: as much as all orders take, and no more.
        if self.scan.followed() > books.options().orders_max as usize {
            return self.give_up();
        }
        self.is_whole = books.scan(&mut self.scan, PIECE_BUCKETS);
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
