//! A wall clock that is set while a program runs, without touching the machine's.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// What shifts the clock of the program that it is loaded into.
const SOURCE: &str = include_str!("stepping_clock.c");

/// The wall clock of programs that are started with [`environment`](Self::environment): the machine's, and ahead of it by
/// as much as it was last [set](Self::set).
#[derive(Debug)]
pub struct SteppingClock {
    folder: TempDir,
    offset: File,
}

impl SteppingClock {
    /// One that is right so far; `None` where there can be none, after saying why. Wants a C compiler.
    pub fn new() -> Result<Option<Self>> {
        if !cfg!(target_arch = "x86_64") {
            println!("skipped: the clock is shifted on x86-64 only");
            return Ok(None);
        }
        let folder = tempfile::Builder::new()
            .prefix("gateway-clock-")
            .tempdir()
            .context("no temporary folder")?;
        let source = folder.path().join("stepping_clock.c");
        std::fs::write(&source, SOURCE)?;
        let compiled = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-fPIC", "-shared", "-o"])
            .arg(folder.path().join("stepping_clock.so"))
            .arg(&source)
            .output()
            .context("cannot start cc")?;
        let told = String::from_utf8_lossy(&compiled.stderr).into_owned();
        ensure!(compiled.status.success(), "cc: {told}");
        let offset = File::create(folder.path().join("offset_ns"))?;
        offset.write_all_at(&0_i64.to_ne_bytes(), 0)?;
        Ok(Some(Self { folder, offset }))
    }

    /// What a program needs to have this clock.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let of = |name| self.folder.path().join(name);
        vec![
            ("LD_PRELOAD", of("stepping_clock.so")),
            ("GATEWAY_TEST_CLOCK", of("offset_ns")),
        ]
    }

    /// Sets it to be ahead of the machine's clock by so many seconds from now on.
    pub fn set(&self, ahead_s: i64) -> Result<()> {
        let offset_ns = ahead_s * 1_000_000_000;
        // Eight aligned bytes: a reader sees them all or none of them.
        self.offset.write_all_at(&offset_ns.to_ne_bytes(), 0)?;
        Ok(())
    }

    /// What it shows, in nanoseconds since the Unix epoch, where it is ahead by so many seconds.
    pub fn now_ns(ahead_s: i64) -> Result<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let ahead = Duration::from_secs(ahead_s.unsigned_abs());
        let shown = if ahead_s < 0 {
            now - ahead
        } else {
            now + ahead
        };
        Ok(u64::try_from(shown.as_nanos())?)
    }
}
