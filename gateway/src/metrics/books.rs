//! What the builders of order books tell.

use super::page::Page;
use crate::service::status::BookStatus;

pub(super) fn book(page: &mut Page, book: &BookStatus) {
    let labels = [("book", book.name.as_str()), ("queue", book.queue.as_str())];
    for (name, help, value) in [
        (
            "book_running",
            "1 while the thread runs that builds the books.",
            u64::from(book.running),
        ),
        (
            "book_instruments",
            "Instruments that have a book.",
            book.instruments,
        ),
        (
            "book_instruments_max",
            "The most instruments that can have one.",
            book.instruments_max,
        ),
        (
            "book_valid",
            "Instruments whose book can be trusted.",
            book.valid,
        ),
        ("book_orders", "Orders that rest.", book.orders),
        (
            "book_orders_max",
            "The most orders that can.",
            book.orders_max,
        ),
        ("book_levels", "Price levels that there are.", book.levels),
        (
            "book_levels_max",
            "The most price levels that there can be.",
            book.levels_max,
        ),
        (
            "book_lag_frames",
            "Slots of the queue that the builder has not read.",
            book.lag,
        ),
        (
            "book_table_readers",
            "Clients that read the table.",
            book.table_readers,
        ),
        ("book_table_bytes", "Memory of the table.", book.table_bytes),
    ] {
        page.gauge(name, help, &labels, value as f64);
    }
    for (name, help, value) in [
        ("book_records_total", "Records read.", book.records),
        (
            "book_lost_frames_total",
            "Slots of the queue that passed unread because the builder was too slow.",
            book.lost,
        ),
        (
            "book_laps_total",
            "How often the queue overran the builder: no book is valid then until a snapshot or something else has it begin anew.",
            book.laps,
        ),
        (
            "book_gaps_total",
            "How often a channel told of lost messages.",
            book.gaps,
        ),
        (
            "book_published_total",
            "Records of books in the conflated queue.",
            book.published,
        ),
        (
            "book_conflated_total",
            "Changes of books that were merged with a later one before they were told.",
            book.conflated,
        ),
        (
            "book_orders_served_total",
            "Requests for orders that were answered with orders.",
            book.orders_served,
        ),
        (
            "book_rotations_total",
            "How often table and conflated queue went on in other memory because an entitlement was taken back.",
            book.rotations,
        ),
    ] {
        page.counter(name, help, &labels, value);
    }
    for irregular in &book.irregular {
        page.counter(
            "book_irregular_total",
            "Records that contradict the books, or for which there was no room, by reason.",
            &[labels[0], labels[1], ("reason", &irregular.reason)],
            irregular.count,
        );
    }
    if let Some(age) = book.heartbeat_age_s {
        page.gauge(
            "book_heartbeat_age_seconds",
            "Time since the builder's last sign of life.",
            &labels,
            age,
        );
    }
}
