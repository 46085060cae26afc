//! Messages a second that a reader takes which was away: it finds a backlog of seven eighths of the queue.

use anyhow::Result;
use gateway_queue::clock::Clock;

use crate::control::Control;
use crate::message::{Checker, END, message};
use crate::queues::{Receiver, Sender, send};
use crate::task::Values;
use crate::time::{median, stamp};

/// Backlogs of one measurement.
const ROUNDS: u64 = 16;

const fn backlog(capacity: u64) -> u64 {
    capacity - capacity / 8
}

pub(crate) fn near(tx: &mut impl Sender, capacity: u64, control: &Control) -> Result<Values> {
    let backlog = backlog(capacity);
    for round in 0..ROUNDS {
        for n in round * backlog..(round + 1) * backlog {
            send(tx, &message(n));
        }
        control.say_ready((round + 1) * backlog);
        while control.read() < (round + 1) * backlog {
            std::hint::spin_loop();
        }
    }
    send(tx, &message(END));
    Ok(Values::new())
}

pub(crate) fn far(rx: &mut impl Receiver, capacity: u64, control: &Control) -> Result<Values> {
    let clock = Clock::global();
    let backlog = backlog(capacity);
    let mut checker = Checker::default();
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let until = (round + 1) * backlog;
        while control.ready() < until {
            std::hint::spin_loop();
        }
        let start = stamp(clock);
        while checker.next < until {
            rx.receive(|message| {
                checker.take(message);
            });
        }
        let ticks = stamp(clock) - start;
        control.say_read(until);
        rates.push(backlog as f64 / ticks as f64 * clock.hz());
    }
    checker.finish()?;
    // The first lap touches the reader's mapping for the first time.
    Ok(Values::from([("rate", median(&mut rates[1..]))]))
}
