//! The planner, one behaviour a test.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;

use super::*;
use crate::moldudp64::{PacketBuilder, Session};

const MS: u64 = 1_000_000;

/// A planner, its clock and what it did.
struct Bench {
    planner: Planner,
    now: u64,
    actions: Vec<Action>,
    epoch: u64,
    supplied: u64,
}

fn config() -> PlannerConfig {
    PlannerConfig {
        servers: 2,
        attempts_max: 3,
        ..PlannerConfig::default()
    }
}

fn session() -> Session {
    Session::from_name("A 1").unwrap()
}

fn packet(session: Session, first: u64, last: u64) -> Bytes {
    let mut builder = PacketBuilder::new(session, first, 1_472);
    (first..=last).for_each(|number| builder.push(&number.to_be_bytes()).unwrap());
    builder.finish(|packet| packet.to_vec()).into()
}

impl Bench {
    fn new(config: PlannerConfig) -> Self {
        Self {
            planner: Planner::new(config),
            now: 1_700_000_000_000 * MS,
            actions: Vec::new(),
            epoch: 1,
            supplied: 0,
        }
    }

    fn demand(&mut self, holes: &[(u64, u64)], snapshot_from: Option<u64>) -> &mut Self {
        let mut demand = Demand::new(self.epoch, session().id(), 1, self.supplied);
        for &(first, count) in holes {
            demand.push(Hole { first, count });
        }
        demand.snapshot_from = snapshot_from;
        let actions = &mut self.actions;
        self.planner
            .on_demand(self.now, &demand, &mut |action| actions.push(action));
        self
    }

    fn packet(&mut self, server: usize, packet: Bytes) -> &mut Self {
        let actions = &mut self.actions;
        self.planner
            .on_packet(self.now, server, packet, &mut |action| actions.push(action));
        self
    }

    fn answer(&mut self, server: usize, first: u64, last: u64) -> &mut Self {
        self.packet(server, packet(session(), first, last))
    }

    fn reply(&mut self, server: usize, first: u64, reply: Reply) -> &mut Self {
        let actions = &mut self.actions;
        self.planner
            .on_reply(self.now, server, first, reply, &mut |action| {
                actions.push(action);
            });
        self
    }

    fn snapshot(&mut self, sequence: Option<u64>) -> &mut Self {
        let fetched = sequence.map(|sequence| (sequence, Bytes::from_static(b"\0\x01S")));
        let actions = &mut self.actions;
        self.planner
            .on_snapshot(self.now, fetched, &mut |action| actions.push(action));
        self
    }

    /// Lets time pass, a deadline at a time.
    fn pass(&mut self, time: u64) -> &mut Self {
        let until = self.now + time;
        while let Some(due) = self.planner.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let actions = &mut self.actions;
            self.planner
                .on_time(self.now, &mut |action| actions.push(action));
        }
        self.now = until;
        self
    }

    /// What it did since the last look, in few words.
    fn did(&mut self) -> Vec<String> {
        let told = |action: Action| match action {
            Action::Request { server, request } => {
                assert_eq!(request.session, session().id());
                format!("ask {server} {}+{}", request.first, request.count)
            }
            Action::Supply(Supply { serial, item, .. }) => match item {
                SupplyItem::Answer(_) => format!("answer {serial}"),
                SupplyItem::Snapshot(snapshot) => {
                    format!("snapshot {serial} at {}", snapshot.sequence())
                }
                SupplyItem::GiveUp { before } => format!("give up {serial} before {before}"),
            },
            Action::FetchSnapshot { server, .. } => format!("fetch {server}"),
            Action::AbandonSnapshot => "abandon".to_owned(),
        };
        self.actions.drain(..).map(told).collect()
    }
}

#[test]
fn what_an_answer_leaves_is_asked_for_at_once_and_in_parts_that_fit() {
    let mut bench = Bench::new(config());
    bench.demand(&[(10, 40)], None);
    assert_eq!(bench.did(), ["ask 0 10+40"]);
    bench.answer(0, 10, 24);
    assert_eq!(bench.did(), ["answer 1", "ask 0 25+15", "ask 0 40+10"]);
    // The channel has not seen the first answer yet: it is not asked for again.
    bench.demand(&[(10, 40)], None);
    assert_eq!(bench.did(), [""; 0]);
    bench.answer(0, 40, 49).answer(0, 25, 39);
    assert_eq!(bench.did(), ["answer 2", "answer 3"]);
    bench.supplied = 2;
    bench.demand(&[(25, 15)], None);
    // The channel could make nothing of the third.
    bench.supplied = 3;
    bench.demand(&[(25, 15)], None);
    assert_eq!(bench.did(), ["ask 0 25+15"]);
    assert_eq!(bench.planner.counters().messages, 40);
}

#[test]
fn a_server_that_is_silent_rests_while_the_next_is_asked_and_returns_with_its_first_answer() {
    let mut bench = Bench::new(config());
    bench.demand(&[(10, 5)], None).pass(20 * MS);
    assert_eq!(bench.did(), ["ask 0 10+5", "ask 1 10+5"]);
    bench.answer(1, 10, 14);
    assert_eq!(bench.did(), ["answer 1"]);
    bench.supplied = 1;
    bench.demand(&[(20, 1)], None).pass(20 * MS);
    assert_eq!(bench.did(), ["ask 1 20+1", "ask 0 20+1"]);
    bench.answer(0, 20, 20);
    bench.supplied = 2;
    bench.demand(&[(30, 1)], None);
    assert_eq!(bench.did(), ["answer 2", "ask 0 30+1"]);
}

#[test]
fn a_third_server_is_asked_though_the_first_two_rest_for_less_than_an_answer_takes() {
    let mut bench = Bench::new(PlannerConfig {
        servers: 3,
        attempts_max: 100,
        backoff: Backoff {
            min_ns: MS,
            max_ns: 2 * MS,
        },
        ..config()
    });
    bench.demand(&[(10, 5)], None).pass(40 * MS);
    assert_eq!(bench.did(), ["ask 0 10+5", "ask 1 10+5", "ask 2 10+5"]);
}

#[test]
fn all_servers_may_be_asked_at_once_and_the_first_answer_counts() {
    let mut bench = Bench::new(PlannerConfig {
        ask: Ask::All,
        ..config()
    });
    bench.demand(&[(10, 5)], None);
    assert_eq!(bench.did(), ["ask 0 10+5", "ask 1 10+5"]);
    bench.answer(1, 10, 14).answer(0, 10, 14);
    assert_eq!(bench.did(), ["answer 1"]);
    assert_eq!(bench.planner.counters().not_missing, 1);
}

#[test]
fn what_is_no_answer_is_counted_and_the_next_server_is_asked() {
    let mut bench = Bench::new(config());
    bench.demand(&[(10, 5)], None);
    bench.packet(0, Bytes::from_static(b"GARBAGE"));
    let other = Session::from_name("OTHER").unwrap();
    bench.packet(0, packet(other, 10, 14));
    assert_eq!(bench.did(), ["ask 0 10+5"]);
    bench.answer(0, 100, 105);
    assert_eq!(bench.did(), ["ask 1 10+5"]);
    let heartbeat = PacketBuilder::new(session(), 50, 100).heartbeat().to_vec();
    bench.packet(1, heartbeat.into());
    assert_eq!(bench.did(), ["ask 0 10+5"]);
    let counters = *bench.planner.counters();
    assert_eq!(
        (
            counters.no_messages,
            counters.other_session,
            counters.not_missing
        ),
        (2, 1, 1)
    );
}

#[test]
fn numbers_that_nobody_has_are_given_up_and_what_lies_behind_is_not() {
    let mut bench = Bench::new(config());
    bench.demand(&[(10, 5)], None).pass(3_000 * MS);
    let did = bench.did();
    assert_eq!(did.iter().filter(|did| did.starts_with("ask")).count(), 3);
    assert_eq!(did.last().unwrap(), "give up 1 before 15");
    bench.supplied = 1;
    bench.demand(&[], None).pass(3_000 * MS);
    assert_eq!(bench.did(), [""; 0]);
    assert_eq!(bench.planner.next_deadline(), None);
}

#[test]
fn requests_go_no_faster_than_the_rate() {
    let mut bench = Bench::new(PlannerConfig {
        requests_per_second: 10,
        requests_burst: 2,
        answer_timeout_ns: 10_000 * MS,
        ..config()
    });
    bench.demand(&[(10, 1), (20, 1), (30, 1), (40, 1)], None);
    assert_eq!(bench.did().len(), 2);
    bench.pass(99 * MS);
    assert_eq!(bench.did().len(), 0);
    bench.pass(MS);
    assert_eq!(bench.did(), ["ask 0 30+1"]);
    bench.pass(100 * MS);
    assert_eq!(bench.did(), ["ask 0 40+1"]);
}

#[test]
fn a_hole_that_is_too_long_or_spent_is_closed_by_a_snapshot() {
    let mut bench = Bench::new(PlannerConfig {
        snapshot_servers: 2,
        ..config()
    });
    bench.demand(&[(10, 1_000_000)], None);
    assert_eq!(bench.did(), ["fetch 0"]);
    // From before the hole's end; then none; then one that does.
    bench.snapshot(Some(500)).pass(100 * MS);
    assert_eq!(bench.did(), ["fetch 1"]);
    bench.snapshot(None).pass(199 * MS);
    assert_eq!(bench.did(), [""; 0]);
    bench.pass(MS).snapshot(Some(1_000_010));
    assert_eq!(bench.did(), ["fetch 0", "snapshot 1 at 1000010"]);
    bench.supplied = 1;
    bench.demand(&[], None).pass(10_000 * MS);
    assert_eq!(bench.did(), [""; 0]);
    let counters = bench.planner.counters();
    assert_eq!(
        (counters.snapshots_too_old, counters.snapshot_failures),
        (1, 1)
    );
}

#[test]
fn a_snapshot_waits_for_what_can_still_be_had_below_it() {
    let mut bench = Bench::new(PlannerConfig {
        snapshot_servers: 1,
        ..config()
    });
    bench.demand(&[(60, 2)], Some(50)).snapshot(Some(70));
    assert_eq!(bench.did(), ["ask 0 60+2", "fetch 0"]);
    bench.answer(0, 60, 61);
    assert_eq!(bench.did(), ["answer 1", "snapshot 2 at 70"]);
}

#[test]
fn without_a_snapshot_to_be_had_the_hole_is_given_up_and_attempts_go_on_for_the_books() {
    let mut bench = Bench::new(PlannerConfig {
        servers: 0,
        snapshot_servers: 1,
        snapshot_attempts_max: 2,
        ..config()
    });
    bench.demand(&[(10, 5)], None).snapshot(None).pass(100 * MS);
    assert_eq!(bench.did(), ["fetch 0", "fetch 0"]);
    bench.snapshot(None);
    assert_eq!(bench.did(), ["give up 1 before 15"]);
    bench.supplied = 1;
    bench.demand(&[], Some(15)).pass(200 * MS);
    assert_eq!(bench.did(), ["fetch 0"]);
    bench.snapshot(Some(20));
    assert_eq!(bench.did(), ["snapshot 2 at 20"]);
    // It was refused, because it took too long.
    bench.supplied = 2;
    bench.demand(&[], Some(30)).pass(400 * MS);
    assert_eq!(bench.did(), ["fetch 0"]);
    bench.demand(&[], None);
    assert_eq!(bench.did(), ["abandon"]);
}

#[test]
fn another_numbering_ends_all_that_was_asked_for() {
    let mut bench = Bench::new(PlannerConfig {
        snapshot_servers: 1,
        ..config()
    });
    bench.demand(&[(10, 5)], Some(3));
    assert_eq!(bench.did(), ["ask 0 10+5", "fetch 0"]);
    bench.epoch = 2;
    bench.demand(&[], None).answer(0, 10, 14).snapshot(Some(9));
    assert_eq!(bench.did(), ["abandon"]);
}

#[test]
fn what_the_worker_could_not_take_is_planned_anew() {
    let mut bench = Bench::new(PlannerConfig {
        snapshot_servers: 1,
        ..config()
    });
    bench
        .demand(&[(10, 2)], Some(5))
        .answer(0, 10, 11)
        .snapshot(Some(20));
    bench.did();
    bench.planner.on_supply_lost(1);
    bench.planner.on_supply_lost(2);
    bench.pass(MS);
    assert_eq!(bench.did(), ["ask 0 10+2"]);
    bench.answer(0, 10, 11);
    assert_eq!(bench.did(), ["answer 3", "snapshot 4 at 20"]);
}

#[test]
fn what_the_worker_could_not_take_is_offered_again_though_nothing_else_happens() {
    let mut bench = Bench::new(PlannerConfig {
        snapshot_servers: 1,
        ..config()
    });
    bench.demand(&[], Some(5)).snapshot(Some(20));
    assert_eq!(bench.did(), ["fetch 0", "snapshot 1 at 20"]);
    bench.planner.on_supply_lost(1);
    bench.pass(MS - 1);
    assert_eq!(bench.did(), [""; 0]);
    bench.pass(1);
    assert_eq!(bench.did(), ["snapshot 2 at 20"]);

    let mut bench = Bench::new(PlannerConfig {
        servers: 0,
        ..config()
    });
    bench.demand(&[(10, 5)], None);
    assert_eq!(bench.did(), ["give up 1 before 15"]);
    bench.planner.on_supply_lost(1);
    bench.pass(MS);
    assert_eq!(bench.did(), ["give up 2 before 15"]);
    assert_eq!(bench.planner.next_deadline(), None);
}

#[test]
fn a_clock_that_steps_back_lets_nothing_wait_for_longer() {
    let mut bench = Bench::new(PlannerConfig {
        snapshot_servers: 1,
        ..config()
    });
    bench.demand(&[(10, 2)], Some(5)).snapshot(None);
    bench.did();
    bench.now -= 3_600_000 * MS;
    let actions = &mut bench.actions;
    bench
        .planner
        .on_time(bench.now, &mut |action| actions.push(action));
    bench.pass(100 * MS);
    assert!(bench.did().len() >= 2);
}

#[test]
fn the_last_numbers_there_are_can_be_asked_for() {
    const LAST: u64 = u64::MAX - 1;
    let mut bench = Bench::new(config());
    bench
        .demand(&[(LAST - 2, 3)], None)
        .answer(0, LAST - 2, LAST);
    let ask = format!("ask 0 {}+3", LAST - 2);
    assert_eq!(bench.did(), [ask.as_str(), "answer 1"]);
}

/// A planner of servers that send what they are asked for on lines of its channel.
fn on_lines() -> Bench {
    Bench::new(PlannerConfig {
        answers: Answers::OnLines,
        request_messages_max: 20,
        ..config()
    })
}

#[test]
fn what_comes_on_lines_is_waited_for_as_long_as_it_goes_on_coming() {
    let mut bench = on_lines();
    bench.demand(&[(10, 40)], None);
    assert_eq!(bench.did(), ["ask 0 10+20", "ask 0 30+20"]);
    bench.reply(0, 10, Reply::Accepted);
    bench.pass(15 * MS).demand(&[(15, 35)], None);
    bench.pass(15 * MS).demand(&[(17, 33)], None);
    // Of the second nothing came.
    assert_eq!(bench.did(), ["ask 1 30+20"]);
    bench.demand(&[(40, 10)], None);
    assert_eq!(bench.did(), [""; 0]);
    bench.demand(&[], None).pass(500 * MS);
    assert_eq!(bench.did(), [""; 0]);
    assert_eq!(bench.planner.counters().timeouts, 1);
    assert_eq!(bench.planner.counters().answers, 1);
}

#[test]
fn a_server_that_says_no_is_believed_and_another_one_is_asked() {
    let mut bench = on_lines();
    bench.demand(&[(10, 5)], None);
    bench.reply(0, 10, Reply::NotThere);
    assert_eq!(bench.did(), ["ask 0 10+5", "ask 1 10+5"]);
    // Its limit is reached: that is nothing against the messages.
    bench.reply(1, 10, Reply::Exhausted(1_000 * MS));
    assert_eq!(bench.did(), ["ask 0 10+5"]);
    bench.reply(0, 10, Reply::Unavailable).pass(10 * MS);
    assert_eq!(bench.did(), ["ask 0 10+5"]);
    bench.reply(0, 10, Reply::NotThere);
    // Three times in vain: nobody is asked any more, and there is no snapshot.
    assert_eq!(bench.did(), ["give up 1 before 15"]);
    let counters = *bench.planner.counters();
    assert_eq!((counters.refused, counters.unavailable), (2, 2));
}

#[test]
fn smaller_parts_are_asked_for_where_a_server_wants_that_and_it_cannot_want_that_for_ever() {
    let mut bench = on_lines();
    bench.demand(&[(10, 20)], None);
    assert_eq!(bench.did(), ["ask 0 10+20"]);
    bench.reply(0, 10, Reply::TooMany);
    assert_eq!(bench.did(), ["ask 0 10+10", "ask 0 20+10"]);
    let mut asked = 0;
    for _ in 0..1_000 {
        let did = bench.did();
        asked += did.len();
        for first in 10..30 {
            bench.reply(0, first, Reply::TooMany);
        }
        if did.iter().any(|did| did.starts_with("give up")) {
            break;
        }
        bench.pass(100 * MS);
    }
    assert!(bench.planner.counters().given_up > 0);
    assert!(asked < 200, "{asked}");
}

#[test]
fn a_reply_to_what_is_not_asked_for_changes_nothing_but_what_is_known_of_the_server() {
    let mut bench = on_lines();
    bench.reply(0, 10, Reply::NotThere);
    bench.reply(77, 10, Reply::Unavailable);
    bench.demand(&[(10, 5)], None);
    assert_eq!(bench.did(), ["ask 1 10+5"]);
    bench.reply(0, 10, Reply::NotThere);
    bench.reply(1, 99, Reply::TooMany);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn a_server_that_could_not_be_asked_is_nothing_against_the_messages_and_is_asked_once_it_is_up() {
    let mut bench = on_lines();
    bench.demand(&[(10, 5)], None);
    // Many more times than `attempts_max`, for longer and longer pauses.
    let mut asked = 0;
    for _ in 0..400 {
        bench.pass(5 * MS);
        loop {
            let did = bench.did();
            if did.is_empty() {
                break;
            }
            for did in did {
                let server = did.strip_prefix("ask ").unwrap().split_once(' ').unwrap().0;
                bench.reply(server.parse().unwrap(), 10, Reply::NotAsked);
                asked += 1;
            }
        }
    }
    assert!(asked > 10, "{asked}");
    let counters = *bench.planner.counters();
    assert_eq!((counters.given_up, counters.timeouts), (0, 0));
    let (now, actions) = (bench.now, &mut bench.actions);
    let mut act = |action| actions.push(action);
    bench.planner.on_server_up(now, 1, &mut act);
    assert_eq!(bench.did(), ["ask 1 10+5"]);
}

#[test]
fn a_late_answer_in_part_counts_as_not_asked_for_in_vain() {
    let mut bench = on_lines();
    bench.demand(&[(10, 10)], None);
    for first in 11..18 {
        bench.pass(20 * MS).pass(20 * MS);
        bench.demand(&[(first, 20 - first)], None);
    }
    assert_eq!(bench.planner.counters().given_up, 0);
}
