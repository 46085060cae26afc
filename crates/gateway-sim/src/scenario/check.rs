//! What can be said of a file before anything is made of it.

use std::collections::BTreeSet;

use super::file::{AnswerFaults, File, Impair, ScenarioFeed, SnapshotFaults};

/// What `down` calls the snapshot loop.
pub(super) const MARKET_RECOVERY: &str = "market_recovery";
/// Delays of lines and servers, at most: a minute.
const DELAY_US_MAX: u64 = 60_000_000;

/// Checks every part and every name.
pub(super) fn check(file: &File) -> Result<(), String> {
    names(file)?;
    of_feed(file)?;
    if file.lines.is_empty() || file.lines.len() > 4 {
        return Err(format!(
            "there are {} lines: 1 to 4 are possible",
            file.lines.len()
        ));
    }
    if file.rerequest.len().max(file.glimpse.len()) > 16 {
        return Err("there are more than 16 servers of a kind".to_owned());
    }
    let of_lines = file.lines.iter().map(|line| (&line.name, &line.impair));
    let of_phases = file.phases.iter().flat_map(|phase| &phase.impair);
    for (name, impair) in of_lines.chain(of_phases) {
        let Impair {
            loss,
            duplicate,
            reorder,
            delay_us,
            jitter_us,
        } = *impair;
        parts(name, &[loss, duplicate, reorder])?;
        delay(name, delay_us.max(jitter_us))?;
    }
    for server in &file.rerequest {
        let AnswerFaults {
            loss,
            other_session,
            other_range,
            cut,
            garbage,
            duplicate,
            delay_ms,
            jitter_ms,
        } = server.faults;
        let rates = [loss, other_session, other_range, cut, garbage, duplicate];
        parts(&server.name, &rates)?;
        delay(&server.name, delay_ms.max(jitter_ms).saturating_mul(1_000))?;
    }
    for server in &file.glimpse {
        let SnapshotFaults {
            silent,
            refuse,
            drop,
            stall,
            garbage,
            wrong_end,
            messages_per_s,
            ..
        } = server.faults;
        parts(
            &server.name,
            &[silent, refuse, drop, stall, garbage, wrong_end],
        )?;
        if messages_per_s.is_some_and(|rate| !(1e-3..=1e9).contains(&rate)) {
            return Err(format!(
                "{:?}: messages_per_s is 0.001 to 10^9",
                server.name
            ));
        }
    }
    Ok(())
}

/// What only one of the feeds has.
fn of_feed(file: &File) -> Result<(), String> {
    if file.feed == ScenarioFeed::CmeMdp3 {
        if !(file.rerequest.is_empty() && file.glimpse.is_empty()) || file.replay.is_some() {
            return Err(
                "cme-mdp3 has neither rerequest, glimpse nor replay: its loop is [market_recovery]"
                    .to_owned(),
            );
        }
        if let Some(phase) = file.phases.iter().find(|phase| phase.begins()) {
            return Err(format!(
                "phase {:?}: the numbers of cme-mdp3 begin anew each week only: leave out session and restart",
                phase.name
            ));
        }
    } else if file.market_recovery.is_some() || file.flow.channel_reset_every > 0 {
        return Err(
            "market_recovery and channel_reset_every are MDP 3.0's: add feed = \"cme-mdp3\""
                .to_owned(),
        );
    }
    let Some(feed) = &file.market_recovery else {
        return Ok(());
    };
    parts(MARKET_RECOVERY, &[feed.loss])?;
    if feed.destinations.is_empty() || feed.destinations.len() > 4 {
        return Err("market_recovery: destinations are 1 to 4 groups".to_owned());
    }
    if !(1..=DELAY_US_MAX).contains(&feed.interval_us) {
        return Err(format!(
            "market_recovery: interval_us is 1 to {DELAY_US_MAX}"
        ));
    }
    Ok(())
}

fn parts(name: &str, rates: &[f64]) -> Result<(), String> {
    match rates.iter().find(|rate| !(0.0..=1.0).contains(*rate)) {
        Some(rate) => Err(format!("{name:?}: {rate} is no part between 0 and 1")),
        None => Ok(()),
    }
}

fn delay(name: &str, us: u64) -> Result<(), String> {
    if us > DELAY_US_MAX {
        return Err(format!("{name:?}: a delay is at most a minute"));
    }
    Ok(())
}

fn names(file: &File) -> Result<(), String> {
    let lines = file.lines.iter().map(|line| line.name.as_str());
    let rerequest = file.rerequest.iter().map(|server| server.name.as_str());
    let glimpse = file.glimpse.iter().map(|server| server.name.as_str());
    let market_recovery = file.market_recovery.as_ref().map(|_| MARKET_RECOVERY);
    let mut known = BTreeSet::new();
    for name in lines.chain(rerequest).chain(glimpse).chain(market_recovery) {
        if !known.insert(name) {
            return Err(format!(
                "two lines or servers are called {name:?}: give each a name of its own"
            ));
        }
    }
    for phase in &file.phases {
        if let Some(name) = phase
            .down
            .iter()
            .find(|name| !known.contains(name.as_str()))
        {
            return Err(format!(
                "phase {:?}: down names {name:?}, which is neither line nor server: there are {}",
                phase.name,
                known.iter().copied().collect::<Vec<_>>().join(", ")
            ));
        }
        let is_line = |name: &String| file.lines.iter().any(|line| line.name == *name);
        if let Some(name) = phase.impair.keys().find(|name| !is_line(name)) {
            return Err(format!(
                "phase {:?}: impair names {name:?}, which is no line",
                phase.name
            ));
        }
    }
    Ok(())
}
