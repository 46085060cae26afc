//! The orders that rest after a part of a generated day, found without anything of the gateway: the bytes of ITCH 5.0 are
//! read here by their offsets in the specification.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use gateway_sim::flow::OrderFlow;
use gateway_sim::scenario::{Overrides, Scenario};

/// What rests of each order behind message `last` of the last session of the scenario `text`.
pub fn resting(text: &str, last: u64) -> Result<HashMap<u64, u32>> {
    let scenario = Scenario::parse("oracle", text, Path::new(""), &Overrides::default())
        .map_err(anyhow::Error::msg)?;
    let session = scenario.sessions.last().context("no session")?;
    let first = session.plan.pack.first_sequence;
    let mut flow = OrderFlow::new(session.flow.clone());
    let mut resting = HashMap::new();
    for _ in first..=last {
        let message = flow.next().context("the day is shorter")?;
        apply(&mut resting, message.bytes)?;
    }
    Ok(resting)
}

/// Brings the book to behind one message.
fn apply(resting: &mut HashMap<u64, u32>, message: &[u8]) -> Result<()> {
    let number = |at: usize| -> Result<u64> {
        let bytes = message.get(at..at + 8).context("a message is cut")?;
        Ok(u64::from_be_bytes(bytes.try_into()?))
    };
    let shares = |at: usize| -> Result<u32> {
        let bytes = message.get(at..at + 4).context("a message is cut")?;
        Ok(u32::from_be_bytes(bytes.try_into()?))
    };
    match message.first() {
        Some(b'A' | b'F') => {
            resting.insert(number(11)?, shares(20)?);
        }
        Some(b'E' | b'C' | b'X') => {
            let (order, taken) = (number(11)?, shares(19)?);
            let left = resting.get_mut(&order).context("an order is not known")?;
            *left -= taken;
            if *left == 0 {
                resting.remove(&order);
            }
        }
        Some(b'D') => {
            resting.remove(&number(11)?);
        }
        Some(b'U') => {
            resting.remove(&number(11)?);
            resting.insert(number(19)?, shares(27)?);
        }
        _ => {}
    }
    Ok(())
}
