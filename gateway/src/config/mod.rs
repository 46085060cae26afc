//! The configuration file.
//!
//! What is written ([`raw`], right types only) and what holds together ([`Config`]) are different types, and only the
//! functions here lead from one to the other. They report every mistake of a file at once. `config/gateway.toml` is
//! the manual; a test holds it to the keys that exist.

mod accounts;
mod document;
pub mod model;
mod problem;
mod raw;
mod validate;

use std::path::Path;

pub(crate) use accounts::{Accounts, SystemAccounts};
pub use model::Config;
pub use problem::{ConfigError, Problem};

use document::{Document, Findings};
use raw::RawConfig;

/// Reads and checks the file at `path`. Relative paths in it start from its own directory.
///
/// # Errors
/// [`ConfigError::Unreadable`], or [`ConfigError::Invalid`] with every mistake.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    load_with(path, &SystemAccounts)
}

/// As [`load`], with users and groups looked up in `accounts`.
pub(crate) fn load_with(path: &Path, accounts: &dyn Accounts) -> Result<Config, ConfigError> {
    let source = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse_with(&source, document::base_directory(path), accounts).map_err(|problems| {
        ConfigError::Invalid {
            path: path.to_owned(),
            problems,
        }
    })
}

/// Checks the text of a configuration; relative paths start from `base`.
///
/// # Errors
/// Every mistake, in the order of the text.
pub fn parse(source: &str, base: &Path) -> Result<Config, Vec<Problem>> {
    parse_with(source, base, &SystemAccounts)
}

fn parse_with(source: &str, base: &Path, accounts: &dyn Accounts) -> Result<Config, Vec<Problem>> {
    let findings = Findings::default();
    let document = Document::parse(source, &findings);
    let raw = RawConfig::read(&document, &findings);
    let config = validate::validate(&raw, base, accounts, &findings);
    if findings.is_clean() {
        Ok(Config {
            warnings: findings.into_warnings(),
            // It was read before, key by key.
            written: toml::from_str(source).unwrap_or_default(),
            ..config
        })
    } else {
        Err(findings.into_problems())
    }
}

#[cfg(test)]
mod tests;
