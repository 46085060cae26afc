//! One line of a publisher: its impairments, what waits for its time, and what was sent.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::Line;
use crate::SimError;
use crate::counts::{ControlCounts, LineCounts};
use crate::impairment::{Class, Departure, Impairment, Impairments};
use crate::report::LineReport;
use crate::transmit::{BATCH_MAX, Outgoing};

/// A packet as it is offered to every line.
#[derive(Clone)]
pub(super) struct Packet {
    pub(super) payload: Rc<[u8]>,
    /// Number of the session that it belongs to, from 0.
    pub(super) session: usize,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    Data(Data),
    Heartbeat,
    EndOfSession,
}

/// The numbers of a data packet.
#[derive(Clone)]
pub(super) struct Data {
    pub(super) first: u64,
    pub(super) messages: u64,
    /// Whether any line has sent it: shared by the lines.
    pub(super) carried: Rc<Cell<bool>>,
}

pub(super) struct Outlet {
    line: Line,
    impairment: Impairment<Packet>,
    outbox: VecDeque<Departure<Packet>>,
    /// Of each session.
    counts: Vec<LineCounts>,
}

impl Outlet {
    pub(super) fn new(line: Line, seed: u64, number: u8) -> Self {
        Self {
            impairment: Impairment::new(line.impairments, seed, number),
            line,
            outbox: VecDeque::new(),
            counts: Vec::new(),
        }
    }

    /// A session begins.
    pub(super) fn begin_session(&mut self) {
        self.counts.push(LineCounts::default());
    }

    /// Sessions that have begun.
    pub(super) fn sessions(&self) -> usize {
        self.counts.len()
    }

    /// The line does something else to its packets from here on.
    pub(super) fn set_impairments(&mut self, impairments: Impairments) {
        self.line.impairments = impairments;
        self.impairment.set_options(impairments);
    }

    /// Takes a packet; `false` if the line drops it.
    pub(super) fn offer(&mut self, now_ns: u64, packet: &Packet) -> bool {
        let class = match packet.kind {
            Kind::Data(_) => Class::Data,
            Kind::Heartbeat | Kind::EndOfSession => Class::Control,
        };
        let outbox = &mut self.outbox;
        let leaves = self
            .impairment
            .offer(now_ns, class, packet.clone(), |departure| {
                outbox.push_back(departure);
            });
        if let (false, Some(counts)) = (leaves, self.counts.get_mut(packet.session)) {
            match &packet.kind {
                Kind::Data(data) => {
                    counts.packets_dropped += 1;
                    counts.messages_dropped += data.messages;
                    counts.dropped.add(data.first, data.messages);
                }
                Kind::Heartbeat => counts.heartbeats.dropped += 1,
                Kind::EndOfSession => counts.end_of_session.dropped += 1,
            }
        }
        leaves
    }

    /// Whether the line drops everything.
    pub(super) fn is_dead(&self) -> bool {
        self.line.impairments.loss >= 1.0
    }

    /// Lets go what was held back to be overtaken, for long enough at `now_ns`.
    pub(super) fn release_due(&mut self, now_ns: u64) {
        let outbox = &mut self.outbox;
        self.impairment
            .release_due(now_ns, |departure| outbox.push_back(departure));
    }

    /// Lets go everything that is held back to be overtaken.
    pub(super) fn release_all(&mut self, now_ns: u64) {
        let outbox = &mut self.outbox;
        self.impairment
            .release_all(now_ns, |departure| outbox.push_back(departure));
    }

    /// How many packets wait for their time.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// When the first packet that waits for its time is to be sent.
    pub(super) fn first_ns(&self) -> Option<u64> {
        self.outbox.front().map(|departure| departure.at_ns)
    }

    /// When the last packet that waits for its time is to be sent.
    pub(super) fn last_ns(&self) -> Option<u64> {
        self.outbox.back().map(|departure| departure.at_ns)
    }

    /// When there is something to do, if nothing is offered before.
    pub(super) fn due_ns(&self) -> Option<u64> {
        let release_ns = self.impairment.next_release_ns();
        self.first_ns().into_iter().chain(release_ns).min()
    }

    /// Sends what is due at `now_ns`.
    pub(super) fn send_due(&mut self, now_ns: u64) -> Result<(), SimError> {
        loop {
            let batch: Vec<Outgoing> = self
                .outbox
                .iter()
                .take(BATCH_MAX)
                .take_while(|departure| departure.at_ns <= now_ns)
                .map(|departure| Outgoing {
                    at_ns: departure.at_ns,
                    payload: Rc::clone(&departure.packet.payload),
                })
                .collect();
            if batch.is_empty() {
                return Ok(());
            }
            let (sent, result) = self.line.transmit.send(&batch);
            for departure in self.outbox.drain(..sent) {
                if let Some(counts) = self.counts.get_mut(departure.packet.session) {
                    count_sent(counts, &departure);
                }
            }
            result.map_err(|source| SimError::Send {
                line: self.line.name.clone(),
                source,
            })?;
        }
    }

    /// The line's name and its account of each session; and the data packets among those it did not send that no line
    /// has sent, as session, first number and messages.
    pub(super) fn finish(self) -> (String, Vec<LineReport>, Vec<(usize, u64, u64)>) {
        let mut accounts = self.counts;
        let mut nowhere = Vec::new();
        let waiting = self
            .outbox
            .into_iter()
            .filter(|departure| !departure.is_copy);
        let unsent = waiting.map(|departure| departure.packet);
        for packet in unsent.chain(self.impairment.into_held()) {
            let (Kind::Data(data), Some(counts)) = (packet.kind, accounts.get_mut(packet.session))
            else {
                continue;
            };
            counts.packets_unsent += 1;
            counts.messages_unsent += data.messages;
            if !data.carried.get() {
                nowhere.push((packet.session, data.first, data.messages));
            }
        }
        let destination = self.line.destination;
        let reports = accounts.into_iter().map(|counts| LineReport {
            destination,
            counts,
        });
        (self.line.name, reports.collect(), nowhere)
    }
}

fn count_sent(counts: &mut LineCounts, departure: &Departure<Packet>) {
    let control = |counts: &mut ControlCounts| {
        if departure.is_copy {
            counts.duplicated += 1;
        } else {
            counts.sent += 1;
        }
    };
    match &departure.packet.kind {
        Kind::Data(data) if departure.is_copy => {
            counts.duplicated += 1;
            counts.messages_duplicated += data.messages;
        }
        Kind::Data(data) => {
            counts.packets_sent += 1;
            counts.messages_sent += data.messages;
            counts.reordered += u64::from(departure.overtaken);
            data.carried.set(true);
        }
        Kind::Heartbeat => control(&mut counts.heartbeats),
        Kind::EndOfSession => control(&mut counts.end_of_session),
    }
}
