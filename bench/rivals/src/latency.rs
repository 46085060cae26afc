//! Half of a round trip: a message there over one queue, and back over another.
//!
//! A round trip needs no clock that two cores share, and takes the same two stamps of every queue. One is under way at
//! a time, the next begins 5 µs after the last ended: the pace of a feed, not of a loop. Both ends poll all the while, as
//! readers do: who begins to poll with the answer under way has to fetch the line that is about to be written.

use std::time::Duration;

use anyhow::{Result, ensure};
use gateway_queue::clock::Clock;

use crate::message::{END, is_message, message, number};
use crate::queues::{Receiver, Sender, receive_one, send};
use crate::task::Values;
use crate::time::{granularity, nanos, quantile_of_stepped, stamp};

/// From one answer to the next message.
const GAP: Duration = Duration::from_micros(5);
/// How long it is measured.
const DURATION: Duration = Duration::from_millis(120);
/// Round trips before, which do not count.
const WARM_UP: u64 = 2_000;
/// A bound on the samples: room for all is made before.
const SAMPLES_MAX: usize = 100_000;

pub(crate) fn near<R: Receiver>(tx: &mut impl Sender, rx: &mut R) -> Result<Values> {
    let clock = Clock::global();
    let (gap, duration) = (clock.ticks_in(GAP), clock.ticks_in(DURATION));
    let mut samples = vec![0; SAMPLES_MAX];
    samples.clear();
    let (mut n, mut wrong, mut first) = (0, 0_u64, None);
    while samples.len() < SAMPLES_MAX {
        let start = stamp(clock);
        send(tx, &message(n));
        receive_one(rx, |answer| wrong += u64::from(!is_message(answer, n)));
        let end = stamp(clock);
        if n >= WARM_UP {
            samples.push(end - start);
            if end - *first.get_or_insert(start) > duration {
                break;
            }
        }
        n += 1;
        while clock.ticks() < end + gap {
            if !R::BLOCKS {
                rx.receive(|_| wrong += 1);
            }
            std::hint::spin_loop();
        }
    }
    send(tx, &message(END));
    ensure!(wrong == 0, "{wrong} of {n} answers were wrong");
    let step = granularity(clock);
    let mut quantile = |q| nanos(clock, quantile_of_stepped(&mut samples, q, step)) / 2.0;
    Ok(Values::from([
        ("p50", quantile(0.5)),
        ("p99", quantile(0.99)),
    ]))
}

pub(crate) fn far(rx: &mut impl Receiver, tx: &mut impl Sender) -> Result<Values> {
    loop {
        let mut n = END;
        receive_one(rx, |message| n = number(message));
        if n == END {
            return Ok(Values::new());
        }
        send(tx, &message(n));
    }
}
