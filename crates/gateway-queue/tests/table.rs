//! Tables in one process: entries, directory, the end, and descriptors that are no tables.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::os::fd::OwnedFd;

use gateway_queue::layout::State;
use gateway_queue::table::layout::{ENTRY_BYTES, HEADER_BYTES, STATIC_BYTES, TableHeader};
use gateway_queue::table::{
    Directory, ENTRY_WORDS, LoadError, TableHandle, TableOptions, TableReader, TableWriter,
};
use gateway_queue::{
    Closed, Ending, PositionPage, Publisher, PublisherOptions, QueueError, Start, Subscriber,
};
use proptest::prelude::*;

fn options(entries_max: u32) -> TableOptions {
    TableOptions {
        name: "books".into(),
        source: "all".into(),
        entries_max,
        schema_id: 5,
        schema_version: 6,
        lock_memory: false,
        ..Default::default()
    }
}

fn table(entries_max: u32) -> (TableWriter, TableHandle, TableReader) {
    let (writer, handle) = TableWriter::create(&options(entries_max)).unwrap();
    let reader = TableReader::attach(&handle.read_only_fd().unwrap()).unwrap();
    (writer, handle, reader)
}

fn whole(number: u64) -> [u64; ENTRY_WORDS] {
    std::array::from_fn(|index| number * 100 + index as u64)
}

#[test]
fn entries_are_added_replaced_and_read_whole_or_in_front() {
    let (mut writer, handle, reader) = table(2);
    assert_eq!(reader.load::<ENTRY_WORDS>(0), Err(LoadError::NoEntry));
    assert_eq!(reader.directory(), Directory::default());
    assert_eq!(writer.add(&whole(1)), Some(0));
    assert_eq!(writer.add(&whole(2)), Some(1));
    assert_eq!(writer.add(&whole(3)), None, "full");
    assert_eq!(writer.entries(), 2);
    let directory = reader.directory();
    assert_eq!((directory.entries, directory.changes), (2, 2));
    for number in 3..6 {
        writer.store(1, &whole(number));
        assert_eq!(reader.load(1), Ok(whole(number)));
        assert_eq!(reader.load::<8>(1).unwrap()[..], whole(number)[..8]);
        assert_eq!(reader.load(0), Ok(whole(1)));
    }
    assert_eq!(reader.directory(), directory, "nothing has a new name");
    writer.rename(0, &whole(9));
    assert_eq!(reader.directory().changes, 3);
    assert_eq!(reader.load(0), Ok(whole(9)));
    assert_eq!(reader.load::<1>(2), Err(LoadError::NoEntry));
    assert_eq!(reader.load::<1>(u32::MAX), Err(LoadError::NoEntry));
    writer.set_applied(77);
    writer.heartbeat(88);
    let health = reader.health();
    assert_eq!((health.applied, health.heartbeat_ns), (77, 88));
    assert_eq!((handle.applied(), handle.heartbeat_ns()), (77, 88));
    assert_eq!((handle.entries(), handle.state()), (2, State::Live));
}

#[test]
fn the_header_says_what_was_asked_for() {
    let (_writer, handle, reader) = table(3);
    let header = reader.header();
    assert_eq!(header, handle.header());
    assert_eq!(
        (header.name.as_str(), header.source.as_str()),
        ("books", "all")
    );
    assert_eq!((header.schema_id, header.schema_version), (5, 6));
    assert_eq!(header.entries_max, 3);
    assert_eq!(header.total_bytes as usize, HEADER_BYTES + 3 * ENTRY_BYTES);
    assert_eq!(header.writer_pid, std::process::id());
    let (_other, other, _reader) = table(3);
    assert!(other.epoch() > handle.epoch());
}

#[test]
fn a_table_ends_with_its_reason_and_its_entries_stay() {
    let (mut writer, handle, reader) = table(1);
    writer.add(&whole(1)).unwrap();
    assert_eq!(reader.ended(), None);
    writer.close(Ending::Superseded { successor_epoch: 7 });
    assert_eq!(
        reader.ended(),
        Some(Closed::Superseded { successor_epoch: 7 })
    );
    assert_eq!(handle.state(), State::Superseded);
    assert_eq!(reader.load(0), Ok(whole(1)));
    let (writer, _handle, reader) = table(1);
    drop(writer);
    assert_eq!(reader.ended(), Some(Closed::Stopped));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (wrong, option) in [
        (options(0), "entries_max"),
        (options(u32::MAX), "entries_max"),
        (
            TableOptions {
                name: String::new(),
                ..options(1)
            },
            "name",
        ),
        (
            TableOptions {
                source: "a\nb".into(),
                ..options(1)
            },
            "source",
        ),
    ] {
        let error = TableWriter::create(&wrong).unwrap_err().to_string();
        assert!(error.contains(&format!("`{option}`")), "{error}");
    }
}

#[test]
fn other_descriptors_are_no_tables() {
    let (_publisher, queue) = Publisher::create(&PublisherOptions {
        name: "all".into(),
        slots: 64,
        record_bytes_max: 56,
        lock_memory: false,
        ..Default::default()
    })
    .unwrap();
    let refuse = |fd: OwnedFd| TableReader::attach(&fd).unwrap_err();
    let error = refuse(queue.read_only_fd().unwrap());
    assert!(matches!(error, QueueError::NotATable { .. }), "{error}");
    let (_page, fd) = PositionPage::create().unwrap();
    assert!(matches!(refuse(fd), QueueError::NotSealed { .. }));
    let (_writer, handle, _reader) = table(1);
    let error = Subscriber::attach(handle.read_only_fd().unwrap(), Start::Head).unwrap_err();
    assert!(matches!(error, QueueError::NotAQueue { .. }), "{error}");
}

#[test]
fn a_reader_cannot_map_a_table_writable() {
    use rustix::mm::{MapFlags, ProtFlags};
    let (_writer, handle, _reader) = table(1);
    let fd = handle.read_only_fd().unwrap();
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory that anybody has.
    let mapped = unsafe {
        rustix::mm::mmap(
            std::ptr::null_mut(),
            4096,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            &fd,
            0,
        )
    };
    assert!(mapped.is_err());
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    assert!(
        std::fs::OpenOptions::new().write(true).open(&path).is_err() || {
            // Root opens it, and the seals refuse the write.
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            std::os::unix::fs::FileExt::write_at(&file, &[1], 0).is_err()
        }
    );
}

proptest! {
    /// A damaged static page is refused or says what it said, and never panics.
    #[test]
    fn a_damaged_header_is_refused(at in 0..STATIC_BYTES, bit in 0..8_u32, cut in any::<u64>()) {
        let (_writer, handle, _reader) = table(1);
        let mut page = handle.header().encode();
        let bytes = handle.header().total_bytes;
        prop_assert_eq!(&TableHeader::decode(&page, bytes).unwrap(), handle.header());
        if cut != bytes {
            prop_assert!(TableHeader::decode(&page, cut).is_err());
        }
        page[at] ^= 1 << bit;
        prop_assert!(TableHeader::decode(&page, bytes).is_err());
    }
}
