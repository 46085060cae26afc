//! Schema versions extend each other: a message of any version is read as far as it and this program go.

use gateway_feed::mdp3::MessageBuilder;
use gateway_feed::mdp3::sbe::{Header, Text};
use gateway_feed::mdp3::schema::{
    Book, Future, Spread, Trades, VERSION, WriteBookEntry, WriteBookOrder, WriteEventEntry,
    WriteFutureRoot, WriteIncremental, WriteLegEntry, WriteSpreadRoot, WriteTradeEntry,
    WriteTradeOrder,
};

const OLDEST: u16 = 5;

fn root() -> WriteIncremental {
    WriteIncremental {
        transact_time: 77,
        match_event_indicator: 0x84,
    }
}

fn level() -> WriteBookEntry {
    WriteBookEntry {
        price: Some(-5),
        size: Some(6),
        security_id: 7,
        rpt_seq: 8,
        number_of_orders: None,
        price_level: 9,
        update_action: 1,
        entry_type: b'0',
        tradeable_size: Some(10),
    }
}

#[test]
fn every_version_and_any_longer_block_is_read() {
    for version in OLDEST..=VERSION + 2 {
        for extra in [0, 1, 16] {
            let order = WriteBookOrder {
                order_id: 11,
                reference_id: Some(1),
                ..WriteBookOrder::default()
            };
            let message = MessageBuilder::extended(46, version, extra, &root())
                .group(&[level(), level()])
                .group_8(&[order])
                .finish();
            let (header, body) = Header::split(&message).unwrap();
            let book = Book::parse(&header, body).unwrap();
            assert_eq!(book.root.transact_time(), 77);
            assert_eq!(book.entries.len(), 2);
            for entry in book.entries {
                assert_eq!(
                    (entry.price(), entry.size(), entry.security_id()),
                    (Some(-5), Some(6), 7)
                );
                assert_eq!((entry.number_of_orders(), entry.price_level()), (None, 9));
                // Where the block has room for it, but the version has not got it, it is absent.
                let expected = (version >= 10).then_some(Some(10));
                assert_eq!(entry.tradeable_size(), expected, "version {version}");
            }
            // The group came with version 7: in older messages it is bytes that nobody knows.
            let orders = book.orders.iter().map(|order| order.order_id());
            let expected: &[u64] = if version >= 7 { &[11] } else { &[] };
            assert_eq!(orders.collect::<Vec<_>>(), expected, "version {version}");
        }
    }
}

#[test]
fn a_field_that_came_later_is_absent_before() {
    for version in OLDEST..=VERSION {
        let trade = WriteTradeEntry {
            price: 3,
            trade_entry_id: Some(4),
            ..WriteTradeEntry::default()
        };
        let message = MessageBuilder::new(42, version, &root())
            .group(&[trade])
            .group_8::<WriteTradeOrder>(&[])
            .finish();
        let (header, body) = Header::split(&message).unwrap();
        let trade = Trades::parse(&header, body)
            .unwrap()
            .entries
            .get(0)
            .unwrap();
        assert_eq!(
            (trade.price(), trade.trade_entry_id()),
            (3, (version >= 7).then_some(Some(4)))
        );

        let definition = WriteFutureRoot {
            symbol: Text::new("ESZ8"),
            trading_reference_date: Some(5),
            instrument_guid: Some(6),
            ..WriteFutureRoot::default()
        };
        let event = WriteEventEntry {
            event_type: 5,
            event_time: 9,
        };
        let message = MessageBuilder::new(54, version, &definition)
            .group(&[event])
            .finish();
        let (header, body) = Header::split(&message).unwrap();
        let length = match version {
            5 => 214,
            6..=9 => 216,
            _ => 224,
        };
        assert_eq!(header.block_length, length, "version {version}");
        let future = Future::parse(&header, body).unwrap();
        assert_eq!(future.root.symbol().trimmed(), b"ESZ8");
        assert_eq!(
            future.root.trading_reference_date(),
            (version >= 6).then_some(Some(5))
        );
        assert_eq!(
            future.root.instrument_guid(),
            (version >= 10).then_some(Some(6))
        );
        // Behind the root, whatever its length, and without the groups that were left out.
        assert_eq!(future.events.get(0).unwrap().event_time(), 9);
        assert!(future.lot_types.is_empty());
    }
}

#[test]
fn a_block_that_ends_early_has_no_more_fields_than_it_holds() {
    let definition = WriteSpreadRoot {
        symbol: Text::new("ESZ8-ESH9"),
        instrument_guid: Some(6),
        ..WriteSpreadRoot::default()
    };
    let leg = WriteLegEntry {
        security_id: 7,
        side: 1,
        ..WriteLegEntry::default()
    };
    let message = MessageBuilder::new(56, 13, &definition)
        .group::<WriteEventEntry>(&[])
        .group::<WriteEventEntry>(&[])
        .group::<WriteEventEntry>(&[])
        .group::<WriteEventEntry>(&[])
        .group(&[leg])
        .finish();
    // Version 13 with the root of version 9: fields of version 10 are absent, the groups follow where the block ends.
    let mut short = message.clone();
    short.drain(Header::BYTES + 195..Header::BYTES + 255);
    short[..2].copy_from_slice(&195_u16.to_le_bytes());
    for (message, guid) in [(message, Some(Some(6))), (short.clone(), None)] {
        let (header, body) = Header::split(&message).unwrap();
        let spread = Spread::parse(&header, body).unwrap();
        assert_eq!(spread.root.symbol().trimmed(), b"ESZ8-ESH9");
        assert_eq!(spread.root.instrument_guid(), guid);
        assert_eq!(spread.legs.get(0).unwrap().security_id(), 7);
    }
    // Shorter than what every version has: no such message.
    short[..2].copy_from_slice(&192_u16.to_le_bytes());
    let (header, body) = Header::split(&short).unwrap();
    assert!(Spread::parse(&header, body).is_none());
}
