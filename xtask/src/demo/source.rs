//! What the simulated exchange sends.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gateway_test_support::data;

use super::symbols;

/// Decides which packets are lost. With this one the short recording has a packet that both lines drop.
const SEED: u64 = 26;
/// Packets lost on each line, on purpose.
pub(crate) const LOSS: f64 = 0.02;
/// Messages a second of the generated flow: far below what the path carries, so that two cores also have time for
/// the exchange, the strategies and the terminal.
const GENERATED_RATE: u64 = 40_000;
/// Instruments of the generated flow.
const GENERATED_SYMBOLS: u32 = 40;
/// Where the real messages of a trading day lie in the test data.
const REAL_MESSAGES: &str = "nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50";
/// The trading day of that file.
const REAL_DATE: &str = "2019-12-30";
/// About how many bytes a message takes in a recording.
const MESSAGE_BYTES: u64 = 36;

/// Where the messages come from.
pub(crate) enum Source {
    /// The simulator's own order flow.
    Generated { seconds: u64 },
    /// A file of recorded messages.
    Recorded {
        file: PathBuf,
        rate: u64,
        date: Option<&'static str>,
    },
}

impl Source {
    /// The user's file, else real messages where the test data is, else the simulator's own.
    pub(crate) fn choose(file: Option<&Path>, seconds: u64) -> Result<Self> {
        match file {
            Some(file) if !file.is_file() => bail!("{} is not a file", file.display()),
            Some(file) => Self::recorded(file.to_path_buf(), None, seconds),
            None => match data::find(REAL_MESSAGES) {
                Some(file) => Self::recorded(file, Some(REAL_DATE), seconds),
                None => Ok(Self::Generated { seconds }),
            },
        }
    }

    /// A recording; few messages are spread over the time there is.
    fn recorded(file: PathBuf, date: Option<&'static str>, seconds: u64) -> Result<Self> {
        let bytes = file
            .metadata()
            .with_context(|| format!("cannot read {}", file.display()))?
            .len();
        let messages = bytes / MESSAGE_BYTES;
        let rate = messages.div_ceil(seconds).clamp(1, GENERATED_RATE);
        Ok(Self::Recorded { file, rate, date })
    }

    /// What it is, in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Generated { .. } => {
                format!(
                    "generated order flow, {GENERATED_SYMBOLS} symbols, {GENERATED_RATE} messages/s"
                )
            }
            Self::Recorded { file, rate, .. } => {
                let name = file
                    .file_name()
                    .map_or_else(|| file.to_string_lossy(), |name| name.to_string_lossy());
                format!("recorded messages of {name}, {rate} messages/s")
            }
        }
    }

    /// The glob of the strategy that does not want everything.
    pub(crate) fn some_symbols(&self) -> &'static str {
        match self {
            Self::Generated { .. } => "AAA[A-H]",
            Self::Recorded { .. } => "[A-C]*",
        }
    }

    /// Names of instruments that no directory message names.
    pub(crate) fn symbols(&self) -> HashMap<u32, String> {
        match self {
            Self::Generated { .. } => HashMap::new(),
            Self::Recorded { file, .. } => symbols::of_recording(file),
        }
    }

    /// The session's date for the gateway's configuration.
    pub(crate) fn session_date(&self) -> String {
        match self {
            Self::Recorded {
                date: Some(date), ..
            } => (*date).to_owned(),
            _ => "auto".to_owned(),
        }
    }

    /// `gateway-sim`'s arguments, those of interface and lines left out.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let words = match self {
            Self::Generated { seconds } => {
                let messages = GENERATED_RATE * seconds;
                format!(
                    "generate --symbols {GENERATED_SYMBOLS} --messages {messages} --pace rate={GENERATED_RATE} \
                     --messages-per-packet 8"
                )
            }
            Self::Recorded { rate, .. } => {
                format!("replay --pace rate={rate} --messages-per-packet 3")
            }
        };
        let mut arguments: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        if let Self::Recorded { file, .. } = self {
            arguments.insert(1, file.display().to_string());
        }
        let common = format!(
            "--loss-a {LOSS} --loss-b {LOSS} --seed {SEED} --heartbeat-ms 200 --end-of-session"
        );
        arguments.extend(common.split_whitespace().map(str::to_owned));
        arguments
    }
}

/// What flows while a demo is kept running: a hundred messages a second until stopped.
pub(crate) fn trickle() -> Vec<String> {
    let words = "generate --symbols 40 --messages 0 --pace rate=100 --messages-per-packet 4 --seed 8 \
                 --heartbeat-ms 200 --session TRICKLE";
    words.split_whitespace().map(str::to_owned).collect()
}
