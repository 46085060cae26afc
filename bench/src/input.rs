//! What the decode benches decode: messages of the real mix, drawn at random.
//!
//! Real messages come from the Nasdaq snippet where the test data is at hand, else from the simulator's order flow,
//! whose mix is made after it; the case's name says which. They are drawn one by one from a seed, because a short
//! list repeated would be learnt by heart by the branch predictor.

use std::fs;

use anyhow::{Context, Result};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_test_support::data;

/// Well-formed messages, length-prefixed as in a raw ITCH file.
pub(crate) struct Input {
    /// Where they are from, for the table.
    pub(crate) source: &'static str,
    /// Length (u16, big-endian) and message, one after another.
    pub(crate) stream: Vec<u8>,
    /// How many.
    pub(crate) messages: u64,
}

/// How many messages an input holds.
pub(crate) const MESSAGES: u64 = 2_000_000;

impl Input {
    /// Draws [`MESSAGES`] messages.
    ///
    /// # Errors
    /// When the data folder holds a snippet that cannot be read.
    pub(crate) fn load() -> Result<Self> {
        let (source, pool) = match snippet()? {
            Some(stream) => ("real mix", stream),
            None => ("simulated mix", simulated()),
        };
        let messages: Vec<&[u8]> = split(&pool).collect();
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut stream = Vec::with_capacity(MESSAGES as usize * 38);
        for _ in 0..MESSAGES {
            let message = messages[(xorshift(&mut state) % messages.len() as u64) as usize];
            stream.extend_from_slice(&(message.len() as u16).to_be_bytes());
            stream.extend_from_slice(message);
        }
        Ok(Self {
            source,
            stream,
            messages: MESSAGES,
        })
    }

    /// The messages, without their lengths.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        split(&self.stream)
    }
}

/// The real messages, where they are at hand.
fn snippet() -> Result<Option<Vec<u8>>> {
    let Some(path) = data::find("nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50") else {
        return Ok(None);
    };
    fs::read(&path)
        .map(Some)
        .with_context(|| format!("cannot read {}", path.display()))
}

/// A quarter of a million messages of the simulator's order flow.
fn simulated() -> Vec<u8> {
    let mut flow = OrderFlow::new(FlowOptions {
        seed: 20_191_230,
        messages: 250_000,
        ..FlowOptions::default()
    });
    let mut stream = Vec::new();
    while let Some(message) = flow.next() {
        stream.extend_from_slice(&(message.bytes.len() as u16).to_be_bytes());
        stream.extend_from_slice(message.bytes);
    }
    stream
}

/// Splits a stream of length-prefixed messages; stops where it is cut.
pub(crate) fn split(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = stream.split_first_chunk::<2>()?;
        let (message, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        stream = rest;
        Some(message)
    })
}

/// Marsaglia's xorshift64: the same draw on every machine.
fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_split_at_its_lengths_and_ends_where_it_is_cut() {
        let stream = [0, 1, b'S', 0, 2, b'D', b'x', 0, 9, b'E'];
        assert_eq!(split(&stream).collect::<Vec<_>>(), [&b"S"[..], b"Dx"]);
    }
}
