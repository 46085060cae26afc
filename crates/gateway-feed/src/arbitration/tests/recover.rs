//! Holes that are asked for.

use super::super::{OnGap, RECOVERY};
use super::*;

const TIMEOUT_NS: u64 = 50 * MS;

fn config() -> ChannelConfig {
    ChannelConfig {
        on_gap: OnGap::Recover,
        recover_timeout_ns: TIMEOUT_NS,
        recover_packets_max: 64,
        recover_bytes_max: ArbiterConfig::hold_bytes_for(64),
        ..ChannelConfig::default()
    }
}

fn bench() -> Bench {
    let mut bench = Bench::with(config());
    bench.data(A, 1, 2);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    bench
}

#[test]
fn a_hole_is_asked_for_when_its_hold_time_is_over_and_answers_fill_it_in_order() {
    let mut bench = bench();
    bench.data(A, 6, 7).pass(HOLD_NS - 2);
    assert_eq!((bench.left(), bench.demand()), (vec![], (vec![], None)));
    bench.pass(2);
    assert_eq!(bench.left(), [Event(Recovering(3, 3))]);
    assert_eq!(bench.demand(), (vec![(3, 3)], None));
    assert_eq!(bench.answer(3, 4), Ok(()));
    assert_eq!(bench.left(), [Messages(3, 4)]);
    assert_eq!(bench.demand(), (vec![(5, 1)], None));
    assert_eq!(bench.demand.supplied, 1);
    bench.data(A, 8, 8);
    // It has more than was missing: what the line brought stays the line's, what nobody knows of is not taken.
    assert_eq!(bench.answer(5, 12), Ok(()));
    assert_eq!(bench.left(), [Messages(5, 8), Event(Recovered(9))]);
    assert_eq!(bench.demand(), (vec![], None));
    assert_eq!(bench.channel.next_deadline(), None);
    let of_servers = bench.line(RECOVERY);
    assert_eq!(
        (
            of_servers.delivered,
            of_servers.duplicates,
            of_servers.refused
        ),
        (3, 3, 4)
    );
    let counters = bench.channel.counters().recovery;
    assert_eq!((counters.holes_closed, counters.holes_lost), (1, 0));
    assert_eq!((counters.recoveries, counters.state), (1, 0));
    assert_eq!(bench.channel.counters().gaps, 0);
}

#[test]
fn a_hole_that_a_late_line_fills_is_not_asked_for_any_longer() {
    let mut bench = bench();
    bench.data(A, 6, 7).pass(HOLD_NS).data(B, 3, 4);
    assert_eq!(bench.left(), [Event(Recovering(3, 3)), Messages(3, 4)]);
    assert_eq!(bench.demand(), (vec![(5, 1)], None));
    bench.data(B, 5, 6);
    assert_eq!(bench.left(), [Messages(5, 7), Event(Recovered(8))]);
    assert_eq!(bench.demand(), (vec![], None));
    assert_eq!(
        bench.answer(3, 5),
        Err(SupplyError::NotWanted { first: 3, last: 5 })
    );
    assert_eq!(bench.left(), []);
}

#[test]
fn a_hole_that_nobody_fills_in_time_is_a_gap_and_what_waited_flows() {
    let mut bench = bench();
    bench
        .data(A, 6, 7)
        .pass(HOLD_NS)
        .data(A, 8, 8)
        .pass(TIMEOUT_NS - 3);
    assert_eq!(bench.left(), [Event(Recovering(3, 3))]);
    bench.pass(3);
    assert_eq!(
        bench.left(),
        [Event(Gap(3, 3)), Messages(6, 8), Event(Recovered(9))]
    );
    let counters = bench.channel.counters().recovery;
    assert_eq!((counters.timeouts, counters.holes_lost), (1, 1));
    assert_eq!(
        bench.answer(3, 5),
        Err(SupplyError::NotWanted { first: 3, last: 5 })
    );
    assert_eq!(bench.line(RECOVERY).late, 3);
}

#[test]
fn each_hole_is_waited_for_as_long_from_its_own_time_on() {
    let mut bench = bench();
    bench
        .data(A, 4, 4)
        .pass(20 * MS)
        .data(A, 6, 6)
        .pass(HOLD_NS);
    assert_eq!(bench.demand(), (vec![(3, 1), (5, 1)], None));
    bench.pass(30 * MS);
    assert_eq!(
        bench.left(),
        [Event(Recovering(3, 1)), Event(Gap(3, 1)), Messages(4, 4)]
    );
    bench.pass(19 * MS);
    assert_eq!(bench.left(), []);
    bench.pass(MS);
    assert_eq!(
        bench.left(),
        [Event(Gap(5, 1)), Messages(6, 6), Event(Recovered(7))]
    );
}

#[test]
fn what_cannot_be_had_is_given_up_up_to_where_it_can() {
    let mut bench = bench();
    bench.data(A, 9, 9).pass(HOLD_NS).give_up(6);
    assert_eq!(bench.left(), [Event(Recovering(3, 6)), Event(Gap(3, 3))]);
    assert_eq!(bench.demand(), (vec![(6, 3)], None));
    assert_eq!(bench.answer(6, 8), Ok(()));
    assert_eq!(bench.left(), [Messages(6, 9), Event(Recovered(10))]);
    // Nothing is waited for: there is nothing to give up, neither now nor ahead.
    bench.give_up(1_000).data(A, 12, 12).give_up(1_000);
    assert_eq!(bench.left(), []);
}

#[test]
fn holes_are_asked_for_together_and_may_be_filled_in_any_order() {
    let mut bench = bench();
    bench
        .data(A, 5, 6)
        .data(A, 9, 9)
        .data(A, 12, 12)
        .pass(HOLD_NS);
    assert_eq!(bench.demand(), (vec![(3, 2), (7, 2), (10, 2)], None));
    assert_eq!(bench.answer(10, 11), Ok(()));
    assert_eq!(bench.demand(), (vec![(3, 2), (7, 2)], None));
    // One answer over two holes, and over what the line brought between them.
    assert_eq!(bench.answer(4, 8), Ok(()));
    assert_eq!(bench.demand(), (vec![(3, 1)], None));
    assert_eq!(
        bench.answer(4, 8),
        Err(SupplyError::NotWanted { first: 4, last: 8 })
    );
    assert_eq!(bench.left(), [Event(Recovering(3, 2))]);
    assert_eq!(bench.answer(3, 3), Ok(()));
    assert_eq!(bench.left(), [Messages(3, 12), Event(Recovered(13))]);
    let counters = bench.channel.counters().recovery;
    assert_eq!((counters.holes, counters.holes_closed), (1, 1));
}

#[test]
fn where_no_more_fits_the_lowest_hole_is_a_gap_and_nothing_received_is_thrown_away() {
    let mut bench = Bench::with(ChannelConfig {
        recover_packets_max: 4,
        hold_packets_max: 2,
        ..config()
    });
    bench.data(A, 1, 1).data(A, 3, 3).data(A, 5, 5);
    assert_eq!(bench.demand(), (vec![], None));
    // More than the hold has room for: the lowest hole is asked for at once.
    bench.data(A, 6, 6);
    assert_eq!(bench.demand(), (vec![(2, 1)], None));
    bench.data(A, 7, 7);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 1),
            Event(Recovering(2, 1))
        ]
    );
    bench.data(A, 8, 8);
    assert_eq!(bench.left()[..2], [Event(Gap(2, 1)), Messages(3, 3)]);
    assert_eq!(bench.channel.counters().hold_overflows, 1);
    bench.pass(HOLD_NS);
    assert_eq!(bench.answer(4, 4), Ok(()));
    assert!(
        bench
            .left()
            .ends_with(&[Messages(4, 8), Event(Recovered(9))])
    );
}

#[test]
fn what_is_no_answer_is_refused_and_counted() {
    let mut bench = bench();
    bench.data(A, 6, 7).pass(HOLD_NS);
    let not_wanted = |first, last| Err(SupplyError::NotWanted { first, last });
    assert_eq!(bench.answer(1, 2), not_wanted(1, 2));
    assert_eq!(bench.answer(6, 7), not_wanted(6, 7));
    assert_eq!(bench.answer(8, 9), not_wanted(8, 9));
    for garbage in [&b""[..], b"GARBAGE", &bench.builder(3).heartbeat()] {
        let item = SupplyItem::Answer(garbage.to_vec().into());
        assert_eq!(bench.supply(item), Err(SupplyError::NoMessages));
    }
    bench.session = "TWO";
    let session = Session::from_name("TWO").unwrap().id();
    assert_eq!(bench.answer(3, 5), Err(SupplyError::Session { session }));
    bench.session = "ONE";
    let mut cut = bench.packet(3, 5);
    cut.pop();
    assert_eq!(bench.supply(SupplyItem::Answer(cut.into())), Ok(()));
    assert_eq!(bench.demand(), (vec![(5, 1)], None));
    let stale = Supply {
        epoch: 7,
        serial: 100,
        item: SupplyItem::GiveUp { before: 6 },
    };
    let epoch = SupplyError::Epoch {
        epoch: 7,
        current: 1,
    };
    assert_eq!(
        bench.channel.supply(bench.now, &stale, &mut bench.log),
        Err(epoch)
    );
    assert_eq!(bench.left(), [Event(Recovering(3, 3)), Messages(3, 4)]);
    let counters = bench.channel.counters().recovery;
    assert_eq!(
        (
            counters.refused_not_wanted,
            counters.refused_no_messages,
            counters.refused_session,
            counters.refused_epoch
        ),
        (3, 3, 1, 1)
    );
}

#[test]
fn the_hole_at_a_sessions_start_is_asked_for_and_one_at_its_unknown_end_is_not() {
    let mut bench = bench();
    bench.data(A, 5, 5).pass(HOLD_NS);
    bench.session = "TWO";
    // Whether the other session is meant is decided behind the hole.
    bench
        .data(A, 4, 4)
        .data(B, 5, 5)
        .pass(TIMEOUT_NS)
        .pass(2 * HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(Recovering(3, 2)),
            Event(Gap(3, 2)),
            Messages(5, 5),
            Event(Recovered(6)),
            Event(SessionStart(1)),
            Event(Recovering(1, 3))
        ]
    );
    assert_eq!(bench.demand(), (vec![(1, 3)], None));
    assert_eq!(bench.answer(1, 3), Ok(()));
    assert_eq!(bench.left(), [Messages(1, 5), Event(Recovered(6))]);
}

#[test]
fn an_end_of_session_waits_behind_the_hole_that_it_showed() {
    let mut bench = bench();
    bench.end(A, 5).pass(HOLD_NS);
    assert_eq!(bench.demand(), (vec![(3, 2)], None));
    assert_eq!(bench.answer(3, 4), Ok(()));
    assert_eq!(
        bench.left(),
        [
            Event(Recovering(3, 2)),
            Messages(3, 4),
            Event(SessionEnd(5)),
            Event(Recovered(5))
        ]
    );
}

#[test]
fn a_clock_that_steps_back_does_not_let_a_hole_wait_for_longer() {
    let mut bench = bench();
    bench.data(A, 6, 6).pass(HOLD_NS);
    bench.now -= 3_600_000 * MS;
    bench.data(A, 7, 7).pass(TIMEOUT_NS);
    assert_eq!(
        bench.left(),
        [
            Event(Recovering(3, 3)),
            Event(Gap(3, 3)),
            Messages(6, 7),
            Event(Recovered(8))
        ]
    );
}

#[test]
fn the_last_numbers_there_are_can_be_asked_for() {
    const LAST: u64 = u64::MAX - 1;
    let mut bench = Bench::with(config());
    bench
        .data(A, LAST - 9, LAST - 9)
        .data(A, LAST, LAST)
        .pass(HOLD_NS);
    assert_eq!(bench.demand(), (vec![(LAST - 8, 8)], None));
    assert_eq!(bench.answer(LAST - 8, LAST), Ok(()));
    assert!(bench.left().ends_with(&[
        Event(Recovering(LAST - 8, 8)),
        Messages(LAST - 8, LAST),
        Event(Recovered(u64::MAX))
    ]));
}

#[test]
fn a_demand_that_nobody_can_take_is_told_again() {
    let mut bench = Bench::with(config());
    bench.data(A, 1, 1).data(A, 3, 3);
    bench.now += HOLD_NS;
    bench.channel.on_time(bench.now, &mut bench.log);
    for _ in 0..2 {
        assert_eq!(bench.channel.next_deadline(), Some(0));
        bench.channel.tell_demand(|_| false);
    }
    assert_eq!(bench.demand(), (vec![(2, 1)], None));
    assert_eq!(bench.channel.next_deadline(), Some(bench.now + TIMEOUT_NS));
    bench
        .channel
        .tell_demand(|_| unreachable!("it was told already"));
    assert_eq!(bench.channel.counters().recovery.demands_delayed, 2);
}

/// Lines A and B, and a third one of what is asked for again.
fn with_answers() -> Bench {
    let mut bench = Bench::with(ChannelConfig {
        lines: 3,
        answer_lines: 1,
        ..config()
    });
    bench.data(A, 1, 2);
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    bench
}

const ANSWERS: LineId = LineId(2);

#[test]
fn what_was_asked_for_comes_on_a_line_of_its_own_and_is_not_wanted_any_longer() {
    let mut bench = with_answers();
    bench.data(A, 6, 7).data(A, 10, 10).pass(HOLD_NS);
    bench.pass(HOLD_NS);
    assert_eq!(bench.left(), [Event(Recovering(3, 3))]);
    assert_eq!(bench.demand(), (vec![(3, 3), (8, 2)], None));
    // The upper hole first: the channel waits on, but wants less.
    bench.data(ANSWERS, 8, 9);
    assert_eq!(bench.left(), []);
    assert_eq!(bench.demand(), (vec![(3, 3)], None));
    bench.data(ANSWERS, 2, 4).data(ANSWERS, 5, 12);
    assert_eq!(bench.left(), [Messages(3, 10), Event(Recovered(11))]);
    assert_eq!(bench.demand(), (vec![], None));
    let of_answers = bench.line(ANSWERS);
    assert_eq!(
        (
            of_answers.delivered,
            of_answers.duplicates,
            of_answers.refused
        ),
        (5, 6, 2)
    );
    assert_eq!(bench.channel.counters().recovery.holes_lost, 0);
}

#[test]
fn what_others_asked_for_moves_nothing() {
    let mut bench = with_answers();
    // Old messages, heartbeats that tell a low number, messages far ahead, and another session: on a line of the stream
    // each would have a meaning.
    for _ in 0..3 {
        bench.data(ANSWERS, 1, 1).heartbeat(ANSWERS, 1);
        bench.data(ANSWERS, 500_000, 500_001).data(ANSWERS, 4, 5);
        bench.session = "TWO";
        bench.data(ANSWERS, 1, 3).end(ANSWERS, 4);
        bench.session = "ONE";
        bench.pass(4 * HOLD_NS);
    }
    assert_eq!(bench.left(), []);
    assert_eq!(bench.demand(), (vec![], None));
    bench.data(A, 3, 3).data(B, 1, 3);
    assert_eq!(bench.left(), [Messages(3, 3)]);
    let counters = bench.channel.counters();
    assert_eq!(
        (counters.gaps, counters.resets, counters.sessions),
        (0, 0, 1)
    );
    let of_answers = bench.line(ANSWERS);
    assert_eq!((of_answers.delivered, of_answers.stale), (0, 9));
    assert_eq!((of_answers.heartbeats, of_answers.gaps), (3, 0));
    // It does not count as a line that speaks, nor as one that is silent.
    assert_eq!(of_answers.silences, 0);
}

#[test]
fn before_the_stream_began_nothing_is_taken_of_what_others_asked_for() {
    let mut bench = Bench::with(ChannelConfig {
        lines: 2,
        answer_lines: 1,
        ..config()
    });
    bench.data(B, 1, 3);
    assert_eq!(bench.left(), []);
    bench.data(A, 7, 8);
    assert_eq!(bench.left(), [Event(SessionStart(7)), Messages(7, 8)]);
    bench.send(LineId(2), b"x");
    assert_eq!(bench.channel.counters().frame_errors.unknown_line, 1);
}

#[test]
fn an_answer_that_comes_when_the_hole_was_given_up_is_refused_and_not_late() {
    let mut bench = with_answers();
    bench.data(A, 6, 7).pass(HOLD_NS).give_up(6);
    bench.data(ANSWERS, 3, 5).left();
    let of_answers = bench.line(ANSWERS);
    assert_eq!((of_answers.late, of_answers.refused), (0, 3));
    // The lines of the stream are late as ever.
    bench.data(B, 3, 5);
    assert_eq!((bench.line(B).late, bench.line(B).refused), (3, 0));
}
