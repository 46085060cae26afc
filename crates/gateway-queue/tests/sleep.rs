//! Readers that sleep in the kernel, and the helper that wakes them.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway_queue::{
    Advance, Asleep, Bells, Closed, Ending, LOOK_INTERVAL, PositionPage, PositionWriter, Publisher,
    PublisherOptions, QueueHandle, Start, Subscriber, Watch, Woken,
};

/// Longer than any sleep of these tests may take: who sleeps so long was not woken.
const FOREVER: Duration = Duration::from_secs(60);

fn queue() -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: "sleep".into(),
        slots: 64,
        record_bytes_max: 56,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

fn record(id: u64) -> [u64; 7] {
    [id << 8 | 14, id, id, id, id, id, id]
}

/// A reader as a client has it, and the page as the gateway does.
struct Reader {
    subscriber: Subscriber,
    writer: PositionWriter,
    /// A hostile reader may map it a second time.
    page_fd: OwnedFd,
    page: PositionPage,
}

fn reader(handle: &QueueHandle) -> Reader {
    let (page, page_fd) = PositionPage::create().unwrap();
    Reader {
        subscriber: Subscriber::attach(handle.read_only_fd().unwrap(), Start::Head).unwrap(),
        writer: PositionWriter::attach(&page_fd).unwrap(),
        page_fd,
        page,
    }
}

/// The helper's thread.
struct Ringing {
    bells: Bells,
    thread: Option<JoinHandle<()>>,
}

impl Ringing {
    fn start() -> Self {
        let bells = Bells::new();
        let thread = std::thread::spawn({
            let bells = bells.clone();
            move || bells.run(LOOK_INTERVAL)
        });
        Self {
            bells,
            thread: Some(thread),
        }
    }
}

impl Drop for Ringing {
    fn drop(&mut self) {
        self.bells.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Waits until `done`: a condition that comes true by itself, soon.
fn until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < FOREVER, "never came true");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_sleeping_reader_gets_every_record() {
    let (mut publisher, handle) = queue();
    let ringing = Ringing::start();
    let Reader {
        mut subscriber,
        writer,
        page,
        ..
    } = reader(&handle);
    let _watch = ringing.bells.watch(&handle, &page);
    let reading = std::thread::spawn(move || {
        let mut ids = Vec::new();
        loop {
            match subscriber.advance_or_sleep(&writer, FOREVER) {
                Advance::Record => ids.push(subscriber.current().words[1]),
                Advance::Closed(closed) => return (ids, closed),
                other => panic!("{other:?}"),
            }
        }
    });
    for id in 0..200 {
        publisher.publish_array(&record(id));
        // Alone, two in a row, and now and then so late that the reader sleeps.
        if id % 3 != 0 {
            std::thread::sleep(Duration::from_micros(id * 5));
        }
    }
    publisher.close(Ending::Superseded { successor_epoch: 7 });
    let (ids, closed) = reading.join().unwrap();
    assert_eq!(ids, Vec::from_iter(0..200));
    assert_eq!(closed, Closed::Superseded { successor_epoch: 7 });
}

#[test]
fn a_sleep_that_nothing_ends_times_out() {
    let (_publisher, handle) = queue();
    let mut reader = reader(&handle);
    let advance = reader
        .subscriber
        .advance_or_sleep(&reader.writer, Duration::from_millis(5));
    assert_eq!(advance, Advance::Empty);
    let asleep = reader.subscriber.fall_asleep(&reader.writer);
    assert_eq!(asleep.wait(Duration::from_millis(1)), Woken::TimedOut);
}

#[test]
fn the_helper_sleeps_while_nobody_else_does() {
    let (mut publisher, handle) = queue();
    let ringing = Ringing::start();
    let readers: Vec<Reader> = (0..3).map(|_| reader(&handle)).collect();
    let watches: Vec<Watch> = readers
        .iter()
        .map(|reader| ringing.bells.watch(&handle, &reader.page))
        .collect();
    std::thread::sleep(Duration::from_millis(20));
    let before = ringing.bells.counters();
    for id in 0..1_000 {
        publisher.publish_array(&record(id));
        std::thread::sleep(Duration::from_micros(20));
    }
    let after = ringing.bells.counters();
    // One look a second, and one for each change of the list that was not looked at yet.
    assert!(after.looks - before.looks <= 5, "{before:?} {after:?}");
    assert_eq!(after.rings, 0);
    drop(watches);
}

#[test]
fn one_ring_wakes_all_who_sleep_on_a_queue() {
    let (mut publisher, handle) = queue();
    let (_other, other_handle) = queue();
    let bells = Bells::new();
    let readers = [reader(&handle), reader(&handle), reader(&other_handle)];
    let handles = [&handle, &handle, &other_handle];
    let watches: Vec<Watch> = readers
        .iter()
        .zip(handles)
        .map(|(reader, handle)| bells.watch(handle, &reader.page))
        .collect();
    let asleep: Vec<Asleep> = readers
        .iter()
        .map(|reader| reader.subscriber.fall_asleep(&reader.writer))
        .collect();
    assert!(bells.look());
    assert_eq!(bells.counters().rings, 0);
    publisher.publish_array(&record(0));
    assert!(bells.look(), "one sleeps on");
    assert_eq!(bells.counters().rings, 1);
    let mut asleep = asleep.into_iter();
    assert_eq!(asleep.next().unwrap().wait(FOREVER), Woken::Rung);
    assert_eq!(asleep.next().unwrap().wait(FOREVER), Woken::Rung);
    let last = asleep.next().unwrap();
    assert_eq!(last.wait(Duration::from_millis(5)), Woken::TimedOut);
    assert!(!bells.look(), "all are awake");
    drop(watches);
}

#[test]
fn a_reader_that_never_withdraws_is_rung_for_once() {
    let (mut publisher, handle) = queue();
    let bells = Bells::new();
    let reader = reader(&handle);
    let watch = bells.watch(&handle, &reader.page);
    std::mem::forget(reader.subscriber.fall_asleep(&reader.writer));
    for id in 0..10 {
        publisher.publish_array(&record(id));
        assert!(!bells.look(), "rung for, it counts as awake");
    }
    assert_eq!(bells.counters().rings, 1);
    drop(watch);
}

#[test]
fn nonsense_in_a_page_costs_a_ring_a_look_and_nothing_else() {
    let (mut publisher, handle) = queue();
    let bells = Bells::new();
    let reader = reader(&handle);
    let _watch = bells.watch(&handle, &reader.page);
    publisher.publish_array(&record(0));
    for number in 0..1_000_u64 {
        // Every byte of the page, the number of the sleep among them, as nobody means it.
        let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
        rustix::io::pwrite(&reader.page_fd, &noise.repeat(512), 0).unwrap();
        bells.look();
        let position = reader.page.read();
        assert_eq!(position.position, u64::from_le_bytes(noise));
    }
    let counters = bells.counters();
    assert!(counters.rings <= counters.looks, "{counters:?}");
    assert_eq!(counters.looks, 1_000);
}

#[test]
fn a_reader_is_woken_by_any_of_several_queues() {
    let ringing = Ringing::start();
    let (mut queues, handles): (Vec<Publisher>, Vec<QueueHandle>) = (0..3).map(|_| queue()).unzip();
    let readers: Vec<Reader> = handles.iter().map(reader).collect();
    let _watches: Vec<Watch> = readers
        .iter()
        .zip(&handles)
        .map(|(reader, handle)| ringing.bells.watch(handle, &reader.page))
        .collect();
    let asleep = readers
        .iter()
        .map(|reader| reader.subscriber.fall_asleep(&reader.writer))
        .collect();
    let waking = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        queues[1].publish_array(&record(9));
        queues
    });
    // Where the kernel cannot wait for several words (before 5.16) the sleep is short, and the reader looks itself.
    if Asleep::wait_any(asleep, FOREVER) == Woken::TimedOut {
        println!("skipped: the kernel has no futex_waitv");
    }
    let mut queues = waking.join().unwrap();
    let mut readers = readers;
    assert_eq!(readers[1].subscriber.advance(), Advance::Record);
    assert_eq!(readers[0].subscriber.advance(), Advance::Empty);
    queues.clear();
}

#[test]
fn more_readers_than_the_kernel_waits_for_are_woken_all_the_same() {
    let (mut publisher, handle) = queue();
    let ringing = Ringing::start();
    let readers: Vec<Reader> = (0..150).map(|_| reader(&handle)).collect();
    let _watches: Vec<Watch> = readers
        .iter()
        .map(|reader| ringing.bells.watch(&handle, &reader.page))
        .collect();
    let Reader {
        mut subscriber,
        writer,
        page,
        ..
    } = readers.into_iter().next_back().unwrap();
    let sleeping = std::thread::spawn(move || subscriber.advance_or_sleep(&writer, FOREVER));
    std::thread::sleep(Duration::from_millis(10));
    publisher.publish_array(&record(1));
    assert_eq!(sleeping.join().unwrap(), Advance::Record);
    drop(page);
}

#[test]
fn a_helper_that_is_stopped_wakes_who_sleeps_on_a_queue_that_ended() {
    let (publisher, handle) = queue();
    let ringing = Ringing::start();
    let Reader {
        mut subscriber,
        writer,
        page,
        ..
    } = reader(&handle);
    let watch = ringing.bells.watch(&handle, &page);
    let looks = ringing.bells.counters().looks;
    let sleeping = std::thread::spawn(move || subscriber.advance_or_sleep(&writer, FOREVER));
    // Somebody sleeps once the helper looks again and again.
    until(|| ringing.bells.counters().looks > looks + 10);
    publisher.close(Ending::Closed);
    drop(ringing);
    assert_eq!(sleeping.join().unwrap(), Advance::Closed(Closed::Stopped));
    drop(watch);
}
