//! Prints every instrument that a queue defines: `instruments SOCKET QUEUE`.

use std::error::Error;

use gateway_client::{Client, DefinedInstrument};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(socket), Some(queue), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: instruments SOCKET QUEUE".into());
    };
    let client = Client::connect(&socket)?;
    let mut instruments = client.instruments(&queue, "instruments")?;
    // What was defined since. A strategy does this now and then, and looks at `changes`.
    instruments.update();
    for instrument in instruments.iter() {
        print(instrument);
    }
    let whole = if instruments.is_whole() {
        "all"
    } else {
        "not all"
    };
    println!("{} instruments, {whole}", instruments.len());
    Ok(())
}

fn print(instrument: &DefinedInstrument) {
    let definition = &instrument.definition;
    let trading = instrument.status.as_ref().map(|status| status.is_trading);
    println!(
        "{} is {} of publisher {} channel {}: tick {} lot {} multiplier {} trading {}",
        instrument.symbol(),
        definition.hd.instrument_id,
        definition.hd.publisher_id,
        definition.channel_id,
        definition.min_price_increment,
        definition.min_lot_size_round_lot,
        definition.contract_multiplier,
        trading.map_or('?', |trading| char::from(trading.cast_unsigned())),
    );
}
