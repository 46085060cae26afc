//! A reader's own page: how far it is, and how late it had its records, for the gateway's metrics; whether it sleeps,
//! for whoever rings the bell.
//!
//! A memory file that the gateway makes, seals against resizing and maps read-only; the reader maps it writable.
//! Nothing in it is trusted: a wrong value spoils that reader's row in the metrics, or its sleep, and nothing else. The seals keep
//! the reader from shrinking the file under the gateway's mapping.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::SealFlags;

use crate::QueueError;
use crate::buckets::{BUCKETS, bucket_of};
use crate::clock::Source;
use crate::futex;
use crate::layout::PAGE;
use crate::mapping::{self, Mapping};
use crate::ring::Announcement;
use crate::sync::{AtomicU32, Ordering};

const POSITION: usize = 0;
const LOST: usize = 8;
const LAST_POLL: usize = 16;
const OVERRUNS: usize = 24;

/// On a line of its own: the gateway looks at it again and again, its reader writes it when it goes to sleep.
const ASLEEP: usize = 64;
const AWAITED: usize = 72;

/// Latencies from the publisher's stamp on, in pages of their own: a sum, the longest, and a count for each bucket. Of all
/// channels, where the gateway has no room for each (see [`RECEIVED`]); else of records of no channel, and of those for which
/// there is no room. A gateway from before there were any gives one page only.
const LATENCY_SUM: usize = PAGE;
const LATENCY_MAX: usize = PAGE + 8;
const LATENCY_COUNTS: usize = PAGE + 64;
/// What the reader's clock is read from, as [`Source`] has them from 1 on, and how wrong it may be; 0 where it does not say.
const CLOCK_SOURCE: usize = PAGE + 16;
const CLOCK_BOUND: usize = PAGE + 24;
const LATENCY_BYTES: usize = (LATENCY_COUNTS + BUCKETS * 8).next_multiple_of(PAGE);

/// From publication until the reader had a record, by channel, behind all that: the first of those of no channel, or of one
/// for which there is no room. A gateway from before there were any gives none.
const PUBLISHED: usize = LATENCY_BYTES;
const PUBLISHED_SUM: usize = 0;
const PUBLISHED_MAX: usize = 8;
/// Whose each of them is: 0 nobody's yet, else one more than the channel's id. Not beside the counts: looking at a page of a
/// memory file takes memory for it.
const PUBLISHED_KEYS: usize = LATENCY_COUNTS + BUCKETS * 8;
const _: () = assert!(PUBLISHED_KEYS + (1 + CHANNELS_TOLD_APART) * 8 <= LATENCY_BYTES);
const PUBLISHED_COUNTS: usize = 64;
const PUBLISHED_BYTES: usize = (PUBLISHED_COUNTS + BUCKETS * 8).next_multiple_of(PAGE);
/// How many channels a reader tells apart.
pub const CHANNELS_TOLD_APART: usize = 8;
const PUBLISHED_END: usize = PUBLISHED + (1 + CHANNELS_TOLD_APART) * PUBLISHED_BYTES;

/// From the publisher's stamp on, by channel, behind all that, each as those since publication are. A gateway from before
/// there were any gives none.
const RECEIVED: usize = PUBLISHED_END;
/// Whose each of them is, behind those since publication.
const RECEIVED_KEYS: usize = PUBLISHED_KEYS + (1 + CHANNELS_TOLD_APART) * 8;
const _: () = assert!(RECEIVED_KEYS + CHANNELS_TOLD_APART * 8 <= LATENCY_BYTES);
const BYTES: usize = RECEIVED + CHANNELS_TOLD_APART * PUBLISHED_BYTES;

const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// What a reader says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderPosition {
    /// Next position that it will read.
    pub position: u64,
    /// Slots that it lost so far.
    pub lost: u64,
    /// How many times the publisher overran it.
    pub overruns: u64,
    /// When it last polled, nanoseconds since the Unix epoch; 0 before the first time.
    pub last_poll_ns: u64,
}

/// What a reader says about its latencies: any values at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReaderLatency {
    /// How many, by bucket ([`crate::buckets`]).
    pub counts: Vec<u64>,
    /// Their sum in nanoseconds.
    pub sum_ns: u64,
    /// The longest in nanoseconds.
    pub max_ns: u64,
}

/// What a reader says about its clock: any values at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderClock {
    /// What it is read from; `None` where the reader does not say.
    pub source: Option<Source>,
    /// By how much it differed at most from the system's when it was last compared, in nanoseconds; `None` before that.
    pub error_bound_ns: Option<u64>,
}

/// How late a reader had records of a channel, as it says: any values at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelLatency {
    /// The channel's id; `None` for records that name none, and for channels beyond [`CHANNELS_TOLD_APART`].
    pub channel_id: Option<u8>,
    /// What was measured.
    pub latency: ReaderLatency,
}

/// The gateway's side of a reader's page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PositionPage {
    mapping: Arc<Mapping>,
}

impl PositionPage {
    /// Makes a page; the descriptor goes to the reader.
    ///
    /// # Errors
    /// [`QueueError::System`] where the kernel refuses.
    pub fn create() -> Result<(Self, OwnedFd), QueueError> {
        let (fd, len) = mapping::create_file("gateway-reader", BYTES, false)?;
        mapping::seal(&fd, SEALS)?;
        let mapping = Arc::new(Mapping::new(&fd, len, false)?);
        Ok((Self { mapping }, fd))
    }

    /// What the reader last wrote: any values at all.
    #[must_use]
    pub fn read(&self) -> ReaderPosition {
        // Independent statistics: no order between them, none with the queue.
        ReaderPosition {
            position: self.mapping.word(POSITION).load(Ordering::Relaxed),
            lost: self.mapping.word(LOST).load(Ordering::Relaxed),
            overruns: self.mapping.word(OVERRUNS).load(Ordering::Relaxed),
            last_poll_ns: self.mapping.word(LAST_POLL).load(Ordering::Relaxed),
        }
    }

    /// What the reader last wrote of the time from the publisher's stamp until it had a record; only channels of which it
    /// did. A client from before channels were told apart says all of no channel.
    #[must_use]
    pub fn received(&self) -> Vec<ChannelLatency> {
        let word = |offset: usize| self.mapping.word(offset).load(Ordering::Relaxed);
        let rest = ReaderLatency {
            counts: self.counts(LATENCY_COUNTS),
            sum_ns: word(LATENCY_SUM),
            max_ns: word(LATENCY_MAX),
        };
        let rest = rest.counts.iter().any(|count| *count != 0).then_some(rest);
        let rest = rest.map(|latency| ChannelLatency {
            channel_id: None,
            latency,
        });
        let section = |number: usize| {
            let key = word(RECEIVED_KEYS + number * 8);
            let channel_id = u8::try_from(key.checked_sub(1)?).ok()?;
            Some(ChannelLatency {
                channel_id: Some(channel_id),
                latency: self.section(RECEIVED + number * PUBLISHED_BYTES),
            })
        };
        let own = (0..CHANNELS_TOLD_APART).filter_map(section);
        rest.into_iter().chain(own).collect()
    }

    /// The latencies of a channel, which begin at `at`.
    fn section(&self, at: usize) -> ReaderLatency {
        let word = |offset: usize| self.mapping.word(at + offset).load(Ordering::Relaxed);
        ReaderLatency {
            counts: self.counts(at + PUBLISHED_COUNTS),
            sum_ns: word(PUBLISHED_SUM),
            max_ns: word(PUBLISHED_MAX),
        }
    }

    fn counts(&self, offset: usize) -> Vec<u64> {
        let counts = self.mapping.words(offset, BUCKETS);
        counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect()
    }

    /// What the reader last wrote of the time from publication until it had a record; only channels of which it did.
    #[must_use]
    pub fn published(&self) -> Vec<ChannelLatency> {
        let section = |number: usize| {
            let key = self.mapping.word(PUBLISHED_KEYS + number * 8);
            let key = key.load(Ordering::Relaxed);
            (key != 0).then(|| ChannelLatency {
                channel_id: u8::try_from(key - 1).ok().filter(|_| number > 0),
                latency: self.section(PUBLISHED + number * PUBLISHED_BYTES),
            })
        };
        (0..=CHANNELS_TOLD_APART).filter_map(section).collect()
    }

    /// What the reader last wrote of its clock.
    #[must_use]
    pub fn clock(&self) -> ReaderClock {
        let word = |offset| self.mapping.word(offset).load(Ordering::Relaxed);
        ReaderClock {
            source: match word(CLOCK_SOURCE) {
                1 => Some(Source::Tsc),
                2 => Some(Source::System),
                _ => None,
            },
            error_bound_ns: Some(word(CLOCK_BOUND)).filter(|bound| *bound != 0),
        }
    }

    /// What the reader says about its sleep: any values at all.
    pub(crate) fn announcement(&self) -> Announcement<'_> {
        announcement(&self.mapping)
    }
}

fn announcement(mapping: &Mapping) -> Announcement<'_> {
    Announcement {
        asleep: mapping.futex(ASLEEP),
        awaited: mapping.word(AWAITED),
    }
}

/// The reader's side of its page.
#[derive(Debug)]
pub struct PositionWriter {
    mapping: Mapping,
    /// Whether there is room for latencies …
    keeps_latency: bool,
    /// … for those from publication on …
    keeps_published: bool,
    /// … and for those from the publisher's stamp on by channel.
    keeps_received: bool,
    /// Number of the last sleep.
    sleeps: AtomicU32,
}

impl PositionWriter {
    /// Maps the page that came with a subscription.
    ///
    /// # Errors
    /// [`QueueError::NotSealed`] or [`QueueError::Damaged`] where it is no such page, [`QueueError::System`] where the
    /// kernel refuses.
    pub fn attach(fd: &OwnedFd) -> Result<Self, QueueError> {
        mapping::require_seals(fd.as_fd(), SEALS)?;
        let bytes = mapping::file_bytes(fd.as_fd())?;
        if bytes < PAGE as u64 {
            return Err(QueueError::Damaged {
                what: format!("a position page of {bytes} bytes"),
            });
        }
        let keeps_latency = bytes >= LATENCY_BYTES as u64;
        let keeps_published = bytes >= PUBLISHED_END as u64;
        let keeps_received = bytes >= BYTES as u64;
        let bytes = match (keeps_latency, keeps_published, keeps_received) {
            (_, _, true) => BYTES,
            (_, true, _) => PUBLISHED_END,
            (true, _, _) => LATENCY_BYTES,
            (false, false, false) => PAGE,
        };
        Ok(Self {
            mapping: Mapping::new(fd, bytes, true)?,
            keeps_latency,
            keeps_published,
            keeps_received,
            sleeps: AtomicU32::new(0),
        })
    }

    /// Announces that this reader is about to sleep until `position` is published; returns what `bell` was before.
    pub(crate) fn announce(&self, bell: &AtomicU32, position: u64) -> u32 {
        // One thread reads a queue: the number is its own.
        let sleep = self.sleeps.load(Ordering::Relaxed).wrapping_add(1).max(1);
        self.sleeps.store(sleep, Ordering::Relaxed);
        let announcement = announcement(&self.mapping);
        let seen = announcement.announce(bell, sleep, position);
        futex::wake_all(announcement.asleep);
        seen
    }

    /// Says that this reader is awake.
    pub(crate) fn withdraw(&self) {
        announcement(&self.mapping).withdraw();
    }

    /// Counts how late this reader had a record of a channel. One thread reads a queue: a load and a store each.
    pub fn record_received(&self, channel_id: Option<u8>, nanos: u64) {
        if !self.keeps_latency {
            return;
        }
        let own = channel_id
            .filter(|_| self.keeps_received)
            .map(|id| u64::from(id) + 1)
            .and_then(|key| Some((self.room(RECEIVED_KEYS, key)?, key)));
        let Some((number, key)) = own else {
            self.count(LATENCY_COUNTS, LATENCY_SUM, LATENCY_MAX, nanos);
            return;
        };
        let at = RECEIVED + number * PUBLISHED_BYTES;
        self.count(
            at + PUBLISHED_COUNTS,
            at + PUBLISHED_SUM,
            at + PUBLISHED_MAX,
            nanos,
        );
        // Statistics: no order needed.
        self.mapping
            .word(RECEIVED_KEYS + number * 8)
            .store(key, Ordering::Relaxed);
    }

    /// The place among those from `keys` on that is the key's, or the first that is nobody's yet.
    fn room(&self, keys: usize, key: u64) -> Option<usize> {
        (0..CHANNELS_TOLD_APART).find(|number| {
            let found = self.mapping.word(keys + number * 8).load(Ordering::Relaxed);
            found == key || found == 0
        })
    }

    /// Counts how long ago a record of a channel was published when this reader had it. One thread reads a queue.
    pub fn record_published(&self, channel_id: Option<u8>, nanos: u64) {
        if !self.keeps_published {
            return;
        }
        let key = channel_id.map(|id| u64::from(id) + 1);
        let at = |number: usize| PUBLISHED + number * PUBLISHED_BYTES;
        let word = |number: usize| self.mapping.word(PUBLISHED_KEYS + number * 8);
        // Behind that of no channel.
        let own = key.and_then(|key| self.room(PUBLISHED_KEYS + 8, key));
        let number = own.map_or(0, |own| own + 1);
        let at = at(number);
        self.count(
            at + PUBLISHED_COUNTS,
            at + PUBLISHED_SUM,
            at + PUBLISHED_MAX,
            nanos,
        );
        // Statistics: no order needed.
        word(number).store(key.filter(|_| number > 0).unwrap_or(1), Ordering::Relaxed);
    }

    /// Says what this reader's clock is.
    pub fn write_clock(&self, clock: ReaderClock) {
        if !self.keeps_latency {
            return;
        }
        let source = match clock.source {
            Some(Source::Tsc) => 1,
            Some(Source::System) => 2,
            Some(Source::Manual) | None => 0,
        };
        let bound = clock.error_bound_ns.map_or(0, |bound| bound.max(1));
        // Statistics: no order needed.
        for (at, value) in [(CLOCK_SOURCE, source), (CLOCK_BOUND, bound)] {
            self.mapping.word(at).store(value, Ordering::Relaxed);
        }
    }

    fn count(&self, counts: usize, sum: usize, max: usize, nanos: u64) {
        let add = |word: &crate::sync::AtomicU64, more: u64| {
            let sum = word.load(Ordering::Relaxed).wrapping_add(more);
            word.store(sum, Ordering::Relaxed);
        };
        // Statistics: no order needed.
        add(self.mapping.word(counts + bucket_of(nanos) * 8), 1);
        add(self.mapping.word(sum), nanos);
        let max = self.mapping.word(max);
        if nanos > max.load(Ordering::Relaxed) {
            max.store(nanos, Ordering::Relaxed);
        }
    }

    /// Says where this reader is.
    pub fn write(&self, position: ReaderPosition) {
        // Statistics: no order needed.
        self.mapping
            .word(POSITION)
            .store(position.position, Ordering::Relaxed);
        self.mapping
            .word(LOST)
            .store(position.lost, Ordering::Relaxed);
        self.mapping
            .word(OVERRUNS)
            .store(position.overruns, Ordering::Relaxed);
        self.mapping
            .word(LAST_POLL)
            .store(position.last_poll_ns, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn carries_a_position_to_the_gateway() {
        let (page, fd) = PositionPage::create().unwrap();
        assert_eq!(page.read(), ReaderPosition::default());
        let position = ReaderPosition {
            position: 7,
            lost: 3,
            overruns: 2,
            last_poll_ns: 11,
        };
        PositionWriter::attach(&fd).unwrap().write(position);
        assert_eq!(page.read(), position);
    }

    #[test]
    fn carries_latencies_to_the_gateway() {
        let (page, fd) = PositionPage::create().unwrap();
        let writer = PositionWriter::attach(&fd).unwrap();
        assert_eq!(page.received(), []);
        for nanos in [100, 100, u64::MAX] {
            writer.record_received(None, nanos);
        }
        let told = page.received();
        assert_eq!((told.len(), told[0].channel_id), (1, None));
        let latency = &told[0].latency;
        assert_eq!(latency.counts[100], 2);
        assert_eq!(latency.counts[BUCKETS - 1], 1);
        assert_eq!(latency.counts.iter().sum::<u64>(), 3);
        assert_eq!((latency.sum_ns, latency.max_ns), (199, u64::MAX));
    }

    #[test]
    fn a_page_without_room_for_latencies_takes_none() {
        for bytes in [PAGE, LATENCY_BYTES, PUBLISHED_END] {
            let (fd, _) = mapping::create_file("gateway-reader", bytes, false).unwrap();
            mapping::seal(&fd, SEALS).unwrap();
            let writer = PositionWriter::attach(&fd).unwrap();
            writer.record_received(Some(3), 5);
            writer.record_published(Some(3), 5);
            writer.write_clock(ReaderClock::default());
            writer.write(ReaderPosition::default());
        }
    }

    #[test]
    fn carries_latencies_since_the_stamp_by_channel() {
        let (page, fd) = PositionPage::create().unwrap();
        let writer = PositionWriter::attach(&fd).unwrap();
        for channel_id in 0..10 {
            writer.record_received(Some(channel_id), 100);
            writer.record_received(Some(channel_id), 300);
        }
        writer.record_received(None, 7);
        let told = page.received();
        let named: Vec<_> = told.iter().map(|told| told.channel_id).collect();
        let expected: Vec<_> = std::iter::once(None).chain((0..8).map(Some)).collect();
        assert_eq!(named, expected);
        let (rest, own) = (&told[0].latency, &told[8].latency);
        assert_eq!((rest.counts[7], rest.counts[100], rest.sum_ns), (1, 2, 807));
        assert_eq!((own.counts[100], own.sum_ns, own.max_ns), (1, 400, 300));
        assert_eq!(page.published(), []);
    }

    #[test]
    fn a_gateway_without_room_for_channels_is_told_of_all_together() {
        let (fd, len) = mapping::create_file("gateway-reader", PUBLISHED_END, false).unwrap();
        mapping::seal(&fd, SEALS).unwrap();
        let writer = PositionWriter::attach(&fd).unwrap();
        for channel_id in [None, Some(3), Some(4)] {
            writer.record_received(channel_id, 100);
        }
        let page = Mapping::new(&fd, len, false).unwrap();
        assert_eq!(page.word(LATENCY_SUM).load(Ordering::Relaxed), 300);
    }

    #[test]
    fn carries_latencies_since_publication_by_channel_and_the_clock() {
        let (page, fd) = PositionPage::create().unwrap();
        let writer = PositionWriter::attach(&fd).unwrap();
        assert_eq!(
            (page.published(), page.clock()),
            (Vec::new(), ReaderClock::default())
        );
        for channel_id in 0..10 {
            writer.record_published(Some(channel_id), 100);
            writer.record_published(Some(channel_id), 300);
        }
        writer.record_published(None, 7);
        let told = page.published();
        let named: Vec<_> = told.iter().map(|told| told.channel_id).collect();
        let expected: Vec<_> = std::iter::once(None).chain((0..8).map(Some)).collect();
        assert_eq!(named, expected);
        // Those of the last two channels, for which there was no room, and of the record of none.
        let (rest, own) = (&told[0].latency, &told[1].latency);
        assert_eq!((rest.counts[7], rest.counts[100], rest.sum_ns), (1, 2, 807));
        assert_eq!((own.counts[100], own.sum_ns, own.max_ns), (1, 400, 300));
        let clock = ReaderClock {
            source: Some(Source::System),
            error_bound_ns: Some(70),
        };
        writer.write_clock(clock);
        assert_eq!(page.clock(), clock);
    }

    /// Gateway and client may be of different versions: the words stay where they are.
    #[test]
    fn the_words_stay_where_they_are() {
        let (page, fd) = PositionPage::create().unwrap();
        let writer = PositionWriter::attach(&fd).unwrap();
        writer.write(ReaderPosition {
            position: 7,
            lost: 3,
            overruns: 2,
            last_poll_ns: 11,
        });
        assert_eq!(writer.announce(&AtomicU32::new(5), 9), 5);
        let mut bytes = [0; PAGE];
        rustix::io::pread(&fd, &mut bytes, 0).unwrap();
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!([0, 8, 16, 24].map(word), [7, 3, 11, 2]);
        assert_eq!([64, 72].map(word), [1, 9]);
        writer.withdraw();
        let asleep = page.announcement().asleep.load(Ordering::Relaxed);
        assert_eq!(asleep, 0);
    }

    /// The same of what stands behind the first page: by offsets that are not computed as the code does.
    #[test]
    fn the_words_of_latencies_and_of_the_clock_stay_where_they_are() {
        let (_page, fd) = PositionPage::create().unwrap();
        assert_eq!(mapping::file_bytes(fd.as_fd()).unwrap(), 0x9_1000);
        let writer = PositionWriter::attach(&fd).unwrap();
        writer.record_received(None, 100);
        writer.record_received(None, u64::MAX - 100);
        writer.record_published(None, 3);
        for channel_id in 40..50 {
            writer.record_published(Some(channel_id), 100);
        }
        writer.record_published(Some(47), 5);
        let read = |at: u64| {
            let mut bytes = [0; 8];
            rustix::io::pread(&fd, &mut bytes, at).unwrap();
            u64::from_le_bytes(bytes)
        };
        // Sum, longest, what the clock is and how wrong, of which nothing is said yet; counts of 100 ns, and of the most.
        let longest = u64::MAX - 100;
        assert_eq!(
            [0x1000, 0x1008, 0x1010, 0x1018].map(read),
            [u64::MAX, longest, 0, 0]
        );
        assert_eq!([0x1040 + 100 * 8, 0x1040 + 3_839 * 8].map(read), [1, 1]);
        for (source, word) in [(Source::Tsc, 1), (Source::System, 2)] {
            writer.write_clock(ReaderClock {
                source: Some(source),
                error_bound_ns: Some(70),
            });
            assert_eq!([0x1010, 0x1018].map(read), [word, 70]);
        }
        // Whose the rooms for channels are: of none and those beyond eight, then of each.
        let keys: Vec<u64> = (0..9).map(|room| read(0x8840 + room * 8)).collect();
        assert_eq!(keys, [1, 41, 42, 43, 44, 45, 46, 47, 48]);
        // Sum, longest, counts of 3, 5 and 100 ns: of the first room, of the second, and of the last.
        let room = |room: u64| {
            let at = 0x9000 + room * 0x8000;
            [0, 8, 0x40 + 3 * 8, 0x40 + 5 * 8, 0x40 + 100 * 8].map(|word| read(at + word))
        };
        assert_eq!(room(0), [203, 100, 1, 0, 2]);
        assert_eq!(room(1), [100, 100, 0, 0, 1]);
        assert_eq!(room(8), [105, 100, 0, 1, 1]);
        // From the publisher's stamp on: whose the rooms are, behind those, and each behind all that.
        for channel_id in 60..70 {
            writer.record_received(Some(channel_id), 100);
        }
        writer.record_received(Some(67), 5);
        let keys: Vec<u64> = (0..8).map(|room| read(0x8888 + room * 8)).collect();
        assert_eq!(keys, [61, 62, 63, 64, 65, 66, 67, 68]);
        let received = |number: u64| room(9 + number);
        assert_eq!(received(0), [100, 100, 0, 0, 1]);
        assert_eq!(received(7), [105, 100, 0, 1, 1]);
        // The two for which there was no room, and the one of none from before.
        assert_eq!(read(0x1040 + 100 * 8), 3);
    }
}
