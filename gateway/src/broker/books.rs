//! Books as the broker gives them out: tables to map, and orders on request.
//!
//! A table is memory like a queue's. Orders are asked of the thread that builds the books: a [`Desk`] takes requests to
//! it, few at a time, and it decides how much of its time they may cost. An answer goes out as a memory file that the
//! broker empties again ([`LentWords`]), so that descriptors which a client keeps hold no memory; all that is lent at a
//! time is bounded.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use gateway_client::protocol::{BookInfo, ErrorCode, OrdersOf};
use gateway_queue::LentWords;
use gateway_queue::table::TableHandle;
use tokio::sync::oneshot;

/// Requests that wait for the builder.
const REQUESTS_MAX: usize = 16;
/// How long the builder may take to answer.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long a client may take to read its orders.
pub(super) const LENT_MAX: Duration = Duration::from_secs(5);
/// Bytes that are lent at a time. What is longer is lent alone.
const LENT_BYTES_MAX: u64 = 256 << 20;

/// A book, in its present epoch.
#[derive(Clone, Debug)]
pub struct OfferedBook {
    /// Its table.
    pub table: TableHandle,
    /// Where orders are asked for.
    pub desk: Desk,
}

impl OfferedBook {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.table.header().name
    }

    pub(super) fn info(&self) -> BookInfo {
        let header = self.table.header();
        BookInfo {
            name: header.name.clone(),
            queue: header.source.clone(),
            epoch: header.epoch,
            applied: self.table.applied(),
            instruments: self.table.entries(),
            instruments_max: header.entries_max,
        }
    }
}

/// A request for orders, on its way to the builder of the books.
#[derive(Debug)]
pub struct OrdersRequest {
    /// Whose orders.
    pub of: OrdersOf,
    /// Where the answer goes. Closed where nobody waits for it any longer.
    pub answer: oneshot::Sender<Result<Draft, OrdersRefusal>>,
}

/// Orders that are collected and only have to be put in order, which is done on a thread that may take its time.
pub struct Draft(Box<dyn FnOnce() -> Orders + Send>);

impl Draft {
    /// One that `finish` makes orders of.
    #[must_use]
    pub fn new(finish: impl FnOnce() -> Orders + Send + 'static) -> Self {
        Self(Box::new(finish))
    }

    /// Puts them in order, which may take a while (half a second at a million orders).
    #[must_use]
    pub fn finish(self) -> Orders {
        (self.0)()
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draft")
    }
}

/// Orders at a position of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Records of the queue below it are in them, counted since the gateway started.
    pub position: u64,
    /// The words of order records of seven words each.
    pub words: Vec<u64>,
    /// How many instruments they are of.
    pub instruments: u32,
    /// How many were left out because their books cannot be trusted.
    pub invalid: u32,
}

/// Why there are no orders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrdersRefusal {
    /// The book has no such instrument.
    #[error("there is no such instrument in the book, or it was not announced yet")]
    UnknownInstrument,
    /// Its book cannot be trusted.
    #[error("its book is not valid ({state}): ask again when the table says that it is")]
    NotValid {
        /// Why not.
        state: &'static str,
    },
    /// The builder has more to do than it can.
    #[error("the book service is busy with other requests: ask again later")]
    Busy,
    /// Too much is lent at the moment.
    #[error("other clients are being given orders: ask again in some seconds")]
    Lent,
}

impl OrdersRefusal {
    pub(super) const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownInstrument => ErrorCode::UnknownInstrument,
            Self::NotValid { .. } => ErrorCode::NotValid,
            Self::Busy | Self::Lent => ErrorCode::Later,
        }
    }
}

/// Takes requests for orders to the builder of the books. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    requests: Sender<OrdersRequest>,
    readers: Arc<AtomicU64>,
}

impl Desk {
    /// A desk, and the builder's end of it.
    #[must_use]
    pub fn new() -> (Self, Receiver<OrdersRequest>) {
        let (requests, received) = bounded(REQUESTS_MAX);
        let desk = Self {
            requests,
            readers: Arc::default(),
        };
        (desk, received)
    }

    /// How many clients read the book's table.
    #[must_use]
    pub fn readers(&self) -> u64 {
        // A statistic: no order needed.
        self.readers.load(Ordering::Relaxed)
    }

    /// Counts a reader of the table until the guard is dropped.
    pub(super) fn reader(&self) -> TableReaderGuard {
        self.readers.fetch_add(1, Ordering::Relaxed);
        TableReaderGuard(Arc::clone(&self.readers))
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, of: OrdersOf) -> Result<Orders, OrdersRefusal> {
        let (answer, answered) = oneshot::channel();
        let request = OrdersRequest { of, answer };
        self.requests
            .try_send(request)
            .map_err(|_| OrdersRefusal::Busy)?;
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(Ok(draft)) => {
                let draft = draft?;
                let sorted = tokio::task::spawn_blocking(|| draft.finish()).await;
                // A thread that panicked is a defect that its message tells of.
                sorted.map_err(|_| OrdersRefusal::Busy)
            }
            // It takes too long, or has ended.
            Ok(Err(_)) | Err(_) => Err(OrdersRefusal::Busy),
        }
    }
}

/// A client that reads a table.
#[derive(Debug)]
pub(super) struct TableReaderGuard(Arc<AtomicU64>);

impl Drop for TableReaderGuard {
    fn drop(&mut self) {
        // A statistic: no order needed.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What all clients together were lent.
#[derive(Debug, Default)]
pub(super) struct Purse {
    lent: Arc<AtomicU64>,
}

/// Orders that a client has a descriptor of. Dropped, their memory is free.
#[derive(Debug)]
pub(super) struct Loan {
    pub(super) words: LentWords,
    _reservation: Reservation,
}

/// Bytes that may be lent, and count until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    lent: Arc<AtomicU64>,
    bytes: u64,
}

impl Purse {
    /// Takes so many bytes out of what may be lent.
    pub(super) fn reserve(&self, bytes: u64) -> Result<Reservation, OrdersRefusal> {
        // A budget: only its own order matters.
        let fits = |lent: u64| (lent == 0 || lent + bytes <= LENT_BYTES_MAX).then(|| lent + bytes);
        self.lent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| OrdersRefusal::Lent)?;
        Ok(Reservation {
            lent: Arc::clone(&self.lent),
            bytes,
        })
    }
}

impl Reservation {
    pub(super) const fn lend(self, words: LentWords) -> Loan {
        Loan {
            words,
            _reservation: self,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.lent.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn no_more_is_lent_at_a_time_than_is_allowed_but_for_one_that_is_larger() {
        let purse = Purse::default();
        let large = purse.reserve(LENT_BYTES_MAX * 2).unwrap();
        assert_eq!(purse.reserve(1).unwrap_err(), OrdersRefusal::Lent);
        drop(large);
        let half = purse.reserve(LENT_BYTES_MAX / 2).unwrap();
        let _other = purse.reserve(LENT_BYTES_MAX / 2).unwrap();
        assert!(purse.reserve(1).is_err());
        drop(half);
        assert!(purse.reserve(LENT_BYTES_MAX / 2).is_ok());
    }
}
