//! Which server is asked for what, and when: the control plane's half of recovery, for MoldUDP64.
//!
//! The [`Planner`] is as pure as the channel: demands, packets and time in, [`Action`]s out. Who owns the sockets does
//! what they say. Its rules:
//!
//! - The lowest missing numbers first, as many requests at a time as `requests_outstanding_max`, never faster than
//!   `requests_per_second`. An answer fits one datagram: what it leaves is asked for at once, and it tells how much
//!   fits one, so that from then on the parts of a hole are asked for side by side.
//! - A server that does not answer within `answer_timeout_ns` rests, for longer each time; its first answer ends that.
//!   Meanwhile the next one is asked, or all were asked to begin with ([`Ask::All`]).
//! - A server that answers with something else, or with no message, does not have what it was asked for: the next one
//!   is asked at once.
//! - Numbers that `attempts_max` requests in a row brought nothing of, or whose hole is longer than
//!   `hole_messages_max`, are *spent*: a snapshot has to close the hole, and where none is to be had they are given up.
//! - A snapshot is handed over only once nothing below its sequence can be had any more.

use bytes::Bytes;

use super::pieces::{Asked, Piece, Pieces};
use super::servers::{Backoff, Rate, Server};
use super::{Demand, Snapshot, Supply, SupplyItem};
use crate::moldudp64::{MESSAGE_COUNT_MAX, MoldUdp64, Request, Session};
use crate::sink::Nanos;
use crate::transport::{FrameKind, Transport};

/// The most re-request servers.
pub const SERVERS_MAX: usize = 16;

/// In which order servers are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// One after the other, beginning with the one that answered last.
    #[default]
    InTurn,
    /// All at once: the first answer counts. It costs as many requests as there are servers.
    All,
}

/// How a [`Planner`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerConfig {
    /// Re-request servers, 0..=[`SERVERS_MAX`].
    pub servers: usize,
    /// In which order they are asked.
    pub ask: Ask,
    /// The most messages of one request, 1..=65,534.
    pub request_messages_max: u16,
    /// Requests that may wait for their answers at a time.
    pub requests_outstanding_max: usize,
    /// How long an answer is waited for, in nanoseconds.
    pub answer_timeout_ns: Nanos,
    /// Requests in a row that bring nothing, after which numbers are spent.
    pub attempts_max: u32,
    /// A longer hole is spent at once.
    pub hole_messages_max: u64,
    /// Requests a second, to all servers together.
    pub requests_per_second: u32,
    /// How many of them may go at once after a pause.
    pub requests_burst: u32,
    /// How long a server rests that does not answer.
    pub backoff: Backoff,
    /// Snapshot servers.
    pub snapshot_servers: usize,
    /// Attempts in a row at a snapshot after which holes that wait for it are given up.
    pub snapshot_attempts_max: u32,
    /// The pause between attempts.
    pub snapshot_backoff: Backoff,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self {
            servers: 0,
            ask: Ask::InTurn,
            request_messages_max: 1_000,
            requests_outstanding_max: 8,
            answer_timeout_ns: 20_000_000,
            attempts_max: 6,
            hole_messages_max: 100_000,
            requests_per_second: 1_000,
            requests_burst: 100,
            backoff: Backoff {
                min_ns: 10_000_000,
                max_ns: 1_000_000_000,
            },
            snapshot_servers: 0,
            snapshot_attempts_max: 3,
            snapshot_backoff: Backoff {
                min_ns: 100_000_000,
                max_ns: 10_000_000_000,
            },
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this request to a server.
    Request {
        /// Its index.
        server: usize,
        /// What to send.
        request: Request,
    },
    /// Give the channel this. Where it cannot be taken, [`Planner::on_supply_lost`] has to know.
    Supply(Supply),
    /// Fetch a snapshot; [`Planner::on_snapshot`] takes how it went.
    FetchSnapshot {
        /// From the snapshot server with this index.
        server: usize,
    },
    /// The snapshot that is being fetched is not wanted any more.
    AbandonSnapshot,
}

/// What a planner did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlannerCounters {
    /// Requests sent.
    pub requests: u64,
    /// Requests that nobody answered in time.
    pub timeouts: u64,
    /// Packets of servers.
    pub packets: u64,
    /// Of these, answers with something that was missing.
    pub answers: u64,
    /// Messages in them that were missing.
    pub messages: u64,
    /// Packets of another session.
    pub other_session: u64,
    /// Packets with nothing that is missing: others were faster, or nobody asked.
    pub not_missing: u64,
    /// Packets without a message, or that are no packets.
    pub no_messages: u64,
    /// Requests that waited for their turn because of the rate.
    pub rate_limited: u64,
    /// Messages that no server could be had of.
    pub spent_messages: u64,
    /// Times that the channel was told that something cannot be had.
    pub given_up: u64,
    /// Attempts at a snapshot.
    pub snapshot_attempts: u64,
    /// Of these, ones that failed.
    pub snapshot_failures: u64,
    /// Snapshots that were from before what was needed.
    pub snapshots_too_old: u64,
    /// Snapshots handed over.
    pub snapshots: u64,
    /// What the channel's worker could not take.
    pub supplies_lost: u64,
}

#[derive(Clone, Debug, Default)]
enum Fetch {
    #[default]
    Idle,
    /// It runs.
    Running,
    /// It is here and has to wait for what can still be had below its sequence.
    Here(Snapshot),
    /// It was handed over under this serial.
    Given { serial: u64, snapshot: Snapshot },
}

/// Plans the recovery of one channel.
#[derive(Debug)]
pub struct Planner {
    config: PlannerConfig,
    demand: Demand,
    pieces: Pieces,
    /// Numbers handed over that the channel has not dealt with: serial, first, end.
    given: Vec<(u64, u64, u64)>,
    servers: Vec<Server>,
    /// The server that answered last.
    preferred: usize,
    rate: Rate,
    limited: bool,
    /// Messages of an answer that left a rest.
    fits: Option<u16>,
    serial: u64,
    /// The serial under which the channel was told last that something cannot be had.
    gave_up: u64,
    fetch: Fetch,
    /// Attempts in a row that failed.
    fetch_failures: u32,
    fetch_at: Nanos,
    next_snapshot_server: usize,
    latest: Nanos,
    counters: PlannerCounters,
}

impl Planner {
    /// For a channel that wants nothing yet.
    #[must_use]
    pub fn new(config: PlannerConfig) -> Self {
        Self {
            demand: Demand::default(),
            pieces: Pieces::default(),
            given: Vec::new(),
            servers: vec![Server::default(); config.servers.min(SERVERS_MAX)],
            preferred: 0,
            rate: Rate::new(config.requests_per_second, config.requests_burst),
            limited: false,
            fits: None,
            serial: 0,
            gave_up: 0,
            fetch: Fetch::Idle,
            fetch_failures: 0,
            fetch_at: 0,
            next_snapshot_server: 0,
            latest: 0,
            counters: PlannerCounters::default(),
            config,
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> &PlannerCounters {
        &self.counters
    }

    /// What the channel wants, as far as this planner knows.
    #[must_use]
    pub const fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Takes what the channel wants now.
    pub fn on_demand(&mut self, now: Nanos, demand: &Demand, act: &mut impl FnMut(Action)) {
        self.notice(now);
        if demand.epoch != self.demand.epoch {
            self.pieces.clear();
            self.given.clear();
            self.gave_up = 0;
            self.leave_snapshot(act);
            self.fetch_failures = 0;
            self.fetch_at = now;
        }
        self.demand = *demand;
        self.given.retain(|(serial, ..)| *serial > demand.supplied);
        let had = self.given.iter().map(|&(_, first, end)| (first, end));
        self.pieces.set(demand.holes(), had);
        let longest = self.config.hole_messages_max;
        for hole in demand.holes().iter().filter(|hole| hole.count > longest) {
            self.spend(hole.first, hole.end());
        }
        if let Fetch::Given { serial, snapshot } = &self.fetch
            && demand.supplied >= *serial
        {
            let sequence = snapshot.sequence();
            let still = demand.holes().iter().any(|hole| hole.first < sequence);
            self.fetch = Fetch::Idle;
            if demand.snapshot_from.is_some() || still {
                // It was refused, or another is needed already.
                self.fetch_failed(now);
            } else {
                self.fetch_failures = 0;
            }
        }
        self.plan(now, act);
    }

    /// Takes a packet that a re-request server sent.
    pub fn on_packet(
        &mut self,
        now: Nanos,
        server: usize,
        packet: Bytes,
        act: &mut impl FnMut(Action),
    ) {
        self.notice(now);
        self.counters.packets += 1;
        let Ok(frame) = MoldUdp64::frame(&packet) else {
            self.counters.no_messages += 1;
            return;
        };
        if frame.session != self.demand.session {
            self.counters.other_session += 1;
            return;
        }
        let whole = match frame.kind {
            FrameKind::Data if frame.first > 0 => MoldUdp64::walk(&frame, 0, |_, _| {}).whole,
            _ => 0,
        };
        let (first, end) = (frame.first, frame.first.saturating_add(whole.into()));
        if whole == 0 {
            self.counters.no_messages += 1;
            self.without_answer(server);
        } else {
            self.learn(first, end);
            let taken = self.pieces.take(first, end);
            if taken > 0 {
                self.counters.answers += 1;
                self.counters.messages += taken;
                if let Some(server) = self.servers.get_mut(server) {
                    server.answered();
                }
                self.preferred = server;
                let serial = self.supply(SupplyItem::Answer(packet), act);
                self.given.push((serial, first, end));
            } else {
                self.counters.not_missing += 1;
                self.without_answer(server);
            }
        }
        self.plan(now, act);
    }

    /// Takes how the attempt at a snapshot went: the number where the stream goes on, and the messages as
    /// [`Snapshot::new`] wants them; or that there is none.
    pub fn on_snapshot(
        &mut self,
        now: Nanos,
        fetched: Option<(u64, Bytes)>,
        act: &mut impl FnMut(Action),
    ) {
        self.notice(now);
        if !matches!(self.fetch, Fetch::Running) {
            return;
        }
        self.fetch = Fetch::Idle;
        let snapshot = fetched.and_then(|(sequence, messages)| {
            Snapshot::new(self.demand.session, sequence, messages).ok()
        });
        match snapshot {
            None => {
                self.counters.snapshot_failures += 1;
                self.fetch_failed(now);
            }
            Some(snapshot) if snapshot.sequence() < self.snapshot_needed() => {
                self.counters.snapshots_too_old += 1;
                self.fetch_failed(now);
            }
            Some(snapshot) => self.fetch = Fetch::Here(snapshot),
        }
        self.plan(now, act);
    }

    /// The channel was not given what [`Action::Supply`] said: [`on_time`](Self::on_time) plans it anew.
    pub fn on_supply_lost(&mut self, serial: u64) {
        self.counters.supplies_lost += 1;
        if self.given.iter().any(|given| given.0 == serial) {
            self.given.retain(|given| given.0 != serial);
            let had = self.given.iter().map(|&(_, first, end)| (first, end));
            self.pieces.set(self.demand.holes(), had);
        }
        if self.gave_up == serial {
            self.gave_up = 0;
        }
        if let Fetch::Given {
            serial: given,
            snapshot,
        } = &self.fetch
            && *given == serial
        {
            self.fetch = Fetch::Here(snapshot.clone());
        }
    }

    /// Does what is due.
    pub fn on_time(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        self.notice(now);
        let backoff = self.config.backoff;
        for piece in self.pieces.iter_mut() {
            let Some(asked) = piece.asked.filter(|asked| asked.until <= now) else {
                continue;
            };
            piece.asked = None;
            piece.attempts += 1;
            self.counters.timeouts += 1;
            for (index, server) in self.servers.iter_mut().enumerate() {
                // Of a packet's worth of requests one failure is enough.
                if asked.servers & (1 << index) != 0 && server.rests_until <= now {
                    server.failed(now, backoff);
                }
            }
        }
        self.plan(now, act);
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` while there is nothing to wait for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let mut due = Nanos::MAX;
        let (mut running, mut open) = (0, false);
        for piece in self.pieces.iter().filter(|piece| !piece.spent) {
            match piece.asked {
                Some(asked) => {
                    running += 1;
                    due = due.min(asked.until);
                }
                None => open = true,
            }
        }
        if open && running < self.config.requests_outstanding_max.max(1) {
            let rests = self.servers.iter().map(|server| server.rests_until);
            let rested = rests.min().unwrap_or(Nanos::MAX);
            due = due.min(rested.max(self.rate.free_at(self.latest)));
        }
        if matches!(self.fetch, Fetch::Idle) && self.wants_snapshot() {
            due = due.min(self.fetch_at);
        }
        (due != Nanos::MAX).then_some(due)
    }

    /// Takes note of the time; nothing is waited for longer because the clock was set back.
    fn notice(&mut self, now: Nanos) {
        if now < self.latest {
            let config = &self.config;
            for asked in self
                .pieces
                .iter_mut()
                .filter_map(|piece| piece.asked.as_mut())
            {
                asked.until = asked
                    .until
                    .min(now.saturating_add(config.answer_timeout_ns));
            }
            for server in &mut self.servers {
                let rest = config.backoff.after(server.failures);
                server.rests_until = server.rests_until.min(now.saturating_add(rest));
            }
            let pause = config.snapshot_backoff.after(self.fetch_failures);
            self.fetch_at = self.fetch_at.min(now.saturating_add(pause));
            self.rate.rebase(now);
        }
        self.latest = now;
    }

    /// Learns from an answer that leaves a rest how much fits one.
    fn learn(&mut self, first: u64, end: u64) {
        let left_a_rest =
            |piece: &Piece| piece.asked.is_some() && piece.first == first && end < piece.end;
        if self.pieces.iter().any(left_a_rest) {
            self.fits = u16::try_from(end - first).ok();
        }
    }

    /// A server sent something else than what is missing. Where only one request to it runs, that was the answer.
    fn without_answer(&mut self, server: usize) {
        let bit = 1_u32.checked_shl(server as u32).unwrap_or(0);
        let is_asked =
            |piece: &&mut Piece| piece.asked.is_some_and(|asked| asked.servers & bit != 0);
        let mut asked = self.pieces.iter_mut().filter(is_asked);
        let (Some(piece), None) = (asked.next(), asked.next()) else {
            return;
        };
        if let Some(asked) = &mut piece.asked {
            asked.servers &= !bit;
            if asked.servers == 0 {
                piece.asked = None;
                piece.attempts += 1;
                self.preferred = server + 1;
            }
        }
    }

    fn supply(&mut self, item: SupplyItem, act: &mut impl FnMut(Action)) -> u64 {
        self.serial += 1;
        act(Action::Supply(Supply {
            epoch: self.demand.epoch,
            serial: self.serial,
            item,
        }));
        self.serial
    }

    /// No server is asked for `first .. end` any more.
    fn spend(&mut self, first: u64, end: u64) {
        for piece in self.pieces.iter_mut() {
            if piece.first < end && first < piece.end && !piece.spent {
                piece.spent = true;
                piece.asked = None;
                let messages = piece.end - piece.first;
                self.counters.spent_messages =
                    self.counters.spent_messages.saturating_add(messages);
            }
        }
    }

    /// Does all that can be done now.
    fn plan(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        self.request(now, act);
        self.fetch(now, act);
        self.give(act);
    }

    fn request(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        let mut running = self
            .pieces
            .iter()
            .filter(|piece| piece.asked.is_some())
            .count();
        let mut index = 0;
        while let Some(piece) = self.pieces.get(index) {
            index += 1;
            if piece.spent || piece.asked.is_some() {
                continue;
            }
            if piece.attempts >= self.config.attempts_max || self.servers.is_empty() {
                self.spend(piece.first, piece.end);
                continue;
            }
            let servers = self.choose(now);
            if servers == 0 || running >= self.config.requests_outstanding_max.max(1) {
                continue;
            }
            if self.rate.free_at(now) > now {
                self.counters.rate_limited += u64::from(!self.limited);
                self.limited = true;
                return;
            }
            self.limited = false;
            let most = self.config.request_messages_max.clamp(1, MESSAGE_COUNT_MAX);
            let most = self
                .fits
                .filter(|_| piece.attempts == 0)
                .unwrap_or(most)
                .min(most);
            let count = (piece.end - piece.first).min(u64::from(most)) as u16;
            self.pieces.split(index - 1, piece.first + u64::from(count));
            if let Some(piece) = self.pieces.get_mut(index - 1) {
                let until = now.saturating_add(self.config.answer_timeout_ns);
                piece.asked = Some(Asked { servers, until });
            }
            running += 1;
            let [a, b, c, d, e, f, g, h, i, j, ..] = self.demand.session.bytes();
            let request = Request {
                session: Session([a, b, c, d, e, f, g, h, i, j]),
                sequence: piece.first,
                count,
            };
            for server in (0..self.servers.len()).filter(|index| servers & (1 << index) != 0) {
                self.rate.take(now);
                self.counters.requests += 1;
                act(Action::Request { server, request });
            }
        }
    }

    /// The servers to ask now, by bit.
    fn choose(&self, now: Nanos) -> u32 {
        let count = self.servers.len();
        let order = (0..count).map(|step| (self.preferred + step) % count);
        let mut able = order.filter(|index| self.servers[*index].rests_until <= now);
        match self.config.ask {
            Ask::InTurn => able.next().map_or(0, |index| 1 << index),
            Ask::All => able.map(|index| 1 << index).sum(),
        }
    }

    /// The number behind the lowest missing numbers that only a snapshot can replace.
    fn spent_before(&self) -> Option<u64> {
        let first = self.pieces.get(0).filter(|piece| piece.spent)?;
        let run = self.pieces.iter().take_while(|piece| piece.spent);
        Some(run.map(|piece| piece.end).last().unwrap_or(first.end))
    }

    fn has_snapshot_server(&self) -> bool {
        self.config.snapshot_servers > 0
    }

    fn wants_snapshot(&self) -> bool {
        let spent = self.spent_before().is_some() && !self.has_given_up();
        self.has_snapshot_server() && (self.demand.snapshot_from.is_some() || spent)
    }

    /// Whether the channel has been told that something cannot be had, and has not said yet that it knows.
    fn has_given_up(&self) -> bool {
        self.gave_up > self.demand.supplied
    }

    /// The lowest sequence that a snapshot must have.
    fn snapshot_needed(&self) -> u64 {
        let spent = self.spent_before().unwrap_or(0);
        self.demand.snapshot_from.unwrap_or(0).max(spent)
    }

    fn fetch(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        if !self.wants_snapshot() {
            if !matches!(self.fetch, Fetch::Given { .. }) {
                self.leave_snapshot(act);
            }
            return;
        }
        if matches!(self.fetch, Fetch::Idle) && now >= self.fetch_at {
            let server = self.next_snapshot_server % self.config.snapshot_servers;
            self.fetch = Fetch::Running;
            self.counters.snapshot_attempts += 1;
            act(Action::FetchSnapshot { server });
        }
    }

    fn leave_snapshot(&mut self, act: &mut impl FnMut(Action)) {
        if matches!(self.fetch, Fetch::Running) {
            act(Action::AbandonSnapshot);
        }
        self.fetch = Fetch::Idle;
    }

    /// Another server is tried, after a pause.
    fn fetch_failed(&mut self, now: Nanos) {
        self.fetch_failures = self.fetch_failures.saturating_add(1);
        self.next_snapshot_server = self.next_snapshot_server.wrapping_add(1);
        let pause = self.config.snapshot_backoff.after(self.fetch_failures);
        self.fetch_at = now.saturating_add(pause);
    }

    /// Hands over a snapshot that is here, or gives up what none can close.
    fn give(&mut self, act: &mut impl FnMut(Action)) {
        if let Fetch::Here(snapshot) = &self.fetch {
            let sequence = snapshot.sequence();
            let open = |piece: &Piece| !piece.spent && piece.first < sequence;
            if sequence < self.snapshot_needed() {
                self.counters.snapshots_too_old += 1;
                self.fetch = Fetch::Idle;
                self.fetch_failed(self.latest);
            } else if !self.pieces.iter().any(open) {
                let snapshot = snapshot.clone();
                let serial = self.supply(SupplyItem::Snapshot(snapshot.clone()), act);
                self.counters.snapshots += 1;
                self.fetch = Fetch::Given { serial, snapshot };
            }
            return;
        }
        let tries =
            self.has_snapshot_server() && self.fetch_failures < self.config.snapshot_attempts_max;
        if let Some(before) = self.spent_before()
            && !tries
            && !matches!(self.fetch, Fetch::Given { .. })
            && !self.has_given_up()
        {
            self.counters.given_up += 1;
            self.gave_up = self.supply(SupplyItem::GiveUp { before }, act);
        }
    }
}
