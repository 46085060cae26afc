//! From the file to what can be run.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway_feed::moldudp64::Session as SessionName;
use gateway_feed::soupbintcp::{self, Credentials};

use super::check::{MARKET_RECOVERY, check};
use super::file::{File, Phase, ScenarioFeed};
use crate::clock::Pace;
use crate::flow::{FlowOptions, SYMBOLS_MAX};
use crate::impairment::Impairments;
use crate::packetiser::{Framing, PackOptions};
use crate::publisher::{Part, SessionPlan};
use crate::recovery::Switch;
use crate::recovery::glimpse::GlimpseOptions;
use crate::recovery::market_recovery::MarketRecoveryOptions;
use crate::recovery::rerequest::RerequestOptions;

/// IPv4 and UDP headers in front of an answer.
const IP_UDP_BYTES: usize = 28;

/// What the command line says instead of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Overrides {
    /// How many times as fast: paces, pauses and heartbeats. What lines and servers take is theirs, and the time at the end
    /// is that of whoever recovers.
    pub speed: f64,
    /// Instead of the file's seed.
    pub seed: Option<u64>,
    /// Destinations by the line's name.
    pub destinations: BTreeMap<String, SocketAddrV4>,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            speed: 1.0,
            seed: None,
            destinations: BTreeMap::new(),
        }
    }
}

/// A scenario, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name: that of its file.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Decides all that is drawn.
    pub seed: u64,
    /// How many times as fast as the file says.
    pub speed: f64,
    /// In which protocol.
    pub feed: ScenarioFeed,
    /// The lines, as they are at first.
    pub lines: Vec<Line>,
    /// Re-request servers.
    pub rerequest: Vec<Rerequest>,
    /// Glimpse servers.
    pub glimpse: Vec<Glimpse>,
    /// The snapshot loop of MDP 3.0.
    pub market_recovery: Option<MarketRecovery>,
    /// Sessions, one after the other.
    pub sessions: Vec<Session>,
    /// The file whose messages are published; `None` for a generated day a session.
    pub replay: Option<PathBuf>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub destination: SocketAddrV4,
    /// What it does to its packets.
    pub impairments: Impairments,
}

/// A re-request server.
#[derive(Clone, Debug)]
pub struct Rerequest {
    /// Its name.
    pub name: String,
    /// Its UDP port.
    pub port: u16,
    /// How it answers.
    pub options: RerequestOptions,
    /// Turns it off and on.
    pub switch: Switch,
}

/// A Glimpse server.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// Its name.
    pub name: String,
    /// Its TCP port.
    pub port: u16,
    /// How it serves.
    pub options: GlimpseOptions,
    /// Turns it off and on.
    pub switch: Switch,
}

/// The snapshot loop of MDP 3.0.
#[derive(Clone, Debug)]
pub struct MarketRecovery {
    /// Where its lines go.
    pub destinations: Vec<SocketAddrV4>,
    /// How it goes.
    pub options: MarketRecoveryOptions,
    /// Turns it off and on.
    pub switch: Switch,
}

/// A session, and the day that is generated for it.
#[derive(Clone, Debug)]
pub struct Session {
    /// How it is published.
    pub plan: SessionPlan,
    /// The day.
    pub flow: FlowOptions,
    /// Of MDP 3.0: after so many messages of the day the channel is reset; 0: never.
    pub channel_reset_every: u64,
}

impl Scenario {
    /// Reads a scenario called `name`; the files that it names lie in `folder`.
    ///
    /// # Errors
    /// What is wrong with it, and what to do about it.
    pub fn parse(
        name: &str,
        text: &str,
        folder: &Path,
        overrides: &Overrides,
    ) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        check(&file)?;
        let seed = overrides.seed.unwrap_or(file.seed);
        let mut scenario = Self {
            name: name.to_owned(),
            description: file
                .description
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            seed,
            speed: overrides.speed,
            feed: file.feed,
            lines: lines(&file, overrides)?,
            rerequest: rerequest(&file, seed),
            glimpse: glimpse(&file, seed)?,
            market_recovery: market_recovery(&file, seed),
            sessions: Vec::new(),
            replay: file.replay.as_ref().map(|replay| folder.join(&replay.file)),
        };
        scenario.sessions = scenario.plan_sessions(&file)?;
        Ok(scenario)
    }

    fn plan_sessions(&self, file: &File) -> Result<Vec<Session>, String> {
        let mut sessions: Vec<Session> = Vec::new();
        let mut name = file.packets.session.clone();
        for phase in &file.phases {
            let wrong = |reason: String| format!("phase {:?}: {reason}", phase.name);
            if phase.abrupt && (sessions.is_empty() || !phase.begins()) {
                return Err(wrong(
                    "abrupt says that the session before was not ended: it goes with session or restart"
                        .to_owned(),
                ));
            }
            if sessions.is_empty() || phase.begins() {
                if phase.abrupt
                    && let Some(before) = sessions.last_mut()
                {
                    (before.plan.linger_ns, before.plan.end_of_session_ns) = (0, None);
                }
                if let Some(session) = &phase.session {
                    name.clone_from(session);
                }
                sessions.push(self.plan_session(file, &name, sessions.len() as u64)?);
            }
            let part = self.plan_part(phase).map_err(wrong)?;
            if let Some(session) = sessions.last_mut() {
                session.plan.parts.push(part);
            }
        }
        for session in &mut sessions {
            complete(session, file)?;
        }
        if sessions.is_empty() {
            return Err("there is no phase: nothing is published".to_owned());
        }
        if self.replay.is_some() && sessions.len() > 1 {
            return Err(
                "a file has one session: leave out replay, or the phases that begin another"
                    .to_owned(),
            );
        }
        Ok(sessions)
    }

    fn plan_session(&self, file: &File, name: &str, number: u64) -> Result<Session, String> {
        let session = SessionName::from_name(name)
            .filter(|_| name.bytes().all(|byte| (b' '..0x7f).contains(&byte)))
            .ok_or_else(|| {
                format!("session {name:?}: a name has at most ten printable ASCII characters")
            })?;
        let packets = &file.packets;
        let first_sequence = match packets.first_sequence.value() {
            Some(0) | None => {
                return Err(
                    "packets: first_sequence is a number from 1 on, or one as a text".to_owned(),
                );
            }
            Some(_) if number > 0 => 1,
            Some(first) => first,
        };
        if !(100..=65_535).contains(&packets.mtu) || packets.messages_max == 0 {
            return Err("packets: mtu is 100 to 65535, messages_max at least 1".to_owned());
        }
        if !(1..=SYMBOLS_MAX).contains(&file.flow.symbols) || file.flow.orders_max == 0 {
            return Err(format!(
                "flow: symbols is 1 to {SYMBOLS_MAX}, orders_max at least 1"
            ));
        }
        let end = &file.end;
        Ok(Session {
            plan: SessionPlan {
                pack: PackOptions {
                    framing: match self.feed {
                        ScenarioFeed::NasdaqItch50 => Framing::MoldUdp64,
                        ScenarioFeed::CmeMdp3 => Framing::Mdp3,
                    },
                    session,
                    first_sequence,
                    messages_max: packets.messages_max,
                    mtu: packets.mtu as usize,
                    window_ns: None,
                },
                heartbeat_ns: (packets.heartbeat_ms > 0)
                    .then(|| self.scaled_ns(packets.heartbeat_ms).max(1)),
                linger_ns: end.linger_ms.saturating_mul(1_000_000),
                // MDP 3.0 has no message for it.
                end_of_session_ns: (end.end_of_session && self.feed != ScenarioFeed::CmeMdp3)
                    .then(|| end.repeat_ms.saturating_mul(1_000_000)),
                parts: Vec::new(),
            },
            flow: FlowOptions {
                // Another day, other orders.
                seed: self.seed.wrapping_add(number),
                symbols: file.flow.symbols,
                orders_max: file.flow.orders_max,
                ..FlowOptions::default()
            },
            channel_reset_every: file.flow.channel_reset_every,
        })
    }

    fn plan_part(&self, phase: &Phase) -> Result<Part, String> {
        let is_down = |name: &str| phase.down.iter().any(|down| down == name);
        let impairments = self.lines.iter().map(|line| {
            let of_phase = phase.impair.get(&line.name);
            let impairments = of_phase.map_or(line.impairments, |impair| impair.impairments());
            let loss = if is_down(&line.name) {
                1.0
            } else {
                impairments.loss
            };
            Impairments {
                loss,
                ..impairments
            }
        });
        let rerequest = self
            .rerequest
            .iter()
            .map(|server| (&server.switch, &server.name));
        let glimpse = self
            .glimpse
            .iter()
            .map(|server| (&server.switch, &server.name));
        let market_recovery = self.market_recovery.as_ref();
        let market_recovery = market_recovery.map(|feed| (&feed.switch, MARKET_RECOVERY));
        let switches = rerequest
            .chain(glimpse)
            .map(|(switch, name)| (switch, name.as_str()))
            .chain(market_recovery)
            .map(|(switch, name)| (switch.clone(), is_down(name)));
        Ok(Part {
            messages: phase.count()?,
            pace: phase.pace(self.speed)?,
            pause_ns: self.scaled_ns(phase.pause_ms),
            silent: phase.silent,
            impairments: impairments.collect(),
            switches: switches.collect(),
        })
    }

    /// Milliseconds of the file in nanoseconds of the run.
    fn scaled_ns(&self, ms: u64) -> u64 {
        (ms as f64 * 1e6 / self.speed) as u64
    }
}

fn lines(file: &File, overrides: &Overrides) -> Result<Vec<Line>, String> {
    let mut destinations = overrides.destinations.clone();
    let line = |line: &super::file::Line| Line {
        name: line.name.clone(),
        destination: destinations.remove(&line.name).unwrap_or(line.destination),
        impairments: line.impair.impairments(),
    };
    let lines = file.lines.iter().map(line).collect();
    match destinations.pop_first() {
        None => Ok(lines),
        Some((name, _)) => Err(format!("there is no line {name:?} to be sent elsewhere")),
    }
}

fn market_recovery(file: &File, seed: u64) -> Option<MarketRecovery> {
    file.market_recovery.as_ref().map(|feed| MarketRecovery {
        destinations: feed.destinations.clone(),
        options: MarketRecoveryOptions {
            interval: Duration::from_micros(feed.interval_us),
            packet_bytes_max: (file.packets.mtu as usize).saturating_sub(IP_UDP_BYTES),
            loss: feed.loss,
            seed,
        },
        switch: Switch::default(),
    })
}

fn rerequest(file: &File, seed: u64) -> Vec<Rerequest> {
    let server = |(number, server): (u8, &super::file::Rerequest)| Rerequest {
        name: server.name.clone(),
        port: server.port,
        options: RerequestOptions {
            history_messages: server.history_messages.into(),
            packet_bytes_max: (file.packets.mtu as usize).saturating_sub(IP_UDP_BYTES),
            faults: server.faults.faults(),
            seed,
            number,
        },
        switch: Switch::default(),
    };
    (0..).zip(&file.rerequest).map(server).collect()
}

fn glimpse(file: &File, seed: u64) -> Result<Vec<Glimpse>, String> {
    let server = |(number, server): (u8, &super::file::Glimpse)| {
        let wrong = |error: soupbintcp::FieldError| format!("glimpse {:?}: {error}", server.name);
        let session = server.session.as_deref().map(soupbintcp::SessionName::new);
        Ok(Glimpse {
            name: server.name.clone(),
            port: server.port,
            options: GlimpseOptions {
                credentials: Credentials::new(&server.username, &server.password).map_err(wrong)?,
                session: session.transpose().map_err(wrong)?,
                faults: server.faults.faults(),
                seed,
                number,
            },
            switch: Switch::default(),
        })
    };
    (0..).zip(&file.glimpse).map(server).collect()
}

/// Makes a session's day as long as its phases, and sees that all fits.
fn complete(session: &mut Session, file: &File) -> Result<(), String> {
    let SessionPlan { pack, parts, .. } = &session.plan;
    let name = pack.session;
    let mut counts = parts.iter().filter_map(|part| part.messages);
    let total = counts
        .try_fold(0_u64, u64::checked_add)
        .filter(|total| pack.first_sequence.checked_add(*total).is_some())
        .ok_or_else(|| {
            format!(
                "session {name}: its messages pass the last number, 2^64 - 2: lower first_sequence"
            )
        })?;
    let open = parts.iter().filter(|part| part.messages.is_none()).count();
    if file.replay.is_some() {
        let last_is_open = parts.last().is_some_and(|part| part.messages.is_none());
        return if open == usize::from(last_is_open) {
            Ok(())
        } else {
            Err(
                "only the last phase takes all that is left of a file: give the others messages"
                    .to_owned(),
            )
        };
    }
    if open > 0 {
        return Err(format!(
            "session {name}: a phase of a generated day has neither messages nor seconds"
        ));
    }
    let rates = parts.iter().filter_map(|part| match part.pace {
        Pace::Rate { messages_per_s } => Some(messages_per_s),
        _ => None,
    });
    if let Some(rate) = rates.reduce(f64::max) {
        session.flow.interval_ns = ((1e9 / rate) as u64).max(1);
    }
    session.flow.messages = total;
    let least = session.flow.messages_min();
    if total < least {
        return Err(format!(
            "session {name}: {total} messages are less than opening and closing of {} securities take: at least {least}, \
             or fewer symbols",
            session.flow.symbols
        ));
    }
    Ok(())
}
