//! The requester: sends, waits, and keeps the times.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::Duration;

use super::control::{Answered, Conversation, Reply, Request, Start, VERSION};
use super::facts::Facts;
use super::packet::{Kind, PACKET_BYTES_MAX, Packet};
use super::receiver::{Description, Receiver, Settings};
use super::report::{Direction, Ends, Report, Round, Row};
use super::respond::{clock_of, sender};
use super::statistics::Distribution;
use super::{ClockKind, Idle, Link, Path};

/// Loading a program and attaching it makes some cards renegotiate their link, which takes seconds.
const START_LIMIT: Duration = Duration::from_secs(60);
/// So many requests without a reply, one after the other, end a measurement.
const UNANSWERED_MAX: u32 = 20;
/// After opening, the first reply may take so long: addresses are resolved, links come up.
const FIRST_REPLY_LIMIT: Duration = Duration::from_secs(10);

/// What a requester is told.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How it receives.
    pub settings: Settings,
    /// The responder's address under test.
    pub peer: SocketAddrV4,
    /// Where the responder listens.
    pub control: SocketAddr,
    /// What lies between.
    pub link: Link,
    /// The ways in, one after the other in each round.
    pub paths: Vec<Path>,
    /// Bytes of payload.
    pub sizes: Vec<usize>,
    /// Requests a second of the open loop; empty: none.
    pub rates: Vec<u64>,
    /// Times that everything is measured.
    pub rounds: u32,
    /// Requests of a measurement …
    pub iterations: usize,
    /// … or time, whichever comes first.
    pub time_limit: Duration,
    /// Requests before a measurement that are not counted.
    pub warm_up: usize,
    /// A reply that takes longer is lost.
    pub reply_limit: Duration,
    /// The two machines' clocks differ by so much at most, as the user says; `None`: nothing is known.
    pub clock_error_ns: Option<u64>,
    /// Keep every sample.
    pub raw: bool,
}

/// Why a run ended before its time.
#[derive(Debug)]
pub enum Stopped {
    /// The user interrupted it.
    Interrupted,
    /// Something does not work.
    Failed(String),
}

impl From<String> for Stopped {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

/// The address that this machine sends to `peer` from.
///
/// # Errors
/// There is no route.
pub fn own_address(peer: SocketAddrV4) -> Result<Ipv4Addr, String> {
    let route = || -> io::Result<SocketAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(peer)?;
        socket.local_addr()
    };
    match route() {
        Ok(SocketAddr::V4(address)) => Ok(*address.ip()),
        Ok(other) => Err(format!("{other} is no IPv4 address: use --address")),
        Err(error) => Err(format!(
            "no way to {peer}: {error}; give the interface under test an address in the same network"
        )),
    }
}

/// Measures everything that `plan` names.
///
/// # Errors
/// The other end cannot be reached or refuses, or answers stay away.
pub fn run(
    plan: &Plan,
    interrupted: &dyn Fn() -> bool,
    tell: &dyn Fn(&str),
) -> Result<Report, Stopped> {
    let mut run = Run::connect(plan, interrupted)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut descriptions: Vec<(Path, Ends<Description>)> = Vec::new();
    for round in 0..plan.rounds {
        // Every other round the other way about, so that what drifts hits none more than the others.
        let mut paths = plan.paths.clone();
        if round % 2 == 1 {
            paths.reverse();
        }
        for path in paths {
            tell(&format!("round {} of {}: {path}", round + 1, plan.rounds));
            let ends = run.path(path, &mut rows)?;
            if !descriptions.iter().any(|(known, _)| *known == path) {
                descriptions.push((path, ends));
            }
        }
    }
    let order = |path: Path| plan.paths.iter().position(|&other| other == path);
    rows.sort_by_key(|row| (order(row.path), row.rate, row.direction, row.bytes));
    Ok(Report {
        link: plan.link,
        machines: run.machines,
        ways: descriptions,
        clock_error_ns: run.clock_error_ns,
        rows,
    })
}

struct Run<'a> {
    plan: &'a Plan,
    interrupted: &'a dyn Fn() -> bool,
    conversation: Conversation,
    machines: Ends<Facts>,
    clock: ClockKind,
    /// What one-way times may be wrong by; `None`: they cannot be told.
    clock_error_ns: Option<u64>,
}

impl<'a> Run<'a> {
    fn connect(plan: &'a Plan, interrupted: &'a dyn Fn() -> bool) -> Result<Self, Stopped> {
        let connected = TcpStream::connect_timeout(&plan.control, Duration::from_secs(10))
            .and_then(Conversation::over);
        let mut conversation = connected.map_err(|error| {
            format!(
                "no responder at {}: {error}; start `gateway bench scenarios respond` there",
                plan.control
            )
        })?;
        let requester = Facts::of(&plan.settings.interface.name);
        let hello = Request::Hello { version: VERSION };
        let responder = match ask(&mut conversation, &hello, interrupted)? {
            Reply::Hello { facts, .. } => facts,
            other => return Err(unexpected(other).into()),
        };
        let clock = clock_of(&requester, &responder, plan.clock_error_ns.is_some());
        let clock_error_ns = if requester.shares_clock_with(&responder) {
            Some(0)
        } else {
            plan.clock_error_ns
        };
        Ok(Self {
            plan,
            interrupted,
            conversation,
            machines: Ends {
                requester,
                responder,
            },
            clock,
            clock_error_ns,
        })
    }

    /// All sizes and rates by one way in.
    fn path(&mut self, path: Path, rows: &mut Vec<Row>) -> Result<Ends<Description>, Stopped> {
        let plan = self.plan;
        let same_machine = self
            .machines
            .requester
            .shares_clock_with(&self.machines.responder);
        // The requester itself spins in every path; both ends share the processors of one machine.
        let own = path.spinning_threads().max(1);
        let others = if same_machine {
            path.spinning_threads()
        } else {
            0
        };
        let idle = Idle::for_threads(own + others);
        let (receiver, requester) = Receiver::open(path, &plan.settings, self.clock, idle)?;
        let token = self.clock.now() ^ u64::from(std::process::id()) << 48;
        let start = Request::Start(Start {
            path,
            token,
            requester: plan.settings.address,
            port: plan.settings.port,
            clock: self.clock,
        });
        let responder = match ask(&mut self.conversation, &start, self.interrupted)? {
            Reply::Ready(description) => description,
            other => return Err(format!("by {path}: {}", unexpected(other)).into()),
        };
        let mut exchange = Exchange {
            receiver,
            socket: sender(plan.settings.address, plan.peer)?,
            idle,
            clock: self.clock,
            token,
            next: 0,
            request: [0; PACKET_BYTES_MAX],
            interrupted: self.interrupted,
            plan,
        };
        let measured = exchange.measure(path, self.clock_error_ns.is_some(), rows);
        let answered = match ask(&mut self.conversation, &Request::Stop, self.interrupted)? {
            Reply::Stopped(answered) => answered,
            other => return Err(unexpected(other).into()),
        };
        match measured {
            Ok(()) => Ok(Ends {
                requester,
                responder,
            }),
            Err(Stopped::Failed(message)) => Err(Stopped::Failed(format!(
                "by {path}: {message} {}",
                blame(answered, &exchange)
            ))),
            Err(stopped) => Err(stopped),
        }
    }
}

fn ask(
    conversation: &mut Conversation,
    request: &Request,
    interrupted: &dyn Fn() -> bool,
) -> Result<Reply, Stopped> {
    conversation
        .say(request)
        .and_then(|()| conversation.hear(Some(START_LIMIT), interrupted))
        .map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => Stopped::Interrupted,
            _ => Stopped::Failed(format!("the responder cannot be spoken to: {error}")),
        })?
        .ok_or_else(|| Stopped::Failed("the responder hung up".to_owned()))
}

fn unexpected(reply: Reply) -> String {
    match reply {
        Reply::Refused { message } => format!("the responder refuses: {message}"),
        other => format!("the responder's answer makes no sense: {other:?}"),
    }
}

/// Which way the datagrams get lost.
fn blame(answered: Answered, exchange: &Exchange<'_>) -> String {
    let Answered {
        requests,
        replies,
        replies_refused,
        strangers,
    } = answered;
    let sent = exchange.next;
    let cause = match requests {
        0 => {
            "requests do not arrive: is a firewall in between, is the address that of the interface under test?"
        }
        _ if replies < requests => {
            "the responder's kernel refuses to send replies: has it a route back?"
        }
        _ => "replies do not arrive: is a firewall on this machine, is --interface the right one?",
    };
    format!(
        "(sent {sent}; the responder had {requests}, sent {replies} replies, {replies_refused} were refused, {strangers} datagrams were not ours): {cause}"
    )
}

/// Times of one measurement, nanoseconds.
#[derive(Debug, Default)]
struct Times {
    half_round_trip: Vec<u64>,
    one_way: Vec<u64>,
    lost: u64,
    /// Replies that came after they were given up, or twice.
    late: u64,
    /// One-way times below zero: the clocks differ by more than the way takes.
    negative: u64,
    /// The most that a request left after its time (open loop).
    behind_ns_max: u64,
}

/// A run of requests and replies by one way in.
struct Exchange<'a> {
    receiver: Receiver,
    socket: UdpSocket,
    idle: Idle,
    clock: ClockKind,
    token: u64,
    /// Sequence of the next request.
    next: u64,
    request: [u8; PACKET_BYTES_MAX],
    interrupted: &'a dyn Fn() -> bool,
    plan: &'a Plan,
}

impl Exchange<'_> {
    fn measure(&mut self, path: Path, one_way: bool, rows: &mut Vec<Row>) -> Result<(), Stopped> {
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
