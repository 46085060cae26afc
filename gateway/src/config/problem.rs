//! What is wrong with a configuration, in words its writer can act on.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::document::Place;

/// One mistake: where it is, what it says now, why that cannot work and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The key's path, such as `channel[0].lines[1].port`; empty for the file as a whole.
    pub key: String,
    /// Line in the file, counted from 1; 0 where the problem is something missing.
    pub line: usize,
    /// The value as written, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why it cannot work.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    pub(super) fn at(place: &Place, what: String, remedy: String) -> Self {
        Self {
            key: place.key.clone(),
            line: place.line,
            value: place.text.clone(),
            what,
            remedy,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}", self.key)?;
            if let Some(value) = &self.value {
                write!(f, " = {value}")?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}\n      {}", self.what, self.remedy)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read; the remedy is a path that exists and may be read.
    #[error("cannot read the configuration {}: {source}; give the path of a readable TOML file with --config", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has mistakes; all of them are listed, each with its remedy.
    #[error("{}", list(path, problems))]
    Invalid {
        /// The path as given.
        path: PathBuf,
        /// Every mistake, in the order of the file.
        problems: Vec<Problem>,
    },
}

fn list(path: &std::path::Path, problems: &[Problem]) -> String {
    let mut text = format!(
        "{} has {} {}:",
        path.display(),
        problems.len(),
        if problems.len() == 1 {
            "mistake"
        } else {
            "mistakes"
        }
    );
    for (number, problem) in problems.iter().enumerate() {
        text.push_str(&format!("\n  {}. {problem}", number + 1));
    }
    text
}
