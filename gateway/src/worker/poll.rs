//! The loop of a worker's thread: poll, arbitrate, decode, publish.
//!
//! Nothing here allocates, locks or logs once the loop runs, but where an input ends or fails: that is told to the
//! control plane once. A packet costs one reading of the clock, a burst one more, and in the socket tier a look at the
//! system's.
//!
//! All time-outs are in steady time, which goes on as before when somebody sets the system's clock; stamps that others
//! read are in the wall clock's.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use gateway_feed::arbitration::LineId;
use gateway_feed::recovery::Supply;
use gateway_feed::sink::Nanos;
use gateway_queue::clock::Clock;
use gateway_queue::{Ending, Publisher};

use super::board::{Rounds, STALLS_NS, WorkerBoard};
use super::control::{Command, Inbox, Retired};
use super::feed::FeedChannel;
use super::filter::Filter;
use super::route::Route;
use super::sink::{ChannelSink, Outlet, RecordWriter};
use super::supply::LaneSupply;
use crate::clock::since_card;
use crate::config::model::Wait;
use crate::ingest::{Datagram, Ingest, IngestCounters, IngestError, Provider, Tier};

/// Counters are copied to the board once in so long, busy or not: hundreds of stores are too many for each of the
/// moments in which a feed pauses, and a counter on show is never older than this.
const SHOW_NS: Nanos = 1_000_000;
/// A queue's readers take a heartbeat older than some of these as a sign of trouble.
const HEARTBEAT_NS: Nanos = 10_000_000;
/// How long [`Wait::Sleep`] sleeps.
const SLEEP: Duration = Duration::from_micros(50);

/// Something to poll, and where its streams go.
#[derive(Debug)]
pub struct WorkerInput {
    /// Hands out datagrams.
    pub provider: Provider,
    /// By stream.
    pub routes: Vec<Route>,
}

/// A channel and who wants what of it.
#[derive(Debug)]
pub struct WorkerChannel {
    /// Arbitration and decoder.
    pub feed: FeedChannel,
    /// Its queues.
    pub filter: Filter,
    /// Whether it wants what its lines have lost from elsewhere.
    pub recovers: bool,
}

/// What a worker tells the control plane, once in the life of each provider.
#[derive(Debug)]
pub enum WorkerEvent {
    /// A capture is at its end, and what was held of it is out.
    InputFinished {
        /// Index among the worker's inputs.
        input: usize,
    },
    /// An input is of no use any more; the worker polls the others.
    InputFailed {
        /// Index among the worker's inputs.
        input: usize,
        /// Why.
        error: IngestError,
    },
}

impl RecordWriter for Publisher {
    #[inline]
    fn write(&mut self, words: &[u64]) -> bool {
        self.publish(words)
    }

    fn mark_resync(&mut self) {
        Self::mark_resync(self);
    }
}

/// All that a worker's thread owns.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) inputs: Vec<Source>,
    pub(super) lanes: Vec<Lane>,
    /// No channel is to be woken before: what a round compares, instead of a word of each channel.
    pub(super) due: Nanos,
    pub(super) outlets: Vec<Outlet<Publisher>>,
    pub(super) wait: Wait,
    pub(super) board: Arc<WorkerBoard>,
    pub(super) inbox: Inbox,
    pub(super) events: Sender<WorkerEvent>,
    pub(super) retired: Sender<Retired>,
    pub(super) rounds: Rounds,
}

impl Rounds {
    #[inline]
    fn count(&mut self, took_ns: Nanos, idle: bool) {
        if !idle {
            self.busy_ns += took_ns;
        }
        if took_ns > STALLS_NS[0] {
            self.count_stall(took_ns);
        }
    }

    #[cold]
    fn count_stall(&mut self, took_ns: Nanos) {
        self.stalls += 1;
        self.long_stalls += u64::from(took_ns > STALLS_NS[1]);
        self.longest_ns = self.longest_ns.max(took_ns);
    }
}

/// An input with what the loop remembers of it.
#[derive(Debug)]
pub(super) struct Source {
    input: WorkerInput,
    /// What the providers before the present one have counted.
    before: IngestCounters,
    /// Whether packets may still come. What is over stays where it is: the worker frees nothing.
    live: bool,
    /// Whether it is a capture, whose packets carry its own time.
    capture: bool,
}

impl Source {
    pub(super) fn new(input: WorkerInput) -> Self {
        let capture = input.provider.tier() == Tier::Capture;
        Self {
            live: input.provider.is_plugged(),
            input,
            before: IngestCounters::default(),
            capture,
        }
    }

    /// How many packets its providers have brought.
    #[cfg(test)]
    pub(super) fn packets(&self) -> u64 {
        self.counters().packets
    }

    /// What all its providers have counted.
    fn counters(&self) -> IngestCounters {
        self.before + *self.input.provider.counters()
    }
}

/// A channel with what the loop remembers of it.
#[derive(Debug)]
pub(super) struct Lane {
    channel: WorkerChannel,
    /// When its state machine wants to be woken.
    deadline: Nanos,
    /// When its last packet came.
    latest: Nanos,
    /// Whether it did something since its counters were last shown.
    dirty: bool,
    /// Where it says what it wants from elsewhere, if it may.
    supply: Option<LaneSupply>,
}

impl Lane {
    pub(super) const fn new(channel: WorkerChannel, supply: Option<LaneSupply>) -> Self {
        Self {
            channel,
            deadline: Nanos::MAX,
            latest: 0,
            dirty: true,
            supply,
        }
    }

    #[inline]
    fn on_packet(
        &mut self,
        line: LineId,
        received: Nanos,
        payload: &[u8],
        outlets: &mut [Outlet<Publisher>],
    ) {
        if self.deadline <= received {
            self.on_time(received, outlets);
        }
        let filter = &mut self.channel.filter;
        let mut sink = ChannelSink { filter, outlets };
        self.channel
            .feed
            .on_packet(line, received, payload, &mut sink);
        self.deadline = self.channel.feed.deadline();
        self.latest = received;
        self.dirty = true;
    }

    /// Ends the channel's time at `now`: what it held is let go.
    fn finish(&mut self, now: Nanos, outlets: &mut [Outlet<Publisher>]) {
        let filter = &mut self.channel.filter;
        let mut sink = ChannelSink { filter, outlets };
        self.channel.feed.finish(now, &mut sink);
        self.deadline = Nanos::MAX;
        self.dirty = true;
    }

    fn on_time(&mut self, now: Nanos, outlets: &mut [Outlet<Publisher>]) {
        let filter = &mut self.channel.filter;
        let mut sink = ChannelSink { filter, outlets };
        self.channel.feed.on_time(now, &mut sink);
        if let Some(supply) = &mut self.supply {
            supply.attend(&mut self.channel.feed);
        }
        self.deadline = self.channel.feed.deadline();
        self.dirty = true;
    }

    /// Takes what was had from elsewhere than the lines.
    #[cold]
    fn supply(&mut self, supply: Supply, now: Nanos, outlets: &mut [Outlet<Publisher>]) {
        let filter = &mut self.channel.filter;
        let mut sink = ChannelSink { filter, outlets };
        // Only a channel that has this is given anything.
        if let Some(line) = &mut self.supply {
            line.take(&mut self.channel.feed, now, supply, &mut sink);
        }
        self.deadline = self.channel.feed.deadline();
        self.dirty = true;
    }

    /// Wants a snapshot, because a reader has lost records.
    #[cold]
    fn refresh(&mut self, now: Nanos, outlets: &mut [Outlet<Publisher>]) {
        let filter = &mut self.channel.filter;
        let mut sink = ChannelSink { filter, outlets };
        self.channel.feed.refresh(now, &mut sink);
        self.deadline = self.channel.feed.deadline();
        self.dirty = true;
    }

    /// Looks whether lines have fallen silent, or speak again.
    fn watch(&mut self, now: Nanos, outlets: &mut [Outlet<Publisher>]) {
        let filter = &mut self.channel.filter;
        let mut sink = ChannelSink { filter, outlets };
        self.dirty |= self.channel.feed.watch(now, &mut sink);
    }
}

/// Something to be done once in a while.
#[derive(Debug)]
struct Every {
    period: Nanos,
    last: Nanos,
}

impl Every {
    const fn new(period: Nanos) -> Self {
        Self { period, last: 0 }
    }

    #[inline]
    const fn due(&self, now: Nanos) -> bool {
        now.saturating_sub(self.last) >= self.period
    }

    const fn done(&mut self, now: Nanos) {
        self.last = now;
    }
}

impl Worker {
    /// Runs until told to stop, then closes the queues and returns what is left to be freed.
    pub(super) fn run(mut self) -> impl Sized {
        let clock = Clock::global();
        let captures = self.inputs.iter().any(|source| source.capture);
        let mut show = Every::new(SHOW_NS);
        let mut heartbeat = Every::new(HEARTBEAT_NS);
        let mut set_by_ns = 0;
        let mut before = 0;
        let spins = self.wait == Wait::Spin;
        loop {
            // Captures have a time of their own, which nobody sets.
            let ahead_ns = clock.set_by_ns();
            if ahead_ns != set_by_ns && !captures {
                set_by_ns = ahead_ns;
                self.stamp_ahead_by(set_by_ns);
            }
            match self.inbox.next() {
                None => {}
                Some(Command::Stop) => return self.stop(clock.steady_now()),
                Some(Command::Rotate { queue, successor }) => {
                    self.rotate(queue, successor, clock.now());
                }
                Some(Command::Swap { input, provider }) => {
                    self.swap(input, provider, clock.steady_now());
                }
                Some(Command::Filter { channel, filter }) => self.refilter(channel, filter),
                Some(Command::Supply { channel, supply }) => {
                    if let Some(lane) = self.lanes.get_mut(channel) {
                        lane.supply(supply, clock.steady_now(), &mut self.outlets);
                        self.due = self.due.min(lane.deadline);
                    }
                }
                Some(Command::Refresh { channel }) => {
                    if let Some(lane) = self.lanes.get_mut(channel) {
                        lane.refresh(clock.steady_now(), &mut self.outlets);
                        self.due = self.due.min(lane.deadline);
                    }
                }
            }
            let mut handled = 0;
            for index in 0..self.inputs.len() {
                handled += self.poll(index, clock);
            }
            let now = clock.steady_now();
            // The channels of a capture wait in its time: its packets wake them.
            if !captures {
                self.wake(now);
            }
            let idle = handled == 0;
            if spins && before != 0 {
                self.rounds.count(now.saturating_sub(before), idle);
            }
            before = now;
            if show.due(now) {
                if !captures {
                    self.watch(now);
                }
                self.show(now);
                show.done(now);
            }
            if heartbeat.due(now) {
                for outlet in &mut self.outlets {
                    outlet.writer.heartbeat(clock.wall(now));
                }
                heartbeat.done(now);
            }
            if idle {
                match self.wait {
                    Wait::Spin => std::hint::spin_loop(),
                    Wait::Yield => std::thread::yield_now(),
                    Wait::Sleep => std::thread::sleep(SLEEP),
                }
            }
        }
    }

    /// One burst of one input; how many packets it was.
    #[inline]
    pub(super) fn poll(&mut self, index: usize, clock: &Clock) -> usize {
        let source = &mut self.inputs[index];
        if !source.live {
            return 0;
        }
        let input = &mut source.input;
        let (lanes, outlets) = (&mut self.lanes, &mut self.outlets);
        let due = &mut self.due;
        let boards = &self.board.channels;
        let (mut burst, mut follows) = (None, None);
        // Of the socket tier: which stream's packets were taken last, and when.
        let mut taken = None;
        let mut stamp = 0;
        let routes = &input.routes;
        let result = input.provider.poll(&mut |datagram: Datagram<'_>| {
            let start = *burst.get_or_insert_with(|| {
                stamp = clock.steady_now();
                stamp
            });
            // Each stream has a socket, which is asked when those before it are done with.
            let start = match (datagram.stamps.kernel_ns, taken) {
                (None, _) => start,
                (Some(_), Some((stream, at))) if stream == datagram.stream => at,
                (Some(_), _) => {
                    let at = clock.steady_now();
                    taken = Some((datagram.stream, at));
                    at
                }
            };
            // A provider hands out the streams it was given, and each has a route.
            let Some(route) = routes.get(datagram.stream.0 as usize) else {
                return;
            };
            let received = datagram.stamps.capture_ns.unwrap_or(stamp);
            let (route, others) = route.lines_of(datagram.payload);
            let (mut to, mut rest) = (route, others.iter());
            loop {
                let lane = &mut lanes[to.channel];
                lane.on_packet(to.line, received, datagram.payload, outlets);
                *due = (*due).min(lane.deadline);
                match rest.next() {
                    Some(other) => to = *other,
                    None => break,
                }
            }
            stamp = clock.steady_now();
            // Only now, when the packet's records are out. Of one that went to several channels it would say little of any.
            if let (Some(board), []) = (boards.get(route.channel), others) {
                board.ring_to_publish.record(stamp.saturating_sub(start));
                if let Some(hook_ns) = datagram.stamps.hook_ns {
                    let seen = clock.steady_from_monotonic(hook_ns);
                    board.xdp_to_ring.record(start.saturating_sub(seen));
                    let nic_ns = datagram.stamps.nic_ns;
                    if let Some(since_ns) = nic_ns.and_then(|nic_ns| since_card(seen, nic_ns)) {
                        board.nic_to_xdp.record(since_ns);
                    }
                }
                // Across a step that nobody has noticed yet they mean nothing.
                if let Some(kernel_ns) = datagram.stamps.kernel_ns
                    && *follows.get_or_insert_with(|| clock.follows_wall())
                {
                    let seen = clock.steady_from_wall(kernel_ns);
                    board.kernel_to_ring.record(start.saturating_sub(seen));
                    let nic_ns = datagram.stamps.nic_ns;
                    if let Some(since_ns) = nic_ns.and_then(|nic_ns| since_card(seen, nic_ns)) {
                        board.nic_to_kernel.record(since_ns);
                    }
                }
            }
        });
        if let Ok(handled) = result
            && handled > 0
        {
            self.board.bursts[index].record(handled);
        }
        match result {
            Ok(0) if input.provider.finished() => {
                self.end(index, WorkerEvent::InputFinished { input: index });
                0
            }
            Ok(handled) => handled,
            Err(error) => {
                let event = WorkerEvent::InputFailed {
                    input: index,
                    error,
                };
                self.end(index, event);
                0
            }
        }
    }

    /// The system's clock was set: records are stamped with its time from here on.
    #[cold]
    fn stamp_ahead_by(&mut self, set_by_ns: i64) {
        for lane in &mut self.lanes {
            lane.channel.feed.set_wall_offset_ns(set_by_ns);
        }
    }

    #[inline]
    pub(super) fn wake(&mut self, now: Nanos) {
        if self.due <= now {
            self.wake_those_due(now);
        }
    }

    /// Looks at all channels. What one has waited for may have come meanwhile, so that none is due, and the next look later.
    #[inline(never)]
    fn wake_those_due(&mut self, now: Nanos) {
        self.due = Nanos::MAX;
        for lane in &mut self.lanes {
            if lane.deadline <= now {
                lane.on_time(now, &mut self.outlets);
            }
            self.due = self.due.min(lane.deadline);
        }
    }

    fn watch(&mut self, now: Nanos) {
        for lane in &mut self.lanes {
            lane.watch(now, &mut self.outlets);
        }
    }

    /// Takes an input out of the loop; with a capture ends its time, so what was held comes out.
    #[cold]
    fn end(&mut self, index: usize, event: WorkerEvent) {
        let source = &mut self.inputs[index];
        source.live = false;
        if source.capture {
            for lane in &mut self.lanes {
                lane.finish(lane.latest, &mut self.outlets);
            }
        }
        // Whoever hears of the end finds counters that are final.
        self.show(Clock::global().steady_now());
        // There is room for an event of each input; only a control plane that is gone takes none.
        let _ = self.events.try_send(event);
    }

    /// Puts a queue's successor in its place: between two bursts, so that a message's records stay together.
    #[cold]
    fn rotate(&mut self, queue: usize, mut successor: Publisher, now: Nanos) {
        successor.heartbeat(now);
        let Some(outlet) = self.outlets.get_mut(queue) else {
            return;
        };
        successor.carry_resync(&outlet.writer);
        let publisher = std::mem::replace(&mut outlet.writer, successor);
        // There is room for as many as commands may wait. Where the control plane is gone the old queue ends here.
        let _ = self.retired.try_send(Retired::Queue { queue, publisher });
    }

    /// Puts another filter in a channel's place: between two bursts, so that a message's records stay together.
    #[cold]
    fn refilter(&mut self, channel: usize, mut filter: Box<Filter>) {
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.channel.filter.give_way_to(&mut filter);
        }
        // As for a queue. Where the control plane is gone the old filter ends here.
        let _ = self.retired.try_send(Retired::Filter { channel, filter });
    }

    /// Puts another provider in an input's place. What it counts comes on top of what the old one has counted.
    #[cold]
    fn swap(&mut self, index: usize, mut provider: Box<Provider>, now: Nanos) {
        if let Some(source) = self.inputs.get_mut(index) {
            source.before = source.counters();
            std::mem::swap(&mut source.input.provider, &mut *provider);
            source.live = source.input.provider.is_plugged();
            // Whoever gets the old one back finds counters that are final.
            self.show(now);
        }
        // As for a queue. Where the control plane is gone the old provider ends here.
        let _ = self.retired.try_send(Retired::Input {
            input: index,
            provider,
        });
    }

    pub(super) fn show(&mut self, now: Nanos) {
        for (index, source) in self.inputs.iter().enumerate() {
            self.board.show_input(index, &source.counters());
        }
        for (lane, board) in self.lanes.iter_mut().zip(&self.board.channels) {
            if std::mem::take(&mut lane.dirty) {
                let unresolved = lane.channel.filter.unresolved();
                lane.channel.feed.show(board, unresolved);
            }
        }
        for (queue, outlet) in self.outlets.iter().enumerate() {
            self.board
                .show_records(queue, outlet.records, outlet.refused);
        }
        self.board.show_rounds(&self.rounds);
        self.board.show_time(now);
    }

    fn stop(mut self, now: Nanos) -> (Vec<Source>, Vec<Lane>) {
        // No packet comes any more: what waits for another line goes out now, and a hole is announced.
        for lane in &mut self.lanes {
            lane.finish(now, &mut self.outlets);
        }
        self.show(now);
        for outlet in self.outlets {
            outlet.writer.close(Ending::Closed);
        }
        (self.inputs, self.lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_once_in_a_while_is_due_at_first_and_a_period_after_it_was_done() {
        let mut every = Every::new(10);
        assert!(every.due(1_000));
        every.done(1_000);
        assert!(!every.due(1_000) && !every.due(1_009) && every.due(1_010));
        // Drift that is worked off may take back some nanoseconds between two processors.
        assert!(!every.due(999));
    }
}
