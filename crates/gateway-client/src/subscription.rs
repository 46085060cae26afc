//! Reading one queue: records, losses, the end.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gateway_queue::clock::Clock;
use gateway_queue::layout::StaticHeader;
use gateway_queue::{
    Advance, Asleep, Health, PositionWriter, RECORD_WORDS_MAX, ReaderClock, ReaderPosition,
    RecordRef, Start, Subscriber,
};

use crate::client::{Client, SubscribeOptions};
use crate::connection::Peer;
use crate::grant::{Checkpoint, Grant, Joined, wish};
use crate::lateness::Lateness;
use crate::protocol::{ErrorCode, Wish};
use crate::record::Record;
use crate::wait::{Deadline, WaitStrategy};
use crate::{ClientError, Connection};

/// The position is written after so many slots …
const POSITION_SLOTS: u64 = 1_024;
/// Of so many slots one is looked at: how late its record is goes into this reader's page …
const LATENCY_SLOTS: u64 = 128;
/// … or the next one after so long, where few records come.
const LATENCY_INTERVAL: Duration = Duration::from_secs(1);
/// … or after this time, when a poll finds nothing. Who has found nothing for as long also looks at the queue's state:
/// often enough to learn of its end at once, rarely enough not to take the publisher's heartbeat line from its cache.
const IDLE: Duration = Duration::from_millis(1);
/// Empty polls between two looks at the clock.
const EMPTY_POLLS: u32 = 256;
/// An idle reader looks this often whether the gateway's socket hung up.
const HANG_UP_INTERVAL: Duration = Duration::from_millis(10);
/// One that sleeps in the kernel, this often.
const BLOCK_INTERVAL: Duration = Duration::from_millis(50);
/// A gateway that hung up may still be publishing its last records for so long.
const HANG_UP_GRACE: Duration = Duration::from_millis(250);
/// How long the broker may take to answer when the queue goes on elsewhere: nothing can be read meanwhile.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a successor may take to answer when a queue has ended.
const SUCCESSOR_TIMEOUT: Duration = Duration::from_millis(200);
/// The process's clock is compared with the system's this often, busy or not.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Why a subscription gives no more records. [`Subscription::reattach`] goes on where there is a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The gateway stopped in order.
    Stopped,
    /// The gateway (or the queue) was restarted: there is a queue of the same name with this epoch.
    Restarted {
        /// When the new queue was made, nanoseconds since the Unix epoch.
        epoch: u64,
    },
    /// The gateway hung up: killed, crashed, or it ended this reader's connection.
    HungUp,
    /// The user of this reader may not read the queue any longer.
    Revoked,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the gateway stopped"),
            Self::Restarted { .. } => f.write_str("the gateway was restarted: subscribe again"),
            Self::HungUp => f.write_str("the gateway hung up"),
            Self::Revoked => {
                f.write_str("this user may not read it any longer: ask for an [[entitlement]]")
            }
        }
    }
}

/// What a poll brought.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A record, valid until the next poll.
    Record(Record<'a>),
    /// Nothing new.
    Empty,
    /// This reader was overtaken: so many slots passed unread. A record takes one slot, or as many as it needs of
    /// 56 bytes each.
    Lost(u64),
    /// The queue ended, and everything in it was read.
    Closed(Closed),
}

/// An [`Event`] whose record is at a place of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A record.
    Record {
        /// Position of its first slot, counted since the gateway started.
        position: u64,
        /// Its length in words.
        words: usize,
    },
    /// Nothing new.
    Empty,
    /// This reader was overtaken: so many slots passed unread.
    Lost(u64),
    /// The queue ended, and everything in it was read.
    Closed(Closed),
}

/// An [`Event`] without its record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Record,
    Empty,
    Lost(u64),
    Closed(Closed),
}

/// What is looked at of one record of many.
struct Looked {
    /// Position of its first slot in the ring.
    start: u64,
    received: Option<u64>,
    channel_id: Option<u8>,
}

impl From<RecordRef<'_>> for Looked {
    fn from(record: RecordRef<'_>) -> Self {
        let start = record.position;
        let view = Record::from_words(record);
        Self {
            start,
            received: view.ts_recv(),
            channel_id: view.channel_id(),
        }
    }
}

/// What a poll that found nothing comes to.
enum NoRecord {
    Empty,
    Closed(Closed),
}

/// A reader of one queue. Dropped, it is gone from the gateway's list.
#[derive(Debug)]
pub struct Subscription {
    subscriber: Subscriber,
    page: PositionWriter,
    connection: Connection,
    path: PathBuf,
    queue: String,
    options: SubscribeOptions,
    clock: &'static Clock,
    run: u64,
    base: u64,
    joined: Joined,
    /// Slots lost so far.
    lost: u64,
    /// How many times it was overrun.
    overruns: u64,
    /// The position in the ring that is the next to be written.
    write_at: u64,
    /// The position in the ring whose record is the next to be looked at; at most 128 slots ahead of this reader.
    look_at: u64,
    latency_at: Instant,
    lateness: Lateness,
    /// Empty polls since the last look at the clock; [`EMPTY_POLLS`] if the next one has to look.
    empty_polls: u32,
    slept: bool,
    /// The queue's state, as seen by a look whose poll is still to be made.
    state: Option<Option<gateway_queue::Closed>>,
    /// When a poll that found nothing last looked at more than the ring, and where this reader was then.
    looked_ticks: u64,
    looked_position: u64,
    interval_ticks: u64,
    written_at: Instant,
    connection_seen_at: Instant,
    clock_checked_ticks: u64,
    clock_interval_ticks: u64,
    hung_up_at: Option<Instant>,
    revoked: bool,
    closed: Option<Closed>,
}

impl Subscription {
    pub(crate) fn open(
        path: &Path,
        queue: &str,
        options: &SubscribeOptions,
    ) -> Result<Self, ClientError> {
        let mut connection = Connection::open(path)?;
        let wish = wish(options.start, options.run);
        let grant = connection.subscribe(queue, &options.name, wish)?;
        let attachment = grant.attach(options.start, options.run, options.on_lapped)?;
        connection.limit(FOLLOW_TIMEOUT)?;
        let (now, clock) = (Instant::now(), Clock::global());
        let mut subscription = Self {
            looked_position: attachment.subscriber.position(),
            subscriber: attachment.subscriber,
            page: attachment.page,
            connection,
            path: path.to_owned(),
            queue: queue.to_owned(),
            options: options.clone(),
            clock,
            run: attachment.run,
            base: attachment.base,
            joined: attachment.joined,
            lost: 0,
            overruns: 0,
            write_at: 0,
            look_at: 0,
            latency_at: now,
            lateness: Lateness::new(clock),
            empty_polls: 0,
            slept: false,
            state: None,
            looked_ticks: clock.ticks(),
            interval_ticks: clock.ticks_in(IDLE),
            written_at: now,
            connection_seen_at: now,
            clock_checked_ticks: clock.ticks(),
            clock_interval_ticks: clock.ticks_in(CLOCK_INTERVAL),
            hung_up_at: None,
            revoked: false,
            closed: None,
        };
        subscription.write_position(now);
        subscription.write_clock();
        Ok(subscription)
    }

    /// Takes the next record, if there is one. No system call while records arrive; while there is none, one each
    /// 10 ms, to learn of a gateway that is gone.
    #[inline]
    pub fn poll(&mut self) -> Event<'_> {
        let step = self.advance();
        self.event(step)
    }

    /// Waits for the next event as the options say, but no longer than `timeout`, after which it is
    /// [`Event::Empty`].
    pub fn wait(&mut self, timeout: Duration) -> Event<'_> {
        let step = self.waiting(timeout, |subscription| {
            let step = subscription.advance();
            (!matches!(step, Step::Empty)).then_some(step)
        });
        self.event(step.unwrap_or(Step::Empty))
    }

    /// As [`Self::poll`], with the record's words at the start of `place` instead of this subscription's buffer: for
    /// those who keep records, and copy them but once. All else of `place` is meaningless afterwards.
    #[inline]
    pub fn take_into(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Taken {
        loop {
            match self.subscriber.take_only(place) {
                gateway_queue::Step::Record { position, words } => {
                    if self.subscriber.position() >= self.look_at {
                        let words = &place[..words];
                        self.look(RecordRef { position, words }.into());
                    }
                    let position = self.base + position;
                    return Taken::Record { position, words };
                }
                gateway_queue::Step::Lost(slots) => {
                    self.count_loss(slots);
                    return Taken::Lost(slots);
                }
                gateway_queue::Step::Empty => match self.empty() {
                    Some(NoRecord::Empty) => return Taken::Empty,
                    Some(NoRecord::Closed(reason)) => return Taken::Closed(reason),
                    None => {}
                },
            }
        }
    }

    /// As [`Self::wait`], with the record where [`Self::take_into`] has it.
    pub fn wait_into(&mut self, place: &mut [u64; RECORD_WORDS_MAX], timeout: Duration) -> Taken {
        let taken = self.waiting(timeout, |subscription| {
            let taken = subscription.take_into(place);
            (taken != Taken::Empty).then_some(taken)
        });
        taken.unwrap_or(Taken::Empty)
    }

    /// What `take` finds within `timeout`.
    #[inline(always)]
    fn waiting<T>(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let mut found = take(self);
        if found.is_none() {
            let mut deadline = Deadline::after(timeout);
            while found.is_none() {
                self.pause(&deadline);
                found = take(self);
                if deadline.is_over(self.options.wait.sleeps()) {
                    break;
                }
            }
        }
        found
    }

    /// What the options say to do between two polls, but no longer than until `deadline`.
    fn pause(&mut self, deadline: &Deadline) {
        match self.options.wait {
            WaitStrategy::Spin => std::hint::spin_loop(),
            WaitStrategy::Yield => std::thread::yield_now(),
            WaitStrategy::Sleep(duration) => std::thread::sleep(duration),
            WaitStrategy::Block => {
                if let Some(asleep) = self.fall_asleep() {
                    let _ = asleep.wait(deadline.left().min(self.sleep_max()));
                }
            }
        }
        if self.options.wait.sleeps() {
            self.has_slept();
        }
    }

    /// The next empty poll looks at everything: nobody knows how long this reader was away.
    pub(crate) const fn has_slept(&mut self) {
        self.slept = true;
        self.empty_polls = EMPTY_POLLS;
    }

    /// Announces to the gateway that this reader sleeps from now on, unless there is something to read.
    pub(crate) fn fall_asleep(&self) -> Option<Asleep<'_>> {
        let asleep = self.subscriber.fall_asleep(&self.page);
        // What came before the announcement. The end of a queue is rung for.
        let nothing_new = self.subscriber.head() <= self.subscriber.position();
        nothing_new.then_some(asleep)
    }

    /// A sleep ends after this time at the latest: nobody rings for a gateway that is gone.
    pub(crate) const fn sleep_max(&self) -> Duration {
        if self.hung_up_at.is_some() {
            HANG_UP_INTERVAL
        } else {
            BLOCK_INTERVAL
        }
    }

    /// The record of the poll that just brought one, as words: for those who pass records on unseen. After any other
    /// poll its words are meaningless.
    #[inline]
    #[must_use]
    pub fn current(&self) -> RecordRef<'_> {
        let current = self.subscriber.current();
        RecordRef {
            position: self.base + current.position,
            ..current
        }
    }

    /// Position of the next slot to be read, counted since the gateway started.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.base + self.subscriber.position()
    }

    /// Position of the next slot to be published, counted alike.
    pub(crate) fn head(&self) -> u64 {
        self.base + self.subscriber.head()
    }

    /// Where this reader is, to begin there again: [`SubscribeOptions::resuming`].
    #[must_use]
    pub const fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            run: self.run,
            position: self.position(),
        }
    }

    /// What became of the wish to begin at a certain place, when this reader subscribed or last re-attached.
    #[must_use]
    pub const fn joined(&self) -> Joined {
        self.joined
    }

    /// Slots lost so far.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Why the queue ended, once [`Event::Closed`] said so and until it is re-attached.
    #[must_use]
    pub const fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// What never changes about the queue.
    #[must_use]
    pub const fn header(&self) -> &StaticHeader {
        self.subscriber.header()
    }

    /// The publisher's signs of life: a worker that is stuck has an old heartbeat while its gateway is connected.
    #[must_use]
    pub fn health(&self) -> Health {
        self.subscriber.health()
    }

    /// Subscribes to the queue of the same name again, after [`Event::Closed`]: after the last record read where the
    /// gateway is still the same, else from the first record of its successor. What is overwritten by then is reported as
    /// lost.
    ///
    /// # Errors
    /// As [`Client::subscribe`]; the subscription is unchanged then, so that the caller may try again later.
    pub fn reattach(&mut self) -> Result<(), ClientError> {
        let mut connection = Connection::open(&self.path)?;
        let grant = connection.subscribe(&self.queue, &self.options.name, self.go_on())?;
        connection.limit(FOLLOW_TIMEOUT)?;
        self.adopt(grant)?;
        self.connection = connection;
        Ok(())
    }

    /// What this reader wants next, wherever that lies.
    const fn go_on(&self) -> Wish {
        Wish::At {
            run: self.run,
            position: self.position(),
        }
    }

    /// Goes on in memory that the broker gave.
    fn adopt(&mut self, grant: Grant) -> Result<(), ClientError> {
        let next = if grant.run == self.run {
            self.position()
        } else {
            0
        };
        let attachment = grant.attach(Start::At(next), None, self.options.on_lapped)?;
        self.subscriber = attachment.subscriber;
        self.page = attachment.page;
        self.run = attachment.run;
        self.base = attachment.base;
        self.joined = attachment.joined;
        self.look_at = 0;
        self.empty_polls = 0;
        self.state = None;
        self.hung_up_at = None;
        self.revoked = false;
        self.closed = None;
        self.write_position(Instant::now());
        self.write_clock();
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn event(&self, step: Step) -> Event<'_> {
        match step {
            Step::Record => Event::Record(Record::from_words(self.subscriber.current())),
            Step::Empty => Event::Empty,
            Step::Lost(slots) => Event::Lost(slots),
            Step::Closed(reason) => Event::Closed(reason),
        }
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self) -> Step {
        loop {
            match self.subscriber.advance_only() {
                Advance::Record => {
                    if self.subscriber.position() >= self.look_at {
                        self.look_at_current();
                    }
                    return Step::Record;
                }
                Advance::Lost(slots) => {
                    self.count_loss(slots);
                    return Step::Lost(slots);
                }
                Advance::Empty | Advance::Closed(_) => match self.empty() {
                    Some(NoRecord::Empty) => return Step::Empty,
                    Some(NoRecord::Closed(reason)) => return Step::Closed(reason),
                    None => {}
                },
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn look_at_current(&mut self) {
        self.look(self.subscriber.current().into());
    }

    /// One record of many: says how late it is, by the gateway's stamp and since its publication, and where this reader is.
    #[cold]
    #[inline(never)]
    fn look(&mut self, record: Looked) {
        let ticks = self.clock.ticks();
        let late = record
            .received
            .and_then(|received| self.lateness.measure(self.clock, ticks, received));
        if let Some(late) = late {
            self.page.record_received(record.channel_id, late);
        }
        let ago = self
            .subscriber
            .published_ago(record.start, self.clock, ticks);
        if let Some(ago) = ago {
            self.page.record_published(record.channel_id, ago);
        }
        self.tend_clock(ticks);
        let position = self.subscriber.position();
        // The record over the slot of a multiple: of those that are stamped none is passed over.
        self.look_at = position.next_multiple_of(LATENCY_SLOTS) + 1;
        if position >= self.write_at {
            let now = Instant::now();
            self.latency_at = now;
            self.write_position(now);
        }
    }

    /// Compares the process's clock with the system's once in a while, and says how good it is: system calls that the C
    /// library answers without entering the kernel, some microseconds.
    fn tend_clock(&mut self, ticks: u64) {
        if ticks.wrapping_sub(self.clock_checked_ticks) < self.clock_interval_ticks {
            return;
        }
        self.clock_checked_ticks = ticks;
        self.clock.recalibrate();
        self.write_clock();
    }

    fn write_clock(&self) {
        self.page.write_clock(ReaderClock {
            source: Some(self.clock.source()),
            error_bound_ns: self.clock.error_bound_ns(),
        });
    }

    /// Counts a loss, and says so at once: a reader that is overrun at every poll takes no record after which it would.
    #[cold]
    #[inline(never)]
    fn count_loss(&mut self, slots: u64) {
        self.lost += slots;
        self.overruns += 1;
        self.write_position(Instant::now());
    }

    /// What a poll that found nothing comes to; nothing, where it is to be made again, after a look at the state.
    #[inline(always)]
    fn empty(&mut self) -> Option<NoRecord> {
        self.empty_polls += 1;
        if self.empty_polls < EMPTY_POLLS {
            return Some(NoRecord::Empty);
        }
        self.often_empty()
    }

    /// What one of many empty polls, or one after a sleep, comes to.
    #[cold]
    #[inline(never)]
    fn often_empty(&mut self) -> Option<NoRecord> {
        if let Some(reason) = self.closed {
            // Said by every poll from now on.
            self.empty_polls = EMPTY_POLLS;
            return Some(NoRecord::Closed(reason));
        }
        self.empty_polls = 0;
        if let Some(state) = self.state.take() {
            // What was published before that look has been read.
            return Some(self.conclude(state));
        }
        if !self.look_around() {
            return Some(NoRecord::Empty);
        }
        self.state = Some(self.subscriber.ended());
        self.empty_polls = EMPTY_POLLS;
        None
    }

    /// What the state of a queue that was read to its end means.
    fn conclude(&mut self, state: Option<gateway_queue::Closed>) -> NoRecord {
        match (state, self.hung_up_at) {
            (Some(gateway_queue::Closed::Stopped), _) => self.end(Closed::Stopped),
            (Some(gateway_queue::Closed::Superseded { successor_epoch }), _) => {
                self.follow(successor_epoch)
            }
            (None, Some(since)) if since.elapsed() >= HANG_UP_GRACE || self.heart_stopped() => {
                self.end(Closed::HungUp)
            }
            (None, _) => NoRecord::Empty,
        }
    }

    /// What a reader that finds nothing does once in a while: says where it is, sees whether the gateway is still there.
    /// Whether it is to look at the queue's state, too.
    fn look_around(&mut self) -> bool {
        let (slept, ticks) = (std::mem::take(&mut self.slept), self.clock.ticks());
        if !slept && ticks.wrapping_sub(self.looked_ticks) < self.interval_ticks {
            return false;
        }
        self.looked_ticks = ticks;
        let position = self.subscriber.position();
        let stayed = std::mem::replace(&mut self.looked_position, position) == position;
        let now = Instant::now();
        if now - self.written_at >= IDLE {
            self.write_position(now);
        }
        if now - self.latency_at >= LATENCY_INTERVAL {
            self.latency_at = now;
            self.look_at = position;
        }
        self.tend_clock(ticks);
        if self.hung_up_at.is_none() && now - self.connection_seen_at >= HANG_UP_INTERVAL {
            self.connection_seen_at = now;
            let peer = self.connection.look();
            self.revoked = peer == Peer::Revoked;
            self.hung_up_at = (peer != Peer::There).then_some(now);
        }
        slept || stayed || self.hung_up_at.is_some()
    }

    /// The queue goes on in other memory, because an entitlement was taken back: asks for it. Whoever still may read gets
    /// it and loses nothing.
    #[cold]
    fn follow(&mut self, successor_epoch: u64) -> NoRecord {
        if self.revoked {
            return self.end(Closed::Revoked);
        }
        let wish = self.go_on();
        let grant = self
            .connection
            .subscribe(&self.queue, &self.options.name, wish);
        match grant.and_then(|grant| self.adopt(grant)) {
            Ok(()) => NoRecord::Empty,
            Err(ClientError::Refused {
                code: ErrorCode::Revoked | ErrorCode::NotEntitled,
                ..
            }) => self.end(Closed::Revoked),
            // The gateway is gone meanwhile, or has no memory to give.
            Err(_) => self.end(Closed::Restarted {
                epoch: successor_epoch,
            }),
        }
    }

    /// Whether the worker's heartbeat is older than the grace of a gateway that hung up.
    fn heart_stopped(&self) -> bool {
        let heartbeat = u128::from(self.subscriber.health().heartbeat_ns);
        u128::from(self.clock.now()) > heartbeat + HANG_UP_GRACE.as_nanos()
    }

    /// Decides once why the queue ended: a successor that already answers explains everything.
    #[cold]
    fn end(&mut self, found: Closed) -> NoRecord {
        self.write_position(Instant::now());
        let reason = match found {
            Closed::HungUp if self.revoked => Closed::Revoked,
            Closed::Restarted { .. } | Closed::Revoked => found,
            Closed::Stopped | Closed::HungUp => self
                .successor_epoch()
                .map_or(found, |epoch| Closed::Restarted { epoch }),
        };
        self.closed = Some(reason);
        self.empty_polls = EMPTY_POLLS;
        NoRecord::Closed(reason)
    }

    /// The epoch of the queue that has this one's name now, if a gateway answers and it is another.
    fn successor_epoch(&self) -> Option<u64> {
        let client = Client::connect_within(&self.path, SUCCESSOR_TIMEOUT).ok()?;
        let queues = client.queues().ok()?;
        let epoch = queues.iter().find(|queue| queue.name == self.queue)?.epoch;
        (epoch != self.subscriber.header().epoch).then_some(epoch)
    }

    fn write_position(&mut self, now: Instant) {
        self.written_at = now;
        self.write_at = self.subscriber.position() + POSITION_SLOTS;
        self.page.write(ReaderPosition {
            position: self.subscriber.position(),
            lost: self.lost,
            overruns: self.overruns,
            last_poll_ns: self.clock.now(),
        });
    }
}
