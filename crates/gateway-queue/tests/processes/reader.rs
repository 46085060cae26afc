//! A reader's process, and the four ways in which it reads.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use gateway_queue::{
    Advance, OnLapped, PositionPage, PositionWriter, QueueHandle, ReaderPosition, Start, Subscriber,
};

use crate::child::{Message, Process, playing, receive, scatter, send};
use crate::record::Tally;

/// How a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As fast as it can.
    Eager,
    /// With pauses, in which it is overtaken.
    Slow,
    /// Asleep in the kernel while there is nothing.
    Asleep,
    /// Joins again and again, at any position, inside of records and where there is nothing left.
    Joining,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Eager, Self::Slow, Self::Asleep, Self::Joining];

    /// The way of that number, counted round.
    pub(crate) const fn from_number(number: u64) -> Self {
        Self::ALL[(number % 4) as usize]
    }
}

/// Starts a reader of the queue that `seed` fills.
pub(crate) fn start(way: Way, seed: u64, handle: &QueueHandle) -> (Process, PositionPage) {
    let process = Process::start("reader::process");
    let (page, page_fd) = PositionPage::create().unwrap();
    let ring = handle.read_only_fd().unwrap();
    let descriptors = [ring.as_fd(), page_fd.as_fd()];
    send(process.socket(), &[way as u64, seed], &descriptors);
    (process, page)
}

/// Not a test by itself: a reader's process. Ends with the queue, and says how much it received, how much it lost and
/// where it stands.
#[test]
fn process() {
    let Some(socket) = playing("reader::process") else {
        return;
    };
    let Message::Numbers(numbers, descriptors) = receive(&socket) else {
        return;
    };
    let [ring, page]: [OwnedFd; 2] = descriptors.try_into().unwrap();
    let mut reading = Reading {
        way: Way::from_number(numbers[0]),
        seed: numbers[1],
        writer: PositionWriter::attach(&page).unwrap(),
        polls: 0,
    };
    let (tally, position) = reading.read_to_the_end(&ring);
    send(&socket, &[tally.records, tally.lost, position], &[]);
}

struct Reading {
    way: Way,
    seed: u64,
    writer: PositionWriter,
    polls: u64,
}

impl Reading {
    fn read_to_the_end(&mut self, ring: &OwnedFd) -> (Tally, u64) {
        let mut joins = 0;
        // What was overwritten before this process came to run counts as lost.
        let mut subscriber = self.join(ring, Start::At(0), OnLapped::Oldest);
        let mut tally = Tally::new(self.seed, subscriber.position());
        loop {
            self.polls += 1;
            if self.polls.is_multiple_of(1_024) {
                self.pause(&tally, subscriber.position());
            }
            if self.way == Way::Joining && tally.records >= 500 {
                joins += 1;
                let head = subscriber.head();
                let back = scatter(joins) % (subscriber.header().slots * 5 / 4);
                let (start, on_lapped) = match joins % 4 {
                    0 => (Start::Oldest, OnLapped::Latest),
                    1 => (Start::Head, OnLapped::Oldest),
                    _ => (Start::At(head.saturating_sub(back)), OnLapped::Oldest),
                };
                subscriber = self.join(ring, start, on_lapped);
                tally = Tally::new(self.seed, subscriber.position());
            }
            let advance = match self.way {
                Way::Asleep => subscriber.advance_or_sleep(&self.writer, Duration::from_millis(50)),
                _ => subscriber.advance(),
            };
            match advance {
                Advance::Record => tally.record(subscriber.current()),
                Advance::Lost(slots) => tally.lose(slots, &subscriber),
                // More processes than processors: let the others run.
                Advance::Empty => std::thread::yield_now(),
                Advance::Closed(_) => {
                    tally.ends_at(subscriber.head());
                    return (tally, subscriber.position());
                }
            }
        }
    }

    fn join(&self, ring: &OwnedFd, start: Start, on_lapped: OnLapped) -> Subscriber {
        Subscriber::attach_with(ring.try_clone().unwrap(), start, on_lapped).unwrap()
    }

    fn pause(&self, tally: &Tally, position: u64) {
        self.writer.write(ReaderPosition {
            position,
            lost: tally.lost,
            overruns: 0,
            last_poll_ns: self.polls,
        });
        if self.way == Way::Slow {
            std::thread::sleep(Duration::from_micros(scatter(self.polls) % 3_000));
        }
    }
}
