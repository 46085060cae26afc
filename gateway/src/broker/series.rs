//! How readers are called in metrics.
//!
//! Whoever stores metrics keeps a time series for each set of labels that there ever was. So a strategy that is started
//! again has the labels that it had, and there is an end to the names that clients think of.

use std::collections::{BTreeSet, HashSet};

/// Names that stand in metrics as they are. Readers of all that come later are called [`OTHER`].
pub(super) const NAMES_MAX: usize = 1_024;
/// What readers are called whose name came too late.
pub(super) const OTHER: &str = "other";

/// The names that stand in metrics: those that came first.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// What a reader of that name is called in metrics.
    pub(super) fn shown(&mut self, name: &str) -> String {
        if !self.0.contains(name) {
            if self.0.len() >= NAMES_MAX {
                return OTHER.to_owned();
            }
            self.0.insert(name.to_owned());
        }
        name.to_owned()
    }
}

/// The least number that is not taken.
pub(super) fn least_free(taken: impl Iterator<Item = usize>) -> usize {
    let taken: BTreeSet<usize> = taken.collect();
    // Of n numbers one at least is missing below n + 1.
    (0..taken.len())
        .find(|number| !taken.contains(number))
        .unwrap_or(taken.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_first_are_called_other() {
        let mut names = Names::default();
        for number in 0..NAMES_MAX {
            let name = format!("strategy-{number}");
            assert_eq!(names.shown(&name), name);
        }
        assert_eq!(names.shown("one more"), OTHER);
        assert_eq!(names.shown("strategy-0"), "strategy-0");
        assert_eq!(names.0.len(), NAMES_MAX);
    }

    #[test]
    fn the_least_free_number_is_given() {
        for (taken, free) in [
            (vec![], 0),
            (vec![0, 1], 2),
            (vec![2, 0], 1),
            (vec![1], 0),
            (vec![5, 5], 0),
        ] {
            assert_eq!(least_free(taken.into_iter()), free);
        }
    }
}
