//! Making a queue and writing to it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64 as StdAtomicU64;

use rustix::fs::SealFlags;

use crate::clock::{Clock, Source};
use crate::futex;
use crate::layout::{
    BELL, BLOCKS_PER_RING, FLAG_HUGE_PAGES, HEAD, HEADER_BYTES, HEARTBEAT, LAYOUT_MINOR,
    NAME_BYTES_MAX, SLOT_BYTES, SLOTS_MAX, SLOTS_MIN, STATE, STATIC_BYTES, State, StaticHeader,
};
use crate::mapping::{self, HugePages, Mapping, MemoryReport};
use crate::ring::{self, Ending, Writer};
use crate::shared::MappedRing;
use crate::sync::Ordering;
use crate::{QueueError, RECORD_WORDS_MAX, SLOT_PAYLOAD_WORDS};

/// No later mapping, by anybody, can write; nobody can resize the file or unseal it.
pub(crate) const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// How a queue is to be made.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Name by which readers ask for it: 1 to 63 bytes, no control characters.
    pub name: String,
    /// Slots of 64 bytes, a power of two from 64 to 2³⁰. More slots let a reader sleep longer; latency does not
    /// depend on them. Default 65,536 (4 MiB).
    pub slots: u64,
    /// What the records are: the reader's to interpret.
    pub schema_id: u64,
    /// Version of that.
    pub schema_version: u32,
    /// Largest record in bytes, at most 1,024 and at most a sixteenth of the ring. Default 520, a DBN definition.
    pub record_bytes_max: u32,
    /// Use 2 MiB pages where the machine has some to spare.
    pub huge_pages: bool,
    /// Keep the ring in memory (`mlock`), as far as the process may.
    pub lock_memory: bool,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            slots: 65_536,
            schema_id: 0,
            schema_version: 0,
            record_bytes_max: 520,
            huge_pages: false,
            lock_memory: true,
        }
    }
}

impl PublisherOptions {
    fn validate(&self) -> Result<(), QueueError> {
        let refuse = |option, value: &dyn ToString, remedy: String| {
            Err(QueueError::Option {
                option,
                value: value.to_string(),
                remedy,
            })
        };
        let name = &self.name;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return refuse(
                "name",
                &format!("{name:?}"),
                format!("use 1 to {NAME_BYTES_MAX} bytes of plain text"),
            );
        }
        if !self.slots.is_power_of_two() || !(SLOTS_MIN..=SLOTS_MAX).contains(&self.slots) {
            let near = self.slots.clamp(SLOTS_MIN, SLOTS_MAX).next_power_of_two();
            return refuse(
                "slots",
                &self.slots,
                format!("use a power of two from 64 to 2^30, such as {near}"),
            );
        }
        let words = (self.record_bytes_max as usize).div_ceil(8);
        if words == 0 || words > RECORD_WORDS_MAX {
            return refuse(
                "record_bytes_max",
                &self.record_bytes_max,
                "use 1 to 1024".into(),
            );
        }
        let needed =
            (words.div_ceil(SLOT_PAYLOAD_WORDS) as u64 * BLOCKS_PER_RING).next_power_of_two();
        if self.slots < needed {
            return refuse(
                "slots",
                &self.slots,
                format!(
                    "records of {} bytes need at least {needed} slots",
                    self.record_bytes_max
                ),
            );
        }
        Ok(())
    }
}

/// The writing end of a queue. There is one; it belongs to one thread at a time.
///
/// After [`Publisher::create`] nothing here allocates, locks, logs or makes a system call, and nothing loads a word
/// that a reader could write. Dropped, it closes the queue.
#[derive(Debug)]
pub struct Publisher {
    writer: Writer<MappedRing, SLOT_PAYLOAD_WORDS>,
    record_words_max: usize,
}

impl Publisher {
    /// Makes a queue: an empty ring, every page of it present, sealed so that nobody else can ever write to it.
    ///
    /// # Errors
    /// [`QueueError::Option`] for options outside of their ranges, [`QueueError::System`] where the kernel refuses
    /// memory. Huge pages and locked memory are wishes: [`QueueHandle::memory`] says what became of them.
    pub fn create(options: &PublisherOptions) -> Result<(Self, QueueHandle), QueueError> {
        options.validate()?;
        let len = HEADER_BYTES + options.slots as usize * SLOT_BYTES;
        let (fd, mapping, huge_pages) = map_file(options, len)?;
        let prefaulted = mapping.populate(true).map_err(|error| error.to_string());
        let locked = options.lock_memory.then(|| {
            mapping
                .lock()
                .map_err(|error| format!("{error}: raise RLIMIT_MEMLOCK or grant CAP_IPC_LOCK"))
        });
        mapping::seal(&fd, SEALS)?;
        let read_only = mapping::reopen_read_only(&fd)?;
        // From here on the process has no writable descriptor of the file: only this mapping writes.
        drop(fd);

        let bytes = mapping::file_bytes(std::os::fd::AsFd::as_fd(&read_only))?;
        let memory = MemoryReport {
            bytes,
            huge_pages,
            prefaulted,
            locked,
        };
        let header = describe(options, &memory);
        write_header(&mapping, &header);
        let mapping = Arc::new(mapping);
        let ring = MappedRing::new(Arc::clone(&mapping), &header);
        let publisher = Self {
            writer: Writer::new(ring, header.geometry()),
            record_words_max: header.geometry().record_words_max,
        };
        let shared = Shared {
            mapping,
            read_only,
            header,
            memory,
        };
        Ok((
            publisher,
            QueueHandle {
                shared: Arc::new(shared),
            },
        ))
    }

    /// Publishes a record of up to seven words. The first word starts with the record's header, whose first byte
    /// counts 32-bit words. About 2 ns while no reader polls the line.
    #[inline(always)]
    pub fn publish_array<const N: usize>(&mut self, words: &[u64; N]) {
        debug_assert_eq!(
            crate::ring::record_words(words[0]),
            N,
            "the record's length byte contradicts its words"
        );
        self.writer.publish_array(words);
    }

    /// Publishes a record of any length. The first word starts with the record's header, whose first byte counts
    /// 32-bit words.
    ///
    /// A record longer than the queue was made for, or empty, cannot be published and is dropped: returns `false`.
    #[inline(always)]
    pub fn publish(&mut self, words: &[u64]) -> bool {
        // The length of most records, inlined; the others cost a call.
        if let Ok(words) = <&[u64; SLOT_PAYLOAD_WORDS]>::try_from(words) {
            self.publish_array(words);
            return true;
        }
        self.publish_other(words)
    }

    #[inline(never)]
    fn publish_other(&mut self, words: &[u64]) -> bool {
        match words.len() {
            1 => self.publish_slice::<1>(words),
            2 => self.publish_slice::<2>(words),
            3 => self.publish_slice::<3>(words),
            4 => self.publish_slice::<4>(words),
            5 => self.publish_slice::<5>(words),
            6 => self.publish_slice::<6>(words),
            len if len > 0 && len <= self.record_words_max => {
                debug_assert_eq!(
                    crate::ring::record_words(words[0]),
                    len,
                    "the length byte contradicts the words"
                );
                self.writer.publish_slots(words);
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn publish_slice<const N: usize>(&mut self, words: &[u64]) -> bool {
        let Ok(words) = <&[u64; N]>::try_from(words) else {
            return false;
        };
        self.publish_array(words);
        true
    }

    /// Position of the next record: how many slots were published.
    #[inline(always)]
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.writer.next()
    }

    /// Says that the publisher is alive; the worker itself calls it between bursts, so that a stuck worker looks
    /// stuck. `now_ns` counts nanoseconds since the Unix epoch.
    #[inline(always)]
    pub fn heartbeat(&mut self, now_ns: u64) {
        // A statistic: no order needed.
        self.mapping()
            .word(HEARTBEAT)
            .store(now_ns, Ordering::Relaxed);
    }

    /// Declares the next record the first from which state can be rebuilt, for readers that resume there.
    pub fn mark_resync(&mut self) {
        self.writer.mark_resync();
    }

    /// Ends the queue: readers get what they have not read yet and then the reason.
    pub fn close(self, ending: Ending) {
        ring::end(self.writer.memory(), ending);
    }

    fn mapping(&self) -> &Mapping {
        self.writer.memory().mapping()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Only this value writes the state: no order needed to read it back.
        if self.mapping().word(STATE).load(Ordering::Relaxed) == State::Live as u64 {
            ring::end(self.writer.memory(), Ending::Closed);
        }
    }
}

/// The gateway's view of a queue: what the broker passes on and what metrics report. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QueueHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mapping: Arc<Mapping>,
    read_only: OwnedFd,
    header: StaticHeader,
    memory: MemoryReport,
}

impl QueueHandle {
    /// A descriptor for a reader: it can be mapped read-only and nothing else.
    ///
    /// # Errors
    /// [`QueueError::System`] where the process has no descriptor left.
    pub fn read_only_fd(&self) -> Result<OwnedFd, QueueError> {
        self.shared
            .read_only
            .try_clone()
            .map_err(|source| QueueError::System {
                operation: "duplicate a queue's descriptor",
                source,
            })
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.header.name
    }

    /// When the queue was made, nanoseconds since the Unix epoch; no two queues of a process share one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.header.epoch
    }

    /// Everything that never changes about the queue.
    #[must_use]
    pub fn header(&self) -> &StaticHeader {
        &self.shared.header
    }

    /// What the kernel granted.
    #[must_use]
    pub fn memory(&self) -> &MemoryReport {
        &self.shared.memory
    }

    /// How many slots were published.
    #[must_use]
    pub fn head(&self) -> u64 {
        // A statistic: no order needed.
        self.shared.mapping.word(HEAD).load(Ordering::Relaxed)
    }

    /// The publisher's last heartbeat, nanoseconds since the Unix epoch; 0 before the first.
    #[must_use]
    pub fn heartbeat_ns(&self) -> u64 {
        // A statistic: no order needed.
        self.shared.mapping.word(HEARTBEAT).load(Ordering::Relaxed)
    }

    /// The queue's state.
    #[must_use]
    pub fn state(&self) -> State {
        // A statistic: no order needed. The publisher stores only states.
        State::from_word(self.shared.mapping.word(STATE).load(Ordering::Relaxed))
            .unwrap_or(State::Closed)
    }

    /// Wakes every reader that sleeps on this queue. A system call: for a helper, never for the publisher.
    pub(crate) fn ring_bell(&self) {
        let bell = self.shared.mapping.futex(BELL);
        ring::ring(bell);
        futex::wake_all(bell);
    }
}

fn map_file(
    options: &PublisherOptions,
    len: usize,
) -> Result<(OwnedFd, Mapping, HugePages), QueueError> {
    let name = format!("gateway-{}", options.name);
    let ordinary = |reason| -> Result<_, QueueError> {
        let (fd, len) = mapping::create_file(&name, len, false)?;
        let mapping = Mapping::new(&fd, len, true)?;
        Ok((fd, mapping, reason))
    };
    if !options.huge_pages {
        return ordinary(HugePages::NotAsked);
    }
    let huge = mapping::create_file(&name, len, true).and_then(|(fd, len)| {
        let mapping = Mapping::new(&fd, len, true)?;
        Ok((fd, mapping, HugePages::Used))
    });
    huge.or_else(|error| {
        ordinary(HugePages::Unavailable(format!(
            "{error}; reserve pages: sysctl vm.nr_hugepages"
        )))
    })
}

fn describe(options: &PublisherOptions, memory: &MemoryReport) -> StaticHeader {
    let clock = Clock::global();
    let ticks = clock.ticks();
    let flags = if memory.huge_pages == HugePages::Used {
        FLAG_HUGE_PAGES
    } else {
        0
    };
    StaticHeader {
        layout_minor: LAYOUT_MINOR,
        total_bytes: memory.bytes,
        ring_offset: HEADER_BYTES as u64,
        block: (options.slots / BLOCKS_PER_RING) as u32,
        slots: options.slots,
        flags,
        schema_id: options.schema_id,
        schema_version: options.schema_version,
        record_bytes_max: options.record_bytes_max,
        epoch: next_epoch(clock.at(ticks)),
        boot_id: boot_id().unwrap_or_default(),
        producer_pid: std::process::id(),
        producer_start_ticks: start_ticks().unwrap_or_default(),
        tsc_hz: if clock.source() == Source::Tsc {
            clock.hz() as u64
        } else {
            0
        },
        tsc0: ticks,
        realtime0: clock.at(ticks),
        name: options.name.clone(),
    }
}

/// Stores the static page, its magic last.
fn write_header(mapping: &Mapping, header: &StaticHeader) {
    let mut page = [0; STATIC_BYTES / 8];
    for (word, bytes) in page.iter_mut().zip(header.encode().chunks_exact(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| (word << 8) | u64::from(byte));
    }
    // Ordered before the magic by its Release store.
    mapping
        .word(STATE)
        .store(State::Live as u64, Ordering::Relaxed);
    ring::store_page(&page, |index| mapping.word(index * 8));
}

/// `now`, or later where another queue of this process has that epoch.
fn next_epoch(now: u64) -> u64 {
    static LAST: StdAtomicU64 = StdAtomicU64::new(0);
    // A counter: its own modification order is all that matters.
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    if last < now {
        now
    } else {
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn boot_id() -> Option<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
    Some(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes())
}

/// Field 22 of `/proc/self/stat`: with the process id it names a process for good.
fn start_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}
