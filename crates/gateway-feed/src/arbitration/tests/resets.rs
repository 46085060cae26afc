//! Numbers that restart within a session.

use super::super::OnGap;
use super::*;

#[test]
fn two_heartbeats_below_their_own_line_restart_the_numbers() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 9)
        .data(B, 1, 9)
        .pass(1_000 * MS)
        .heartbeat(A, 1)
        .heartbeat(B, 1)
        .pass(1_000 * MS);
    // One may be a late copy.
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 9)]);
    bench.heartbeat(A, 1).heartbeat(B, 1).pass(HOLD_NS);
    assert_eq!(bench.left(), [Event(Reset(1))]);
    bench.data(A, 1, 3).data(B, 1, 3).data(A, 4, 4);
    assert_eq!(bench.left(), [Messages(1, 4)]);
    assert_eq!(
        (bench.channel.counters().resets, bench.line(B).duplicates),
        (1, 12)
    );
}

#[test]
fn data_right_behind_the_heartbeat_is_not_lost() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 9)
        .pass(2 * MS)
        .heartbeat(A, 1)
        .other_data(A, 1, 2)
        .other_data(A, 3, 3)
        .pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 9),
            Event(Reset(1)),
            Messages(1, 3)
        ]
    );
}

#[test]
fn a_heartbeat_right_behind_the_old_numbers_counts_once_other_data_comes_under_them() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).data(A, 3, 4).heartbeat(A, 1);
    // A late copy, then what no copy can be.
    bench
        .data(A, 3, 4)
        .heartbeat(A, 1)
        .other_data(A, 1, 2)
        .other_data(A, 3, 4)
        .pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 4),
            Event(Reset(1)),
            Messages(1, 4)
        ]
    );
}

#[test]
fn a_late_copy_of_data_is_no_reset() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 9)
        .pass(5_000 * MS)
        .data(A, 1, 4)
        .data(A, 5, 9)
        .data(A, 10, 10);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 10)]);
    assert_eq!(
        (bench.channel.counters().resets, bench.line(A).duplicates),
        (0, 9)
    );
}

#[test]
fn a_late_copy_of_a_heartbeat_is_no_reset() {
    let mut bench = Bench::new();
    bench
        .heartbeat(A, 1)
        .data(A, 1, 9)
        .heartbeat(A, 1)
        .data(A, 1, 9)
        .data(A, 10, 12)
        .pass(5 * MS);
    bench.data(A, 10, 12).data(A, 13, 13);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 13)]);
}

#[test]
fn nor_one_that_was_overtaken_long_before_a_pause() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 4)
        .data(A, 5, 9)
        .pass(2 * MS)
        .heartbeat(A, 5)
        .data(A, 5, 9)
        .pass(5 * MS)
        .data(A, 5, 9)
        .pass(1_000 * MS)
        .heartbeat(A, 10)
        .data(A, 10, 12);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 12)]);
    assert_eq!(bench.channel.counters().resets, 0);
}

#[test]
fn a_restart_is_expected_from_the_first_number_that_a_heartbeat_told() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 9)
        .pass(1_000 * MS)
        .heartbeat(A, 1)
        .pass(1_000 * MS)
        .heartbeat(A, 4)
        .pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 9),
            Event(Reset(1)),
            Event(Gap(1, 3))
        ]
    );
}

#[test]
fn a_line_that_lags_far_behind_causes_none() {
    let mut bench = Bench::new();
    bench
        .heartbeat(A, 1)
        .heartbeat(B, 1)
        .data(A, 1, 9)
        .pass(1_500 * MS)
        .data(A, 10, 12);
    bench
        .heartbeat(B, 1)
        .data(B, 1, 9)
        .pass(1_500 * MS)
        .heartbeat(B, 10)
        .data(B, 10, 12);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 12)]);
    assert_eq!(bench.channel.counters().resets, 0);
}

#[test]
fn what_a_slower_line_still_brings_of_the_old_numbers_is_delivered_first_or_stale() {
    let mut bench = Bench::new();
    bench
        .data(A, 1_000, 1_009)
        .data(B, 1_000, 1_004)
        .pass(2 * MS)
        .heartbeat(A, 1)
        .data(A, 1, 5);
    bench.data(B, 1_005, 1_012).pass(HOLD_NS);
    let expected = [
        Event(SessionStart(1_000)),
        Messages(1_000, 1_012),
        Event(Reset(1)),
        Messages(1, 5),
    ];
    assert_eq!(bench.left(), expected);
    // Line B has not shown the restart: it still goes on where it was, then joins without a heartbeat.
    bench.data(B, 1_013, 1_014).data(B, 6, 8);
    assert_eq!(bench.left(), [Messages(6, 8)]);
    assert_eq!(bench.line(B).stale, 2);
}

#[test]
fn a_copy_that_is_cut_behind_a_late_heartbeat_is_no_restart() {
    let mut bench = Bench::new();
    bench.data(A, 1, 5);
    let mut cut = bench.packet(1, 5);
    cut.truncate(25);
    bench.heartbeat(A, 1);
    bench.send(A, &cut);
    bench.data(A, 6, 6);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 6)]);
}

#[test]
fn answers_in_other_packets_behind_a_late_heartbeat_are_no_restart() {
    let mut bench = Bench::with(ChannelConfig {
        on_gap: OnGap::Recover,
        hold_packets_max: 1,
        ..ChannelConfig::default()
    });
    bench.data(A, 1, 1).data(A, 4, 4).data(A, 6, 6);
    assert_eq!(bench.answer(2, 2), Ok(()));
    assert_eq!(bench.answer(3, 3), Ok(()));
    bench.heartbeat(A, 2).data(A, 2, 3).data(B, 5, 5);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 1),
            Event(Recovering(2, 2)),
            Messages(2, 4),
            Event(Recovered(5)),
            Messages(5, 6),
        ]
    );
}
