//! The simulator's day of Nasdaq TotalView-ITCH 5.0.

use gateway_sim::flow::{FlowOptions, OrderFlow};

use super::Messages;

/// A day in two parts.
#[derive(Clone, Debug)]
pub struct Day {
    /// Until as many orders rest as were asked for.
    pub opening: Messages,
    /// What comes behind it: as many rest throughout.
    pub market: Messages,
}

/// The seed of the day that the guard replays.
pub const SEED: u64 = 20_191_230;

/// The flow of a day, fixed by `seed`, with `symbols` securities and at most `orders_max` orders that rest at a time.
pub(super) fn flow(seed: u64, symbols: u32, orders_max: u32) -> OrderFlow {
    OrderFlow::new(FlowOptions {
        seed,
        symbols,
        messages: 0,
        orders_max,
        ..FlowOptions::default()
    })
}

/// `messages` messages of the day of `seed` with `symbols` securities on which `resting` orders rest, behind its opening.
#[must_use]
pub fn day(seed: u64, symbols: u32, resting: u32, messages: usize) -> Day {
    let mut flow = flow(seed, symbols, resting);
    let mut day = Day {
        opening: Messages::default(),
        market: Messages::default(),
    };
    while flow.live_orders() < resting as usize {
        if let Some(message) = flow.next() {
            day.opening.push(message.bytes);
        }
    }
    while day.market.len() < messages {
        if let Some(message) = flow.next() {
            day.market.push(message.bytes);
        }
    }
    day
}
