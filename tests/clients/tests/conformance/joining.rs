//! Where readers begin.

use gateway_test_clients::conformance::{Cast, Event};

use crate::check::{ask, follow, starts, subscribe};

/// At the head, at the oldest record, at a position, in another run; and from a checkpoint.
pub(crate) fn joins_late(cast: &mut Cast, all: &[Event]) {
    let positions: Vec<u64> = all.iter().filter_map(|e| e.position().unwrap()).collect();
    let head = follow(all, 0);
    assert_eq!(
        subscribe(cast, "subscribe all"),
        ("as-asked".to_owned(), head, head, 0)
    );
    assert_eq!(
        subscribe(cast, "subscribe all start=oldest"),
        ("as-asked".to_owned(), 0, head, 0)
    );
    assert_eq!(ask(cast, "read 1 100").events().unwrap(), all[..1]);
    let start = starts(all)[0];
    assert_eq!(
        subscribe(cast, "subscribe all start=resync"),
        ("as-asked".to_owned(), positions[start], head, 0)
    );
    assert_eq!(
        ask(cast, "read 1 100").events().unwrap(),
        all[start..=start]
    );
    let middle = positions.len() / 2;
    let command = format!("subscribe all start={} wait=sleep:100", positions[middle]);
    assert_eq!(
        subscribe(cast, &command),
        ("as-asked".to_owned(), positions[middle], head, 0)
    );
    assert_eq!(
        ask(cast, "read 7 100").events().unwrap(),
        all[middle..middle + 7]
    );

    let checkpoint = ask(cast, "checkpoint").line().unwrap();
    let words: Vec<&str> = checkpoint.split(' ').collect();
    assert_eq!(words[2], positions[middle + 7].to_string());
    let run: u64 = words[1].parse().unwrap();
    let command = format!("subscribe all start={} run={run}", words[2]);
    assert_eq!(
        subscribe(cast, &command),
        ("as-asked".to_owned(), positions[middle + 7], head, 0)
    );
    assert_eq!(ask(cast, "drain").events().unwrap(), all[middle + 7..]);
    let command = format!("subscribe all start={} run={}", words[2], run + 1);
    assert_eq!(
        subscribe(cast, &command),
        ("other-run".to_owned(), 0, head, 0)
    );
    assert_eq!(
        subscribe(cast, &format!("subscribe all start={}", head + 9)),
        ("not-yet".to_owned(), head, head, 0)
    );
}
