//! One oracle for unit tests, property tests and the fuzz target: whatever the bytes, the decoder neither panics nor
//! publishes a record that is not one.

use super::decoder::{ItchConfig, ItchDecoder, OrderIndexConfig};
use super::messages::Message;
use crate::decoder::Decoder;
use crate::record::{ControlRecord, RTYPE_NATIVE};
use crate::sink::{InstrumentId, MessageContext, Output, Outputs, RecordSink};

/// What a decoder handed to its sink, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A record.
    Record {
        /// For readers of which output.
        output: Output,
        /// Of which instrument.
        instrument: InstrumentId,
        /// The record.
        words: Vec<u64>,
    },
    /// A symbol was learnt, or forgotten (empty).
    Symbol {
        /// The instrument.
        instrument: InstrumentId,
        /// Its symbol.
        symbol: Vec<u8>,
    },
    /// A record about the channel.
    Control(ControlRecord),
}

/// A sink that keeps everything. For tests: it allocates.
#[derive(Clone, Debug)]
pub struct Collector {
    wants: Outputs,
    /// What came, in order.
    pub published: Vec<Published>,
}

impl Collector {
    /// A sink that wants `wants` of every instrument.
    #[must_use]
    pub const fn new(wants: Outputs) -> Self {
        Self {
            wants,
            published: Vec::new(),
        }
    }

    /// The records of `output` that came, in order.
    #[must_use]
    pub fn records(&self, output: Output) -> Vec<&[u64]> {
        let of_output = |published: &'_ Published| match published {
            Published::Record { output: of, .. } => *of == output,
            _ => false,
        };
        self.published
            .iter()
            .filter(|published| of_output(published))
            .filter_map(|published| match published {
                Published::Record { words, .. } => Some(words.as_slice()),
                _ => None,
            })
            .collect()
    }
}

impl RecordSink for Collector {
    fn wants(&self, _: InstrumentId) -> Outputs {
        self.wants
    }

    fn publish(&mut self, output: Output, instrument: InstrumentId, words: &[u64]) {
        self.published.push(Published::Record {
            output,
            instrument,
            words: words.to_vec(),
        });
    }

    fn control(&mut self, record: &ControlRecord) {
        self.published.push(Published::Control(*record));
    }

    fn instrument(&mut self, instrument: InstrumentId, symbol: &[u8]) {
        self.published.push(Published::Symbol {
            instrument,
            symbol: symbol.to_vec(),
        });
    }
}

/// Decodes `input` as a row of messages, each behind one byte of length (where it is longer than what follows, the
/// rest is one message), and checks what must hold of any message.
///
/// # Panics
/// A message was counted not at all or twice, or a record is not well formed, or `Message::parse` and the decoder
/// disagree on what is a message.
pub fn exercise(input: &[u8]) {
    let config = ItchConfig {
        orders: Some(OrderIndexConfig {
            orders_max: 50,
            prefetch: true,
        }),
        ..ItchConfig::default()
    };
    let Ok(mut decoder) = ItchDecoder::new(&config) else {
        unreachable!("the default configuration is valid")
    };
    let wants = Outputs::NONE
        .with(Output::Native)
        .with(Output::Plain)
        .with(Output::Full);
    let mut rest = input;
    let mut sequence = 0;
    while let [length, behind @ ..] = rest {
        let (message, next) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = next;
        sequence += 1;
        let mut sink = Collector::new(wants);
        let before = handled(&decoder);
        decoder.prefetch(message);
        decoder.message(
            &MessageContext {
                sequence,
                ts_recv: 1_577_716_200_000_000_000,
            },
            message,
            &mut sink,
        );
        assert_eq!(
            handled(&decoder),
            before + 1,
            "each message is counted once"
        );
        check(message, &sink);
    }
}

fn handled(decoder: &ItchDecoder) -> u64 {
    let counters = decoder.counters();
    counters.messages() + counters.unknown_types + counters.length_errors()
}

fn check(message: &[u8], sink: &Collector) {
    let native = sink.records(Output::Native);
    let plain = sink.records(Output::Plain);
    let full = sink.records(Output::Full);
    if Message::parse(message).is_err() {
        assert!(
            sink.published.is_empty(),
            "what is no message publishes nothing"
        );
        return;
    }
    assert_eq!(native.len(), 1, "one native record a message");
    assert_eq!(
        native_bytes(native[0]).as_deref(),
        Some(message),
        "a native record holds the message"
    );
    assert_eq!(
        plain.len(),
        full.len(),
        "what is completed is the same records"
    );
    check_records(&plain);
    check_records(&full);
}

fn check_records(records: &[&[u64]]) {
    assert!(
        (1..=3).contains(&records.len()),
        "a message has one to three records"
    );
    for (index, record) in records.iter().enumerate() {
        let head = record[0].to_le_bytes();
        assert_eq!(
            usize::from(head[0]) * 4,
            record.len() * 8,
            "the header says the record's length"
        );
        if head[1] == dbn::rtype::MBO {
            let is_last = record[4].to_le_bytes()[4] & dbn::flags::LAST != 0;
            assert_eq!(
                is_last,
                index + 1 == records.len(),
                "the last record of a message says so, and no other"
            );
        } else {
            assert_eq!(
                records.len(),
                1,
                "only orders and trades make several records"
            );
        }
    }
}

/// The exchange's bytes in a native record; `None` if it is no native record, or its padding is not zero.
#[must_use]
pub fn native_bytes(words: &[u64]) -> Option<Vec<u8>> {
    let [head, _, body @ ..] = words else {
        return None;
    };
    let [_, rtype, length @ ..] = head.to_le_bytes();
    let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
    let mut bytes: Vec<u8> = body.iter().flat_map(|word| word.to_le_bytes()).collect();
    let padded = rtype == RTYPE_NATIVE && bytes.len() == length.next_multiple_of(8);
    if !padded || bytes[length..].iter().any(|&byte| byte != 0) {
        return None;
    }
    bytes.truncate(length);
    Some(bytes)
}
