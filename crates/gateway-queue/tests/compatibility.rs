//! Queues that gateways of earlier versions made stay readable: each minor version of the layout has a file here, as
//! its publisher left it, and every later reader reads it to the end.
//!
//! A new minor version adds a file and changes none; what is in a file is never made again:
//!
//! ```text
//! cargo test -p gateway-queue --test compatibility -- --ignored
//! ```
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use gateway_queue::clock::{Clock, Source};
use gateway_queue::layout::{LAYOUT_MAJOR, LAYOUT_MINOR, State};
use gateway_queue::{
    Closed, Ending, OnLapped, Poll, Publisher, PublisherOptions, Start, Subscriber,
};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

/// The static page: process, boot and clock differ from run to run.
const STATIC_PAGE: usize = 4096;
/// Lengths of the records in words, over and over: of one slot, of two and of four, the longest that there may be.
const LENGTHS: [usize; 5] = [7, 1, 28, 7, 13];
const RECORDS: u64 = 60;
/// The first record from which state can be rebuilt.
const RESYNC: u64 = 52;

fn record(id: u64) -> Vec<u64> {
    let words = LENGTHS[id as usize % LENGTHS.len()];
    let mut record: Vec<u64> = (0..words as u64)
        .map(|index| id << 32 | index << 8)
        .collect();
    record[0] |= words as u64 * 2;
    record
}

fn slots(id: u64) -> u64 {
    record(id).len().div_ceil(7) as u64
}

/// Where the stamps of publications are.
const STAMPS: std::ops::Range<usize> = 0x1400..0x1600;

fn fixture(minor: u16) -> PathBuf {
    let name = format!("queue_layout_{LAYOUT_MAJOR}_{minor}.bin");
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A queue as this version makes it, byte for byte.
fn made_now() -> Vec<u8> {
    let options = PublisherOptions {
        name: "fixture".into(),
        slots: 64,
        schema_id: 0x6462_6E00,
        schema_version: 3,
        record_bytes_max: 224,
        huge_pages: false,
        lock_memory: false,
    };
    let (mut publisher, handle) = Publisher::create(&options).unwrap();
    for id in 0..RECORDS {
        if id == RESYNC {
            publisher.mark_resync();
        }
        assert!(publisher.publish(&record(id)));
    }
    publisher.heartbeat(1_700_000_000_000_000_123);
    publisher.close(Ending::Superseded {
        successor_epoch: 1_700_000_000_000_000_456,
    });
    let mut bytes = vec![0; handle.memory().bytes as usize];
    let fd = handle.read_only_fd().unwrap();
    assert_eq!(rustix::io::pread(fd, &mut bytes[..], 0), Ok(bytes.len()));
    bytes
}

/// A descriptor of such a queue, as a broker gives it.
fn descriptor(bytes: &[u8]) -> OwnedFd {
    let fd = rustix::fs::memfd_create("fixture", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .unwrap();
    assert_eq!(rustix::io::write(&fd, bytes), Ok(bytes.len()));
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    rustix::fs::open(path, OFlags::RDONLY, Mode::empty()).unwrap()
}

#[test]
#[ignore = "makes the file of a new minor version of the layout"]
fn makes_the_file_of_this_version() {
    let path = fixture(LAYOUT_MINOR);
    assert!(!path.exists(), "{} is there, and stays", path.display());
    std::fs::write(path, made_now()).unwrap();
}

/// Reads from `start` to the end; the records' ids and the slots lost.
fn read(bytes: &[u8], start: Start, on_lapped: OnLapped) -> (Vec<u64>, u64) {
    let mut subscriber = Subscriber::attach_with(descriptor(bytes), start, on_lapped).unwrap();
    let (mut ids, mut lost) = (Vec::new(), 0);
    loop {
        match subscriber.poll_or_state() {
            Poll::Record(found) => {
                let id = found.words[0] >> 32;
                assert_eq!(found.words, record(id));
                let position: u64 = (0..id).map(slots).sum();
                assert_eq!(found.position, position);
                ids.push(id);
            }
            Poll::Lost { slots } => lost += slots,
            Poll::Closed(closed) => {
                let successor_epoch = 1_700_000_000_000_000_456;
                assert_eq!(closed, Closed::Superseded { successor_epoch });
                return (ids, lost);
            }
            Poll::Empty => panic!("neither a record nor the end"),
        }
    }
}

#[test]
fn a_queue_of_every_earlier_minor_version_is_read_to_the_end() {
    for minor in 0..=LAYOUT_MINOR {
        let bytes = std::fs::read(fixture(minor)).unwrap();
        let subscriber = Subscriber::attach(descriptor(&bytes), Start::Head).unwrap();
        let header = subscriber.header();
        assert_eq!(
            (header.name.as_str(), header.layout_minor),
            ("fixture", minor)
        );
        assert_eq!((header.slots, header.block), (64, 4));
        assert_eq!((header.schema_id, header.schema_version), (0x6462_6E00, 3));
        assert_eq!(header.record_bytes_max, 224);
        assert!(header.epoch > 1_700_000_000_000_000_000 && header.producer_pid > 0);
        let health = subscriber.health();
        assert_eq!(health.state, State::Superseded);
        assert_eq!(health.heartbeat_ns, 1_700_000_000_000_000_123);

        let head: u64 = (0..RECORDS).map(slots).sum();
        assert_eq!(subscriber.head(), head);
        assert_eq!(read(&bytes, Start::Head, OnLapped::Oldest), (vec![], 0));
        // A ring of 64 slots in blocks of 4 gives out the newest 60, and the oldest of these is inside of a record.
        let oldest = head.next_multiple_of(4) - 60;
        let mut position = 0;
        let is_whole = |id: &u64| {
            let begin = position;
            position += slots(*id);
            begin >= oldest
        };
        let whole: Vec<u64> = (0..RECORDS).filter(is_whole).collect();
        let (ids, lost) = read(&bytes, Start::Oldest, OnLapped::Oldest);
        assert_eq!((ids, lost), (whole.clone(), 0));
        // From the beginning: what is gone counts as lost, the rest of a record that was cut off included.
        let (ids, lost) = read(&bytes, Start::At(0), OnLapped::Oldest);
        let received: u64 = whole.iter().copied().map(slots).sum();
        assert_eq!((ids, lost), (whole, head - received));
    }
}

#[test]
fn this_version_writes_what_its_file_holds() {
    let (file, now) = (std::fs::read(fixture(LAYOUT_MINOR)).unwrap(), made_now());
    assert_eq!(file.len(), now.len());
    for (at, (then, now)) in file.iter().zip(&now).enumerate().skip(STATIC_PAGE) {
        // When records were published: of a counter that went on.
        if STAMPS.contains(&at) {
            continue;
        }
        assert_eq!(then, now, "byte {at:#x}");
    }
    // Of the same records, the first of all.
    let stamped = |bytes: &[u8]| -> Vec<bool> {
        let words = bytes[STAMPS].chunks_exact(8);
        words
            .map(|word| {
                assert_eq!(word[6..], [0, 0], "a record of another round");
                word.iter().any(|byte| *byte != 0)
            })
            .collect()
    };
    let mut first = vec![false; 64];
    first[0] = true;
    assert_eq!((stamped(&file), stamped(&now)), (first.clone(), first));
}

#[test]
fn when_a_record_was_published_is_read_from_minor_version_1_on() {
    // The place where the files have the first record's stamp; the file of 1.1 has this one.
    const TICKS: u64 = 0x9F4_D9A8_00F5;
    let clock = Clock::global();
    let ago = |minor: u16, stamp: Option<u64>| {
        let mut bytes = std::fs::read(fixture(minor)).unwrap();
        if let Some(stamp) = stamp {
            bytes[0x1400..0x1408].copy_from_slice(&stamp.to_le_bytes());
        }
        // As of a record of all slots from the first until there, of which that one is stamped.
        let subscriber = Subscriber::attach(descriptor(&bytes), Start::Oldest).unwrap();
        assert!((1..1_024).contains(&subscriber.position()));
        subscriber.published_ago(0, clock, TICKS + 1_000_000)
    };
    // A counter's ticks mean something to who reads the same counter only.
    let by_tsc = |ago| (clock.source() == Source::Tsc).then_some(ago);
    assert_eq!(ago(1, None), by_tsc(clock.duration_ns(1_000_000)));
    let other = TICKS + 999_000;
    assert_eq!(ago(1, Some(other)), by_tsc(clock.duration_ns(1_000)));
    // Of a record 65,536 slots later.
    assert_eq!(ago(1, Some(other | 1 << 48)), None);
    // Before there were any, whatever stands there.
    assert_eq!((ago(0, None), ago(0, Some(other))), (None, None));
}
