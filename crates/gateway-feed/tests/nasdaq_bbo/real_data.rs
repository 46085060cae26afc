//! Real packets, where there are any: each decodes, and each field is what the specification's offsets give by hand.

use gateway_capture::CaptureReader;
use gateway_feed::decoder::Decoder;
use gateway_feed::moldudp64::Packet;
use gateway_feed::record::v3::{Mbp1Msg, StatusMsg};
use gateway_feed::sink::Output;
use gateway_test_support::data::find_or_skip;

use crate::{MIDNIGHT, decode, decoder, everything, view};

fn messages(file: &str) -> Option<Vec<Vec<u8>>> {
    let folder = find_or_skip("omi/Nasdaq/Nasdaq.Equities.Bbo.Itch.v2.1.20241105")?;
    let mut reader = CaptureReader::open(folder.join(file)).unwrap();
    let mut messages = Vec::new();
    while let Some(captured) = reader.next().unwrap() {
        let udp = captured.udp().unwrap();
        let payload = &captured.frame[udp.payload_offset..][..udp.payload_len];
        let packet = Packet::parse(payload).unwrap();
        messages.extend(packet.messages().map(|message| message.bytes.to_vec()));
    }
    assert_eq!(messages.len(), 5, "{file}");
    Some(messages)
}

/// The big-endian number at `at`.
fn number(message: &[u8], at: std::ops::Range<usize>) -> u64 {
    message[at]
        .iter()
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn symbol(message: &[u8]) -> String {
    String::from_utf8(message[9..17].to_vec())
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Decodes the messages of a file; gives each with its record and the number of its instrument.
fn decoded<T>(file: &str) -> Option<Vec<(Vec<u8>, T)>> {
    let messages = messages(file)?;
    let (mut decoder, mut sink) = (decoder(), everything());
    for (sequence, message) in (1..).zip(&messages) {
        decode(&mut decoder, &mut sink, sequence, message);
    }
    assert_eq!(decoder.counters().messages(), 5);
    assert_eq!(decoder.counters().unmapped, 0);
    let records = sink.records(Output::Full);
    Some(
        messages
            .into_iter()
            .zip(records.into_iter().map(view))
            .collect(),
    )
}

#[test]
fn captured_quotations_are_what_their_bytes_say() {
    let Some(all) = decoded::<Mbp1Msg>("Bbo.BboQuotationMessage.pcap") else {
        return;
    };
    let nano = |units: u64| units as i64 * 100_000;
    for (message, quote) in &all {
        assert_eq!((message[0], message.len()), (b'Q', 34));
        let level = &quote.levels[0];
        assert_eq!(level.bid_px, nano(number(message, 18..22)));
        assert_eq!(u64::from(level.bid_sz), number(message, 22..26));
        assert_eq!(level.ask_px, nano(number(message, 26..30)));
        assert_eq!(u64::from(level.ask_sz), number(message, 30..34));
        assert_eq!(quote.hd.ts_event, MIDNIGHT + number(message, 3..9));
    }
    // The first one read by eye: 51 | 0000 | 1f1aced75cec | "IXJ     " | P | 000e2068 | 00000190 | 000e30d0 | 00000320.
    let (message, first) = &all[0];
    assert_eq!(symbol(message), "IXJ");
    assert_eq!(first.levels[0].bid_px, 92_580_000_000);
    assert_eq!((first.levels[0].bid_sz, first.levels[0].ask_sz), (400, 800));
    assert_eq!(first.levels[0].ask_px, 93_000_000_000);
    let symbols: Vec<String> = all.iter().map(|(message, _)| symbol(message)).collect();
    assert_eq!(symbols, ["IXJ", "XBI", "LABU", "CLOU", "LABD"]);
    let numbers: Vec<u32> = all
        .iter()
        .map(|(_, quote)| quote.hd.instrument_id)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn captured_halts_and_restrictions_are_what_their_bytes_say() {
    let Some(halts) = decoded::<StatusMsg>("Bbo.StockTradingActionMessage.pcap") else {
        return;
    };
    // Listing market, state and reason behind the symbol: 51 50 4c554450 is Q, P, LUDP.
    let paused = halts.iter().map(|(message, status)| {
        assert_eq!(status.hd.ts_event, MIDNIGHT + number(message, 3..9));
        let is_pause = message[18] == b'P' && &message[19..23] == b"LUDP";
        assert_eq!(is_pause, status.action == dbn::StatusAction::Pause as u16);
        assert_eq!(
            is_pause,
            status.reason == dbn::StatusReason::LuldPause as u16
        );
        assert_eq!(is_pause, status.is_trading as u8 == b'N');
        is_pause
    });
    assert_eq!(paused.collect::<Vec<_>>(), [true, true, true, false, false]);

    let Some(restrictions) = decoded::<StatusMsg>("Bbo.RegShoRestrictionMessage.pcap") else {
        return;
    };
    for (message, status) in restrictions {
        assert_eq!((message.len(), message[17]), (18, b'1'));
        assert_eq!(status.action, dbn::StatusAction::SsrChange as u16);
        assert_eq!(status.is_short_sell_restricted as u8, b'Y');
    }
}
