//! The same day as IEX tells it: in TOPS (the best prices), DEEP (price levels) or DEEP+ (orders).
//!
//! Each message of the [`OrderFlow`] becomes what the feed would say of it. An order keeps its number when it is replaced
//! ("Order Modify"); a price level is told with all its shares, the last one of an event as such ("Event Flags"); a quote
//! is told where it changed. Every security is listed by IEX: crosses are auctions, the first one of each completes its
//! opening, with an official price (TOPS, DEEP). Some trades
//! are broken when the next one comes ("Trade Break"). What IEX does not tell (market makers, who entered an order) is left
//! out, so that a day has another number of messages in each feed.

mod tell;

use std::collections::{HashMap, HashSet, VecDeque};

use gateway_capture::CaptureError;
use gateway_feed::iex;
use gateway_feed::itch50::fields::Symbol;
use gateway_feed::itch50::messages::Message;

use super::levels::{Book, Quote};
use tell::{Teller, Trade};

use super::OrderFlow;
use super::mdp3::MIDNIGHT_NS;
use crate::source::{Source, SourceMessage};

/// Midnight of the day, 2024-06-10 in New York, in nanoseconds since the Unix epoch.
pub const IEX_MIDNIGHT_NS: u64 = MIDNIGHT_NS + 4 * 3_600_000_000_000;

/// What of the day is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IexFeed {
    /// TOPS 1.6: the best bid and ask, and trades.
    Tops,
    /// DEEP 1.0: price levels, and trades.
    Deep,
    /// DEEP+: orders, executions, and trades of what was not displayed.
    DeepPlus,
}

impl IexFeed {
    /// "Message Protocol ID".
    #[must_use]
    pub const fn protocol(self) -> u16 {
        match self {
            Self::Tops => iex::TOPS,
            Self::Deep => iex::DEEP,
            Self::DeepPlus => iex::DEEP_PLUS,
        }
    }
}

/// A security as it is told.
#[derive(Clone, Copy, Debug)]
struct Listed {
    symbol: Symbol,
    /// "Adjusted POC Price", with four decimals: where it begins to trade.
    closed_at: u32,
}

/// Tells an [`OrderFlow`] in a feed of IEX.
#[derive(Debug)]
pub struct IexFlow {
    feed: IexFeed,
    flow: OrderFlow,
    /// By stock locate, from 1.
    listed: Vec<Listed>,
    book: Book,
    /// The last quote that was told of each security.
    quotes: HashMap<u16, Quote>,
    /// Of which securities, by stock locate, the opening (`O`) or the closing process (`C`) is complete.
    completed: HashSet<(u16, u8)>,
    /// A trade that is broken when the next one comes.
    doubtful: Option<Trade>,
    /// What is still to be given.
    waiting: VecDeque<Vec<u8>>,
    given: Vec<u8>,
    timestamp: u64,
}

impl IexFlow {
    /// The day of `flow`, from where it stands.
    #[must_use]
    pub fn new(feed: IexFeed, flow: OrderFlow) -> Self {
        let listed = (0..flow.listing.len()).map(|index| {
            // A listing has at most as many as a stock locate can name.
            let security = flow.listing.get(index as u16);
            Listed {
                symbol: security.symbol,
                closed_at: security.reference,
            }
        });
        Self {
            feed,
            listed: listed.collect(),
            flow,
            book: Book::default(),
            quotes: HashMap::new(),
            completed: HashSet::new(),
            doubtful: None,
            waiting: VecDeque::new(),
            given: Vec::new(),
            timestamp: 0,
        }
    }

    /// Takes messages of the flow until there is something to give; `false` at the end.
    fn refill(&mut self) -> bool {
        while self.waiting.is_empty() {
            let Some(message) = self.flow.next() else {
                return false;
            };
            self.timestamp = message.timestamp;
            let mut teller = Teller {
                feed: self.feed,
                listed: &self.listed,
                book: &mut self.book,
                quotes: &mut self.quotes,
                completed: &mut self.completed,
                doubtful: &mut self.doubtful,
                waiting: &mut self.waiting,
                timestamp: IEX_MIDNIGHT_NS + self.timestamp,
            };
            if let Ok(message) = Message::parse(message.bytes) {
                teller.tell(&message);
            }
        }
        true
    }
}

impl Source for IexFlow {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        if !self.refill() {
            return Ok(None);
        }
        self.given = self.waiting.pop_front().unwrap_or_default();
        Ok(Some(SourceMessage {
            time_ns: self.timestamp,
            missing: 0,
            bytes: &self.given,
        }))
    }
}
