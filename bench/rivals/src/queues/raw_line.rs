//! Cache lines handed over: a sequence word and the seven of the message. No check whether a line was overwritten,
//! because the next message waits for the answer: nothing can hand a message over with less.
//!
//! With one line a direction both ends have it in their caches all the time. With many, each message comes in a line
//! that the writer's cache does not have: no ring can do with less.

use std::sync::atomic::{Ordering, fence};

use anyhow::Result;

use super::{Place, Queue, Receiver, Sender};
use crate::control::Shared;
use crate::message::Message;

/// `LINES`, a power of two, take turns.
pub(crate) struct RawLine<const LINES: u64>;

pub(crate) struct End<const LINES: u64> {
    shared: Shared,
    next: u64,
}

impl<const LINES: u64> RawLine<LINES> {
    const BYTES: usize = LINES as usize * 64;
}

impl<const LINES: u64> Queue for RawLine<LINES> {
    type Sender = End<LINES>;
    type Receiver = End<LINES>;

    fn create(_place: &Place) -> Result<(End<LINES>, String)> {
        const { assert!(LINES.is_power_of_two()) };
        let shared = Shared::create(Self::BYTES)?;
        let address = shared.address();
        Ok((End { shared, next: 1 }, address))
    }

    fn attach(address: &str) -> Result<End<LINES>> {
        Ok(End {
            shared: Shared::open(address, Self::BYTES)?,
            next: 1,
        })
    }
}

impl<const LINES: u64> End<LINES> {
    /// The index of the first word of the next line.
    #[inline(always)]
    const fn line(&self) -> usize {
        (self.next % LINES) as usize * 8
    }
}

impl<const LINES: u64> Sender for End<LINES> {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        let line = self.line();
        for (index, word) in message.iter().enumerate().rev() {
            let to = self.shared.word(line + 1 + index);
            to.store(*word, Ordering::Relaxed);
        }
        // Partner: the Acquire fence in `receive`.
        self.shared.word(line).store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl<const LINES: u64> Receiver for End<LINES> {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let line = self.line();
        if self.shared.word(line).load(Ordering::Relaxed) != self.next {
            return 0;
        }
        // Partner: the Release store in `try_send`.
        fence(Ordering::Acquire);
        let word = |index| self.shared.word(line + 1 + index).load(Ordering::Relaxed);
        let message = std::array::from_fn(word);
        self.next += 1;
        read(&message);
        1
    }
}
