//! What readers of a table are promised: entries of one version, never an earlier one than before; those that the
//! directory counts; with everything that is applied. And after a writer that ends half-way, the last whole one.

use std::sync::Arc;

use gateway_queue::sync::{AtomicU64, Ordering, fence};
use gateway_queue::table::{
    Directory, Entry, add, applied, directory, load, rename, set_applied, store,
};
use loom::thread;

use crate::models::explore;

/// A table of one entry of two words on the heap.
#[derive(Default)]
struct Heap {
    directory: AtomicU64,
    applied: AtomicU64,
    version: AtomicU64,
    copies: [[AtomicU64; 2]; 2],
}

impl Heap {
    fn entry(&self) -> Entry<'_> {
        Entry {
            version: &self.version,
            copies: [&self.copies[0], &self.copies[1]],
        }
    }

    /// A whole copy of the entry: its version, and the number that both words are.
    fn read(&self) -> (u64, u64) {
        let mut words = [0; 2];
        let version = load(self.entry(), &mut words).expect("few stores, many attempts");
        assert_eq!(words[0], words[1], "torn at version {version}");
        (version, words[0])
    }
}

/// Explores a writer against a reader that reads twice.
fn written(write: impl Fn(&Heap, u64) + Copy + Send + Sync + 'static) {
    explore(move || {
        let heap = Arc::new(Heap::default());
        let memory = Arc::clone(&heap);
        let writing = thread::spawn(move || {
            for number in 1..=3 {
                write(&memory, number);
            }
        });
        let mut last = 0;
        for _ in 0..2 {
            let (version, number) = heap.read();
            assert_eq!(version, number, "torn: words of another version");
            assert!(version >= last, "an earlier version");
            last = version;
        }
        writing.join().unwrap();
    });
}

#[test]
pub(crate) fn an_entry_is_of_one_version_and_never_of_an_earlier_one() {
    written(|heap, number| store(heap.entry(), &[number; 2]));
}

/// A negative control: without the other copy a reader finds a half.
pub(crate) fn entries_without_a_second_copy() {
    written(|heap, number| {
        let version = heap.version.load(Ordering::Relaxed);
        fence(Ordering::Release);
        for word in &heap.copies[(version & 1) as usize] {
            word.store(number, Ordering::Relaxed);
        }
        heap.version.store(version + 1, Ordering::Release);
    });
}

/// A negative control.
pub(crate) fn entries_whose_version_comes_first() {
    written(|heap, number| {
        heap.version.store(number, Ordering::Release);
        fence(Ordering::Release);
        for word in &heap.copies[(number & 1) as usize] {
            word.store(number, Ordering::Relaxed);
        }
    });
}

#[test]
pub(crate) fn what_the_directory_counts_is_there() {
    explore(|| {
        let heap = Arc::new(Heap::default());
        let memory = Arc::clone(&heap);
        let writing = thread::spawn(move || {
            let mut now = Directory::default();
            add(&memory.directory, &mut now, memory.entry(), &[7; 2]);
            rename(&memory.directory, &mut now, memory.entry(), &[8; 2]);
        });
        let found = directory(&heap.directory);
        let (version, number) = heap.read();
        if found.entries == 1 {
            assert!(version >= 1, "counted, not there");
            assert!(
                found.changes < 2 || number == 8,
                "counted, not there under its new name"
            );
        }
        writing.join().unwrap();
    });
}

#[test]
pub(crate) fn entries_have_what_is_applied() {
    explore(|| {
        let heap = Arc::new(Heap::default());
        let memory = Arc::clone(&heap);
        let writing = thread::spawn(move || {
            for position in 1..=2 {
                store(memory.entry(), &[position; 2]);
                set_applied(&memory.applied, position);
            }
        });
        let position = applied(&heap.applied);
        let (_, number) = heap.read();
        assert!(
            number >= position,
            "{number} is behind what is applied, {position}"
        );
        writing.join().unwrap();
    });
}

/// A writer that is killed before it raises the version.
#[test]
fn the_last_whole_copy_outlives_a_writer_that_ends_half_way() {
    explore(|| {
        let heap = Arc::new(Heap::default());
        let memory = Arc::clone(&heap);
        let writing = thread::spawn(move || {
            store(memory.entry(), &[1; 2]);
            store(memory.entry(), &[2; 2]);
            // As far as `store` comes.
            fence(Ordering::Release);
            memory.copies[1][0].store(3, Ordering::Relaxed);
        });
        assert!(heap.read().1 <= 2);
        writing.join().unwrap();
        assert_eq!(heap.read(), (2, 2));
    });
}
