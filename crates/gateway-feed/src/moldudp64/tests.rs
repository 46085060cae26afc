//! Framing by the specification's cases.

#![allow(clippy::unwrap_used)]

use super::encode::BuildError;
use super::request::RequestError;
use super::*;

const SESSION: Session = Session(*b"20191230A ");

#[test]
fn a_packet_has_the_layout_of_the_specification() {
    let mut builder = PacketBuilder::new(SESSION, 0x0102_0304_0506_0708, 100);
    builder.push(b"abc").unwrap();
    builder.push(b"").unwrap();
    let bytes = builder.finish(<[u8]>::to_vec);
    assert_eq!(
        bytes,
        b"20191230A \x01\x02\x03\x04\x05\x06\x07\x08\x00\x02\x00\x03abc\x00\x00"
    );
    assert_eq!(builder.next_sequence(), 0x0102_0304_0506_070A);
}

#[test]
fn messages_come_with_their_offsets_and_an_empty_one_is_one() {
    let packet =
        Packet::parse(b"20191230A \0\0\0\0\0\0\0\x07\x00\x02\x00\x03abc\x00\x00rest").unwrap();
    assert_eq!((packet.session, packet.sequence), (SESSION, 7));
    let mut messages = packet.messages();
    assert_eq!(
        messages.next(),
        Some(Message {
            offset: 0,
            bytes: b"abc"
        })
    );
    assert_eq!(
        messages.next(),
        Some(Message {
            offset: 5,
            bytes: b""
        })
    );
    assert_eq!(messages.next(), None);
    assert_eq!(
        messages.walked(),
        Walked {
            whole: 2,
            trailing_bytes: 4,
            cut_at: None
        }
    );
    assert_eq!(messages.offset(), 7);
}

#[test]
fn counts_of_zero_and_ffff_are_no_messages() {
    let builder = PacketBuilder::new(SESSION, 9, 100);
    let (heartbeat, end) = (builder.heartbeat(), builder.end_of_session());
    assert_eq!(
        Packet::parse(&heartbeat).unwrap().kind,
        PacketKind::Heartbeat
    );
    assert_eq!(Packet::parse(&end).unwrap().kind, PacketKind::EndOfSession);
    for (packet, kind) in [
        (heartbeat, FrameKind::Heartbeat),
        (end, FrameKind::EndOfSession),
    ] {
        let frame = MoldUdp64::frame(&packet).unwrap();
        assert_eq!((frame.kind, frame.first, frame.count), (kind, 9, 0));
        assert_eq!(Packet::parse(&packet).unwrap().messages().next(), None);
    }
}

#[test]
fn a_cut_packet_gives_its_whole_messages_and_where_it_is_cut() {
    let mut builder = PacketBuilder::new(SESSION, 1, 100);
    [&b"one"[..], b"two", b"three"]
        .iter()
        .for_each(|message| builder.push(message).unwrap());
    let bytes = builder.finish(<[u8]>::to_vec);
    for (length, whole, cut_at) in [
        (36, 2, Some(10)),
        (31, 2, Some(10)),
        (30, 2, Some(10)),
        (29, 1, Some(5)),
        (20, 0, Some(0)),
    ] {
        let frame = MoldUdp64::frame(&bytes[..length]).unwrap();
        let mut seen = Vec::new();
        let walked = MoldUdp64::walk(&frame, 0, |sequence, _| seen.push(sequence));
        assert_eq!(
            (walked.whole, walked.cut_at, walked.trailing_bytes),
            (whole, cut_at, 0),
            "{length}"
        );
        assert_eq!(seen, (1..=u64::from(whole)).collect::<Vec<_>>());
    }
    for length in 0..HEADER_BYTES {
        let error = MoldUdp64::frame(&bytes[..length]).unwrap_err();
        assert_eq!(
            error,
            FrameError::ShortHeader {
                length,
                needed: HEADER_BYTES
            }
        );
    }
}

#[test]
fn a_walk_can_begin_behind_what_was_delivered() {
    let mut builder = PacketBuilder::new(SESSION, 10, 100);
    (0..5_u8).for_each(|message| builder.push(&[message]).unwrap());
    let bytes = builder.finish(<[u8]>::to_vec);
    let frame = MoldUdp64::frame(&bytes).unwrap();
    let mut seen = Vec::new();
    MoldUdp64::walk(&frame, 3, |sequence, message| {
        seen.push((sequence, message[0]))
    });
    assert_eq!(seen, [(13, 3), (14, 4)]);
}

#[test]
fn numbers_that_pass_the_last_one_are_refused() {
    let mut packet = *b"20191230A \xff\xff\xff\xff\xff\xff\xff\xfe\x00\x01";
    assert_eq!(MoldUdp64::frame(&packet).unwrap().end(), u64::MAX);
    packet[19] = 2;
    let error = MoldUdp64::frame(&packet).unwrap_err();
    assert_eq!(
        error,
        FrameError::SequenceOverflow {
            first: u64::MAX - 1,
            count: 2
        }
    );
}

#[test]
fn the_builder_keeps_within_its_limits() {
    let mut builder = PacketBuilder::new(SESSION, 1, 30);
    assert_eq!(
        builder.push(&[0; 9]),
        Err(BuildError::TooLong {
            length: 9,
            limit: 30
        })
    );
    builder.push(&[0; 5]).unwrap();
    assert_eq!(
        builder.push(&[0; 5]),
        Err(BuildError::Full {
            length: 5,
            free: 3,
            limit: 30
        })
    );
    assert_eq!((builder.count(), builder.next_sequence()), (1, 2));
    builder.finish(|packet| assert_eq!(packet.len(), 27));
    let mut many = PacketBuilder::new(SESSION, 1, 1 << 20);
    (0..MESSAGE_COUNT_MAX).for_each(|_| many.push(b"").unwrap());
    assert_eq!(many.push(b""), Err(BuildError::TooMany));
}

#[test]
fn a_session_name_is_padded_with_spaces() {
    assert_eq!(Session::from_name("20191230A"), Some(SESSION));
    assert_eq!(Session::from_name("12345678901"), None);
    assert_eq!(SESSION.id().to_string(), "20191230A ");
    assert_eq!(SESSION.id().head(), *b"20191230");
}

#[test]
fn a_request_is_its_bytes() {
    let request = Request {
        session: SESSION,
        sequence: 0x0102_0304_0506_0708,
        count: 0x0203,
    };
    let bytes = *b"20191230A \x01\x02\x03\x04\x05\x06\x07\x08\x02\x03";
    assert_eq!(request.encode(), bytes);
    assert_eq!(Request::parse(&bytes), Ok(request));
    assert_eq!(Request::parse(&bytes[1..]), Err(RequestError::Length(19)));
    assert_eq!(Request::parse(&[0; 21]), Err(RequestError::Length(21)));
}

#[test]
fn a_request_for_what_no_packet_can_hold_is_refused() {
    let parse = |sequence, count| {
        Request::parse(
            &Request {
                session: SESSION,
                sequence,
                count,
            }
            .encode(),
        )
    };
    assert_eq!(parse(1, 0), Err(RequestError::Count(0)));
    assert_eq!(parse(1, 0xFFFF), Err(RequestError::Count(0xFFFF)));
    assert_eq!(
        parse(0, 1),
        Err(RequestError::Sequence {
            sequence: 0,
            count: 1
        })
    );
    assert!(parse(u64::MAX, 1).is_ok());
    assert!(parse(u64::MAX - 9, 10).is_ok());
    assert_eq!(
        parse(u64::MAX - 9, 11),
        Err(RequestError::Sequence {
            sequence: u64::MAX - 9,
            count: 11
        })
    );
}
