//! Configuration files for the gateway under test.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::network::GATEWAY_INTERFACE;

/// One line of the test channel.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name, `A` or `B`.
    pub name: &'static str,
    /// Its multicast group.
    pub group: Ipv4Addr,
    /// Its UDP port.
    pub port: u16,
}

impl Line {
    /// `GROUP:PORT`, as gateway-sim's arguments have it.
    pub fn address(&self) -> String {
        format!("{}:{}", self.group, self.port)
    }
}

/// Two lines that no real exchange uses.
pub fn test_lines() -> Vec<Line> {
    let line = |name, last| Line {
        name,
        group: Ipv4Addr::new(239, 77, 0, last),
        port: 26_400,
    };
    vec![line("A", 1), line("B", 2)]
}

/// A queue of the test channel.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// `full`, `plain` or `native`.
    pub records: &'static str,
    /// Symbols and globs.
    pub symbols: Vec<String>,
    /// Classes of records; none for all.
    pub classes: Vec<String>,
    /// Capacity in slots, a power of two.
    pub slots: u64,
}

impl Queue {
    /// A queue of every symbol's plain records.
    pub fn all(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            records: "plain",
            symbols: vec!["*".to_owned()],
            classes: Vec::new(),
            slots: 1 << 16,
        }
    }

    /// The same with only `symbols`.
    #[must_use]
    pub fn only(self, symbols: &[&str]) -> Self {
        Self {
            symbols: symbols.iter().map(|&symbol| symbol.to_owned()).collect(),
            ..self
        }
    }

    /// The same with only `classes` of records.
    #[must_use]
    pub fn of_classes(self, classes: &[&str]) -> Self {
        Self {
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            ..self
        }
    }

    /// The same with another kind of records.
    #[must_use]
    pub fn of(self, records: &'static str) -> Self {
        Self { records, ..self }
    }

    /// The same with another capacity.
    #[must_use]
    pub fn with_slots(self, slots: u64) -> Self {
        Self { slots, ..self }
    }
}

/// Where packets come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// The gateway's end of the veth pair.
    Interface {
        /// `auto`, `zero-copy`, `copy`, `skb` or `socket`.
        mode: String,
        /// The lowest tier that `auto` may fall to.
        lowest_tier: String,
        /// The tier below which the gateway must not start.
        require: Option<String>,
    },
    /// A capture file.
    Capture {
        /// Its path.
        file: PathBuf,
        /// `asap` or `capture`.
        pace: &'static str,
    },
}

impl Input {
    /// The interface with one `mode` and nothing lower.
    pub fn tier(mode: &str) -> Self {
        let lowest_tier = if mode == "auto" { "socket" } else { mode };
        Self::Interface {
            mode: mode.to_owned(),
            lowest_tier: lowest_tier.to_owned(),
            require: None,
        }
    }
}

/// What a test says of a gateway with one worker and one channel; the rest is set so that two cores are
/// enough for gateway, exchange and strategies.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the gateway calls itself.
    pub name: String,
    /// Where packets come from.
    pub input: Input,
    /// The channel's feed.
    pub feed: &'static str,
    /// The channel's lines.
    pub lines: Vec<Line>,
    /// The queues of the channel.
    pub queues: Vec<Queue>,
    /// `auto` or `YYYY-MM-DD`.
    pub session_date: String,
    /// How long a packet ahead of its turn waits for the other line, in microseconds.
    pub hold_timeout_us: u64,
    /// Further keys of the channel, as TOML has them.
    pub channel_keys: String,
    /// What the worker does when idle: `spin`, `yield` or `sleep`.
    pub wait: &'static str,
    /// Further keys of the worker, as TOML has them.
    pub worker_keys: String,
    /// Further keys of the interface, as TOML has them.
    pub interface_keys: String,
    /// Where metrics are served; empty for nowhere.
    pub metrics_listen: String,
    /// Further keys of `[gateway]`, as TOML has them.
    pub gateway_keys: String,
    /// Further tables of the file, as TOML has them.
    pub extra: String,
    /// What the gateway's environment has besides, by name.
    pub environment: Vec<(&'static str, PathBuf)>,
}

impl Config {
    /// A configuration with the test lines and one queue `all`.
    pub fn new(input: Input) -> Self {
        Self {
            name: "test".to_owned(),
            input,
            feed: "nasdaq-itch50",
            lines: test_lines(),
            queues: vec![Queue::all("all")],
            session_date: "auto".to_owned(),
            // A busy test machine may keep the exchange from its core between two sends.
            hold_timeout_us: 200_000,
            channel_keys: String::new(),
            wait: "yield",
            worker_keys: String::new(),
            interface_keys: String::new(),
            metrics_listen: "127.0.0.1:9464".to_owned(),
            gateway_keys: String::new(),
            extra: String::new(),
            environment: Vec::new(),
        }
    }

    /// The configuration file's text, with the broker's socket at `socket`.
    pub fn to_toml(&self, socket: &Path) -> String {
        let mut text = String::new();
        self.write(&mut text, socket)
            .unwrap_or_else(|_| unreachable!("writing to a String cannot fail"));
        text
    }

    fn write(&self, out: &mut String, socket: &Path) -> std::fmt::Result {
        writeln!(
            out,
            "[gateway]\nname = {}\nbroker_socket = {}",
            quoted(&self.name),
            quoted(&socket.to_string_lossy())
        )?;
        writeln!(
            out,
            "metrics_listen = {}\nlog = \"human\"\n{}\n",
            quoted(&self.metrics_listen),
            self.gateway_keys
        )?;
        let input = match &self.input {
            Input::Interface {
                mode,
                lowest_tier,
                require,
            } => {
                writeln!(
                    out,
                    "[[interface]]\nname = \"{GATEWAY_INTERFACE}\"\nmode = {}",
                    quoted(mode)
                )?;
                writeln!(out, "lowest_tier = {}", quoted(lowest_tier))?;
                if let Some(require) = require {
                    writeln!(out, "require = {}", quoted(require))?;
                }
                writeln!(out, "{}\n", self.interface_keys)?;
                GATEWAY_INTERFACE
            }
            Input::Capture { file, pace } => {
                let file = quoted(&file.to_string_lossy());
                writeln!(
                    out,
                    "[[capture]]\nname = \"capture\"\nfile = {file}\npace = {}\n",
                    quoted(pace)
                )?;
                "capture"
            }
        };
        writeln!(
            out,
            "[[worker]]\nname = \"worker\"\ninputs = [{}]\nwait = {}\n{}\n",
            quoted(input),
            quoted(self.wait),
            self.worker_keys
        )?;
        writeln!(
            out,
            "[[channel]]\nname = \"nasdaq\"\nfeed = {}\nworker = \"worker\"",
            quoted(self.feed)
        )?;
        writeln!(
            out,
            "session_date = {}\nhold_timeout_us = {}",
            quoted(&self.session_date),
            self.hold_timeout_us
        )?;
        writeln!(out, "{}", self.channel_keys)?;
        writeln!(out, "lines = [")?;
        for Line { name, group, port } in &self.lines {
            writeln!(
                out,
                "    {{ name = {}, group = \"{group}\", port = {port} }},",
                quoted(name)
            )?;
        }
        writeln!(out, "]")?;
        for queue in &self.queues {
            writeln!(
                out,
                "\n[[queue]]\nname = {}\nchannels = [\"nasdaq\"]",
                quoted(&queue.name)
            )?;
            writeln!(
                out,
                "slots = {}\nrecords = {}",
                queue.slots,
                quoted(queue.records)
            )?;
            writeln!(out, "symbols = {}", list(&queue.symbols))?;
            if !queue.classes.is_empty() {
                writeln!(out, "classes = {}", list(&queue.classes))?;
            }
        }
        write!(out, "\n{}", self.extra)
    }
}

/// An array of basic strings of TOML.
fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}
