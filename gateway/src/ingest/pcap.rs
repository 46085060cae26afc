//! Capture files as a source of packets: for rehearsals, tests and incident analysis.

use std::path::{Path, PathBuf};
use std::time::Instant;

use gateway_capture::{CaptureReader, FileSource};
use gateway_wire::{Reject, UdpPacket};

use super::steer::Steering;
use super::{
    BATCH, Datagram, Ingest, IngestCounters, IngestError, Stamps, Stream, Tier, UdpChecksum,
};

/// How fast a capture is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the worker takes packets.
    AsFastAsPossible,
    /// With the capture's own gaps between packets, starting with the first poll.
    Capture,
}

/// A provider over one capture file: pcap or pcapng, plain or gzip.
#[derive(Debug)]
pub struct PcapIngest {
    path: PathBuf,
    reader: CaptureReader<FileSource>,
    steering: Steering,
    pace: Pace,
    /// When the first packet was handed out, and its capture time.
    started: Option<(Instant, u64)>,
    /// A packet that was read but is not due yet.
    held: Option<Held>,
    held_frame: Vec<u8>,
    finished: bool,
    counters: IngestCounters,
}

/// What is known of a packet beside its bytes.
#[derive(Debug, Clone, Copy)]
struct Held {
    timestamp_ns: u64,
    parsed: Result<UdpPacket, Reject>,
}

impl PcapIngest {
    /// Opens a capture file. Packets that are in none of `streams` are counted and skipped.
    ///
    /// # Errors
    ///
    /// [`IngestError::Capture`]: not there, not readable, or not a capture.
    pub fn open(
        path: &Path,
        streams: &[Stream],
        pace: Pace,
        udp_checksum: UdpChecksum,
    ) -> Result<Self, IngestError> {
        let reader = CaptureReader::open(path).map_err(|cause| unreadable(path, &cause))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            steering: Steering::new(streams, udp_checksum),
            pace,
            started: None,
            held: None,
            held_frame: Vec::with_capacity(1 << 16),
            finished: false,
            counters: IngestCounters::default(),
        })
    }

    /// Bytes of the file read so far, and its size where it is known.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.reader.bytes_read(), self.reader.bytes_total())
    }

    /// Whether a packet of this capture time is due. The first one is, and starts the clock; so is one whose time goes
    /// backwards.
    fn due(started: &mut Option<(Instant, u64)>, pace: Pace, timestamp_ns: u64) -> bool {
        if pace == Pace::AsFastAsPossible {
            return true;
        }
        let (start, first_ns) = started.get_or_insert_with(|| (Instant::now(), timestamp_ns));
        start.elapsed().as_nanos() >= u128::from(timestamp_ns.saturating_sub(*first_ns))
    }

    /// The packet that was held back, once it is due. True while there is one that is not.
    fn release_held<V: FnMut(Datagram<'_>)>(&mut self, visit: &mut V, handed: &mut usize) -> bool {
        let Some(held) = self.held else { return false };
        if !Self::due(&mut self.started, self.pace, held.timestamp_ns) {
            return true;
        }
        self.held = None;
        let taken = hand_out(
            &self.steering,
            &mut self.counters,
            held,
            &self.held_frame,
            visit,
        );
        *handed += usize::from(taken);
        false
    }
}

impl Ingest for PcapIngest {
    fn poll<V: FnMut(Datagram<'_>)>(&mut self, visit: &mut V) -> Result<usize, IngestError> {
        let mut handed = 0;
        if self.finished || self.release_held(visit, &mut handed) {
            self.counters.empty_polls += 1;
            return Ok(0);
        }
        // Bounded by packets read, not handed out: a file full of foreign packets must not hold the worker.
        for _ in 0..BATCH - handed {
            let packet = match self.reader.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    self.finished = true;
                    break;
                }
                Err(cause) => {
                    self.finished = true;
                    return Err(unreadable(&self.path, &cause));
                }
            };
            let read = Held {
                timestamp_ns: packet.timestamp_ns,
                parsed: packet.udp(),
            };
            let frame = packet.frame;
            if !Self::due(&mut self.started, self.pace, read.timestamp_ns) {
                self.held_frame.clear();
                self.held_frame.extend_from_slice(frame);
                self.held = Some(read);
                break;
            }
            let taken = hand_out(&self.steering, &mut self.counters, read, frame, visit);
            handed += usize::from(taken);
        }
        Ok(handed)
    }

    fn counters(&self) -> &IngestCounters {
        &self.counters
    }

    fn tier(&self) -> Tier {
        Tier::Capture
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

fn hand_out<V: FnMut(Datagram<'_>)>(
    steering: &Steering,
    counters: &mut IngestCounters,
    held: Held,
    frame: &[u8],
    visit: &mut V,
) -> bool {
    let Some(steered) = steering.steer(frame, held.parsed, counters) else {
        return false;
    };
    visit(Datagram {
        stream: steered.stream,
        source: steered.source,
        payload: steered.payload,
        stamps: Stamps {
            capture_ns: Some(held.timestamp_ns),
            ..Stamps::default()
        },
    });
    true
}

fn unreadable(path: &Path, cause: &gateway_capture::CaptureError) -> IngestError {
    IngestError::Capture {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use gateway_capture::{LinkType, PcapWriter};
    use gateway_wire::build::UdpFrame;
    use std::io::Write;
    use std::time::Duration;

    fn capture(times_ns: &[u64], port: u16) -> tempfile::NamedTempFile {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
        for (number, &time) in (0_u8..).zip(times_ns) {
            let payload = [number];
            let frame = UdpFrame {
                destination_port: port,
                payload: &payload,
                ..UdpFrame::default()
            };
            let mut bytes = vec![0; frame.len()];
            frame.write(&mut bytes).unwrap();
            writer.write(time, &bytes).unwrap();
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&writer.finish().unwrap()).unwrap();
        file
    }

    fn streams() -> Vec<Stream> {
        vec![Stream {
            group: [239, 0, 0, 1].into(),
            port: 30001,
            sources: vec![],
        }]
    }

    #[test]
    fn plays_every_packet_once_and_then_is_finished() {
        let times: Vec<u64> = (0..200).map(|n| 1_000_000_000 + n).collect();
        let file = capture(&times, 30001);
        let mut ingest = PcapIngest::open(
            file.path(),
            &streams(),
            Pace::AsFastAsPossible,
            UdpChecksum::Drop,
        )
        .unwrap();
        let mut seen = Vec::new();
        while !ingest.finished() {
            let handed = ingest
                .poll(&mut |d| seen.push((d.payload[0], d.stamps.capture_ns.unwrap())))
                .unwrap();
            assert!(handed <= BATCH);
        }
        let expected: Vec<_> = (0_u8..200).zip(times).collect();
        assert_eq!(seen, expected);
        assert_eq!(ingest.counters().packets, 200);
    }

    #[test]
    fn foreign_packets_are_counted_and_skipped() {
        let file = capture(&[1, 2, 3], 9);
        let mut ingest = PcapIngest::open(
            file.path(),
            &streams(),
            Pace::AsFastAsPossible,
            UdpChecksum::Count,
        )
        .unwrap();
        while !ingest.finished() {
            ingest.poll(&mut |_| panic!("not ours")).unwrap();
        }
        assert_eq!(ingest.counters().unknown_stream, 3);
    }

    #[test]
    fn paced_by_capture_a_packet_waits_for_its_time() {
        let file = capture(&[5_000_000_000, 5_000_000_000, 5_060_000_000], 30001);
        let mut ingest =
            PcapIngest::open(file.path(), &streams(), Pace::Capture, UdpChecksum::Count).unwrap();
        let mut seen = 0;
        let start = Instant::now();
        assert_eq!(ingest.poll(&mut |_| seen += 1).unwrap(), 2);
        assert_eq!(
            ingest.poll(&mut |_| ()).unwrap(),
            0,
            "the third is 60 ms away"
        );
        while !ingest.finished() {
            ingest.poll(&mut |_| seen += 1).unwrap();
        }
        assert_eq!(seen, 3);
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn a_cut_file_is_an_error_after_its_whole_packets() {
        let file = capture(&[1, 2, 3], 30001);
        let bytes = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &bytes[..bytes.len() - 5]).unwrap();
        let mut ingest = PcapIngest::open(
            file.path(),
            &streams(),
            Pace::AsFastAsPossible,
            UdpChecksum::Count,
        )
        .unwrap();
        let mut seen = 0;
        let error = ingest.poll(&mut |_| seen += 1).unwrap_err();
        assert_eq!(
            (seen, error.kind()),
            (2, crate::ingest::ErrorKind::InputUnreadable)
        );
        assert!(ingest.finished());
    }

    #[test]
    fn a_file_that_is_missing_or_no_capture_is_refused_with_its_name() {
        for contents in [None, Some("no capture")] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.pcap");
            if let Some(contents) = contents {
                std::fs::write(&path, contents).unwrap();
            }
            let error = PcapIngest::open(
                &path,
                &streams(),
                Pace::AsFastAsPossible,
                UdpChecksum::Count,
            )
            .unwrap_err();
            assert_eq!(error.kind(), crate::ingest::ErrorKind::InputUnreadable);
            assert!(error.to_string().contains("x.pcap"));
        }
    }
}
