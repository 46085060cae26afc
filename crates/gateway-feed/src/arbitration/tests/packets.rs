//! Packets that are damaged.

use super::*;

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
