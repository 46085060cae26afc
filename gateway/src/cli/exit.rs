//! Exit codes, and the error that carries one.

use std::fmt;
use std::process::ExitCode;

/// How the program ended. Scripts and service managers rely on the numbers: they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked to do.
    Ok = 0,
    /// Something failed that should not be able to fail.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration has mistakes.
    Configuration = 3,
    /// A network interface is missing or cannot be used.
    Interface = 4,
    /// A privilege is missing.
    Privilege = 5,
    /// The tier reached is below `require`.
    TierBelowRequired = 6,
    /// Another gateway answers on the broker's socket, or an address is taken.
    AlreadyRunning = 7,
    /// The kernel lacks a feature.
    Kernel = 8,
    /// An input file cannot be read, or is damaged.
    InputFile = 9,
    /// Somebody else's XDP program or socket is on the interface.
    Busy = 10,
    /// No gateway answers.
    NotReachable = 11,
    /// A signal ended it early; what it wrote is whole.
    Interrupted = 12,
    /// An output file cannot be written.
    Output = 13,
    /// A check of `gateway doctor` warns; none fails.
    CheckWarned = 14,
    /// A check of `gateway doctor` fails.
    CheckFailed = 15,
    /// Some of it was done, and some was refused.
    Partial = 16,
    /// The machine is not set up as it should be.
    Drift = 17,
}

impl Exit {
    /// Every code.
    pub const ALL: [Self; 18] = [
        Self::Ok,
        Self::Internal,
        Self::Usage,
        Self::Configuration,
        Self::Interface,
        Self::Privilege,
        Self::TierBelowRequired,
        Self::AlreadyRunning,
        Self::Kernel,
        Self::InputFile,
        Self::Busy,
        Self::NotReachable,
        Self::Interrupted,
        Self::Output,
        Self::CheckWarned,
        Self::CheckFailed,
        Self::Partial,
        Self::Drift,
    ];

    /// What it means, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Internal => "internal error",
            Self::Usage => "wrong command line",
            Self::Configuration => "mistakes in the configuration",
            Self::Interface => "network interface missing or unusable",
            Self::Privilege => "privilege missing",
            Self::TierBelowRequired => "tier reached is below the one required",
            Self::AlreadyRunning => "another gateway is running, or an address is taken",
            Self::Kernel => "the kernel lacks a feature",
            Self::InputFile => "input file unreadable or damaged",
            Self::Busy => "interface has another's XDP program or socket",
            Self::NotReachable => "no gateway answers",
            Self::Interrupted => "interrupted by a signal",
            Self::Output => "output cannot be written",
            Self::CheckWarned => "a check of the doctor warns",
            Self::CheckFailed => "a check of the doctor fails",
            Self::Partial => "done in part, the rest was refused",
            Self::Drift => "the machine differs from what is wanted",
        }
    }

    /// The list of codes, as `--help` shows it.
    #[must_use]
    pub fn help() -> String {
        let mut text = String::from("Exit codes:");
        for exit in Self::ALL {
            text.push_str(&format!("\n  {:>2}  {}", exit as u8, exit.meaning()));
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early: one message with its remedy, and the code to exit with.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// Cause, value and remedy.
    pub message: String,
}

impl Failure {
    /// A failure with `exit` and the message of `cause`.
    pub fn new(exit: Exit, cause: impl fmt::Display) -> Self {
        Self {
            exit,
            message: cause.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(Exit::Configuration, error)
    }
}
