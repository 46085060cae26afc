//! A publisher's process, which publishes until it is killed.

use std::os::fd::AsFd;
use std::time::Duration;

use gateway_queue::clock::Clock;
use gateway_queue::{Bells, LOOK_INTERVAL, PositionPage};

use crate::child::{Message, Process, playing, receive, scatter, send};
use crate::record::{WORDS_MAX, fill};
use crate::stress::queue;

/// Starts a publisher of the queue that `seed` fills; it publishes in bursts where its reader is to sleep.
pub(crate) fn start(seed: u64, bursts: bool) -> Process {
    let process = Process::start("publisher::process");
    send(process.socket(), &[seed, u64::from(bursts)], &[]);
    process
}

/// Not a test by itself: a publisher's process, with all that a gateway has to do with a queue.
#[test]
fn process() {
    let Some(socket) = playing("publisher::process") else {
        return;
    };
    let Message::Numbers(numbers, _) = receive(&socket) else {
        return;
    };
    let (seed, bursts) = (numbers[0], numbers[1] == 1);
    let (mut publisher, handle) = queue();
    let bells = Bells::new();
    let (page, page_fd) = PositionPage::create().unwrap();
    let _watch = bells.watch(&handle, &page);
    std::thread::spawn(move || bells.run(LOOK_INTERVAL));
    let ring = handle.read_only_fd().unwrap();
    send(&socket, &[seed], &[ring.as_fd(), page_fd.as_fd()]);
    let mut buffer = [0; WORDS_MAX];
    for id in 0.. {
        assert!(publisher.publish(fill(seed, id, &mut buffer)));
        if id % 256 == 0 {
            publisher.heartbeat(Clock::global().now());
            if bursts {
                std::thread::sleep(Duration::from_micros(scatter(id) % 200));
            }
        }
    }
}
