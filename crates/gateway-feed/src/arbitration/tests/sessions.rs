//! From one session to the next.

use super::super::OnGap;
use super::*;

#[test]
fn a_slower_line_finishes_the_old_session_before_the_new_one_begins() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).data(B, 1, 2);
    bench.session = "TWO";
    bench.data(A, 1, 2).data(A, 3, 3);
    bench.session = "ONE";
    bench.data(B, 3, 4);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 4)]);
    bench.pass(2 * HOLD_NS);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 3)]);
    bench.data(B, 5, 5);
    bench.session = "TWO";
    bench.data(B, 1, 3).data(B, 4, 4);
    assert_eq!(bench.left(), [Messages(4, 4)]);
    assert_eq!((bench.line(B).stale, bench.line(B).duplicates), (1, 5));
    assert_eq!(bench.channel.decoder().sessions_changed(), 1);
}

#[test]
fn after_an_end_of_session_the_next_one_begins_at_once() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).end(A, 3);
    bench.session = "TWO";
    bench.data(A, 1, 1);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 2),
        Event(SessionEnd(3)),
        Event(SessionStart(1)),
        Messages(1, 1),
    ];
    assert_eq!(bench.left(), expected);
}

#[test]
fn what_is_lost_at_the_start_of_a_new_session_is_a_gap() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).end(A, 3);
    bench.session = "TWO";
    bench.data(A, 3, 4).pass(HOLD_NS);
    let left = bench.left();
    assert_eq!(
        left[3..],
        [Event(SessionStart(1)), Event(Gap(1, 2)), Messages(3, 4)]
    );
}

#[test]
fn a_session_returns_only_after_the_current_one_fell_silent() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).end(A, 3);
    bench.session = "TWO";
    bench.data(A, 1, 1);
    bench.left();
    bench.session = "ONE";
    bench.data(B, 3, 3).pass(10 * MS);
    assert_eq!(bench.left(), []);
    assert_eq!(bench.line(B).stale, 1);
    bench
        .pass(SESSION_RETURN_QUIET_NS)
        .data(B, 3, 3)
        .pass(HOLD_NS);
    assert_eq!(bench.left(), [Event(SessionStart(3)), Messages(3, 3)]);
    // One that begins anew is expected from its first number on.
    bench.pass(SESSION_RETURN_QUIET_NS);
    bench.session = "TWO";
    bench.data(B, 1, 1).pass(HOLD_NS);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 1)]);
}

#[test]
fn spaces_are_part_of_a_sessions_name() {
    let mut bench = Bench::new();
    bench.session = " ONE";
    bench.data(A, 1, 1).end(A, 2);
    bench.session = "ONE ";
    bench.data(A, 1, 1);
    assert_eq!(bench.channel.counters().session_changes, 1);
    assert_eq!(bench.channel.session().unwrap().to_string(), "ONE       ");
}

#[test]
fn late_copies_of_the_session_before_do_not_bring_it_back_while_the_current_one_waits() {
    let mut bench = Bench::with(ChannelConfig {
        on_gap: OnGap::Recover,
        ..ChannelConfig::default()
    });
    bench.data(A, 1, 2);
    bench.session = "TWO";
    bench.heartbeat(A, 3).heartbeat(B, 3).pass(HOLD_NS);
    bench.session = "ONE";
    bench.data(A, 1, 2).data(B, 1, 2).pass(4 * HOLD_NS);
    bench.session = "TWO";
    assert_eq!(bench.answer(1, 2), Ok(()));
    bench.pass(4 * HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 2),
            Event(SessionStart(1)),
            Event(Recovering(1, 2)),
            Messages(1, 2),
            Event(Recovered(3))
        ]
    );
    assert_eq!(bench.line(A).stale + bench.line(B).stale, 4);
}
