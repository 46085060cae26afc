//! Publishes messages as a MoldUDP64 session on one or more lines.
//!
//! One packet is offered to every line; each line's impairments decide what becomes of it, whether it carries messages
//! or not. Lines with a delay keep their packets until they are due. A heartbeat before the data tells the first
//! sequence number, one behind it the last: a receiver thus learns of a loss at either end. These two and the end of
//! the session are repeated until each line has let one through, as venues repeat them for as long as it matters.

mod outlet;

use std::cell::Cell;
use std::net::SocketAddrV4;
use std::rc::Rc;

use gateway_feed::moldudp64::{Packet as MoldPacket, PacketBuilder};
use outlet::{Data, Kind, Outlet, Packet};

use crate::SimError;
use crate::clock::{Clock, Pace};
use crate::impairment::Impairments;
use crate::packetiser::{DataPacket, PackOptions, Packetiser};
use crate::ranges::Ranges;
use crate::report::{Report, TypeCounts};
use crate::source::Source;
use crate::transmit::Transmit;

/// End-of-session packets on each line, at least.
const END_OF_SESSION_PACKETS: u64 = 3;
/// The most repetitions of a packet that should come through: of a thousand, a line that loses 99 % of its packets
/// loses all once in 20,000 sessions.
const REPETITIONS_MAX: u64 = 1_000;
/// The most packets that wait for their time on a line; beyond it the publisher waits with them.
const OUTBOX_PACKETS_MAX: usize = 8_192;
/// Time between two reports of progress.
const PROGRESS_NS: u64 = 250_000_000;

/// How a session is published.
#[derive(Clone, Copy, Debug)]
pub struct PublishOptions {
    /// Session and packing.
    pub pack: PackOptions,
    /// When messages leave.
    pub pace: Pace,
    /// Idle time after which a heartbeat is sent, in nanoseconds; `None` for no heartbeats at all.
    pub heartbeat_ns: Option<u64>,
    /// Whether the session is ended in the end.
    pub end_of_session: bool,
    /// Decides the impairments.
    pub seed: u64,
    /// Packets handed to a line at once where there is no time to wait for,
    /// 1..=[`BATCH_MAX`](crate::transmit::BATCH_MAX).
    pub batch: usize,
}

/// A line to publish on.
pub struct Line {
    /// Its name in reports: `A`, `B`.
    pub name: String,
    /// Where it goes.
    pub destination: SocketAddrV4,
    /// What it does to its packets.
    pub impairments: Impairments,
    /// Sends its packets.
    pub transmit: Box<dyn Transmit>,
}

/// How far publishing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Messages published.
    pub messages: u64,
    /// Data packets published.
    pub packets: u64,
    /// Nanoseconds since the start.
    pub elapsed_ns: u64,
}

/// Publishes all that `source` gives, or until `clock` says stop; `progress` is told how far it is now and then.
///
/// The report is complete in either case; the error says why the end was not reached.
pub fn publish(
    source: &mut impl Source,
    lines: Vec<Line>,
    options: PublishOptions,
    clock: &mut impl Clock,
    progress: &mut dyn FnMut(Progress),
) -> (Report, Option<SimError>) {
    let mut publisher = Publisher::new(lines, options, clock, progress);
    let error = publisher.run(source).err();
    publisher.report(error)
}

struct Publisher<'a, C> {
    options: PublishOptions,
    clock: &'a mut C,
    progress: &'a mut dyn FnMut(Progress),
    lines: Vec<Outlet>,
    packetiser: Packetiser,
    types: TypeCounts,
    report: Report,
    start_ns: u64,
    /// The sequence number behind the last packet that was offered to the lines.
    next_sequence: u64,
    /// Of the first message, by the source's clock, and of the packet that carried it, by ours.
    origin: Option<(u64, u64)>,
    heartbeat_due_ns: u64,
    progress_due_ns: u64,
}

impl<'a, C: Clock> Publisher<'a, C> {
    fn new(
        lines: Vec<Line>,
        options: PublishOptions,
        clock: &'a mut C,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        let lines = (0..)
            .zip(lines)
            .map(|(number, line)| Outlet::new(line, options.seed, number));
        let report = Report {
            session: String::from_utf8_lossy(options.pack.session.0.trim_ascii_end()).into_owned(),
            first_sequence: options.pack.first_sequence,
            seed: options.seed,
            ..Report::default()
        };
        let start_ns = clock.now_ns();
        Self {
            lines: lines.collect(),
            packetiser: Packetiser::new(options.pack),
            types: TypeCounts::default(),
            report,
            start_ns,
            next_sequence: options.pack.first_sequence,
            origin: None,
            heartbeat_due_ns: u64::MAX,
            progress_due_ns: start_ns + PROGRESS_NS,
            options,
            clock,
            progress,
        }
    }

    fn run(&mut self, source: &mut impl Source) -> Result<(), SimError> {
        self.announce();
        self.flush(self.clock.now_ns())?;
        let mut ended_by = None;
        while !self.clock.stopped() {
            let message = match source.next() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    ended_by = Some(error.into());
                    break;
                }
            };
            let complete = match self.packetiser.push(&message) {
                Ok(complete) => complete,
                Err(source) => {
                    let next = self.packetiser.next_sequence();
                    ended_by = Some(SimError::Pack {
                        sequence: next.wrapping_add(message.missing),
                        source,
                    });
                    break;
                }
            };
            if self.origin.is_none() {
                self.origin = Some((message.time_ns, self.clock.now_ns()));
            }
            if let Some(packet) = complete {
                self.publish(packet)?;
            }
        }
        self.report.interrupted = self.clock.stopped();
        if let Some(packet) = self.packetiser.finish() {
            self.publish(packet)?;
        }
        self.finish()?;
        ended_by.map_or(Ok(()), Err)
    }

    /// Offers a packet to all lines when it is due.
    fn publish(&mut self, packet: DataPacket) -> Result<(), SimError> {
        let (source_start_ns, start_ns) = self.origin.unwrap_or((packet.time_ns, self.start_ns));
        let due_ns = start_ns
            + self
                .options
                .pace
                .due_ns(self.report.messages, packet.time_ns - source_start_ns);
        self.wait_until(due_ns)?;
        let now_ns = self.clock.now_ns();
        if self.options.pace != Pace::Asap {
            self.report.late_max_us = self
                .report
                .late_max_us
                .max(now_ns.saturating_sub(due_ns) / 1_000);
        }

        let DataPacket {
            payload,
            first,
            messages,
            ..
        } = packet;
        for message in MoldPacket::parse(&payload)
            .iter()
            .flat_map(MoldPacket::messages)
        {
            self.types.add(message.bytes);
        }
        let data = Data {
            first,
            messages,
            carried: Rc::new(Cell::new(false)),
        };
        let packet = Packet {
            payload,
            kind: Kind::Data(data),
        };
        let mut lost = true;
        for line in &mut self.lines {
            lost &= !line.offer(now_ns, &packet);
        }
        if lost {
            self.report.lost_on_both.add(first, messages);
        }
        self.report.packets += 1;
        self.report.messages += messages;
        self.next_sequence = first.wrapping_add(messages);
        self.heartbeat_due_ns = self
            .options
            .heartbeat_ns
            .map_or(u64::MAX, |interval| now_ns + interval);
        if now_ns >= self.progress_due_ns {
            self.progress_due_ns = now_ns + PROGRESS_NS;
            let Report {
                messages, packets, ..
            } = self.report;
            (self.progress)(Progress {
                messages,
                packets,
                elapsed_ns: now_ns - self.start_ns,
            });
        }
        if self
            .lines
            .iter()
            .any(|line| line.waiting() >= self.options.batch)
        {
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
            if now_ns >= self.heartbeat_due_ns {
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
                .fold(due_ns.min(self.heartbeat_due_ns), u64::min);
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

    /// Puts a heartbeat behind everything offered so far, if there are heartbeats.
    fn heartbeat(&mut self) {
        if let Some(heartbeat) = self.next_heartbeat() {
            self.broadcast(&heartbeat);
            self.report.heartbeats += 1;
        }
    }

    /// Makes sure that each line tells of the next sequence number, before anything else that is offered to it.
    fn announce(&mut self) {
        if let Some(heartbeat) = self.next_heartbeat() {
            self.report.heartbeats += self.broadcast_until_through(&heartbeat, 1);
        }
    }

    fn next_heartbeat(&mut self) -> Option<Packet> {
        let interval_ns = self.options.heartbeat_ns?;
        self.heartbeat_due_ns = self.clock.now_ns().saturating_add(interval_ns);
        let builder = PacketBuilder::new(self.options.pack.session, self.next_sequence, 0);
        Some(Packet {
            payload: Rc::from(builder.heartbeat().as_slice()),
            kind: Kind::Heartbeat,
        })
    }

    fn broadcast(&mut self, packet: &Packet) {
        let now_ns = self.clock.now_ns();
        for line in &mut self.lines {
            line.offer(now_ns, packet);
        }
    }

    /// Offers `packet` to all lines, `times_min` times or more: until each line but the dead ones has let one through.
    /// Returns how often. Nothing that is offered later overtakes it.
    fn broadcast_until_through(&mut self, packet: &Packet, times_min: u64) -> u64 {
        let now_ns = self.clock.now_ns();
        let mut through: Vec<bool> = self.lines.iter().map(Outlet::is_dead).collect();
        let mut times = 0;
        while times < times_min || (times < REPETITIONS_MAX && through.contains(&false)) {
            for (line, through) in self.lines.iter_mut().zip(&mut through) {
                *through |= line.offer(now_ns, packet);
            }
            times += 1;
        }
        self.release_all();
        times
    }

    fn finish(&mut self) -> Result<(), SimError> {
        self.release_all();
        self.announce();
        if self.options.end_of_session {
            let end = Packet {
                payload: Rc::from(self.packetiser.end_of_session().as_slice()),
                kind: Kind::EndOfSession,
            };
            self.report.end_of_session = self.broadcast_until_through(&end, END_OF_SESSION_PACKETS);
        }
        self.heartbeat_due_ns = u64::MAX;
        let last_ns = self.lines.iter().filter_map(Outlet::last_ns).max();
        self.wait_until(last_ns.unwrap_or(0))?;
        self.flush(u64::MAX)
    }

    fn report(self, error: Option<SimError>) -> (Report, Option<SimError>) {
        let mut report = self.report;
        report.elapsed_s = (self.clock.now_ns() - self.start_ns) as f64 / 1e9;
        report.last_sequence = self.next_sequence.wrapping_sub(1);
        report.by_type = self.types.by_name();
        report.interrupted |= error.is_some();
        let mut nowhere = Vec::new();
        for line in self.lines {
            let (name, line, unsent) = line.finish();
            report.lines.insert(name, line);
            nowhere.extend(unsent.iter().map(|data| (data.first, data.messages)));
        }
        nowhere.sort_unstable();
        nowhere.dedup();
        let mut unsent = Ranges::default();
        for (first, messages) in nowhere {
            unsent.add(first, messages);
        }
        report.lost_on_both = report.lost_on_both.merged(&unsent);
        (report, error)
    }
}
