//! What was done, setting by setting, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::machine::Refusal;
use super::setting::Setting;

/// What became of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was as wanted.
    Already,
    /// It was changed.
    Changed,
    /// It was changed, and the driver made something else of it.
    Rounded,
    /// It was put back.
    Restored,
    /// It would be changed or put back.
    Would,
    /// It is not as wanted.
    Differs,
    /// The driver, the kernel or the lack of a right was in the way.
    Refused,
    /// What it belongs to is gone.
    Gone,
    /// Somebody else has changed it since; it was left alone.
    Foreign,
    /// Something to know.
    Note,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Already => "ok",
            Self::Changed => "changed",
            Self::Rounded => "rounded",
            Self::Restored => "restored",
            Self::Would => "would",
            Self::Differs => "differs",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Foreign => "foreign",
            Self::Note => "note",
        }
    }
}

/// One setting, or a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The stage.
    pub stage: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The setting in words, or the note.
    pub what: String,
    /// The shell command for what was or would be done.
    pub command: Option<String>,
    /// The value found.
    pub was: Option<String>,
    /// The value wanted.
    pub wanted: Option<String>,
    /// The value that it has now, where it was changed.
    pub now: Option<String>,
    /// Why it was refused, and what to do.
    pub cause: Option<String>,
    /// Whether the lack of a right was in the way.
    #[serde(skip)]
    pub denied: bool,
}

impl Line {
    pub(super) fn new(stage: &str, outcome: Outcome, setting: &Setting) -> Self {
        Self::of(stage, outcome, setting.to_string())
    }

    pub(super) fn note(stage: &str, note: String) -> Self {
        Self::of(stage, Outcome::Note, note)
    }

    fn of(stage: &str, outcome: Outcome, what: String) -> Self {
        Self {
            stage: stage.to_owned(),
            outcome,
            what,
            command: None,
            was: None,
            wanted: None,
            now: None,
            cause: None,
            denied: false,
        }
    }

    pub(super) fn refused(stage: &str, setting: &Setting, refusal: &Refusal) -> Self {
        Self {
            cause: Some(refusal.to_string()),
            denied: matches!(refusal, Refusal::Denied(_)),
            ..Self::new(stage, Outcome::Refused, setting)
        }
    }

    /// As a line of a shell script: what would be done is a command, all else a comment.
    #[must_use]
    pub fn as_script(&self) -> String {
        match (self.outcome, &self.command) {
            (Outcome::Would, Some(command)) => command.clone(),
            _ => format!("# {self}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}  {:<11}  ", self.outcome.word(), self.stage)?;
        f.write_str(self.command.as_ref().unwrap_or(&self.what))?;
        let mut facts = Vec::new();
        if let Some(cause) = &self.cause {
            facts.push(cause.clone());
        }
        match (self.outcome, &self.was, &self.now) {
            (Outcome::Already | Outcome::Differs, Some(was), _) => facts.push(format!("is {was}")),
            (Outcome::Rounded, Some(was), Some(now)) => {
                facts.push(format!("was {was}, became {now}"));
            }
            (Outcome::Foreign, Some(was), _) => facts.push(format!(
                "is {was} now, which is not ours; --force puts it back all the same"
            )),
            (_, Some(was), _) => facts.push(format!("was {was}")),
            _ => {}
        }
        if !facts.is_empty() {
            write!(f, "  ({})", facts.join("; "))?;
        }
        Ok(())
    }
}

/// How many settings became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Changed, rounded ones included, or put back.
    pub changed: usize,
    /// As wanted, found so or made so.
    pub right: usize,
    /// Refused.
    pub refused: usize,
    /// Refused for want of a right; among those refused.
    pub denied: usize,
    /// Not as wanted.
    pub differing: usize,
    /// Changed by somebody else.
    pub foreign: usize,
}

impl Summary {
    pub(super) fn count(&mut self, line: &Line) {
        match line.outcome {
            Outcome::Already | Outcome::Gone => self.right += 1,
            Outcome::Changed | Outcome::Rounded | Outcome::Restored | Outcome::Would => {
                self.changed += 1;
                self.right += 1;
            }
            Outcome::Differs => self.differing += 1,
            Outcome::Refused => {
                self.refused += 1;
                self.denied += usize::from(line.denied);
            }
            Outcome::Foreign => self.foreign += 1,
            Outcome::Note => {}
        }
    }
}
