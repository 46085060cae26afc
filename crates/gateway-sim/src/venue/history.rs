//! The last messages of a session.

use std::collections::VecDeque;

/// Messages by number, as many as are kept.
#[derive(Debug)]
pub struct History {
    /// Number of the first one kept.
    first: u64,
    messages: VecDeque<Option<Box<[u8]>>>,
    messages_max: usize,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// Here it is.
    Message(&'a [u8]),
    /// It is not kept any longer.
    TooOld,
    /// It never was: its number was left out.
    Missing,
    /// Its number was not given yet.
    NotYet,
}

impl History {
    /// Keeps the last `messages_max` messages.
    #[must_use]
    pub fn new(messages_max: usize) -> Self {
        Self {
            first: 1,
            messages: VecDeque::new(),
            messages_max,
        }
    }

    /// Forgets everything; the next message has number `first`.
    pub fn restart(&mut self, first: u64) {
        self.first = first;
        self.messages.clear();
    }

    /// Keeps a message, whose number is above all before.
    pub fn push(&mut self, sequence: u64, message: &[u8]) {
        if self.messages_max == 0 {
            self.first = sequence.wrapping_add(1);
            return;
        }
        let missing = sequence.wrapping_sub(self.next());
        if missing >= self.messages_max as u64 {
            self.restart(sequence);
        } else {
            (0..missing).for_each(|_| self.keep(None));
        }
        self.keep(Some(Box::from(message)));
    }

    /// What is known of message `sequence`.
    #[must_use]
    pub fn get(&self, sequence: u64) -> Kept<'_> {
        let Some(index) = sequence.checked_sub(self.first) else {
            return Kept::TooOld;
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match self.messages.get(index) {
            Some(Some(message)) => Kept::Message(message),
            Some(None) => Kept::Missing,
            None => Kept::NotYet,
        }
    }

    fn next(&self) -> u64 {
        self.first.wrapping_add(self.messages.len() as u64)
    }

    fn keep(&mut self, message: Option<Box<[u8]>>) {
        if self.messages.len() == self.messages_max {
            self.messages.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        self.messages.push_back(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_are_kept_and_the_others_told_apart() {
        let mut history = History::new(3);
        history.restart(10);
        assert_eq!(history.get(9), Kept::TooOld);
        assert_eq!(history.get(10), Kept::NotYet);
        for number in 10..15_u64 {
            history.push(number, &[number as u8]);
        }
        assert_eq!(history.get(11), Kept::TooOld);
        assert_eq!(history.get(12), Kept::Message(&[12]));
        assert_eq!(history.get(14), Kept::Message(&[14]));
        assert_eq!(history.get(15), Kept::NotYet);
        assert_eq!(history.get(u64::MAX), Kept::NotYet);
    }

    #[test]
    fn numbers_that_were_left_out_are_missing() {
        let mut history = History::new(4);
        history.push(1, b"a");
        history.push(4, b"d");
        assert_eq!(history.get(1), Kept::Message(b"a"));
        assert_eq!(
            (history.get(2), history.get(3)),
            (Kept::Missing, Kept::Missing)
        );
        assert_eq!(history.get(4), Kept::Message(b"d"));
        history.push(1_000_000, b"z");
        assert_eq!(history.get(999_999), Kept::TooOld);
        assert_eq!(history.get(1_000_000), Kept::Message(b"z"));
    }

    #[test]
    fn the_last_numbers_of_all_are_kept_like_any() {
        let mut history = History::new(2);
        history.restart(u64::MAX - 2);
        history.push(u64::MAX - 2, b"x");
        history.push(u64::MAX - 1, b"y");
        assert_eq!(history.get(u64::MAX - 1), Kept::Message(b"y"));
        assert_eq!(history.get(u64::MAX), Kept::NotYet);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut history = History::new(0);
        history.push(7, b"x");
        assert_eq!(
            (history.get(7), history.get(8)),
            (Kept::TooOld, Kept::NotYet)
        );
    }
}
