//! Quotes and trades of IEX TOPS.

use gateway_feed::iex::messages::{
    Price4, WriteQuoteUpdate, WriteSecurityDirectory, WriteTradeReport,
};
use gateway_feed::itch50::fields::Symbol;

use super::{Draws, Messages};

/// 2019-12-30 14:30:00 UTC in nanoseconds.
const OPENS: u64 = 1_577_716_200_000_000_000;

/// `AAAA`, `AAAB`, …: the symbol of that number, below 456,976.
fn symbol(number: u32) -> Symbol {
    let mut text = *b"AAAA    ";
    let mut rest = number;
    for letter in text[..4].iter_mut().rev() {
        *letter += (rest % 26) as u8;
        rest /= 26;
    }
    Symbol(text)
}

/// `messages` of `symbols` securities, of which each `nth_trade` is a trade; none is where that is 0.
fn draw(symbols: u32, messages: usize, nth_trade: usize) -> Messages {
    let mut draws = Draws::new();
    let mut drawn = Messages::default();
    for number in 0..messages {
        let symbol = symbol(draws.below(symbols));
        let timestamp = OPENS + number as u64 * 20_000;
        let price = 100_000 + i64::from(draws.below(2_000_000));
        let size = 100 * (1 + draws.below(40));
        if nth_trade != 0 && number % nth_trade == nth_trade - 1 {
            let trade = WriteTradeReport {
                timestamp,
                symbol,
                size,
                price: Price4(price),
                trade_id: 1 + number as u64,
                ..WriteTradeReport::default()
            };
            drawn.push(&trade.encode());
            continue;
        }
        // Of ten quotes one has an empty side.
        let bids = draws.below(20) != 0;
        let offers = draws.below(20) != 0;
        let quote = WriteQuoteUpdate {
            timestamp,
            symbol,
            bid_size: if bids { size } else { 0 },
            bid_price: Price4(if bids { price } else { 0 }),
            ask_price: Price4(if offers { price + 100 } else { 0 }),
            ask_size: if offers { 100 + size } else { 0 },
            ..WriteQuoteUpdate::default()
        };
        drawn.push(&quote.encode());
    }
    drawn
}

/// What comes before the day: each of `symbols` securities in turn.
#[must_use]
pub fn tops_directory(symbols: u32) -> Messages {
    let mut drawn = Messages::default();
    for number in 0..symbols {
        let security = WriteSecurityDirectory {
            timestamp: OPENS,
            symbol: symbol(number),
            round_lot_size: 100,
            ..WriteSecurityDirectory::default()
        };
        drawn.push(&security.encode());
    }
    drawn
}

/// Quotes, and a trade behind seven of them.
#[must_use]
pub fn tops(symbols: u32, messages: usize) -> Messages {
    draw(symbols, messages, 8)
}

/// Quotes alone.
#[must_use]
pub fn tops_quotes(symbols: u32, messages: usize) -> Messages {
    draw(symbols, messages, 0)
}
