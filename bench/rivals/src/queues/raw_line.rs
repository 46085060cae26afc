//! One cache line a direction: a sequence word and the seven of the message. No ring, no check whether it was
//! overwritten, because the next message waits for the answer: nothing can hand a message over with less.

use std::sync::atomic::{Ordering, fence};

use anyhow::Result;

use super::{Place, Queue, Receiver, Sender};
use crate::control::Page;
use crate::message::Message;

pub(crate) struct RawLine;

pub(crate) struct End {
    page: Page,
    next: u64,
}

impl Queue for RawLine {
    type Sender = End;
    type Receiver = End;

    fn create(_place: &Place) -> Result<(End, String)> {
        let page = Page::create()?;
        let address = page.address();
        Ok((End { page, next: 1 }, address))
    }

    fn attach(address: &str) -> Result<End> {
        Ok(End {
            page: Page::open(address)?,
            next: 1,
        })
    }
}

impl Sender for End {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        for (index, word) in message.iter().enumerate().rev() {
            self.page.word(1 + index).store(*word, Ordering::Relaxed);
        }
        // Partner: the Acquire fence in `receive`.
        self.page.word(0).store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl Receiver for End {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        if self.page.word(0).load(Ordering::Relaxed) != self.next {
            return 0;
        }
        // Partner: the Release store in `try_send`.
        fence(Ordering::Acquire);
        let message = std::array::from_fn(|i| self.page.word(1 + i).load(Ordering::Relaxed));
        self.next += 1;
        read(&message);
        1
    }
}
