//! What can be said of a file before anything is made of it.

use std::collections::BTreeSet;

use super::file::{AnswerFaults, File, Impair, SnapshotFaults};

/// Delays of lines and servers, at most: a minute.
const DELAY_US_MAX: u64 = 60_000_000;

/// Checks every part and every name.
pub(super) fn check(file: &File) -> Result<(), String> {
    names(file)?;
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
    let mut known = BTreeSet::new();
    for name in lines.chain(rerequest).chain(glimpse) {
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
