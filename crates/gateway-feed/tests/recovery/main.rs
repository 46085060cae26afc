//! Recovery under thousands of schedules: whatever the lines and servers do, the channel keeps its promises, and where all
//! can be had again its output is the lossless stream.
//!
//! `GATEWAY_RECOVERY_SCHEDULES` says how many schedules are drawn (default 3,000), `GATEWAY_RECOVERY_SEED` the first one's
//! seed (default 1); all processors take part. The long run, with the compiler's checks and full optimisation:
//!
//! ```text
//! CARGO_PROFILE_DEV_OPT_LEVEL=3 GATEWAY_RECOVERY_SCHEDULES=1000000 \
//!     cargo test -p gateway-feed --test recovery any_schedule -- --nocapture
//! ```
//!
//! A schedule that fails is made as small as it can be and written into `fixtures`, where the next run
//! replays it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod harness;
mod shrink;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use gateway_feed::harness::Item;
use harness::script::Script;
use harness::world::World;
use harness::{oracle, run};
use shrink::shrink;

const SCHEDULES: u64 = 3_000;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recovery/fixtures")
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}")),
        Err(_) => default,
    }
}

/// What went wrong in a run, if anything.
fn failure(script: &Script) -> Option<String> {
    let panic = panic::catch_unwind(AssertUnwindSafe(|| drop(run(script)))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .or(Some(String::new()))
}

/// Makes the schedule of `seed`, which failed, small, and writes it where it is replayed.
fn keep(seed: u64, told: &str) -> ! {
    let before = panic::take_hook();
    // Hundreds of panics follow that nobody needs to see.
    panic::set_hook(Box::new(|_| {}));
    let smallest = shrink(&Script::from_seed(seed), |script| failure(script).is_some());
    let told_last = failure(&smallest).unwrap_or_default();
    let left = what_left(&smallest);
    panic::set_hook(before);
    let path = fixtures().join(format!("seed_{seed}.txt"));
    let text = format!("# {}\n{smallest}", told_last.replace('\n', "\n# "));
    fs::write(&path, text).unwrap();
    panic!(
        "seed {seed}: {told}\nmade small in {}:\n{told_last}\n{smallest}what left:\n{left}",
        path.display()
    );
}

/// What left the channel under a schedule, as far as it came, a line for each item.
fn what_left(script: &Script) -> String {
    let mut world = World::new(script.read_setup());
    let _ = panic::catch_unwind(AssertUnwindSafe(|| world.play(script)));
    let items = world.record.log.items.iter().zip(&world.record.times);
    let line = |(item, time): (&Item, &u64)| match item {
        Item::Message { sequence, .. } => format!("{time} message {sequence}\n"),
        Item::InSnapshot { sequence, .. } => format!("{time} in the snapshot: {sequence}\n"),
        other => format!("{time} {other:?}\n"),
    };
    items.map(line).collect()
}

/// How often each thing came about that a schedule may lead to.
#[derive(Debug, Default)]
struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    fn add(&mut self, world: &World) {
        let counters = world.channel.counters();
        let recovery = counters.recovery;
        let planned = world.planner.counters();
        let near_the_last = counters.next_sequence > u64::MAX - 300;
        for (what, count) in [
            ("messages", counters.messages),
            ("holes closed", recovery.holes_closed),
            ("holes lost", recovery.holes_lost),
            ("timeouts", recovery.timeouts),
            ("overflows", counters.hold_overflows),
            ("resets", counters.resets),
            ("session changes", counters.session_changes),
            ("snapshots", recovery.snapshots),
            ("refreshes", recovery.refreshes),
            ("replayed", recovery.replayed),
            (
                "too old",
                recovery.refused_too_old + planned.snapshots_too_old,
            ),
            ("given up", planned.given_up),
            ("supplies lost", planned.supplies_lost),
            ("demands delayed", recovery.demands_delayed),
            ("of other sessions", planned.other_session),
            ("without messages", planned.no_messages),
            ("on a line of answers", counters.lines[2].delivered),
            ("servers that have nothing", planned.refused),
            ("refused", recovery.refused_not_wanted),
            ("snapshots failed", planned.snapshot_failures),
            ("near the last number", u64::from(near_the_last)),
        ] {
            *self.0.entry(what).or_default() += count;
        }
    }

    fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    fn all(&self) -> bool {
        self.0.values().all(|count| *count > 0)
    }
}

/// Runs the schedules of the seeds that `next` hands out below `end`, until one fails anywhere; that seed is kept in `failed`.
fn run_all(next: &AtomicU64, end: u64, failed: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    // Relaxed, all of them: the numbers are all that is passed on.
    while failed.load(Ordering::Relaxed) == u64::MAX {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        match panic::catch_unwind(|| run(&Script::from_seed(seed))) {
            Ok(world) => seen.add(&world),
            Err(_) => {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
        }
    }
    seen
}

#[test]
fn any_schedule_keeps_the_promises() {
    let schedules = number("GATEWAY_RECOVERY_SCHEDULES", SCHEDULES);
    let first = number("GATEWAY_RECOVERY_SEED", 1);
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(u64::MAX));
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let runs = || run_all(&next, first + schedules, &failed);
        let runners: Vec<_> = (0..threads).map(|_| scope.spawn(runs)).collect();
        for runner in runners {
            seen.merge(runner.join().unwrap());
        }
    });
    let failed = failed.into_inner();
    if failed != u64::MAX {
        keep(failed, "a promise is broken");
    }
    println!("{schedules} schedules from seed {first} on: {seen:?}");
    assert!(
        schedules < SCHEDULES || seen.all(),
        "something never came about: {seen:?}"
    );
}

#[test]
fn schedules_that_once_failed_do_not_any_more() {
    let mut paths: Vec<_> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        println!("{}", path.display());
        drop(run(&fs::read_to_string(&path).unwrap().parse().unwrap()));
    }
}

#[test]
fn a_schedule_is_the_same_as_text_and_the_same_run_again() {
    for seed in 0..50 {
        let script = Script::from_seed(seed);
        assert_eq!(script.to_string().parse(), Ok(script.clone()));
        let left = |world: World| (world.record.log.items, *world.planner.counters());
        assert_eq!(left(run(&script)), left(run(&script)));
    }
    assert!("00".parse::<Script>().is_err());
}

/// An oracle that finds nothing is of no use: each of these outputs is wrong in its own way.
#[test]
fn the_oracle_notices_what_is_wrong() {
    let script = || {
        (1..).map(Script::from_seed).find(|script| {
            let setup = script.read_setup();
            setup.benign
                && !setup.snapshots
                && setup.decodes
                && (setup.first, setup.silent) == (1, 0)
                && script.steps.len() > 30
        })
    };
    let tampered = |tamper: fn(&mut World)| {
        let mut world = World::new(script().unwrap().read_setup());
        world.play(&script().unwrap());
        tamper(&mut world);
        panic::catch_unwind(AssertUnwindSafe(|| oracle::judge(&mut world))).is_err()
    };
    assert!(!tampered(|_| {}));
    // A message is missing, comes twice, is another, is told as lost; a record is missing.
    assert!(tampered(|world| {
        let at = last_message(world);
        world.record.log.items.remove(at);
        world.record.times.remove(at);
    }));
    assert!(tampered(|world| {
        let at = last_message(world);
        let item = world.record.log.items[at].clone();
        world.record.log.items.insert(at, item);
        world.record.times.insert(at, 0);
    }));
    assert!(tampered(|world| {
        let at = last_message(world);
        if let Item::Message { bytes, .. } = &mut world.record.log.items[at] {
            bytes[5] ^= 1;
        }
    }));
    assert!(tampered(|world| {
        let at = last_message(world);
        if let Item::Message { sequence, .. } = world.record.log.items[at] {
            world.record.log.items[at] = Item::Gap(sequence, 1);
        }
    }));
    assert!(tampered(|world| {
        let add = world
            .record
            .orders
            .iter()
            .position(|(_, mbo)| mbo.action == b'A')
            .unwrap();
        world.record.orders.remove(add);
    }));
}

fn last_message(world: &World) -> usize {
    let is_message = |item: &Item| matches!(item, Item::Message { .. });
    world.record.log.items.iter().rposition(is_message).unwrap()
}

#[test]
fn a_failure_is_made_as_small_as_it_can_be() {
    use harness::script::Step;
    let is_restart = |step: &Step| matches!(step, Step::Restart);
    let fails = |script: &Script| {
        let steps: Vec<Step> = script.read_steps().collect();
        let restart = steps.iter().position(is_restart);
        restart.is_some_and(|at| {
            steps[at..]
                .iter()
                .any(|step| matches!(step, Step::Lost { .. }))
        })
    };
    let script = (1..)
        .map(Script::from_seed)
        .find(|script| fails(script))
        .unwrap();
    let smallest = shrink(&script, fails);
    assert_eq!(
        (smallest.steps.len(), smallest.setup),
        (2, [0; 20]),
        "{smallest}"
    );
    assert_eq!(smallest.steps[0][1..], [0; 7]);
}
