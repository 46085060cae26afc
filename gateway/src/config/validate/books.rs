//! Books: each is built from one queue, whose records tell everything that a book needs.

use std::time::Duration;

use gateway_feed::class::Classes;

use super::super::document::{Field, Findings};
use super::super::model::{
    Book, Channel, Conflated, ConflatedRecords, Feed, Gateway, Queue, Records, Wait, Worker,
};
use super::super::raw::{RawBook, RawConfig};
use super::queues::slots;
use super::{Names, check_name, core, number, text};

const INSTRUMENTS_DEFAULT: u64 = 16_384;
const INSTRUMENTS: std::ops::RangeInclusive<u64> = 1..=gateway_book::INSTRUMENTS_MAX as u64;
const ORDERS: std::ops::RangeInclusive<u64> = 1..=gateway_book::ORDERS_MAX as u64;
const LEVELS: std::ops::RangeInclusive<u64> = 1..=gateway_book::LEVELS_MAX as u64;
/// Default, and at most ten seconds.
const INTERVAL_DEFAULT_US: u64 = 1_000;
const INTERVAL_US: std::ops::RangeInclusive<u64> = 0..=10_000_000;
/// A ring of fewer slots holds less than a tenth of a second of the busiest feeds' peaks.
const SLOTS_ENOUGH: u64 = 65_536;

/// Every book, with its queue resolved.
pub(super) fn books(
    raw: &RawConfig,
    gateway: &Gateway,
    workers: &[Worker],
    channels: &[Channel],
    queues: &[Queue],
    findings: &Findings,
) -> Vec<Book> {
    let unchecked = Findings::default();
    let queue_names = Names::collect(
        "queue",
        raw.queues.iter().map(|q| q.name.as_ref()),
        &unchecked,
    );
    Names::collect("book", raw.books.iter().map(|b| b.name.as_ref()), findings);
    let mut books: Vec<Book> = Vec::new();
    for book in &raw.books {
        if let Some(name) = &book.name
            && queue_names.knows(&name.value)
        {
            check_name(name, findings);
            findings.add(
                &name.place,
                "a queue has this name",
                "give the book another: its conflated queue has its name",
            );
        }
        let queue = book
            .queue
            .as_ref()
            .and_then(|field| queue_names.resolve(&field.value, &field.place, findings));
        if let (Some(queue), Some(field)) = (queue, &book.queue) {
            check_queue(&queues[queue], channels, field, findings);
        }
        let orders = queue.map_or(1_000_000, |queue| {
            let of = queues[queue].channels.iter();
            of.map(|channel| u64::from(channels[*channel].orders_max))
                .sum()
        });
        let orders_max = number(
            book.orders_max.as_ref(),
            ORDERS,
            orders.clamp(*ORDERS.start(), *ORDERS.end()),
            "orders",
            findings,
        );
        let levels = (orders_max / 2).max(1_000).min(*LEVELS.end());
        let levels_max = number(
            book.levels_max.as_ref(),
            LEVELS,
            levels,
            "price levels",
            findings,
        );
        let instruments_max = number(
            book.instruments_max.as_ref(),
            INSTRUMENTS,
            INSTRUMENTS_DEFAULT,
            "instruments",
            findings,
        );
        let wait = book.wait.as_ref().map_or(Wait::Sleep, |field| field.value);
        let core = core(book.core.as_ref(), findings);
        if let (Some(core), Some(field)) = (core, &book.core) {
            own_core(core, wait, field, gateway, workers, &books, findings);
        }
        books.push(Book {
            name: text(book.name.as_ref(), ""),
            queue: queue.unwrap_or(0),
            // The ranges end below 2³².
            instruments_max: u32::try_from(instruments_max).unwrap_or(u32::MAX),
            orders_max: u32::try_from(orders_max).unwrap_or(u32::MAX),
            levels_max: u32::try_from(levels_max).unwrap_or(u32::MAX),
            core,
            wait,
            conflated: conflated(book, findings),
        });
    }
    books
}

/// A book needs every record about orders, complete, of one publisher.
fn check_queue(queue: &Queue, channels: &[Channel], field: &Field<String>, findings: &Findings) {
    if queue.records != Records::Full {
        findings.add(
            &field.place,
            "a book cannot be built from this queue: its records lack side, price or size",
            "set records = \"full\" for the queue, or name one that has them",
        );
    }
    for (name, class) in Classes::NAMED {
        let needed = Classes::ORDERS | Classes::TRADES;
        let useful = Classes::DEFINITIONS | Classes::STATUS;
        if queue.classes.meets(class) {
            continue;
        }
        if needed.meets(class) {
            findings.add(
                &field.place,
                format!("a book cannot be built from this queue: it lacks the class \"{name}\""),
                "leave `classes` out for the queue, or name another",
            );
        } else if useful.meets(class) {
            findings.warn(
                &field.place,
                format!(
                    "the queue lacks the class \"{name}\": {}",
                    if name == "status" {
                        "its books have no trading status"
                    } else {
                        "its books have no symbols, and are found by number only"
                    }
                ),
                "leave `classes` out for the queue",
            );
        }
    }
    let levels = |index: &usize| {
        let feed = channels[*index].feed;
        matches!(feed, Feed::IexDeep | Feed::CmeMdp3 | Feed::NasdaqBbo)
    };
    if queue.channels.iter().any(levels) {
        findings.add(
            &field.place,
            "a book cannot be built from this queue: books are built from orders, and its feed tells levels",
            "remove the book: strategies have the levels from the queue, flagged F_MBP",
        );
    }
    // Nasdaq numbers its instruments for all channels; elsewhere each channel's decoder does, from 1.
    let numbers_itself = |index: &usize| channels[*index].feed != Feed::NasdaqItch50;
    if queue.channels.len() > 1 && queue.channels.iter().any(numbers_itself) {
        findings.add(
            &field.place,
            "the queue carries several channels, each of which numbers its instruments itself: other instruments with the \
             same numbers",
            "make one queue and one book for each channel",
        );
    }
    let venues = |index: &usize| channels[*index].publisher();
    let mut publishers = queue.channels.iter().map(venues);
    if let Some(first) = publishers.next()
        && publishers.any(|publisher| publisher != first)
    {
        findings.add(
            &field.place,
            "the queue carries several venues, whose orders and instruments may have the same numbers",
            "make one queue and one book for each venue",
        );
    }
    if queue.slots < SLOTS_ENOUGH {
        findings.warn(
            &field.place,
            format!(
                "the queue has {} slots: a builder of books that is not run for some milliseconds of a peak loses \
                 records, and all books with them",
                queue.slots
            ),
            "give the queue 1048576 slots (64 MiB), about a second of the busiest peaks",
        );
    }
}

/// Two threads that never sleep cannot share a core.
fn own_core(
    core: usize,
    wait: Wait,
    field: &Field<u32>,
    gateway: &Gateway,
    workers: &[Worker],
    books: &[Book],
    findings: &Findings,
) {
    let of_worker = workers
        .iter()
        .find(|worker| worker.core == Some(core) && worker.wait != Wait::Sleep);
    let of_book = books.iter().find(|book| book.core == Some(core));
    let other = if let Some(worker) = of_worker {
        format!("worker \"{}\"", worker.name)
    } else if let Some(book) =
        of_book.filter(|book| book.wait != Wait::Sleep || wait != Wait::Sleep)
    {
        format!("book \"{}\"", book.name)
    } else if gateway.housekeeping_core == Some(core) && wait != Wait::Sleep {
        "the housekeeping thread".to_owned()
    } else {
        return;
    };
    findings.add(
        &field.place,
        format!("{other} is on this core already, and one of them never sleeps"),
        "give each its own core",
    );
}

fn conflated(book: &RawBook, findings: &Findings) -> Option<Conflated> {
    let records: Option<ConflatedRecords> = book.conflated.as_ref().and_then(|f| f.value.into());
    let interval_us = number(
        book.conflation_interval_us.as_ref(),
        INTERVAL_US,
        INTERVAL_DEFAULT_US,
        "microseconds",
        findings,
    );
    let slots = slots(book.conflated_slots.as_ref(), findings);
    if records.is_none() {
        for place in [
            book.conflation_interval_us.as_ref().map(|f| &f.place),
            book.conflated_slots.as_ref().map(|f| &f.place),
        ]
        .into_iter()
        .flatten()
        {
            findings.warn(
                place,
                "means nothing without a conflated queue",
                "set conflated = \"mbp-1\" or \"mbp-10\", or remove it",
            );
        }
    }
    Some(Conflated {
        records: records?,
        interval: Duration::from_micros(interval_us),
        slots,
    })
}
