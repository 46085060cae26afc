//! What there is no room for, what is said twice, and what is trusted when: bounds that no sender can go beyond.

use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::itch50::harness::Collector;
use gateway_feed::mdp3::sbe::Text;
use gateway_feed::mdp3::schema::{
    WriteBookEntry, WriteBookOrder, WriteChannelResetEntry, WriteChannelResetRoot, WriteEventEntry,
    WriteFeedTypeEntry, WriteIncremental, WriteInstAttribEntry, WriteLegEntry, WriteLotTypeEntry,
    WriteOrderBookEntry, WriteOrderSnapshotEntry, WriteOrderSnapshotRoot, WriteSecurityStatusRoot,
    WriteSnapshotEntry, WriteSnapshotRoot, WriteSpreadRoot, WriteTradeEntry, WriteTradeOrder,
};
use gateway_feed::mdp3::{Mdp3Config, Mdp3Decoder, MessageBuilder};
use gateway_feed::record::v3::InstrumentDefMsg;
use gateway_feed::sink::{MessageContext, Output};
use gateway_feed::symbols::SymbolEntry;

use crate::{RECEIVED, decode, decoder, everything, lines, view};

const VERSION: u16 = 9;
const END_OF_EVENT: u8 = 0x80;
/// The event's last message about quotes, and its last one at all.
const COMPLETE: u8 = 0x84;

fn root(match_event_indicator: u8) -> WriteIncremental {
    WriteIncremental {
        transact_time: RECEIVED - 1_000,
        match_event_indicator,
    }
}

/// A bid: 1.5 x 20.
fn bid(security_id: i32, price_level: u8, update_action: u8) -> WriteBookEntry {
    WriteBookEntry {
        price: Some(1_500_000_000),
        size: Some(20),
        security_id,
        price_level,
        update_action,
        entry_type: b'0',
        ..WriteBookEntry::default()
    }
}

fn book(indicator: u8, entries: &[WriteBookEntry]) -> Vec<u8> {
    MessageBuilder::new(46, VERSION, &root(indicator))
        .group(entries)
        .group_8::<WriteBookOrder>(&[])
        .finish()
}

fn order(indicator: u8, security_id: i32) -> Vec<u8> {
    let entry = WriteOrderBookEntry {
        order_id: Some(0x21),
        price: Some(1_500_000_000),
        display_quantity: Some(20),
        security_id,
        entry_type: b'0',
        ..WriteOrderBookEntry::default()
    };
    MessageBuilder::new(47, VERSION, &root(indicator))
        .group(&[entry])
        .finish()
}

fn trade(security_id: i32) -> Vec<u8> {
    let entry = WriteTradeEntry {
        price: 1_500_000_000,
        size: 20,
        security_id,
        ..WriteTradeEntry::default()
    };
    MessageBuilder::new(48, VERSION, &root(COMPLETE))
        .group(&[entry])
        .group_8::<WriteTradeOrder>(&[])
        .finish()
}

fn channel_reset() -> Vec<u8> {
    let root = WriteChannelResetRoot {
        transact_time: RECEIVED - 1_000,
        match_event_indicator: END_OF_EVENT,
    };
    MessageBuilder::new(4, VERSION, &root)
        .group::<WriteChannelResetEntry>(&[])
        .finish()
}

fn level_snapshot(security_id: i32) -> Vec<u8> {
    let root = WriteSnapshotRoot {
        security_id,
        ..WriteSnapshotRoot::default()
    };
    MessageBuilder::new(52, VERSION, &root)
        .group::<WriteSnapshotEntry>(&[])
        .finish()
}

/// A part of the orders of an instrument, as of a packet of the incremental feed.
fn orders_part(security_id: i32, part: u32, parts: u32, as_of: u32) -> Vec<u8> {
    let root = WriteOrderSnapshotRoot {
        last_msg_seq_num_processed: as_of,
        security_id,
        no_chunks: parts,
        current_chunk: part,
        ..WriteOrderSnapshotRoot::default()
    };
    let entry = WriteOrderSnapshotEntry {
        order_id: part.into(),
        price: 1_500_000_000,
        display_quantity: 20,
        entry_type: b'0',
        ..WriteOrderSnapshotEntry::default()
    };
    MessageBuilder::new(53, VERSION, &root)
        .group(&[entry])
        .finish()
}

fn lose(decoder: &mut Mdp3Decoder, sink: &mut Collector) {
    let context = MessageContext {
        sequence: 5,
        ts_recv: RECEIVED,
    };
    decoder.discontinuity(Discontinuity::Lost, &context, sink);
}

/// Decodes a message and takes away the lines that it became.
fn told(decoder: &mut Mdp3Decoder, sink: &mut Collector, message: &[u8]) -> Vec<String> {
    sink.published.clear();
    decode(decoder, sink, message);
    lines(sink)
}

#[test]
fn a_run_of_no_levels_goes_out_as_it_is_and_its_event_ends() {
    // Delete through level 0, and from level 11 of ten.
    for (number, action) in [(0, 3), (11, 4), (255, 4)] {
        let none = bid(7, number, action);
        let (mut decoder, mut sink) = (decoder(), everything());
        decode(&mut decoder, &mut sink, &book(0, &[bid(7, 1, 0)]));
        decode(&mut decoder, &mut sink, &book(COMPLETE, &[none]));
        decode(
            &mut decoder,
            &mut sink,
            &book(COMPLETE, &[bid(7, 1, 0), none]),
        );
        let expected = [
            "A B #1 order 0x1 1500000000 x 20 M",
            "native #1",
            "N N #1 order 0x0 - x 0 L",
        ];
        assert_eq!(lines(&sink)[..3], expected, "{number} {action}");
        assert_eq!(lines(&sink)[3..], expected, "in one message");
        assert_eq!(decoder.counters().unmapped, 2);
    }
}

#[test]
fn levels_and_orders_are_trusted_apart() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let suspects = |decoder: &mut Mdp3Decoder, sink: &mut Collector| {
        [
            book(COMPLETE, &[bid(7, 1, 1)]),
            order(COMPLETE, 7),
            trade(7),
        ]
        .map(|message| {
            let lines = told(decoder, sink, &message);
            assert_eq!(lines.len(), 1);
            lines[0].ends_with('?')
        })
    };
    assert_eq!(suspects(&mut decoder, &mut sink), [false; 3]);
    lose(&mut decoder, &mut sink);
    assert_eq!(suspects(&mut decoder, &mut sink), [true; 3]);
    let levels = told(&mut decoder, &mut sink, &level_snapshot(7));
    assert_eq!(levels, ["R N #1 order 0x0 - x 0 LMS"]);
    assert_eq!(suspects(&mut decoder, &mut sink), [false, true, true]);

    // Orders are known with the last of their parts.
    let first = told(&mut decoder, &mut sink, &orders_part(7, 1, 2, 40));
    assert!(first.iter().all(|line| line.ends_with("S?")), "{first:?}");
    assert_eq!(suspects(&mut decoder, &mut sink), [false, true, true]);
    let last = told(&mut decoder, &mut sink, &orders_part(7, 2, 2, 40));
    assert_eq!(last, ["A B #1 order 0x2 1500000000 x 20 LS"]);
    assert_eq!(suspects(&mut decoder, &mut sink), [false; 3]);

    // Each loss is a doubt about both, and what is known of one instrument is not of another.
    lose(&mut decoder, &mut sink);
    assert_eq!(suspects(&mut decoder, &mut sink), [true; 3]);
    decode(&mut decoder, &mut sink, &orders_part(8, 1, 1, 50));
    decode(&mut decoder, &mut sink, &level_snapshot(8));
    assert_eq!(suspects(&mut decoder, &mut sink), [true; 3]);
    decode(&mut decoder, &mut sink, &orders_part(7, 1, 1, 50));
    assert_eq!(suspects(&mut decoder, &mut sink), [true, false, true]);
}

#[test]
fn orders_of_which_a_part_is_missing_are_not_trusted() {
    let whole = |as_of| [1, 2, 3].map(|part| (7, part, 3, as_of));
    let [one, two, three] = whole(40);
    let broken = [
        vec![two, three],
        vec![one, three],
        vec![one, two, two, three],
        vec![one, (7, 2, 3, 41), (7, 3, 3, 41)],
        vec![one, two, (7, 3, 4, 40)],
        // Another instrument's parts in between.
        vec![one, two, (8, 1, 2, 40), three],
        vec![one, two, (8, 3, 3, 40)],
        vec![(7, 0, 0, 40)],
        vec![(7, 9, 3, 40)],
    ];
    let trusted = |parts: &[(i32, u32, u32, u32)], lost_before: usize| {
        let (mut decoder, mut sink) = (decoder(), everything());
        lose(&mut decoder, &mut sink);
        for (index, &(id, part, parts, as_of)) in parts.iter().enumerate() {
            if index == lost_before {
                lose(&mut decoder, &mut sink);
            }
            decode(
                &mut decoder,
                &mut sink,
                &orders_part(id, part, parts, as_of),
            );
        }
        !told(&mut decoder, &mut sink, &order(COMPLETE, 7))[0].ends_with('?')
    };
    assert!(trusted(&whole(40), usize::MAX) && trusted(&whole(40), 0));
    // One that was broken off is begun again.
    assert!(trusted(&[&[one, two][..], &whole(41)].concat(), usize::MAX));
    for parts in broken {
        assert!(!trusted(&parts, usize::MAX), "{parts:?}");
    }
    assert!(!trusted(&whole(40), 1) && !trusted(&whole(40), 2));
}

#[test]
fn an_instrument_beyond_those_whose_event_is_remembered_is_told_the_end_of_its_next_one() {
    /// As many as are remembered, and some more.
    const INSTRUMENTS: i32 = 1_024 + 6;
    let (mut decoder, mut sink) = (decoder(), everything());
    let ids: Vec<i32> = (1..=INSTRUMENTS).collect();
    for ids in ids.chunks(200) {
        let levels: Vec<WriteBookEntry> = ids.iter().map(|&id| bid(id, 1, 0)).collect();
        decode(&mut decoder, &mut sink, &book(0, &levels));
    }
    assert_eq!(decoder.counters().events_overflowed, 6);
    let ends = told(&mut decoder, &mut sink, &book(COMPLETE, &[]));
    assert_eq!(ends.len(), 1_024);
    assert!(
        ends.iter()
            .all(|line| line.starts_with("N N #") && line.ends_with('L'))
    );
    // Nothing of it is left: the next event of the last of them is like any other.
    decode(&mut decoder, &mut sink, &book(0, &[bid(INSTRUMENTS, 1, 1)]));
    assert_eq!(
        told(&mut decoder, &mut sink, &book(COMPLETE, &[])),
        [format!("N N #{INSTRUMENTS} order 0x0 - x 0 L")]
    );
    assert_eq!(decoder.counters().events_overflowed, 6);
}

#[test]
fn a_reset_is_told_of_what_was_told_since_the_last_one() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let levels = [7, 8, 9].map(|id| bid(id, 1, 0));
    decode(&mut decoder, &mut sink, &book(COMPLETE, &levels));
    let cleared = |numbers: &[u32]| -> Vec<String> {
        let pair =
            |number| ["", " LM"].map(|flags| format!("R N #{number} order 0x0 - x 0{flags}"));
        numbers.iter().flat_map(pair).collect()
    };
    let reset = channel_reset();
    assert_eq!(told(&mut decoder, &mut sink, &reset), cleared(&[1, 2, 3]));
    // The next ones say nothing that is not known; one about a single instrument costs no more than that.
    for _ in 0..3 {
        assert_eq!(told(&mut decoder, &mut sink, &reset), cleared(&[]));
        assert_eq!(sink.records(Output::Native).len(), 1);
    }
    decode(&mut decoder, &mut sink, &order(0, 8));
    assert_eq!(told(&mut decoder, &mut sink, &reset), cleared(&[2]));
    for snapshot in [level_snapshot(9), orders_part(9, 1, 1, 40)] {
        decode(&mut decoder, &mut sink, &snapshot);
        assert_eq!(told(&mut decoder, &mut sink, &reset), cleared(&[3]));
    }
    assert_eq!(decoder.counters().by_type[4], 7);
    // An event that the reset broke off is not ended later.
    assert_eq!(told(&mut decoder, &mut sink, &book(COMPLETE, &[])), [""; 0]);
    // What a loss may have hidden is any instrument's.
    lose(&mut decoder, &mut sink);
    assert_eq!(told(&mut decoder, &mut sink, &reset), cleared(&[1, 2, 3]));
    assert_eq!(told(&mut decoder, &mut sink, &reset), cleared(&[]));
}

#[test]
fn what_there_is_no_room_for_is_counted_once_a_message() {
    let symbols = [7, 8, 9].map(|id| SymbolEntry {
        instrument: gateway_feed::sink::InstrumentId(id),
        symbol: format!("S{id}"),
    });
    let config = Mdp3Config {
        channel_id: 7,
        instruments_max: 2,
        symbols: symbols.into(),
        ..Mdp3Config::default()
    };
    let (mut decoder, mut sink) = (Mdp3Decoder::new(&config).unwrap(), everything());
    let refused = |decoder: &Mdp3Decoder| decoder.counters().symbols_refused;
    decode(&mut decoder, &mut sink, &book(COMPLETE, &[bid(7, 1, 0)]));
    assert_eq!(refused(&decoder), 1, "the third symbol");
    let many = [9, 9, 10, 11].map(|id| bid(id, 1, 0));
    for (message, told_as) in [
        (book(COMPLETE, &many), "native #0"),
        (book(COMPLETE, &many[..1]), "native #0"),
        (trade(9), "native #0"),
        (order(COMPLETE, 9), "native #0"),
        (level_snapshot(9), "native #0"),
    ] {
        let before = refused(&decoder);
        assert_eq!(told(&mut decoder, &mut sink, &message), [told_as]);
        assert_eq!(refused(&decoder), before + 1);
    }
    let before = refused(&decoder);
    decode(&mut decoder, &mut sink, &book(COMPLETE, &[bid(8, 1, 0)]));
    assert_eq!(refused(&decoder), before);
}

#[test]
fn what_a_message_merely_names_leaves_room_for_books() {
    let config = Mdp3Config {
        channel_id: 7,
        instruments_max: 4,
        ..Mdp3Config::default()
    };
    let (mut decoder, mut sink) = (Mdp3Decoder::new(&config).unwrap(), everything());
    let spread = WriteSpreadRoot {
        security_id: 20,
        symbol: Text::new("A-B-C"),
        ..WriteSpreadRoot::default()
    };
    let legs = [21, 22, 23].map(|security_id| WriteLegEntry {
        security_id,
        ..WriteLegEntry::default()
    });
    let message = MessageBuilder::new(56, VERSION, &spread)
        .group::<WriteEventEntry>(&[])
        .group::<WriteFeedTypeEntry>(&[])
        .group::<WriteInstAttribEntry>(&[])
        .group::<WriteLotTypeEntry>(&[])
        .group(&legs)
        .finish();
    decode(&mut decoder, &mut sink, &message);
    let legs: Vec<u32> = sink
        .records(Output::Full)
        .iter()
        .map(|words| view::<InstrumentDefMsg>(words).leg_instrument_id)
        .collect();
    assert_eq!(
        legs,
        [2, 0, 0],
        "one number is the spread's, and one more is half"
    );
    let status = |security_id| {
        let root = WriteSecurityStatusRoot {
            security_id: Some(security_id),
            security_trading_status: Some(17),
            ..WriteSecurityStatusRoot::default()
        };
        MessageBuilder::new(30, VERSION, &root).finish()
    };
    assert_eq!(told(&mut decoder, &mut sink, &status(23)), ["native #0"]);
    // Books take what is left.
    decode(
        &mut decoder,
        &mut sink,
        &book(COMPLETE, &[bid(23, 1, 0), bid(22, 1, 0)]),
    );
    let known = told(&mut decoder, &mut sink, &status(23));
    assert!(known[0].starts_with("status #3 action 7"), "{known:?}");
    assert_eq!(decoder.counters().symbols_refused, 0);
}
