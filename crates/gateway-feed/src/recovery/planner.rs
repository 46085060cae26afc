//! Which server is asked for what, and when: the control plane's half of recovery, for MoldUDP64 and PITCH.
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
//!
//! Where the venue sends what it is asked for on lines of their own ([`Answers::OnLines`]: PITCH's gap request proxies),
//! the channel takes it from there, and the planner learns of it by what is still wanted. The servers say only whether
//! they will send it ([`Planner::on_reply`]).

mod config;
mod counters;
mod replies;
mod requests;
mod snapshots;

use bytes::Bytes;

pub use config::{Answers, Ask, PlannerConfig, SERVERS_MAX};
pub use counters::PlannerCounters;
pub use replies::Reply;

use super::pieces::Pieces;
use super::servers::{Rate, Server};
use super::{Demand, Snapshot, Supply, SupplyItem};
use crate::moldudp64::MoldUdp64;
use crate::sink::Nanos;
use crate::transport::{FrameKind, SessionId, Transport};

/// How long the worker is left alone that could not take something.
pub const OFFER_AGAIN_NS: Nanos = 1_000_000;

/// What a server is to be asked for: the numbers `first .. first + count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The session that they count in.
    pub session: SessionId,
    /// The first one.
    pub first: u64,
    /// How many, at least 1.
    pub count: u16,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this request to a server.
    Request {
        /// Its index.
        server: usize,
        /// What to ask it for.
        request: Request,
    },
    /// Give the channel this. Where it cannot be taken, [`Planner::on_supply_lost`] has to know.
    Supply(Supply),
    /// Fetch a snapshot; [`Planner::on_snapshot`] takes how it went.
    FetchSnapshot {
        /// From the snapshot server with this index.
        server: usize,
        /// An earlier sequence is of no use, as far as is known now.
        from: u64,
    },
    /// The snapshot that is being fetched is not wanted any more.
    AbandonSnapshot,
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
    /// When what the worker could not take is offered again.
    offer_at: Option<Nanos>,
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
            offer_at: None,
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
        match self.config.answers {
            Answers::FromServers => self.pieces.set(demand.holes(), had),
            Answers::OnLines => {
                let until = now.saturating_add(self.config.answer_timeout_ns);
                self.pieces.follow(demand.holes(), until);
            }
        }
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

    /// The channel was not given what [`Action::Supply`] said: [`on_time`](Self::on_time) plans it anew, a snapshot or
    /// the word that something cannot be had after [`OFFER_AGAIN_NS`].
    pub fn on_supply_lost(&mut self, serial: u64) {
        self.counters.supplies_lost += 1;
        self.offer_at = Some(self.latest.saturating_add(OFFER_AGAIN_NS));
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
        if let Some(offer_at) = self.offer_at {
            due = due.min(offer_at);
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
            let again = now.saturating_add(OFFER_AGAIN_NS);
            self.offer_at = self.offer_at.map(|offer_at| offer_at.min(again));
        }
        self.latest = now;
        self.offer_at = self.offer_at.filter(|offer_at| *offer_at > now);
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

    /// Does all that can be done now.
    fn plan(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        self.request(now, act);
        self.fetch(now, act);
        self.give(act);
    }
}
