//! The conflated queue: books as they are once in a while, as DBN's `mbp-1` or `mbp-10` records.
//!
//! An instrument is told at most once an interval, with its last state; what changed in between is merged. Records have
//! action `N`, no side, no price and no size, because they tell of no event; a book that cannot be trusted has
//! `F_MAYBE_BAD_BOOK`.

use std::ffi::c_char;

use dbn::flags::{LAST, MAYBE_BAD_BOOK, MBP};
use dbn::{Action, FlagSet, RecordHeader, Side, UNDEF_PRICE};
use gateway_book::{Applied, Book, Books, Change, Subject};
use gateway_feed::record::v3::{Mbp1Msg, Mbp10Msg};
use gateway_feed::record::{WORDS_MAX, words_into};
use gateway_queue::{Ending, Publisher, PublisherOptions, QueueError, QueueHandle};

use crate::config::model::{Conflated, ConflatedRecords};

/// Records of what layout the queue holds: as those of the workers' queues.
const SCHEMA_ID: u64 = u64::from_le_bytes(*b"GWRECORD");
const SCHEMA_VERSION: u32 = 3;

/// Publishes to a conflated queue.
#[derive(Debug)]
pub struct Conflation {
    publisher: Publisher,
    options: PublisherOptions,
    records: ConflatedRecords,
    interval_ns: u64,
    due_ns: u64,
    /// By slot: whether it is among the pending, and when the gateway received what changed it last.
    is_pending: Vec<bool>,
    received_ns: Vec<u64>,
    pending: Vec<u32>,
    /// Changes so far.
    pub changes: u64,
    /// Of these, changes that were merged with a later one.
    pub conflated: u64,
    /// Books told so far.
    pub published: u64,
}

impl Conflation {
    /// Makes the queue; memory for what this will ever need is taken now.
    ///
    /// # Errors
    /// The kernel refuses memory.
    pub fn create(
        name: &str,
        instruments_max: u32,
        conflated: Conflated,
    ) -> Result<(Self, QueueHandle), QueueError> {
        let options = PublisherOptions {
            name: name.to_owned(),
            slots: conflated.slots,
            schema_id: SCHEMA_ID,
            schema_version: SCHEMA_VERSION,
            ..PublisherOptions::default()
        };
        let (publisher, handle) = Publisher::create(&options)?;
        let instruments = instruments_max as usize;
        let conflation = Self {
            publisher,
            options,
            records: conflated.records,
            interval_ns: u64::try_from(conflated.interval.as_nanos()).unwrap_or(u64::MAX),
            due_ns: 0,
            is_pending: vec![false; instruments],
            received_ns: vec![0; instruments],
            pending: Vec::with_capacity(instruments),
            changes: 0,
            conflated: 0,
            published: 0,
        };
        Ok((conflation, handle))
    }

    /// Takes note of a change of the book of `slot`, if it is one that the records tell.
    #[inline]
    pub fn note(&mut self, applied: &Applied, slot: u32, received_ns: u64) {
        let index = slot as usize;
        let Some(is_pending) = self.is_pending.get_mut(index) else {
            return;
        };
        if received_ns != 0 {
            self.received_ns[index] = received_ns;
        }
        let shows = match self.records {
            ConflatedRecords::Mbp1 => applied.change >= Change::Best,
            ConflatedRecords::Mbp10 => applied.change >= Change::Ten,
        };
        let of_many = !matches!(applied.subject, Subject::Instrument { .. });
        if !(shows || applied.validity || applied.also == Some(slot) || of_many) {
            return;
        }
        self.changes += 1;
        if *is_pending {
            self.conflated += 1;
        } else {
            *is_pending = true;
            self.pending.push(slot);
        }
    }

    /// Tells what is due. What is not complete waits for the next time.
    pub fn publish_due(&mut self, books: &Books, now_ns: u64) {
        if self.pending.is_empty() || now_ns < self.due_ns {
            return;
        }
        self.due_ns = now_ns.saturating_add(self.interval_ns);
        self.publish(books);
    }

    /// Tells everything that changed.
    fn publish(&mut self, books: &Books) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|&slot| {
            let Some(book) = books.slot(slot) else {
                return false;
            };
            if !book.is_complete() {
                return true;
            }
            self.is_pending[slot as usize] = false;
            self.tell(books, book);
            false
        });
        self.pending = pending;
    }

    /// Passes a record on as it is, after what changed before it.
    pub fn pass_on(&mut self, books: &Books, words: &[u64]) {
        self.publish(books);
        // Every record of a worker's queue fits: the limits are the same.
        let _ = self.publisher.publish(words);
    }

    /// Says that the builder is alive.
    pub fn heartbeat(&mut self, now_ns: u64) {
        self.publisher.heartbeat(now_ns);
    }

    /// Makes another queue and publishes to that from now on; the old one is returned, to be ended.
    ///
    /// # Errors
    /// The kernel refuses memory; nothing changed then.
    pub fn rotate(&mut self) -> Result<(Publisher, QueueHandle), QueueError> {
        let (mut publisher, handle) = Publisher::create(&self.options)?;
        publisher.carry_resync(&self.publisher);
        Ok((std::mem::replace(&mut self.publisher, publisher), handle))
    }

    /// Tells what is left and ends the queue.
    pub fn close(mut self, books: &Books) {
        self.publish(books);
        self.publisher.close(Ending::Closed);
    }

    fn tell(&mut self, books: &Books, book: Book<'_>) {
        let ts_recv = self.received_ns[book.slot() as usize];
        let ts_event = book.ts_event();
        let delta = ts_recv.wrapping_sub(ts_event).cast_signed();
        let ts_in_delta = delta.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let flags = if book.validity().is_valid() {
            LAST | MBP
        } else {
            LAST | MBP | MAYBE_BAD_BOOK
        };
        let publisher = books.publisher_id().unwrap_or_default();
        let mut words = [0; WORDS_MAX];
        let words = match self.records {
            ConflatedRecords::Mbp1 => {
                let hd = RecordHeader::new::<Mbp1Msg>(
                    dbn::rtype::MBP_1,
                    publisher,
                    book.id().0,
                    ts_event,
                );
                let record = Mbp1Msg {
                    hd,
                    price: UNDEF_PRICE,
                    size: 0,
                    action: Action::None as u8 as c_char,
                    side: Side::None as u8 as c_char,
                    flags: FlagSet::new(flags),
                    depth: 0,
                    ts_recv,
                    ts_in_delta,
                    sequence: book.venue_sequence(),
                    levels: book.top::<1>(),
                };
                words_into(&record, &mut words)
            }
            ConflatedRecords::Mbp10 => {
                let hd = RecordHeader::new::<Mbp10Msg>(
                    dbn::rtype::MBP_10,
                    publisher,
                    book.id().0,
                    ts_event,
                );
                let record = Mbp10Msg {
                    hd,
                    price: UNDEF_PRICE,
                    size: 0,
                    action: Action::None as u8 as c_char,
                    side: Side::None as u8 as c_char,
                    flags: FlagSet::new(flags),
                    depth: 0,
                    ts_recv,
                    ts_in_delta,
                    sequence: book.venue_sequence(),
                    levels: book.top::<10>(),
                };
                words_into(&record, &mut words)
            }
        };
        self.published += u64::from(self.publisher.publish(words));
    }
}
