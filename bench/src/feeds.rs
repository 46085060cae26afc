//! `feeds`: a message of each feed becomes `plain` records, beside one of ITCH in the same runs.
//!
//! ITCH as in `decode`, short adds of PITCH as there; quotes of IEX TOPS and books of CME MDP 3.0 are those that the
//! guard of instruction counts replays: drawn from a fixed seed and written by the feeds' own encoders.

use anyhow::{Result, ensure};
use gateway_feed::{
    decoder::Decoder,
    iex::{IexConfig, IexDecoder},
    mdp3::{Mdp3Config, Mdp3Recoverer, Mdp3RecoveryConfig},
    sink::{MessageContext, Output},
};
use gateway_guard::inputs::{self, Messages};
use gateway_guard::look::Look;

use crate::{
    decode,
    harness::{Case, Run, interleave},
    input::Input,
    pitch,
    report::{Goal, Row},
};

const BENCH: &str = "feeds";
/// Messages of IEX and of CME: a minute's, so that nobody learns them by heart.
const MESSAGES: usize = 500_000;
/// Securities of IEX, and instruments of a CME channel.
const SECURITIES: u32 = 8_000;
const INSTRUMENTS: u32 = 500;

/// Decodes `messages`, whose `items` each have to give a record.
fn plain<D: Decoder>(decoder: &mut D, messages: &Messages, items: usize) -> Result<()> {
    let before = decoder.counters().messages();
    let mut sink = Look::new(Output::Plain);
    let mut context = MessageContext {
        sequence: 0,
        ts_recv: 1_577_716_200_000_000_000,
    };
    for message in messages.iter() {
        context.sequence += 1;
        decoder.message(&context, message, &mut sink);
    }
    ensure!(
        decoder.counters().messages() - before == messages.len() as u64
            && sink.records >= items as u64,
        "{} records of {items} items in {} messages, {:?}",
        sink.records,
        messages.len(),
        decoder.counters()
    );
    Ok(())
}

/// A decoder that was told the day's securities, as a feed does before its first quote.
fn tops() -> Result<IexDecoder> {
    let mut decoder = IexDecoder::new(&IexConfig::default())?;
    let securities = inputs::tops_directory(SECURITIES);
    plain(&mut decoder, &securities, securities.len())?;
    Ok(decoder)
}

/// As a worker decodes a channel with `on_gap = "continue"`.
fn mdp3() -> Result<Mdp3Recoverer> {
    Ok(Mdp3Recoverer::new(&Mdp3Config::default(), None)?)
}

/// The same with `on_gap = "recover"`.
fn recovering() -> Result<Mdp3Recoverer> {
    let kept = Mdp3RecoveryConfig {
        messages_max: 1 << 16,
        bytes_max: 1 << 24,
        timeout_ns: u64::MAX,
    };
    Ok(Mdp3Recoverer::new(&Mdp3Config::default(), Some(kept))?)
}

/// Decodes `messages`, of `items` each of which counts, by a decoder made before the time is taken.
fn decoded<'a, D: Decoder + 'a>(
    name: String,
    make: fn() -> Result<D>,
    messages: &'a Messages,
    items: usize,
) -> Case<'a> {
    Case::prepared(name, move || {
        let decoder = make();
        Run::timed(|| {
            let done = decoder.and_then(|mut decoder| plain(&mut decoder, messages, items));
            done.map_or(0, |()| items as u64)
        })
    })
}

/// Measures all of them.
///
/// # Errors
/// The input cannot be had, or a message was not decoded.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let itch = Input::load()?;
    let adds = pitch::adds();
    let quotes = inputs::tops_quotes(SECURITIES, MESSAGES);
    let books = inputs::book_updates(INSTRUMENTS, MESSAGES);
    decode::ours(&itch)?;
    pitch::decode(&adds, None)?;
    plain(&mut tops()?, &quotes, quotes.len())?;
    plain(&mut mdp3()?, &books.messages, books.entries)?;
    let mut whole = recovering()?;
    plain(&mut whole, &books.messages, books.entries)?;
    let refresh = whole.counters().refresh;
    ensure!(
        refresh.withheld == 0 && refresh.stale_levels == 0,
        "nothing was lost, and yet {refresh:?}"
    );
    let entries = books.entries as f64 / books.messages.len() as f64;
    let mut cases = [
        Case::new(format!("ITCH, a message, {}", itch.source), || {
            decode::ours(&itch).map_or(0, |(messages, _)| messages)
        }),
        Case::new("PITCH, a short add", || {
            pitch::decode(&adds, None).unwrap_or(0)
        }),
        decoded("IEX TOPS, a quote".into(), tops, &quotes, quotes.len()),
        decoded(
            format!("MDP 3.0, an entry of an incremental book ({entries:.1} a message)"),
            mdp3,
            &books.messages,
            books.entries,
        ),
        decoded(
            "MDP 3.0, the same where the channel recovers and nothing is lost".into(),
            recovering,
            &books.messages,
            books.entries,
        ),
    ];
    let samples = interleave(&mut cases, runs);
    let goals = [10.0, 10.0, 25.0].map(|nanos| Some(Goal::ValueAtMost(nanos)));
    let mut rows = vec![Row::new(BENCH, &samples[0], None, None)];
    for (sample, goal) in samples[1..].iter().zip(goals) {
        rows.push(Row::new(BENCH, sample, Some(&samples[0]), goal));
    }
    rows.push(Row::new(BENCH, &samples[4], Some(&samples[3]), None));
    Ok(rows)
}
