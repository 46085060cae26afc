//! Hostile clients of every kind at once, while a queue is published at a steady rate.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway_client::protocol::{Request, Wish};
use gateway_client::{Client, Event, Record, WaitStrategy};
use gateway_queue::Publisher;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::time::{ClockId, clock_gettime};

use crate::isolation::receive_descriptors;
use crate::rig::{Running, oldest, queue_of, record, send, start};

/// Records of each half, and how many come at a time: 100,000 a second.
const RECORDS: u64 = 100_000;
const BURST: u64 = 50;
const BURST_INTERVAL: Duration = Duration::from_micros(500);
const CLIENTS_MAX: usize = 32;

/// How fast records were published, and what one cost.
#[derive(Clone, Copy)]
struct Figures {
    records_per_second: f64,
    processor_ns: f64,
}

/// Publishes the next records at their rate.
fn publish(publisher: &mut Publisher, first: u64) -> Figures {
    let processor = || clock_gettime(ClockId::ThreadCPUTime);
    let start = Instant::now();
    let mut busy = 0;
    for burst in 0..RECORDS / BURST {
        let due = BURST_INTERVAL * burst as u32;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let before = processor();
        for number in 0..BURST {
            publisher.publish(&record(first + burst * BURST + number));
        }
        let after = processor();
        busy += (after.tv_sec - before.tv_sec) * 1_000_000_000 + after.tv_nsec - before.tv_nsec;
    }
    Figures {
        records_per_second: RECORDS as f64 / start.elapsed().as_secs_f64(),
        processor_ns: busy as f64 / RECORDS as f64,
    }
}

/// A connection, where the broker takes one: its listener's queue may be full.
fn connect(path: &Path) -> Option<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let connected = rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap());
    connected.is_ok().then_some(socket)
}

/// Subscribes and writes nonsense to its page, its sleeps included, as fast as it can.
fn spoils_its_page(path: &Path, over: &AtomicBool) {
    let socket = crate::rig::raw(path);
    let request = Request::Subscribe {
        queue: "all".into(),
        reader: "spoiler".into(),
        wish: Wish::Head,
    };
    send(&socket, &request.encode(1)).unwrap();
    let [_ring, page] = <[OwnedFd; 2]>::try_from(receive_descriptors(&socket)).unwrap();
    // A flag: nothing else is passed on by it.
    for number in 0_u64.. {
        let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
        rustix::io::pwrite(&page, &noise.repeat(512), 0).unwrap();
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Connects, and hangs up or stays silent.
fn floods_with_connections(path: &Path, over: &AtomicBool, done: &AtomicU64) {
    let mut silent = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if let Some(socket) = connect(path) {
            done.fetch_add(1, Ordering::Relaxed);
            if silent.len() < CLIENTS_MAX / 2 {
                silent.push(socket);
            }
        }
    }
}

/// Says what makes no sense: half messages, other versions, oversized ones.
fn talks_nonsense(path: &Path, over: &AtomicBool, done: &AtomicU64) {
    let hello = Request::Hello.encode(1);
    let mut other_version = hello.clone();
    other_version[4] = 9;
    let oversized = vec![b'x'; 60_000];
    let messages: [&[u8]; 4] = [&hello[..7], &other_version, &oversized, &[0; 16]];
    for message in messages.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        if let Some(socket) = connect(path) {
            // Refused or not: it hangs up.
            let _ = send(&socket, message);
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Ten thousand requests without a pause, again and again, no answer of which it reads.
fn floods_with_requests(path: &Path, over: &AtomicBool, done: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        let Some(socket) = connect(path) else {
            continue;
        };
        for number in 0..10_000 {
            if over.load(Ordering::Relaxed) {
                return;
            }
            match send(&socket, &Request::Status.encode(number)) {
                Ok(_) => done.fetch_add(1, Ordering::Relaxed),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_micros(100));
                    0
                }
                Err(_) => break,
            };
        }
    }
}

/// Reads `count` records, each as it was published, none lost.
fn reads_all(gateway: &Running, count: u64) {
    let client = Client::connect(&gateway.path).unwrap();
    let options = gateway_client::SubscribeOptions {
        wait: WaitStrategy::Sleep(Duration::from_micros(200)),
        ..oldest()
    };
    let mut subscription = client.subscribe("all", &options).unwrap();
    for expected in 0..count {
        match subscription.wait(Duration::from_secs(20)) {
            Event::Record(Record::Native { bytes, .. }) => {
                assert_eq!(bytes[..8], expected.to_le_bytes());
            }
            other => panic!("{other:?} instead of record {expected}"),
        }
    }
}

#[test]
fn a_queue_is_published_at_its_rate_whatever_hostile_clients_do() {
    // Every record of the test has a slot: an honest reader that gets no processor time loses nothing.
    let (mut publisher, handle) = queue_of("all", (2 * RECORDS).next_power_of_two() * 2);
    let gateway = start(vec![handle], CLIENTS_MAX);
    let path = gateway.path.as_path();
    let (over, attempts) = (AtomicBool::new(false), AtomicU64::new(0));
    let (calm, besieged) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| reads_all(&gateway, 2 * RECORDS));
        let calm = publish(&mut publisher, 0);
        // Before the others take every connection there is.
        let spoiler = scope.spawn(|| spoils_its_page(path, &over));
        crate::rig::eventually("the spoiler", || {
            let readers = gateway.registry.readers();
            readers.iter().any(|reader| reader.name == "spoiler")
        });
        let attackers = [
            scope.spawn(|| floods_with_connections(path, &over, &attempts)),
            scope.spawn(|| talks_nonsense(path, &over, &attempts)),
            scope.spawn(|| floods_with_requests(path, &over, &attempts)),
        ];
        let besieged = publish(&mut publisher, RECORDS);
        over.store(true, Ordering::Relaxed);
        reading.join().unwrap();
        spoiler.join().unwrap();
        attackers
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        (calm, besieged)
    });
    for (when, figures) in [("calm", calm), ("besieged", besieged)] {
        println!(
            "{when}: {:.0} records/s, {:.1} ns of processor time a record",
            figures.records_per_second, figures.processor_ns
        );
    }
    let counters = gateway.registry.counters();
    println!(
        "{} attempts; {counters:?}",
        attempts.load(Ordering::Relaxed)
    );
    assert!(attempts.load(Ordering::Relaxed) > 100);
    assert!(counters.malformed > 0 && counters.wrong_version > 0);
    assert!(counters.refused_busy > 0 || counters.refused_user_busy > 0);
    assert!(counters.clients <= CLIENTS_MAX as u64);
    assert_eq!(publisher.head(), 2 * RECORDS);

    // It serves whoever comes now.
    crate::rig::eventually("room", || {
        Client::connect(&gateway.path).is_ok_and(|client| client.queues().is_ok())
    });
    gateway.stop();
}
