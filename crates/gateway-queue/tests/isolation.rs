//! What a reader can do with the two descriptors that it gets: nothing to the ring, and to its own page nothing that
//! the gateway would notice but as numbers. Every attempt is one that the kernel refuses, whoever makes it: these tests
//! prove more when root runs them.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

use gateway_queue::{
    HugePages, Poll, PositionPage, PositionWriter, Publisher, PublisherOptions, QueueHandle,
    ReaderPosition, Start, Subscriber,
};
use rustix::fs::{FallocateFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

const PAGE: usize = 4096;

/// A file, mapped as a hostile reader likes it.
struct Map {
    base: NonNull<c_void>,
    len: usize,
}

impl Map {
    fn new(fd: impl AsFd, protection: ProtFlags, flags: MapFlags) -> Result<Self, Errno> {
        let len = rustix::fs::fstat(&fd)?.st_size as usize;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that anybody has.
        let base = unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, protection, flags, fd, 0) };
        let base = NonNull::new(base?).unwrap();
        Ok(Self { base, len })
    }

    fn protect(&self, flags: MprotectFlags) -> Result<(), Errno> {
        // SAFETY: the range is this mapping, into which nobody has a reference.
        unsafe { rustix::mm::mprotect(self.base.as_ptr(), self.len, flags) }
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the range is this mapping, into which nobody has a reference.
        unsafe { rustix::mm::madvise(self.base.as_ptr(), self.len, advice) }
    }

    fn store(&self, byte: u8) {
        // SAFETY: the first byte of a mapping that the caller made writable.
        unsafe { self.base.as_ptr().cast::<u8>().write_volatile(byte) };
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; nobody has a reference into it.
        unsafe { rustix::mm::munmap(self.base.as_ptr(), self.len) }.unwrap();
    }
}

/// Opens what a descriptor leads to again.
fn reopen(fd: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
}

fn record(id: u64) -> [u64; 7] {
    [id << 8 | 14, id, id, id, id, id, id]
}

fn queue(huge_pages: bool) -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: "isolation".into(),
        slots: 256,
        huge_pages,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

/// Publishes through every slot, and sees that a reader gets it as it was.
fn still_works(publisher: &mut Publisher, handle: &QueueHandle) {
    let fd = handle.read_only_fd().unwrap();
    let mut subscriber = Subscriber::attach(fd, Start::Head).unwrap();
    for id in 0..1_000 {
        publisher.publish_array(&record(id));
        match subscriber.poll() {
            Poll::Record(found) => assert_eq!(found.words, record(id)),
            other => panic!("{other:?}"),
        }
    }
}

/// Everything that would change the ring, by a descriptor that cannot write and by one that was opened for it.
fn attack(fd: &OwnedFd, huge: bool) {
    let shared = MapFlags::SHARED;
    let both = ProtFlags::READ | ProtFlags::WRITE;
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;

    // As it came: read-only.
    assert_eq!(Map::new(fd, both, shared).err(), Some(Errno::ACCESS));
    assert_eq!(
        Map::new(fd, both, MapFlags::SHARED_VALIDATE).err(),
        Some(Errno::ACCESS)
    );
    assert_eq!(rustix::io::pwrite(fd, b"x", 0), Err(Errno::BADF));
    assert_eq!(rustix::fs::ftruncate(fd, 0), Err(Errno::INVAL));
    assert_eq!(
        rustix::fs::fallocate(fd, punch, 0, PAGE as u64),
        Err(Errno::BADF)
    );
    for seal in [SealFlags::WRITE, SealFlags::empty()] {
        assert_eq!(rustix::fs::fcntl_add_seals(fd, seal), Err(Errno::PERM));
    }

    // Opened again for writing. The file's mode lets whoever holds a descriptor do so; the seals make it worthless.
    for flags in [OFlags::RDWR, OFlags::WRONLY, OFlags::RDWR | OFlags::TRUNC] {
        let writable = match reopen(fd, flags) {
            Ok(writable) => writable,
            // Without the right to, or because of the truncation.
            Err(errno) => {
                assert!(matches!(errno, Errno::ACCESS | Errno::PERM), "{errno}");
                println!("{flags:?}: not opened ({errno})");
                continue;
            }
        };
        if flags == OFlags::RDWR {
            assert_eq!(Map::new(&writable, both, shared).err(), Some(Errno::PERM));
            let read_only = Map::new(&writable, ProtFlags::READ, shared).unwrap();
            let answer = read_only.protect(MprotectFlags::READ | MprotectFlags::WRITE);
            assert_eq!(answer, Err(Errno::ACCESS));
        }
        // Files on huge pages cannot be written to by anybody.
        let refusal = if huge { Errno::INVAL } else { Errno::PERM };
        assert_eq!(rustix::io::pwrite(&writable, b"x", 0), Err(refusal));
        assert_eq!(rustix::fs::ftruncate(&writable, 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&writable, 1 << 30), Err(Errno::PERM));
        let len = if huge { 2 << 20 } else { PAGE as u64 };
        for flags in [
            punch,
            FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE,
        ] {
            let answer = rustix::fs::fallocate(&writable, flags, 0, len);
            assert!(
                matches!(answer, Err(Errno::PERM | Errno::OPNOTSUPP)),
                "{flags:?}: {answer:?}"
            );
        }
        let answer = rustix::fs::fcntl_add_seals(&writable, SealFlags::WRITE);
        assert_eq!(answer, Err(Errno::PERM));
    }

    // Through the mapping.
    let map = Map::new(fd, ProtFlags::READ, shared).unwrap();
    for flags in [
        MprotectFlags::WRITE,
        MprotectFlags::READ | MprotectFlags::WRITE,
    ] {
        assert_eq!(map.protect(flags), Err(Errno::ACCESS));
    }
    let answer = map.advise(Advice::LinuxRemove);
    assert!(
        matches!(answer, Err(Errno::ACCESS | Errno::INVAL | Errno::PERM)),
        "{answer:?}"
    );
    let answer = map.advise(Advice::LinuxPopulateWrite);
    assert_eq!(answer, Err(Errno::INVAL));
    // Debuggers write through here even where the page's owner may not; not to a page that is shared.
    let memory = File::options().write(true).open("/proc/self/mem").unwrap();
    let written = memory.write_at(b"x", map.base.as_ptr() as u64);
    assert_eq!(
        written.map_err(|error| error.raw_os_error()),
        Err(Some(Errno::IO.raw_os_error()))
    );

    // A private copy is the reader's own: it is no map of the ring.
    let copy = Map::new(fd, both, MapFlags::PRIVATE).unwrap();
    copy.store(0);
    let mut magic = [0; 8];
    rustix::io::pread(fd, &mut magic, 0).unwrap();
    assert_eq!(&magic, b"GWQUEUE\0");
}

#[test]
fn a_reader_cannot_change_the_ring() {
    let (mut publisher, handle) = queue(false);
    attack(&handle.read_only_fd().unwrap(), false);
    still_works(&mut publisher, &handle);
}

#[test]
fn a_reader_cannot_change_a_ring_on_huge_pages() {
    let (mut publisher, handle) = queue(true);
    if let HugePages::Unavailable(reason) = &handle.memory().huge_pages {
        println!("skipped: {reason}");
        return;
    }
    attack(&handle.read_only_fd().unwrap(), true);
    still_works(&mut publisher, &handle);
}

#[test]
fn the_gateway_keeps_no_descriptor_that_writes() {
    let (_publisher, handle) = queue(false);
    let inode = rustix::fs::fstat(handle.read_only_fd().unwrap())
        .unwrap()
        .st_ino;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let number = entry.unwrap().file_name().into_string().unwrap();
        // Descriptors of other tests come and go.
        let Ok(info) = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")) else {
            continue;
        };
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        if field("ino:") == Some(inode.to_string()) {
            let flags = u32::from_str_radix(&field("flags:").unwrap(), 8).unwrap();
            assert_eq!(
                flags & OFlags::ACCMODE.bits(),
                OFlags::RDONLY.bits(),
                "{info}"
            );
        }
    }
}

/// A page whose reader wrote `number` everywhere, and the descriptor that it has.
fn page_full_of(number: u64) -> (PositionPage, OwnedFd) {
    let (page, fd) = PositionPage::create().unwrap();
    let length = length_of(&fd);
    let bytes = number.to_le_bytes().repeat(length / 8);
    assert_eq!(rustix::io::pwrite(&fd, &bytes, 0), Ok(length));
    (page, fd)
}

/// Bytes of a reader's page, that of its latencies included.
fn length_of(fd: &OwnedFd) -> usize {
    rustix::fs::fstat(fd).unwrap().st_size as usize
}

/// Whether every word of the latencies is `number`.
fn has_latencies_of(page: &PositionPage, number: u64) -> bool {
    let received = page.received();
    let Some(of_none) = received.first() else {
        return number == 0;
    };
    let latency = &of_none.latency;
    let counts = latency.counts.iter().all(|count| *count == number);
    counts && latency.sum_ns == number && latency.max_ns == number
}

fn everywhere(number: u64) -> ReaderPosition {
    ReaderPosition {
        position: number,
        lost: number,
        overruns: number,
        last_poll_ns: number,
    }
}

#[test]
fn a_reader_cannot_resize_or_reseal_its_page() {
    let (page, fd) = page_full_of(7);
    let beyond = length_of(&fd) as u64;
    for len in [0, 1, PAGE as u64, beyond - 1, beyond + 1, 1 << 40] {
        assert_eq!(rustix::fs::ftruncate(&fd, len), Err(Errno::PERM), "{len}");
    }
    assert_eq!(
        rustix::fs::fallocate(&fd, FallocateFlags::empty(), beyond, beyond),
        Err(Errno::PERM)
    );
    assert_eq!(
        rustix::io::pwrite(&fd, b"x", beyond).map_err(|errno| errno.raw_os_error()),
        Err(Errno::PERM.raw_os_error())
    );
    let again = reopen(&fd, OFlags::RDWR | OFlags::TRUNC);
    assert_eq!(again.err(), Some(Errno::PERM));
    for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        assert_eq!(rustix::fs::fcntl_add_seals(&fd, seal), Err(Errno::PERM));
    }
    assert_eq!(page.read(), everywhere(7));
    assert!(has_latencies_of(&page, 7));
}

/// A hole is a page that is not there yet: whoever reads it gets a new one, of zeros. A page beyond the end of the
/// file would be a SIGBUS to the gateway; the seals keep the end where it is.
#[test]
fn a_hole_in_its_page_reads_as_zeros_and_is_no_signal_to_the_gateway() {
    for through_mapping in [false, true] {
        let punch = |fd: &OwnedFd, map: &Map| {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if through_mapping {
                map.advise(Advice::LinuxRemove)
            } else {
                rustix::fs::fallocate(fd, flags, 0, length_of(fd) as u64)
            }
        };
        let (page, fd) = page_full_of(7);
        let map = Map::new(&fd, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED).unwrap();
        assert_eq!(page.read(), everywhere(7));
        punch(&fd, &map).unwrap();
        assert_eq!(page.read(), everywhere(0));
        assert!(has_latencies_of(&page, 0));
        // While the gateway reads, again and again.
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                for _ in 0..20_000 {
                    let found = page.read().position;
                    assert!(found == 0 || found == 9, "{found}");
                }
            });
            let writer = PositionWriter::attach(&fd).unwrap();
            while !reading.is_finished() {
                writer.write(everywhere(9));
                punch(&fd, &map).unwrap();
            }
        });
    }
}

#[test]
fn nonsense_in_its_page_is_passed_on_as_it_is() {
    for number in [0, 1, u64::MAX, i64::MIN.cast_unsigned(), 1 << 62] {
        let (page, _fd) = page_full_of(number);
        assert_eq!(page.read(), everywhere(number));
        assert!(has_latencies_of(&page, number));
    }
}

#[test]
fn a_page_that_is_none_is_refused() {
    let (_publisher, handle) = queue(false);
    let ring = handle.read_only_fd().unwrap();
    // The ring's seals contain the page's; it cannot be mapped for writing all the same.
    let error = PositionWriter::attach(&ring).unwrap_err().to_string();
    let denied = io::Error::from_raw_os_error(Errno::ACCESS.raw_os_error()).to_string();
    assert!(error.contains(&denied), "{error}");
    let null = OwnedFd::from(File::open("/dev/null").unwrap());
    let error = PositionWriter::attach(&null).unwrap_err().to_string();
    assert!(error.contains("lacks the seals"), "{error}");
}
