//! One oracle for unit tests, property tests and the fuzz target: whatever the bytes, the decoder neither panics nor
//! publishes a record that is not one.

use super::decoder::{Mdp3Config, Mdp3Decoder, NATIVE_BYTES_MAX};
use super::recovery::{Mdp3Recoverer, Mdp3RecoveryConfig};
use super::sbe::Header;
use super::schema::{SCHEMA_ID, TEMPLATES, VERSION};
use super::transport::{Mdp3, PacketBuilder};
use crate::decoder::{Decoder, Discontinuity};
use crate::itch50::harness::{Collector, native_bytes};
use crate::record::RTYPE_NATIVE;
use crate::sink::{MessageContext, Output, Outputs};
use crate::transport::Transport;

/// The most records of one message: 255 levels, each of which may cancel ten, or 255 trades' and 255 orders', and one for each
/// instrument that there is room for.
const RECORDS_MAX: usize = 4_000;
const INSTRUMENTS_MAX: u16 = 3;

/// Takes `input` as a packet, and, where it is none, as a row of messages, each behind one byte of length (where it is longer
/// than what follows, the rest is one message), and checks what must hold of any message.
///
/// # Panics
/// A message was counted not at all or twice, or a record is not well formed.
pub fn exercise(input: &[u8]) {
    let config = Mdp3Config {
        // Few, so that there is soon no room.
        instruments_max: INSTRUMENTS_MAX,
        ..Mdp3Config::default()
    };
    let recovery = Mdp3RecoveryConfig {
        messages_max: 4,
        bytes_max: 2_000,
        timeout_ns: 20,
    };
    let (Ok(mut decoder), Ok(mut recoverer)) = (
        Mdp3Decoder::new(&config),
        Mdp3Recoverer::new(&config, Some(recovery)),
    ) else {
        unreachable!("the default configuration is valid")
    };
    let mut sequence = 0;
    let mut take = |message: &[u8]| {
        sequence += 1;
        exercise_message(&mut decoder, sequence, message);
        exercise_recovery(&mut recoverer, sequence, message);
    };
    let Ok(frame) = Mdp3::frame(input) else {
        return;
    };
    let mut messages = 0;
    let walked = Mdp3::walk(&frame, 0, |_, message| {
        messages += 1;
        take(message);
    });
    assert!(walked.whole <= 1, "a packet has one number");
    assert!(
        walked.whole == 1 || messages == 0,
        "a cut packet delivers nothing"
    );
    if walked.whole == 0 {
        let mut rest = frame.body;
        while let [length, behind @ ..] = rest {
            let (message, next) = behind.split_at(behind.len().min(usize::from(*length)));
            rest = next;
            take(message);
        }
    }
}

/// Inputs to begin with: a packet of each template in an old, a middle and the newest version of the schema, with an entry in
/// each group.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for version in [5, 9, VERSION] {
        for template in TEMPLATES {
            let header = Header {
                block_length: template.root.length(version) as u16,
                template_id: template.id,
                schema_id: SCHEMA_ID,
                version,
            };
            let mut message = header.bytes().to_vec();
            message.extend(vec![1; template.root.length(version)]);
            for group in template
                .groups
                .iter()
                .filter(|group| group.since <= version)
            {
                let length = group.entry.length(version);
                let mut header = vec![0; group.header];
                header[..2].copy_from_slice(&(length as u16).to_le_bytes());
                header[group.header - 1] = 1;
                message.extend(header);
                message.extend(vec![1; length]);
            }
            let mut packet = PacketBuilder::new(1, 1_472);
            if packet.push(&message).is_ok() {
                packet.finish(1_514_900_000_000_000_000, |packet| {
                    seeds.push(packet.to_vec())
                });
            }
        }
    }
    seeds
}

fn exercise_message(decoder: &mut Mdp3Decoder, sequence: u64, message: &[u8]) {
    let wants = Outputs::NONE
        .with(Output::Native)
        .with(Output::Plain)
        .with(Output::Full);
    let mut sink = Collector::new(wants);
    let before = handled(decoder);
    let context = MessageContext {
        sequence,
        ts_recv: 1_514_900_000_000_000_000,
    };
    let decoded = decoder.counters().messages();
    decoder.message(&context, message, &mut sink);
    assert_eq!(handled(decoder), before + 1, "each message is counted once");

    let native = sink.records(Output::Native);
    let (plain, full) = (sink.records(Output::Plain), sink.records(Output::Full));
    if decoder.counters().messages() == decoded {
        assert!(
            native.is_empty() && plain.is_empty() && full.is_empty(),
            "what is no message publishes no record"
        );
        return;
    }
    let expected = &message[..message.len().min(NATIVE_BYTES_MAX)];
    assert!(native.len() <= 1, "at most one native record a message");
    for record in &native {
        assert_eq!(native_bytes(record).as_deref(), Some(expected));
    }
    assert_eq!(plain, full, "every message says all");
    assert!(plain.len() <= RECORDS_MAX, "{} records", plain.len());
    for record in plain {
        let [length, rtype, ..] = record[0].to_le_bytes();
        assert_eq!(
            usize::from(length) * 4,
            record.len() * 8,
            "the header says the length"
        );
        assert!(
            (record[0] >> 32) <= 3 || rtype == RTYPE_NATIVE,
            "only numbered instruments"
        );
    }
    // Whatever is missing between two messages, the decoder goes on.
    if sequence.is_multiple_of(5) {
        let kind = match sequence % 3 {
            0 => Discontinuity::Lost,
            1 => Discontinuity::Restarted,
            _ => Discontinuity::SessionChanged,
        };
        decoder.discontinuity(kind, &context, &mut sink);
    }
}

/// The message as one of the stream of a channel that recovers, and as one of its snapshot loop.
fn exercise_recovery(decoder: &mut Mdp3Recoverer, sequence: u64, message: &[u8]) {
    let wants = Outputs::NONE.with(Output::Full);
    let mut sink = Collector::new(wants);
    let context = |sequence| MessageContext {
        sequence,
        ts_recv: 1_514_900_000_000_000_000,
    };
    if sequence.is_multiple_of(3) {
        let kind = if sequence.is_multiple_of(4) {
            Discontinuity::Restarted
        } else {
            Discontinuity::Lost
        };
        decoder.discontinuity(kind, &context(sequence), &mut sink);
    }
    let before = handled(decoder);
    decoder.message(&context(sequence), message, &mut sink);
    assert_eq!(handled(decoder), before + 1, "each message is counted once");
    let line = (sequence as usize % 3, sequence.is_multiple_of(2));
    decoder.refresh(line, &context(sequence % 4), message, &mut sink);
    decoder.watch(sequence * 3, context(0).ts_recv, &mut sink);
    assert!(
        handled(decoder) <= before + 2,
        "and what is told again not at all"
    );
    let refresh = decoder.counters().refresh;
    let stale = refresh.stale_levels.max(refresh.stale_orders);
    assert!(stale <= INSTRUMENTS_MAX.into(), "{stale} instruments");
    for record in sink.records(Output::Full) {
        let [_, rtype, ..] = record[0].to_le_bytes();
        let number = record[0] >> 32;
        assert!(
            number <= INSTRUMENTS_MAX.into() || rtype == RTYPE_NATIVE,
            "only numbered instruments"
        );
    }
}

fn handled(decoder: &impl Decoder) -> u64 {
    let counters = decoder.counters();
    counters.messages() + counters.unknown_types + counters.length_errors()
}
