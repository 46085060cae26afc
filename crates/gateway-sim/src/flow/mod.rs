//! A stateful order flow in Nasdaq TotalView-ITCH 5.0: a trading day that never was, and is consistent in itself.
//!
//! The day has an opening (system events, one directory, trading action, Reg SHO and market maker message a
//! security), a market phase and a closing. In the market phase the mix of message types is that of a real Nasdaq
//! minute (the one from 09:30 on 2019-12-30, 1,000 messages): A 367, U 225, F 193, D 167, E 28, X 6, I 4, P 4, Q 4,
//! C 1. Since more orders come than go in that minute, the book grows to `orders_max`; from there on deletions take
//! the place of additions.
//!
//! What holds of every message: an order reference is new exactly once; executions meet the order with price-time
//! priority and at most its shares; cancels leave at least one share; replaces and deletes name a resting order; no
//! book is ever crossed or locked. The same options give the same bytes.

mod bbo;
mod book;
mod choice;
mod events;
mod iex;
mod levels;
mod listing;
mod mdp3;
mod pitch;
mod session;

pub use bbo::BboFlow;
pub use iex::{IEX_MIDNIGHT_NS, IexFeed, IexFlow};
pub use listing::SYMBOLS_MAX;
pub use mdp3::{MIDNIGHT_NS, Mdp3Flow, VERSION as MDP3_VERSION};
pub use pitch::PitchFlow;

use book::Book;
use listing::Listing;

use crate::random::Random;

/// Bytes of the longest message that is generated.
const MESSAGE_BYTES_MAX: usize = 50;
/// System events at the end of the day.
const CLOSING_MESSAGES: u64 = 3;
/// System events before and after the directory.
const OPENING_MESSAGES: u64 = 3;
/// Messages about each security before the market opens.
const DIRECTORY_MESSAGES: u64 = 4;

/// What a day is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowOptions {
    /// Fixes every byte of the day.
    pub seed: u64,
    /// Securities listed, 1..=[`SYMBOLS_MAX`].
    pub symbols: u32,
    /// Messages of the whole day, opening and closing included; 0 for a day without end. A number too small for
    /// opening and closing is raised to [`Self::messages_min`].
    pub messages: u64,
    /// The most orders that rest at a time, at least 1. An order takes some 100 bytes of memory.
    pub orders_max: u32,
    /// Mean time between two messages in the market phase, in nanoseconds of the venue's clock.
    pub interval_ns: u64,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            symbols: 100,
            messages: 100_000,
            orders_max: 1_000_000,
            interval_ns: 10_000,
        }
    }
}

impl FlowOptions {
    /// The fewest messages that a day with so many securities has.
    #[must_use]
    pub fn messages_min(&self) -> u64 {
        OPENING_MESSAGES
            + DIRECTORY_MESSAGES * u64::from(self.symbols.clamp(1, SYMBOLS_MAX))
            + CLOSING_MESSAGES
    }
}

/// One generated message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowMessage<'a> {
    /// The message's time stamp: nanoseconds since the venue's midnight; never runs backwards.
    pub timestamp: u64,
    /// The message as the wire has it.
    pub bytes: &'a [u8],
}

/// Generates a day, message by message.
#[derive(Debug)]
pub struct OrderFlow {
    options: FlowOptions,
    random: Random,
    listing: Listing,
    book: Book,
    /// Messages generated.
    generated: u64,
    timestamp: u64,
    order_reference: u64,
    match_number: u64,
    buffer: [u8; MESSAGE_BYTES_MAX],
    length: usize,
}

impl OrderFlow {
    /// A new day.
    #[must_use]
    pub fn new(mut options: FlowOptions) -> Self {
        options.symbols = options.symbols.clamp(1, SYMBOLS_MAX);
        options.orders_max = options.orders_max.max(1);
        if options.messages != 0 {
            options.messages = options.messages.max(options.messages_min());
        }
        let mut random = Random::new(options.seed, 0);
        let listing = Listing::new(options.symbols, &mut random);
        Self {
            book: Book::new(listing.len()),
            random,
            listing,
            generated: 0,
            timestamp: session::DAY_START_NS,
            order_reference: 0,
            match_number: 0,
            buffer: [0; MESSAGE_BYTES_MAX],
            length: 0,
            options,
        }
    }

    /// The next message, or `None` when the day is over.
    #[allow(
        clippy::should_implement_trait,
        reason = "lends the buffer, which Iterator cannot express"
    )]
    pub fn next(&mut self) -> Option<FlowMessage<'_>> {
        let opening = OPENING_MESSAGES + DIRECTORY_MESSAGES * u64::from(self.options.symbols);
        let position = self.generated;
        let left = if self.options.messages == 0 {
            u64::MAX
        } else {
            self.options.messages - position
        };
        if left == 0 {
            return None;
        }
        self.generated += 1;
        if position < opening {
            self.opening_message(position);
        } else if left <= CLOSING_MESSAGES {
            self.closing_message(CLOSING_MESSAGES - left);
        } else {
            self.market_message();
        }
        Some(FlowMessage {
            timestamp: self.timestamp,
            bytes: &self.buffer[..self.length],
        })
    }

    /// Orders that rest in the book after the last message.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.book.len()
    }

    fn put(&mut self, message: &[u8]) {
        self.buffer[..message.len()].copy_from_slice(message);
        self.length = message.len();
    }
}
