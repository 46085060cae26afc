//! `gateway book`

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dbn::UNDEF_PRICE;
use gateway_client::{BookEntry, BookError, BookTable, Client, Instrument, Level};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{print, print_line};
use super::record::{letter_of, price, time};
use super::tail::unreachable;

/// How often `--watch` looks.
const LOOK: Duration = Duration::from_millis(100);
/// Goes to the top of a terminal and clears it.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Options of `gateway book`.
#[derive(Debug, Args)]
pub(super) struct ShowBook {
    /// The book, or the queue that it is built from
    book: String,
    /// The instrument: its symbol, or the number by which records name it
    symbol: String,
    /// Print one JSON object; prices and times are whole numbers (1e-9 of a currency unit, nanoseconds since 1970)
    #[arg(long)]
    json: bool,
    /// Print it again whenever it has changed, until interrupted
    #[arg(long)]
    watch: bool,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
}

impl ShowBook {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = Client::connect(&self.socket).map_err(unreachable)?;
        let books = client.book_list().map_err(unreachable)?;
        let of_name = books.iter().find(|book| book.name == self.book);
        let found = of_name.or_else(|| books.iter().find(|book| book.queue == self.book));
        // The gateway's refusal names those that there are.
        let name = found.map_or(&self.book, |book| &book.name);
        let mut table = client.books(name, "gateway-book").map_err(unreachable)?;
        let instrument = self.find(&mut table)?;
        let mut last = None;
        loop {
            let entry = match table.read(instrument) {
                Ok(entry) => entry,
                Err(BookError::Contended) => continue,
                Err(error) => {
                    return Err(Failure::new(
                        Exit::NotReachable,
                        format!("book \"{name}\": {error}"),
                    ));
                }
            };
            if last != Some(entry) {
                self.show(&entry, table.header().name.as_str())?;
                last = Some(entry);
            }
            if !self.watch {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    fn find(&self, table: &mut BookTable) -> Result<Instrument, Failure> {
        let by_symbol = table.find(&self.symbol);
        let by_id = || {
            let id = self.symbol.parse().ok()?;
            table.find_id(id)
        };
        by_symbol.or_else(by_id).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format!(
                    "book \"{}\" has no instrument \"{}\"; it knows {} instruments: symbols are learnt from the feed's \
                     definitions, which come at the start of the day",
                    table.header().name,
                    self.symbol,
                    table.instruments().count(),
                ),
            )
        })
    }

    fn show(&self, entry: &BookEntry, book: &str) -> Result<(), Failure> {
        if self.json {
            return print_line(object(entry, book));
        }
        let clear = self.watch && std::io::stdout().is_terminal();
        print(format_args!(
            "{}{}",
            if clear { CLEAR } else { "" },
            page(entry)
        ))
    }
}

fn known(price: i64) -> Option<i64> {
    (price != UNDEF_PRICE).then_some(price)
}

fn object(entry: &BookEntry, book: &str) -> Value {
    let level = |level: &Level| {
        json!({
            "bid_price": known(level.bid_px),
            "bid_size": level.bid_sz,
            "bid_orders": level.bid_ct,
            "ask_price": known(level.ask_px),
            "ask_size": level.ask_sz,
            "ask_orders": level.ask_ct,
        })
    };
    json!({
        "book": book,
        "symbol": entry.symbol.as_str(),
        "instrument_id": entry.instrument_id,
        "state": entry.state.name(),
        "state_since": entry.state_since,
        "position": entry.position,
        "ts_event": entry.ts_event,
        "ts_recv": entry.ts_recv,
        "sequence": entry.sequence,
        "bid_levels": entry.bid_levels,
        "ask_levels": entry.ask_levels,
        "levels": entry.levels.iter().map(level).collect::<Vec<_>>(),
        "last_trade": entry.last_trade.map(|trade| json!({
            "price": known(trade.price),
            "size": trade.size,
            "side": letter_of(trade.side),
            "ts_event": trade.ts_event,
        })),
        "status": entry.status.map(|status| json!({
            "action": status.action,
            "reason": status.reason,
            "is_trading": letter_of(status.is_trading),
            "is_quoting": letter_of(status.is_quoting),
            "is_short_sell_restricted": letter_of(status.is_short_sell_restricted),
            "ts_event": status.ts_event,
        })),
    })
}

fn page(entry: &BookEntry) -> String {
    let symbol = match entry.symbol.as_str() {
        "" => "(symbol not known)",
        symbol => symbol,
    };
    let worth = if entry.state.is_valid() {
        "valid".to_owned()
    } else {
        format!("NOT VALID: {}", entry.state.name())
    };
    let mut lines = vec![format!(
        "{symbol}  id {}  {worth} since {}  at {}  {}",
        entry.instrument_id,
        entry.state_since,
        entry.position,
        time(entry.ts_event)
    )];
    if let Some(status) = &entry.status {
        lines.push(format!(
            "status: trading {}  quoting {}  short sales restricted {}  (action {}, reason {})",
            letter_of(status.is_trading),
            letter_of(status.is_quoting),
            letter_of(status.is_short_sell_restricted),
            status.action,
            status.reason
        ));
    }
    if let Some(trade) = &entry.last_trade {
        lines.push(format!(
            "last trade: {} at {}  side {}  {}",
            trade.size,
            price(trade.price),
            letter_of(trade.side),
            time(trade.ts_event)
        ));
    }
    lines.push(format!(
        "{:>7} {:>9} {:>14}   {:<14} {:<9} {:<7}",
        "orders", "size", "bid", "ask", "size", "orders"
    ));
    let there = |level: &&Level| level.bid_px != UNDEF_PRICE || level.ask_px != UNDEF_PRICE;
    let number = |price: i64, number: u32| {
        if price == UNDEF_PRICE {
            String::new()
        } else {
            number.to_string()
        }
    };
    let of_price = |level: i64| {
        if level == UNDEF_PRICE {
            String::new()
        } else {
            price(level)
        }
    };
    for level in entry.levels.iter().take_while(there) {
        let line = format!(
            "{:>7} {:>9} {:>14}   {:<14} {:<9} {:<7}",
            number(level.bid_px, level.bid_ct),
            number(level.bid_px, level.bid_sz),
            of_price(level.bid_px),
            of_price(level.ask_px),
            number(level.ask_px, level.ask_sz),
            number(level.ask_px, level.ask_ct),
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.push(format!(
        "{} bid and {} ask levels in all",
        entry.bid_levels, entry.ask_levels
    ));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_client::{BookState, BookSymbol, LastTrade};

    use super::*;

    fn entry() -> BookEntry {
        let mut entry = BookEntry {
            position: 12,
            state: BookState::Valid,
            state_since: 3,
            symbol: BookSymbol::new("AAPL").unwrap(),
            bid_levels: 2,
            ask_levels: 1,
            last_trade: Some(LastTrade {
                price: 100_010_000_000,
                size: 7,
                side: b'B',
                ts_event: 0,
            }),
            ..BookEntry::unknown(13)
        };
        entry.levels[0] = Level {
            bid_px: 100_000_000_000,
            ask_px: 100_020_000_000,
            bid_sz: 300,
            ask_sz: 200,
            bid_ct: 3,
            ask_ct: 2,
        };
        entry.levels[1] = Level {
            bid_px: 99_990_000_000,
            bid_sz: 100,
            bid_ct: 1,
            ..Level::EMPTY
        };
        entry
    }

    #[test]
    fn a_book_is_ten_lines_at_most_and_says_what_it_is_worth() {
        let text = page(&entry());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(
            lines[0].starts_with("AAPL  id 13  valid since 3  at 12"),
            "{text}"
        );
        assert_eq!(
            lines[1],
            "last trade: 7 at 100.01  side B  00:00:00.000000000"
        );
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(lines[3]),
            ["3", "300", "100.00", "100.02", "200", "2"]
        );
        assert_eq!(words(lines[4]), ["1", "100", "99.99"]);
        let invalid = BookEntry {
            state: BookState::Gap,
            ..entry()
        };
        assert!(page(&invalid).contains("NOT VALID: gap"));
    }

    #[test]
    fn as_json_what_is_undefined_is_null() {
        let object = object(&entry(), "books");
        assert_eq!(object["levels"][0]["ask_price"], 100_020_000_000_i64);
        assert_eq!(object["levels"][1]["ask_price"], Value::Null);
        assert_eq!(object["status"], Value::Null);
        assert_eq!(object["last_trade"]["side"], "B");
        assert_eq!(object["state"], "valid");
    }
}
