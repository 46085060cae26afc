//! The doctor's checks while the gateway runs: at the start and every few minutes (`checks_interval_s`), on a thread of
//! their own.
//!
//! Reading `/proc`, `/sys` and drivers can take tens of milliseconds, some drivers ask their firmware. Neither the control
//! plane nor a stop waits for that: the thread starts on the housekeeping core, and leaves what it found behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::warn;

use super::status::CheckStatus;
use crate::config::Config;
use crate::doctor::{Counters, Device, Examination, Findings, RootFiles, System, Verdict, Wants};

/// What was found last.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    found: Mutex<Found>,
    /// Whether somebody looks just now.
    busy: AtomicBool,
}

#[derive(Debug, Default)]
struct Found {
    findings: Findings,
    /// What counted losses at that time.
    counters: Option<Counters>,
}

impl Checks {
    /// What was found last; nothing before the first look has ended.
    pub(crate) fn status(&self) -> Vec<CheckStatus> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let checks = found.findings.checks.iter();
        checks
            .filter(|outcome| outcome.verdict != Verdict::Skipped)
            .map(|outcome| CheckStatus {
                check: outcome.check.clone(),
                interface: outcome.interface.clone(),
                verdict: outcome.verdict,
                found: match outcome.verdict {
                    Verdict::Ok | Verdict::Skipped => String::new(),
                    Verdict::Warn | Verdict::Fail => outcome.found.clone(),
                },
            })
            .collect()
    }

    fn look(&self, config: &Config) {
        let before = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.counters.take()
        };
        let files = RootFiles::machine();
        let names = config
            .interfaces
            .iter()
            .map(|interface| interface.name.as_str());
        let after = Counters::take(&files, names);
        let devices = config.interfaces.iter().filter_map(|interface| {
            let wants = Wants {
                running: true,
                ..Wants::of(config, &interface.name)
            };
            // One that is away is told as such elsewhere.
            let device = Device::gather(&wants.request).ok()?;
            Some((device, wants))
        });
        let examination = Examination {
            files: &files,
            system: System::gather(),
            wants: Wants::machine(config),
            devices: devices.collect(),
            counters: before.map(|before| (before, after.clone())),
            host: false,
        };
        let findings = examination.run(&[]);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in &findings.checks {
            let known = found.findings.checks.iter().any(|old| {
                (&old.check, &old.interface) == (&outcome.check, &outcome.interface)
                    && old.verdict == Verdict::Fail
            });
            if outcome.verdict == Verdict::Fail && !known {
                warn!(
                    check = outcome.check,
                    interface = outcome.interface,
                    "the machine is not as it should be: {}; `gateway doctor --only {}` tells what to do",
                    outcome.found,
                    outcome.check
                );
            }
        }
        *found = Found {
            findings,
            counters: Some(after),
        };
    }
}

/// A look under way, over when this is dropped: also by a check that panics, so that the next one is not the last.
struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        // Release, with the Acquire of whoever looks next: it finds what this one has left.
        self.0.store(false, Ordering::Release);
    }
}

/// When the machine was looked at last.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    looked: Option<Instant>,
}

impl Checkup {
    /// Starts a look, if it is time to and nobody looks.
    pub(super) fn tend(&mut self, checks: &Arc<Checks>, config: &Config) {
        let interval = config.gateway.checks_interval;
        let is_due = |looked: Instant| interval.is_some_and(|every| looked.elapsed() >= every);
        if !self.looked.is_none_or(is_due) {
            return;
        }
        // Acquire, with the Release of whoever ends: never two at a time.
        if checks.busy.swap(true, Ordering::Acquire) {
            return;
        }
        self.looked = Some(Instant::now());
        let (looking, config) = (Arc::clone(checks), config.clone());
        let started = std::thread::Builder::new()
            .name("doctor".to_owned())
            .spawn(move || {
                let _busy = Busy(&looking.busy);
                looking.look(&config);
            });
        if let Err(error) = started {
            warn!(%error, "cannot start a thread for the doctor's checks");
            drop(Busy(&checks.busy));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    #[test]
    fn a_look_at_this_machine_ends_and_is_shown_without_what_was_skipped() {
        let text = include_str!("../../../config/gateway.toml");
        let config = crate::config::parse(text, std::path::Path::new("gateway.toml")).unwrap();
        let checks = Arc::new(Checks::default());
        assert!(checks.status().is_empty());
        let mut checkup = Checkup::default();
        checkup.tend(&checks, &config);
        while checks.busy.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let shown = checks.status();
        assert!(
            shown.iter().any(|check| check.check == "bpf-settings"),
            "{shown:?}"
        );
        assert!(shown.iter().all(|check| check.verdict.level().is_some()));
        // Not due again.
        checkup.tend(&checks, &config);
        assert!(!checks.busy.load(Ordering::Acquire));
        let before = checkup.looked;
        let never = with_interval(&config, None);
        checkup.tend(&checks, &never);
        assert_eq!(checkup.looked, before);
        let always = with_interval(&config, Some(Duration::ZERO));
        checkup.tend(&checks, &always);
        assert_ne!(checkup.looked, before);
    }

    fn with_interval(config: &Config, checks_interval: Option<Duration>) -> Config {
        let mut config = config.clone();
        config.gateway.checks_interval = checks_interval;
        config
    }
}
