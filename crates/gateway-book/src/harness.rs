//! An oracle for tests and the fuzz target: whatever the bytes say happens, the books stay books.

use dbn::{Action, Side};
use gateway_record::{ControlRecord, InstrumentId, MboEvent, RTYPE_CONTROL};

use crate::{Applied, Batch, BookSide, Books, BooksOptions, OrderScan, words};

const PUBLISHER: u16 = 2;
const ACTIONS: [Action; 8] = [
    Action::Add,
    Action::Add,
    Action::Add,
    Action::Cancel,
    Action::Cancel,
    Action::Modify,
    Action::Clear,
    Action::Trade,
];

/// Has batches applied by the code for processors without AVX2 from here on.
pub fn forgo_vectors(books: &mut Books) {
    #[cfg(target_arch = "x86_64")]
    {
        books.has_vectors = false;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = books;
}

/// Reads `data` as a row of records, sixteen bytes each, and applies them to small books.
///
/// # Panics
/// If a book is not in order, or what it tells of itself does not agree.
pub fn exercise(data: &[u8]) {
    let options = BooksOptions {
        orders_max: 64,
        levels_max: 48,
        instruments_max: 4,
        publisher_id: Some(PUBLISHER),
    };
    let new = || Books::new(&options).expect("small limits within range");
    let mut both = Both {
        books: new(),
        batched: new(),
        batch: Batch::new(),
    };
    let (chunks, _) = data.as_chunks::<16>();
    // Two at a time, one of which is of two instruments: begun, gone on with and ended again and again.
    let some = [InstrumentId(1), InstrumentId(3)];
    let mut scans = [None, Some(some.as_slice())].map(|of| (of, both.books.begin_scan(of)));
    for (sequence, chunk) in (0..).zip(chunks) {
        happen(&mut both, chunk, sequence, &mut scans);
        let books = &both.books;
        check(books);
        let pace = usize::from(chunk[0] >> 4);
        for (of, scan) in &mut scans {
            let whole = books.scan(scan, pace);
            if whole || scan.is_void() {
                let scan = std::mem::replace(scan, books.begin_scan(*of));
                check_scan(books, *of, scan);
            }
        }
    }
    check_orders(&both.books);
    check_orders(&both.batched);
}

type Scans<'a> = [(Option<&'a [InstrumentId]>, OrderScan)];

/// Books that take records one by one, the way that all can go, and the same in batches, where most go another.
struct Both {
    books: Books,
    batched: Books,
    batch: Batch,
}

impl Both {
    fn apply(&mut self, record: &[u64], sequence: u64, scans: &mut Scans<'_>) -> Applied {
        for (_, scan) in scans.iter_mut() {
            scan.expect(&self.books, record);
        }
        let applied = self.books.apply(record, sequence);
        assert!(self.batch.push(record, sequence));
        let mut also = None;
        self.batched
            .apply_batch(&mut self.batch, |_, applied| also = Some(applied));
        assert_eq!(also, Some(applied), "{:?}", self.batched);
        assert_eq!(self.batched.counters(), self.books.counters());
        for (_, scan) in scans {
            scan.follow(&self.books);
        }
        applied
    }

    fn lost(&mut self, sequence: u64) -> Applied {
        let _ = self.batched.lost(sequence);
        self.books.lost(sequence)
    }
}

/// What was collected while records came is what rests now.
fn check_scan(books: &Books, of: Option<&[InstrumentId]>, scan: OrderScan) {
    if scan.is_void() {
        return;
    }
    let valid = books
        .instruments()
        .filter(|book| book.validity().is_valid());
    let valid: Vec<_> = valid.map(|book| book.id()).collect();
    let (mut now, mut collected) = (Vec::new(), Vec::new());
    let instruments = books.orders_of(of.unwrap_or(&valid), &mut now);
    let scanned = books.end_scan(scan);
    // One that was first heard of after the scan began is not of it, unless all are.
    if of.is_none() || scanned.instruments() == instruments {
        assert_eq!(scanned.instruments(), instruments);
        scanned.records(|record| collected.push(record));
        assert_eq!(collected, now);
    }
}

fn happen(both: &mut Both, bytes: &[u8; 16], sequence: u64, scans: &mut Scans<'_>) {
    let &[
        what,
        action,
        side,
        instrument,
        order,
        flags,
        s0,
        s1,
        s2,
        s3,
        price @ ..,
        p5,
    ] = bytes;
    let size = u32::from_le_bytes([s0, s1, s2, s3]);
    let [p0, p1, p2, p3, p4] = price;
    let price = i64::from_be_bytes([p0, p1, p2, p3, p4, p5, p5, p5]);
    let applied = match what % 16 {
        0 => {
            let word = u64::from_le_bytes([p0, p1, p2, p3, s0, s1, s2, s3]);
            both.apply(&[word], sequence, scans)
        }
        1 if action == 0 => both.lost(sequence),
        2 => both.apply(&control(action, side, order), sequence, scans),
        // Prices over the whole range, or a few of them, so that orders meet.
        of => {
            let event = MboEvent::new(
                MboEvent::head(PUBLISHER),
                MboEvent::channel(side >> 7),
                InstrumentId(u32::from(instrument % 5)),
                sequence,
                sequence,
                sequence,
            );
            let action = ACTIONS[usize::from(action % 8)];
            let side = [Side::Bid, Side::Ask, Side::Bid, Side::None][usize::from(side % 4)];
            let price = if of < 12 { i64::from(p0) } else { price };
            let size = if of % 2 == 0 { size % 100 } else { size };
            let record = event.record(action, side, u64::from(order), price, size, flags);
            both.apply(&record, sequence, scans)
        }
    };
    if let crate::Subject::Instrument { id, slot } = applied.subject {
        let book = both.books.slot(slot);
        assert_eq!(book.map(|book| book.id()), Some(id));
    }
}

fn control(kind: u8, channel: u8, sequence: u8) -> [u64; 7] {
    ControlRecord {
        length: 14,
        rtype: RTYPE_CONTROL,
        publisher_id: PUBLISHER,
        instrument_id: 0,
        ts_event: 0,
        kind: u16::from(kind % 12),
        channel_id: channel >> 7,
        reserved: [0; 5],
        sequence: u64::from(sequence % 3),
        count: 0,
        ts_recv: 0,
        session: [0; 8],
    }
    .words()
}

/// Levels are sorted and not empty, and sums agree.
fn check(books: &Books) {
    let (mut orders, mut levels) = (0_u64, 0_u64);
    for book in books.instruments() {
        for side in [BookSide::Bid, BookSide::Ask] {
            let mut worse_than = None;
            for level in book.levels(side) {
                let key = side.key(level.price);
                assert!(worse_than.is_none_or(|better| better < key), "{book:?}");
                assert!(level.orders > 0 && level.size >= u64::from(level.orders));
                worse_than = Some(key);
                orders += u64::from(level.orders);
                levels += 1;
            }
        }
    }
    let counters = books.counters();
    assert_eq!((counters.orders, counters.levels), (orders, levels));
    let limits = books.options();
    assert!(orders <= limits.orders_max.into() && levels <= limits.levels_max.into());
    assert!(counters.instruments <= limits.instruments_max.into());
}

/// The books that snapshots tell of are those that there are.
fn check_orders(books: &Books) {
    let mut twins = Books::new(books.options()).expect("made once already");
    for book in books.instruments() {
        let mut records = Vec::new();
        assert!(books.orders(book.id(), &mut records));
        for record in &records {
            let _ = twins.apply(&words(record), book.sequence());
        }
        let twin = twins.instrument(book.id()).expect("told of just now");
        for side in [BookSide::Bid, BookSide::Ask] {
            assert!(book.levels(side).eq(twin.levels(side)), "{book:?} {twin:?}");
        }
        assert!(twin.validity().is_valid());
    }
}
