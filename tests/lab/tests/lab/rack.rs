//! Where the guest stands between tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use gateway_lab::{Depot, Kernel, System};
use gateway_test_harness::Binaries;

use crate::guest::Guest;
use crate::options::Options;

static RACK: Mutex<Option<Rack>> = Mutex::new(None);

struct Rack {
    depot: Depot,
    options: Options,
    binaries: Option<Binaries>,
    guest: Option<(String, System, Guest)>,
    boots: u32,
}

fn rack() -> MutexGuard<'static, Option<Rack>> {
    // A test that panicked had taken the guest out.
    RACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what guests are made of.
pub(crate) fn install(depot: Depot, options: &Options) {
    *rack() = Some(Rack {
        depot,
        options: options.clone(),
        binaries: None,
        guest: None,
        boots: 0,
    });
}

/// Ends the last guest.
pub(crate) fn close() {
    *rack() = None;
}

/// Runs the test `name` in a guest with `kernel`: the one that stands, if it has that kernel. Only a test that passes
/// puts it back.
pub(crate) fn run(
    kernel: &Kernel,
    system: System,
    name: &str,
    body: fn(&mut Guest) -> Result<()>,
) -> Result<()> {
    let mut guest = rack()
        .as_mut()
        .context("the lab is closed")?
        .take_guest(kernel, system)?;
    guest.begin(name)?;
    body(&mut guest).with_context(|| guest.told())?;
    guest.finish().with_context(|| guest.told())?;
    if let Some(rack) = rack().as_mut() {
        rack.guest = Some((kernel.series.clone(), system, guest));
    }
    Ok(())
}

/// Puts a file where guests see it; its path there.
pub(crate) fn lend(file: &Path) -> Result<String> {
    let rack = rack();
    rack.as_ref().context("the lab is closed")?.depot.lend(file)
}

/// Boots a second guest like `guest`, for one test.
pub(crate) fn another(guest: &Guest) -> Result<Guest> {
    rack()
        .as_mut()
        .context("the lab is closed")?
        .boot(guest.kernel(), System::Bare)
}

impl Rack {
    fn take_guest(&mut self, kernel: &Kernel, system: System) -> Result<Guest> {
        if let Some((series, stands, mut guest)) = self.guest.take()
            && (series.as_str(), stands) == (kernel.series.as_str(), system)
            && guest.runs()
        {
            return Ok(guest);
        }
        self.boot(kernel, system)
    }

    fn boot(&mut self, kernel: &Kernel, system: System) -> Result<Guest> {
        let binaries = match &self.binaries {
            Some(binaries) => binaries.clone(),
            None => {
                let binaries = Binaries::of_this_build()?;
                let agent = PathBuf::from(env!("CARGO_BIN_EXE_gateway-lab-agent"));
                self.depot.share(&[binaries.path("gateway"), agent])?;
                self.binaries.insert(binaries).clone()
            }
        };
        self.depot
            .provide_system(system, |step| eprintln!("lab: {step}"))?;
        let folder = self.depot.folder().join("logs");
        if self.boots == 0 {
            // Those of the last run.
            let _ = fs::remove_dir_all(&folder);
        }
        self.boots += 1;
        let logs = folder.join(format!("{}-boot-{}", kernel.series, self.boots));
        let start = Instant::now();
        let mut guest = Guest::boot(
            &self.depot,
            kernel,
            system,
            self.options.accelerator,
            &logs,
            binaries,
        )?;
        let release = guest.shell("uname -r")?;
        ensure!(
            release.starts_with(&kernel.series),
            "asked for {}, booted {release}",
            kernel.series
        );
        eprintln!(
            "lab: Linux {} up in {:.1} s under {}; logs in {}",
            release.trim(),
            start.elapsed().as_secs_f64(),
            self.options.accelerator,
            logs.display()
        );
        Ok(guest)
    }
}
