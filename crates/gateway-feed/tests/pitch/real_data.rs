//! Real captures, where there are any. The values were read off the captures' bytes by hand with the specification's tables.

use std::path::Path;

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{StatusAction, UNDEF_ORDER_SIZE, UNDEF_PRICE, UNDEF_TIMESTAMP};
use gateway_capture::CaptureReader;
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::pitch::Market::{ComplexOptions, Equities, Futures, Options};
use gateway_feed::pitch::{Market, PitchDecoder, PitchUnit};
use gateway_feed::record::v3::{InstrumentDefMsg, MboMsg, StatusMsg};
use gateway_feed::sink::{MessageContext, Output};
use gateway_feed::transport::{FrameKind, Transport};
use gateway_test_support::data::find_or_skip;

use crate::{RECEIVED, Summary, decoder, everything, summary, view};

/// The only packet of a capture, decoded.
struct Decoded {
    /// Unit, first number, messages.
    header: (String, u64, u32),
    kind: FrameKind,
    sink: Collector,
}

impl Decoded {
    /// The order records with the time since the last Time message, where there was one.
    fn orders(&self, output: Output) -> Vec<(Summary, Option<u64>)> {
        let records = self.sink.records(output).into_iter().map(view::<MboMsg>);
        records
            .map(|record| {
                let time = record.hd.ts_event;
                let offset = (time != UNDEF_TIMESTAMP).then_some(time % 1_000_000_000);
                (summary(&record), offset)
            })
            .collect()
    }
}

fn read(path: &Path, file: &str, decoder: &mut PitchDecoder) -> Decoded {
    let mut reader = CaptureReader::open(path.join(file)).unwrap();
    let mut sink = everything();
    let captured = reader.next().unwrap().unwrap();
    let udp = gateway_wire::parse(captured.frame).unwrap();
    let payload = udp.payload(captured.frame).unwrap();
    let frame = PitchUnit::frame(payload).unwrap();
    let before = decoder.counters().messages();
    let walked = PitchUnit::walk(&frame, 0, |sequence, message| {
        let context = MessageContext {
            sequence,
            ts_recv: RECEIVED,
        };
        decoder.message(&context, message, &mut sink);
    });
    assert_eq!(
        (walked.whole, walked.cut_at, walked.trailing_bytes),
        (frame.count, None, 0),
        "{file}"
    );
    let counters = decoder.counters();
    assert_eq!(counters.messages() - before, frame.count.into(), "{file}");
    assert_eq!(
        counters.unknown_types + counters.length_errors(),
        0,
        "{file}"
    );
    Decoded {
        header: (frame.session.to_string(), frame.first, frame.count),
        kind: frame.kind,
        sink,
    }
}

#[test]
fn equities() {
    let Some(path) = find_or_skip("omi/Cboe/Byx.Equities.DepthOfBook.Pitch.v2.41") else {
        return;
    };
    let mut decoder = decoder(Equities);
    let packet = read(&path, "MultipleMessages.pcap", &mut decoder);
    // 42 00 | 03 | 1f | 9e 8b 00 00
    assert_eq!(packet.header, ("unit031".into(), 35_742, 3));
    let adds = [
        (
            (
                1,
                'A',
                'B',
                0x3904_b28a_c1cd_c2d9,
                11_330_000_000,
                8_200,
                LAST,
            ),
            Some(754_000),
        ),
        (
            (
                2,
                'A',
                'B',
                0x3904_b28a_c1cd_c2da,
                46_670_000_000,
                100,
                LAST,
            ),
            Some(772_000),
        ),
    ];
    assert_eq!(packet.orders(Output::Full), adds);
    assert_eq!(packet.orders(Output::Plain), adds);
    // 34,200 seconds: 09:30 in New York, 14:30 UTC.
    let first: MboMsg = view(packet.sink.records(Output::Full)[0]);
    assert_eq!(first.hd.ts_event % 86_400_000_000_000, 52_200_000_754_000);

    let packet = read(&path, "ModifyOrderShortMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit011".into(), 121_843, 1));
    let flags = LAST | PUBLISHER_SPECIFIC;
    let modify = (
        0,
        'M',
        'N',
        0x147c_69b2_44cc_ed97,
        27_870_000_000,
        100,
        flags,
    );
    assert_eq!(packet.orders(Output::Full), [(modify, Some(432_541_000))]);
}

#[test]
fn options() {
    let Some(path) = find_or_skip("omi/Cboe/Options.DepthOfBook.Pitch.v2.39.4") else {
        return;
    };
    let mut decoder = decoder(Options);
    let packet = read(&path, "Heartbeat.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 1, 0));
    assert_eq!(packet.kind, FrameKind::Heartbeat);

    let packet = read(&path, "AddOrderLongMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 37, 2));
    let order = 0x0368_9eea_e974_1014;
    let add = (1, 'A', 'B', order, 2_900_000, 1_000, LAST);
    assert_eq!(packet.orders(Output::Full), [(add, Some(355_192_000))]);

    // The same order some seconds later: side, price and size are those of its add.
    let packet = read(&path, "DeleteOrderMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 41, 2));
    let cancel = (1, 'C', 'B', order, 2_900_000, 1_000, LAST);
    assert_eq!(packet.orders(Output::Full), [(cancel, Some(793_166_000))]);
    let flags = LAST | PUBLISHER_SPECIFIC;
    let plain = (1, 'C', 'N', order, UNDEF_PRICE, UNDEF_ORDER_SIZE, flags);
    assert_eq!(packet.orders(Output::Plain), [(plain, Some(793_166_000))]);
    // 76,350 and 76,390 seconds since midnight.
    assert_eq!(decoder.counters().orders.unknown, 0);
}

#[test]
fn complex_options() {
    let Some(path) = find_or_skip("omi/Cboe/Options.ComplexDepthOfBook.Pitch.v2.1.18") else {
        return;
    };
    let mut decoder = decoder(ComplexOptions);
    let flags = LAST | PUBLISHER_SPECIFIC;
    let packet = read(&path, "ModifyOrderShortMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit033".into(), 10_026_468, 1));
    // cf a9: -220.65.
    let modify = (
        0,
        'M',
        'N',
        0x3c98_9d2e_d395_7381,
        -220_650_000_000,
        11,
        flags,
    );
    assert_eq!(packet.orders(Output::Full), [(modify, None)]);

    let packet = read(&path, "OrderExecutedMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit033".into(), 9_975_020, 1));
    let order = 0x3c98_d52e_d0ad_b6cb;
    let executed = [
        ((0, 'T', 'N', 0, UNDEF_PRICE, 1, PUBLISHER_SPECIFIC), None),
        (
            (0, 'F', 'N', order, UNDEF_PRICE, 1, PUBLISHER_SPECIFIC),
            None,
        ),
        ((0, 'C', 'N', order, UNDEF_PRICE, 1, flags), None),
    ];
    assert_eq!(packet.orders(Output::Full), executed);

    // An auction's end, and the order that goes into the book by it.
    let packet = read(&path, "AuctionCancelMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit033".into(), 9_974_447, 2));
    assert_eq!(decoder.counters().unmapped, 1);
    let full = packet.sink.records(Output::Full);
    let add = summary(&view(full[1]));
    assert_eq!(
        add,
        (1, 'A', 'B', 0x3c98_d52e_d0b1_1673, 5_800_000_000, 1, LAST)
    );

    let packet = read(&path, "DeleteOrderMessage.pcap", &mut decoder);
    let delete = |order| (0, 'C', 'N', order, UNDEF_PRICE, UNDEF_ORDER_SIZE, flags);
    assert_eq!(packet.header, ("unit033".into(), 10_033_418, 1));
    assert_eq!(
        packet.orders(Output::Full),
        [(delete(0x3c98_d52e_d17e_8bdc), None)]
    );

    let packet = read(&path, "TimeMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit033".into(), 9_324_070, 2));
    let delete = delete(0x3c98_d52e_cfbd_52c7);
    assert_eq!(packet.orders(Output::Full), [(delete, Some(429_289_000))]);
    // 33,969 seconds: 09:26:09 in New York, 14:26:09 UTC.
    let record: MboMsg = view(packet.sink.records(Output::Full)[0]);
    assert_eq!(record.hd.ts_event / 1_000_000_000 % 86_400, 51_969);
}

#[test]
fn futures() {
    let Some(path) = find_or_skip("omi/Cboe/Futures.DepthOfBook.Pitch.v1.1.6") else {
        return;
    };
    let mut decoder = decoder(Futures);
    let packet = read(&path, "Heartbeat.pcap", &mut decoder);
    assert_eq!(
        (packet.header, packet.kind),
        (("unit001".into(), 21_134, 0), FrameKind::Heartbeat)
    );

    let packet = read(&path, "AddOrderShortMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 21_396, 1));
    let add = (1, 'A', 'B', 0x021f_b27e_0775_2cf1, 14_800_000_000, 1, LAST);
    assert_eq!(packet.orders(Output::Full), [(add, None)]);

    let flags = LAST | PUBLISHER_SPECIFIC;
    let packet = read(&path, "ModifyOrderShortMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 22_005, 1));
    let modify = (
        0,
        'M',
        'N',
        0x021f_567e_077b_2f53,
        16_450_000_000,
        35,
        flags,
    );
    assert_eq!(packet.orders(Output::Full), [(modify, None)]);

    let packet = read(&path, "DeleteMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 21_392, 1));
    let delete = (
        0,
        'C',
        'N',
        0x021f_a67e_0737_94ee,
        UNDEF_PRICE,
        UNDEF_ORDER_SIZE,
        flags,
    );
    assert_eq!(packet.orders(Output::Full), [(delete, None)]);

    let packet = read(&path, "TradingStatusMessage.pcap", &mut decoder);
    assert_eq!(packet.header, ("unit001".into(), 35_934, 16));
    let records = packet.sink.records(Output::Full);
    assert_eq!(records.len(), 16);
    for (number, words) in (2..).zip(records) {
        let status: StatusMsg = view(words);
        assert_eq!(
            (status.hd.instrument_id, status.hd.ts_event),
            (number, UNDEF_TIMESTAMP)
        );
        assert_eq!(status.action, StatusAction::PreOpen as u16);
    }
}

#[test]
fn a_spread_of_futures() {
    let Some(path) = find_or_skip("omi/Cboe/Futures.DepthOfBook.Pitch.v1.1.12") else {
        return;
    };
    let mut decoder = decoder(Market::Futures);
    let packet = read(
        &path,
        "FutureInstrumentDefinitionMessage.pcap",
        &mut decoder,
    );
    // Without a number: it is sent again and again.
    assert_eq!(packet.header, ("unit002".into(), 0, 1));
    let text = |field: &[i8]| -> String {
        field
            .iter()
            .map(|&b| b as u8 as char)
            .take_while(|&c| c != '\0')
            .collect()
    };
    let records: Vec<InstrumentDefMsg> = packet
        .sink
        .records(Output::Full)
        .iter()
        .map(|r| view(r))
        .collect();
    assert_eq!(records.len(), 2);
    for (record, (leg, side)) in records.iter().zip([("0004R9", b'A'), ("0004yZ", b'B')]) {
        assert_eq!(text(&record.raw_symbol), "0004yj");
        assert_eq!(text(&record.asset), "ZAMB1");
        // 1,613,081,295 seconds and 228,417,000 nanoseconds.
        assert_eq!(record.hd.ts_event, 1_613_081_295_228_417_000);
        assert_eq!(
            (
                record.maturity_year,
                record.maturity_month,
                record.maturity_day
            ),
            (2021, 3, 1)
        );
        assert_eq!(
            (record.contract_multiplier, record.min_price_increment),
            (50, 250_000_000)
        );
        assert_eq!((record.instrument_class as u8, record.leg_count), (b'S', 2));
        assert_eq!(
            (text(&record.leg_raw_symbol).as_str(), record.leg_side as u8),
            (leg, side)
        );
        assert_eq!(record.leg_ratio_qty_numerator, 1);
    }
}
