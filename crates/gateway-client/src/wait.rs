//! What a reader does while there is nothing to read.

use std::time::{Duration, Instant};

/// What [`Subscription::wait`](crate::Subscription::wait) does while there is no record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitStrategy {
    /// Polls without pause: lowest latency, one core.
    #[default]
    Spin,
    /// Lets others run between polls: a core shared with other work.
    Yield,
    /// Sleeps so long between polls: next to no processor time; the kernel adds some 50 µs.
    Sleep(Duration),
    /// Sleeps in the kernel until the gateway rings: no processor time while nothing comes, and a record is there some
    /// 25 µs later. The gateway's helper looks for news every 20 µs while anybody blocks; its workers know nothing of it.
    Block,
}

impl WaitStrategy {
    pub(crate) const fn sleeps(self) -> bool {
        matches!(self, Self::Sleep(_) | Self::Block)
    }
}

/// When a wait is over. Any duration is allowed; one beyond the clock's range never ends.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    polls: u32,
}

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Self {
        Self {
            at: Instant::now().checked_add(timeout),
            polls: 0,
        }
    }

    /// Spinning, the clock is worth a look once in a while only.
    pub(crate) fn is_over(&mut self, slept: bool) -> bool {
        self.polls = self.polls.wrapping_add(1);
        (slept || self.polls.is_multiple_of(64)) && self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// How long it takes until then.
    pub(crate) fn left(&self) -> Duration {
        self.at.map_or(Duration::MAX, |at| {
            at.saturating_duration_since(Instant::now())
        })
    }
}
