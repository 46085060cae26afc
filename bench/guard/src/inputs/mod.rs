//! Messages of every feed, drawn from fixed seeds: the same bytes on every machine, and none of an exchange's.

mod iex;
mod itch;
mod mdp3;
mod pitch;

pub use iex::{tops, tops_directory, tops_quotes};
pub use itch::{Day, SEED, day};
pub use mdp3::{BookUpdates, book_updates};
pub use pitch::pitch_day;

/// Messages back to back.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Messages {
    /// Adds one.
    pub fn push(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(message);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each in turn.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |start, &end| {
            Some(&self.bytes[std::mem::replace(start, end)..end])
        })
    }
}

/// Marsaglia's xorshift64: the same draws on every machine.
#[derive(Clone, Debug)]
struct Draws(u64);

impl Draws {
    const fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// From `0..limit`.
    const fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * limit as u64) >> 32) as u32
    }
}
