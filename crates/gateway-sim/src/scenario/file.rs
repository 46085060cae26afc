//! A scenario as its file has it. `docs/rehearsals.md` explains each key.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;

use serde::Deserialize;

use crate::clock::Pace;
use crate::flow::FlowOptions;
use crate::impairment::Impairments;
use crate::recovery::glimpse::GlimpseFaults;
use crate::recovery::rerequest::RerequestFaults;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) description: String,
    #[serde(default)]
    pub(super) feed: ScenarioFeed,
    #[serde(default = "one")]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) flow: Flow,
    pub(super) replay: Option<Replay>,
    #[serde(default)]
    pub(super) packets: Packets,
    #[serde(rename = "line")]
    pub(super) lines: Vec<Line>,
    #[serde(default)]
    pub(super) rerequest: Vec<Rerequest>,
    #[serde(default)]
    pub(super) glimpse: Vec<Glimpse>,
    pub(super) market_recovery: Option<MarketRecovery>,
    #[serde(rename = "phase")]
    pub(super) phases: Vec<Phase>,
    #[serde(default)]
    pub(super) end: End,
}

/// In which protocol a day is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioFeed {
    /// ITCH over MoldUDP64.
    #[default]
    NasdaqItch50,
    /// CME MDP 3.0: a channel.
    CmeMdp3,
}

/// The snapshot loop of MDP 3.0.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MarketRecovery {
    pub(super) destinations: Vec<SocketAddrV4>,
    #[serde(default = "interval")]
    pub(super) interval_us: u64,
    #[serde(default)]
    pub(super) loss: f64,
}

fn interval() -> u64 {
    1_000
}

fn one() -> u64 {
    1
}

/// A generated day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Flow {
    pub(super) symbols: u32,
    pub(super) orders_max: u32,
    /// Of MDP 3.0: after so many messages of the day the channel is reset; 0: never.
    pub(super) channel_reset_every: u64,
}

impl Default for Flow {
    fn default() -> Self {
        let FlowOptions {
            symbols,
            orders_max,
            ..
        } = FlowOptions::default();
        Self {
            symbols,
            orders_max,
            channel_reset_every: 0,
        }
    }
}

/// A file's messages instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    pub(super) file: PathBuf,
}

/// A number of 64 bits: TOML's integers have 63, beyond them it is a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Integer(u64),
    Text(String),
}

impl Number {
    pub(super) fn value(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// How messages are packed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Packets {
    pub(super) session: String,
    pub(super) first_sequence: Number,
    pub(super) messages_max: u16,
    pub(super) mtu: u32,
    pub(super) heartbeat_ms: u64,
}

impl Default for Packets {
    fn default() -> Self {
        Self {
            session: "GWSIM00001".to_owned(),
            first_sequence: Number::Integer(1),
            messages_max: 12,
            mtu: 1_500,
            heartbeat_ms: 1_000,
        }
    }
}

/// What a line does to its packets.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Impair {
    pub(super) loss: f64,
    pub(super) duplicate: f64,
    pub(super) reorder: f64,
    pub(super) delay_us: u64,
    pub(super) jitter_us: u64,
}

impl Impair {
    pub(super) fn impairments(&self) -> Impairments {
        Impairments {
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay_ns: self.delay_us.saturating_mul(1_000),
            jitter_ns: self.jitter_us.saturating_mul(1_000),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) destination: SocketAddrV4,
    #[serde(default)]
    pub(super) impair: Impair,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rerequest {
    pub(super) name: String,
    pub(super) port: u16,
    #[serde(default = "history")]
    pub(super) history_messages: u32,
    #[serde(default)]
    pub(super) faults: AnswerFaults,
}

fn history() -> u32 {
    super::HISTORY_MESSAGES
}

/// What is wrong with a re-request server.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AnswerFaults {
    pub(super) loss: f64,
    pub(super) other_session: f64,
    pub(super) other_range: f64,
    pub(super) cut: f64,
    pub(super) garbage: f64,
    pub(super) duplicate: f64,
    pub(super) delay_ms: u64,
    pub(super) jitter_ms: u64,
}

impl AnswerFaults {
    pub(super) fn faults(&self) -> RerequestFaults {
        RerequestFaults {
            loss: self.loss,
            other_session: self.other_session,
            other_range: self.other_range,
            cut: self.cut,
            garbage: self.garbage,
            duplicate: self.duplicate,
            delay_ns: self.delay_ms.saturating_mul(1_000_000),
            jitter_ns: self.jitter_ms.saturating_mul(1_000_000),
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Glimpse {
    pub(super) name: String,
    pub(super) port: u16,
    #[serde(default = "username")]
    pub(super) username: String,
    #[serde(default = "password")]
    pub(super) password: String,
    #[serde(default)]
    pub(super) session: Option<String>,
    #[serde(default)]
    pub(super) faults: SnapshotFaults,
}

/// Without the password.
impl std::fmt::Debug for Glimpse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Glimpse {{ name: {:?}, port: {}, .. }}",
            self.name, self.port
        )
    }
}

fn username() -> String {
    super::USERNAME.to_owned()
}

fn password() -> String {
    super::PASSWORD.to_owned()
}

/// What is wrong with a Glimpse server.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SnapshotFaults {
    pub(super) silent_first: u64,
    pub(super) silent: f64,
    pub(super) refuse_first: u64,
    pub(super) refuse: f64,
    pub(super) drop_first: u64,
    pub(super) drop: f64,
    pub(super) stall: f64,
    pub(super) garbage: f64,
    pub(super) wrong_end: f64,
    pub(super) messages_per_s: Option<f64>,
}

impl SnapshotFaults {
    pub(super) fn faults(&self) -> GlimpseFaults {
        GlimpseFaults {
            silent_first: self.silent_first,
            silent: self.silent,
            refuse_first: self.refuse_first,
            refuse: self.refuse,
            drop_first: self.drop_first,
            drop: self.drop,
            stall: self.stall,
            garbage: self.garbage,
            wrong_end: self.wrong_end,
            messages_per_s: self.messages_per_s,
        }
    }
}

/// When messages leave.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PaceKey {
    Rate(f64),
    Word(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) messages: Option<u64>,
    pub(super) seconds: Option<f64>,
    pub(super) pace: Option<PaceKey>,
    #[serde(default)]
    pub(super) pause_ms: u64,
    #[serde(default)]
    pub(super) silent: bool,
    #[serde(default)]
    pub(super) down: Vec<String>,
    #[serde(default)]
    pub(super) impair: BTreeMap<String, Impair>,
    /// A session that begins with this phase.
    pub(super) session: Option<String>,
    /// The numbers begin anew with this phase.
    #[serde(default)]
    pub(super) restart: bool,
    /// The session before was not ended.
    #[serde(default)]
    pub(super) abrupt: bool,
}

impl Phase {
    /// Whether a session, or another numbering of one, begins with it.
    pub(super) fn begins(&self) -> bool {
        self.session.is_some() || self.restart
    }

    /// The pace, `speed` times as fast.
    pub(super) fn pace(&self, speed: f64) -> Result<Pace, String> {
        match &self.pace {
            None => Ok(Pace::Asap),
            Some(PaceKey::Rate(rate)) if (1e-3..=1e9).contains(rate) => Ok(Pace::Rate {
                messages_per_s: rate * speed,
            }),
            Some(PaceKey::Word(word)) if word == "asap" => Ok(Pace::Asap),
            Some(PaceKey::Word(word)) if word == "capture" => Ok(Pace::Capture { speed }),
            Some(_) => Err(
                "pace is \"asap\", \"capture\" or a number of messages a second from 0.001 to 10^9"
                    .to_owned(),
            ),
        }
    }

    /// How many messages; `None` where the file does not say.
    pub(super) fn count(&self) -> Result<Option<u64>, String> {
        match (self.messages, self.seconds, &self.pace) {
            (Some(_), Some(_), _) => Err("has both messages and seconds: leave one out".to_owned()),
            (messages, None, _) => Ok(messages),
            (None, Some(seconds), Some(PaceKey::Rate(rate))) if (0.0..=1e6).contains(&seconds) => {
                Ok(Some((seconds * rate).round() as u64))
            }
            (None, Some(_), _) => Err(
                "seconds, from 0 to 10^6, take a pace in messages a second: give one, or messages instead"
                    .to_owned(),
            ),
        }
    }
}

/// How each session ends that is ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct End {
    pub(super) linger_ms: u64,
    pub(super) end_of_session: bool,
    pub(super) repeat_ms: u64,
}

impl Default for End {
    fn default() -> Self {
        Self {
            linger_ms: 2_000,
            end_of_session: true,
            repeat_ms: 500,
        }
    }
}
