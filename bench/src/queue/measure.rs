//! One measurement: the measuring program runs once, in a folder and for a time of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::placement::Class;
use super::rivals::Contestant;

/// Longest time of one measurement, a client's time-out to its daemon included.
const LIMIT: Duration = Duration::from_secs(20);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantity {
    Latency,
    Throughput,
    CatchUp,
    Alone,
    Burst,
    /// A burst while so many readers sleep.
    Sleeping(usize),
    /// A burst while so many readers poll.
    Polling(usize),
    Memory,
}

impl Quantity {
    const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::CatchUp => "catch-up",
            Self::Alone => "alone",
            Self::Burst => "burst",
            Self::Sleeping(_) | Self::Polling(_) => "attended",
            Self::Memory => "memory",
        }
    }
}

/// What one measurement brought.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) placement_ns: [f64; 2],
    pub(super) values: BTreeMap<String, f64>,
}

impl Outcome {
    /// How far the cores were apart, if that stayed.
    pub(super) fn class(&self) -> Option<Class> {
        Class::of_both(self.placement_ns)
    }
}

/// Runs the measuring program.
#[derive(Debug)]
pub(super) struct Measurer {
    program: PathBuf,
    cores: Vec<usize>,
    folder: PathBuf,
}

impl Measurer {
    pub(super) fn new(program: PathBuf, cores: Vec<usize>) -> Self {
        let name = format!("gateway-bench-{}", std::process::id());
        Self {
            program,
            cores,
            folder: Path::new("/dev/shm").join(name),
        }
    }

    /// Measures `quantity` of `queue`, which has room for `capacity` messages, once.
    ///
    /// # Errors
    /// Where the program fails or takes too long; its last words are in the error.
    pub(super) fn run(
        &self,
        queue: Contestant,
        quantity: Quantity,
        capacity: u64,
    ) -> Result<Outcome> {
        let readers = match quantity {
            Quantity::Sleeping(count) => Some(("sleep", count)),
            Quantity::Polling(count) => Some(("poll", count)),
            _ => None,
        };
        let readers = readers.map(
            |(attendance, count)| serde_json::json!({ "attendance": attendance, "count": count }),
        );
        let folder = &self.folder;
        fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let task = serde_json::json!({
            "queue": queue.name(),
            "quantity": quantity.name(),
            "capacity": capacity,
            "cores": self.cores,
            "folder": folder,
            "readers": readers,
        });
        let outcome = self.run_task(&task.to_string());
        fs::remove_dir_all(folder)?;
        outcome
    }

    fn run_task(&self, task: &str) -> Result<Outcome> {
        let mut child = Command::new(&self.program)
            .args(["measure", task])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                // Its companions are tied to it.
                child.kill()?;
                child.wait()?;
                bail!("no end within {} s", LIMIT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child
            .stdout
            .take()
            .context("no pipe")?
            .read_to_string(&mut stdout)?;
        child
            .stderr
            .take()
            .context("no pipe")?
            .read_to_string(&mut stderr)?;
        let words = stderr.lines().last().unwrap_or_default();
        ensure!(status.success(), "{status}: {words}");
        serde_json::from_str(&stdout).with_context(|| format!("not an outcome: {stdout}"))
    }
}

impl Drop for Measurer {
    fn drop(&mut self) {
        // What a killed process left in shared memory begins with the name of its folder.
        let name = self
            .folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let leftovers = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        for entry in leftovers {
            let entry_name = entry.file_name().to_string_lossy().into_owned();
            let ours = name.as_ref().is_some_and(|name| {
                entry_name
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with('_'))
            });
            if ours {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
