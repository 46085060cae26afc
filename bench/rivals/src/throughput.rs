//! Messages a second, the reader as close behind the writer as it can be.
//!
//! The writer stays at most half of the queue ahead, because a broadcast queue would overtake the reader: both ends are
//! as fast as the slower one. The rate is the median over windows of 5 ms of the reader's: the host takes a core away
//! for milliseconds at a time.

use std::time::Duration;

use anyhow::Result;
use gateway_queue::clock::Clock;

use crate::control::Control;
use crate::message::{Checker, END, message};
use crate::queues::{Receiver, Sender, send};
use crate::task::Values;
use crate::time::median;

/// How long it is measured.
const DURATION: Duration = Duration::from_millis(150);
/// The writer looks at the clock, the reader says how far it is, once in so many messages: a power of two.
const STRIDE: u64 = 256;
/// A window of the reader's.
const WINDOW: Duration = Duration::from_millis(5);

pub(crate) fn near(tx: &mut impl Sender, capacity: u64, control: &Control) -> Result<Values> {
    let clock = Clock::global();
    let end = clock.ticks() + clock.ticks_in(DURATION);
    let (mut n, mut limit) = (0, 0);
    loop {
        if n % STRIDE == 0 {
            if clock.ticks() > end {
                break;
            }
            while n >= limit {
                limit = control.read() + capacity / 2;
            }
        }
        send(tx, &message(n));
        n += 1;
    }
    send(tx, &message(END));
    Ok(Values::new())
}

pub(crate) fn far(rx: &mut impl Receiver, control: &Control) -> Result<Values> {
    let clock = Clock::global();
    let window = clock.ticks_in(WINDOW);
    let mut rates = Vec::with_capacity(1024);
    let mut checker = Checker::default();
    let (mut ended, mut said) = (false, 0);
    let (mut since, mut since_ticks) = (0, clock.ticks());
    while !ended {
        let received = rx.receive(|message| ended |= checker.take(message));
        if received == 0 {
            std::hint::spin_loop();
            continue;
        }
        if checker.next - said >= STRIDE {
            said = checker.next;
            control.say_read(said);
            let now = clock.ticks();
            if now - since_ticks >= window {
                rates.push((said - since) as f64 / (now - since_ticks) as f64 * clock.hz());
                (since, since_ticks) = (said, now);
            }
        }
    }
    checker.finish()?;
    // The first window has the start in it.
    let rates = rates.get_mut(1..).unwrap_or_default();
    Ok(Values::from([("rate", median(rates))]))
}
