//! One measurement: the measuring program runs once, in a folder and for a time of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::placement::Class;
use super::rivals::Contestant;

/// Longest time of one measurement, a client's time-out to its daemon included.
const LIMIT: Duration = Duration::from_secs(20);

/// Where queues that have files put them.
const SHARED_MEMORY: &str = "/dev/shm";
/// What the names of this program's folders there begin with; its process id follows.
const FOLDER: &str = "gateway-bench-";

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
    interrupted: Arc<AtomicBool>,
}

impl Measurer {
    /// From now on SIGINT and SIGTERM are noted, so that nothing is left behind; a second one ends this program as
    /// usual. What earlier runs left that were killed is removed.
    ///
    /// # Errors
    /// Where signals cannot be handled.
    pub(super) fn new(program: PathBuf, cores: Vec<usize>) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&interrupted))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        remove(|pid| pid == std::process::id() || !is_running(pid));
        Ok(Self {
            program,
            cores,
            folder: Path::new(SHARED_MEMORY).join(format!("{FOLDER}{}", std::process::id())),
            interrupted,
        })
    }

    /// Whether the user wants to stop.
    pub(super) fn is_interrupted(&self) -> bool {
        // The flag alone is the message: no order needed.
        self.interrupted.load(Ordering::Relaxed)
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
            if Instant::now() > deadline || self.is_interrupted() {
                // Its companions are tied to it.
                child.kill()?;
                child.wait()?;
                ensure!(!self.is_interrupted(), "interrupted");
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
        remove(|pid| pid == std::process::id());
    }
}

/// Removes what processes that `whose` names left in shared memory: their folders, and what queues put beside them,
/// whose names begin with those of the folders.
fn remove(whose: impl Fn(u32) -> bool) {
    let entries = fs::read_dir(SHARED_MEMORY).into_iter().flatten().flatten();
    for entry in entries {
        if owner(&entry.file_name().to_string_lossy()).is_some_and(&whose) {
            // It may be gone already.
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

/// The process that made the file or folder of that name, if it is one of this program's.
fn owner(name: &str) -> Option<u32> {
    let pid = name.strip_prefix(FOLDER)?;
    pid.split('_').next()?.parse().ok()
}

fn is_running(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_program_made_has_an_owner() {
        assert_eq!(owner("gateway-bench-123"), Some(123));
        assert_eq!(owner("gateway-bench-123_service"), Some(123));
        assert_eq!(owner("gateway-bench-rivals"), None);
        assert_eq!(owner("gateway-benchmark-1"), None);
        assert_eq!(owner("other"), None);
    }

    #[test]
    fn this_process_runs_and_one_that_was_waited_for_does_not() {
        assert!(is_running(std::process::id()));
        let mut child = Command::new("true").spawn().expect("a program");
        let pid = child.id();
        child.wait().expect("its end");
        assert!(!is_running(pid));
    }
}
