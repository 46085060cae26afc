//! `no-loss`: the most packets a second of which none is lost.
//!
//! The sender hands its packets to the kernel 64 at a time, so that its own core does as little as it can, in steps that
//! halve the distance between what was lost and what was not. Where even its fastest loses nothing, what is shown is the
//! sender's limit, and the row says so.
//!
//! With busy polling the kernel's receive path runs on the receiver's core, else on the sender's.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gateway_queue::clock::Clock;

use super::alternating;
use super::contender::{Contender, Seen, Way};
use super::link::{Bench, pin};
use super::packets::Sender;
use crate::report::{Goal, Row, Samples};

const BENCH: &str = "no-loss";
/// How long a rate is held.
const DURATION_NS: u64 = 200_000_000;
/// Entries of the RX rings. With the default of 2,048 what is measured is how long the machine keeps a core from its
/// thread; the sockets' buffers hold more still (16 MiB, some 20,000 small packets).
const RX_ENTRIES: u32 = 8_192;
/// Steps of the search.
const STEPS: usize = 7;
/// All that was on its way has come when nothing did for so long.
const SETTLE: Duration = Duration::from_millis(30);
/// More than any link here takes: as fast as the sender can.
const UNPACED: f64 = 1e9;

const WAYS: [Way; 6] = [
    Way::Bare { busy_poll: false },
    Way::Bare { busy_poll: true },
    Way::Gateway {
        tier: "copy",
        busy_poll: false,
    },
    Way::Gateway {
        tier: "copy",
        busy_poll: true,
    },
    RECVMMSG,
    Way::Recv,
];
const RECVMMSG: Way = Way::Recvmmsg;

/// Measures every way at 1 and at 30 messages a packet.
pub(super) fn run(runs: usize, bench: &Bench) -> Result<Vec<Row>> {
    let (ways, refused) = bench.able(&WAYS, BENCH);
    let mut rows = Vec::from_iter(refused);
    for messages in [1, 30] {
        let mut measured: Vec<Vec<Found>> = ways.iter().map(|_| Vec::new()).collect();
        for order in alternating(runs, ways.len()) {
            for index in order {
                measured[index].push(measure(ways[index], messages, bench)?);
            }
        }
        rows.extend(rows_of(&ways, messages, &measured));
    }
    Ok(rows)
}

/// The outcome of one search.
#[derive(Clone, Copy)]
struct Found {
    /// Packets a second, none of which was lost.
    rate: f64,
    /// Whether the sender cannot do more.
    by_sender: bool,
}

/// What became of one rate.
struct Held {
    rate: f64,
    lost: u64,
}

fn measure(way: Way, messages: u16, bench: &Bench) -> Result<Found> {
    // Nobody asks when a packet came.
    let seen = Seen::of(0, u64::from(messages), RX_ENTRIES);
    let mut sender = Sender::new(bench.exchange_socket()?, messages)?;
    std::thread::scope(|scope| {
        let mut contender = way.start(bench, scope, &seen)?;
        contender.leave();
        pin(bench.sender_core)?;
        let mut held = |rate| hold(rate, &mut sender, &contender, &seen);
        held(10_000.0)?;
        let most = held(UNPACED)?;
        let mut found = Found {
            rate: most.rate,
            by_sender: most.lost == 0,
        };
        if !found.by_sender {
            let (mut kept, mut lost) = (0.0, most.rate);
            for _ in 0..STEPS {
                let middle = (kept + lost) / 2.0;
                let step = held(middle)?;
                if step.lost == 0 {
                    kept = step.rate;
                } else {
                    lost = middle;
                }
            }
            found.rate = kept;
        }
        contender.finish()?;
        Ok(found)
    })
}

/// Sends at `rate` for a while, and counts what was lost.
fn hold(rate: f64, sender: &mut Sender, contender: &Contender<'_>, seen: &Seen) -> Result<Held> {
    let clock = Clock::global();
    let received = settled(contender, seen)?;
    let first = sender.packet();
    let start = clock.steady_now();
    let period = sender.segments() as f64 * 1e9 / rate;
    let mut batches = 0_u64;
    let elapsed = loop {
        let due = start + (batches as f64 * period) as u64;
        let now = clock.steady_now();
        if now - start >= DURATION_NS {
            break now - start;
        }
        if now < due {
            std::hint::spin_loop();
            continue;
        }
        sender.send_segments()?;
        batches += 1;
    };
    let sent = sender.packet() - first;
    let came = settled(contender, seen)? - received;
    ensure!(came <= sent, "{came} packets came of {sent}");
    let lost = sent - came;
    Ok(Held {
        rate: sent as f64 * 1e9 / elapsed as f64,
        lost,
    })
}

/// Packets that came so far, once no more do.
fn settled(contender: &Contender<'_>, seen: &Seen) -> Result<u64> {
    let mut before = contender.received(seen)?;
    loop {
        std::thread::sleep(SETTLE);
        let now = contender.received(seen)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

impl Contender<'_> {
    /// Nobody reads the gateway's queue: what a reader loses is not the gateway's loss, and this core has to send.
    fn leave(&mut self) {
        if let Self::Gateway { subscription, .. } = self {
            *subscription = None;
        }
    }

    /// Packets that came so far, as far as they were decoded where that is asked.
    fn received(&self, seen: &Seen) -> Result<u64> {
        match self {
            Self::Here { .. } => Ok(seen.packets.load(Ordering::Relaxed)),
            Self::Gateway { gateway, .. } => {
                let messages = gateway
                    .metrics()?
                    .sum("gateway_messages_total", &[])
                    .context("no gateway_messages_total")?;
                Ok(messages as u64 / seen.messages)
            }
        }
    }
}

fn rows_of(ways: &[Way], messages: u16, measured: &[Vec<Found>]) -> Vec<Row> {
    let plural = if messages == 1 { "" } else { "s" };
    let results: Vec<(Samples, bool)> = ways
        .iter()
        .zip(measured)
        .map(|(way, runs)| {
            let by_sender = runs.iter().filter(|run| run.by_sender).count() * 2 > runs.len();
            let note = if by_sender {
                " (nothing lost at the sender's limit)"
            } else {
                ""
            };
            let samples = Samples {
                case: format!("{messages} message{plural} a packet: {}{note}", way.name()),
                unit: "k packets/s",
                values: runs.iter().map(|run| run.rate / 1e3).collect(),
            };
            (samples, by_sender)
        })
        .collect();
    let of = |way| {
        let place = ways.iter().position(|each| *each == way);
        place.map(|place| &results[place])
    };
    // Whatever could do more than the sender gives is only known to do so much.
    let compared = |own: &(Samples, bool), beside: Option<&(Samples, bool)>, goal: Option<Goal>| {
        let known = !own.1 && beside.is_none_or(|(_, by_sender)| !by_sender);
        let goal = goal.filter(|_| messages == 1 && known);
        Row::new(BENCH, &own.0, beside.map(|(samples, _)| samples), goal)
    };
    let mut rows = Vec::new();
    for (way, own) in ways.iter().zip(&results) {
        match *way {
            Way::Gateway { busy_poll, .. } => {
                let floor = of(Way::Bare { busy_poll });
                rows.push(compared(own, floor, Some(Goal::RatioAtLeast(0.8))));
                rows.push(compared(own, of(RECVMMSG), Some(Goal::RatioAtLeast(2.0))));
            }
            Way::Recv | Way::Bare { .. } => rows.push(compared(own, of(RECVMMSG), None)),
            _ => rows.push(compared(own, None, None)),
        }
    }
    rows
}
