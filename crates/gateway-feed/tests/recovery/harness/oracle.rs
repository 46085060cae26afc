//! What must hold of a run: the oracle knows the stream that the exchange sent, and what the lines brought.

use gateway_feed::arbitration::{ChannelState, OnGap};
use gateway_feed::harness::{Item, check};

use super::book::Book;
use super::exchange::Numbering;
use super::world::World;

/// DBN's flag of records that may be wrong.
const MAYBE_BAD_BOOK: u8 = dbn::flags::MAYBE_BAD_BOOK;

/// Panics unless the run kept all promises.
pub(crate) fn judge(world: &mut World) {
    check(&world.channel, &world.config, &world.record.log);
    follow(world);
    let lost = losses(world);
    if world.setup.benign && !world.setup.snapshots {
        is_lossless(world);
    }
    account(world);
    came_to_rest(world);
    if lost == 0 {
        assert_eq!(world.channel.counters().gap_messages, 0);
    }
    let now = world.record.now;
    world.channel.finish(now, &mut world.record);
    check(&world.channel, &world.config, &world.record.log);
    assert_eq!(
        world.channel.counters().holding,
        0,
        "something stays after the end"
    );
}

/// Follows the output with a book of its own, and compares it with the exchange's wherever it is to be trusted.
struct Follower<'a> {
    numberings: &'a [Numbering],
    numbering: usize,
    /// The numbers that the books are right at, where they are.
    valid: bool,
    /// A snapshot was of another session. Nothing tells the channel: only the venue knows how it names them.
    misled: bool,
    book: Book,
    /// The same by order records, where there are any.
    records: Book,
    decodes: bool,
    /// The exchange's, up to a number.
    truth: Book,
    truth_next: u64,
}

impl<'a> Follower<'a> {
    fn begin(&mut self, numbering: usize, valid: bool) {
        self.numbering = numbering;
        self.valid = valid;
        self.misled = false;
        self.book = Book::default();
        self.truth = Book::default();
        self.truth_next = self.numberings[numbering].first;
    }

    fn message(&self, sequence: u64) -> &'a [u8] {
        let numbering = &self.numberings[self.numbering];
        numbering
            .message(sequence)
            .unwrap_or_else(|| panic!("nobody ever sent message {sequence}"))
    }

    /// Takes a message that left under its number.
    fn take(&mut self, sequence: u64, bytes: &[u8]) {
        assert_eq!(
            bytes,
            self.message(sequence),
            "message {sequence} is another than was sent"
        );
        let applied = self.book.apply(bytes);
        if self.valid {
            applied.unwrap_or_else(|error| panic!("message {sequence}: {error}"));
        }
    }

    /// The books have to be the exchange's before message `sequence`.
    fn compare(&mut self, sequence: u64) {
        if !self.valid {
            return;
        }
        while self.truth_next < sequence {
            let message = self.message(self.truth_next);
            self.truth
                .apply(message)
                .expect("the exchange contradicts itself");
            self.truth_next += 1;
        }
        assert_eq!(self.book, self.truth, "the book before message {sequence}");
        if !self.decodes {
            return;
        }
        assert_eq!(
            self.records, self.truth,
            "the book by records before message {sequence}"
        );
    }
}

fn follow(world: &World) {
    let record = &world.record;
    let mut follower = Follower {
        numberings: &world.exchange.numberings,
        numbering: 0,
        valid: false,
        misled: false,
        book: Book::default(),
        records: Book::default(),
        decodes: world.setup.decodes,
        truth: Book::default(),
        truth_next: 0,
    };
    let mut entered = world.entered.iter();
    let mut snapshots = world.snapshots.iter();
    let mut orders = record.orders.iter().peekable();
    let (mut next, mut own_left) = (0, 0);
    for (index, item) in record.log.items.iter().enumerate() {
        match *item {
            Item::SessionStart(first) | Item::Reset(first) => {
                if let Item::Reset(_) = item {
                    follower.compare(next);
                }
                let numbering = *entered
                    .next()
                    .expect("each beginning is one of the exchange's");
                let from_start = world.exchange.numberings[numbering].first == 1;
                follower.begin(numbering, first == 1 && from_start);
                next = first;
            }
            Item::Message {
                sequence,
                ref bytes,
            } => {
                follower.take(sequence, bytes);
                next = sequence + 1;
            }
            Item::Gap(first, count) => {
                follower.compare(first);
                (follower.valid, follower.misled) = (false, false);
                next = first + count;
            }
            Item::SnapshotBegin(_, messages) => {
                follower.compare(next);
                follower.valid = snapshots.next() == Some(&follower.numbering);
                follower.misled = !follower.valid;
                follower.book = Book::default();
                own_left = messages;
            }
            Item::InSnapshot {
                sequence,
                ref bytes,
            } => {
                if own_left == 0 {
                    follower.take(sequence, bytes);
                } else {
                    own_left -= 1;
                    follower
                        .book
                        .apply(bytes)
                        .expect("a snapshot contradicts itself");
                }
            }
            Item::SessionEnd(sequence) => {
                let numbering = &world.exchange.numberings[follower.numbering];
                assert!(
                    numbering.ended && numbering.next() == sequence,
                    "the session did not end there"
                );
                follower.compare(sequence);
            }
            Item::SnapshotEnd(..)
            | Item::Recovering(..)
            | Item::Recovered(_)
            | Item::Stale(_)
            | Item::Live(_) => {}
        }
        // What the item led to by records.
        while let Some((_, mbo)) = orders.next_if(|(at, _)| *at == index + 1) {
            let applied = follower.records.apply_record(mbo);
            if follower.valid {
                applied.unwrap_or_else(|error| panic!("record {mbo:?} behind {item:?}: {error}"));
            }
            let suspect = mbo.flags & MAYBE_BAD_BOOK != 0;
            let clears = mbo.action == b'R';
            assert!(
                clears || follower.misled || suspect != follower.valid,
                "{mbo:?} behind {item:?} is flagged wrongly"
            );
        }
        if let Item::SnapshotEnd(sequence, _) = *item {
            follower.compare(sequence);
        }
    }
    follower.compare(next);
}

/// Looks at each gap: nothing that a line brought in time is lost, and where holes are asked for, a gap has a reason.
/// Returns how many gaps there are.
fn losses(world: &World) -> usize {
    let record = &world.record;
    let recovery = world.channel.counters().recovery;
    let counters = world.channel.counters();
    let planned = world.planner.counters();
    // Without one of these, what is missing is waited for, but for what a snapshot stands for.
    let patient = world.setup.on_gap == OnGap::Recover
        && !world.abrupt
        && recovery.timeouts == 0
        && counters.hold_overflows == 0
        && counters.hold_oversized == 0
        && planned.given_up == 0;
    let (mut numbering, mut gaps) = (None, 0);
    let mut entered = world.entered.iter();
    for (index, item) in record.log.items.iter().enumerate() {
        match *item {
            Item::SessionStart(_) | Item::Reset(_) => numbering = entered.next(),
            Item::Gap(first, count) => {
                gaps += 1;
                let of = &world.exchange.numberings[*numbering.expect("a gap is in a session")];
                for sequence in first..first + count {
                    let at = sequence.checked_sub(of.first).map(|at| at as usize);
                    let arrived = at.and_then(|at| of.arrived.get(at).copied().flatten());
                    assert!(
                        arrived.is_none_or(|arrived| arrived >= record.times[index]),
                        "message {sequence} is told as lost, and a line brought it before"
                    );
                }
                if patient {
                    let same_time = |other: &usize| record.times[*other] == record.times[index];
                    let snapshot = (index..record.log.items.len())
                        .take_while(same_time)
                        .any(|other| matches!(record.log.items[other], Item::SnapshotBegin(..)));
                    assert!(snapshot, "{item:?} has no reason");
                }
            }
            _ => {}
        }
    }
    gaps
}

/// Where all can be had again, the output is what the exchange sent.
fn is_lossless(world: &World) {
    let mut expected = Vec::new();
    let heard = world.record.log.items.iter().find_map(|item| match item {
        Item::SessionStart(first) => Some(*first),
        _ => None,
    });
    for (index, numbering) in world.exchange.numberings.iter().enumerate() {
        let first = heard.filter(|_| index == 0).unwrap_or(numbering.first);
        expected.push(if numbering.restarts {
            Item::Reset(first)
        } else {
            Item::SessionStart(first)
        });
        expected.extend((first..numbering.next()).map(|sequence| Item::Message {
            sequence,
            bytes: numbering.message(sequence).unwrap_or_default().to_vec(),
        }));
        if numbering.ended {
            expected.push(Item::SessionEnd(numbering.next()));
        }
    }
    let mut items = world.record.log.items.clone();
    items.retain(|item| {
        !matches!(
            item,
            Item::Recovering(..) | Item::Recovered(_) | Item::Stale(_) | Item::Live(_)
        )
    });
    if items != expected {
        let at = items
            .iter()
            .zip(&expected)
            .position(|(left, right)| left != right);
        let at = at.unwrap_or_else(|| items.len().min(expected.len()));
        panic!(
            "item {at} is {:?}, not {:?}",
            items.get(at),
            expected.get(at)
        );
    }
}

/// What the planner says it did is what the servers saw.
fn account(world: &World) {
    let planned = world.planner.counters();
    let requests = world
        .rerequest
        .iter()
        .map(|(server, _)| server.counts().requests);
    assert_eq!(planned.requests, requests.sum::<u64>());
    for (server, _) in &world.rerequest {
        assert_eq!(server.counts().accounted(), server.counts().requests);
        assert_eq!(server.counts().malformed, 0, "a request that is none");
    }
    // Where servers send nothing to the planner, their word is their answer.
    let answers = if world.setup.on_lines {
        0
    } else {
        planned.answers
    };
    assert_eq!(
        planned.packets,
        answers + planned.other_session + planned.not_missing + planned.no_messages
    );
    assert!(planned.snapshots <= planned.snapshot_attempts + planned.supplies_lost);
    if !world.clock_stepped {
        let config = &world.planner_config;
        let seconds = world.elapsed_ns() as f64 / 1e9;
        let allowed = f64::from(config.requests_per_second) * seconds
            + f64::from(config.requests_burst)
            + config.servers as f64;
        assert!(
            planned.requests as f64 <= allowed,
            "{} requests, {allowed} allowed",
            planned.requests
        );
    }
}

/// Long after the last message, with nothing in the way, the channel is where the exchange is and wants nothing that it
/// can have.
fn came_to_rest(world: &World) {
    let counters = world.channel.counters();
    assert_eq!(
        world.numbering,
        Some(world.exchange.numberings.len() - 1),
        "the channel is in another numbering"
    );
    assert_eq!(
        counters.next_sequence,
        world.exchange.current().next(),
        "the channel stays behind"
    );
    let state = ChannelState::from_number(counters.recovery.state);
    let expected = match state {
        ChannelState::Snapshot if !world.can_get_well() => state,
        _ => ChannelState::Live,
    };
    assert_eq!(state, expected, "the channel does not come to rest");
    assert_eq!(
        (counters.recovery.holes_open, counters.recovery.missing),
        (0, 0)
    );
    assert!(
        world.planner.demand().holes().is_empty(),
        "the planner knows of holes that are none"
    );
    let books_known = world.planner.demand().snapshot_from.is_none();
    assert_eq!(
        books_known,
        state == ChannelState::Live,
        "the planner does not know how the books are"
    );
}
