//! QEMU's control protocol (docs/interop/qmp-spec.rst): one JSON object a line, answers mixed with events.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gateway_test_harness::wait;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// A connection to QEMU.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
    events: Vec<Value>,
}

impl Qmp {
    /// Connects to the socket, once QEMU has made it.
    pub(super) fn connect(socket: &Path) -> Result<Self> {
        let stream = wait::until("QEMU's control socket", LIMIT, || {
            Ok(UnixStream::connect(socket).ok())
        })?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Self {
            stream: BufReader::new(stream),
            events: Vec::new(),
        };
        qmp.line().context("QEMU does not greet")?;
        qmp.command("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("QEMU has closed its control socket");
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Runs a command; what it returned.
    ///
    /// # Errors
    /// QEMU refuses it.
    pub fn command(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let mut line = serde_json::to_vec(&json!({ "execute": name, "arguments": arguments }))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)?;
        loop {
            let answer = self
                .line()
                .with_context(|| format!("no answer to {name}"))?;
            if answer.get("event").is_some() {
                self.events.push(answer);
            } else if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {name}: {}", error["desc"]);
            } else {
                return Ok(answer["return"].clone());
            }
        }
    }

    /// Waits for an event `name` that `matches`; those that came before are forgotten.
    pub fn wait_for(&mut self, name: &str, matches: impl Fn(&Value) -> bool) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        let wanted = |event: &Value| event["event"] == name && matches(&event["data"]);
        loop {
            if self.events.drain(..).any(|event| wanted(&event)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("QEMU told of no {name}");
            }
            let event = self.line().with_context(|| format!("waiting for {name}"))?;
            self.events.push(event);
        }
    }

    /// Takes the card `id` out of its port and waits until the guest has let go of it.
    pub fn unplug(&mut self, id: &str) -> Result<()> {
        self.command("device_del", json!({ "id": id }))?;
        self.wait_for("DEVICE_DELETED", |data| data["device"] == id)
    }

    /// Plugs a card in; `arguments` as those of `-device`.
    pub fn plug(&mut self, arguments: Value) -> Result<()> {
        self.command("device_add", arguments).map(drop)
    }

    /// Stops the guest's processors.
    pub fn pause(&mut self) -> Result<()> {
        self.command("stop", json!({})).map(drop)
    }

    /// Lets them go on.
    pub fn resume(&mut self) -> Result<()> {
        self.command("cont", json!({})).map(drop)
    }

    /// Plugs the cable of a card out or in.
    pub fn set_link(&mut self, name: &str, up: bool) -> Result<()> {
        self.command("set_link", json!({ "name": name, "up": up }))
            .map(drop)
    }
}
