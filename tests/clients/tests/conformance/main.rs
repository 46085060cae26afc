//! One script for every language: a strategy does the same in each, and is told the same.
//!
//! | module | what lives there |
//! |---|---|
//! | `check` | commands, and what has to be true of their answers |
//! | `reading` | the queues there are, and what each of them has |
//! | `joining` | where readers begin |
//! | `overrun` | readers that are too slow, and several queues by turns |
//! | `endings` | the gateway's stop, death and restart |
#![allow(clippy::unwrap_used)]

mod check;
mod endings;
mod joining;
mod overrun;
mod reading;

use gateway_test_clients::conformance::{Cast, Event, Language, World};
use gateway_test_harness::config::Queue;

use check::{ALL, ask, follow, gap_messages, read_all, refused, starts, subscribe};
use reading::SOME;

/// Messages of a session: its flow takes 150 ms.
const MESSAGES: u32 = 3_000;

fn queues() -> Vec<Queue> {
    vec![
        Queue::all("all"),
        Queue::all("some").only(&SOME),
        Queue::all("trades").of_classes(&["trades", "status"]),
        Queue::all("native").of("native"),
        Queue::all("short").with_slots(1_024),
        Queue::all("full").of("full"),
    ]
}

/// Two books, for the conflated queues.
const BOOKS: &str = "[[book]]\nname = \"best\"\nqueue = \"full\"\norders_max = 100000\nconflated = \"mbp-1\"\n\
                     [[book]]\nname = \"ten\"\nqueue = \"full\"\norders_max = 100000\nconflated = \"mbp-10\"\n";

fn plays_the_script(languages: &[Language]) {
    let Some(mut world) = World::open(queues(), BOOKS).unwrap() else {
        return;
    };
    let mut cast = Cast::start(languages, &world, None).unwrap();
    reading::subscribes_and_is_refused(&mut cast);
    let (events, report) = reading::reads_what_is_published_while_it_waits(&mut cast, &mut world);
    reading::filters(&mut cast, &events, &report);
    reading::reads_conflated_books(&mut cast, &world);
    joining::joins_late(&mut cast, &events);
    overrun::resumes_where_state_begins(&mut cast, &mut world);
    overrun::is_overrun(&mut cast, &mut world);
    endings::is_told_of_every_end(&mut cast, &mut world);
    endings::survives_a_restart(&mut cast, &mut world);
    cast.leave().unwrap();
}

#[test]
fn every_language_is_told_the_same() {
    plays_the_script(&Language::ALL);
}

#[test]
fn sanitizers_find_nothing_in_it() {
    plays_the_script(&Language::WATCHED);
}

const DESK: u32 = 1_001;

fn entitled(user: u32) -> String {
    format!("[[entitlement]]\nname = \"desk\"\nusers = [{user}]\nqueues = [\"all\"]\n")
}

#[test]
fn whoever_loses_an_entitlement_is_told_and_whoever_keeps_it_follows() {
    let Some(mut world) = World::open_to_others(queues(), &entitled(DESK)).unwrap() else {
        return;
    };
    let mut desk = Cast::start(&Language::ALL, &world, Some(DESK)).unwrap();
    let mut owner = Cast::start(&Language::ALL, &world, None).unwrap();
    assert_eq!(ask(&mut desk, "queues").line().unwrap(), "queue all 65536");
    refused(&mut desk, "subscribe short", "not-entitled");
    for cast in [&mut desk, &mut owner] {
        subscribe(cast, "subscribe all wait=sleep:100");
    }
    let first = world.play(MESSAGES).unwrap();
    let before = ask(&mut owner, "read 50 1000").events().unwrap();
    assert_eq!(ask(&mut desk, "read 50 1000").events().unwrap(), before);

    world.reload(&entitled(DESK + 1), "all").unwrap();
    let second = world.play(MESSAGES).unwrap();
    // What was published before the switch, and nothing after it.
    let mut rest = ask(&mut desk, &format!("read {ALL} 5000"))
        .events()
        .unwrap();
    let end = rest.pop().unwrap();
    assert_eq!(
        (end.name, end.fields),
        ("closed".into(), vec!["revoked".into()])
    );
    refused(&mut desk, "reattach", "not-entitled");
    refused(&mut desk, "subscribe all", "not-entitled");

    let followed = read_all(&mut owner);
    assert_eq!(followed[..rest.len()], rest);
    let whole: Vec<Event> = before.into_iter().chain(followed).collect();
    follow(&whole, 0);
    let lost = first.lost_on_both.messages + second.lost_on_both.messages;
    assert_eq!(gap_messages(&whole), lost);
    let position = ask(&mut owner, "position").line().unwrap();
    assert!(position.ends_with("lost 0"), "{position}");

    // Whoever comes late finds what the memory before the switch holds, and goes on into the one after it.
    let mut has = |command: &str, first: usize| {
        let (outcome, position, _, lost) = subscribe(&mut owner, command);
        let expected = whole[first].position().unwrap().unwrap();
        assert_eq!(
            (outcome.as_str(), position, lost),
            ("as-asked", expected, 0)
        );
        assert_eq!(read_all(&mut owner), whole[first..], "{command}");
    };
    has("subscribe all start=oldest wait=sleep:100", 0);
    let second = starts(&whole)[1];
    has("subscribe all start=resync wait=sleep:100", second);
    // What was marked in the memory before this switch is found after it.
    world.reload(&entitled(DESK + 2), "all").unwrap();
    has("subscribe all start=resync wait=sleep:100", second);
    desk.leave().unwrap();
    owner.leave().unwrap();
}
