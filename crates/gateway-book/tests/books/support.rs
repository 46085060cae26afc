//! Records, and books side by side.

use dbn::FlagSet;
use gateway_book::record::v3::{MboMsg, RecordHeader, StatusMsg};
use gateway_book::record::{
    ControlKind, ControlRecord, InstrumentId, RTYPE_CONTROL, WORDS_MAX, v3, words_into,
};
use gateway_book::{BookSide, Books, BooksOptions, words};

use crate::naive::Naive;

pub(crate) const PUBLISHER: u16 = 2;
pub(crate) const LAST: u8 = dbn::flags::LAST;

/// Small books: a test makes many.
pub(crate) fn books() -> Books {
    books_of(1_000, 1_000, 100)
}

pub(crate) fn books_of(orders_max: u32, levels_max: u32, instruments_max: u32) -> Books {
    Books::new(&BooksOptions {
        orders_max,
        levels_max,
        instruments_max,
        publisher_id: Some(PUBLISHER),
    })
    .unwrap()
}

/// An order record, by letters: action and side.
pub(crate) fn mbo(
    instrument: u32,
    letters: &str,
    order_id: u64,
    price: i64,
    size: u32,
    flags: u8,
) -> MboMsg {
    let [action, side] = letters.as_bytes() else {
        panic!("two letters, not {letters:?}")
    };
    MboMsg {
        hd: RecordHeader::new::<MboMsg>(dbn::rtype::MBO, PUBLISHER, instrument, 77),
        order_id,
        price,
        size,
        flags: FlagSet::new(flags),
        channel_id: 0,
        action: *action as _,
        side: *side as _,
        ts_recv: 99,
        ts_in_delta: 22,
        sequence: 5,
    }
}

pub(crate) fn control(kind: u16, channel_id: u8, sequence: u64) -> [u64; 7] {
    ControlRecord {
        length: 14,
        rtype: RTYPE_CONTROL,
        publisher_id: PUBLISHER,
        instrument_id: 0,
        ts_event: 1,
        kind,
        channel_id,
        reserved: [0; 5],
        sequence,
        count: 1,
        ts_recv: 1,
        session: *b"SESSION ",
    }
    .words()
}

/// `is_trading` by its letter.
pub(crate) fn status(instrument: u32, action: dbn::StatusAction, is_trading: u8) -> Vec<u64> {
    let record = StatusMsg {
        hd: RecordHeader::new::<StatusMsg>(dbn::rtype::STATUS, PUBLISHER, instrument, 78),
        ts_recv: 99,
        action: action as u16,
        reason: 1,
        trading_event: 0,
        is_trading: is_trading as _,
        is_quoting: is_trading as _,
        is_short_sell_restricted: b'~' as _,
        _reserved: [0; 7],
    };
    words_into(&record, &mut [0; WORDS_MAX]).to_vec()
}

pub(crate) fn definition(instrument: u32) -> Vec<u64> {
    let record = v3::InstrumentDefMsg {
        hd: RecordHeader::new::<v3::InstrumentDefMsg>(
            dbn::rtype::INSTRUMENT_DEF,
            PUBLISHER,
            instrument,
            78,
        ),
        ..Default::default()
    };
    words_into(&record, &mut [0; WORDS_MAX]).to_vec()
}

/// A session that begins with its first message.
pub(crate) fn start() -> [u64; 7] {
    control(ControlKind::SessionStart as u16, 0, 1)
}

/// The order record that words are, read independently of the books.
pub(crate) fn typed(words: &[u64]) -> Option<MboMsg> {
    if words.len() != 7 || words[0].to_le_bytes()[1] != dbn::rtype::MBO {
        return None;
    }
    let w = words;
    let head = w[0].to_le_bytes();
    let middle = w[4].to_le_bytes();
    Some(MboMsg {
        hd: RecordHeader::new::<MboMsg>(
            dbn::rtype::MBO,
            u16::from_le_bytes([head[2], head[3]]),
            (w[0] >> 32) as u32,
            w[1],
        ),
        order_id: w[2],
        price: w[3] as i64,
        size: w[4] as u32,
        flags: FlagSet::new(middle[4]),
        channel_id: middle[5],
        action: middle[6] as _,
        side: middle[7] as _,
        ts_recv: w[5],
        ts_in_delta: w[6] as i32,
        sequence: (w[6] >> 32) as u32,
    })
}

/// What a reader sees of an instrument is what the naive book has.
pub(crate) fn assert_same(books: &Books, naive: &Naive, instrument: u32) {
    let book = books.instrument(InstrumentId(instrument)).unwrap();
    let twin = &naive.books[&instrument];
    for side in [BookSide::Bid, BookSide::Ask] {
        let levels: Vec<_> = book.levels(side).collect();
        assert_eq!(levels, twin.levels(side), "{side:?} of {instrument}");
        assert_eq!(book.best(side), levels.first().copied());
        assert_eq!(book.levels_len(side) as usize, levels.len());
    }
    assert_eq!(
        book.last_trade().map(|trade| (trade.price, trade.size)),
        twin.last_trade()
    );
    assert_eq!(
        book.validity().is_valid(),
        naive.is_valid(instrument),
        "{instrument}: {:?}",
        book.validity()
    );
}

/// The orders of an instrument, as a snapshot tells them, are what the naive book has.
pub(crate) fn assert_same_orders(books: &Books, naive: &Naive, instrument: u32) {
    let mut records = Vec::new();
    assert!(books.orders(InstrumentId(instrument), &mut records));
    let clear = &records[0];
    assert_eq!((clear.action as u8, clear.side as u8), (b'R', b'N'));
    for record in &records {
        assert_eq!(record.hd.instrument_id, instrument);
        assert_eq!(
            record.flags.raw() & dbn::flags::SNAPSHOT,
            dbn::flags::SNAPSHOT
        );
    }
    let last = records
        .iter()
        .filter(|record| record.flags.raw() & LAST != 0);
    assert_eq!(last.count(), 1);
    assert_eq!(records.last().unwrap().flags.raw() & LAST, LAST);
    let ours: Vec<_> = records[1..]
        .iter()
        .map(|record| {
            (
                record.order_id,
                record.side as u8,
                record.price,
                record.size,
            )
        })
        .collect();
    let theirs: Vec<_> = naive.books[&instrument]
        .orders()
        .iter()
        .map(|order| {
            let side = if order.side == BookSide::Bid {
                b'B'
            } else {
                b'A'
            };
            (order.id, side, order.price, order.size)
        })
        .collect();
    assert_eq!(ours, theirs);
}

/// Applies order records one after another, from position `first` on.
pub(crate) fn apply_all(books: &mut Books, records: &[MboMsg], first: u64) {
    for (sequence, record) in (first..).zip(records) {
        let _ = books.apply(&words(record), sequence);
    }
}
