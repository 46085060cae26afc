//! Lines that fall silent.

use super::*;
use crate::harness::Item::{Live, Stale};

#[test]
fn a_line_is_stale_once_and_the_channel_when_all_are() {
    let mut bench = Bench::with(ChannelConfig {
        stale_after_ns: 3_000 * MS,
        ..ChannelConfig::default()
    });
    let watch = |bench: &mut Bench, time: u64| {
        bench.now += time;
        bench.channel.watch(bench.now, &mut bench.log);
        bench.left()
    };
    assert_eq!(watch(&mut bench, 9_000 * MS), []);
    bench.data(A, 1, 1).data(B, 1, 1);
    bench.left();
    bench.now += 2_000 * MS;
    bench.heartbeat(A, 2);
    assert_eq!(watch(&mut bench, 2_000 * MS), []);
    assert_eq!(watch(&mut bench, 100 * MS), []);
    assert_eq!((bench.line(A).silences, bench.line(B).silences), (0, 1));
    assert_eq!(bench.line(B).silent, 1);
    assert_eq!(watch(&mut bench, 2_000 * MS), [Event(Stale(2))]);
    assert_eq!(watch(&mut bench, 2_000 * MS), []);
    let counters = bench.channel.counters().recovery;
    assert_eq!((counters.stales, counters.state), (1, 4));
    bench.data(B, 2, 2);
    assert_eq!(watch(&mut bench, 0), [Messages(2, 2), Event(Live(3))]);
    assert_eq!((bench.line(A).silent, bench.line(B).silent), (1, 0));
    assert_eq!(bench.channel.counters().recovery.state, 0);
}

#[test]
fn silence_behind_a_sessions_end_is_expected() {
    let mut bench = Bench::with(ChannelConfig {
        stale_after_ns: 3_000 * MS,
        ..ChannelConfig::default()
    });
    bench.data(A, 1, 1).end(A, 2).left();
    bench.pass(60_000 * MS);
    assert!(!bench.channel.watch(bench.now, &mut bench.log));
    assert_eq!(bench.left(), []);
    assert_eq!(bench.line(A).silences, 0);
    // What begins anew may fall silent.
    bench.session = "TWO";
    bench.data(A, 1, 1).pass(HOLD_NS).left();
    bench.pass(4_000 * MS);
    assert!(bench.channel.watch(bench.now, &mut bench.log));
    assert_eq!(bench.left(), [Event(Stale(2))]);
}

#[test]
fn a_channel_that_was_heard_on_answer_lines_only_is_not_stale() {
    let mut bench = Bench::with(ChannelConfig {
        lines: 2,
        answer_lines: 1,
        stale_after_ns: 3_000 * MS,
        ..ChannelConfig::default()
    });
    bench.data(B, 1, 1).pass(9_000 * MS);
    assert!(!bench.channel.watch(bench.now, &mut bench.log));
    assert_eq!(bench.left(), []);
    bench.data(A, 2, 2).left();
    bench.pass(4_000 * MS);
    assert!(bench.channel.watch(bench.now, &mut bench.log));
    assert_eq!(bench.left(), [Event(Stale(3))]);
}
