//! Reading a queue.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::layout::{HEADER_BYTES, HEARTBEAT, STATE, STATIC_BYTES, State, StaticHeader};
use crate::mapping::{self, Mapping};
use crate::ring::{self, Closed, OnLapped, Reader, Step};
use crate::shared::MappedRing;
use crate::sync::Ordering;
use crate::{QueueError, RECORD_WORDS_MAX, SLOT_PAYLOAD_WORDS};

/// Empty polls between two looks at the clock.
const IDLE_POLLS: u32 = 256;
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
    current_position: u64,
    current_words: usize,
    clock: &'static Clock,
    idle_polls: u32,
    idle_ticks: u64,
    state_seen_ticks: u64,
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
        };
        let clock = Clock::global();
        let mut reader = Reader::new(ring, geometry, next, on_lapped);
        reader.add_lost(lost);
        Ok(Self {
            reader,
            buffer: [0; RECORD_WORDS_MAX],
            current_position: 0,
            current_words: 0,
            clock,
            idle_polls: 0,
            idle_ticks: clock.ticks_in(IDLE),
            state_seen_ticks: clock.ticks(),
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
        match self.reader.poll(&mut self.buffer) {
            Step::Record { position, words } => self.copied(position, words),
            Step::Empty => self.empty(),
            Step::Lost(slots) => Advance::Lost(slots),
        }
    }

    /// As [`Self::poll`], with the record at the start of `place` instead of this subscriber's buffer: for those who
    /// keep records. All else of `place` is meaningless afterwards.
    #[inline(always)]
    pub fn take_into(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Taken {
        let advance = match self.reader.poll(place) {
            Step::Record { position, words } => return Taken::Record { position, words },
            Step::Empty => self.empty(),
            Step::Lost(slots) => Advance::Lost(slots),
        };
        match advance {
            // It came while the state was looked at.
            Advance::Record => Taken::Record {
                position: self.current_position,
                words: self.current().copy_into(place),
            },
            Advance::Empty => Taken::Empty,
            Advance::Lost(slots) => Taken::Lost(slots),
            Advance::Closed(closed) => Taken::Closed(closed),
        }
    }

    /// What a poll that found nothing does once in a while.
    #[inline(always)]
    fn empty(&mut self) -> Advance {
        self.idle_polls += 1;
        if self.idle_polls < IDLE_POLLS {
            return Advance::Empty;
        }
        self.idle_polls = 0;
        if self.clock.ticks().wrapping_sub(self.state_seen_ticks) < self.idle_ticks {
            return Advance::Empty;
        }
        self.advance_or_state()
    }

    /// As [`Self::poll_or_state`]; the record is [`Self::current`].
    #[cold]
    #[inline(never)]
    pub fn advance_or_state(&mut self) -> Advance {
        self.state_seen_ticks = self.clock.ticks();
        let closed = ring::ended(self.reader.memory());
        match self.reader.poll(&mut self.buffer) {
            Step::Record { position, words } => self.copied(position, words),
            Step::Lost(slots) => Advance::Lost(slots),
            Step::Empty => closed.map_or(Advance::Empty, Advance::Closed),
        }
    }

    #[inline(always)]
    fn copied(&mut self, position: u64, words: usize) -> Advance {
        self.current_position = position;
        self.current_words = words;
        Advance::Record
    }

    /// The record of the poll that just brought one. After any other poll its words are meaningless.
    #[inline(always)]
    #[must_use]
    pub fn current(&self) -> RecordRef<'_> {
        let words = &self.buffer[..self.current_words.min(RECORD_WORDS_MAX)];
        RecordRef {
            position: self.current_position,
            words,
        }
    }

    /// Position of the next slot to be read.
    #[inline(always)]
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.reader.next()
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

fn static_page(mapping: &Mapping) -> [u8; STATIC_BYTES] {
    let mut words = [0; STATIC_BYTES / 8];
    ring::load_page(&mut words, |index| mapping.word(index * 8));
    let mut page = [0; STATIC_BYTES];
    for (bytes, word) in page.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    page
}
