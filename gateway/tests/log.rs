//! What a running gateway writes into its log: JSON for a service, text for a terminal; what goes on is told once, what repeats
//! with its count; and every line is in `docs/operations.md`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{Truth, until, write_capture};
use gateway_client::Client;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

/// A gateway over a capture in which both lines lose packets, its log at `stderr`.
struct Run {
    child: Child,
    folder: tempfile::TempDir,
    truth: Truth,
}

impl Run {
    fn start(stderr: impl FnOnce(&Path) -> Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ab.pcap");
        // Each tenth packet is on neither line, and time passes in between.
        let truth = write_capture(&file, 4_000, |_, packet| packet % 10 == 5, |_| 5_000_000);
        let text = common::toml(folder.path(), &file, "capture", "", "");
        let text = text.replace("log = \"human\"", "log = \"auto\"");
        let config = folder.path().join("gateway.toml");
        std::fs::write(&config, text).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["run", "-c", config.to_str().unwrap()])
            .env_remove("RUST_LOG")
            .env("TERM", "xterm")
            .stderr(stderr(folder.path()))
            .spawn()
            .unwrap();
        Self {
            child,
            folder,
            truth,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("broker.sock")
    }

    /// Waits for its answer, then ends it in order.
    fn stop(&mut self) {
        until("the gateway", || Client::connect(self.socket()).ok());
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = until("its end", || self.child.try_wait().unwrap());
        assert!(status.success());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole lines of a JSON log.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    whole.lines().map(parse).collect()
}

fn message(line: &Value) -> &str {
    line["fields"]["message"].as_str().unwrap()
}

/// Whether `text` is `pattern`, in which `…` stands for anything.
fn is(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut left) = text.strip_prefix(first) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = true;
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.is_empty() || (open && pattern.ends_with('…'))
}

#[test]
fn a_service_logs_json_and_losses_add_up() {
    let mut log = PathBuf::new();
    let mut run = Run::start(|folder| {
        log = folder.join("log");
        File::create(&log).unwrap().into()
    });
    let lost: u64 = run
        .truth
        .gaps
        .iter()
        .map(|(first, last)| last - first + 1)
        .sum();
    assert!(lost > 300);
    let told = || -> Vec<u64> {
        let of = |line: &Value| {
            let is_loss = message(line).starts_with("messages lost: ");
            is_loss.then(|| line["fields"]["messages"].as_u64().unwrap())
        };
        lines(&log).iter().filter_map(of).collect()
    };
    until("every loss to be told", || {
        (told().iter().sum::<u64>() == lost).then_some(())
    });
    run.stop();
    let lines = lines(&log);
    // 50 losses in some 2.5 s.
    let losses = told();
    assert!(
        (2..=6).contains(&losses.len()),
        "{losses:?} of {} losses",
        run.truth.gaps.len()
    );
    for once in [
        "ready",
        "capture open",
        "capture at its end",
        "stopping",
        "stopped",
    ] {
        let count = lines.iter().filter(|line| message(line) == once).count();
        assert_eq!(count, 1, "{once}: {lines:#?}");
    }
    let guide = include_str!("../../docs/operations.md");
    let rows: Vec<(&str, &str)> = guide
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split('|').map(str::trim);
            Some((cells.next()?, cells.next()?))
        })
        .collect();
    for line in &lines {
        let level = line["level"].as_str().unwrap().to_lowercase();
        let known = |(event, of): &&(&str, &str)| **of == level && is(event, message(line));
        // A lone `…` is every event's: those have to be there by their own words.
        let found = rows.iter().filter(|(event, _)| *event != "…").find(known);
        assert!(found.is_some(), "not in docs/operations.md: {line}");
    }
}

#[test]
fn a_terminal_gets_text() {
    let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let mut run = Run::start(|_| {
        let mut options = File::options();
        let terminal = options.read(true).write(true).open(name.to_str().unwrap());
        terminal.unwrap().into()
    });
    let shown = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The end of a terminal is an error, EIO.
        let _ = File::from(ours).read_to_end(&mut bytes);
        bytes
    });
    run.stop();
    let bytes = shown.join().unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for words in ["ready", "stopped", "INFO"] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    assert!(!text.contains("{\""), "{text}");
}
