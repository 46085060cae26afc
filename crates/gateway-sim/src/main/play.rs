//! `gateway-sim scenario`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use gateway_sim::clock::RealClock;
use gateway_sim::publisher::Progress;
use gateway_sim::recovery::Servers;
use gateway_sim::scenario::{self, Overrides, Scenario};

use crate::arguments::Play;
use crate::output::{print, print_line, tell};
use crate::summary::ScenarioSummary;

pub(crate) fn run(play: &Play, json: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let Some(name) = &play.scenario else {
        return list(json);
    };
    if play.print {
        return print(scenario::read(name)?);
    }
    let overrides = Overrides {
        speed: play.speed,
        seed: play.seed,
        destinations: play.lines.iter().cloned().collect(),
    };
    let scenario = scenario::load(name, &overrides)?;
    let egress = play.egress.egress();
    let ready = |servers: &Servers| {
        if !json {
            let _ = print(announcement(&scenario, servers, play.listen));
        }
    };
    let live = !json && io::stderr().is_terminal();
    let mut progress = |progress: Progress| {
        if live {
            let seconds = progress.elapsed_ns as f64 / 1e9;
            tell(format_args!(
                "\r{} messages, {} packets, {seconds:.1} s ",
                progress.messages, progress.packets
            ));
        }
    };
    let mut clock = RealClock::new(stop);
    let (report, error) = scenario::run(
        &scenario,
        &egress,
        play.listen,
        &mut clock,
        ready,
        &mut progress,
    )?;
    if live {
        tell("\r\x1b[K");
    }
    if json {
        print_line(serde_json::to_string(&report).context("cannot write the report")?)?;
    } else {
        print(ScenarioSummary(&report))?;
    }
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// What is going to happen.
fn announcement(scenario: &Scenario, servers: &Servers, listen: IpAddr) -> String {
    let mut text = format!("{}: {}\n", scenario.name, scenario.description);
    for line in &scenario.lines {
        let _ = writeln!(text, "line {} to {}", line.name, line.destination);
    }
    for (name, kind, port) in servers.listening() {
        let _ = writeln!(text, "{kind} server {name} on {listen}, port {port}");
    }
    text
}

/// The scenarios that come with the program.
fn list(json: bool) -> anyhow::Result<()> {
    let mut listed = Vec::new();
    for shipped in scenario::shipped() {
        let scenario = scenario::load(Path::new(shipped.name), &Overrides::default())?;
        listed.push((shipped.name, scenario.description));
    }
    if json {
        let objects: Vec<_> = listed
            .iter()
            .map(|(name, description)| {
                serde_json::json!({ "scenario": name, "description": description })
            })
            .collect();
        return print_line(serde_json::Value::from(objects));
    }
    listed
        .iter()
        .try_for_each(|(name, description)| print_line(format_args!("{name:<18}{description}")))
}
