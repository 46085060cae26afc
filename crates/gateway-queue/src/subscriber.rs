//! Reading a queue.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::layout::{HEADER_BYTES, HEARTBEAT, STATE, STATIC_BYTES, State, StaticHeader};
use crate::mapping::{self, Mapping};
use crate::ring::{self, Closed, OnLapped, Reader, Step, record_words};
use crate::shared::MappedRing;
use crate::stamps;
use crate::sync::Ordering;
use crate::{QueueError, RECORD_WORDS_MAX, SLOT_PAYLOAD_WORDS};

/// Empty polls between two looks at the clock.
const EMPTY_POLLS: u32 = 256;
/// A reader that found nothing for so long looks at the queue's state: often enough to learn of its end at once,
/// rarely enough not to take the publisher's heartbeat line from its cache.
const IDLE: Duration = Duration::from_millis(1);

/// Where a reader begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the next record published.
    #[default]
    Head,
    /// With the oldest record that the ring holds and the writer will not overwrite next.
    Oldest,
    /// At this position: at the oldest (and the difference reported lost) where it is gone, at the head where it is
    /// yet to come.
    At(u64),
    /// Where state can be rebuilt, as the publisher says; at the oldest (and the difference reported lost) where that is
    /// gone. Where nobody says, that is the queue's first record. One that lies in an earlier epoch of the queue is gone from
    /// this one, too.
    Resync,
}

/// What a poll brought.
#[derive(Debug)]
pub enum Poll<'a> {
    /// A record, whole.
    Record(RecordRef<'a>),
    /// Nothing new.
    Empty,
    /// The publisher overtook this reader; it goes on after the loss.
    Lost {
        /// Slots passed unread. A record takes one, or as many as it needs of 56 bytes each.
        slots: u64,
    },
    /// The queue ended, and everything in it was read.
    Closed(Closed),
}

/// A [`Poll`] without its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// [`Subscriber::current`] is a new record.
    Record,
    /// Nothing new.
    Empty,
    /// The publisher overtook this reader by so many slots.
    Lost(u64),
    /// The queue ended.
    Closed(Closed),
}

/// A [`Poll`] whose record is at a place of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A record, whole.
    Record {
        /// Position of its first slot.
        position: u64,
        /// Its length in words.
        words: usize,
    },
    /// Nothing new.
    Empty,
    /// The publisher overtook this reader by so many slots.
    Lost(u64),
    /// The queue ended.
    Closed(Closed),
}

/// A record in the subscriber's buffer, valid until the next poll.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// Position of its first slot.
    pub position: u64,
    /// Its words; the first starts with the record's header.
    pub words: &'a [u64],
}

impl RecordRef<'_> {
    /// Copies the words to the start of `place`; returns how many there are.
    pub fn copy_into(&self, place: &mut [u64; RECORD_WORDS_MAX]) -> usize {
        let words = self.words.len().min(RECORD_WORDS_MAX);
        place[..words].copy_from_slice(&self.words[..words]);
        words
    }
}

/// Signs of life of a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The queue's state.
    pub state: State,
    /// Last heartbeat, nanoseconds since the Unix epoch; 0 before the first. A gateway's worker writes one every 10 ms
    /// between bursts: one older than 100 ms is that of a publisher that is dead or stuck. A killed publisher leaves
    /// the state [`State::Live`]; only this, and the broker's socket, tell.
    pub heartbeat_ns: u64,
}

/// A reader of a queue. Any number may read; none is seen by the publisher.
#[derive(Debug)]
pub struct Subscriber {
    reader: Reader<MappedRing, SLOT_PAYLOAD_WORDS>,
    buffer: [u64; RECORD_WORDS_MAX],
    /// Empty polls since the last look at the clock; [`EMPTY_POLLS`] if the next one is to look.
    empty_polls: u32,
    idle: Idle,
    /// The end that was seen; there may be records to read before it.
    ended: Option<Closed>,
    header: StaticHeader,
}

impl Subscriber {
    /// Maps the queue behind a descriptor that the broker passed, read-only, and resumes at the oldest slot whenever
    /// it is overtaken.
    ///
    /// # Errors
    /// [`QueueError::NotSealed`] where the file could change under the reader, [`QueueError::NotAQueue`],
    /// [`QueueError::UnsupportedLayout`] or [`QueueError::Damaged`] by what the header says, [`QueueError::System`]
    /// where the kernel refuses.
    pub fn attach(fd: OwnedFd, start: Start) -> Result<Self, QueueError> {
        Self::attach_with(fd, start, OnLapped::default())
    }

    /// As [`Self::attach`], resuming as `on_lapped` says.
    ///
    /// # Errors
    /// As [`Self::attach`].
    pub fn attach_with(fd: OwnedFd, start: Start, on_lapped: OnLapped) -> Result<Self, QueueError> {
        let (mapping, bytes) = mapping::map_sealed(&fd, HEADER_BYTES)?;
        let header = StaticHeader::decode(&static_page(&mapping), bytes)?;
        // Best effort: a page that is not mapped yet costs its first reader a fault.
        let _ = mapping.populate(false);
        let geometry = header.geometry();
        let ring = MappedRing::new(Arc::new(mapping), &header);
        // Before head, which then is no older in practice; were it, this reader would begin some records early.
        let resync = Reader::<_, SLOT_PAYLOAD_WORDS>::resync(&ring);
        let (oldest, head) = (
            Reader::<_, SLOT_PAYLOAD_WORDS>::oldest(&ring, geometry),
            Reader::<_, SLOT_PAYLOAD_WORDS>::head(&ring),
        );
        let (next, lost) = match start {
            Start::Head => (head, 0),
            Start::Oldest => (oldest, 0),
            Start::At(position) => (
                position.clamp(oldest, head.max(oldest)),
                oldest.saturating_sub(position),
            ),
            Start::Resync => {
                let first = u64::try_from(resync).unwrap_or(0);
                let earlier = resync.min(0).unsigned_abs();
                (
                    first.clamp(oldest, head.max(oldest)),
                    oldest.saturating_sub(first) + earlier,
                )
            }
        };
        let mut reader = Reader::new(ring, geometry, next, on_lapped);
        reader.add_lost(lost);
        Ok(Self {
            reader,
            buffer: [0; RECORD_WORDS_MAX],
            empty_polls: 0,
            idle: Idle::new(next),
            ended: None,
            header,
        })
    }

    /// Takes the next record, if there is one. Allocates nothing and makes no system call.
    #[inline(always)]
    pub fn poll(&mut self) -> Poll<'_> {
        let advance = self.advance();
        self.poll_of(advance)
    }

    /// As [`Self::poll`], and looks at the queue's state at once if there is no record: for readers that sleep
    /// between polls.
    pub fn poll_or_state(&mut self) -> Poll<'_> {
        let advance = self.advance_or_state();
        self.poll_of(advance)
    }

    #[inline(always)]
    fn poll_of(&self, advance: Advance) -> Poll<'_> {
        match advance {
            Advance::Record => Poll::Record(self.current()),
            Advance::Empty => Poll::Empty,
            Advance::Lost(slots) => Poll::Lost { slots },
            Advance::Closed(closed) => Poll::Closed(closed),
        }
    }

    /// As [`Self::poll`]; the record is [`Self::current`].
    #[inline(always)]
    pub fn advance(&mut self) -> Advance {
        loop {
            match self.advance_only() {
                Advance::Empty => match self.empty() {
                    Some(NoRecord::Empty) => return Advance::Empty,
                    Some(NoRecord::Closed(closed)) => return Advance::Closed(closed),
                    None => {}
                },
                advance => return advance,
            }
        }
    }

    /// As [`Self::advance`], but never looks at the queue's state: for callers that do it themselves, by
    /// [`Self::ended`], once they are idle.
    #[inline(always)]
    pub fn advance_only(&mut self) -> Advance {
        match self.reader.poll(&mut self.buffer) {
            Step::Record { .. } => Advance::Record,
            Step::Empty => Advance::Empty,
            Step::Lost(slots) => Advance::Lost(slots),
        }
    }

    /// As [`Self::advance`], with the record at the start of `place` instead of this subscriber's buffer: for those who
    /// keep records. All else of `place` is meaningless afterwards.
    #[inline(always)]
    pub fn take_into(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Taken {
        loop {
            match self.take_only(place) {
                Step::Record { position, words } => return Taken::Record { position, words },
                Step::Lost(slots) => return Taken::Lost(slots),
                Step::Empty => match self.empty() {
                    Some(NoRecord::Empty) => return Taken::Empty,
                    Some(NoRecord::Closed(closed)) => return Taken::Closed(closed),
                    None => {}
                },
            }
        }
    }

    /// As [`Self::take_into`], but never looks at the queue's state, as [`Self::advance_only`].
    #[inline(always)]
    pub fn take_only(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Step {
        self.reader.poll(place)
    }

    /// What an empty poll comes to; nothing, where it is to be made again, after a look at the state.
    #[inline(always)]
    fn empty(&mut self) -> Option<NoRecord> {
        self.empty_polls += 1;
        if self.empty_polls < EMPTY_POLLS {
            return Some(NoRecord::Empty);
        }
        self.often_empty()
    }

    /// What one of many empty polls comes to.
    #[cold]
    #[inline(never)]
    fn often_empty(&mut self) -> Option<NoRecord> {
        // Said by every poll from now on.
        self.empty_polls = EMPTY_POLLS;
        if let Some(closed) = self.ended {
            return Some(NoRecord::Closed(closed));
        }
        if self.idle.is_due(self.reader.next()) {
            self.ended = self.ended();
            if self.ended.is_some() {
                return None;
            }
        }
        self.empty_polls = 0;
        Some(NoRecord::Empty)
    }

    /// Whether the queue got its last record, and why. A poll after this one that finds nothing has read everything.
    #[must_use]
    pub fn ended(&self) -> Option<Closed> {
        ring::ended(self.reader.memory())
    }

    /// As [`Self::poll_or_state`]; the record is [`Self::current`].
    #[cold]
    #[inline(never)]
    pub fn advance_or_state(&mut self) -> Advance {
        let closed = self.ended();
        match self.advance_only() {
            Advance::Empty => closed.map_or(Advance::Empty, Advance::Closed),
            advance => advance,
        }
    }

    /// The record of the poll that just brought one. After any other poll it is meaningless.
    #[inline(always)]
    #[must_use]
    pub fn current(&self) -> RecordRef<'_> {
        let words = record_words(self.buffer[0]);
        let slots = words.div_ceil(SLOT_PAYLOAD_WORDS) as u64;
        RecordRef {
            position: self.reader.next().saturating_sub(slots),
            words: &self.buffer[..words],
        }
    }

    /// Position of the next slot to be read.
    #[inline(always)]
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.reader.next()
    }

    /// Slots lost that the next poll reports: after attaching, those from where it was to begin that are gone.
    #[must_use]
    pub const fn untold(&self) -> u64 {
        self.reader.untold()
    }

    /// Counts slots as lost that were published where this subscriber could not see them, in an earlier epoch of the
    /// queue for instance. The next poll reports them.
    pub const fn add_lost(&mut self, slots: u64) {
        self.reader.add_lost(slots);
    }

    /// First position not yet published.
    #[must_use]
    pub fn head(&self) -> u64 {
        Reader::<_, SLOT_PAYLOAD_WORDS>::head(self.reader.memory())
    }

    /// How long ago the record with the slots from `start` to this reader's position, which it just took, was published when
    /// `clock`'s counter stood at `ticks`, in nanoseconds of that counter. Of one record in [`ring::STAMP_SLOTS`] slots;
    /// `None` of others, where the publisher stamps none or by another counter, and where the stamp was overwritten since.
    #[must_use]
    pub fn published_ago(&self, start: u64, clock: &Clock, ticks: u64) -> Option<u64> {
        if !self.header.is_stamped_by(clock.source()) {
            return None;
        }
        let memory = self.reader.memory();
        let stamp = memory.stamp_of(start, self.reader.next())?;
        stamps::ticks_since(stamp, ticks).map(|passed| clock.duration_ns(passed))
    }

    /// What never changes about the queue.
    #[must_use]
    pub const fn header(&self) -> &StaticHeader {
        &self.header
    }

    pub(crate) const fn mapping(&self) -> &Arc<Mapping> {
        self.reader.memory().mapping()
    }

    /// Signs of life of the publisher.
    #[must_use]
    pub fn health(&self) -> Health {
        let mapping = self.reader.memory().mapping();
        // Statistics: no order needed.
        Health {
            state: State::from_word(mapping.word(STATE).load(Ordering::Relaxed))
                .unwrap_or(State::Closed),
            heartbeat_ns: mapping.word(HEARTBEAT).load(Ordering::Relaxed),
        }
    }
}

/// What an empty poll comes to.
enum NoRecord {
    Empty,
    Closed(Closed),
}

/// Tells when a reader that finds nothing has found nothing for long enough to look elsewhere.
#[derive(Debug)]
struct Idle {
    clock: &'static Clock,
    interval_ticks: u64,
    /// When it last looked at the position, and what that was.
    looked_ticks: u64,
    position: u64,
}

impl Idle {
    fn new(position: u64) -> Self {
        let clock = Clock::global();
        Self {
            clock,
            interval_ticks: clock.ticks_in(IDLE),
            looked_ticks: clock.ticks(),
            position,
        }
    }

    /// Whether a reader at `position` has been there for [`IDLE`], or for as long again.
    fn is_due(&mut self, position: u64) -> bool {
        let now = self.clock.ticks();
        if now.wrapping_sub(self.looked_ticks) < self.interval_ticks {
            return false;
        }
        self.looked_ticks = now;
        std::mem::replace(&mut self.position, position) == position
    }
}

fn static_page(mapping: &Mapping) -> [u8; STATIC_BYTES] {
    let mut words = [0; STATIC_BYTES / 8];
    ring::load_page(&mut words, |index| mapping.word(index * 8));
    let mut page = [0; STATIC_BYTES];
    for (bytes, word) in page.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    page
}
