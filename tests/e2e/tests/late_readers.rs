//! Strategies that come in the middle of a flow start where they chose to, and miss nothing from there on.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use gateway_client::Start;
use gateway_e2e::{Lab, Observer};
use gateway_feed::record::ControlKind;
use gateway_test_harness::Config;
use gateway_test_harness::config::{Input, Queue};

const LIMIT: Duration = Duration::from_secs(40);
const MESSAGES: usize = 40_000;
const FLOW: &str =
    "generate --symbols 40 --messages 40000 --pace rate=15000 --heartbeat-ms 100 --end-of-session";

#[test]
fn late_readers_start_at_the_head_or_at_the_oldest_record() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config {
        queues: vec![
            Queue::all("all"),
            Queue::all("short").with_slots(16_384),
            Queue::all("some").only(&["AAA[A-D]", "AAB?"]),
        ],
        ..Config::new(Input::tier("copy"))
    };
    let gateway = lab.gateway(&config).unwrap();
    let socket = gateway.socket();
    let first = Observer::start(&socket, "all").unwrap();
    let first_of_some = Observer::start(&socket, "some").unwrap();
    let flow = lab.simulator(&config, FLOW).unwrap();

    // The short queue's first records are gone by then.
    let before = first
        .wait_for("the middle of the flow", LIMIT, |seen| {
            seen.messages > MESSAGES as u64 / 2
        })
        .unwrap();
    let at_head = Observer::start_at(&socket, "all", Start::Head).unwrap();
    let at_oldest = Observer::start_at(&socket, "all", Start::Oldest).unwrap();
    let in_short = Observer::start_at(&socket, "short", Start::Oldest).unwrap();
    let of_some = Observer::start_at(&socket, "some", Start::Head).unwrap();
    let joined = first.seen();
    assert!(
        joined.messages < MESSAGES as u64,
        "joined after the flow had ended"
    );
    let report = flow.finish(LIMIT).unwrap();
    assert_eq!(report.messages, MESSAGES as u64);

    let end = |observer: &Observer| {
        let end = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
        let seen = observer
            .wait_for("the end of the session", LIMIT, end)
            .unwrap();
        assert_eq!(
            (seen.out_of_order, seen.repeated, seen.lost_slots),
            (0, 0, 0)
        );
        seen
    };
    let every = end(&first);
    assert_eq!(every.messages, MESSAGES as u64);

    let head = end(&at_head);
    assert!(every.sequences.ends_with(&head.sequences));
    assert!(
        head.sequences[0] > *before.sequences.last().unwrap(),
        "a reader at the head sees nothing from before it came"
    );

    let oldest = end(&at_oldest);
    assert!(
        oldest.has(ControlKind::SessionStart),
        "nothing of the long queue was gone yet"
    );
    assert_eq!(
        (oldest.records, oldest.sequences),
        (every.records, every.sequences.clone())
    );

    let short = end(&in_short);
    assert!(every.sequences.ends_with(&short.sequences));
    assert!(
        short.records < every.records,
        "the short queue's beginning was gone"
    );
    assert!(
        short.sequences[0] < *before.sequences.last().unwrap(),
        "the oldest record is from before the reader came"
    );

    let every_of_some = end(&first_of_some);
    let some = end(&of_some);
    assert!(every_of_some.sequences.ends_with(&some.sequences));
    assert!(some.sequences.len() < every_of_some.sequences.len());
    assert!(some.sequences[0] > *before.sequences.last().unwrap());
}
