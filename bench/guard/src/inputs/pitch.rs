//! The same day in Cboe PITCH.

use anyhow::{Context, Result};
use gateway_sim::flow::PitchFlow;
use gateway_sim::source::Source;

use super::{Messages, itch};

/// `messages` messages of one unit of equities, from the day's first on: the same mix as the ITCH day's, with at most
/// `resting` orders.
///
/// # Errors
/// The simulator gives no message.
pub fn pitch_day(symbols: u32, resting: u32, messages: usize) -> Result<Messages> {
    let mut flow = PitchFlow::new(itch::flow(itch::SEED, symbols, resting));
    let mut day = Messages::default();
    while day.len() < messages {
        let message = flow.next()?.context("a day without end has ended")?;
        day.push(message.bytes);
    }
    Ok(day)
}
