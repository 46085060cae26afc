//! Messages leave in order and once.

use super::*;

#[test]
fn the_first_packet_sets_where_the_stream_begins() {
    let mut bench = Bench::new();
    bench.data(A, 500, 502).data(A, 503, 503);
    assert_eq!(bench.left(), [Event(SessionStart(500)), Messages(500, 503)]);
    bench.data(B, 498, 501);
    assert_eq!(bench.left(), []);
    assert_eq!(
        (bench.line(B).before_start, bench.line(B).duplicates),
        (2, 2)
    );
}

#[test]
fn an_expected_beginning_that_does_not_come_is_a_gap() {
    let mut bench = Bench::with(ChannelConfig {
        expect_first_sequence: Some(1),
        ..ChannelConfig::default()
    });
    bench.data(A, 4, 5).pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [Event(SessionStart(1)), Event(Gap(1, 3)), Messages(4, 5)]
    );
}

#[test]
fn copies_on_the_other_line_are_counted_and_tell_how_late_it_is() {
    let mut bench = Bench::new();
    bench.data(A, 1, 3).pass(7_000).data(B, 1, 3);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 3)]);
    let b = bench.line(B);
    assert_eq!(
        (b.duplicates, b.skew_packets, b.skew_sum_ns, b.skew_max_ns),
        (3, 1, 7_001, 7_001)
    );
    assert_eq!((bench.line(A).wins, b.wins), (1, 0));
}

#[test]
fn of_a_packet_that_straddles_what_was_delivered_only_the_tail_goes_out() {
    let mut bench = Bench::new();
    bench.data(A, 1, 5).data(B, 3, 8);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 8)]);
    assert_eq!((bench.line(B).delivered, bench.line(B).duplicates), (3, 3));
    // Held packets may overlap each other, too.
    bench
        .data(A, 12, 15)
        .data(B, 14, 17)
        .data(A, 12, 13)
        .data(B, 9, 12);
    assert_eq!(bench.left(), [Messages(9, 17)]);
}

#[test]
fn a_heartbeat_reveals_what_was_lost_at_the_tail() {
    let mut bench = Bench::new();
    bench
        .data(A, 1, 2)
        .heartbeat(A, 5)
        .heartbeat(B, 5)
        .pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [Event(SessionStart(1)), Messages(1, 2), Event(Gap(3, 2))]
    );
    assert_eq!(bench.channel.counters().heartbeats, 2);
    bench.heartbeat(A, 5).pass(HOLD_NS).data(A, 5, 5);
    assert_eq!(bench.left(), [Messages(5, 5)]);
}

#[test]
fn the_end_of_the_session_is_told_once_and_reveals_a_lost_tail() {
    let mut bench = Bench::new();
    bench.data(A, 1, 2).end(A, 4).end(B, 4);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    bench.pass(HOLD_NS).end(A, 4);
    assert_eq!(bench.left(), [Event(Gap(3, 1)), Event(SessionEnd(4))]);
    assert_eq!(bench.channel.counters().session_ends, 1);
}

#[test]
fn messages_without_a_number_pass_at_once() {
    let mut bench = Bench::new();
    bench.data(A, 1, 1).data(A, 3, 3);
    let mut builder = bench.builder(0);
    builder.push(b"x").unwrap();
    builder.push(b"y").unwrap();
    let packet = builder.finish(<[u8]>::to_vec);
    bench.send(B, &packet);
    bench.heartbeat(B, 0);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 1),
        Messages(0, 0),
        Messages(0, 0),
    ];
    assert_eq!(bench.left(), expected);
    assert_eq!(bench.channel.counters().unsequenced, 2);
}

#[test]
fn numbers_up_to_the_last_one_are_taken() {
    let last = u64::MAX - 1;
    let mut bench = Bench::new();
    bench
        .data(A, last - 9, last - 5)
        .data(A, last - 2, last)
        .pass(HOLD_NS)
        .heartbeat(A, u64::MAX)
        .end(A, u64::MAX);
    let expected = [
        Event(SessionStart(last - 9)),
        Messages(last - 9, last - 5),
        Event(Gap(last - 4, 2)),
        Messages(last - 2, last),
        Event(SessionEnd(u64::MAX)),
    ];
    assert_eq!(bench.left(), expected);
    bench.data(A, u64::MAX - 1, u64::MAX - 1).pass(MS);
    assert_eq!(bench.left(), []);
}
