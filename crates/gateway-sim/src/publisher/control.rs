//! Packets without messages: heartbeats, and the end of a session.

use std::cell::Cell;
use std::rc::Rc;

use super::outlet::{Data, Kind, Outlet, Packet};
use super::{Publisher, SessionPlan};
use crate::SimError;
use crate::clock::Clock;

/// End-of-session packets on each line, at least.
const END_OF_SESSION_PACKETS: u64 = 3;
/// The most repetitions of a packet that should come through: of a thousand, a line that loses 99 % of its packets
/// loses all once in 20,000 sessions.
const REPETITIONS_MAX: u64 = 1_000;

impl<C: Clock + ?Sized> Publisher<'_, C> {
    /// Puts a heartbeat behind everything offered so far, if there are heartbeats.
    pub(super) fn heartbeat(&mut self) {
        if self.session.pack.framing.numbers_packets() {
            self.numbered_heartbeat();
            return;
        }
        if let Some(heartbeat) = self.next_heartbeat() {
            self.broadcast(&heartbeat);
            self.session.report.heartbeats += 1;
        }
    }

    /// Makes sure that each line tells of the next sequence number, before anything else that is offered to it.
    pub(super) fn announce(&mut self) {
        if self.session.pack.framing.numbers_packets() {
            return self.announce_numbered();
        }
        if let Some(heartbeat) = self.next_heartbeat() {
            self.session.report.heartbeats += self.broadcast_until_through(&heartbeat, 1);
        }
    }

    fn next_heartbeat(&mut self) -> Option<Packet> {
        let interval_ns = self.session.heartbeat_ns?;
        self.session.heartbeat_due_ns = self.clock.now_ns().saturating_add(interval_ns);
        Some(Packet {
            payload: self.session.pack.heartbeat(&self.session.standing),
            session: self.ended.len(),
            kind: Kind::Heartbeat,
        })
    }

    /// Puts a heartbeat with a number of its own behind everything offered so far, which each line may lose like any other
    /// packet. Which lines let it through; `None` where there are no heartbeats, or packets are made already that are not
    /// offered yet.
    fn numbered_heartbeat(&mut self) -> Option<Vec<bool>> {
        let interval_ns = self.session.heartbeat_ns?;
        let now_ns = self.clock.now_ns();
        self.session.heartbeat_due_ns = now_ns.saturating_add(interval_ns);
        if self.session.packetiser.next_sequence() != self.session.standing.next_sequence {
            return None;
        }
        let heartbeat = self.session.packetiser.numbered_heartbeat()?;
        self.write_down(&heartbeat, true);
        self.session.pass(&heartbeat);
        let packet = Packet {
            payload: heartbeat.payload,
            session: self.ended.len(),
            kind: Kind::Data(Data {
                first: heartbeat.first,
                messages: 1,
                carried: Rc::new(Cell::new(false)),
            }),
        };
        let lines = self.lines.iter_mut();
        let through: Vec<bool> = lines.map(|line| line.offer(now_ns, &packet)).collect();
        let session = &mut self.session;
        if !through.contains(&true) {
            session.report.lost_on_both.add(heartbeat.first, 1);
        }
        session.report.packets += 1;
        session.report.messages += 1;
        session.report.heartbeats += 1;
        Some(through)
    }

    /// Sends numbered heartbeats until each line but the dead ones has let one through.
    fn announce_numbered(&mut self) {
        let mut through: Vec<bool> = self.lines.iter().map(Outlet::is_dead).collect();
        for _ in 0..REPETITIONS_MAX {
            let Some(now) = self.numbered_heartbeat() else {
                break;
            };
            for (through, now) in through.iter_mut().zip(now) {
                *through |= now;
            }
            if !through.contains(&false) {
                break;
            }
        }
        self.release_all();
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

    /// Ends the session that goes on, behind its last message.
    pub(super) fn end_session(&mut self, plan: &SessionPlan) -> Result<(), SimError> {
        self.release_all();
        self.announce();
        if plan.linger_ns > 0 {
            self.wait_until(self.clock.now_ns().saturating_add(plan.linger_ns))?;
        }
        self.session.heartbeat_due_ns = u64::MAX;
        let next_sequence = self.session.packetiser.next_sequence();
        let end = self.session.pack.end_of_session(next_sequence);
        if let (Some(repeat_ns), Some(payload)) = (plan.end_of_session_ns, end) {
            let end = Packet {
                payload,
                session: self.ended.len(),
                kind: Kind::EndOfSession,
            };
            self.session.report.end_of_session =
                self.broadcast_until_through(&end, END_OF_SESSION_PACKETS);
            let until_ns = self.clock.now_ns().saturating_add(repeat_ns);
            let interval_ns = plan.heartbeat_ns.unwrap_or(repeat_ns).max(1);
            while repeat_ns > 0 && self.clock.now_ns() < until_ns && !self.clock.stopped() {
                let next_ns = self.clock.now_ns().saturating_add(interval_ns);
                self.wait_until(next_ns.min(until_ns))?;
                self.broadcast(&end);
                self.session.report.end_of_session += 1;
            }
        }
        self.close_report();
        Ok(())
    }
}
