//! `gateway instruments`

use std::path::PathBuf;

use clap::Args;
use dbn::UNDEF_PRICE;
use gateway_client::{Client, DefinedInstrument};
use serde_json::{Value, json};

use super::exit::Failure;
use super::output::print_line;
use super::record::{letter, price};
use super::tail::unreachable;

/// Options of `gateway instruments`.
#[derive(Debug, Args)]
pub(super) struct ShowInstruments {
    /// The queue whose definitions are read, from its oldest record on
    queue: String,
    /// Only instruments of these symbols
    symbols: Vec<String>,
    /// Print a JSON object a line; prices and times are whole numbers (1e-9 of a currency unit, nanoseconds since 1970)
    #[arg(long)]
    json: bool,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
}

impl ShowInstruments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = Client::connect(&self.socket).map_err(unreachable)?;
        let instruments = client.instruments(&self.queue, "gateway-instruments");
        let instruments = instruments.map_err(unreachable)?;
        let wanted = |found: &&DefinedInstrument| {
            self.symbols.is_empty() || self.symbols.iter().any(|symbol| symbol == found.symbol())
        };
        for found in instruments.iter().filter(wanted) {
            match self.json {
                true => print_line(object(found))?,
                false => print_line(line(found))?,
            }
        }
        if !instruments.is_whole() {
            tracing::warn!(
                queue = self.queue,
                lost = instruments.lost(),
                "definitions may be missing: the queue has overwritten some, the gateway joined a session late, or messages were lost; give the queue room for all since the gateway's start, and start that before the session"
            );
        }
        Ok(())
    }
}

fn known(price: i64) -> Option<i64> {
    (price != UNDEF_PRICE).then_some(price)
}

fn count(number: i32) -> Option<i32> {
    (number != i32::MAX).then_some(number)
}

fn object(found: &DefinedInstrument) -> Value {
    let definition = &found.definition;
    json!({
        "symbol": found.symbol(),
        "instrument_id": definition.hd.instrument_id,
        "publisher_id": definition.hd.publisher_id,
        "channel_id": definition.channel_id,
        "min_price_increment": known(definition.min_price_increment),
        "min_lot_size_round_lot": count(definition.min_lot_size_round_lot),
        "contract_multiplier": count(definition.contract_multiplier),
        "unit_of_measure_qty": known(definition.unit_of_measure_qty),
        "legs": found.legs.iter().map(|leg| json!({
            "symbol": leg.leg_raw_symbol().unwrap_or_default().trim_end(),
            "instrument_id": leg.leg_instrument_id,
            "side": letter(leg.leg_side),
            "ratio": leg.leg_ratio_qty_numerator,
        })).collect::<Vec<_>>(),
        "position": found.position,
        "ts_recv": definition.ts_recv,
        "status": found.status.as_ref().map(|status| json!({
            "action": status.action,
            "reason": status.reason,
            "is_trading": letter(status.is_trading),
        })),
    })
}

fn line(found: &DefinedInstrument) -> String {
    let definition = &found.definition;
    let tick = known(definition.min_price_increment).map_or("-".to_owned(), price);
    let or_dash = |number| count(number).map_or("-".to_owned(), |number| number.to_string());
    let trading = match found
        .status
        .as_ref()
        .map(|status| status.is_trading.cast_unsigned())
    {
        Some(b'Y') => "trading",
        Some(b'N') => "not trading",
        _ => "-",
    };
    format!(
        "{:<24} id {:>8} publisher {:>4} channel {:>3} tick {tick} lot {} multiplier {} {trading}",
        printable(found.symbol()),
        definition.hd.instrument_id,
        definition.hd.publisher_id,
        definition.channel_id,
        or_dash(definition.min_lot_size_round_lot),
        or_dash(definition.contract_multiplier),
    )
}

/// What a feed calls an instrument may hold anything, and a terminal obeys some of it.
fn printable(symbol: &str) -> String {
    let shown = |letter: char| {
        let escape = letter.is_control().then(|| letter.escape_default());
        let plain = escape.is_none().then_some(letter);
        escape.into_iter().flatten().chain(plain)
    };
    symbol.chars().flat_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_tells_the_terminal_nothing() {
        assert_eq!(printable("BRK.B"), "BRK.B");
        assert_eq!(printable("É=1"), "É=1");
        assert_eq!(printable("A\u{1b}[2J\r\u{9b}"), "A\\u{1b}[2J\\r\\u{9b}");
    }
}
