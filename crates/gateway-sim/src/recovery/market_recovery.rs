//! The market recovery feed of MDP 3.0, snapshots of all instruments, and its instrument feed, definitions of all of them:
//! over and over, on lines of their own.
//!
//! A loop begins with an image of all books as they are then, and sends it piece by piece: a snapshot is the older the
//! later it comes, as those of a venue are. Packets of a loop are numbered from 1.

use std::io;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gateway_feed::mdp3::PacketBuilder;

use super::counts::MarketRecoveryCounts;
use super::{Surroundings, TICK};
use crate::random::Random;
use crate::transmit::{Outgoing, Transmit};

/// What the loop tells of each instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// Its levels and orders ("Market Recovery").
    Snapshots,
    /// Its definition ("Instrument Definition").
    Definitions,
}

impl Loop {
    const fn thread_name(self) -> &'static str {
        match self {
            Self::Snapshots => "market-recovery",
            Self::Definitions => "definitions",
        }
    }
}

/// How the feed goes.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketRecoveryOptions {
    /// Between two packets.
    pub interval: Duration,
    /// The most bytes of a packet.
    pub packet_bytes_max: usize,
    /// Part of each line's packets that is not sent, 0 to 1.
    pub loss: f64,
    /// Decides what is lost.
    pub seed: u64,
}

/// Sends loops on `lines` until the simulator ends.
pub(super) fn start(
    told: Loop,
    options: MarketRecoveryOptions,
    lines: Vec<Box<dyn Transmit + Send>>,
    surroundings: Surroundings,
) -> io::Result<JoinHandle<MarketRecoveryCounts>> {
    thread::Builder::new()
        .name(told.thread_name().to_owned())
        .spawn(move || {
            let random = Random::new(options.seed, 1_000);
            let mut feed = Feed {
                told,
                options,
                lines,
                random,
                due: Instant::now(),
                counts: MarketRecoveryCounts::default(),
            };
            while !surroundings.stopped() {
                feed.tell_all(&surroundings);
            }
            feed.counts
        })
}

struct Feed {
    told: Loop,
    options: MarketRecoveryOptions,
    lines: Vec<Box<dyn Transmit + Send>>,
    random: Random,
    /// When the next packet leaves.
    due: Instant,
    counts: MarketRecoveryCounts,
}

impl Feed {
    /// One loop.
    fn tell_all(&mut self, surroundings: &Surroundings) {
        let (messages, time) = {
            let ledger = surroundings.venue.lock();
            let messages = match self.told {
                Loop::Snapshots => ledger.mdp3.snapshots(),
                Loop::Definitions => ledger.mdp3.definitions(),
            };
            (messages, ledger.mdp3.transact_time())
        };
        if messages.is_empty() {
            return thread::sleep(TICK);
        }
        let mut builder = PacketBuilder::new(1, self.options.packet_bytes_max);
        for message in messages {
            if builder.push(&message).is_err() {
                self.counts.too_long += 1;
                continue;
            }
            let payload: Rc<[u8]> = builder.finish(time, |packet| Rc::from(packet));
            if !self.wait(surroundings) {
                return;
            }
            // Where nobody is there, the loop goes on all the same.
            if !surroundings.switch.is_down() {
                self.send(&payload);
            }
        }
        self.counts.loops += 1;
    }

    fn send(&mut self, payload: &Rc<[u8]>) {
        let packet = [Outgoing {
            at_ns: 0,
            payload: Rc::clone(payload),
        }];
        self.counts.packets += 1;
        for line in &mut self.lines {
            if self.random.happens(self.options.loss) {
                self.counts.dropped += 1;
            } else if line.send(&packet).1.is_err() {
                self.counts.unsent += 1;
            }
        }
    }

    /// Waits until the next packet is due; `false` where the simulator ends.
    fn wait(&mut self, surroundings: &Surroundings) -> bool {
        self.due = (self.due + self.options.interval).max(Instant::now());
        loop {
            if surroundings.stopped() {
                return false;
            }
            let left = self.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(TICK));
        }
    }
}
