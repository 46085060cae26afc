//! Sleeping until a word changes, and waking those who do: the kernel's futexes, in memory that processes share.
//!
//! The kernel only reads the words, so that a reader can sleep on a page that it may not write.

use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, ClockId, Flags, Timespec, Wait, WaitFlags, WaitPtr, WaitvFlags};
use rustix::time::clock_gettime;

use crate::sync::AtomicU32;

/// How long the sleep takes where the kernel cannot tell when a word changes: a poll's interval.
const FALLBACK: Duration = Duration::from_millis(1);
/// Longest sleep: any limit that the kernel's time can hold.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);
/// Words that one call can wait for (`FUTEX_WAITV_MAX`).
const WORDS_MAX: usize = 128;

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A word changed, or a signal came.
    Rung,
    /// The time is over, or the kernel cannot tell when a word changes (several words before Linux 5.16, or a sandbox
    /// that forbids the call): then a sleep takes 1 ms at most.
    TimedOut,
}

/// Wakes everybody who sleeps on `word`. A system call.
pub(crate) fn wake_all(word: &AtomicU32) {
    // Nothing can fail but the address, which is a reference's; how many slept is nobody's business.
    let _ = futex::wake(word, Flags::empty(), i32::MAX.cast_unsigned());
}

/// Sleeps while `word` is `seen`, but no longer than `timeout`.
pub(crate) fn wait(word: &AtomicU32, seen: u32, timeout: Duration) -> Woken {
    let limit = Timespec::try_from(timeout.min(SLEEP_MAX)).ok();
    woken(
        futex::wait(word, Flags::empty(), seen, limit.as_ref()),
        timeout,
    )
}

fn woken(answer: Result<(), Errno>, timeout: Duration) -> Woken {
    match answer {
        // AGAIN: the word is another already.
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Woken::Rung,
        Err(Errno::TIMEDOUT) => Woken::TimedOut,
        Err(_) => {
            std::thread::sleep(timeout.min(FALLBACK));
            Woken::TimedOut
        }
    }
}

/// Words to sleep on, any of which ends the sleep.
#[derive(Debug, Default)]
pub(crate) struct WaitList {
    words: Vec<Wait>,
    /// There are more than the kernel can wait for.
    beyond: bool,
}

impl WaitList {
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.beyond = false;
    }

    /// Adds a word that was seen to be `seen`. The caller keeps it until the wait is over: of one that is gone the
    /// kernel says so, and the wait is a short sleep.
    pub(crate) fn push(&mut self, word: &AtomicU32, seen: u32) {
        if self.words.len() == WORDS_MAX {
            self.beyond = true;
            return;
        }
        let mut wait = Wait::new();
        wait.val = u64::from(seen);
        wait.uaddr = WaitPtr::new(word.as_ptr().cast());
        wait.flags = WaitFlags::SIZE_U32;
        self.words.push(wait);
    }

    /// Sleeps while each word is what was seen of it, but no longer than `timeout`; of more than 128 words the rest
    /// is not waited for, and the sleep takes 1 ms at most.
    pub(crate) fn wait(&self, timeout: Duration) -> Woken {
        let timeout = if self.beyond {
            timeout.min(FALLBACK)
        } else {
            timeout
        };
        let until = Timespec::try_from(timeout.min(SLEEP_MAX))
            .ok()
            .map(|limit| clock_gettime(rustix::time::ClockId::Monotonic) + limit);
        let answer = futex::waitv(
            &self.words,
            WaitvFlags::empty(),
            until.as_ref(),
            ClockId::Monotonic,
        );
        woken(answer.map(drop), timeout)
    }
}
