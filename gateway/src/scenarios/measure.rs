//! The requester: sends, waits, and keeps the times.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::Duration;

use super::control::{Answered, Conversation, Reply, Request, Start, VERSION};
use super::exchange::Exchange;
use super::facts::Facts;
use super::packet::PACKET_BYTES_MAX;
use super::receiver::{Description, Receiver, Settings};
use super::report::{Ends, Report, Row};
use super::respond::{clock_of, sender};
use super::{ClockKind, Idle, Link, Path};

/// Loading a program and attaching it makes some cards renegotiate their link, which takes seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

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
