//! `decode`: one message becomes `plain` records, beside the published decoders doing less.
//!
//! The rivals hand out pointers into the packet and are asked for the fields that our records hold; ours builds the
//! 56-byte DBN records in memory (1.3 a message on the real mix) and hands each to a sink that looks at it. All walk
//! the same length-prefixed stream.

use anyhow::Result;
use gateway_feed::{
    decoder::Decoder,
    itch50::{ItchConfig, ItchDecoder},
    sink::{MessageContext, Output},
};
use gateway_guard::look::Look;

use crate::{
    harness::{Case, interleave},
    input::Input,
    report::{Goal, Row},
    rivals,
};

/// Decodes the whole input; returns how many messages, and how many records they gave.
pub(crate) fn ours(input: &Input) -> Result<(u64, u64)> {
    let mut decoder = ItchDecoder::new(&ItchConfig::default())?;
    let mut sink = Look::new(Output::Plain);
    let mut context = MessageContext {
        sequence: 0,
        ts_recv: 1_577_716_200_000_000_000,
    };
    for message in input.messages() {
        context.sequence += 1;
        decoder.message(&context, message, &mut sink);
    }
    Ok((context.sequence, sink.records))
}

/// Measures all decoders.
///
/// # Errors
/// When the input cannot be had.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let input = Input::load()?;
    let (messages, records) = ours(&input)?;
    anyhow::ensure!(
        messages == input.messages,
        "decoded {messages} of {} messages",
        input.messages
    );
    let per_message = records as f64 / messages as f64;
    let mut cases = [
        Case::new(
            format!(
                "plain records ({per_message:.2} a message), {}",
                input.source
            ),
            || ours(&input).map_or(0, |(messages, _)| messages),
        ),
        Case::new(format!("itch5 fields, {}", input.source), || {
            rivals::itch5(&input.stream)
        }),
        Case::new(format!("itchy messages, {}", input.source), || {
            rivals::itchy(&input.stream)
        }),
    ];
    let samples = interleave(&mut cases, runs);
    Ok(vec![
        Row::new(
            "decode",
            &samples[0],
            Some(&samples[1]),
            Some(Goal::RatioAtMost(1.0)),
        ),
        Row::new("decode", &samples[1], None, None),
        Row::new("decode", &samples[2], Some(&samples[1]), None),
    ])
}
