//! A table's writer and readers in processes of their own: no entry is ever torn, whoever is killed.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gateway_queue::Closed;
use gateway_queue::table::{
    ENTRY_WORDS, LoadError, TableHandle, TableOptions, TableReader, TableWriter,
};

use crate::child::{HANGS, Message, Process, playing, receive, scatter, send};

const ENTRIES: u32 = 8;
/// Entries that the tests write to: the first is busy, so that its readers are overtaken.
const fn target(number: u64) -> u32 {
    if scatter_const(number).is_multiple_of(2) {
        0
    } else {
        (scatter_const(number) / 2 % ENTRIES as u64) as u32
    }
}

const fn scatter_const(number: u64) -> u64 {
    let mixed = (number.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 17
}

/// What the store of that number writes: every word tells which store it is of.
fn words(number: u64) -> [u64; ENTRY_WORDS] {
    std::array::from_fn(|index| match index {
        0 => number,
        1 => u64::from(target(number)),
        index => scatter(number ^ (index as u64) << 40),
    })
}

fn table() -> (TableWriter, TableHandle) {
    let options = TableOptions {
        name: "stress".into(),
        source: "all".into(),
        entries_max: ENTRIES,
        lock_memory: false,
        ..Default::default()
    };
    TableWriter::create(&options).unwrap()
}

/// Writes until `stop` says so.
fn write(mut writer: TableWriter, mut stop: impl FnMut(u64) -> bool) -> u64 {
    for index in 0..ENTRIES {
        let mut first = words(0);
        first[1] = index.into();
        assert_eq!(writer.add(&first), Some(index));
    }
    let mut number = 0;
    while !stop(number) {
        writer.store(target(number), &words(number));
        number += 1;
        writer.set_applied(number);
    }
    number
}

/// What a reader saw so far.
struct Watcher {
    reader: TableReader,
    last: [u64; ENTRIES as usize],
    reads: u64,
}

impl Watcher {
    fn new(fd: &OwnedFd) -> Self {
        Self {
            reader: TableReader::attach(fd).unwrap(),
            last: [0; ENTRIES as usize],
            reads: 0,
        }
    }

    /// Reads every entry that there is and checks it.
    fn look(&mut self) {
        let applied = self.reader.applied();
        for index in 0..self.reader.directory().entries {
            let found: [u64; ENTRY_WORDS] = match self.reader.load(index) {
                Ok(found) => found,
                Err(LoadError::Contended) => continue,
                Err(error) => panic!("entry {index}: {error}"),
            };
            let number = found[0];
            let mut expected = words(number);
            expected[1] = index.into();
            assert_eq!(found, expected, "entry {index} is torn");
            assert!(
                number >= self.last[index as usize],
                "entry {index} went back"
            );
            // The last store to this entry among those applied.
            let due = (0..applied).rev().find(|&number| target(number) == index);
            assert!(
                number >= due.unwrap_or(0),
                "entry {index} has {number}, applied is {applied}"
            );
            self.last[index as usize] = number;
            self.reads += 1;
            let front: [u64; 8] = match self.reader.load(index) {
                Ok(front) => front,
                Err(LoadError::Contended) => continue,
                Err(error) => panic!("entry {index}: {error}"),
            };
            assert!(front[0] >= number);
            let mut expected = words(front[0]);
            expected[1] = index.into();
            assert_eq!(
                front[..],
                expected[..8],
                "the front of entry {index} is torn"
            );
        }
    }
}

/// Not a test by itself: a reader's process, which ends with the table and says how often it read.
#[test]
fn reader() {
    let Some(socket) = playing("table::reader") else {
        return;
    };
    let Message::Numbers(_, descriptors) = receive(&socket) else {
        return;
    };
    let mut watcher = Watcher::new(&descriptors[0]);
    loop {
        let ended = watcher.reader.ended();
        watcher.look();
        if let Some(closed) = ended {
            assert_eq!(closed, Closed::Stopped);
            send(&socket, &[watcher.reads], &[]);
            return;
        }
        std::thread::yield_now();
    }
}

/// Not a test by itself: a writer's process, which writes until it is killed.
#[test]
fn writer() {
    let Some(socket) = playing("table::writer") else {
        return;
    };
    let (writer, handle) = table();
    let fd = handle.read_only_fd().unwrap();
    send(&socket, &[0], &[fd.as_fd()]);
    write(writer, |_| false);
}

#[test]
fn readers_in_other_processes_never_see_half_an_entry() {
    let (writer, handle) = table();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let process = Process::start("table::reader");
            let fd = handle.read_only_fd().unwrap();
            send(process.socket(), &[0], &[fd.as_fd()]);
            process
        })
        .collect();
    let start = Instant::now();
    let stores = write(writer, |number| {
        if number.is_multiple_of(1 << 16) {
            std::thread::yield_now();
        }
        number.is_multiple_of(1 << 12) && start.elapsed() >= crate::duration() / 2
    });
    for process in readers {
        let Message::Numbers(numbers, _) = receive(process.socket()) else {
            panic!("a reader failed");
        };
        println!("{stores} stores, {} entries read", numbers[0]);
        assert!(numbers[0] > 0);
        process.join();
    }
}

#[test]
fn what_a_killed_writer_leaves_is_whole() {
    let kills = crate::kills() / 3;
    let mut between = 0;
    for round in 0..kills {
        let mut process = Process::start("table::writer");
        let Message::Numbers(_, descriptors) = receive(process.socket()) else {
            panic!("a writer that nobody killed ended");
        };
        let mut watcher = Watcher::new(&descriptors[0]);
        let (start, after) = (
            Instant::now(),
            Duration::from_micros(scatter(round) % 3_000),
        );
        while start.elapsed() < after {
            watcher.look();
            assert!(start.elapsed() < HANGS);
        }
        process.kill();
        watcher.look();
        assert_eq!(watcher.reader.ended(), None, "killed, it says nothing");
        // A store beyond what is applied: killed between the two.
        let applied = watcher.reader.applied();
        between += u64::from(
            watcher
                .last
                .iter()
                .any(|&number| number > 0 && number >= applied),
        );
    }
    println!("{kills} writers killed, {between} of them between a store and what it told of it");
}
