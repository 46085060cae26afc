//! Everything that recovery has to do with, on one clock: the exchange, its lines and servers, the channel in its worker,
//! the planner in its control plane, and the two channels between them.
//!
//! Time is virtual and nothing is drawn but from the schedule: the same schedule is the same run. *True* time orders what
//! happens; the channel and the planner read a clock that may step.

use std::collections::BTreeMap;

use bytes::Bytes;
use gateway_feed::arbitration::{ChannelState, LineId, OnGap};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::harness::Item;
use gateway_feed::moldudp64::{self, PacketBuilder, Session};
use gateway_feed::recovery::{
    Action, Answers, Backoff, Demand, Planner, PlannerConfig, Reply, Supply, SupplyItem,
};
use gateway_sim::recovery::counts::RerequestCounts;
use gateway_sim::recovery::glimpse::{GlimpseFaults, GlimpseServer};
use gateway_sim::recovery::rerequest::{RerequestOptions, RerequestServer};

use super::exchange::{Datagram, Exchange};
use super::fetch::{self, Fetch};
use super::script::{Fate, MS, Script, Setup, Step, US};
use super::sink::{Both, Record};

const START_NS: u64 = 1_700_000_000_000_000_000;
/// The exchange's pause between heartbeats.
const HEARTBEAT_NS: u64 = 1_000 * MS;
/// From one end of a cable to the other.
const WAY_NS: u64 = 20 * US;
/// How long the worker's loop takes.
const LOOP_NS: u64 = 2 * US;
/// How long it takes where a demand was refused: a worker tries again at every turn, but nothing is to be learnt from
/// thousands of refusals in a row.
const REFUSED_LOOP_NS: u64 = 100 * US;
/// Demands that wait for the control plane, at most.
const DEMANDS_MAX: usize = 2;
/// How often something may be due at the same moment: more is an endless loop.
const WAKES_MAX: u32 = 5_000;
/// For how long the exchange waits until a channel has caught up, in heartbeats: one message at a time from a server that
/// mostly lies takes a minute for a few hundred.
const PATIENCE: usize = 600;
/// The shortest session: longer than any packet is on its way.
const SESSION_NS_MIN: u64 = 10 * MS;
/// The line of answers, where there is one.
const ANSWERS: LineId = LineId(2);
const ON_TIME: Fate = [Some(7 * US), None];
const LOST: Fate = [None, None];

/// What is on its way.
#[derive(Debug)]
enum Event {
    Datagram(Datagram),
    /// A re-request server's answer reaches the planner.
    Answer(usize, Vec<u8>),
    /// A server's word about the request from a number on reaches the planner.
    Reply(usize, u64, Reply),
    /// What the planner says reaches the worker, and what the worker wants the planner.
    Supply(Supply, Option<usize>),
    Demand(Box<Demand>),
    /// A snapshot server was not there.
    NoSnapshot(u64),
    Look,
}

/// A run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) exchange: Exchange,
    pub(crate) channel: Channel<Both>,
    pub(crate) config: ChannelConfig,
    pub(crate) record: Record,
    pub(crate) planner: Planner,
    /// What the planner may ask for, as the oracle checks it.
    pub(crate) planner_config: PlannerConfig,
    pub(crate) rerequest: Vec<(RerequestServer, bool)>,
    glimpse: Vec<(GlimpseServer, bool)>,
    fetch: Option<Fetch>,
    /// Attempts at a snapshot so far.
    attempts: u64,
    /// By the snapshot's place in the log: the numbering that it is of.
    pub(crate) snapshots: Vec<usize>,
    /// A snapshot that is here, until the planner hands it over.
    fetched: Option<usize>,
    queue: BTreeMap<(u64, u64), Event>,
    queued: u64,
    supplies: usize,
    demands: usize,
    blocked_until: u64,
    /// True time, and what the clock shows besides.
    now: u64,
    clock_ahead: i64,
    pub(crate) clock_stepped: bool,
    worker_at: u64,
    wakes: u32,
    /// Items of the log that were looked at, and the exchange's numbering that the channel is in.
    seen: usize,
    sessions_seen: usize,
    pub(crate) numbering: Option<usize>,
    /// All that it was in, one after the other.
    pub(crate) entered: Vec<usize>,
    /// Whether the exchange once went on although the channel had not caught up.
    pub(crate) abrupt: bool,
    /// When the last session began so.
    began: u64,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        let exchange = Exchange::new(&setup);
        let config = ChannelConfig {
            hold_timeout_ns: setup.hold_timeout_ns,
            hold_packets_max: setup.hold_packets_max,
            hold_bytes_max: 512 * setup.hold_packets_max,
            on_gap: setup.on_gap,
            recover_timeout_ns: setup.recover_timeout_ns,
            recover_packets_max: setup.recover_packets_max,
            recover_bytes_max: setup.recover_bytes_max,
            snapshots: setup.snapshots,
            expect_first_sequence: (setup.silent == 0).then_some(setup.first),
            stale_after_ns: 3 * HEARTBEAT_NS,
            lines: 2 + usize::from(setup.on_lines),
            answer_lines: usize::from(setup.on_lines),
            ..ChannelConfig::default()
        };
        let planner_config = PlannerConfig {
            servers: setup.rerequest.len(),
            ask: setup.ask,
            answers: if setup.on_lines {
                Answers::OnLines
            } else {
                Answers::FromServers
            },
            request_messages_max: setup.request_messages_max,
            requests_outstanding_max: setup.requests_outstanding_max,
            answer_timeout_ns: 5 * MS,
            attempts_max: setup.attempts_max,
            hole_messages_max: setup.hole_messages_max,
            requests_per_second: setup.requests_per_second,
            requests_burst: 20,
            backoff: Backoff {
                min_ns: MS,
                max_ns: 20 * MS,
            },
            snapshot_servers: setup.glimpse.len(),
            snapshot_attempts_max: 3,
            snapshot_backoff: Backoff {
                min_ns: MS,
                max_ns: 50 * MS,
            },
        };
        let rerequest = (0..).zip(&setup.rerequest).map(|(number, faults)| {
            let options = RerequestOptions {
                history_messages: setup.history as u64,
                packet_bytes_max: 300,
                faults: *faults,
                seed: setup.seed,
                number,
            };
            (RerequestServer::new(options), false)
        });
        let glimpse = (0..)
            .zip(&setup.glimpse)
            .map(|(number, faults)| (fetch::server(*faults, setup.seed, number), false));
        Self {
            channel: Channel::new(config, Both::new(setup.decodes)),
            config,
            record: Record::default(),
            planner: Planner::new(planner_config),
            planner_config,
            rerequest: rerequest.collect(),
            glimpse: glimpse.collect(),
            fetch: None,
            attempts: 0,
            snapshots: Vec::new(),
            fetched: None,
            queue: BTreeMap::new(),
            queued: 0,
            supplies: 0,
            demands: 0,
            blocked_until: 0,
            now: START_NS,
            clock_ahead: 0,
            clock_stepped: false,
            worker_at: 0,
            wakes: 0,
            seen: 0,
            sessions_seen: 0,
            numbering: None,
            entered: Vec::new(),
            abrupt: false,
            began: 0,
            exchange,
            setup,
        }
    }

    /// Plays a schedule to its end.
    pub(crate) fn play(&mut self, script: &Script) {
        self.idle();
        for (bytes, step) in script.steps.iter().zip(script.read_steps()) {
            self.run_until(self.now + Step::pause_ns(bytes));
            self.step(step);
            self.send();
        }
        self.come_to_rest();
    }

    fn step(&mut self, step: Step) {
        let calm = self.setup.strays;
        match step {
            Step::Data {
                messages,
                fates,
                cut,
            } => {
                let fates = self.setup.limited(fates);
                self.exchange.data(messages.into(), fates, cut);
            }
            Step::Heartbeat { .. } if self.setup.late => {}
            Step::Heartbeat { fates } => self.exchange.tell(self.setup.limited(fates)),
            Step::Lost { packets } => {
                (0..packets).for_each(|_| self.exchange.data(3, [LOST; 2], None));
            }
            Step::Burst { packets } => {
                (0..packets).for_each(|_| self.exchange.data(3, [ON_TIME; 2], None));
            }
            Step::EndOfSession => {
                self.grow_old();
                self.exchange.end_session();
                self.exchange.tell([ON_TIME; 2]);
            }
            Step::NewSession { abrupt } if !abrupt || self.setup.benign => {
                self.catch_up();
                self.exchange.end_session();
                self.idle();
                self.exchange.begin_session();
                self.idle();
            }
            Step::NewSession { .. } => {
                self.abrupt = true;
                self.grow_old();
                self.exchange.begin_session();
                self.began = self.now;
            }
            Step::Restart => self.restart(),
            Step::Pause { ns } => self.run_until(self.now + ns),
            Step::Switch { server } => self.switch(usize::from(server)),
            Step::Clock { ns } if !calm => {
                // What is on its way comes before, or it would be late by as much.
                self.run_until(self.now + SESSION_NS_MIN);
                self.clock_ahead += ns;
                self.clock_stepped = true;
            }
            Step::Blocked { ns } => self.blocked_until = self.now + ns,
            Step::Refresh => {
                let clock = self.clock();
                self.record.now = self.now;
                self.channel.refresh(clock, &mut self.record);
                self.look();
            }
            Step::Stray {
                foreign,
                line,
                messages,
            } if calm && !self.exchange.current().ended => self.stray(foreign, line, messages),
            Step::Garbage { line, bytes } => {
                let payload: Vec<u8> = (0..bytes % 19).map(|byte| byte.wrapping_mul(37)).collect();
                self.exchange.stray(line, payload.into(), ON_TIME);
            }
            Step::Clock { .. } | Step::Stray { .. } => {}
        }
    }

    /// No session is shorter than a packet may be late, and none ends before the channel went over to it, where a line brings
    /// anything of it.
    fn grow_old(&mut self) {
        self.run_until(self.now.max(self.began + SESSION_NS_MIN));
        let current = self.exchange.numberings.len() - 1;
        let step = |world: &mut Self| {
            world.run_until(world.now + SESSION_NS_MIN);
            world.numbering == Some(current)
        };
        let _ = self.numbering == Some(current) || (0..100).any(|_| step(self));
    }

    /// The numbers begin anew, once the channel and both lines are where the exchange is.
    fn restart(&mut self) {
        let current = self.exchange.current();
        if current.ended || current.sent == 0 || !self.catch_up() {
            return;
        }
        self.exchange.restart();
        self.idle();
        self.idle();
    }

    /// A server goes, or comes back. The first re-request server of a benign schedule stays.
    fn switch(&mut self, server: usize) {
        if server == 0 && self.setup.benign {
            return;
        }
        let glimpse = server.checked_sub(3);
        let down = match glimpse {
            None => self.rerequest.get_mut(server).map(|(_, down)| down),
            Some(server) => self.glimpse.get_mut(server).map(|(_, down)| down),
        };
        if let Some(down) = down {
            *down = !*down;
        }
    }

    /// A packet far ahead, or of a session that nobody knows; no two say the same.
    fn stray(&mut self, foreign: bool, line: u8, messages: u8) {
        let current = self.exchange.current().session;
        let session = if foreign {
            let name = format!("X{}", self.queued % 100_000);
            Session::from_name(&name).expect("short enough")
        } else {
            current
        };
        let first = (self.queued + 1) << 20;
        let mut builder = PacketBuilder::new(session, first, 1_472);
        (0..messages).for_each(|_| builder.push(b"stray").expect("it fits"));
        let payload = builder.finish(|packet| packet.to_vec());
        self.exchange.stray(line, payload.into(), ON_TIME);
    }

    /// Puts what the exchange sent on its way.
    fn send(&mut self) {
        for (delay, datagram) in std::mem::take(&mut self.exchange.outbox) {
            self.push(self.now + delay, Event::Datagram(datagram));
        }
    }

    /// A second in which both lines show where they are.
    fn idle(&mut self) {
        self.exchange.tell([ON_TIME; 2]);
        self.send();
        self.run_until(self.now + HEARTBEAT_NS);
        let clock = self.clock();
        self.channel.watch(clock, &mut self.record);
    }

    /// Waits until the channel is where the exchange is and wants nothing; `false` if it does not come to that.
    fn catch_up(&mut self) -> bool {
        self.idle();
        (0..PATIENCE).any(|_| {
            let there = self.has_caught_up();
            if !there {
                self.idle();
            }
            there
        })
    }

    fn has_caught_up(&self) -> bool {
        let counters = self.channel.counters();
        let state = ChannelState::from_number(counters.recovery.state);
        self.numbering == Some(self.exchange.numberings.len() - 1)
            && counters.next_sequence == self.exchange.current().next()
            && match state {
                ChannelState::Live => true,
                ChannelState::Snapshot => !self.can_get_well() && !self.channel.takes_snapshot(),
                ChannelState::Stale | ChannelState::Holding | ChannelState::Recovering => false,
            }
    }

    /// Whether a snapshot server serves sooner or later, so that the books come right.
    pub(crate) fn can_get_well(&self) -> bool {
        let serves = |((_, down), faults): (&(GlimpseServer, bool), &GlimpseFaults)| {
            !down && faults.refuse < 1.0 && faults.wrong_end < 1.0
        };
        self.setup.snapshots && self.glimpse.iter().zip(&self.setup.glimpse).any(serves)
    }

    /// All servers are there, nothing is in the way, and the exchange does not go on.
    fn come_to_rest(&mut self) {
        self.blocked_until = 0;
        self.rerequest
            .iter_mut()
            .for_each(|(_, down)| *down = false);
        self.glimpse.iter_mut().for_each(|(_, down)| *down = false);
        self.catch_up();
        self.idle();
        self.idle();
    }

    /// How long the run took, by true time.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        self.now - START_NS
    }

    fn clock(&self) -> u64 {
        self.now.saturating_add_signed(self.clock_ahead)
    }

    /// When it is truly so late as `clock` says.
    fn true_time(&self, clock: u64) -> u64 {
        clock
            .saturating_add_signed(self.clock_ahead.saturating_neg())
            .max(self.now)
    }

    fn push(&mut self, at: u64, event: Event) {
        self.queued += 1;
        self.queue.insert((at, self.queued), event);
    }

    /// Lets everything happen that is due by `until`, in order.
    fn run_until(&mut self, until: u64) {
        loop {
            let queued = self
                .queue
                .first_key_value()
                .map_or(u64::MAX, |(key, _)| key.0);
            let worker = self.channel.next_deadline().map_or(u64::MAX, |deadline| {
                self.true_time(deadline).max(self.worker_at)
            });
            let planner = self
                .planner
                .next_deadline()
                .map_or(u64::MAX, |due| self.true_time(due));
            let next = queued.min(worker).min(planner);
            if next > until {
                self.now = until;
                return;
            }
            self.wakes = if next > self.now { 0 } else { self.wakes + 1 };
            assert!(self.wakes < WAKES_MAX, "an endless loop");
            self.now = next;
            if next == queued {
                if let Some((_, event)) = self.queue.pop_first() {
                    self.happen(event);
                }
            } else if next == worker {
                self.wake_worker();
            } else {
                let clock = self.clock();
                self.plan(|planner, acts| planner.on_time(clock, &mut |act| acts.push(act)));
            }
            self.look();
        }
    }

    fn happen(&mut self, event: Event) {
        let clock = self.clock();
        self.record.now = self.now;
        match event {
            Event::Datagram(datagram) => {
                self.note_arrival(&datagram);
                let Datagram { line, payload, .. } = datagram;
                let _ = self
                    .channel
                    .on_packet(line, clock, &payload, &mut self.record);
            }
            Event::Supply(supply, numbering) => {
                self.supplies -= 1;
                let before = self.channel.counters().recovery.snapshots;
                let _ = self.channel.supply(clock, &supply, &mut self.record);
                if self.channel.counters().recovery.snapshots > before {
                    self.snapshots.extend(numbering);
                }
            }
            Event::Answer(_, payload) if self.setup.on_lines => {
                let _ = self
                    .channel
                    .on_packet(ANSWERS, clock, &payload, &mut self.record);
            }
            Event::Reply(server, first, reply) => self.plan(|planner, acts| {
                planner.on_reply(clock, server, first, reply, &mut |act| acts.push(act))
            }),
            Event::Answer(server, payload) => {
                let payload = Bytes::from(payload);
                self.plan(|planner, acts| {
                    planner.on_packet(clock, server, payload, &mut |act| acts.push(act))
                });
            }
            Event::Demand(demand) => {
                self.demands -= 1;
                self.plan(|planner, acts| {
                    planner.on_demand(clock, &demand, &mut |act| acts.push(act))
                });
            }
            Event::NoSnapshot(attempt) if attempt != self.attempts => {}
            Event::NoSnapshot(_) => self
                .plan(|planner, acts| planner.on_snapshot(clock, None, &mut |act| acts.push(act))),
            Event::Look => self.look_at_fetch(),
        }
    }

    fn look_at_fetch(&mut self) {
        let Some(fetch) = &mut self.fetch else { return };
        let numbering = self.exchange.numberings.len() - 1;
        match fetch.go_on(self.now, &self.exchange.venue, numbering) {
            None => {
                let at = fetch.next_look(self.now);
                self.push(at, Event::Look);
            }
            Some(end) => {
                self.fetched = fetch.numbering;
                self.fetch = None;
                let fetched = end.map(|(sequence, messages)| (sequence, Bytes::from(messages)));
                let clock = self.clock();
                self.plan(|planner, acts| {
                    planner.on_snapshot(clock, fetched, &mut |act| acts.push(act))
                });
            }
        }
    }

    /// Lets the worker look at the clock, and tell what it wants.
    fn wake_worker(&mut self) {
        self.record.now = self.now;
        let clock = self.clock();
        self.channel.on_time(clock, &mut self.record);
        let room = self.demands < DEMANDS_MAX && self.now >= self.blocked_until;
        let (mut told, mut loop_ns) = (None, LOOP_NS);
        self.channel.tell_demand(|demand| {
            if room {
                told = Some(*demand);
            } else {
                loop_ns = REFUSED_LOOP_NS;
            }
            room
        });
        if let Some(demand) = told {
            self.demands += 1;
            self.push(self.now + WAY_NS, Event::Demand(Box::new(demand)));
        }
        self.worker_at = self.now + loop_ns;
    }

    /// Lets the planner do something, and does what it says.
    fn plan(&mut self, doing: impl FnOnce(&mut Planner, &mut Vec<Action>)) {
        let mut actions = Vec::new();
        doing(&mut self.planner, &mut actions);
        for action in actions {
            match action {
                Action::Request { server, request } => {
                    let now = self.now + WAY_NS;
                    let mut answers = Vec::new();
                    let (responder, down) = &mut self.rerequest[server];
                    let before = responder.counts().clone();
                    let ledger = self.exchange.venue.lock();
                    let wire = moldudp64::Request::from(request).encode();
                    responder.on_request(now, *down, &wire, &ledger, |answer| {
                        answers.push(answer);
                    });
                    drop(ledger);
                    let has_none =
                        |counts: &RerequestCounts| counts.too_old + counts.not_yet + counts.missing;
                    let refused = has_none(responder.counts()) > has_none(&before);
                    if self.setup.on_lines && (refused || !answers.is_empty()) {
                        let reply = if refused {
                            Reply::NotThere
                        } else {
                            Reply::Accepted
                        };
                        self.push(now + WAY_NS, Event::Reply(server, request.first, reply));
                    }
                    for answer in answers {
                        self.push(answer.at_ns + WAY_NS, Event::Answer(server, answer.payload));
                    }
                }
                Action::Supply(supply) => {
                    if self.supplies >= self.setup.supplies_max || self.now < self.blocked_until {
                        self.planner.on_supply_lost(supply.serial);
                        continue;
                    }
                    self.supplies += 1;
                    let snapshot = matches!(supply.item, SupplyItem::Snapshot(_));
                    let numbering = self.fetched.filter(|_| snapshot);
                    self.push(self.now + WAY_NS, Event::Supply(supply, numbering));
                }
                Action::FetchSnapshot { server, .. } => {
                    self.attempts += 1;
                    let (server, down) = &mut self.glimpse[server];
                    assert!(self.fetch.is_none(), "two snapshots are fetched at a time");
                    if *down {
                        self.push(self.now + WAY_NS, Event::NoSnapshot(self.attempts));
                    } else {
                        self.fetch = Some(Fetch::new(server, self.now));
                        self.push(self.now + WAY_NS, Event::Look);
                    }
                }
                Action::AbandonSnapshot => {
                    self.attempts += 1;
                    self.fetch = None;
                }
            }
        }
    }

    /// Notes what a line brings of the numbering that the channel is in.
    fn note_arrival(&mut self, datagram: &Datagram) {
        if let Some((numbering, first, count)) = datagram.data
            && self.numbering == Some(numbering)
        {
            let of = &mut self.exchange.numberings[numbering];
            let from = (first - of.first) as usize;
            for arrived in &mut of.arrived[from..from + count as usize] {
                arrived.get_or_insert(self.now);
            }
        }
    }

    /// Looks at what left the channel, and that it holds no more than it may.
    fn look(&mut self) {
        while let Some(item) = self.record.log.items.get(self.seen) {
            self.seen += 1;
            let restarts = match item {
                Item::SessionStart(_) => {
                    self.sessions_seen += 1;
                    false
                }
                Item::Reset(_) => true,
                _ => continue,
            };
            let head = self.record.sessions[self.sessions_seen - 1];
            let from = self.numbering.map_or(0, |numbering| numbering + 1);
            let found = self.exchange.numberings[from..]
                .iter()
                .position(|numbering| {
                    numbering.restarts == restarts && numbering.session.id().head() == head
                });
            let found = found.expect("the channel is in a numbering that the exchange never had");
            self.numbering = Some(from + found);
            self.entered.push(from + found);
        }
        let counters = self.channel.counters();
        let bound = match self.config.on_gap {
            OnGap::Continue => self.config.hold_packets_max,
            OnGap::Recover => self
                .config
                .hold_packets_max
                .max(self.config.recover_packets_max),
        };
        assert!(
            counters.holding <= bound as u64,
            "{} packets are held",
            counters.holding
        );
        let retained = counters.recovery.retained;
        assert!(
            retained <= self.config.recover_packets_max.max(1) as u64,
            "{retained} packets are retained"
        );
    }
}
