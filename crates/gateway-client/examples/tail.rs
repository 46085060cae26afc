//! Prints a queue's records as they come: `tail SOCKET QUEUE [oldest]`.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use gateway_client::dbn::UNDEF_PRICE;
use gateway_client::{
    Client, ControlKind, Event, Record, Start, SubscribeOptions, Subscription, WaitStrategy,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (socket, queue, start) = match arguments.as_slice() {
        [socket, queue] => (socket, queue, Start::Head),
        [socket, queue, word] if word == "oldest" => (socket, queue, Start::Oldest),
        _ => return Err("usage: tail SOCKET QUEUE [oldest]".into()),
    };
    let options = SubscribeOptions {
        start,
        wait: WaitStrategy::Sleep(Duration::from_micros(100)),
        ..SubscribeOptions::named("tail")
    };
    let client = Client::connect(socket)?;
    let mut subscription = client.subscribe(queue, &options)?;
    match print(&mut subscription, BufWriter::new(io::stdout().lock())) {
        // Whoever read the lines has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn print(subscription: &mut Subscription, mut out: impl Write) -> io::Result<()> {
    loop {
        match subscription.wait(Duration::from_millis(50)) {
            Event::Record(record) => print_record(&record, &mut out)?,
            Event::Lost(slots) => writeln!(out, "lost {slots} slots")?,
            // Nothing new for a while: show what there is.
            Event::Empty => out.flush()?,
            Event::Closed(reason) => {
                writeln!(out, "{reason}")?;
                return out.flush();
            }
        }
    }
}

fn print_record(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    match record {
        Record::Mbo(order) => writeln!(
            out,
            "mbo {} {}{} order {} price {} size {} flags {:#04x} sequence {}",
            order.hd.instrument_id,
            order.action as u8 as char,
            order.side as u8 as char,
            order.order_id,
            price(order.price),
            order.size,
            order.flags.raw(),
            order.sequence,
        ),
        Record::Mbp1(best) => levels(out, best.hd.instrument_id, &best.levels),
        Record::Mbp10(ten) => levels(out, ten.hd.instrument_id, &ten.levels),
        Record::Trade(trade) => writeln!(
            out,
            "trade {} {} price {} size {} sequence {}",
            trade.hd.instrument_id,
            trade.side as u8 as char,
            price(trade.price),
            trade.size,
            trade.sequence,
        ),
        Record::Statistics(statistic) => writeln!(
            out,
            "statistic {} type {} price {} quantity {}",
            statistic.hd.instrument_id,
            statistic.stat_type,
            price(statistic.price),
            statistic.quantity,
        ),
        Record::Definition(definition) => writeln!(
            out,
            "definition {} {}",
            definition.hd.instrument_id,
            definition.raw_symbol().unwrap_or("?").trim_end(),
        ),
        Record::Status(status) => writeln!(
            out,
            "status {} action {} reason {} trading {} quoting {}",
            status.hd.instrument_id,
            status.action,
            status.reason,
            status.is_trading as u8 as char,
            status.is_quoting as u8 as char,
        ),
        Record::Imbalance(imbalance) => writeln!(
            out,
            "imbalance {} {} reference {} paired {} imbalance {}",
            imbalance.hd.instrument_id,
            imbalance.side as u8 as char,
            price(imbalance.ref_price),
            imbalance.paired_qty,
            imbalance.total_imbalance_qty,
        ),
        Record::Control(control) => {
            let kind = match ControlKind::from_number(control.kind) {
                Some(ControlKind::Gap) => "gap",
                Some(ControlKind::Reset) => "reset",
                Some(ControlKind::SessionStart) => "session-start",
                Some(ControlKind::SessionEnd) => "session-end",
                Some(ControlKind::Recovering) => "recovering",
                Some(ControlKind::Recovered) => "recovered",
                Some(ControlKind::SnapshotBegin) => "snapshot-begin",
                Some(ControlKind::SnapshotEnd) => "snapshot-end",
                Some(ControlKind::Stale) => "stale",
                Some(ControlKind::Live) => "live",
                None => "?",
            };
            let (sequence, count) = (control.sequence, control.count);
            match control.instrument_id {
                0 => writeln!(out, "control {kind} sequence {sequence} count {count}"),
                number => writeln!(
                    out,
                    "control {kind} of {number} sequence {sequence} count {count}"
                ),
            }
        }
        Record::Native { header, bytes } => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(out, "native {} {hex}", header.instrument_id)
        }
        Record::Other(words) => writeln!(out, "other {} bytes", words.words.len() * 8),
    }
}

/// The levels of a book: bid and ask, each with its size.
fn levels(
    out: &mut impl Write,
    instrument_id: u32,
    levels: &[gateway_client::dbn::BidAskPair],
) -> std::io::Result<()> {
    write!(out, "levels {instrument_id}")?;
    for level in levels {
        let (bid, ask) = (price(level.bid_px), price(level.ask_px));
        write!(out, "  {} x {bid} / {ask} x {}", level.bid_sz, level.ask_sz)?;
    }
    writeln!(out)
}

/// A price as people write it.
fn price(price: i64) -> String {
    if price == UNDEF_PRICE {
        return "-".to_owned();
    }
    format!("{:.4}", price as f64 / 1e9)
}
