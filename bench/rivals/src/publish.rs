//! What the writer pays for a message.

use std::time::Duration;

use anyhow::{Result, ensure};
use gateway_queue::clock::Clock;

use crate::control::Control;
use crate::message::{Checker, END, message};
use crate::queues::{Receiver, Sender, send};
use crate::task::Values;
use crate::time::{median, nanos, stamp, wait_until};

/// Messages of a burst: what a few packets of a busy feed bring.
const BURST: u64 = 64;
/// Bursts of one measurement.
const BURSTS: u64 = 2_000;
/// From one burst to the next.
const GAP: Duration = Duration::from_micros(20);
/// The same where sleeping readers have to wake, read and fall asleep again in between.
pub(crate) const GAP_OF_SLEEPERS: Duration = Duration::from_millis(3);
const BURSTS_OF_SLEEPERS: u64 = 100;
/// Messages between two stamps while nobody reads: a whole lap of the queue.
const LAP: u64 = 65_536;
const LAPS: u64 = 24;

/// Nobody reads: one message after the other.
pub(crate) fn alone(tx: &mut impl Sender) -> Result<Values> {
    let clock = Clock::global();
    let mut laps = Vec::with_capacity(LAPS as usize);
    let (mut n, mut refused) = (0, 0_u64);
    for _ in 0..=LAPS {
        let start = stamp(clock);
        for _ in 0..LAP {
            refused += u64::from(!tx.try_send(&message(n)));
            n += 1;
        }
        let ticks = stamp(clock) - start;
        laps.push(nanos(clock, ticks as f64) / LAP as f64);
    }
    ensure!(refused == 0, "{refused} of {n} messages were refused");
    Ok(Values::from([("publish", median(&mut laps[1..]))]))
}

/// A message of a burst, with a reader at the head.
pub(crate) fn near(tx: &mut impl Sender, capacity: u64, control: &Control) -> Result<Values> {
    let publish = bursts(tx, BURSTS, GAP, |n| {
        while n > control.read() + capacity / 2 {
            std::hint::spin_loop();
        }
    });
    send(tx, &message(END));
    Ok(Values::from([("publish", publish)]))
}

/// Writes every slot of the queue once, so that none is written for the first time while bursts are timed: where such a
/// line has to come from differs from run to run.
pub(crate) fn lap(tx: &mut impl Sender) {
    for n in 0..LAP {
        send(tx, &message(n));
    }
}

/// A message of a burst while `sleeping` readers sleep between bursts, or others poll.
pub(crate) fn attended(tx: &mut impl Sender, sleeping: bool) -> Values {
    let (count, gap) = if sleeping {
        (BURSTS_OF_SLEEPERS, GAP_OF_SLEEPERS)
    } else {
        (BURSTS, GAP)
    };
    let publish = bursts(tx, count, gap, |_| ());
    send(tx, &message(END));
    Values::from([("publish", publish)])
}

/// Nanoseconds a message, the median over bursts. `before` each, with the number of messages so far.
fn bursts(tx: &mut impl Sender, count: u64, gap: Duration, before: impl Fn(u64)) -> f64 {
    let clock = Clock::global();
    let gap = clock.ticks_in(gap);
    let mut values = Vec::with_capacity(count as usize);
    for burst in 0..count {
        let first = burst * BURST;
        before(first);
        let start = stamp(clock);
        for n in first..first + BURST {
            send(tx, &message(n));
        }
        let end = stamp(clock);
        values.push(nanos(clock, (end - start) as f64) / BURST as f64);
        wait_until(clock, end + gap);
    }
    median(&mut values)
}

pub(crate) fn far(rx: &mut impl Receiver, control: &Control) -> Result<Values> {
    let mut checker = Checker::default();
    let (mut ended, mut said) = (false, 0);
    while !ended {
        let received = rx.receive(|message| ended |= checker.take(message));
        if received == 0 {
            std::hint::spin_loop();
        } else if checker.next - said >= BURST {
            said = checker.next;
            control.say_read(said);
        }
    }
    checker.finish()?;
    Ok(Values::new())
}
