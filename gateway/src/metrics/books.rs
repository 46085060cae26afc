//! What the builders of order books tell.

use super::page::Page;
use super::table;
use crate::service::status::BookStatus;

pub(super) fn book(page: &mut Page, book: &BookStatus) {
    let labels = [("book", book.name.as_str()), ("queue", book.queue.as_str())];
    for (family, value) in [
        (&table::books::BOOK_RUNNING, u64::from(book.running)),
        (&table::books::BOOK_INSTRUMENTS, book.instruments),
        (&table::books::BOOK_INSTRUMENTS_MAX, book.instruments_max),
        (&table::books::BOOK_VALID, book.valid),
        (&table::books::BOOK_ORDERS, book.orders),
        (&table::books::BOOK_ORDERS_MAX, book.orders_max),
        (&table::books::BOOK_LEVELS, book.levels),
        (&table::books::BOOK_LEVELS_MAX, book.levels_max),
        (&table::books::BOOK_LAG_FRAMES, book.lag),
        (&table::books::BOOK_TABLE_READERS, book.table_readers),
        (&table::books::BOOK_TABLE_BYTES, book.table_bytes),
    ] {
        page.gauge(family, &labels, value as f64);
    }
    for (family, value) in [
        (&table::books::BOOK_RECORDS_TOTAL, book.records),
        (&table::books::BOOK_LOST_FRAMES_TOTAL, book.lost),
        (&table::books::BOOK_LAPS_TOTAL, book.laps),
        (&table::books::BOOK_GAPS_TOTAL, book.gaps),
        (&table::books::BOOK_PUBLISHED_TOTAL, book.published),
        (&table::books::BOOK_CONFLATED_TOTAL, book.conflated),
        (&table::books::BOOK_ORDERS_SERVED_TOTAL, book.orders_served),
        (&table::books::BOOK_ROTATIONS_TOTAL, book.rotations),
    ] {
        page.counter(family, &labels, value);
    }
    for irregular in &book.irregular {
        page.counter(
            &table::books::BOOK_IRREGULAR_TOTAL,
            &[labels[0], labels[1], ("reason", &irregular.reason)],
            irregular.count,
        );
    }
    if let Some(age) = book.heartbeat_age_s {
        page.gauge(&table::books::BOOK_HEARTBEAT_AGE_SECONDS, &labels, age);
    }
}
