//! Snapshots, and the stream that goes on behind them.

use super::super::{ChannelState, LEAP_MESSAGES, OnGap, RECOVERY};
use super::*;

fn config(on_gap: OnGap) -> ChannelConfig {
    ChannelConfig {
        on_gap,
        recover_timeout_ns: 50 * MS,
        recover_packets_max: 64,
        recover_bytes_max: ArbiterConfig::hold_bytes_for(64),
        snapshots: true,
        ..ChannelConfig::default()
    }
}

fn state(bench: &Bench) -> ChannelState {
    ChannelState::from_number(bench.channel.counters().recovery.state)
}

#[test]
fn a_snapshot_stands_in_the_place_of_a_hole() {
    let mut bench = Bench::with(config(OnGap::Recover));
    bench
        .data(A, 1, 2)
        .data(A, 6, 7)
        .pass(HOLD_NS)
        .data(A, 8, 9);
    assert_eq!(bench.demand(), (vec![(3, 3)], None));
    assert_eq!(bench.snapshot(6, 3), Ok(()));
    assert_eq!(state(&bench), ChannelState::Snapshot);
    bench.data(A, 10, 10).pass(0);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 2),
            Event(Recovering(3, 3)),
            Event(Gap(3, 3)),
            Event(SnapshotBegin(6, 3)),
            InSnapshot(3),
            Event(SnapshotEnd(6, 0)),
            Messages(6, 10),
            Event(Recovered(11)),
        ]
    );
    assert_eq!(bench.demand(), (vec![], None));
    assert_eq!(state(&bench), ChannelState::Live);
    bench.data(A, 11, 11);
    assert_eq!(bench.left(), [Messages(11, 11)]);
}

#[test]
fn what_was_received_before_the_snapshots_sequence_is_delivered_before_it() {
    let mut bench = Bench::with(config(OnGap::Recover));
    bench
        .data(A, 1, 2)
        .data(A, 6, 9)
        .data(A, 12, 12)
        .pass(HOLD_NS);
    // Within the packet 6 to 9, whose rest is told again on top.
    assert_eq!(bench.snapshot(8, 2), Ok(()));
    bench.pass(0);
    assert_eq!(
        bench.left()[3..],
        [
            Event(Gap(3, 3)),
            Messages(6, 9),
            Event(SnapshotBegin(8, 2)),
            InSnapshot(4),
            Event(SnapshotEnd(10, 2)),
        ]
    );
    assert_eq!(bench.demand(), (vec![(10, 2)], None));
    assert_eq!(bench.answer(10, 11), Ok(()));
    assert_eq!(bench.left(), [Messages(10, 12), Event(Recovered(13))]);
}

#[test]
fn a_snapshot_may_be_ahead_of_all_lines() {
    let mut bench = Bench::with(config(OnGap::Recover));
    bench.data(A, 1, 2).data(A, 6, 6).pass(HOLD_NS);
    assert_eq!(bench.snapshot(100, 1), Ok(()));
    bench.pass(0).data(A, 98, 101);
    assert_eq!(
        bench.left()[3..],
        [
            Event(Gap(3, 3)),
            Messages(6, 6),
            Event(Gap(7, 93)),
            Event(SnapshotBegin(100, 1)),
            InSnapshot(1),
            Event(SnapshotEnd(100, 0)),
            Event(Recovered(100)),
            Messages(100, 101),
        ]
    );
    assert_eq!(bench.line(A).late, 2);
}

#[test]
fn a_snapshot_far_ahead_of_all_lines_makes_no_channel_deaf() {
    let mut bench = Bench::with(config(OnGap::Recover));
    bench.data(A, 1, 2).data(A, 6, 6).pass(HOLD_NS);
    let shown = 7;
    let sequence = shown + LEAP_MESSAGES + 1;
    assert_eq!(
        bench.snapshot(sequence, 1),
        Err(SupplyError::TooFarAhead { sequence, shown })
    );
    assert_eq!(bench.channel.counters().recovery.refused_too_far_ahead, 1);
    bench.data(B, 3, 6);
    assert!(
        bench
            .left()
            .ends_with(&[Messages(3, 6), Event(Recovered(7))])
    );
    bench.data(A, 9, 9).pass(HOLD_NS);
    assert_eq!(bench.snapshot(10 + LEAP_MESSAGES, 1), Ok(()));
}

#[test]
fn where_the_stream_flows_on_the_snapshot_is_brought_to_where_it_is() {
    let mut bench = Bench::with(config(OnGap::Continue));
    bench.data(A, 1, 2).data(A, 6, 7).pass(HOLD_NS);
    assert_eq!(
        bench.left(),
        [
            Event(SessionStart(1)),
            Messages(1, 2),
            Event(Gap(3, 3)),
            Messages(6, 7)
        ]
    );
    assert_eq!(bench.demand(), (vec![], Some(6)));
    assert_eq!(state(&bench), ChannelState::Snapshot);
    bench.data(A, 8, 10).data(B, 9, 12);
    assert_eq!(bench.left(), [Messages(8, 12)]);
    assert_eq!(bench.snapshot(9, 1_000), Ok(()));
    // It takes a while, and the lines go on.
    bench.data(A, 13, 13).data(B, 13, 13).pass(0);
    assert_eq!(
        bench.left(),
        [
            Event(SnapshotBegin(9, 1_000)),
            InSnapshot(1_004),
            Event(SnapshotEnd(13, 4)),
            Messages(13, 13),
        ]
    );
    assert_eq!(bench.demand(), (vec![], None));
    assert_eq!(state(&bench), ChannelState::Live);
    assert_eq!(bench.channel.counters().recovery.replayed, 4);
    assert_eq!(bench.snapshot(13, 1), Err(SupplyError::NoSnapshotWanted));
}

#[test]
fn a_snapshot_from_before_another_gap_is_too_old() {
    let mut bench = Bench::with(config(OnGap::Continue));
    bench.data(A, 1, 2).data(A, 6, 7).pass(HOLD_NS);
    bench.data(A, 9, 9).pass(HOLD_NS);
    assert_eq!(bench.demand(), (vec![], Some(9)));
    let (sequence, needed) = (8, 9);
    assert_eq!(
        bench.snapshot(8, 1),
        Err(SupplyError::TooOld { sequence, needed })
    );
    assert_eq!(bench.snapshot(9, 1), Ok(()));
    bench.pass(0);
    assert_eq!(
        bench.left()[5..],
        [
            Messages(9, 9),
            Event(SnapshotBegin(9, 1)),
            InSnapshot(2),
            Event(SnapshotEnd(10, 1))
        ]
    );
}

#[test]
fn a_snapshot_that_took_longer_than_can_be_retained_is_too_old() {
    let mut bench = Bench::with(ChannelConfig {
        recover_packets_max: 3,
        ..config(OnGap::Continue)
    });
    bench.data(A, 5, 5);
    for number in 6..=10 {
        bench.data(A, number, number);
    }
    let (sequence, needed) = (7, 8);
    assert_eq!(
        bench.snapshot(7, 1),
        Err(SupplyError::TooOld { sequence, needed })
    );
    assert_eq!(bench.demand(), (vec![], Some(8)));
    assert_eq!(bench.snapshot(8, 1), Ok(()));
    bench.pass(0);
    assert!(bench.left().ends_with(&[
        Event(SnapshotBegin(8, 1)),
        InSnapshot(4),
        Event(SnapshotEnd(11, 3))
    ]));
    assert_eq!(bench.channel.counters().recovery.retained_lost, 3);
}

#[test]
fn a_start_in_the_middle_of_a_session_takes_the_same_path() {
    for on_gap in [OnGap::Continue, OnGap::Recover] {
        let mut bench = Bench::with(config(on_gap));
        bench.data(A, 50, 51).data(A, 52, 52);
        assert_eq!(bench.left(), [Event(SessionStart(50)), Messages(50, 52)]);
        assert_eq!(bench.demand(), (vec![], Some(50)));
        assert_eq!(bench.snapshot(51, 10), Ok(()));
        bench.pass(0);
        assert_eq!(
            bench.left(),
            [
                Event(SnapshotBegin(51, 10)),
                InSnapshot(12),
                Event(SnapshotEnd(53, 2))
            ]
        );
    }
}

#[test]
fn a_start_at_a_sessions_first_message_wants_none() {
    let mut bench = Bench::with(config(OnGap::Continue));
    bench.data(A, 1, 2);
    assert_eq!(bench.demand(), (vec![], None));
    assert_eq!(bench.channel.next_deadline(), None);
    bench.demand.epoch = 1;
    assert_eq!(bench.snapshot(3, 1), Err(SupplyError::NoSnapshotWanted));
}

#[test]
fn a_reader_that_lost_records_has_a_snapshot_though_nothing_is_missing() {
    for on_gap in [OnGap::Continue, OnGap::Recover] {
        let mut bench = Bench::with(config(on_gap));
        assert!(!bench.refresh(), "there is no session yet");
        bench.data(A, 1, 4);
        assert!(bench.refresh());
        assert_eq!(state(&bench), ChannelState::Snapshot);
        // The stream flows on until the snapshot is there.
        bench.data(A, 5, 6).data(B, 5, 6).data(A, 7, 7);
        assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 7)]);
        assert_eq!(bench.demand(), (vec![], Some(5)));
        // Another reader's wish is the same wish.
        assert!(bench.refresh());
        assert_eq!(bench.demand(), (vec![], Some(5)));
        assert_eq!(bench.snapshot(6, 10), Ok(()));
        bench.pass(0);
        assert_eq!(
            bench.left(),
            [
                Event(SnapshotBegin(6, 10)),
                InSnapshot(12),
                Event(SnapshotEnd(8, 2))
            ]
        );
        assert_eq!(bench.demand(), (vec![], None));
        assert_eq!(state(&bench), ChannelState::Live);
        let recovery = &bench.channel.counters().recovery;
        assert_eq!((recovery.refreshes, recovery.snapshots), (1, 1));
        assert_eq!(bench.channel.counters().gaps, 0);
    }
}

#[test]
fn where_no_snapshot_can_be_had_a_reader_that_lost_records_has_none() {
    let mut bench = Bench::with(ChannelConfig {
        snapshots: false,
        ..config(OnGap::Continue)
    });
    bench.data(A, 1, 4);
    assert!(!bench.refresh());
    assert_eq!(bench.demand(), (vec![], None));
    assert_eq!(state(&bench), ChannelState::Live);
}

#[test]
fn lines_that_cannot_wait_have_the_snapshot_taken_at_once() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packets_max: 4,
        ..config(OnGap::Continue)
    });
    bench.data(A, 50, 50);
    assert_eq!(bench.snapshot(51, 20_000), Ok(()));
    for number in 51..=60 {
        bench.data(A, number, number);
    }
    assert!(bench.left().ends_with(&[
        Event(SnapshotBegin(51, 20_000)),
        InSnapshot(20_000),
        Event(SnapshotEnd(51, 0)),
        Messages(51, 60)
    ]));
}

#[test]
fn another_session_ends_the_wish_for_a_snapshot() {
    let mut bench = Bench::with(config(OnGap::Continue));
    bench.data(A, 5, 5).end(A, 6);
    bench.session = "TWO";
    bench.data(A, 1, 1);
    assert_eq!(bench.demand(), (vec![], None));
    bench.session = "ONE";
    assert_eq!(bench.snapshot(6, 1), Err(SupplyError::NoSnapshotWanted));
    assert!(
        bench
            .left()
            .ends_with(&[Event(SessionStart(1)), Messages(1, 1)])
    );
}

#[test]
fn what_comes_to_its_end_while_a_snapshot_is_taken_takes_it_whole() {
    let mut bench = Bench::with(config(OnGap::Continue));
    bench.data(A, 50, 50);
    assert_eq!(bench.snapshot(51, 5_000), Ok(()));
    bench.data(A, 51, 51).end(A, 52);
    bench.channel.finish(bench.now, &mut bench.log);
    assert!(bench.left().ends_with(&[
        Event(SnapshotBegin(51, 5_000)),
        InSnapshot(5_000),
        Event(SnapshotEnd(51, 0)),
        Messages(51, 51),
        Event(SessionEnd(52)),
    ]));
    assert_eq!(bench.line(RECOVERY).accounted(), 0);
}

#[test]
fn a_damaged_snapshot_is_none() {
    let session = Session::from_name("ONE").unwrap().id();
    let snapshot = |bytes: &'static [u8]| Snapshot::new(session, 1, bytes.into());
    assert_eq!(snapshot(b"").unwrap().count(), 0);
    assert_eq!(snapshot(b"\0\x02AB\0\0").unwrap().count(), 2);
    let damaged = |whole, left| Err(SupplyError::Damaged { whole, left });
    assert_eq!(snapshot(b"\0\x02AB\0"), damaged(1, 1));
    assert_eq!(snapshot(b"\0\x02AB\0\x09C"), damaged(1, 3));
}
