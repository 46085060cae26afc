//! Bytes that a reader can compare with the specification, and records as lines of text.

use std::ffi::c_char;

use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::{Collector, native_bytes};
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::record::{RTYPE_NATIVE, v3};
use gateway_feed::sink::{MessageContext, Output, Outputs};

/// Bytes from text: hexadecimal digits, and letters as they are between single quotes. Spaces outside quotes are
/// for the reader.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: String = part.split_whitespace().collect();
        assert!(digits.len().is_multiple_of(2), "half a byte in {text:?}");
        for at in (0..digits.len()).step_by(2) {
            bytes.push(u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        }
    }
    bytes
}

/// 2019-12-30 00:00 in New York.
pub(crate) const MIDNIGHT: u64 = 1_577_682_000_000_000_000;

/// When the packets of these tests were received: 09:30:00 and 1,001 ns, i.e. 1,000 ns after `EVENT`.
pub(crate) const RECEIVED: u64 = MIDNIGHT + EVENT + 1_000;

/// The time that the fixtures carry: 09:30:00.000000001.
pub(crate) const EVENT: u64 = 34_200_000_000_001;

pub(crate) fn decoder(publisher_id: u16) -> ItchDecoder {
    let session_date = "2019-12-30".parse().unwrap();
    ItchDecoder::new(&ItchConfig {
        publisher_id,
        channel_id: 7,
        session_date,
        symbols: Vec::new(),
        orders: Some(OrderIndexConfig {
            orders_max: 1_000,
            prefetch: true,
        }),
    })
    .unwrap()
}

/// Decodes one message for readers of `output`; gives its records as lines.
pub(crate) fn decode(output: Output, message: &[u8]) -> Vec<String> {
    decode_for(2, output, message)
}

pub(crate) fn decode_for(publisher_id: u16, output: Output, message: &[u8]) -> Vec<String> {
    let mut decoder = decoder(publisher_id);
    let mut sink = Collector::new(Outputs::NONE.with(output));
    decoder.message(
        &MessageContext {
            sequence: 0x1_0000_0005,
            ts_recv: RECEIVED,
        },
        message,
        &mut sink,
    );
    assert_eq!(decoder.counters().messages(), 1, "counted as a message");
    sink.records(output)
        .into_iter()
        .map(|words| describe(words, output))
        .collect()
}

/// The record as a struct of the `dbn` crate.
pub(crate) fn typed<R: v3::HasRType>(words: &[u64]) -> &R {
    assert_eq!(words.len() * 8, size_of::<R>());
    assert!(R::has_rtype(words[0].to_le_bytes()[1].into()));
    // SAFETY: the length is the struct's, words are aligned as it is, and DBN structs are plain data without padding
    // in which every bit pattern is a value.
    unsafe { &*words.as_ptr().cast::<R>() }
}

/// One line a record; checks on the way what all records share.
pub(crate) fn describe(words: &[u64], output: Output) -> String {
    match words[0].to_le_bytes()[1] {
        RTYPE_NATIVE => {
            let [length, _, _, _, instrument, ..] = words[0].to_le_bytes();
            assert_eq!(usize::from(length) * 4, words.len() * 8);
            assert_eq!(words[1], RECEIVED);
            let message = native_bytes(words).unwrap();
            format!(
                "{output:?} {} bytes of {}, instrument {instrument}",
                message.len(),
                message[0] as char
            )
        }
        dbn::rtype::MBO => describe_order(typed(words)),
        dbn::rtype::STATUS => describe_status(typed(words)),
        dbn::rtype::IMBALANCE => describe_imbalance(typed(words)),
        dbn::rtype::INSTRUMENT_DEF => describe_definition(typed(words)),
        rtype => panic!("a record of type {rtype:#x}"),
    }
}

fn check_header(header: &v3::RecordHeader, ts_recv: u64) {
    assert_eq!(header.publisher_id, 2);
    assert_eq!(header.instrument_id, 13);
    assert_eq!(header.ts_event, MIDNIGHT + EVENT);
    assert_eq!(ts_recv, RECEIVED);
}

fn describe_order(record: &v3::MboMsg) -> String {
    check_header(&record.hd, record.ts_recv);
    assert_eq!(
        (record.channel_id, record.sequence, record.ts_in_delta),
        (7, 5, 1_000)
    );
    let size = if record.size == u32::MAX {
        "-".to_owned()
    } else {
        record.size.to_string()
    };
    let flags: Vec<_> = [
        (dbn::flags::LAST, "last"),
        (dbn::flags::PUBLISHER_SPECIFIC, "incomplete"),
        (dbn::flags::MAYBE_BAD_BOOK, "suspect"),
    ]
    .into_iter()
    .filter_map(|(flag, name)| (record.flags.raw() & flag != 0).then_some(name))
    .collect();
    format!(
        "{} {} order={} price={} size={size} flags={}",
        letter(record.action),
        letter(record.side),
        record.order_id,
        price(record.price),
        flags.join("+")
    )
}

fn describe_status(record: &v3::StatusMsg) -> String {
    check_header(&record.hd, record.ts_recv);
    format!(
        "{:?} because {:?}; trading {} quoting {} short-sale restricted {}",
        record.action().unwrap(),
        record.reason().unwrap(),
        letter(record.is_trading),
        letter(record.is_quoting),
        letter(record.is_short_sell_restricted)
    )
}

fn describe_imbalance(record: &v3::ImbalanceMsg) -> String {
    check_header(&record.hd, record.ts_recv);
    format!(
        "imbalance {} auction={} reference={} near={} far={} paired={} total={} variation={}",
        letter(record.side),
        letter(record.auction_type),
        price(record.ref_price),
        price(record.cont_book_clr_price),
        price(record.auct_interest_clr_price),
        record.paired_qty,
        record.total_imbalance_qty,
        letter(record.significant_imbalance)
    )
}

fn describe_definition(record: &v3::InstrumentDefMsg) -> String {
    check_header(&record.hd, record.ts_recv);
    assert_eq!((record.channel_id, record.raw_instrument_id), (7, 13));
    format!(
        "definition {} at {} in {} class={} group={} type={} subtype={} lot={} round-lot={}",
        record.raw_symbol().unwrap(),
        record.exchange().unwrap(),
        record.currency().unwrap(),
        letter(record.instrument_class),
        record.group().unwrap(),
        record.security_type().unwrap(),
        record.secsubtype().unwrap(),
        record.min_lot_size,
        record.min_lot_size_round_lot
    )
}

fn letter(code: c_char) -> char {
    code.cast_unsigned() as char
}

fn price(price: i64) -> String {
    if price == i64::MAX {
        return "-".to_owned();
    }
    format!("{}.{:09}", price / 1_000_000_000, price % 1_000_000_000)
}
