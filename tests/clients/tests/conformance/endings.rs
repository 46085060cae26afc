//! The gateway's stop, death and restart.

use gateway_test_clients::conformance::{Cast, World};

use crate::MESSAGES;
use crate::check::{ALL, ask, contents, follow, is_whole, joined, read_all, refused, subscribe};

/// The gateway stops in order, and is there again.
pub(crate) fn is_told_of_every_end(cast: &mut Cast, world: &mut World) {
    subscribe(cast, "subscribe all wait=block");
    let checkpoint = ask(cast, "checkpoint").line().unwrap();
    cast.begin("read 1 20000").unwrap();
    world.stop().unwrap();
    let end = cast.end("read 1 20000").unwrap();
    assert_eq!(end.fine().unwrap(), ["closed stopped"]);
    assert_eq!(ask(cast, "read 5 100").fine().unwrap(), ["closed stopped"]);
    assert_eq!(ask(cast, "health").line().unwrap(), "ended");

    assert_eq!(ask(cast, "over").line().unwrap(), "over no");
    let mut ends = ask(cast, "read-any 3 5000").fine().unwrap();
    ends.sort();
    assert_eq!(
        ends,
        ["0 closed stopped", "1 closed stopped", "2 closed stopped"]
    );
    assert_eq!(ask(cast, "over").line().unwrap(), "over yes");
    assert_eq!(ask(cast, "read-any 1 20").fine().unwrap(), ["empty"]);
    refused(cast, "reattach-any 1", "connect");
    refused(cast, "reattach", "connect");
    refused(cast, "connect", "connect");

    world.start_again().unwrap();
    ask(cast, "connect").fine().unwrap();
    let again = ("other-run".to_owned(), 0, 0, 0);
    // It did not ask for a place in the other run: it goes on at the beginning of this one.
    let asked = ("as-asked".to_owned(), 0, 0, 0);
    for command in ["reattach", "reattach-any 1"] {
        assert_eq!(subscribe(cast, command), asked, "{command}");
    }
    assert_eq!(joined(&ask(cast, "joined").line().unwrap()), asked);
    assert_eq!(ask(cast, "over").line().unwrap(), "over no");
    let report = world.play(MESSAGES).unwrap();
    let events = read_all(cast);
    follow(&events, 0);
    is_whole(&events, &report);
    let mut from_any = ask(cast, &format!("read-any {ALL} 500")).events().unwrap();
    assert_eq!(from_any.pop().unwrap().name, "empty");
    assert!(from_any.iter().all(|event| event.queue == 1));
    assert_eq!(contents(&from_any), contents(&events));
    ask(cast, "close").fine().unwrap();

    // What a strategy kept from before means nothing in this run.
    let words: Vec<&str> = checkpoint.split(' ').collect();
    let command = format!("subscribe all start={} run={}", words[2], words[1]);
    let (outcome, position, ..) = subscribe(cast, &command);
    assert_eq!((outcome, position), (again.0, 0));
}

/// The gateway is killed: while somebody waits, and while nobody looks.
pub(crate) fn survives_a_restart(cast: &mut Cast, world: &mut World) {
    subscribe(cast, "subscribe all wait=block");
    cast.begin("read 1 20000").unwrap();
    world.kill().unwrap();
    let end = cast.end("read 1 20000").unwrap();
    assert_eq!(end.fine().unwrap(), ["closed hung-up"]);
    refused(cast, "reattach", "connect");
    world.start_again().unwrap();
    assert_eq!(
        subscribe(cast, "reattach"),
        ("as-asked".to_owned(), 0, 0, 0)
    );
    let report = world.play(MESSAGES).unwrap();
    let mut events = ask(cast, "read 10 1000").events().unwrap();

    world.kill().unwrap();
    world.start_again().unwrap();
    // Everything that was published can still be read, and then the end.
    events.extend(ask(cast, &format!("read {ALL} 5000")).events().unwrap());
    let end = events.pop().unwrap();
    assert_eq!(
        (end.name, end.fields),
        ("closed".into(), vec!["restarted".into()])
    );
    follow(&events, 0);
    is_whole(&events, &report);
    assert_eq!(
        subscribe(cast, "reattach"),
        ("as-asked".to_owned(), 0, 0, 0)
    );
    let report = world.play(MESSAGES).unwrap();
    is_whole(&read_all(cast), &report);
}
