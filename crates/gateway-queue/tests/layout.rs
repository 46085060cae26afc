//! The layout: what stands where, and what becomes of a file that is not a queue.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::os::fd::OwnedFd;

use gateway_queue::clock::Clock;
use gateway_queue::layout::{MAGIC, StaticHeader};
use gateway_queue::{Publisher, PublisherOptions, QueueError, Start, Subscriber};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

fn header() -> StaticHeader {
    StaticHeader {
        layout_minor: 0,
        total_bytes: 8192 + 4096 * 64,
        ring_offset: 8192,
        block: 256,
        slots: 4096,
        flags: 0,
        schema_id: 0x0102_0304_0506_0708,
        schema_version: 3,
        record_bytes_max: 520,
        epoch: 1_700_000_000_000_000_000,
        boot_id: *b"0123456789abcdef",
        producer_pid: 77,
        producer_start_ticks: 88,
        tsc_hz: 2_600_000_000,
        tsc0: 99,
        realtime0: 111,
        name: "all".into(),
    }
}

#[test]
fn the_layout_of_version_1_stays_where_it_is() {
    let page = header().encode();
    let word = |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
    assert_eq!(&page[..8], b"GWQUEUE\0");
    assert_eq!(word(0x08), 1 | 8192 << 32);
    assert_eq!((word(0x10), word(0x18)), (8192 + 4096 * 64, 8192));
    assert_eq!((word(0x20), word(0x28)), (64 | 256 << 32, 4096));
    assert_eq!(
        (word(0x38), word(0x40)),
        (0x0102_0304_0506_0708, 3 | 520 << 32)
    );
    assert_eq!(word(0x48), 1_700_000_000_000_000_000);
    assert_eq!(&page[0x50..0x60], b"0123456789abcdef");
    assert_eq!((word(0x60), word(0x68)), (77, 88));
    assert_eq!(
        (word(0x70), word(0x78), word(0x80)),
        (2_600_000_000, 99, 111)
    );
    assert_eq!(&page[0x90..0x94], b"all\0");
    assert_eq!(
        StaticHeader::decode(&page, 8192 + 4096 * 64).unwrap(),
        header()
    );
}

#[test]
fn a_slot_is_its_sequence_and_the_record() {
    let options = PublisherOptions {
        name: "q".into(),
        slots: 64,
        record_bytes_max: 224,
        ..Default::default()
    };
    let (mut publisher, handle) = Publisher::create(&options).unwrap();
    publisher.publish_array(&[0xA00E, 1, 2, 3, 4, 5, 6]);
    publisher.publish(&[0x1310, 11, 12, 13, 14, 15, 16, 17]);
    publisher.heartbeat(42);
    let fd = handle.read_only_fd().unwrap();
    let read = |at: u64, words: usize| {
        let mut bytes = vec![0; words * 8];
        rustix::io::pread(&fd, &mut bytes[..], at).unwrap();
        bytes
            .chunks_exact(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(read(8192, 8), [1, 0xA00E, 1, 2, 3, 4, 5, 6]);
    assert_eq!(read(8192 + 64, 8), [2, 0x1310, 11, 12, 13, 14, 15, 16]);
    assert_eq!(read(8192 + 128, 2), [3 | 1 << 63, 17]);
    // Head, reserved, heartbeat with state live.
    assert_eq!((read(4096, 1)[0], read(4096 + 128, 1)[0]), (3, 4));
    assert_eq!(read(4096 + 256, 2), [42, 1]);
}

#[test]
fn a_stamp_is_48_bits_of_the_counter_under_the_number_of_its_round() {
    let options = PublisherOptions {
        name: "q".into(),
        slots: 64,
        record_bytes_max: 56,
        ..Default::default()
    };
    let (mut publisher, handle) = Publisher::create(&options).unwrap();
    let fd = handle.read_only_fd().unwrap();
    let stamps = || {
        let mut bytes = vec![0; 64 * 8];
        rustix::io::pread(&fd, &mut bytes[..], 0x1400).unwrap();
        let words = bytes.chunks_exact(8);
        words
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
            .collect::<Vec<_>>()
    };
    let clock = Clock::global();
    let begin = clock.ticks();
    let publish = |publisher: &mut Publisher, records: u64| {
        for id in 0..records {
            publisher.publish_array(&[0xA00E, id, 0, 0, 0, 0, 0]);
        }
    };
    let ticks = |word: &u64| word & ((1 << 48) - 1);
    // Of the records in slots 0 and 1,024.
    publish(&mut publisher, 1_025);
    let first = stamps();
    let since = |word: &u64| ticks(word).wrapping_sub(begin) & ((1 << 48) - 1);
    assert!(first[0] >> 48 == 0 && first[1] >> 48 == 0, "{first:x?}");
    assert!(since(&first[0]) <= since(&first[1]), "{first:x?}");
    assert!(since(&first[1]) <= clock.ticks() - begin, "{first:x?}");
    assert!(first[2..].iter().all(|word| *word == 0), "{first:x?}");
    // The 65th takes the place of the first.
    publish(&mut publisher, 64 * 1_024 - 1_024);
    let second = stamps();
    assert_eq!(second[0] >> 48, 1);
    assert!(since(&second[0]) >= since(&second[63]), "{second:x?}");
    assert_eq!(second[1], first[1]);
    assert!(
        second[1..]
            .iter()
            .all(|word| *word != 0 && *word >> 48 == 0)
    );
}

/// A header of layout `major.minor`, its checksum right.
fn header_of(major: u16, minor: u16) -> [u8; 256] {
    let mut page = header().encode();
    page[0x08..0x0A].copy_from_slice(&major.to_le_bytes());
    page[0x0A..0x0C].copy_from_slice(&minor.to_le_bytes());
    let crc = crc32c::crc32c(&page[8..0xFC]);
    page[0xFC..].copy_from_slice(&crc.to_le_bytes());
    page
}

#[test]
fn a_client_that_meets_another_layout_says_which_it_reads() {
    let mut bytes = vec![0; 8192 + 4096 * 64];
    for (major, minor) in [(2, 0), (2, 5), (0, 9), (u16::MAX, 0)] {
        bytes[..256].copy_from_slice(&header_of(major, minor));
        let error = Subscriber::attach(file(&bytes, true, true), Start::Head).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the shared memory has layout {major}.{minor}, this client reads layout 1.x: \
                 use a client and a gateway of the same generation"
            )
        );
    }
}

#[test]
fn what_a_later_minor_layout_adds_is_ignored() {
    let mut bytes = vec![0; 8192 + 4096 * 64];
    bytes[..256].copy_from_slice(&header_of(1, 7));
    // Past the part of the static page that means something today.
    bytes[256..4096].fill(0xA5);
    let subscriber = Subscriber::attach(file(&bytes, true, true), Start::Head).unwrap();
    assert_eq!(subscriber.header().layout_minor, 7);
}

#[test]
fn an_unknown_layout_names_the_one_that_is_supported() {
    let mut page = header().encode();
    page[8] = 2;
    let error = StaticHeader::decode(&page, 8192 + 4096 * 64).unwrap_err();
    assert!(matches!(
        error,
        QueueError::UnsupportedLayout {
            major: 2,
            minor: 0,
            supported: 1
        }
    ));
    assert!(error.to_string().contains("reads layout 1.x"), "{error}");
}

#[test]
fn a_changed_header_is_noticed() {
    let page = header().encode();
    for bit in 8 * 8..256 * 8 {
        let mut damaged = page;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(
            StaticHeader::decode(&damaged, 8192 + 4096 * 64).is_err(),
            "bit {bit}"
        );
    }
    assert!(StaticHeader::decode(&page, 8192).is_err(), "a shorter file");
}

/// A memory file of these bytes, sealed like a queue or not, read-only or not.
fn file(bytes: &[u8], sealed: bool, read_only: bool) -> OwnedFd {
    let fd =
        rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::io::write(&fd, bytes).unwrap();
    if sealed {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    }
    if !read_only {
        return fd;
    }
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    rustix::fs::open(path, OFlags::RDONLY, Mode::empty()).unwrap()
}

#[test]
fn what_is_not_a_queue_is_refused() {
    let mut bytes = vec![0; 8192 + 4096 * 64];
    bytes[..256].copy_from_slice(&header().encode());
    let attach = |fd| Subscriber::attach(fd, Start::Head);
    assert!(attach(file(&bytes, true, true)).is_ok());
    assert!(matches!(
        attach(file(&bytes, false, true)),
        Err(QueueError::NotSealed { .. })
    ));
    assert!(matches!(
        attach(file(&bytes, true, false)),
        Err(QueueError::Damaged { .. })
    ));
    assert!(matches!(
        attach(file(&bytes[..4096], true, true)),
        Err(QueueError::Damaged { .. })
    ));
    assert!(matches!(
        attach(file(&bytes[..8192], true, true)),
        Err(QueueError::Damaged { .. })
    ));
    assert!(matches!(
        attach(file(&[0; 16384], true, true)),
        Err(QueueError::NotAQueue { magic: 0 })
    ));
    let null = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(
        attach(null.into()),
        Err(QueueError::NotSealed { .. })
    ));
    assert_eq!(MAGIC.to_le_bytes(), *b"GWQUEUE\0");
}
