//! When packets leave: the pace, and the clock it is kept by.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a sleeping publisher may take to notice that it is asked to stop.
const SLEEP_MAX: Duration = Duration::from_millis(20);

/// When messages leave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pace {
    /// As fast as the sockets take them.
    #[default]
    Asap,
    /// By the time stamps of the source, `speed` times as fast.
    Capture {
        /// 1 for real time, 2 for twice as fast.
        speed: f64,
    },
    /// Evenly.
    Rate {
        /// Messages a second.
        messages_per_s: f64,
    },
}

impl Pace {
    /// When a packet is due, in nanoseconds since the first one: it follows `messages` others and its last message
    /// came `elapsed_ns` after the first message of all, by the source's clock.
    #[must_use]
    pub fn due_ns(&self, messages: u64, elapsed_ns: u64) -> u64 {
        match *self {
            Self::Asap => 0,
            Self::Capture { speed } => (elapsed_ns as f64 / speed) as u64,
            Self::Rate { messages_per_s } => (messages as f64 * 1e9 / messages_per_s) as u64,
        }
    }
}

/// Nanoseconds since a start, and a way to wait for a later moment.
pub trait Clock {
    /// Nanoseconds since the clock was made.
    fn now_ns(&self) -> u64;

    /// Waits for `until_ns` or somewhat less; returns at once where that is past.
    fn wait(&mut self, until_ns: u64);

    /// Whether somebody asks to stop.
    fn stopped(&self) -> bool;
}

/// The machine's clock; stops when the flag is raised.
#[derive(Debug)]
pub struct RealClock<'a> {
    start: Instant,
    stop: &'a AtomicBool,
}

impl<'a> RealClock<'a> {
    /// Starts now.
    #[must_use]
    pub fn new(stop: &'a AtomicBool) -> Self {
        Self {
            start: Instant::now(),
            stop,
        }
    }
}

impl Clock for RealClock<'_> {
    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn wait(&mut self, until_ns: u64) {
        let left = Duration::from_nanos(until_ns.saturating_sub(self.now_ns()));
        if !left.is_zero() {
            std::thread::sleep(left.min(SLEEP_MAX));
        }
    }

    fn stopped(&self) -> bool {
        // Relaxed: the flag orders nothing; it is raised once, by a signal handler or another thread.
        self.stop.load(Ordering::Relaxed)
    }
}

/// A clock that jumps to what it is told to wait for: writes hours of a session to a file in no time, and makes tests
/// exact.
#[derive(Clone, Copy, Debug, Default)]
pub struct VirtualClock<'a> {
    now_ns: u64,
    stop: Option<&'a AtomicBool>,
}

impl<'a> VirtualClock<'a> {
    /// Stops when the flag is raised; the default one never does.
    #[must_use]
    pub fn new(stop: &'a AtomicBool) -> Self {
        Self {
            now_ns: 0,
            stop: Some(stop),
        }
    }
}

impl Clock for VirtualClock<'_> {
    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn wait(&mut self, until_ns: u64) {
        self.now_ns = self.now_ns.max(until_ns);
    }

    fn stopped(&self) -> bool {
        // Relaxed: as for the real clock.
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}
