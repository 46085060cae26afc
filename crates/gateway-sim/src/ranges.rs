//! Runs of sequence numbers: what was dropped, what is missing.

use serde::{Serialize, Serializer};

/// How many runs are listed; beyond it only the total goes on counting.
pub const RANGES_MAX: usize = 100_000;

/// Sequence numbers in rising order, as runs of first and last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    runs: Vec<(u64, u64)>,
    messages: u64,
}

impl Ranges {
    /// Adds `count` numbers from `first` on; they must lie behind all that were added before.
    pub fn add(&mut self, first: u64, count: u64) {
        if count == 0 {
            return;
        }
        self.messages += count;
        let last = first.saturating_add(count - 1);
        let room = self.runs.len() < RANGES_MAX;
        match self.runs.last_mut() {
            Some(run) if run.1.checked_add(1) == Some(first) => run.1 = last,
            _ if room => self.runs.push((first, last)),
            _ => {}
        }
    }

    /// These numbers and those of `other`, none of which is in both.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut all: Vec<_> = self.runs.iter().chain(&other.runs).collect();
        all.sort_unstable();
        let mut merged = Self::default();
        for (first, last) in all {
            merged.add(*first, (last - first).saturating_add(1));
        }
        // Not all of them are listed.
        merged.messages = self.messages + other.messages;
        merged
    }

    /// How many numbers there are.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The runs as (first, last), at most [`RANGES_MAX`].
    #[must_use]
    pub fn runs(&self) -> &[(u64, u64)] {
        &self.runs
    }
}

/// As `{"messages": 6, "ranges": [[291, 295], [329, 329]]}`.
impl Serialize for Ranges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut object = serializer.serialize_struct("Ranges", 2)?;
        object.serialize_field("messages", &self.messages)?;
        object.serialize_field("ranges", &self.runs)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn two_sets_become_one() {
        let ranges = |runs: &[(u64, u64)]| {
            let mut ranges = Ranges::default();
            for (first, count) in runs {
                ranges.add(*first, *count);
            }
            ranges
        };
        let merged = ranges(&[(1, 2), (9, 1), (20, 5)]).merged(&ranges(&[(3, 1), (10, 5)]));
        assert_eq!(merged, ranges(&[(1, 3), (9, 6), (20, 5)]));
        assert_eq!(merged.merged(&Ranges::default()), merged);
    }

    #[test]
    fn neighbours_become_one_run() {
        let mut ranges = Ranges::default();
        ranges.add(5, 0);
        ranges.add(291, 3);
        ranges.add(294, 2);
        ranges.add(329, 1);
        ranges.add(u64::MAX, 1);
        assert_eq!(
            ranges.runs(),
            [(291, 295), (329, 329), (u64::MAX, u64::MAX)]
        );
        assert_eq!(ranges.messages(), 7);
        let json = serde_json::to_string(&ranges).unwrap();
        assert!(
            json.starts_with(r#"{"messages":7,"ranges":[[291,295],[329,329],"#),
            "{json}"
        );
    }
}
