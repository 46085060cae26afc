//! `gateway configure`

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Subcommand};
use serde_json::json;

use super::ConfigFile;
use super::exit::{Exit, Failure};
use super::output::{print, print_line, tell};
use crate::config;
use crate::configure::engine::{Engine, Target};
use crate::configure::journal::{Journal, JournalError};
use crate::configure::machine::{Machine, System};
use crate::configure::plan::STAGES;
use crate::configure::profile::{self, Profile, ProfileError};
use crate::configure::report::{Line, Outcome, Summary};

/// Where changes are remembered unless told otherwise: not in `/run/gateway`, which goes when the service stops, and in
/// which the service's user may write.
const DEFAULT_STATE: &str = "/run/gateway-configure.json";

/// Options of `gateway configure`.
#[derive(Debug, Args)]
pub(super) struct Configure {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set the machine up; a second time changes nothing
    Init(Init),
    /// Compare the machine with what is wanted; exits with 17 where something differs
    Check(Check),
    /// Put back what `init` has changed
    Fini(Fini),
    /// Print a profile of the program as a file
    Profile(ShowProfile),
}

#[derive(Debug, Args)]
struct Wanted {
    #[command(flatten)]
    file: ConfigFile,
    /// latency, balanced, shared-core, or the path of a file
    #[arg(short, long, value_name = "NAME|FILE", default_value = "balanced")]
    profile: String,
    /// This stage only; may be given more than once
    #[arg(long = "stage", value_name = "STAGE", value_parser = stage_names())]
    stages: Vec<String>,
}

#[derive(Debug, Args)]
struct Common {
    /// Print one JSON object: ok, settings (stage, outcome, what, command, was, wanted, now, cause), and how many became
    /// what
    #[arg(long)]
    json: bool,
    /// The file in which changes are remembered
    #[arg(long, value_name = "FILE", default_value = DEFAULT_STATE)]
    state: PathBuf,
    /// The folder in which the machine's /proc and /sys lie (where a container has them mounted elsewhere)
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    root: PathBuf,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    wanted: Wanted,
    /// Print the shell commands, and run none
    #[arg(long, conflicts_with = "json")]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Fini {
    /// Put back what somebody else has changed since, too
    #[arg(long)]
    force: bool,
    /// Print the shell commands, and run none
    #[arg(long, conflicts_with = "json")]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct ShowProfile {
    /// latency, balanced or shared-core
    name: String,
}

fn stage_names() -> PossibleValuesParser {
    let named = STAGES
        .iter()
        .map(|stage| PossibleValue::new(stage.name).help(stage.about));
    PossibleValuesParser::new(named)
}

impl Configure {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Init(init) => init.run(),
            Action::Check(check) => check.run(),
            Action::Fini(fini) => fini.run(),
            Action::Profile(show) => print(&profile::text(&show.name)?),
        }
    }
}

impl Init {
    fn run(self) -> Result<(), Failure> {
        let config = config::load(&self.wanted.file.config)?;
        let profile = Profile::load(&self.wanted.profile)?;
        let target = Target {
            config: &config,
            profile: &profile,
            stages: &self.wanted.stages,
        };
        let mut system = System::new(&self.common.root);
        let mut journal = if self.dry_run {
            look(&self.common, &system)
        } else {
            Journal::open(&self.common.state, system.boot())?
        };
        let mut page = Page::new(self.common.json, self.dry_run);
        let mut say = |line: &Line| page.add(line);
        let mut engine = Engine::new(&mut system, &mut journal, &mut say);
        engine.dry_run = self.dry_run;
        let summary = engine.init(target)?;
        page.end(summary, Exit::Partial)
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let config = config::load(&self.wanted.file.config)?;
        let profile = Profile::load(&self.wanted.profile)?;
        let target = Target {
            config: &config,
            profile: &profile,
            stages: &self.wanted.stages,
        };
        let mut system = System::new(&self.common.root);
        let mut journal = look(&self.common, &system);
        let mut page = Page::new(self.common.json, false);
        let mut say = |line: &Line| page.add(line);
        let summary = Engine::new(&mut system, &mut journal, &mut say).check(target);
        page.end(summary, Exit::Drift)
    }
}

impl Fini {
    fn run(self) -> Result<(), Failure> {
        let mut system = System::new(&self.common.root);
        let mut journal = if self.dry_run {
            Journal::view(&self.common.state, system.boot())?
        } else {
            Journal::open(&self.common.state, system.boot())?
        };
        if journal.was_outdated() {
            tell(format_args!(
                "what {} remembers went with an earlier boot",
                self.common.state.display()
            ));
        }
        let mut page = Page::new(self.common.json, self.dry_run);
        let mut say = |line: &Line| page.add(line);
        let mut engine = Engine::new(&mut system, &mut journal, &mut say);
        engine.dry_run = self.dry_run;
        let summary = engine.fini(self.force)?;
        page.end(summary, Exit::Partial)
    }
}

/// What was changed, for those who change nothing: they need no right to read it.
fn look(common: &Common, system: &System) -> Journal {
    Journal::view(&common.state, system.boot()).unwrap_or_else(|error| {
        tell(format_args!("warning: {error}"));
        Journal::empty(&common.state, system.boot())
    })
}

/// Prints lines as they come, or all as one object.
struct Page {
    json: bool,
    script: bool,
    lines: Vec<Line>,
    failed: Option<Failure>,
}

impl Page {
    const fn new(json: bool, script: bool) -> Self {
        Self {
            json,
            script,
            lines: Vec::new(),
            failed: None,
        }
    }

    fn add(&mut self, line: &Line) {
        if self.json {
            self.lines.push(line.clone());
            return;
        }
        let text = if self.script {
            line.as_script()
        } else {
            line.to_string()
        };
        // Settings go on being made where nobody reads what is printed.
        if let Err(failure) = print_line(text) {
            self.failed.get_or_insert(failure);
        }
    }

    /// Ends with `partial` where something was refused, left alone, or differs.
    fn end(self, summary: Summary, partial: Exit) -> Result<(), Failure> {
        let Summary {
            changed,
            right,
            refused,
            denied,
            differing,
            foreign,
        } = summary;
        let exit = match partial {
            Exit::Drift if differing > 0 => Exit::Drift,
            // What a driver does not have cannot drift.
            Exit::Drift => Exit::Ok,
            _ if denied > 0 && changed == 0 => Exit::Privilege,
            _ if refused + foreign > 0 => partial,
            _ => Exit::Ok,
        };
        if self.json {
            let settings: Vec<_> = self
                .lines
                .iter()
                .filter(|line| line.outcome != Outcome::Note)
                .collect();
            let notes: Vec<_> = self
                .lines
                .iter()
                .filter(|line| line.outcome == Outcome::Note)
                .map(|line| json!({ "stage": line.stage, "what": line.what }))
                .collect();
            print_line(json!({
                "ok": exit == Exit::Ok, "changed": changed, "right": right, "refused": refused, "differing": differing,
                "foreign": foreign, "settings": settings, "notes": notes,
            }))?;
        } else if !self.script {
            let mut parts = vec![format!("{right} right")];
            for (count, what) in [
                (changed, "of them changed now"),
                (differing, "differ"),
                (refused, "refused"),
                (foreign, "changed by others"),
            ] {
                if count > 0 {
                    parts.push(format!("{count} {what}"));
                }
            }
            print_line(parts.join(", "))?;
        }
        match (exit, self.failed) {
            (Exit::Ok, Some(failure)) => Err(failure),
            (Exit::Ok, None) => Ok(()),
            (exit, _) => Err(Failure::new(exit, "")),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let exit = match &error {
            JournalError::System { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Exit::Privilege
            }
            JournalError::System { .. } => Exit::Output,
            JournalError::Locked { .. } => Exit::AlreadyRunning,
            JournalError::Untrusted { .. } | JournalError::Damaged { .. } => Exit::InputFile,
        };
        Self::new(exit, error)
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::new(Exit::Configuration, error)
    }
}
