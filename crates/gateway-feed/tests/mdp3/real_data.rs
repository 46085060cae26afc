//! Real captures, where there are any, against values that were read off their bytes by hand. The bytes are those behind the
//! packet header, as a hexadecimal dump shows them; the comments say what the specification makes of them.

use std::path::Path;

use gateway_capture::CaptureReader;
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::mdp3::{Mdp3, Mdp3Decoder};
use gateway_feed::record::v3::InstrumentDefMsg;
use gateway_feed::sink::Output;
use gateway_feed::transport::Transport;
use gateway_test_support::data::find_or_skip;

use crate::{bytes, decode, decoder, everything, lines, view};

/// UDP payloads of a capture; of TCP segments what follows their header's 2 bytes of encoding type, which is as a packet.
fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut payloads = Vec::new();
    while let Some(captured) = reader.next().unwrap() {
        match gateway_wire::parse(captured.frame) {
            Ok(udp) => payloads.push(udp.payload(captured.frame).unwrap().to_vec()),
            Err(_) => {
                let segment = &captured.frame[14 + 20 + 20..];
                assert_eq!(segment[..2], [0xfe, 0xca], "little-endian SBE");
                payloads.push(segment[2..].to_vec());
            }
        }
    }
    payloads
}

/// Decodes every packet; none may be cut, nor hold a message that is not understood.
fn take(decoder: &mut Mdp3Decoder, sink: &mut Collector, packets: &[Vec<u8>]) {
    for packet in packets {
        let frame = Mdp3::frame(packet).unwrap();
        let walked = Mdp3::walk(&frame, 0, |_, message| decode(decoder, sink, message));
        assert_eq!(
            (walked.whole, walked.trailing_bytes, walked.cut_at),
            (1, 0, None)
        );
    }
    let counters = decoder.counters();
    assert_eq!((counters.unknown_types, counters.length_errors()), (0, 0));
}

fn capture(name: &str) -> Option<(Mdp3Decoder, Collector)> {
    let path = find_or_skip(&format!("omi/Cme/{name}"))?;
    let (mut decoder, mut sink) = (decoder(), everything());
    take(&mut decoder, &mut sink, &payloads(&path));
    Some((decoder, sink))
}

/// The native records are the capture's own bytes: that they are the ones the values were read off.
fn assert_bytes(sink: &Collector, index: usize, expected: &str) {
    let native = sink.records(Output::Native);
    let message = gateway_feed::itch50::harness::native_bytes(native[index]).unwrap();
    let expected = bytes(expected);
    assert_eq!(message[..expected.len()], expected, "message {index}");
}

#[test]
fn an_order_is_added_in_version_9() {
    let Some((decoder, sink)) = capture("Mdp3.Sbe.v1.9/MdIncrementalRefreshOrderBook.pcap") else {
        return;
    };
    let message = "0b00 2f00 0100 0900  ff9dffef90ab5315 84 0000  2800 01
        d31d6ad911000000 e4f23b2600000000 0068daccf90a0000 04000000 231f0800 00 31";
    assert_bytes(&sink, 0, message);
    // Order 0x11d96a1dd3 of security 0x81f23 to sell 4 at 0x0af9ccda6800 units of 1e-9; the event is over.
    let price = 0x0af9_ccda_6800_u64;
    let expected = format!("A A #1 order 0x11d96a1dd3 {price} x 4 L");
    assert_eq!(lines(&sink), [expected]);
    assert_eq!(decoder.counters().by_type[47], 1);
}

#[test]
fn a_trade_and_what_it_does_to_the_book_in_version_9() {
    let Some((decoder, sink)) = capture("Mdp3.Sbe.v1.9/MdIncrementalRefreshVolume.pcap") else {
        return;
    };
    // Cumulative volume 0x2545 of security 0x1dc4d.
    assert_bytes(
        &sink,
        0,
        "0b00 2500 0100 0900 e665eccf90ab5315 02 0000 1000 01 45250000 4ddc0100 000c0000 00",
    );
    // Level 1 of the bids changes: 9 at 0x3b9aca00; the order behind it, 0x1498dca07f, is updated to 9.
    let book = "0b00 2e00 0100 0900 e665eccf90ab5315 04 0000 2000 01
        00ca9a3b00000000 09000000 4ddc0100 010c0000 01000000 01 01 30 0000000000
        1800 0000000000 01 7fa0dc9814000000 731edf5400000000 09000000 01 01 0000";
    assert_bytes(&sink, 1, book);
    // Without entries: nothing but the end of the event.
    assert_bytes(
        &sink,
        2,
        "0b00 2e00 0100 0900 e665eccf90ab5315 80 0000 2000 00 1800 0000000000 00",
    );
    // The trade 0x535a7: 9 at 0x3b9aca00, the seller is the aggressor; two orders took part.
    let trade = "0b00 3000 0100 0900 e665eccf90ab5315 01 0000 2000 01
        00ca9a3b00000000 09000000 4ddc0100 020c0000 02000000 02 00 a7350500 0000
        1000 0000000000 02 81a0dc9814000000 09000000 00000000 7fa0dc9814000000 09000000 00000000";
    assert_bytes(&sink, 3, trade);
    assert_eq!(
        lines(&sink),
        [
            "stat 10001 #1 - x 9541 action 1 flags 0",
            "M B #1 order 0x1 1000000000 x 9 M",
            "M B #1 order 0x1498dca07f 1000000000 x 9 L",
            "T A #1 order 0x535a7 1000000000 x 9",
            "F A #1 order 0x1498dca081 1000000000 x 9",
            "F B #1 order 0x1498dca07f 1000000000 x 9",
            "stat 10001 #1 - x 9550 action 1 flags 0",
            "C B #1 order 0x1 1000000000 x 9 M",
            "C B #1 order 0x1498dca07f 1000000000 x 9 L",
        ]
    );
    let counters = decoder.counters();
    assert_eq!((counters.messages(), counters.unmapped), (7, 0));
}

#[test]
fn levels_and_session_statistics_in_version_5() {
    let name = "Mdp3.Sbe.v1.5/MdIncrementalRefreshSessionStatistics.pcap";
    let Some((decoder, sink)) = capture(name) else {
        return;
    };
    // Security 0xb70: three levels, without a group of orders, which came with version 7.
    let book = "0b00 2000 0100 0500 d38f6c08810e1214 04 0000 2000 03
        0094854ddd010000 0e000000 700b0000 0f350000 01000000 01 00 30 0000000000
        80fd92eada010000 0f000000 700b0000 10350000 01000000 02 02 30 0000000000
        0094854ddd010000 01000000 700b0000 11350000 01000000 01 02 31";
    assert_bytes(&sink, 1, book);
    // High, low, and the day's open; no size, which came with version 8.
    let statistics = "0b00 2300 0100 0500 d38f6c08810e1214 88 0000 1800 03
        0094854ddd010000 700b0000 12350000 ff 00 37 0000000000
        0094854ddd010000 700b0000 13350000 ff 00 38 0000000000
        0094854ddd010000 700b0000 14350000 00 00 34";
    assert_bytes(&sink, 2, statistics);
    // Seven decimal places: times 100.
    let (high, second) = (0x01dd_4d85_9400_u64 * 100, 0x01da_ea92_fd80_u64 * 100);
    let (bid, next, last) = (
        0x01e4_2bdb_db00_u64 * 100,
        0x01e4_3ac2_8d80_u64 * 100,
        0x01dd_8920_5e00_u64 * 100,
    );
    assert_eq!(
        lines(&sink),
        [
            "stat 10001 #1 - x 1 action 1 flags 0".to_owned(),
            format!("A B #1 order 0x1 {high} x 14 M"),
            format!("C B #1 order 0x2 {second} x 15 M"),
            format!("C A #1 order 0x1 {high} x 1 LM"),
            format!("stat 5 #1 {high} x - action 1 flags 0"),
            format!("stat 4 #1 {high} x - action 1 flags 0"),
            format!("stat 1 #1 {high} x - action 1 flags 0"),
            format!("M B #2 order 0x3 {bid} x 579 LM"),
            format!("M B #2 order 0x2 {next} x 423 LM"),
            format!("A B #1 order 0x1 {last} x 1 LM"),
        ]
    );
    assert_eq!(
        (decoder.counters().messages(), decoder.counters().unmapped),
        (6, 0)
    );
}

#[test]
fn volume_and_a_level_in_version_5() {
    let Some((_, sink)) = capture("Mdp3.Sbe.v1.5/MdIncrementalRefreshVolume.pcap") else {
        return;
    };
    assert_bytes(
        &sink,
        0,
        "0b00 2500 0100 0500 cfa7ff4f6b0e1214 02 0000 1000 01 2e751400 7e360000 2afa3b01 00",
    );
    let book = "0b00 2000 0100 0500 cfa7ff4f6b0e1214 84 0000 2000 01
        00ac73d2e3010000 55000000 7e360000 2bfa3b01 16000000 01 01 31";
    assert_bytes(&sink, 1, book);
    let price = 0x01e3_d273_ac00_u64 * 100;
    assert_eq!(
        lines(&sink),
        [
            "stat 10001 #1 - x 1340718 action 1 flags 0".to_owned(),
            format!("M A #1 order 0x1 {price} x 85 LM"),
        ]
    );
}

fn text(field: &[std::ffi::c_char]) -> String {
    let bytes = field.iter().map(|c| *c as u8).take_while(|byte| *byte != 0);
    String::from_utf8(bytes.collect()).unwrap()
}

#[test]
fn spreads_and_futures_are_defined_in_version_5() {
    let Some((mut decoder, mut sink)) = capture("Mdp3.Sbe.v1.5/MdInstrumentDefinitionSpread.pcap")
    else {
        return;
    };
    let spread = "c100 1d00 0100 0500 00 0f000000 41 c29c5e56dfa21214 04 3601 40 05 58434d45
        455300000000 455300000000 45534d362d455355360000000000000000000000 8b270000";
    assert_bytes(&sink, 0, spread);
    let definitions: Vec<InstrumentDefMsg> = sink
        .records(Output::Full)
        .iter()
        .map(|words| view(words))
        .collect();
    // Three spreads of two legs, and two futures.
    let told: Vec<_> = definitions
        .iter()
        .map(|d| {
            (
                text(&d.raw_symbol),
                d.raw_instrument_id,
                d.leg_index,
                d.leg_count,
            )
        })
        .collect();
    let expected = [
        ("ESM6-ESU6", 0x278b, 0, 2),
        ("ESM6-ESU6", 0x278b, 1, 2),
        ("ESM6-ESZ6", 0x1f2a, 0, 2),
        ("ESM6-ESZ6", 0x1f2a, 1, 2),
        ("ESU6", 0x0a37, 0, 0),
        ("ESU6-ESZ6", 0x1f64, 0, 2),
        ("ESU6-ESZ6", 0x1f64, 1, 2),
        ("ESZ5", 0x367e, 0, 0),
    ];
    assert_eq!(
        told,
        expected.map(|(symbol, id, index, count)| (symbol.to_owned(), id, index, count))
    );

    let spread = &definitions[0];
    assert_eq!(spread.hd.ts_event, 0x1412_a2df_565e_9cc2);
    assert_eq!(
        (
            spread.appl_id,
            spread.market_segment_id,
            spread.underlying_product
        ),
        (310, 64, 5)
    );
    assert_eq!(spread.security_update_action as u8, b'A');
    assert_eq!(
        (text(&spread.exchange), text(&spread.group)),
        ("XCME".into(), "ES".into())
    );
    assert_eq!(
        (text(&spread.asset), text(&spread.cfi)),
        ("ES".into(), "FMIXSX".into())
    );
    assert_eq!(
        (text(&spread.security_type), text(&spread.secsubtype)),
        ("FUT".into(), "EQ".into())
    );
    assert_eq!(
        (text(&spread.currency), text(&spread.unit_of_measure)),
        ("USD".into(), "CTRCT".into())
    );
    assert_eq!(
        (
            spread.maturity_year,
            spread.maturity_month,
            spread.maturity_day
        ),
        (2016, 6, 255)
    );
    assert_eq!((spread.min_trade_vol, spread.max_trade_vol), (1, 5_000));
    // 80f0fa0200000000 and a086010000000000 with seven decimal places: 5 and 0.01.
    assert_eq!(
        (spread.min_price_increment, spread.display_factor),
        (5_000_000_000, 10_000_000)
    );
    assert_eq!(
        (spread.high_limit_price, spread.price_ratio),
        (i64::MAX, i64::MAX)
    );
    // 0065cd1d00000000: 50.
    assert_eq!(spread.max_price_variation, 50_000_000_000);
    assert_eq!(
        (spread.instrument_class as u8, spread.match_algorithm as u8),
        (b'S', b'F')
    );
    assert_eq!(
        (spread.activation, spread.expiration),
        (0x13e9_26c8_c2ef_7000, 0x1458_e207_5f43_7000)
    );
    assert_eq!(
        (spread.market_depth, spread.market_depth_implied),
        (10, i32::MAX)
    );
    assert_eq!(
        (
            spread.inst_attrib_value,
            spread.user_defined_instrument as u8
        ),
        (0x0004_2409, b'N')
    );
    let leg = |d: &InstrumentDefMsg| {
        (
            d.leg_side as u8,
            d.leg_ratio_qty_numerator,
            d.leg_price,
            d.leg_delta,
        )
    };
    assert_eq!(leg(&definitions[0]), (b'A', 1, i64::MAX, i64::MAX));
    assert_eq!(leg(&definitions[1]), (b'B', 1, i64::MAX, i64::MAX));
    // The second leg is the future that is defined later in the same packet.
    assert_eq!(
        definitions[1].leg_instrument_id,
        definitions[4].hd.instrument_id
    );
    assert_eq!(text(&definitions[5].leg_raw_symbol), "ESU6");

    let future = &definitions[4];
    assert_eq!(
        (future.instrument_class as u8, text(&future.unit_of_measure)),
        (b'F', "IPNT".into())
    );
    assert_eq!(
        (future.min_price_increment, future.unit_of_measure_qty),
        (25_000_000_000, 50_000_000_000)
    );
    assert_eq!(future.high_limit_price, 0x01fa_df4f_ca00 * 100);
    assert_eq!(future.low_limit_price, 0x01ca_35f0_e000 * 100);
    assert_eq!(future.max_price_variation, 0x0001_65a0_bc00 * 100);
    // 4059730700000000: 12.5.
    assert_eq!(future.min_price_increment_amount, 12_500_000_000);

    // The state of the group, from another capture, reaches each of its instruments.
    let status = bytes(
        "1e00 1e00 0100 0800 03259845349ad914 455300000000 000000000000 ffffff7f ed43 80 15 00 04",
    );
    sink.published.clear();
    decode(&mut decoder, &mut sink, &status);
    let mut told = lines(&sink);
    told.sort_unstable();
    let of = |number| format!("status #{number} action 1 reason 1 event 2 trading N quoting Y");
    let numbers: Vec<String> = definitions.iter().map(|d| of(d.hd.instrument_id)).collect();
    let mut expected = numbers;
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(told, expected);
    // The legs that were never defined (security 0x1969) have no group.
    let symbols = sink
        .published
        .iter()
        .filter(|p| matches!(p, Published::Symbol { .. }));
    assert_eq!(symbols.count(), 0);
}

#[test]
fn a_snapshot_of_long_quantities_in_version_12() {
    let name = "Mdp3.Sbe.v1.12/SnapshotFullRefreshTcpLongQty.Tcp.pcap";
    let Some((decoder, sink)) = capture(name) else {
        return;
    };
    let message = "2500 4400 0100 0c00 711a2c50e7c2a216 80 7878b400 ffffffffffffff7f 50c3000000000000 c0c62d0000000000
        1700 0a d0108d4600000000 40420f0000000000 ffffff7f 01 ff 78
                70978e4600000000 40420f0000000000 ffffff7f 01 ff 77
                d0108d4600000000 40420f0000000000 ffffff7f 01 ff 30
                005f554600000000 40420f0000000000 ffffff7f 02 ff 30";
    assert_bytes(&sink, 0, message);
    // The market's best (x, w) and the last trade (2) are not levels of the book.
    assert_eq!(
        lines(&sink),
        [
            "R N #1 order 0x0 - x 0 MS".to_owned(),
            format!("A B #1 order 0x1 {} x 1000000 MS", 0x468d_10d0),
            format!("A B #1 order 0x2 {} x 1000000 MS", 0x4655_5f00),
            format!("A A #1 order 0x1 {} x 1000000 MS", 0x468e_9770),
            format!("A A #1 order 0x2 {} x 2000000 MS", 0x47ff_1760),
            format!("A A #1 order 0x3 {} x 2000000 MS", 0x4800_9e00),
            format!("A A #1 order 0x4 {} x 17000000 MS", 0x4801_6150),
            format!("A A #1 order 0x5 {} x 13000000 LMS", 0x4802_24a0),
        ]
    );
    assert_eq!(decoder.counters().by_type[68], 1);
}

#[test]
fn requests_of_the_session_schema_are_framed_and_of_no_known_template() {
    for (name, template) in [("SecurityListRequest", 208), ("SecurityStatusRequest", 209)] {
        let Some(path) = find_or_skip(&format!("omi/Cme/Mdp3.Sbe.v1.12/{name}.Tcp.pcap")) else {
            return;
        };
        let (mut decoder, mut sink) = (decoder(), everything());
        for packet in payloads(&path) {
            let frame = Mdp3::frame(&packet).unwrap();
            let walked = Mdp3::walk(&frame, 0, |_, message| {
                // Block of 5 bytes, schema 2 ("TCP session management"): what a client asks, over TCP.
                assert_eq!(message[..6], [5, 0, template, 0, 2, 0]);
                decode(&mut decoder, &mut sink, message);
            });
            assert_eq!((walked.whole, walked.trailing_bytes), (1, 0));
        }
        assert_eq!(
            (decoder.counters().unknown_types, sink.published.len()),
            (1, 0)
        );
    }
}

#[test]
fn the_vectors_of_version_8_decode_as_their_bytes_say() {
    let Some(path) = find_or_skip("cme-mdp3/vectors.tsv") else {
        return;
    };
    let file = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = file
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(rows.len(), 5);
    let level = 0x0236_4d65_b280_u64 * 100;
    let second = 0x0236_6b33_1780_u64 * 100;
    let trade = 0x0236_d381_f900_u64 * 100;
    for row in rows {
        let (mut decoder, mut sink) = (decoder(), everything());
        take(&mut decoder, &mut sink, &[bytes(row[2])]);
        let expected = match row[1] {
            // Two messages; of securities 0x610a and 0x5d80.
            "test_incremental_refresh_multiple_messages" => vec![
                format!("M B #1 order 0x7 {level} x 142 M"),
                format!("M B #1 order 0x960a984ce4 {level} x 1 L"),
                format!("M A #2 order 0x2 {second} x 4 M"),
                format!("M A #2 order 0x960a985361 {second} x 2 L"),
            ],
            // 2 at 0x0236d381f900, the buyer is the aggressor, and has the first of the two orders; no trade id.
            "test_incremental_refresh_trade_summary" => vec![
                format!("T B #1 order 0x0 {trade} x 2"),
                format!("F B #1 order 0x960a985130 {trade} x 2"),
                format!("F A #1 order 0x960a9850ad {trade} x 2"),
            ],
            // Of the group ES, of which no instrument is known yet.
            _ => vec!["native #0".to_owned()],
        };
        assert_eq!(lines(&sink), expected, "{}", row[1]);
    }
}
