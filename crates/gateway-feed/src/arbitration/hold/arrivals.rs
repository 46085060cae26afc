//! Slots in the order in which their patience ends: a list through preallocated links.
//!
//! All frames have the same patience and time does not run backwards here, so the order is that of arrival, and the
//! first to lose patience is always at the front.

use crate::sink::Nanos;

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    since: Nanos,
    before: u32,
    behind: u32,
    listed: bool,
}

/// A doubly linked list of slots with the time since when each waits.
#[derive(Debug)]
pub(super) struct Arrivals {
    links: Box<[Link]>,
    first: u32,
    last: u32,
}

impl Arrivals {
    pub(super) fn new(slots: usize) -> Self {
        let link = Link {
            since: 0,
            before: NONE,
            behind: NONE,
            listed: false,
        };
        Self {
            links: vec![link; slots].into_boxed_slice(),
            first: NONE,
            last: NONE,
        }
    }

    /// The slot that waits longest, and since when.
    pub(super) fn oldest(&self) -> Option<(u32, Nanos)> {
        let link = self.links.get(self.first as usize)?;
        Some((self.first, link.since))
    }

    /// Takes in a slot that waits since `since`, which is not before any other's.
    pub(super) fn push(&mut self, slot: u32, since: Nanos) {
        self.links[slot as usize] = Link {
            since,
            before: self.last,
            behind: NONE,
            listed: true,
        };
        match self.links.get_mut(self.last as usize) {
            Some(last) => last.behind = slot,
            None => self.first = slot,
        }
        self.last = slot;
    }

    /// Takes a slot out, if it is in.
    pub(super) fn remove(&mut self, slot: u32) {
        let Link {
            before,
            behind,
            listed,
            ..
        } = self.links[slot as usize];
        if !listed {
            return;
        }
        self.links[slot as usize].listed = false;
        match self.links.get_mut(before as usize) {
            Some(before) => before.behind = behind,
            None => self.first = behind,
        }
        match self.links.get_mut(behind as usize) {
            Some(behind) => behind.before = before,
            None => self.last = before,
        }
    }

    /// The clock stepped back to `now`: nothing has waited since a later time.
    pub(super) fn rebase(&mut self, now: Nanos) {
        let mut slot = self.last;
        while let Some(link) = self.links.get_mut(slot as usize) {
            if link.since <= now {
                break;
            }
            link.since = now;
            slot = link.before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_waits_longest_is_first_whichever_leave() {
        let mut arrivals = Arrivals::new(5);
        assert_eq!(arrivals.oldest(), None);
        for (slot, since) in [(3, 10), (1, 11), (4, 12), (0, 12)] {
            arrivals.push(slot, since);
        }
        arrivals.remove(1);
        arrivals.remove(1);
        arrivals.remove(2);
        assert_eq!(arrivals.oldest(), Some((3, 10)));
        arrivals.rebase(11);
        arrivals.remove(3);
        assert_eq!(arrivals.oldest(), Some((4, 11)));
        arrivals.remove(0);
        arrivals.push(1, 13);
        arrivals.remove(4);
        assert_eq!(arrivals.oldest(), Some((1, 13)));
        arrivals.remove(1);
        assert_eq!(arrivals.oldest(), None);
    }
}
