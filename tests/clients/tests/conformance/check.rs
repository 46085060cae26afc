//! Commands, and what has to be true of their answers.

use gateway_test_clients::conformance::{Answer, Cast, Event};
use gateway_test_harness::simulator::Report;

/// More than any queue brings.
pub(crate) const ALL: u32 = 1_000_000;
const CONTROL_GAP: u64 = 1;
const CONTROL_SESSION_START: u64 = 3;

pub(crate) fn ask(cast: &mut Cast, command: &str) -> Answer {
    cast.ask(command).unwrap()
}

pub(crate) fn refused(cast: &mut Cast, command: &str, error: &str) {
    assert_eq!(
        ask(cast, command).end,
        format!("error {error}"),
        "{command}"
    );
}

pub(crate) fn subscribe(cast: &mut Cast, command: &str) -> (String, u64, u64, u64) {
    joined(&ask(cast, command).line().unwrap())
}

/// `OUTCOME`, position, head and slots lost of a `joined` line.
pub(crate) fn joined(line: &str) -> (String, u64, u64, u64) {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |index: usize| words[index].parse().unwrap();
    assert_eq!(
        [words[0], words[2], words[4], words[6]],
        ["joined", "position", "head", "lost"]
    );
    (words[1].to_owned(), number(3), number(5), number(7))
}

/// Reads everything that is there, and waits for no more than half a second.
pub(crate) fn read_all(cast: &mut Cast) -> Vec<Event> {
    let mut events = ask(cast, &format!("read {ALL} 500")).events().unwrap();
    assert_eq!(events.pop().unwrap().name, "empty");
    events
}

/// Asserts that records lie one behind the other, and losses between them; returns where the last ends.
pub(crate) fn follow(events: &[Event], mut next: u64) -> u64 {
    for event in events {
        if event.name == "lost" {
            next += event.number(0).unwrap();
            continue;
        }
        let position = event.position().unwrap().unwrap();
        let slots = match event.name.as_str() {
            "mbo" | "control" | "status" | "trade" => 1,
            "definition" => 10,
            "imbalance" | "mbp1" | "statistic" => 2,
            "mbp10" => 7,
            // 16 bytes of the gateway's, then the message, in slots of 56.
            "native" => (16 + event.fields[2].len() as u64 / 2).div_ceil(56),
            other => panic!("{other}"),
        };
        assert_eq!(position, next, "{event:?}");
        next = position + slots;
    }
    next
}

pub(crate) fn contents(events: &[Event]) -> Vec<(&str, &[String])> {
    events.iter().map(Event::contents).collect()
}

/// Asserts that the records are the same, wherever they lie.
pub(crate) fn are_the_same(found: &[Event], expected: &[Event]) {
    let differ = contents(found)
        .into_iter()
        .zip(contents(expected))
        .find(|(found, expected)| found != expected);
    assert_eq!((differ, found.len()), (None, expected.len()));
}

/// Messages in the gaps that control records tell of.
pub(crate) fn gap_messages(events: &[Event]) -> u64 {
    let gaps = events
        .iter()
        .filter(|event| event.name == "control" && event.number(1).unwrap() == CONTROL_GAP);
    gaps.map(|event| event.number(4).unwrap()).sum()
}

/// Which events are the starts of sessions.
pub(crate) fn starts(events: &[Event]) -> Vec<usize> {
    let is_start = |event: &Event| {
        event.name == "control" && event.number(1).unwrap() == CONTROL_SESSION_START
    };
    (0..events.len())
        .filter(|&index| is_start(&events[index]))
        .collect()
}

/// Asserts that a session's records are all there, gaps told.
pub(crate) fn is_whole(events: &[Event], report: &Report) {
    let controls = |kind| {
        let of_kind = |event: &&Event| event.name == "control" && event.number(1).unwrap() == kind;
        events.iter().filter(of_kind).count()
    };
    assert_eq!((controls(3), controls(4)), (1, 1), "begin and end");
    assert_eq!(gap_messages(events), report.lost_on_both.messages);
}
