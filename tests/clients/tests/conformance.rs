//! One script for every language: a strategy does the same in each, and is told the same.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use gateway_test_clients::conformance::{Answer, Cast, Event, Language, World};
use gateway_test_harness::config::Queue;
use gateway_test_harness::simulator::Report;

/// Messages of a session: its flow takes 150 ms.
const MESSAGES: u32 = 3_000;
/// More than any queue brings.
const ALL: u32 = 1_000_000;
/// Symbols of the filtered queue, and how they begin.
const SOME: [&str; 2] = ["AAA[A-C]", "AAAF"];
/// Messages of a session of which a queue of 1,024 slots holds everything.
const FEW_MESSAGES: u32 = 500;
const CONTROL_GAP: u64 = 1;
const CONTROL_SESSION_START: u64 = 3;

fn queues() -> Vec<Queue> {
    vec![
        Queue::all("all"),
        Queue::all("some").only(&SOME),
        Queue::all("trades").of_classes(&["trades", "status"]),
        Queue::all("native").of("native"),
        Queue::all("short").with_slots(1_024),
    ]
}

fn is_some(symbol: &str) -> bool {
    matches!(symbol, "AAAA" | "AAAB" | "AAAC" | "AAAF")
}

/// Reads everything that is there, and waits for no more than half a second.
fn read_all(cast: &mut Cast) -> Vec<Event> {
    let mut events = ask(cast, &format!("read {ALL} 500")).events().unwrap();
    assert_eq!(events.pop().unwrap().name, "empty");
    events
}

fn ask(cast: &mut Cast, command: &str) -> Answer {
    cast.ask(command).unwrap()
}

fn refused(cast: &mut Cast, command: &str, error: &str) {
    assert_eq!(
        ask(cast, command).end,
        format!("error {error}"),
        "{command}"
    );
}

/// `OUTCOME`, position, head and slots lost of a `joined` line.
fn joined(line: &str) -> (String, u64, u64, u64) {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |index: usize| words[index].parse().unwrap();
    assert_eq!(
        [words[0], words[2], words[4], words[6]],
        ["joined", "position", "head", "lost"]
    );
    (words[1].to_owned(), number(3), number(5), number(7))
}

fn subscribe(cast: &mut Cast, command: &str) -> (String, u64, u64, u64) {
    joined(&ask(cast, command).line().unwrap())
}

/// Asserts that records lie one behind the other, and losses between them; returns where the last ends.
fn follow(events: &[Event], mut next: u64) -> u64 {
    for event in events {
        if event.name == "lost" {
            next += event.number(0).unwrap();
            continue;
        }
        let position = event.position().unwrap().unwrap();
        let slots = match event.name.as_str() {
            "mbo" | "control" | "status" => 1,
            "definition" => 10,
            "imbalance" => 2,
            // 16 bytes of the gateway's, then the message, in slots of 56.
            "native" => (16 + event.fields[2].len() as u64 / 2).div_ceil(56),
            other => panic!("{other}"),
        };
        assert_eq!(position, next, "{event:?}");
        next = position + slots;
    }
    next
}

/// Messages in the gaps that control records tell of.
fn gap_messages(events: &[Event]) -> u64 {
    let gaps = events
        .iter()
        .filter(|event| event.name == "control" && event.number(1).unwrap() == CONTROL_GAP);
    gaps.map(|event| event.number(4).unwrap()).sum()
}

fn contents(events: &[Event]) -> Vec<(&str, &[String])> {
    events.iter().map(Event::contents).collect()
}

/// Asserts that a session's records are all there, gaps told.
fn is_whole(events: &[Event], report: &Report) {
    let controls = |kind| {
        let of_kind = |event: &&Event| event.name == "control" && event.number(1).unwrap() == kind;
        events.iter().filter(of_kind).count()
    };
    assert_eq!((controls(3), controls(4)), (1, 1), "begin and end");
    assert_eq!(gap_messages(events), report.lost_on_both.messages);
}

fn plays_the_script(languages: &[Language]) {
    let Some(mut world) = World::open(queues(), "").unwrap() else {
        return;
    };
    let mut cast = Cast::start(languages, &world, None).unwrap();
    subscribes_and_is_refused(&mut cast);
    let (events, report) = reads_what_is_published_while_it_waits(&mut cast, &mut world);
    filters(&mut cast, &events, &report);
    joins_late(&mut cast, &events);
    resumes_where_state_begins(&mut cast, &mut world);
    is_overrun(&mut cast, &mut world);
    is_told_of_every_end(&mut cast, &mut world);
    survives_a_restart(&mut cast, &mut world);
    cast.leave().unwrap();
}

/// The names of the queues, and what there is not.
fn subscribes_and_is_refused(cast: &mut Cast) {
    let queues = ask(cast, "queues").fine().unwrap();
    assert_eq!(
        queues,
        [
            "queue all 65536",
            "queue some 65536",
            "queue trades 65536",
            "queue native 65536",
            "queue short 1024"
        ]
    );
    refused(cast, "subscribe nowhere", "unknown-queue");
}

fn reads_what_is_published_while_it_waits(
    cast: &mut Cast,
    world: &mut World,
) -> (Vec<Event>, Report) {
    let begin = subscribe(cast, "subscribe all name=conformance wait=block");
    assert_eq!(begin, ("as-asked".to_owned(), 0, 0, 0));
    assert_eq!(ask(cast, "read 5 50").fine().unwrap(), ["empty"]);
    cast.begin("read 100 20000").unwrap();
    let report = world.play(MESSAGES).unwrap();
    let mut events = cast.end("read 100 20000").unwrap().events().unwrap();
    assert_eq!(events.len(), 100);
    events.extend(read_all(cast));
    let next = follow(&events, 0);
    is_whole(&events, &report);
    let position = ask(cast, "position").line().unwrap();
    assert_eq!(position, format!("position {next} lost 0"));
    assert_eq!(ask(cast, "health").line().unwrap(), "live");
    (events, report)
}

/// A queue of some symbols has their records and no others, one of some classes theirs; a queue of native records has
/// every message.
fn filters(cast: &mut Cast, all: &[Event], report: &Report) {
    let symbols: HashMap<u64, &str> = all
        .iter()
        .filter(|event| event.name == "definition")
        .map(|event| (event.number(1).unwrap(), event.fields[2].as_str()))
        .collect();
    assert!(symbols.len() > 6, "{symbols:?}");
    subscribe(cast, "subscribe some start=oldest wait=sleep:100");
    let some = ask(cast, "drain").events().unwrap();
    follow(&some, 0);
    let expected: Vec<Event> = all
        .iter()
        .filter(|event| {
            // What concerns no instrument concerns every reader.
            let instrument = event.number(1).unwrap();
            let symbol = symbols.get(&instrument);
            event.name == "control"
                || instrument == 0
                || symbol.is_some_and(|symbol| is_some(symbol))
        })
        .cloned()
        .collect();
    assert!(
        some.len() > 100 && some.len() < all.len() / 2,
        "{}",
        some.len()
    );
    are_the_same(&some, &expected);

    subscribe(cast, "subscribe trades start=oldest");
    let trades = ask(cast, "drain").events().unwrap();
    follow(&trades, 0);
    let is_trade = |event: &Event| event.name == "mbo" && event.fields[3] == "T";
    let expected: Vec<Event> = all
        .iter()
        // What concerns the channel is of no class that a queue could leave out.
        .filter(|event| is_trade(event) || matches!(event.name.as_str(), "status" | "control"))
        .cloned()
        .collect();
    let count = |is: &dyn Fn(&Event) -> bool| expected.iter().filter(|event| is(event)).count();
    assert!(count(&is_trade) > 10, "{} trades", count(&is_trade));
    assert!(count(&|event| event.name == "status") > 0);
    are_the_same(&trades, &expected);

    subscribe(cast, "subscribe native start=oldest wait=yield");
    let native = ask(cast, "drain").events().unwrap();
    follow(&native, 0);
    let messages = native.iter().filter(|event| event.name == "native").count() as u64;
    assert_eq!(messages + report.lost_on_both.messages, report.messages);
}

/// Asserts that the records are the same, wherever they lie.
fn are_the_same(found: &[Event], expected: &[Event]) {
    let differ = contents(found)
        .into_iter()
        .zip(contents(expected))
        .find(|(found, expected)| found != expected);
    assert_eq!((differ, found.len()), (None, expected.len()));
}

/// At the head, at the oldest record, at a position, in another run; and from a checkpoint.
fn joins_late(cast: &mut Cast, all: &[Event]) {
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

/// Three readers of which two are overtaken: each goes on where it asked to, and the losses add up. The events of several
/// queues come by turns.
fn is_overrun(cast: &mut Cast, world: &mut World) {
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

/// A reader that asked to go on where state can be rebuilt is overtaken twice: first by more than the session whose start it
/// would need, so that it goes on at the oldest record; then by a session that the queue holds whole, at its start.
fn resumes_where_state_begins(cast: &mut Cast, world: &mut World) {
    let head = subscribe(cast, "subscribe short on-lapped=resync").2;
    world.play(MESSAGES).unwrap();
    let overrun = ask(cast, "drain").events().unwrap();
    let middle = follow(&overrun, head);
    assert_eq!(overrun[0].name, "lost");
    let kept = middle - overrun[1].position().unwrap().unwrap();
    assert!((900..1_024).contains(&kept), "{kept} slots");
    assert!(starts(&overrun).is_empty());

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
}

/// Which events are the starts of sessions.
fn starts(events: &[Event]) -> Vec<usize> {
    let is_start = |event: &Event| {
        event.name == "control" && event.number(1).unwrap() == CONTROL_SESSION_START
    };
    (0..events.len())
        .filter(|&index| is_start(&events[index]))
        .collect()
}

/// The gateway stops in order, and is there again.
fn is_told_of_every_end(cast: &mut Cast, world: &mut World) {
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
fn survives_a_restart(cast: &mut Cast, world: &mut World) {
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
    desk.leave().unwrap();
    owner.leave().unwrap();
}
