//! Reads a TOML document key by key, and goes on after a mistake.
//!
//! A serde struct stops at the first error. Here each key is deserialised by serde on its own, so that one reading
//! yields every mistake: syntax, types and unknown keys, each with its line. The keys that were asked for are the keys
//! that exist; nothing else lists them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::problem::Problem;

/// Where a value stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path of the key, with indices.
    pub(crate) key: String,
    /// Line, counted from 1; 0 where there is none.
    pub(crate) line: usize,
    /// The value as written.
    pub(crate) text: Option<String>,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Field<T> {
    /// The value.
    pub(crate) value: T,
    /// Its place.
    pub(crate) place: Place,
}

/// Collects what is wrong, and which keys exist.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    keys: RefCell<BTreeSet<String>>,
}

impl Findings {
    /// Adds a mistake at `place`.
    pub(crate) fn add(&self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        let problem = Problem::at(place, what.into(), remedy.into());
        self.problems.borrow_mut().push(problem);
    }

    /// Adds something at `place` that works and had better be otherwise.
    pub(crate) fn warn(&self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        let warning = Problem::at(place, what.into(), remedy.into());
        self.warnings.borrow_mut().push(warning);
    }

    /// All warnings, in the order in which they were found.
    pub(crate) fn into_warnings(self) -> Vec<Problem> {
        self.warnings.into_inner()
    }

    /// All mistakes, in the order of the file; what is missing comes last.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| match problem.line {
            0 => usize::MAX,
            line => line,
        });
        problems
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Every key that was asked for, without indices: `channel.lines.port`.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.keys.borrow().clone()
    }
}

/// A parsed document.
pub(crate) struct Document<'i> {
    source: &'i str,
    root: Spanned<DeTable<'i>>,
}

impl<'i> Document<'i> {
    /// Parses `source`; syntax errors become problems and what could be understood is still read.
    pub(crate) fn parse(source: &'i str, findings: &Findings) -> Self {
        let (root, errors) = DeTable::parse_recoverable(source);
        for error in errors {
            let line = error.span().map_or(0, |span| line_of(source, span.start));
            let place = Place {
                line,
                ..Place::default()
            };
            findings.add(
                &place,
                format!("not valid TOML: {}", error.message()),
                "correct the syntax; strings stand in double quotes, tables in [brackets] (https://toml.io)",
            );
        }
        Self { source, root }
    }

    /// The top level.
    pub(crate) fn section<'d>(&'d self, findings: &'d Findings) -> Section<'d, 'i> {
        Section {
            source: self.source,
            table: self.root.get_ref(),
            place: Place::default(),
            generic: String::new(),
            findings,
            asked: Vec::new(),
        }
    }
}

/// One table being read.
pub(crate) struct Section<'d, 'i> {
    source: &'i str,
    table: &'d DeTable<'i>,
    /// Where the table starts.
    pub(crate) place: Place,
    generic: String,
    findings: &'d Findings,
    asked: Vec<&'static str>,
}

impl<'d, 'i> Section<'d, 'i> {
    /// The value of `key`; `expects` completes "expected …" when it has another type.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        expects: &str,
    ) -> Option<Field<T>> {
        let value = self.find(key)?;
        let place = self.place_of(key, &value.span());
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(value) => Some(Field { value, place }),
            Err(error) => {
                let message = error.message().to_owned();
                let remedy = nearest_choice(&message, value.get_ref()).map_or_else(
                    || format!("expected {expects}"),
                    |near| format!("did you mean \"{near}\"? Expected {expects}"),
                );
                self.findings.add(&place, message, remedy);
                None
            }
        }
    }

    /// Whether `key` was written.
    pub(crate) fn has(&mut self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// As [`take`](Self::take), and missing is a mistake too.
    pub(crate) fn require<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        expects: &str,
    ) -> Option<Field<T>> {
        if self.find(key).is_none() {
            let place = Place {
                key: join(&self.place.key, key),
                line: self.place.line,
                text: None,
            };
            self.findings
                .add(&place, "missing", format!("add {key}: {expects}"));
            return None;
        }
        self.take(key, expects)
    }

    /// The table `key`.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Section<'d, 'i>> {
        let value = self.find(key)?;
        let place = self.place_of(key, &value.span());
        let Some(table) = value.get_ref().as_table() else {
            let what = format!("expected a table, found {}", value.get_ref().type_str());
            self.findings.add(&place, what, format!("write [{key}]"));
            return None;
        };
        Some(self.child(table, place, key))
    }

    /// The tables of the array `key`, written as `[[key]]` or as `key = [{…}, {…}]`.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<Section<'d, 'i>> {
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        let place = self.place_of(key, &value.span());
        let Some(array) = value.get_ref().as_array() else {
            let what = format!(
                "expected an array of tables, found {}",
                value.get_ref().type_str()
            );
            let remedy = format!("write [[{key}]] once for each");
            self.findings.add(&place, what, remedy);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let place = Place {
                key: format!("{}[{index}]", place.key),
                line: line_of(self.source, element.span().start),
                text: None,
            };
            match element.get_ref().as_table() {
                Some(table) => sections.push(self.child(table, place, key)),
                None => {
                    let what = format!("expected a table, found {}", element.get_ref().type_str());
                    self.findings
                        .add(&place, what, "write it as { key = value, … }");
                }
            }
        }
        sections
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        for (name, value) in self.table {
            let written = name.get_ref().as_ref();
            if self.asked.contains(&written) {
                continue;
            }
            let near = nearest(written, self.asked.iter().copied());
            let remedy = match near {
                Some(near) => format!("did you mean {near}?"),
                None => format!("remove it; the keys here are {}", self.asked.join(", ")),
            };
            let mut place = self.place_of(written, &value.span());
            place.line = line_of(self.source, name.span().start);
            self.findings.add(&place, "unknown key", remedy);
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'i>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
            let generic = join(&self.generic, key);
            self.findings.keys.borrow_mut().insert(generic);
        }
        self.table
            .iter()
            .find(|(name, _)| name.get_ref().as_ref() == key)
            .map(|(_, value)| value)
    }

    fn child(&self, table: &'d DeTable<'i>, place: Place, key: &str) -> Section<'d, 'i> {
        Section {
            source: self.source,
            table,
            place,
            generic: join(&self.generic, key),
            findings: self.findings,
            asked: Vec::new(),
        }
    }

    fn place_of(&self, key: &str, span: &std::ops::Range<usize>) -> Place {
        let text = self.source.get(span.clone()).unwrap_or_default();
        let short: String = text.chars().take(60).collect();
        Place {
            key: join(&self.place.key, key),
            line: line_of(self.source, span.start),
            text: (!short.contains('\n') && !short.is_empty()).then_some(short),
        }
    }
}

/// The name among `known` that `written` most likely means, if any is near.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(written.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The directory that relative paths of the configuration at `path` start from: its own.
pub(crate) fn base_directory(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("."))
}

/// The nearest of the choices that serde names between backticks, behind the one it refuses.
fn nearest_choice<'m>(message: &'m str, value: &DeValue<'_>) -> Option<&'m str> {
    let written = value.as_str()?;
    let choices = message.split_once("expected ")?.1;
    nearest(written, choices.split('`').skip(1).step_by(2))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn line_of(source: &str, offset: usize) -> usize {
    1 + source.as_bytes()[..offset.min(source.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}
