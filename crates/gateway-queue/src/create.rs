//! Making shared memory and queues in it: memory, seals, header.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64 as StdAtomicU64;

use rustix::fs::SealFlags;

use crate::clock::{Clock, Source};
use crate::layout::{
    BLOCKS_PER_RING, FLAG_HUGE_PAGES, HEADER_BYTES, LAYOUT_MINOR, SLOT_BYTES, STATE, State,
    StaticHeader,
};
use crate::mapping::{self, HugePages, Mapping, MemoryReport};
use crate::shared::MappedRing;
use crate::sync::Ordering;
use crate::{PublisherOptions, QueueError, QueueHandle, ring};

/// No later mapping, by anybody, can write; nobody can resize the file or unseal it.
pub(crate) const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// Memory of its own mapping, every page of it present, sealed, and all zeros.
#[derive(Debug)]
pub(crate) struct Sealed {
    mapping: Arc<Mapping>,
    /// What readers get copies of.
    pub(crate) read_only: OwnedFd,
    pub(crate) report: MemoryReport,
}

impl Sealed {
    /// At least `len` bytes under a `name` that shows in `/proc`.
    pub(crate) fn create(
        name: &str,
        len: usize,
        huge_pages: bool,
        lock_memory: bool,
    ) -> Result<Self, QueueError> {
        let (fd, mapping, huge_pages) = map_file(name, len, huge_pages)?;
        let prefaulted = mapping.populate(true).map_err(|error| error.to_string());
        let locked = lock_memory.then(|| {
            mapping
                .lock()
                .map_err(|error| format!("{error}: raise RLIMIT_MEMLOCK or grant CAP_IPC_LOCK"))
        });
        mapping::seal(&fd, SEALS)?;
        let read_only = mapping::reopen_read_only(&fd)?;
        // From here on the process has no writable descriptor of the file: only this mapping writes.
        drop(fd);
        let report = MemoryReport {
            bytes: mapping::file_bytes(read_only.as_fd())?,
            huge_pages,
            prefaulted,
            locked,
        };
        Ok(Self {
            mapping: Arc::new(mapping),
            read_only,
            report,
        })
    }

    pub(crate) fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.mapping)
    }
}

/// A queue that is live and empty, every page of it present, sealed: the ring to write to, and the handle.
pub(crate) fn create(options: &PublisherOptions) -> Result<(MappedRing, QueueHandle), QueueError> {
    options.validate()?;
    let len = HEADER_BYTES + options.slots as usize * SLOT_BYTES;
    let memory = Sealed::create(&options.name, len, options.huge_pages, options.lock_memory)?;
    let header = describe(options, &memory.report);
    let mapping = memory.mapping();
    // Ordered before the magic by its Release store.
    mapping
        .word(STATE)
        .store(State::Live as u64, Ordering::Relaxed);
    store_static_page(&mapping, &header.encode());
    let ring = MappedRing::new(Arc::clone(&mapping), &header);
    let handle = QueueHandle::new(mapping, memory.read_only, header, memory.report);
    Ok((ring, handle))
}

fn map_file(
    name: &str,
    len: usize,
    huge_pages: bool,
) -> Result<(OwnedFd, Mapping, HugePages), QueueError> {
    let name = format!("gateway-{name}");
    let ordinary = |reason| -> Result<_, QueueError> {
        let (fd, len) = mapping::create_file(&name, len, false)?;
        let mapping = Mapping::new(&fd, len, true)?;
        Ok((fd, mapping, reason))
    };
    if !huge_pages {
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

/// Stores a static page of whole words, its magic last.
pub(crate) fn store_static_page<const N: usize>(mapping: &Mapping, page: &[u8; N]) {
    let (words, _) = page.as_chunks::<8>();
    let words: Vec<u64> = words
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes))
        .collect();
    ring::store_page(&words, |index| mapping.word(index * 8));
}

/// `now`, or later where another queue of this process has that epoch.
pub(crate) fn next_epoch(now: u64) -> u64 {
    static LAST: StdAtomicU64 = StdAtomicU64::new(0);
    // A counter: its own modification order is all that matters.
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    if last < now {
        now
    } else {
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    }
}

pub(crate) fn boot_id() -> Option<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
    Some(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes())
}

/// Field 22 of `/proc/self/stat`: with the process id it names a process for good.
pub(crate) fn start_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}
