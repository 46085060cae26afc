//! Arbitrary bytes as input: what a fuzzer drives.

use super::{Echo, Log, check};
use crate::arbitration::LineId;
use crate::channel::{Channel, ChannelConfig};
use crate::moldudp64::{HEADER_BYTES, MoldUdp64, Packet, PacketBuilder, PacketKind, Request};
use crate::transport::Transport;

/// Reads `packet` as MoldUDP64 and checks the walk: messages lie one behind the other within the packet, what is not
/// whole is told with its offset, and what is whole encodes to the same bytes again. So does what is a request.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn moldudp64(packet: &[u8]) {
    if let Ok(request) = Request::parse(packet) {
        assert_eq!(request.encode(), packet);
        assert!(request.sequence > 0 && request.count > 0);
    }
    let Ok(parsed) = Packet::parse(packet) else {
        assert!(packet.len() < HEADER_BYTES);
        return;
    };
    let announced = match parsed.kind {
        PacketKind::Data { count } => u32::from(count),
        PacketKind::Heartbeat | PacketKind::EndOfSession => 0,
    };
    let mut builder = PacketBuilder::new(parsed.session, parsed.sequence, packet.len());
    let mut messages = parsed.messages();
    let mut offset = 0;
    for message in messages.by_ref() {
        assert_eq!(message.offset, offset);
        offset += 2 + message.bytes.len();
        assert!(
            builder.push(message.bytes).is_ok(),
            "what was read does not fit where it was"
        );
    }
    let walked = messages.walked();
    assert_eq!(u32::from(builder.count()), walked.whole);
    assert_eq!(walked.whole < announced, walked.cut_at.is_some());
    assert_eq!(walked.cut_at.unwrap_or(offset), offset);
    if walked.cut_at.is_none() {
        assert_eq!(offset + walked.trailing_bytes, parsed.body.len());
    }
    if walked.whole == announced && parsed.kind != PacketKind::EndOfSession {
        builder.finish(|built| assert_eq!(built, &packet[..HEADER_BYTES + offset]));
    }
    if let Ok(frame) = MoldUdp64::frame(packet) {
        for skip in [0, 1, announced] {
            let mut sequences = 0;
            assert_eq!(MoldUdp64::walk(&frame, skip, |_, _| sequences += 1), walked);
            assert_eq!(sequences, walked.whole.saturating_sub(skip));
        }
    }
}

/// Drives a channel by `script` and checks it throughout.
///
/// Three bytes choose the hold's bounds; then four bytes make a step: which line, how much time passes, which session,
/// what packet and where in the sequence. The numbers come from a few bases, so that streams, copies, holes, restarts,
/// other sessions and the ends of the number range all come about. Some packets are cut, padded or damaged.
pub fn channel(script: &[u8]) {
    let [timeout, packets, bytes, steps @ ..] = script else {
        return;
    };
    let config = ChannelConfig {
        lines: 3,
        hold_timeout_ns: u64::from(*timeout) * 4_000,
        hold_packets_max: usize::from(*packets % 9),
        hold_bytes_max: usize::from(*bytes % 16) * 128,
        expect_first_sequence: (*bytes >= 128).then_some(1),
        ..ChannelConfig::default()
    };
    let mut channel = Channel::<Echo>::new(config, Echo::default());
    let mut log = Log::default();
    let mut now = 1_700_000_000_000_000_000;
    let mut bases = [1_u64, 1, 1_000, u64::MAX - 20];
    let mut packet = Vec::new();
    for step in steps.chunks_exact(4) {
        let &[route, time, place, shape] = step else {
            break;
        };
        let line = LineId(route & 3);
        now = match time {
            255 => now - 1_000_000_u64,
            250..255 => now + 4_000_000_000,
            time => now + u64::from(time) * 1_000,
        };
        let base = &mut bases[usize::from(place >> 6)];
        let distance = u64::from(place & 15);
        let first = match (place >> 4) & 3 {
            0 => *base,
            1 => base.wrapping_add(distance),
            2 => base.wrapping_sub(distance),
            _ => distance,
        };
        let count = u16::from(shape & 7);
        write_packet(&mut packet, (route >> 2) & 3, first, count, shape >> 3);
        if (place >> 4) & 3 == 0 && shape >> 3 < 24 {
            *base = base.saturating_add(u64::from(count));
        }
        let _ = channel.on_packet(line, now, &packet, &mut log);
        if route & 128 != 0 {
            channel.on_time(now, &mut log);
        }
    }
    check(&channel, &config, &log);
    channel.finish(now, &mut log);
    check(&channel, &config, &log);
    assert_eq!(
        channel.counters().holding,
        0,
        "something stays after the end"
    );
}

/// A packet of session `session` with `count` messages; `variant` 0..24 is well-formed, the rest has a defect.
fn write_packet(packet: &mut Vec<u8>, session: u8, first: u64, count: u16, variant: u8) {
    let announced = if variant == 24 { 0xFFFF } else { count };
    packet.clear();
    packet.extend_from_slice(b"SESSION  ");
    packet.push(b'0' + session);
    packet.extend_from_slice(&first.to_be_bytes());
    packet.extend_from_slice(&announced.to_be_bytes());
    for index in 0..count {
        let length = u16::from(variant % 12);
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend((0..length).map(|byte| (first as u8).wrapping_add((index + byte) as u8)));
    }
    match variant {
        25 => packet.truncate(packet.len().saturating_sub(3)),
        26 => packet.truncate(12),
        27 => packet.extend_from_slice(&[0; 7]),
        28 => packet[18..20].copy_from_slice(&0xFFFE_u16.to_be_bytes()),
        29 => packet.truncate(20),
        _ => {}
    }
}
