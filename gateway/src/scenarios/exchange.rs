//! Requests out, replies in: closed loop and open loop by one way in.

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use super::measure::{Plan, Stopped};
use super::packet::{Kind, PACKET_BYTES_MAX, Packet};
use super::receiver::Receiver;
use super::report::{Direction, Round, Row};
use super::statistics::Distribution;
use super::{ClockKind, Idle, Path};

/// So many requests without a reply, one after the other, end a measurement.
const UNANSWERED_MAX: u32 = 20;
/// After opening, the first reply may take so long: addresses are resolved, links come up.
const FIRST_REPLY_LIMIT: Duration = Duration::from_secs(10);

/// Times of one measurement, nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) half_round_trip: Vec<u64>,
    pub(super) one_way: Vec<u64>,
    pub(super) lost: u64,
    /// Replies that came after they were given up, or twice.
    pub(super) late: u64,
    /// One-way times below zero: the clocks differ by more than the way takes.
    pub(super) negative: u64,
    /// The most that a request left after its time (open loop).
    pub(super) behind_ns_max: u64,
}

/// A run of requests and replies by one way in.
pub(super) struct Exchange<'a> {
    pub(super) receiver: Receiver,
    pub(super) socket: UdpSocket,
    pub(super) idle: Idle,
    pub(super) clock: ClockKind,
    pub(super) token: u64,
    /// Sequence of the next request.
    pub(super) next: u64,
    pub(super) request: [u8; PACKET_BYTES_MAX],
    pub(super) interrupted: &'a dyn Fn() -> bool,
    pub(super) plan: &'a Plan,
}

impl Exchange<'_> {
    pub(super) fn measure(
        &mut self,
        path: Path,
        one_way: bool,
        rows: &mut Vec<Row>,
    ) -> Result<(), Stopped> {
        self.until_first_reply()?;
        for &bytes in &self.plan.sizes {
            self.closed_loop(bytes, self.plan.warm_up)?;
            let times = self.closed_loop(bytes, self.plan.iterations)?;
            self.keep(path, bytes, None, one_way, times, rows);
        }
        for &rate in &self.plan.rates {
            for &bytes in &self.plan.sizes {
                self.closed_loop(bytes, self.plan.warm_up)?;
                let times = self.open_loop(bytes, rate)?;
                self.keep(path, bytes, Some(rate), one_way, times, rows);
            }
        }
        Ok(())
    }

    fn keep(
        &self,
        path: Path,
        bytes: usize,
        rate: Option<u64>,
        one_way: bool,
        times: Times,
        rows: &mut Vec<Row>,
    ) {
        let Times {
            half_round_trip,
            one_way: ways,
            lost,
            late,
            negative,
            behind_ns_max,
        } = times;
        let measured = [
            Some((Direction::HalfRoundTrip, half_round_trip)),
            one_way.then_some((Direction::OneWay, ways)),
        ];
        for (direction, mut samples) in measured.into_iter().flatten() {
            let raw = if self.plan.raw {
                samples.clone()
            } else {
                Vec::new()
            };
            let round = Round {
                distribution: Distribution::of(&mut samples),
                lost,
                late,
                negative,
                behind_ns_max,
                raw,
            };
            let same = |row: &&mut Row| {
                (row.path, row.direction, row.bytes, row.rate) == (path, direction, bytes, rate)
            };
            match rows.iter_mut().find(same) {
                Some(row) => row.rounds.push(round),
                None => rows.push(Row {
                    path,
                    direction,
                    bytes,
                    rate,
                    rounds: vec![round],
                }),
            }
        }
    }

    /// The first replies take their time.
    fn until_first_reply(&mut self) -> Result<(), Stopped> {
        let bytes = self.plan.sizes.iter().copied().max().unwrap_or_default();
        let start = self.clock.now();
        while self.clock.now().saturating_sub(start) < FIRST_REPLY_LIMIT.as_nanos() as u64 {
            if self.round_trip(bytes, &mut Times::default())? {
                return Ok(());
            }
        }
        Err(format!("no reply within {} s", FIRST_REPLY_LIMIT.as_secs()).into())
    }

    /// The next request when the last reply is there.
    fn closed_loop(&mut self, bytes: usize, iterations: usize) -> Result<Times, Stopped> {
        let mut times = Times::default();
        times.half_round_trip.reserve(iterations);
        times.one_way.reserve(iterations);
        let start = self.clock.now();
        let limit = self.plan.time_limit.as_nanos() as u64;
        let mut unanswered = 0;
        for _ in 0..iterations {
            if self.round_trip(bytes, &mut times)? {
                unanswered = 0;
            } else {
                unanswered += 1;
                if unanswered == UNANSWERED_MAX {
                    return Err(format!("{UNANSWERED_MAX} requests without a reply").into());
                }
            }
            if self.clock.now().saturating_sub(start) > limit {
                break;
            }
        }
        Ok(times)
    }

    /// One request, and its reply if it comes in time.
    fn round_trip(&mut self, bytes: usize, times: &mut Times) -> Result<bool, Stopped> {
        let sent_ns = self.clock.now();
        self.send(bytes, sent_ns)?;
        let wanted = self.next - 1;
        let limit = sent_ns + self.plan.reply_limit.as_nanos() as u64;
        loop {
            let mut answered = false;
            self.receive(wanted..wanted + 1, times, |_| {
                let first = !answered;
                answered = true;
                first
            })?;
            if answered {
                return Ok(true);
            }
            if self.clock.now() > limit {
                times.lost += 1;
                return if (self.interrupted)() {
                    Err(Stopped::Interrupted)
                } else {
                    Ok(false)
                };
            }
        }
    }

    /// A request every so often, whether replies are there or not; times count from when it should have been sent.
    fn open_loop(&mut self, bytes: usize, rate: u64) -> Result<Times, Stopped> {
        let seconds = self.plan.time_limit.as_secs_f64();
        let count = ((rate as f64 * seconds) as usize).clamp(1, self.plan.iterations) as u64;
        let mut times = Times::default();
        times.half_round_trip.reserve(count as usize);
        times.one_way.reserve(count as usize);
        let mut seen = vec![false; count as usize];
        let first = self.next;
        let due = |n: u64| (u128::from(n) * 1_000_000_000 / u128::from(rate)) as u64;
        let start = self.clock.now();
        let end = start + due(count) + self.plan.reply_limit.as_nanos() as u64;
        let (mut sent, mut answered) = (0, 0);
        loop {
            let now = self.clock.now();
            if sent < count && now >= start + due(sent) {
                times.behind_ns_max = times.behind_ns_max.max(now - (start + due(sent)));
                self.send(bytes, start + due(sent))?;
                sent += 1;
            }
            self.receive(first..first + sent, &mut times, |sequence| {
                let seen = &mut seen[(sequence - first) as usize];
                let fresh = !std::mem::replace(seen, true);
                answered += u64::from(fresh);
                fresh
            })?;
            if (sent == count && answered == count) || now > end {
                times.lost = sent - answered;
                return Ok(times);
            }
            if (self.interrupted)() {
                return Err(Stopped::Interrupted);
            }
        }
    }

    fn send(&mut self, bytes: usize, sent_ns: u64) -> Result<(), Stopped> {
        Packet {
            kind: Kind::Request,
            token: self.token,
            sequence: self.next,
            sent_ns,
            received_ns: 0,
        }
        .encode(&mut self.request);
        self.next += 1;
        match self.socket.send(&self.request[..bytes]) {
            Ok(_) => Ok(()),
            // Full queues, and a peer whose socket is not open yet: the reply will be missing.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::HostUnreachable
                        | io::ErrorKind::NetworkUnreachable
                ) || error.raw_os_error() == Some(libc::ENOBUFS) =>
            {
                Ok(())
            }
            Err(error) => Err(format!(
                "cannot send {bytes} bytes to {}: {error}; is the MTU large enough?",
                self.plan.peer
            )
            .into()),
        }
    }

    /// Takes what has come. A reply whose sequence is one of the `wanted`, and that is `fresh`, is a time.
    fn receive(
        &mut self,
        wanted: std::ops::Range<u64>,
        times: &mut Times,
        mut fresh: impl FnMut(u64) -> bool,
    ) -> Result<(), Stopped> {
        let token = self.token;
        let peer = *self.plan.peer.ip();
        let came = self.receiver.poll(&mut |arrival| {
            let reply = arrival.packet.filter(|packet| {
                packet.kind == Kind::Reply && packet.token == token && arrival.source == peer
            });
            let Some(reply) = reply else { return };
            if !wanted.contains(&reply.sequence) || !fresh(reply.sequence) {
                times.late += 1;
                return;
            }
            let round_trip = arrival.at_ns.saturating_sub(reply.sent_ns);
            times.half_round_trip.push(round_trip / 2);
            times.negative += u64::from(reply.received_ns < reply.sent_ns);
            times
                .one_way
                .push(reply.received_ns.saturating_sub(reply.sent_ns));
        })?;
        if came == 0 {
            self.idle.wait();
        }
        Ok(())
    }
}
