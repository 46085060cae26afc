//! Plays a scenario.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use gateway_capture::{CaptureReader, FileKind, ItchFileReader, sniff};
use serde::Serialize;

use super::file::ScenarioFeed;
use super::plan::Scenario;
use crate::SimError;
use crate::capture_source::CaptureSource;
use crate::clock::Clock;
use crate::flow::{Mdp3Flow, OrderFlow};
use crate::publisher::{Line, Progress, Publisher};
use crate::recovery::Servers;
use crate::recovery::counts::RecoveryReport;
use crate::recovery::market_recovery::Loop;
use crate::report::Report;
use crate::source::{ItchFileSource, Source};
use crate::transmit::{BATCH_MAX, Egress, Transmit, UdpLine};
use crate::venue::Venue;

/// The account of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that decided all that was drawn.
    pub seed: u64,
    /// How many times as fast as the file says.
    pub speed: f64,
    /// Sessions, one after the other; those that did not begin any more are left out.
    pub sessions: Vec<Report>,
    /// The servers.
    #[serde(flatten)]
    pub recovery: RecoveryReport,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// Whether the end was not reached: a signal came, or an error.
    pub interrupted: bool,
}

/// Plays `scenario`: lines leave by `egress`, servers listen on `listen`. `ready` is told once all sockets are open,
/// before anything is sent; `progress` how far it is now and then.
///
/// The report is complete in any case; the error in it says why the end was not reached.
///
/// # Errors
/// A socket could not be opened, or the file to replay not be read: nothing was sent.
pub fn run(
    scenario: &Scenario,
    egress: &Egress,
    listen: IpAddr,
    clock: &mut impl Clock,
    ready: impl FnOnce(&Servers),
    progress: &mut dyn FnMut(Progress),
) -> Result<(ScenarioReport, Option<SimError>), SimError> {
    let mut lines = Vec::new();
    for line in &scenario.lines {
        let transmit: Box<dyn Transmit> = Box::new(UdpLine::new(line.destination, egress)?);
        lines.push(Line {
            name: line.name.clone(),
            destination: line.destination,
            impairments: line.impairments,
            transmit,
        });
    }
    let mut replay = scenario.replay.as_deref().map(open).transpose()?;
    let servers = serve(scenario, egress, listen)?;
    ready(&servers);

    let start_ns = clock.now_ns();
    let venue = Some(Arc::clone(servers.venue()));
    let mut publisher = Publisher::new(lines, scenario.seed, BATCH_MAX, venue, clock, progress);
    let mut error = None;
    for session in &scenario.sessions {
        let result = match &mut replay {
            Some(source) => publisher.session(source, &session.plan),
            None => {
                let mut flow = OrderFlow::new(session.flow.clone());
                match scenario.feed {
                    ScenarioFeed::NasdaqItch50 => publisher.session(&mut flow, &session.plan),
                    ScenarioFeed::CmeMdp3 => {
                        let flow = Mdp3Flow::new(flow);
                        let mut flow = flow.with_channel_resets(session.channel_reset_every);
                        publisher.session(&mut flow, &session.plan)
                    }
                }
            }
        };
        error = result.err();
        if error.is_some() || publisher.is_stopped() {
            break;
        }
    }
    let (sessions, error) = publisher.finish(error);
    let stopped_early = sessions.len() < scenario.sessions.len();
    let report = ScenarioReport {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        speed: scenario.speed,
        interrupted: stopped_early || sessions.iter().any(|session| session.interrupted),
        sessions,
        recovery: servers.finish(),
        elapsed_s: (clock.now_ns() - start_ns) as f64 / 1e9,
    };
    Ok((report, error))
}

fn serve(scenario: &Scenario, egress: &Egress, listen: IpAddr) -> Result<Servers, SimError> {
    let histories = scenario
        .rerequest
        .iter()
        .map(|server| server.options.history_messages);
    let history = usize::try_from(histories.max().unwrap_or(0)).unwrap_or(usize::MAX);
    let mut servers = Servers::new(Arc::new(Venue::new(history)));
    for server in &scenario.rerequest {
        let address = SocketAddr::new(listen, server.port);
        servers.add_rerequest(&server.name, address, server.options, &server.switch)?;
    }
    for server in &scenario.glimpse {
        let address = SocketAddr::new(listen, server.port);
        let options = server.options.clone();
        servers.add_glimpse(&server.name, address, options, &server.switch)?;
    }
    if let Some(feed) = &scenario.market_recovery {
        let line = |to| -> Result<Box<dyn Transmit + Send>, SimError> {
            Ok(Box::new(UdpLine::new(to, egress)?))
        };
        let lines: Result<Vec<_>, _> = feed.destinations.iter().copied().map(line).collect();
        servers.add_loop(Loop::Snapshots, feed.options.clone(), lines?, &feed.switch)?;
    }
    Ok(servers)
}

fn open(path: &Path) -> Result<Box<dyn Source>, SimError> {
    Ok(match sniff(path)? {
        FileKind::LengthPrefixed => Box::new(ItchFileSource::new(ItchFileReader::open(path)?)),
        FileKind::Pcap | FileKind::Pcapng => {
            Box::new(CaptureSource::new(CaptureReader::open(path)?))
        }
        FileKind::Unknown => {
            return Err(SimError::NothingToReplay {
                name: path.display().to_string(),
                reason: "neither pcap, pcapng nor messages behind 2-byte big-endian lengths, plain or gzip-compressed",
            });
        }
    })
}
