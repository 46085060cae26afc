//! Publisher and readers in processes of their own: records that check themselves, processes that are killed.
//!
//! The test binary starts itself again for the other processes; they find their role in the environment.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateway_queue::clock::Clock;
use gateway_queue::{Poll, Publisher, PublisherOptions, QueueHandle, Start, Subscriber};
use rustix::fs::{Mode, OFlags};

const READER: &str = "GATEWAY_TEST_READER_FD";
const PUBLISHER: &str = "GATEWAY_TEST_PUBLISHER";
/// Slots: small, so that a reader is overtaken now and then.
const SLOTS: u64 = 4_096;

fn create() -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: "stress".into(),
        slots: SLOTS,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

/// Every word follows from `id`, so that any mixture of two records shows. Most take one slot, some five.
fn fill(id: u64, buffer: &mut [u64; 30]) -> &[u64] {
    let words = if id.is_multiple_of(16) { 30 } else { 7 };
    for (index, word) in (0..).zip(buffer[..words].iter_mut()) {
        *word = (id ^ (index << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    buffer[0] = (id << 8) | (words as u64 * 2);
    &buffer[..words]
}

#[derive(Debug, Default)]
struct Tally {
    records: u64,
    slots: u64,
    lost: u64,
    next_id: u64,
}

impl Tally {
    /// Checks a record; panics if it is torn, repeated or out of order.
    fn record(&mut self, words: &[u64]) {
        let id = words[0] >> 8;
        let mut expected = [0; 30];
        assert_eq!(words, fill(id, &mut expected), "torn");
        assert!(id >= self.next_id, "{id} after {}", self.next_id);
        assert!(
            id == self.next_id || self.lost > 0,
            "{id} after {} and nothing lost",
            self.next_id
        );
        self.next_id = id + 1;
        self.records += 1;
        self.slots += words.len().div_ceil(7) as u64;
    }

    /// Reads until the queue ends.
    fn drain(&mut self, subscriber: &mut Subscriber) {
        loop {
            match subscriber.poll() {
                Poll::Record(record) => self.record(record.words),
                Poll::Lost { slots } => self.lost += slots,
                // More processes than processors: let the others run.
                Poll::Empty => std::thread::yield_now(),
                Poll::Closed(_) => return,
            }
        }
    }
}

/// Not a test by itself: a reader's process.
#[test]
fn reader_process() {
    let Ok(fd) = std::env::var(READER) else {
        return;
    };
    // SAFETY: the parent left this descriptor open for this process alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd.parse().unwrap()) };
    // What was overwritten before this process came to run counts as lost.
    let mut subscriber = Subscriber::attach(fd, Start::At(0)).unwrap();
    let mut tally = Tally::default();
    tally.drain(&mut subscriber);
    assert_eq!(tally.slots + tally.lost, subscriber.position());
    println!(
        "TALLY {} {} {}",
        tally.records,
        tally.lost,
        subscriber.position()
    );
}

/// Not a test by itself: a publisher's process, which publishes until it is killed.
#[test]
fn publisher_process() {
    if std::env::var(PUBLISHER).is_err() {
        return;
    }
    let (mut publisher, handle) = create();
    let fd = handle.read_only_fd().unwrap();
    println!("FD {}", fd.as_raw_fd());
    let mut buffer = [0; 30];
    for id in 0.. {
        publisher.publish(fill(id, &mut buffer));
        if id % 1_024 == 0 {
            publisher.heartbeat(Clock::global().now());
        }
    }
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    /// Ends it by SIGKILL, whatever it is doing, and sees it dead.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

fn spawn(role: &str, variable: &str, value: &str) -> Process {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--nocapture", "--test-threads=1"])
        .env(variable, value)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Process(child)
}

fn spawn_reader(handle: &QueueHandle) -> Process {
    let fd = handle.read_only_fd().unwrap();
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty()).unwrap();
    spawn("reader_process", READER, &fd.as_raw_fd().to_string())
}

/// A reader's records, losses and last position.
fn tally_of(mut child: Process) -> [u64; 3] {
    let mut output = String::new();
    child
        .0
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    assert!(child.0.wait().unwrap().success(), "{output}");
    let (_, tally) = output.split_once("TALLY ").unwrap();
    let numbers: Vec<u64> = tally
        .lines()
        .next()
        .unwrap()
        .split(' ')
        .map(|word| word.parse().unwrap())
        .collect();
    numbers.try_into().unwrap()
}

#[test]
fn readers_in_other_processes_get_every_record_whole_or_count_it_lost() {
    let (mut publisher, handle) = create();
    let readers: Vec<Process> = (0..2).map(|_| spawn_reader(&handle)).collect();
    let mut victim = spawn_reader(&handle);
    let mut buffer = [0; 30];
    let start = Instant::now();
    let (mut id, mut slowest) = (0, Duration::ZERO);
    while start.elapsed() < Duration::from_millis(1_500) {
        let burst = Instant::now();
        for _ in 0..64 {
            publisher.publish(fill(id, &mut buffer));
            id += 1;
        }
        slowest = slowest.max(burst.elapsed());
        if id == 64 * 10_000 {
            victim.kill();
        }
        // Flat out and with pauses by turns: readers are overtaken, and read at the head.
        if id / 100_000 % 2 == 0 {
            std::thread::yield_now();
        }
    }
    drop(victim);
    let head = publisher.head();
    drop(publisher);
    for reader in readers {
        let [records, lost, position] = tally_of(reader);
        assert_eq!(position, head);
        assert!(records > 0);
        println!(
            "{id} published, {records} received, {lost} slots lost; slowest burst of 64: {slowest:?}"
        );
    }
}

#[test]
fn a_killed_publisher_leaves_whole_records_and_a_stopped_heart() {
    for round in 0..20 {
        let mut child = spawn("publisher_process", PUBLISHER, "1");
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        // The test harness prints the name of the test in front of it.
        let number = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, number)) = line.split_once("FD ") {
                break number.to_owned();
            }
        };
        let path = format!("/proc/{}/fd/{number}", child.0.id());
        let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let mut subscriber = Subscriber::attach(fd, Start::Oldest).unwrap();
        let mut tally = Tally {
            lost: 1,
            ..Tally::default()
        };
        let mut killed_at = None;
        let mut first_at = None;
        loop {
            match subscriber.poll() {
                Poll::Record(record) => {
                    tally.record(record.words);
                    first_at.get_or_insert_with(Instant::now);
                }
                Poll::Lost { slots } => tally.lost += slots,
                Poll::Empty
                    if killed_at
                        .is_some_and(|at: Instant| at.elapsed() > Duration::from_millis(5)) =>
                {
                    break;
                }
                Poll::Empty => {}
                Poll::Closed(closed) => panic!("a killed publisher said {closed:?}"),
            }
            let running = first_at.map(|at: Instant| at.elapsed());
            if killed_at.is_none() && running > Some(Duration::from_micros(170 * round)) {
                child.kill();
                killed_at = Some(Instant::now());
            }
        }
        // Killed inside of a record, the queue ends before it: nothing of it is ever shown.
        assert!(subscriber.head() <= subscriber.position());
        let heartbeat = subscriber.health().heartbeat_ns;
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(subscriber.health().heartbeat_ns, heartbeat);
    }
}
