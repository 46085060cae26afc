//! Each state of the machine, one behaviour a test.

#![allow(clippy::unwrap_used)]

use super::{Defect, LineId, SESSION_RETURN_QUIET_NS};
use crate::channel::{Channel, ChannelConfig};
use crate::harness::Item::{self, Gap, Reset, SessionEnd, SessionStart};
use crate::harness::{Echo, Log, check};
use crate::moldudp64::{PacketBuilder, Session};
use crate::transport::FrameError;

const A: LineId = LineId(0);
const B: LineId = LineId(1);
const HOLD_NS: u64 = 1_000_000;
const MS: u64 = 1_000_000;

/// A channel, its output, and a clock.
struct Bench {
    channel: Channel<Echo>,
    config: ChannelConfig,
    log: Log,
    taken: usize,
    now: u64,
    session: &'static str,
}

impl Bench {
    fn new() -> Self {
        Self::with(ChannelConfig::default())
    }

    fn with(config: ChannelConfig) -> Self {
        let config = ChannelConfig {
            hold_timeout_ns: HOLD_NS,
            ..config
        };
        let channel = Channel::new(config, Echo::default());
        Self {
            channel,
            config,
            log: Log::default(),
            taken: 0,
            now: 1_700_000_000_000_000_000,
            session: "ONE",
        }
    }

    /// Lets time pass, a deadline at a time.
    fn pass(&mut self, time: u64) -> &mut Self {
        let until = self.now + time;
        while let Some(deadline) = self
            .channel
            .next_deadline()
            .filter(|deadline| *deadline <= until)
        {
            self.channel.on_time(deadline, &mut self.log);
        }
        self.now = until;
        self
    }

    fn send(&mut self, line: LineId, packet: &[u8]) -> Option<Defect> {
        self.now += 1;
        self.channel
            .on_packet(line, self.now, packet, &mut self.log)
    }

    fn builder(&self, first: u64) -> PacketBuilder {
        PacketBuilder::new(Session::from_name(self.session).unwrap(), first, 1_472)
    }

    /// A packet with the messages `first ..= last`, whose content tells their number.
    fn packet(&self, first: u64, last: u64) -> Vec<u8> {
        self.packet_of(first, last, 0)
    }

    fn packet_of(&self, first: u64, last: u64, content: u64) -> Vec<u8> {
        let mut builder = self.builder(first);
        (first..=last).for_each(|number| builder.push(&(number + content).to_be_bytes()).unwrap());
        builder.finish(<[u8]>::to_vec)
    }

    fn data(&mut self, line: LineId, first: u64, last: u64) -> &mut Self {
        let packet = self.packet(first, last);
        assert_eq!(self.send(line, &packet), None);
        self
    }

    /// Messages under the same numbers with other contents.
    fn other_data(&mut self, line: LineId, first: u64, last: u64) -> &mut Self {
        let packet = self.packet_of(first, last, 7_000_000);
        assert_eq!(self.send(line, &packet), None);
        self
    }

    fn heartbeat(&mut self, line: LineId, next: u64) -> &mut Self {
        let packet = self.builder(next).heartbeat();
        assert_eq!(self.send(line, &packet), None);
        self
    }

    fn end(&mut self, line: LineId, next: u64) -> &mut Self {
        let packet = self.builder(next).end_of_session();
        assert_eq!(self.send(line, &packet), None);
        self
    }

    /// What left since the last look; runs of messages as (first, last).
    fn left(&mut self) -> Vec<Left> {
        check(&self.channel, &self.config, &self.log);
        let mut left = Vec::new();
        for item in &self.log.items[self.taken..] {
            match (left.last_mut(), item) {
                (Some(Left::Messages(_, last)), Item::Message { sequence, .. })
                    if *last + 1 == *sequence =>
                {
                    *last = *sequence;
                }
                (_, Item::Message { sequence, .. }) => {
                    left.push(Left::Messages(*sequence, *sequence))
                }
                (_, event) => left.push(Left::Event(event.clone())),
            }
        }
        self.taken = self.log.items.len();
        left
    }

    fn line(&self, line: LineId) -> super::LineCounters {
        self.channel.counters().lines[line.index()]
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Left {
    Messages(u64, u64),
    Event(Item),
}

use Left::{Event, Messages};

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
fn a_packet_too_long_for_the_hold_gives_up_the_holes_before_it() {
    let mut bench = Bench::with(ChannelConfig {
        hold_packet_bytes_max: 25,
        ..ChannelConfig::default()
    });
    bench.data(A, 1, 1).data(A, 3, 3).data(A, 5, 9);
    let expected = [
        Event(SessionStart(1)),
        Messages(1, 1),
        Event(Gap(2, 1)),
        Messages(3, 3),
        Event(Gap(4, 1)),
        Messages(5, 9),
    ];
    assert_eq!(bench.left(), expected);
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
fn of_a_packet_that_is_cut_the_whole_messages_are_taken_and_the_other_line_has_the_rest() {
    let mut bench = Bench::new();
    bench.data(A, 1, 1);
    let mut packet = bench.packet(2, 5);
    packet.truncate(packet.len() - 12);
    let cut = Defect::Truncated {
        offset: 20,
        missing: 2,
        announced: 4,
    };
    assert_eq!(bench.send(A, &packet), Some(cut));
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 3)]);
    bench.data(B, 2, 5);
    assert_eq!(bench.left(), [Messages(4, 5)]);
    let mut ahead = bench.packet(8, 9);
    ahead.truncate(ahead.len() - 1);
    assert!(bench.send(A, &ahead).is_some());
    bench.data(B, 6, 7);
    assert_eq!(bench.left(), [Messages(6, 8)]);
    assert_eq!(
        (
            bench.line(A).truncated,
            bench.channel.counters().frame_errors.truncated
        ),
        (3, 2)
    );
}

#[test]
fn bytes_behind_the_last_message_are_counted_and_ignored() {
    let mut bench = Bench::new();
    let mut packet = bench.packet(1, 2);
    packet.extend([0; 6]);
    assert_eq!(
        bench.send(A, &packet),
        Some(Defect::TrailingBytes { bytes: 6 })
    );
    assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 2)]);
    assert_eq!(bench.line(A).trailing_bytes, 6);
}

#[test]
fn a_packet_that_is_none_is_counted_by_reason() {
    let mut bench = Bench::new();
    let short = FrameError::ShortHeader {
        length: 3,
        needed: 20,
    };
    assert_eq!(bench.send(A, b"abc"), Some(Defect::Frame(short)));
    let mut packet = bench.packet(1, 2);
    packet[10..18].fill(0xFF);
    assert!(matches!(
        bench.send(A, &packet),
        Some(Defect::Frame(FrameError::SequenceOverflow { .. }))
    ));
    assert_eq!(bench.send(LineId(2), &packet), None);
    assert_eq!(bench.send(LineId(200), &packet), None);
    let errors = bench.channel.counters().frame_errors;
    assert_eq!(
        (
            errors.short_header,
            errors.sequence_overflow,
            errors.unknown_line
        ),
        (1, 1, 2)
    );
    assert_eq!(bench.left(), []);
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

mod sessions {
    use super::*;

    #[test]
    fn a_slower_line_finishes_the_old_session_before_the_new_one_begins() {
        let mut bench = Bench::new();
        bench.data(A, 1, 2).data(B, 1, 2);
        bench.session = "TWO";
        bench.data(A, 1, 3);
        bench.session = "ONE";
        bench.data(B, 3, 4);
        assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 4)]);
        bench.pass(HOLD_NS);
        assert_eq!(bench.left(), [Event(SessionStart(1)), Messages(1, 3)]);
        bench.data(B, 5, 5);
        bench.session = "TWO";
        bench.data(B, 1, 3).data(B, 4, 4);
        assert_eq!(bench.left(), [Messages(4, 4)]);
        assert_eq!((bench.line(B).stale, bench.line(B).duplicates), (1, 5));
        assert_eq!(bench.channel.decoder().sessions_changed, 1);
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
}

mod resets {
    use super::*;

    #[test]
    fn a_heartbeat_below_its_own_line_after_silence_restarts_the_numbers() {
        let mut bench = Bench::new();
        bench
            .data(A, 1, 9)
            .data(B, 1, 9)
            .pass(1_000 * MS)
            .heartbeat(A, 1)
            .heartbeat(B, 1)
            .pass(HOLD_NS);
        assert_eq!(
            bench.left(),
            [Event(SessionStart(1)), Messages(1, 9), Event(Reset(1))]
        );
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
            .data(A, 1, 2)
            .data(A, 3, 3)
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
}
