//! What waits, for how long, and what becomes of holes.

use super::*;

#[test]
fn the_other_line_fills_a_hole_within_the_hold_time() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).data(B, 1, 2).data(A, 5, 6);
    assert_eq!(bench.channel.next_deadline(), Some(bench.now + HOLD_NS));
    bench.pass(HOLD_NS / 2).data(B, 3, 4);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 6)]);
    assert_eq!(bench.channel.next_deadline(), None);
    assert_eq!(
        (
            bench.line(A).gaps,
            bench.line(A).gap_messages,
            bench.line(B).gaps
        ),
        (1, 2, 0)
    );
}

#[test]
fn a_hole_that_outlives_the_hold_time_is_a_gap_and_what_comes_after_is_late() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).data(A, 5, 6).pass(HOLD_NS - 1);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    bench.pass(1);
    assert_eq!(bench.left(), [Event(Gap(3, 2)), Messages(5, 6)]);
    bench.data(B, 2, 5);
    assert_eq!(bench.left(), []);
    assert_eq!((bench.line(B).late, bench.line(B).duplicates), (2, 2));
}

#[test]
fn each_held_packet_has_its_own_hold_time() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 1)
        .data(A, 3, 3)
        .pass(HOLD_NS / 2)
        .data(A, 5, 5)
        .pass(HOLD_NS / 2);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 1),
            Event(Gap(2, 1)),
            Messages(3, 3)
        ]
    );
    bench.data(B, 4, 4);
    assert_eq!(bench.left(), [Messages(4, 5)]);
}

#[test]
fn a_full_hold_gives_up_the_lowest_hole_and_throws_nothing_away() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packets_max: 2,
        ..ChannelConfig::default()
    });
    bench
        .data(A, 1, 1)
        .data(A, 5, 5)
        .data(A, 7, 7)
        .data(A, 9, 9);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 1),
            Event(Gap(2, 3)),
            Messages(5, 5)
        ]
    );
    // Lower than everything that is held: it is the one to go.
    bench.data(B, 4, 6);
    assert_eq!(bench.left(), [Messages(6, 7)]);
    let counters = bench.channel.counters();
    assert_eq!(
        (
            counters.hold_overflows,
            counters.holding_max,
            bench.line(B).late
        ),
        (1, 2, 1)
    );
}

#[test]
fn a_packet_too_long_for_an_empty_hold_gives_up_the_holes_before_it() {
    let mut bench = Bench::with(ChannelConfig {
        hold_bytes_max: 256,
        ..ChannelConfig::default()
    });
    bench.data(A, 1, 1).data(A, 3, 3).data(A, 5, 34);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 1),
        Event(Gap(2, 1)),
        Messages(3, 3),
        Event(Gap(4, 1)),
        Messages(5, 34),
    ];
    assert_eq!(bench.left(), expected);
    let counters = bench.channel.counters();
    assert_eq!((counters.hold_overflows, counters.hold_oversized), (0, 1));
}

#[test]
fn a_hold_for_a_single_packet_has_room_for_the_longest_one() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packets_max: 1,
        hold_bytes_max: ArbiterConfig::hold_bytes_for(1),
        ..ChannelConfig::default()
    });
    let mut builder = PacketBuilder::new(Session::from_name("ONE").unwrap(), 3, 65_507);
    while builder.push(&[7; 1_000]).is_ok() {}
    let jumbo = builder.finish(<[u8]>::to_vec);
    bench.data(A, 1, 1);
    bench.send(A, &jumbo);
    bench.data(B, 2, 2);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 67)]);
    assert_eq!(bench.channel.counters().hold_oversized, 0);
}

#[test]
fn without_a_hold_every_hole_is_a_gap_at_once() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packets_max: 0,
        ..ChannelConfig::default()
    });
    bench
        .data(A, 1, 1)
        .data(A, 3, 3)
        .data(B, 2, 2)
        .heartbeat(B, 6);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 1),
        Event(Gap(2, 1)),
        Messages(3, 3),
        Event(Gap(4, 2)),
    ];
    assert_eq!(bench.left(), expected);
}

#[test]
fn the_clock_stepping_back_does_not_prolong_the_hold() {
    let mut bench = Bench::new();
    bench.data(A, 1, 1).data(A, 3, 3);
    bench.now -= 3_600_000 * MS;
    bench.heartbeat(B, 2);
    assert!(bench.channel.next_deadline().unwrap() <= bench.now + HOLD_NS);
    bench.pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 1),
            Event(Gap(2, 1)),
            Messages(3, 3)
        ]
    );
}

#[test]
fn whatever_the_order_of_arrival_what_was_held_leaves_in_order() {
    let mut bench = Bench::new();
    bench.data(A, 1, 1);
    for number in (3..400)
        .rev()
        .step_by(3)
        .chain((4..400).step_by(3))
        .chain((5..400).step_by(3))
    {
        bench.data(A, number, number);
    }
    bench.data(B, 2, 2);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 399)]);
    assert_eq!(bench.channel.next_deadline(), None);
}
