//! Prints every book of a table as it is now, and the orders that rest: `books SOCKET BOOK`.

use std::error::Error;
use std::io::{self, BufWriter, Write};

use gateway_client::dbn::UNDEF_PRICE;
use gateway_client::protocol::ErrorCode;
use gateway_client::{BookEntry, BookSymbol, Client, ClientError, OrdersOf};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, book] = arguments.as_slice() else {
        return Err("usage: books SOCKET BOOK".into());
    };
    let client = Client::connect(socket)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for info in client.book_list()? {
        writeln!(
            out,
            "{} of {}: {} instruments, room for {}",
            info.name, info.queue, info.instruments, info.instruments_max
        )?;
    }

    // Best prices and ten levels, read out of shared memory.
    let mut table = client.books(book, "books")?;
    let instruments: Vec<_> = table.instruments().collect();
    let mut first = None;
    for instrument in instruments {
        let entry = table.read(instrument)?;
        print_book(&entry, &mut out)?;
        let best = table.best(instrument)?;
        writeln!(
            out,
            " best {} / {} {}",
            price(best.best.bid_px),
            price(best.best.ask_px),
            best.state.name()
        )?;
        first = first.or(Some(entry.symbol).filter(|symbol| !symbol.as_str().is_empty()));
    }

    // Every order, for whoever keeps books of its own: from here on the queue's records go on.
    let orders = client.orders(book, OrdersOf::All)?;
    writeln!(
        out,
        "{} records of {} instruments at {}, {} left out",
        orders.orders().len(),
        orders.instruments,
        orders.checkpoint().position,
        orders.invalid
    )?;
    for order in orders.orders() {
        writeln!(
            out,
            "{} {}{} order {} price {} size {} flags {:#04x} at {}",
            order.hd.instrument_id,
            order.action as u8 as char,
            order.side as u8 as char,
            order.order_id,
            price(order.price),
            order.size,
            order.flags.raw(),
            order.hd.ts_event
        )?;
    }
    if let Some(symbol) = first.as_ref().map(BookSymbol::as_str) {
        let of = OrdersOf::Symbol(symbol.to_owned());
        // A book that cannot be trusted at the moment is refused.
        match client.orders(book, of) {
            Ok(orders) => writeln!(out, "{} records of {symbol}", orders.orders().len())?,
            Err(ClientError::Refused {
                code: ErrorCode::NotValid,
                ..
            }) => writeln!(out, "{symbol} is refused")?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(out.flush()?)
}

fn print_book(book: &BookEntry, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{} {} {} since {} at {}: {} bid levels, {} ask levels, event {} received {} sequence {}",
        book.symbol.as_str(),
        book.instrument_id,
        book.state.name(),
        book.state_since,
        book.position,
        book.bid_levels,
        book.ask_levels,
        book.ts_event,
        book.ts_recv,
        book.sequence
    )?;
    for level in &book.levels {
        if level.bid_px != UNDEF_PRICE || level.ask_px != UNDEF_PRICE {
            writeln!(
                out,
                " {} in {} x {} / {} x {} in {}",
                level.bid_sz,
                level.bid_ct,
                price(level.bid_px),
                price(level.ask_px),
                level.ask_sz,
                level.ask_ct
            )?;
        }
    }
    if let Some(trade) = book.last_trade {
        writeln!(
            out,
            " last {} at {} {} at {}",
            trade.size,
            price(trade.price),
            char::from(trade.side),
            trade.ts_event
        )?;
    }
    if let Some(status) = book.status {
        writeln!(
            out,
            " status {} {} {}{} at {}",
            status.action,
            status.reason,
            char::from(status.is_trading),
            char::from(status.is_quoting),
            status.ts_event
        )?;
    }
    Ok(())
}

/// A price as people write it.
fn price(price: i64) -> String {
    if price == UNDEF_PRICE {
        return "-".to_owned();
    }
    format!("{:.4}", price as f64 / 1e9)
}
