//! What a single packet cannot do: move the channel far away from where its lines are.

use super::*;

const FAR: u64 = 1 << 40;
const SECOND: u64 = 1_000 * MS;

/// Lets line A and B go on, a message every 100 us, from `first` on.
fn go_on(bench: &mut Bench, first: u64, messages: u64) {
    for number in first..first + messages {
        bench
            .pass(100_000)
            .data(A, number, number)
            .data(B, number, number);
    }
}

#[test]
fn a_number_far_ahead_does_not_deafen_a_channel_whose_lines_go_on() {
    let mut bench = Bench::new();
    bench.data(A, 1, 10).data(B, 1, 10).data(A, FAR, FAR + 2);
    go_on(&mut bench, 11, 200);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 210)]);
    let counters = bench.channel.counters();
    assert_eq!(
        (counters.implausible, counters.gaps, counters.resets),
        (1, 0, 0)
    );
    assert_eq!((bench.line(A).implausible, bench.line(A).gaps), (3, 0));
    assert_eq!(bench.channel.next_deadline(), None);
}

#[test]
fn nor_does_a_heartbeat_or_an_end_of_session_far_ahead() {
    for end in [false, true] {
        let mut bench = Bench::new();
        bench.data(A, 1, 10).data(B, 1, 10);
        if end {
            bench.end(A, FAR);
        } else {
            bench.heartbeat(A, FAR);
        }
        go_on(&mut bench, 11, 200);
        bench.heartbeat(A, 211).heartbeat(B, 211).pass(SECOND);
        bench.heartbeat(A, 211).heartbeat(B, 211).pass(SECOND);
        bench.data(A, 211, 212);
        assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 212)]);
        assert_eq!(bench.channel.counters().implausible, 1);
    }
}

#[test]
fn on_a_quiet_feed_the_heartbeats_refute_it() {
    let mut bench = Bench::new();
    bench.data(A, 1, 10).data(A, FAR, FAR);
    for _ in 0..5 {
        bench.pass(SECOND).heartbeat(A, 11);
    }
    bench.data(A, 11, 11);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 11)]);
    assert_eq!(bench.line(A).implausible, 1);
}

#[test]
fn several_packets_far_ahead_are_refused_as_long_as_the_lines_go_on() {
    let mut bench = Bench::new();
    bench.data(A, 1, 10);
    for number in 0..300 {
        bench.data(B, FAR + number, FAR + number).pass(90_000);
        bench.data(A, 11 + number, 11 + number);
    }
    for number in 311..500 {
        bench.data(A, number, number).pass(90_000);
    }
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 499)]);
    assert_eq!(bench.line(B).implausible, 300);
}

#[test]
fn after_an_outage_of_both_lines_what_comes_far_ahead_is_believed() {
    let mut bench = Bench::new();
    bench.data(A, 1, 10).data(B, 1, 10).pass(5 * SECOND);
    bench
        .data(A, FAR, FAR + 1)
        .data(B, FAR, FAR + 1)
        .pass(HOLD_NS);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 10),
        Event(Gap(11, FAR - 11)),
        Messages(FAR, FAR + 1),
    ];
    assert_eq!(bench.left(), expected);
    bench.data(A, FAR + 2, FAR + 2).data(B, FAR + 2, FAR + 2);
    assert_eq!(bench.left(), [Messages(FAR + 2, FAR + 2)]);
    assert_eq!((bench.line(A).gaps, bench.line(A).duplicates), (1, 0));
}

#[test]
fn after_a_short_outage_a_second_packet_is_enough() {
    let mut bench = Bench::new();
    bench.data(A, 1, 10).data(A, 100_000, 100_001).pass(10 * MS);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 10)]);
    bench.data(A, 100_005, 100_005).pass(HOLD_NS);
    let expected = [
        Event(Gap(11, 99_989)),
        Messages(100_000, 100_001),
        Event(Gap(100_002, 3)),
        Messages(100_005, 100_005),
    ];
    assert_eq!(bench.left(), expected);
}

#[test]
fn what_a_slower_line_still_brings_from_before_the_outage_comes_first() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 10)
        .data(A, FAR, FAR + 1)
        .data(A, FAR + 2, FAR + 2);
    bench
        .pass(HOLD_NS / 2)
        .data(B, 1, 10)
        .data(B, 11, 14)
        .pass(HOLD_NS / 4);
    bench.data(B, FAR, FAR + 1).pass(3 * HOLD_NS);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 14),
        Event(Gap(15, FAR - 15)),
        Messages(FAR, FAR + 2),
    ];
    assert_eq!(bench.left(), expected);
    assert_eq!(bench.channel.counters().implausible, 0);
}

#[test]
fn a_hold_that_fills_up_loses_what_is_refuted_first() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packets_max: 4,
        ..ChannelConfig::default()
    });
    bench
        .data(A, 1, 1)
        .data(B, FAR, FAR)
        .data(B, FAR + 1, FAR + 1)
        .data(A, 2, 2);
    bench
        .data(A, 4, 4)
        .data(A, 5, 5)
        .data(A, 6, 6)
        .data(B, 3, 3);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 6)]);
    assert_eq!(bench.line(B).implausible, 2);
    // Where the lines did not go on, a full hold is evidence enough.
    for number in 0..5 {
        bench.data(A, FAR + number, FAR + number);
    }
    let left = bench.left();
    assert_eq!(left, [Event(Gap(7, FAR - 7)), Messages(FAR, FAR + 4)]);
}

#[test]
fn a_packet_of_a_foreign_session_does_not_take_the_channel_along() {
    let mut bench = Bench::new();
    bench.data(A, 1, 10).data(B, 1, 10);
    bench.session = "ALIEN";
    bench.data(A, 1 << 60, (1 << 60) + 1);
    bench.session = "ONE";
    go_on(&mut bench, 11, 200);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 210)]);
    let counters = bench.channel.counters();
    assert_eq!(
        (counters.sessions_refused, counters.session_changes),
        (1, 0)
    );
    assert_eq!((bench.line(A).stale, bench.line(A).out_of_order), (2, 0));
}

#[test]
fn nor_does_one_now_and_then_on_a_quiet_feed() {
    let mut bench = Bench::new();
    bench.data(A, 1, 1);
    for round in 0..20_u64 {
        bench.session = ["ALIEN", "OTHER"][round as usize % 2];
        bench.data(A, 7 + 100_000 * round, 7 + 100_000 * round);
        bench.session = "ONE";
        bench.pass(SECOND / 2).heartbeat(A, 2).pass(SECOND / 2);
    }
    bench.pass(5 * MS).data(A, 2, 2);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    assert_eq!(bench.line(A).stale + bench.line(A).holding, 20);
}

#[test]
fn a_session_that_the_lines_go_over_to_is_believed_with_its_second_packet() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).data(B, 1, 2);
    bench.session = "TWO";
    bench.data(A, 1, 2).pass(10 * MS);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    bench.data(A, 3, 3).pass(HOLD_NS);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 3)]);
}

#[test]
fn one_after_silence_is_believed_at_once() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).pass(SESSION_RETURN_QUIET_NS);
    bench.session = "TWO";
    bench.data(A, 1, 2).pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 2),
            Event(SessionStart(1)),
            Messages(1, 2)
        ]
    );
}

#[test]
fn a_restart_is_recognised_while_a_foreign_packet_is_in_doubt() {
    let mut bench = Bench::new();
    bench
        .data(A, 1_000, 1_010)
        .pass(SECOND)
        .heartbeat(A, 1)
        .pass(SECOND / 2);
    bench.session = "ALIEN";
    bench.data(A, 5, 5);
    bench.session = "ONE";
    bench
        .pass(SECOND / 2)
        .heartbeat(A, 1)
        .pass(HOLD_NS)
        .data(A, 1, 2);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1_000)),
            Messages(1_000, 1_010),
            Event(Reset(1)),
            Messages(1, 2)
        ]
    );
    assert_eq!(bench.line(A).stale, 1);
}

#[test]
fn a_session_that_was_believed_is_not_thrown_away_to_make_room() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packets_max: 4,
        ..ChannelConfig::default()
    });
    bench.heartbeat(A, 1);
    bench.session = "TWO";
    bench.data(A, 1, 1);
    for number in 3..=8 {
        bench.data(A, number, number);
    }
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Event(SessionStart(1)),
            Messages(1, 1),
            Event(Gap(2, 1)),
            Messages(3, 8)
        ]
    );
    assert_eq!(bench.line(A).implausible, 0);
}
