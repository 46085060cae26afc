//! Captured frames back onto a wire, byte for byte: VLAN tags, options and wrong checksums as they were.

use std::io::Read;

use gateway_capture::{CaptureReader, LinkType};
use serde::Serialize;

use crate::SimError;
use crate::clock::{Clock, Pace};
use crate::transmit::{BATCH_MAX, PacketSocket};

/// What was injected.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InjectReport {
    /// Frames in the capture.
    pub frames: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Bytes sent, Ethernet headers included.
    pub bytes_sent: u64,
    /// Frames left out because they go to no multicast group.
    pub not_multicast: u64,
    /// Frames left out because the capture has no Ethernet header of them.
    pub not_ethernet: u64,
    /// Frames left out because the capture holds only their start.
    pub cut: u64,
    /// Frames left out because they exceed the interface's MTU.
    pub too_long: u64,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// Whether the end was not reached: a signal came, or an error.
    pub interrupted: bool,
}

/// Sends the frames of `reader` over `socket`; [`Pace::Rate`] counts frames.
///
/// Frames that go to no multicast group are left out unless `allow_unicast`. The report is complete also where an error
/// ended it.
pub fn inject<R: Read>(
    reader: &mut CaptureReader<R>,
    socket: &mut PacketSocket,
    pace: Pace,
    allow_unicast: bool,
    clock: &mut impl Clock,
) -> (InjectReport, Option<SimError>) {
    let mut report = InjectReport::default();
    let start_ns = clock.now_ns();
    let error = run(reader, socket, pace, allow_unicast, clock, &mut report).err();
    report.elapsed_s = (clock.now_ns() - start_ns) as f64 / 1e9;
    report.interrupted |= error.is_some();
    (report, error)
}

fn run<R: Read>(
    reader: &mut CaptureReader<R>,
    socket: &mut PacketSocket,
    pace: Pace,
    allow_unicast: bool,
    clock: &mut impl Clock,
    report: &mut InjectReport,
) -> Result<(), SimError> {
    let start_ns = clock.now_ns();
    let mut first_ns = None;
    let mut batch: Vec<Vec<u8>> = Vec::with_capacity(BATCH_MAX);
    loop {
        // An unreadable place ends the replay, but not before the frames that were read have left.
        let packet = match reader.next() {
            Ok(Some(packet)) => packet,
            Ok(None) => return send(socket, &mut batch, report),
            Err(error) => return send(socket, &mut batch, report).and(Err(error.into())),
        };
        report.frames += 1;
        if packet.link != LinkType::Ethernet {
            report.not_ethernet += 1;
            continue;
        }
        if (packet.frame.len() as u64) < u64::from(packet.original_len) {
            report.cut += 1;
            continue;
        }
        if !allow_unicast && !is_multicast(packet.frame) {
            report.not_multicast += 1;
            continue;
        }
        let elapsed_ns = packet
            .timestamp_ns
            .saturating_sub(*first_ns.get_or_insert(packet.timestamp_ns));
        let due_ns = start_ns + pace.due_ns(report.frames_sent + batch.len() as u64, elapsed_ns);
        if due_ns > clock.now_ns() {
            send(socket, &mut batch, report)?;
        }
        while due_ns > clock.now_ns() && !clock.stopped() {
            clock.wait(due_ns);
        }
        if clock.stopped() {
            report.interrupted = true;
            return send(socket, &mut batch, report);
        }
        batch.push(packet.frame.to_vec());
        if batch.len() == BATCH_MAX {
            send(socket, &mut batch, report)?;
        }
    }
}

/// Sends and empties `batch`.
fn send(
    socket: &mut PacketSocket,
    batch: &mut Vec<Vec<u8>>,
    report: &mut InjectReport,
) -> Result<(), SimError> {
    let mut rest = batch.as_slice();
    while !rest.is_empty() {
        let (sent, result) = socket.send(rest.iter().map(Vec::as_slice));
        let (done, left) = rest.split_at(sent);
        report.frames_sent += sent as u64;
        report.bytes_sent += done.iter().map(|frame| frame.len() as u64).sum::<u64>();
        rest = left;
        match result {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                report.too_long += 1;
                rest = &rest[1..];
            }
            Err(source) => {
                return Err(SimError::Send {
                    line: "raw".to_owned(),
                    source,
                });
            }
        }
    }
    batch.clear();
    Ok(())
}

/// Whether a frame goes to an IPv4 multicast group, by its Ethernet address (RFC 1112, 6.4).
fn is_multicast(frame: &[u8]) -> bool {
    frame.starts_with(&[0x01, 0x00, 0x5e])
}
