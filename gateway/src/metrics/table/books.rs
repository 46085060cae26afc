//! Builders of order books.

use super::{Family, define};

define! {
    since "0.1.0";

    BOOK_RUNNING: gauge("book_running", "0 or 1", ["book", "queue"], Some("books-stand-still"),
        "1 while the thread runs that builds the books.");

    BOOK_INSTRUMENTS: gauge("book_instruments", "instruments", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "Instruments that have a book.");

    BOOK_INSTRUMENTS_MAX: gauge("book_instruments_max", "instruments", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "The most instruments that can have a book.");

    BOOK_VALID: gauge("book_valid", "instruments", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "Instruments whose book can be trusted.");

    BOOK_ORDERS: gauge("book_orders", "orders", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "Orders that rest in the books.");

    BOOK_ORDERS_MAX: gauge("book_orders_max", "orders", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "The most orders that can rest in the books.");

    BOOK_LEVELS: gauge("book_levels", "levels", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "Price levels that the books have.");

    BOOK_LEVELS_MAX: gauge("book_levels_max", "levels", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "The most price levels that the books can have.");

    BOOK_LAG_FRAMES: gauge("book_lag_frames", "slots", ["book", "queue"], Some("the-builder-of-books-was-overtaken"),
        "Slots of the queue that the builder has not read.");

    BOOK_TABLE_READERS: gauge("book_table_readers", "clients", ["book", "queue"], None,
        "Clients that read the table.");

    BOOK_TABLE_BYTES: gauge("book_table_bytes", "bytes", ["book", "queue"], None,
        "Memory of the table.");

    BOOK_RECORDS_TOTAL: counter("book_records_total", "records", ["book", "queue"], None,
        "Records read.");

    BOOK_LOST_FRAMES_TOTAL: counter("book_lost_frames_total", "slots", ["book", "queue"], Some("the-builder-of-books-was-overtaken"),
        "Slots of the queue that passed unread because the builder was too slow.");

    BOOK_LAPS_TOTAL: counter("book_laps_total", "laps", ["book", "queue"], Some("the-builder-of-books-was-overtaken"),
        "How often the queue overran the builder: no book is valid then until a snapshot or something else has it begin anew.");

    BOOK_GAPS_TOTAL: counter("book_gaps_total", "gaps", ["book", "queue"], Some("books-that-cannot-be-trusted"),
        "How often a channel told of lost messages.");

    BOOK_PUBLISHED_TOTAL: counter("book_published_total", "records", ["book", "queue"], None,
        "Records of books in the conflated queue.");

    BOOK_CONFLATED_TOTAL: counter("book_conflated_total", "changes", ["book", "queue"], None,
        "Changes of books that were merged with a later one before they were told.");

    BOOK_ORDERS_SERVED_TOTAL: counter("book_orders_served_total", "requests", ["book", "queue"], None,
        "Requests for orders that were answered with orders.");

    BOOK_ROTATIONS_TOTAL: counter("book_rotations_total", "rotations", ["book", "queue"], Some("an-entitlement-is-not-taken-back-yet"),
        "How often table and conflated queue went on in other memory because an entitlement was taken back.");

    BOOK_IRREGULAR_TOTAL: counter("book_irregular_total", "records", ["book", "queue", "reason"], Some("books-that-cannot-be-trusted"),
        "Records that contradict the books, or for which there was no room, by reason.");

    BOOK_HEARTBEAT_AGE_SECONDS: gauge("book_heartbeat_age_seconds", "seconds", ["book", "queue"], Some("books-stand-still"),
        "Time since the builder's last sign of life.");
}
