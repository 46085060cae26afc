//! What a check looks through: the machine's files, each remembered when it is read, and all that was asked beforehand.

use std::cell::RefCell;
use std::io;

use super::{Counters, Files, System, Wants};

/// What a check may look at besides the interface.
pub struct Look<'a> {
    /// The machine's files.
    files: &'a dyn Files,
    /// What is known of kernel and process.
    pub system: &'a System,
    /// What the configuration wants of the interface, or of the machine.
    pub wants: &'a Wants,
    /// Counters at the beginning and at the end of a span.
    pub counters: Option<(&'a Counters, &'a Counters)>,
    read: RefCell<Vec<String>>,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        files: &'a dyn Files,
        system: &'a System,
        wants: &'a Wants,
        counters: Option<(&'a Counters, &'a Counters)>,
    ) -> Self {
        Self {
            files,
            system,
            wants,
            counters,
            read: RefCell::default(),
        }
    }

    /// Remembers that something was asked or read.
    pub fn note(&self, what: impl Into<String>) {
        let what = what.into();
        let mut read = self.read.borrow_mut();
        if !read.contains(&what) {
            read.push(what);
        }
    }

    /// What was read, in order.
    pub(super) fn into_read(self) -> Vec<String> {
        self.read.into_inner()
    }

    /// A file's content.
    pub fn bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        self.note(path);
        self.files.bytes(path)
    }

    /// A file's text, without white space around it.
    pub fn text(&self, path: &str) -> io::Result<String> {
        let bytes = self.bytes(path)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// A file's text that is not told as read; `None` where there is none.
    pub fn quietly(&self, path: &str) -> Option<String> {
        let bytes = self.files.bytes(path).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The number in a file; `None` where there is no such file, or no number in it.
    pub fn number(&self, path: &str) -> Option<i64> {
        self.text(path).ok()?.parse().ok()
    }

    /// Names in a directory; none where there is no such directory.
    pub fn list(&self, path: &str) -> Vec<String> {
        self.note(path);
        self.files.list(path).unwrap_or_default()
    }

    /// Whether there is such a directory with something in it.
    pub fn has(&self, path: &str) -> bool {
        !self.list(path).is_empty()
    }

    /// The last part of what a symbolic link points to; `None` where there is none.
    pub fn target(&self, path: &str) -> Option<String> {
        self.note(path);
        self.files.target(path).ok()
    }
}

/// The CPUs of a list such as `0-3,8`; `None` where it makes no sense. An empty list has none.
pub(super) fn cpus(list: &str) -> Option<Vec<usize>> {
    /// More than any kernel is built for.
    const CPU_MAX: usize = 1 << 16;
    let mut all = Vec::new();
    for range in list.trim().split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last > CPU_MAX {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

/// Numbers as people write them: `2, 3`.
pub(super) fn listed(numbers: impl IntoIterator<Item = impl ToString>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
    numbers.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(cpus("0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(cpus("\n"), Some(vec![]));
        assert_eq!(cpus("3-1"), None);
        assert_eq!(cpus("0-99999999999"), None);
        assert_eq!(cpus("x"), None);
    }
}
