//! What a check is, and what it found.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Device, Look};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It could not be looked at, or does not concern this machine; the reason is told.
    Skipped,
    /// As it should be.
    Ok,
    /// It costs time, or may cost packets.
    Warn,
    /// The gateway cannot receive well, or at all, before it is mended.
    Fail,
}

impl Verdict {
    /// As it is called in JSON and on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// As the metric has it: 0 ok, 1 warn, 2 fail; `None` where it was skipped.
    #[must_use]
    pub const fn level(self) -> Option<u8> {
        match self {
            Self::Skipped => None,
            Self::Ok => Some(0),
            Self::Warn => Some(1),
            Self::Fail => Some(2),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The worst verdict that a check gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It can fail.
    Fail,
    /// It warns at most.
    Warn,
    /// It only tells.
    Info,
}

/// What a check looks at.
#[derive(Clone, Copy)]
pub enum Place {
    /// The machine or the process, whatever the interface.
    Machine(fn(&Look<'_>) -> Seen),
    /// One interface.
    Interface(fn(&Look<'_>, &Device) -> Seen),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine(_) => "Machine",
            Self::Interface(_) => "Interface",
        })
    }
}

/// Where a check makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the gateway runs.
    Guest,
    /// On the hypervisor that owns the physical function.
    Host,
    /// On both.
    Both,
}

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its place in the list; it never changes.
    pub number: u8,
    /// Its name in options, JSON and metrics; it never changes.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// The worst that it says.
    pub severity: Severity,
    /// Where it makes sense.
    pub side: Side,
    /// What it reads, in general.
    pub reads: &'static str,
    /// What it wants to find.
    pub good: &'static str,
    /// What it costs to leave it otherwise.
    pub cost: &'static str,
    /// How it looks.
    pub place: Place,
}

/// How something is mended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// In words.
    pub advice: String,
    /// As commands of a shell, where commands do it.
    pub commands: Vec<String>,
}

impl Remedy {
    /// What no command does.
    pub fn advice(advice: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            commands: Vec::new(),
        }
    }

    /// A command.
    pub fn command(command: impl Into<String>) -> Self {
        Self::commands([command.into()])
    }

    /// Commands.
    pub fn commands(commands: impl IntoIterator<Item = String>) -> Self {
        Self {
            advice: String::new(),
            commands: commands.into_iter().collect(),
        }
    }

    /// The same with words.
    #[must_use]
    pub fn with(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

/// What a check saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How it went.
    pub verdict: Verdict,
    /// The fact, or why it was skipped.
    pub found: String,
    /// How to mend it; empty where nothing has to be done.
    pub remedy: Remedy,
}

impl Seen {
    /// As it should be.
    pub fn ok(found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            found: found.into(),
            remedy: Remedy::default(),
        }
    }

    /// It costs something.
    pub fn warn(found: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            verdict: Verdict::Warn,
            found: found.into(),
            remedy,
        }
    }

    /// It must be mended.
    pub fn fail(found: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(found, remedy)
        }
    }

    /// It was not looked at, for this reason.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Skipped,
            ..Self::ok(why)
        }
    }
}

/// What a check found, with all that a reader needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The check's number.
    pub number: u8,
    /// Its id.
    pub check: String,
    /// What it is about.
    pub title: String,
    /// The interface; empty for the machine and the process.
    pub interface: String,
    /// How it went.
    pub verdict: Verdict,
    /// The fact, or why it was skipped.
    pub found: String,
    /// What was read: paths, and requests to the kernel.
    pub read: Vec<String>,
    /// What it costs to leave it so; empty where it is as it should be.
    pub cost: String,
    /// How to mend it, in words.
    pub advice: String,
    /// How to mend it, as commands of a shell.
    pub commands: Vec<String>,
}

impl Outcome {
    pub(super) fn new(check: &Check, interface: &str, seen: Seen, read: Vec<String>) -> Self {
        let minded = seen.verdict > Verdict::Ok;
        Self {
            number: check.number,
            check: check.id.to_owned(),
            title: check.title.to_owned(),
            interface: interface.to_owned(),
            verdict: seen.verdict,
            found: seen.found,
            read,
            cost: if minded {
                check.cost.to_owned()
            } else {
                String::new()
            },
            advice: seen.remedy.advice,
            commands: seen.remedy.commands,
        }
    }
}
