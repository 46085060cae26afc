//! `decode`, third part: adds of Cboe PITCH become records.
//!
//! Short adds of the simulator's prices and sizes, of 8,000 symbols drawn by their popularity, with numbers as high as the
//! venue's. Once without an index of orders, which is decoding alone, and once into the index, as a channel does it; a Unit
//! Clear behind every 60,000 keeps it at a busy unit's size.

use anyhow::Result;
use gateway_feed::{
    decoder::Decoder,
    itch50::OrderIndexConfig,
    itch50::messages::AddOrder,
    pitch::{
        Market, PitchConfig, PitchDecoder,
        layout::{ShortPrice, Symbol6, WriteAddShort, WriteTime, WriteUnitClear},
    },
    sink::{MessageContext, Output},
};
use gateway_guard::look::Look;
use gateway_sim::flow::{FlowOptions, OrderFlow};

use crate::{
    harness::{Case, interleave},
    report::{Goal, Row},
};

/// How many adds are decoded.
const ADDS: u64 = 2_000_000;
/// How many rest before the unit is cleared.
const RESTING: u64 = 60_000;
/// Bytes of a short add of equities, without its length.
pub(crate) const ADD_BYTES: usize = 25;
/// Where its number is.
const ORDER_ID_AT: usize = 5;

/// The adds of a generated day, one behind the other, with numbers that rise.
pub(crate) fn adds() -> Vec<[u8; ADD_BYTES]> {
    let mut flow = OrderFlow::new(FlowOptions {
        seed: 20_191_230,
        symbols: 8_000,
        messages: 1_000_000,
        ..FlowOptions::default()
    });
    let mut drawn = Vec::new();
    while let Some(message) = flow.next() {
        let Some(add) = AddOrder::parse(message.bytes) else {
            continue;
        };
        let [a, b, c, d, e, f, ..] = add.stock().0;
        let written = WriteAddShort {
            time_offset: (message.timestamp % 1_000_000_000) as u32,
            side: add.buy_sell(),
            quantity: add.shares().min(u16::MAX.into()) as u16,
            symbol: Symbol6([a, b, c, d, e, f]),
            price: ShortPrice((add.price().0 / 100).min(u16::MAX.into()) as u16),
            ..WriteAddShort::default()
        };
        let mut bytes = [0; ADD_BYTES];
        bytes.copy_from_slice(&written.encode(Market::Equities));
        drawn.push(bytes);
    }
    let numbered = (0..ADDS).zip(drawn.iter().cycle()).map(|(number, add)| {
        let mut add = *add;
        let order_id = 0x3904_B28A_0000_0000 + number;
        add[ORDER_ID_AT..ORDER_ID_AT + 8].copy_from_slice(&order_id.to_le_bytes());
        add
    });
    numbered.collect()
}

/// Decodes all adds; returns how many there were.
pub(crate) fn decode(adds: &[[u8; ADD_BYTES]], orders: Option<OrderIndexConfig>) -> Result<u64> {
    let output = match orders {
        Some(_) => Output::Full,
        None => Output::Plain,
    };
    let mut decoder = PitchDecoder::new(&PitchConfig {
        orders,
        ..PitchConfig::new(Market::Equities)
    })?;
    let mut sink = Look::new(output);
    let mut context = MessageContext {
        sequence: 0,
        ts_recv: 1_577_716_200_000_000_000,
    };
    let time = WriteTime { seconds: 34_200 }.encode(Market::Equities);
    decoder.message(&context, &time, &mut sink);
    let clear = WriteUnitClear::default().encode(Market::Equities);
    for unit in adds.chunks(RESTING as usize) {
        for add in unit {
            context.sequence += 1;
            decoder.message(&context, add, &mut sink);
        }
        if orders.is_some() {
            decoder.message(&context, &clear, &mut sink);
        }
    }
    anyhow::ensure!(
        sink.records >= ADDS && decoder.counters().orders.overflowed == 0,
        "{} records of {ADDS} adds",
        sink.records
    );
    Ok(context.sequence)
}

/// Measures both.
///
/// # Errors
/// An add was not decoded, or there is no memory for the index.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let adds = adds();
    let index = Some(OrderIndexConfig {
        orders_max: 1_000_000,
        prefetch: false,
    });
    decode(&adds, None)?;
    decode(&adds, index)?;
    let mut cases = [
        Case::new("PITCH adds, plain records, no index", || {
            decode(&adds, None).unwrap_or(0)
        }),
        Case::new("PITCH adds, full records, up to 60,000 resting", || {
            decode(&adds, index).unwrap_or(0)
        }),
    ];
    let samples = interleave(&mut cases, runs);
    Ok(vec![
        Row::new("decode", &samples[0], None, Some(Goal::ValueAtMost(10.0))),
        Row::new("decode", &samples[1], Some(&samples[0]), None),
    ])
}
