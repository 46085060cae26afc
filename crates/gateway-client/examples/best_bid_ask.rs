//! Keeps order books and prints an instrument's best prices when they change:
//! `best_bid_ask SOCKET QUEUE [oldest]`.
//!
//! It shows what a strategy has to do with losses: after one it forgets its books and builds them anew.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use gateway_client::dbn::flags;
use gateway_client::{
    Client, ControlKind, Event, Record, Start, SubscribeOptions, Subscription, WaitStrategy,
};

#[path = "shared/book.rs"]
mod book;

use book::{Books, Level};

/// What was printed last of an instrument.
type Best = (Option<Level>, Option<Level>);

#[derive(Default)]
struct Strategy {
    books: Books,
    symbols: HashMap<u32, String>,
    printed: HashMap<u32, Best>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (socket, queue, start) = match arguments.as_slice() {
        [socket, queue] => (socket, queue, Start::Head),
        [socket, queue, word] if word == "oldest" => (socket, queue, Start::Oldest),
        _ => return Err("usage: best_bid_ask SOCKET QUEUE [oldest]".into()),
    };
    let options = SubscribeOptions {
        start,
        wait: WaitStrategy::Yield,
        ..SubscribeOptions::named("best_bid_ask")
    };
    let client = Client::connect(socket)?;
    let mut subscription = client.subscribe(queue, &options)?;
    match follow(&mut subscription, BufWriter::new(io::stdout().lock())) {
        // Whoever read the lines has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn follow(subscription: &mut Subscription, mut out: impl Write) -> io::Result<()> {
    let mut strategy = Strategy::default();
    loop {
        match subscription.wait(Duration::from_millis(50)) {
            Event::Record(record) => strategy.take(&record, &mut out)?,
            Event::Lost(slots) => {
                writeln!(out, "lost {slots} slots: the books begin anew")?;
                strategy.books.forget();
            }
            Event::Empty => out.flush()?,
            Event::Closed(reason) => {
                writeln!(out, "{reason}")?;
                return out.flush();
            }
        }
    }
}

impl Strategy {
    fn take(&mut self, record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
        match record {
            Record::Mbo(order) => {
                self.books.apply(order);
                // One message may become several records: the book is consistent after the last.
                if order.flags.raw() & flags::LAST != 0 {
                    self.show(order.hd.instrument_id, out)?;
                }
            }
            Record::Definition(definition) => {
                let symbol = definition.raw_symbol().unwrap_or("?").trim_end();
                self.symbols
                    .insert(definition.hd.instrument_id, symbol.to_owned());
            }
            Record::Control(control) => match ControlKind::from_number(control.kind) {
                // What was lost may be one instrument's alone: nothing is missing of the others then.
                Some(ControlKind::Gap) if control.instrument_id != 0 => {
                    let symbol = self.symbols.get(&control.instrument_id);
                    let symbol = symbol.map_or("?", String::as_str);
                    writeln!(out, "gap of {symbol}: its book begins anew")?;
                    self.books.clear(control.instrument_id);
                }
                Some(ControlKind::Gap) => {
                    writeln!(
                        out,
                        "gap of {} messages: the books begin anew",
                        control.count
                    )?;
                    self.books.forget();
                }
                Some(ControlKind::SessionStart | ControlKind::Reset) => self.books.forget(),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn show(&mut self, instrument: u32, out: &mut impl Write) -> io::Result<()> {
        let best = self.books.best(instrument);
        if self.printed.get(&instrument) == Some(&best) {
            return Ok(());
        }
        self.printed.insert(instrument, best);
        let side = |level: Option<Level>| match level {
            Some((price, size)) => format!("{size} @ {:.4}", price as f64 / 1e9),
            None => "-".to_owned(),
        };
        let symbol = self.symbols.get(&instrument).map_or("?", String::as_str);
        writeln!(out, "{symbol} bid {} ask {}", side(best.0), side(best.1))
    }
}
