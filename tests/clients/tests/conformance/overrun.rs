//! Readers that are too slow.

use gateway_test_clients::conformance::{Cast, Event, World};

use crate::MESSAGES;
use crate::check::{ALL, are_the_same, ask, contents, follow, is_whole, joined, starts, subscribe};

/// Messages of a session of which a queue of 1,024 slots holds everything.
const FEW_MESSAGES: u32 = 500;

/// A reader that asked to go on where state can be rebuilt is overtaken twice: first by more than the session whose start it
/// would need, so that it goes on at the oldest record; then by a session that the queue holds whole, at its start.
pub(crate) fn resumes_where_state_begins(cast: &mut Cast, world: &mut World) {
    let head = subscribe(cast, "subscribe short on-lapped=resync").2;
    world.play(MESSAGES).unwrap();
    let overrun = ask(cast, "drain").events().unwrap();
    let middle = follow(&overrun, head);
    assert_eq!(overrun[0].name, "lost");
    let kept = middle - overrun[1].position().unwrap().unwrap();
    assert!((900..1_024).contains(&kept), "{kept} slots");
    assert!(starts(&overrun).is_empty());
    // Nor can anybody begin there: he is told how much of it is gone.
    let (outcome, oldest, _, gone) = subscribe(cast, "subscribe short start=resync");
    assert_eq!(outcome, "later");
    let first = ask(cast, "read 2 100").events().unwrap();
    assert_eq!(first[0].fields, [gone.to_string()]);
    assert_eq!(first[1].position().unwrap(), Some(oldest));
    // Where the session began, which the larger queue holds.
    let start = subscribe(cast, "subscribe all start=resync");
    assert_eq!((start.0.as_str(), start.1), ("as-asked", oldest - gone));
    let began = ask(cast, "read 1 100").events().unwrap();
    assert_eq!(starts(&began), [0]);
    subscribe(
        cast,
        &format!("subscribe short start={middle} on-lapped=resync"),
    );

    world.play(MESSAGES).unwrap();
    world.play_few(FEW_MESSAGES).unwrap();
    let short = ask(cast, "drain").events().unwrap();
    subscribe(cast, &format!("subscribe all start={middle}"));
    let all = ask(cast, "drain").events().unwrap();
    assert_eq!(follow(&short, middle), follow(&all, middle));
    let starts = starts(&all);
    assert_eq!(starts.len(), 2);
    let start = all[starts[1]].position().unwrap().unwrap();
    assert_eq!(short[0].name, "lost");
    assert_eq!(short[0].number(0).unwrap(), start - middle);
    are_the_same(&short[1..], &all[starts[1]..]);
    assert_eq!(
        subscribe(cast, "subscribe short start=resync"),
        ("as-asked".to_owned(), start, follow(&all, middle), 0)
    );
    let again = ask(cast, "drain").events().unwrap();
    are_the_same(&again, &all[starts[1]..]);
}

/// Three readers of which two are overtaken: each goes on where it asked to, and the losses add up. The events of several
/// queues come by turns.
pub(crate) fn is_overrun(cast: &mut Cast, world: &mut World) {
    let head = subscribe(cast, "subscribe short").2;
    ask(cast, "multi sleep:100").fine().unwrap();
    for (index, queue) in ["short on-lapped=oldest", "all", "short on-lapped=latest"]
        .iter()
        .enumerate()
    {
        let lines = ask(cast, &format!("add {queue} name=multi"))
            .fine()
            .unwrap();
        assert_eq!(lines[0], format!("added {index}"));
        assert_eq!(joined(&lines[1]), ("as-asked".to_owned(), head, head, 0));
    }
    assert_eq!(ask(cast, "read-any 3 20").fine().unwrap(), ["empty"]);
    let report = world.play(MESSAGES).unwrap();

    let mut events = ask(cast, &format!("read-any {ALL} 500")).events().unwrap();
    assert_eq!(events.pop().unwrap().name, "empty");
    let of = |queue: usize| -> Vec<Event> {
        events
            .iter()
            .filter(|event| event.queue == queue)
            .cloned()
            .collect()
    };
    let (oldest, all, latest) = (of(0), of(1), of(2));
    let end = follow(&all, head);
    is_whole(&all, &report);
    assert_eq!(follow(&oldest, head), end);
    assert_eq!(oldest[0].name, "lost");
    let records = oldest.len() - 1;
    assert!((500..1_024).contains(&records), "{records} records");
    assert_eq!(
        contents(&oldest[1..]),
        contents(&all[all.len() - records..])
    );
    assert_eq!(contents(&latest), [("lost", &[][..])]);
    assert_eq!(latest[0].number(0).unwrap(), end - head);
    // Fair: as long as two have something, they take turns.
    let turns: Vec<usize> = events[..2 * records]
        .iter()
        .map(|event| event.queue)
        .collect();
    assert_eq!(turns[..4], [0, 1, 2, 0]);
    assert!(turns[3..].windows(2).all(|pair| pair[0] != pair[1]));

    // The one that looked away all the while.
    let lost = ask(cast, "read 1 100").events().unwrap();
    assert_eq!(lost[0], oldest[0]);
    let rest = ask(cast, "drain").events().unwrap();
    assert_eq!(contents(&rest), contents(&oldest[1..]));
    let slots = lost[0].number(0).unwrap();
    assert_eq!(
        ask(cast, "position").line().unwrap(),
        format!("position {end} lost {slots}")
    );
    assert_eq!(
        subscribe(cast, &format!("subscribe short start={head}")),
        ("later".to_owned(), head + slots, end, slots)
    );
    assert_eq!(
        ask(cast, "read 1 100").events().unwrap()[0]
            .number(0)
            .unwrap(),
        slots
    );
}
