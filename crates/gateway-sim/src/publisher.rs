//! Publishes messages as sessions (of MoldUDP64, or as a unit of PITCH) on one or more lines.
//!
//! One packet is offered to every line; each line's impairments decide what becomes of it, whether it carries messages
//! or not. Lines with a delay keep their packets until they are due. A heartbeat before the data tells the first
//! sequence number, one behind it the last: a receiver thus learns of a loss at either end. These two and the end of
//! the session are repeated until each line has let one through, as venues repeat them for as long as it matters.
//!
//! Sessions follow each other on the same lines: a line that is late still brings the old one when others are in the new
//! one. Within a session, [`Part`]s differ in pace and in what goes wrong.

mod control;
mod ongoing;
mod outlet;
mod plan;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use ongoing::Ongoing;
use outlet::{Data, Kind, Outlet, Packet};

pub use plan::{Line, Part, PublishOptions, SessionPlan};

use crate::SimError;
use crate::clock::{Clock, Pace};
use crate::packetiser::{DataPacket, PackOptions};
use crate::ranges::Ranges;
use crate::report::Report;
use crate::source::Source;
use crate::venue::Venue;

/// The most packets that wait for their time on a line; beyond it the publisher waits with them.
const OUTBOX_PACKETS_MAX: usize = 8_192;
/// Time between two reports of progress.
const PROGRESS_NS: u64 = 250_000_000;

/// How far publishing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Messages published.
    pub messages: u64,
    /// Data packets published.
    pub packets: u64,
    /// Nanoseconds since the start.
    pub elapsed_ns: u64,
}

/// Publishes all that `source` gives as one session, or until `clock` says stop; `progress` is told how far it is now
/// and then.
///
/// The report is complete in either case; the error says why the end was not reached.
pub fn publish(
    source: &mut impl Source,
    lines: Vec<Line>,
    options: PublishOptions,
    clock: &mut impl Clock,
    progress: &mut dyn FnMut(Progress),
) -> (Report, Option<SimError>) {
    let mut publisher = Publisher::new(lines, options.seed, options.batch, None, clock, progress);
    let session = SessionPlan {
        pack: options.pack,
        heartbeat_ns: options.heartbeat_ns,
        linger_ns: 0,
        end_of_session_ns: options.end_of_session.then_some(0),
        parts: vec![Part {
            pace: options.pace,
            ..Part::default()
        }],
    };
    let error = publisher.session(source, &session).err();
    let (mut reports, error) = publisher.finish(error);
    (reports.pop().unwrap_or_default(), error)
}

/// Publishes sessions, one after the other.
pub struct Publisher<'a, C: ?Sized> {
    seed: u64,
    batch: usize,
    venue: Option<Arc<Venue>>,
    clock: &'a mut C,
    progress: &'a mut dyn FnMut(Progress),
    lines: Vec<Outlet>,
    start_ns: u64,
    progress_due_ns: u64,
    /// Of the sessions so far.
    progressed: Progress,
    ended: Vec<Report>,
    session: Ongoing,
}

impl<'a, C: Clock + ?Sized> Publisher<'a, C> {
    /// On `lines`; what is published is written down in `venue`, where there is one.
    ///
    /// `seed` decides the impairments; `batch` packets, 1..=[`BATCH_MAX`](crate::transmit::BATCH_MAX), are handed to a
    /// line at once where there is no time to wait for.
    pub fn new(
        lines: Vec<Line>,
        seed: u64,
        batch: usize,
        venue: Option<Arc<Venue>>,
        clock: &'a mut C,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        let lines = (0..)
            .zip(lines)
            .map(|(number, line)| Outlet::new(line, seed, number));
        let start_ns = clock.now_ns();
        let nothing = SessionPlan {
            pack: PackOptions::default(),
            heartbeat_ns: None,
            linger_ns: 0,
            end_of_session_ns: None,
            parts: Vec::new(),
        };
        Self {
            seed,
            batch,
            venue,
            lines: lines.collect(),
            start_ns,
            progress_due_ns: start_ns + PROGRESS_NS,
            progressed: Progress::default(),
            ended: Vec::new(),
            session: Ongoing::new(&nothing, start_ns),
            clock,
            progress,
        }
    }

    /// Publishes a session: what `source` gives, as far as the plan's parts take it.
    ///
    /// # Errors
    /// The source is damaged, a message too long, or a line does not take packets; what can still be done of the session
    /// was done, and no other should follow.
    pub fn session(
        &mut self,
        source: &mut impl Source,
        plan: &SessionPlan,
    ) -> Result<(), SimError> {
        self.session = Ongoing::new(plan, self.clock.now_ns());
        for line in &mut self.lines {
            line.begin_session();
        }
        if let Some(venue) = &self.venue {
            venue
                .lock()
                .begin(plan.pack.session, plan.pack.first_sequence);
        }
        let mut ended_by = None;
        for part in &plan.parts {
            if self.clock.stopped() || ended_by.is_some() {
                break;
            }
            self.enter(part)?;
            ended_by = self.part(source, part)?;
        }
        self.session.report.interrupted = self.clock.stopped();
        self.end_session(plan)?;
        ended_by.map_or(Ok(()), Err)
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.clock.stopped()
    }

    /// Waits for a part to begin, and makes it what it is.
    fn enter(&mut self, part: &Part) -> Result<(), SimError> {
        for (line, impairments) in self.lines.iter_mut().zip(&part.impairments) {
            line.set_impairments(*impairments);
        }
        for (switch, down) in &part.switches {
            switch.set_down(*down);
        }
        let session = &mut self.session;
        session.pace = part.pace;
        session.silent = part.silent;
        (session.messages, session.origin) = (0, None);
        if !part.silent && !session.announced {
            session.announced = true;
            self.announce();
            self.flush(self.clock.now_ns())?;
        }
        let begin_ns = self.clock.now_ns().saturating_add(part.pause_ns);
        self.wait_until(begin_ns)
    }

    /// Publishes a part. Returns why the source gives no more, if it should.
    fn part(
        &mut self,
        source: &mut impl Source,
        part: &Part,
    ) -> Result<Option<SimError>, SimError> {
        let mut ended_by = None;
        let mut taken = 0;
        while !self.clock.stopped() && part.messages.is_none_or(|messages| taken < messages) {
            let message = match source.next() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    ended_by = Some(error.into());
                    break;
                }
            };
            taken += 1;
            let complete = match self.session.packetiser.push(&message) {
                Ok(complete) => complete,
                Err(source) => {
                    let next = self.session.packetiser.next_sequence();
                    ended_by = Some(SimError::Pack {
                        sequence: next.wrapping_add(message.missing),
                        source,
                    });
                    break;
                }
            };
            if self.session.origin.is_none() {
                self.session.origin = Some((message.time_ns, self.clock.now_ns()));
            }
            if let Some(packet) = complete {
                self.take(packet)?;
            }
        }
        if let Some(packet) = self.session.packetiser.finish() {
            self.take(packet)?;
        }
        Ok(ended_by)
    }

    /// Publishes a packet, or only writes it down.
    fn take(&mut self, packet: DataPacket) -> Result<(), SimError> {
        if !self.session.silent {
            return self.publish(packet);
        }
        self.write_down(&packet, false);
        self.session
            .report
            .silent
            .add(packet.first, packet.messages);
        self.session.pass(&packet);
        Ok(())
    }

    /// Offers a packet to all lines when it is due.
    fn publish(&mut self, packet: DataPacket) -> Result<(), SimError> {
        let session = &mut self.session;
        let (source_start_ns, start_ns) = session.origin.unwrap_or((packet.time_ns, self.start_ns));
        let due_ns = start_ns
            + session
                .pace
                .due_ns(session.messages, packet.time_ns - source_start_ns);
        self.wait_until(due_ns)?;
        let now_ns = self.clock.now_ns();
        if self.session.pace != Pace::Asap {
            let report = &mut self.session.report;
            report.late_max_us = report
                .late_max_us
                .max(now_ns.saturating_sub(due_ns) / 1_000);
        }
        self.write_down(&packet, true);
        self.session.pass(&packet);
        let DataPacket {
            payload,
            first,
            messages,
            ..
        } = packet;
        let data = Data {
            first,
            messages,
            carried: Rc::new(Cell::new(false)),
        };
        let packet = Packet {
            payload,
            session: self.ended.len(),
            kind: Kind::Data(data),
        };
        let mut lost = true;
        for line in &mut self.lines {
            lost &= !line.offer(now_ns, &packet);
        }
        let session = &mut self.session;
        if lost {
            session.report.lost_on_both.add(first, messages);
        }
        session.report.packets += 1;
        session.report.messages += messages;
        session.messages += messages;
        session.heartbeat_due_ns = session
            .heartbeat_ns
            .map_or(u64::MAX, |interval| now_ns + interval);
        self.progressed.messages += messages;
        self.progressed.packets += 1;
        if now_ns >= self.progress_due_ns {
            self.progress_due_ns = now_ns + PROGRESS_NS;
            self.progressed.elapsed_ns = now_ns - self.start_ns;
            (self.progress)(self.progressed);
        }
        if self.lines.iter().any(|line| line.waiting() >= self.batch) {
            self.flush(now_ns)?;
        }
        while let Some(front_ns) = self.overfull() {
            self.wait_until(front_ns)?;
            self.flush(if self.clock.stopped() {
                u64::MAX
            } else {
                self.clock.now_ns()
            })?;
        }
        Ok(())
    }

    /// Counts the messages of a packet by type, if they are to be counted, and tells the venue of them.
    fn write_down(&mut self, packet: &DataPacket, count: bool) {
        let mut ledger = self.venue.as_ref().map(|venue| venue.lock());
        let session = &mut self.session;
        let mut sequence = packet.first;
        let framing = session.pack.framing;
        framing.messages(&packet.payload, |message| {
            if count {
                session.types.add(framing, message);
            }
            match &mut ledger {
                Some(ledger) if framing.numbers_packets() => {
                    return ledger.add_of_packet(sequence, message);
                }
                Some(ledger) => ledger.add(sequence, message),
                None => {}
            }
            sequence = sequence.wrapping_add(1);
        });
    }

    /// When the first packet of a line that holds too many is due.
    fn overfull(&self) -> Option<u64> {
        let line = self
            .lines
            .iter()
            .find(|line| line.waiting() >= OUTBOX_PACKETS_MAX)?;
        line.first_ns()
    }

    /// Waits, sending what is due meanwhile and heartbeats where it takes long; returns early when asked to stop.
    fn wait_until(&mut self, due_ns: u64) -> Result<(), SimError> {
        loop {
            let now_ns = self.clock.now_ns();
            if now_ns >= due_ns || self.clock.stopped() {
                return Ok(());
            }
            if now_ns >= self.session.heartbeat_due_ns {
                self.heartbeat();
            }
            for line in &mut self.lines {
                line.release_due(now_ns);
            }
            self.flush(now_ns)?;
            let until_ns = self
                .lines
                .iter()
                .filter_map(Outlet::due_ns)
                .fold(due_ns.min(self.session.heartbeat_due_ns), u64::min);
            self.clock.wait(until_ns);
        }
    }

    /// Sends what is due at `now_ns`.
    fn flush(&mut self, now_ns: u64) -> Result<(), SimError> {
        self.lines
            .iter_mut()
            .try_for_each(|line| line.send_due(now_ns))
    }

    /// Lets go what is held back to be overtaken.
    fn release_all(&mut self) {
        let now_ns = self.clock.now_ns();
        for line in &mut self.lines {
            line.release_all(now_ns);
        }
    }

    /// Puts the report of the session that goes on to those of the ones before.
    fn close_report(&mut self) {
        let session = &mut self.session;
        let mut report = std::mem::take(&mut session.report);
        report.seed = self.seed;
        report.elapsed_s = (self.clock.now_ns() - session.start_ns) as f64 / 1e9;
        report.last_sequence = session.standing.next_sequence.wrapping_sub(1);
        report.by_type = session.types.by_name(session.pack.framing);
        self.ended.push(report);
    }

    /// Sends what lines still hold back, and tells what became of each session. `error` is why the last one did not reach
    /// its end.
    pub fn finish(mut self, error: Option<SimError>) -> (Vec<Report>, Option<SimError>) {
        // Where a line does not take packets any more there is no use in trying.
        let broken = matches!(error, Some(SimError::Send { .. }));
        let last = if broken { Ok(()) } else { self.send_last() };
        let error = error.or(last.err());
        // A session that an error cut short has no report yet.
        if self.ended.len() < self.lines.first().map_or(0, Outlet::sessions) {
            self.close_report();
        }
        let mut reports = self.ended;
        if let Some(last) = reports.last_mut() {
            last.elapsed_s = (self.clock.now_ns() - self.session.start_ns) as f64 / 1e9;
            last.interrupted |= error.is_some();
        }
        let mut nowhere = Vec::new();
        for line in self.lines {
            let (name, accounts, unsent) = line.finish();
            for (report, line) in reports.iter_mut().zip(accounts) {
                report.lines.insert(name.clone(), line);
            }
            nowhere.extend(unsent);
        }
        nowhere.sort_unstable();
        nowhere.dedup();
        for (index, report) in reports.iter_mut().enumerate() {
            let mut unsent = Ranges::default();
            for (_, first, messages) in nowhere.iter().filter(|(session, ..)| *session == index) {
                unsent.add(*first, *messages);
            }
            report.lost_on_both = report.lost_on_both.merged(&unsent);
        }
        (reports, error)
    }

    fn send_last(&mut self) -> Result<(), SimError> {
        self.session.heartbeat_due_ns = u64::MAX;
        let last_ns = self.lines.iter().filter_map(Outlet::last_ns).max();
        self.wait_until(last_ns.unwrap_or(0))?;
        self.flush(u64::MAX)
    }
}
