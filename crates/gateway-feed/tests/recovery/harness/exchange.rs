//! The exchange and its lines: what is sent, in which numbering, and what the lines make of it.

use std::rc::Rc;
use std::sync::OnceLock;

use gateway_feed::arbitration::LineId;
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_sim::venue::Venue;

use super::script::{Fate, Setup};

/// Messages of a generated day; a numbering that is through with it falls silent.
const DAY_MESSAGES: usize = 2_500;
const DAYS: usize = 4;
/// Packets of a schedule, so that all of them could wait at once.
const PACKETS_MAX: usize = 900;

/// Messages, the same for every schedule: directory first, then orders.
fn day(number: usize) -> &'static [Vec<u8>] {
    static POOL: OnceLock<[Vec<Vec<u8>>; DAYS]> = OnceLock::new();
    let generate = |seed: usize| {
        let mut flow = OrderFlow::new(FlowOptions {
            seed: seed as u64,
            symbols: 3,
            messages: 0,
            orders_max: 24,
            ..FlowOptions::default()
        });
        let next = |_| flow.next().map(|message| message.bytes.to_vec());
        (0..DAY_MESSAGES).filter_map(next).collect()
    };
    &POOL.get_or_init(|| std::array::from_fn(generate))[number % DAYS]
}

/// A session, or what follows a restart of its numbers, as the exchange knows it.
#[derive(Clone, Debug)]
pub(crate) struct Numbering {
    pub(crate) session: Session,
    /// Whether it restarts the numbers of the session before.
    pub(crate) restarts: bool,
    /// Its first number.
    pub(crate) first: u64,
    /// Its messages, in order.
    pub(crate) messages: &'static [Vec<u8>],
    /// How many of them have been sent.
    pub(crate) sent: usize,
    pub(crate) ended: bool,
    /// When each message first came whole on a line while the channel was in this numbering.
    pub(crate) arrived: Vec<Option<u64>>,
}

impl Numbering {
    /// The number of the next message.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.sent as u64
    }

    /// The message of that number.
    pub(crate) fn message(&self, sequence: u64) -> Option<&'static [u8]> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        (index < self.sent).then(|| self.messages[index].as_slice())
    }
}

/// A packet on its way on a line.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) line: LineId,
    pub(crate) payload: Rc<[u8]>,
    /// The exchange's own: numbering, first number, and how many of its messages are whole.
    pub(crate) data: Option<(usize, u64, u64)>,
}

/// The exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) venue: Venue,
    pub(crate) numberings: Vec<Numbering>,
    builder: PacketBuilder,
    name: &'static str,
    day: usize,
    sessions: usize,
    packets: usize,
    /// Packets that leave, with their delay.
    pub(crate) outbox: Vec<(u64, Datagram)>,
}

impl Exchange {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut exchange = Self {
            venue: Venue::new(setup.history),
            numberings: Vec::new(),
            builder: PacketBuilder::new(Session([b' '; 10]), 1, 1_472),
            name: setup.name,
            day: setup.day,
            sessions: 0,
            packets: 0,
            outbox: Vec::new(),
        };
        exchange.begin(setup.first, false);
        for _ in 0..setup.silent {
            exchange.push();
            exchange.builder.finish(|_| ());
        }
        exchange
    }

    pub(crate) fn current(&self) -> &Numbering {
        self.numberings.last().expect("there is one from the start")
    }

    fn begin(&mut self, first: u64, restarts: bool) {
        if !restarts {
            self.sessions += 1;
        }
        let name = format!("{}{}", self.name, self.sessions % 1_000);
        let session = Session::from_name(&name).expect("at most nine bytes");
        self.venue.lock().begin(session, first);
        self.builder.restart(session, first);
        self.numberings.push(Numbering {
            session,
            restarts,
            first,
            messages: day(self.day + self.numberings.len()),
            sent: 0,
            ended: false,
            arrived: Vec::new(),
        });
    }

    /// Another session begins.
    pub(crate) fn begin_session(&mut self) {
        self.begin(1, false);
    }

    /// The numbers begin anew.
    pub(crate) fn restart(&mut self) {
        self.begin(1, true);
    }

    /// Gives the next message its number; `false` where there is none, or no number.
    fn push(&mut self) -> bool {
        let current = self.numberings.last_mut().expect("there is one");
        let sequence = current.next();
        let Some(message) = current
            .messages
            .get(current.sent)
            .filter(|_| sequence < u64::MAX)
        else {
            return false;
        };
        current.sent += 1;
        current.arrived.push(None);
        self.venue.lock().add(sequence, message);
        self.builder
            .push(message)
            .expect("a few messages fit a packet");
        true
    }

    /// Sends a packet with up to `messages` messages; one line may cut it.
    pub(crate) fn data(&mut self, messages: u64, fates: [Fate; 2], cut: Option<u8>) {
        if self.current().ended || self.packets == PACKETS_MAX {
            return;
        }
        self.packets += 1;
        let first = self.current().next();
        let count = (0..messages).take_while(|_| self.push()).count() as u64;
        if count == 0 {
            return;
        }
        let payload: Rc<[u8]> = self.builder.finish(|packet| Rc::from(packet));
        let numbering = self.numberings.len() - 1;
        for (line, fate) in (0..).zip(fates) {
            let is_cut = cut == Some(line);
            let length = payload.len() - usize::from(is_cut) * 5;
            let datagram = Datagram {
                line: LineId(line),
                payload: if is_cut {
                    Rc::from(&payload[..length])
                } else {
                    Rc::clone(&payload)
                },
                data: Some((numbering, first, count - u64::from(is_cut))),
            };
            self.transmit(datagram, fate);
        }
    }

    fn transmit(&mut self, datagram: Datagram, fate: Fate) {
        for delay in fate.into_iter().flatten() {
            self.outbox.push((delay, datagram.clone()));
        }
    }

    /// Tells where the stream is: a heartbeat, or the end of the session.
    pub(crate) fn tell(&mut self, fates: [Fate; 2]) {
        let ended = self.current().ended;
        let payload = if ended {
            self.builder.end_of_session()
        } else {
            self.builder.heartbeat()
        };
        for (line, fate) in (0..).zip(fates) {
            self.stray(line, payload.as_slice().into(), fate);
        }
    }

    /// Sends something that has no messages of the exchange.
    pub(crate) fn stray(&mut self, line: u8, payload: Rc<[u8]>, fate: Fate) {
        let datagram = Datagram {
            line: LineId(line),
            payload,
            data: None,
        };
        self.transmit(datagram, fate);
    }

    pub(crate) fn end_session(&mut self) {
        self.numberings.last_mut().expect("there is one").ended = true;
    }
}
