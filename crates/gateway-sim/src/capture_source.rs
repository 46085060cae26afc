//! The messages of a MoldUDP64 session out of a capture, lines merged.

use std::collections::BTreeMap;
use std::io::Read;

use gateway_capture::{CaptureError, CaptureReader};
use gateway_feed::moldudp64::{Packet, PacketKind, Session};
use serde::Serialize;

use crate::ranges::Ranges;
use crate::source::{Source, SourceMessage};

/// How many messages may wait for an earlier one before it counts as missing: far more than lines are apart.
const WINDOW_MESSAGES: usize = 16_384;
/// How many messages are read before the first is given: it may not be the first in the file.
const START_MESSAGES: usize = 1_024;

/// What was found in a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaptureCounts {
    /// Frames read.
    pub frames: u64,
    /// Frames without a UDP datagram over IPv4.
    pub not_udp: u64,
    /// Datagrams that are no whole MoldUDP64 packet.
    pub not_moldudp64: u64,
    /// Packets of another session than the first one seen; they are left out.
    pub other_session: u64,
    /// Heartbeats and end-of-session packets; the publisher makes its own.
    pub heartbeats: u64,
    /// Messages that came once more: the other line, or a duplicate.
    pub duplicates: u64,
    /// Messages that no line had; their sequence numbers are left out when publishing.
    pub missing: Ranges,
}

/// Merges the lines of the first MoldUDP64 session in a capture by sequence number.
#[derive(Debug)]
pub struct CaptureSource<R> {
    reader: CaptureReader<R>,
    session: Option<Session>,
    pending: BTreeMap<u64, (u64, Vec<u8>)>,
    /// The sequence number to give next, once the first is known.
    next: Option<u64>,
    /// Why reading ended early; told when what was read is given.
    error: Option<CaptureError>,
    ended: bool,
    time_ns: u64,
    current: Vec<u8>,
    counts: CaptureCounts,
}

impl<R: Read> CaptureSource<R> {
    /// Reads on from where `reader` stands. A damaged file shows in [`Source::next`] only.
    #[must_use]
    pub fn new(reader: CaptureReader<R>) -> Self {
        let mut source = Self {
            reader,
            session: None,
            pending: BTreeMap::new(),
            next: None,
            error: None,
            ended: false,
            time_ns: 0,
            current: Vec::new(),
            counts: CaptureCounts::default(),
        };
        while source.pending.len() < START_MESSAGES && !source.ended {
            source.read();
        }
        source.next = source.pending.first_key_value().map(|(first, _)| *first);
        source
    }

    /// The session that is replayed, and its first sequence number; `None` where the capture holds no MoldUDP64 data.
    #[must_use]
    pub fn session(&self) -> Option<(Session, u64)> {
        self.session.zip(self.next)
    }

    /// What was found so far.
    #[must_use]
    pub fn counts(&self) -> &CaptureCounts {
        &self.counts
    }

    /// Reads one frame.
    fn read(&mut self) {
        let captured = match self.reader.next() {
            Ok(Some(captured)) => captured,
            Ok(None) => {
                self.ended = true;
                return;
            }
            Err(error) => {
                self.ended = true;
                self.error = Some(error);
                return;
            }
        };
        self.counts.frames += 1;
        let Some(payload) = captured
            .udp()
            .ok()
            .and_then(|udp| udp.payload(captured.frame))
        else {
            self.counts.not_udp += 1;
            return;
        };
        let Ok(packet) = Packet::parse(payload) else {
            self.counts.not_moldudp64 += 1;
            return;
        };
        let PacketKind::Data { count } = packet.kind else {
            // Without a body: another protocol's header may well look like one of these.
            let found = if packet.body.is_empty() {
                &mut self.counts.heartbeats
            } else {
                &mut self.counts.not_moldudp64
            };
            *found += 1;
            return;
        };
        // To the last byte: another protocol's packets must not pass for MoldUDP64.
        let mut walk = packet.messages();
        let found = walk.by_ref().count();
        if found != usize::from(count) || walk.walked().trailing_bytes != 0 {
            self.counts.not_moldudp64 += 1;
            return;
        }
        if *self.session.get_or_insert(packet.session) != packet.session {
            self.counts.other_session += 1;
            return;
        }
        for (sequence, message) in (packet.sequence..=u64::MAX).zip(packet.messages()) {
            if self.next.is_some_and(|next| sequence < next) || self.pending.contains_key(&sequence)
            {
                self.counts.duplicates += 1;
            } else {
                self.pending
                    .insert(sequence, (captured.timestamp_ns, message.bytes.to_vec()));
            }
        }
    }
}

impl<R: Read> Source for CaptureSource<R> {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        loop {
            let first = self.pending.first_key_value().map(|(first, _)| *first);
            let in_order = first.is_some() && first == self.next;
            if !in_order && !self.ended && self.pending.len() < WINDOW_MESSAGES {
                self.read();
                continue;
            }
            let Some((sequence, (time_ns, bytes))) = self.pending.pop_first() else {
                return self.error.take().map_or(Ok(None), Err);
            };
            let missing = sequence - self.next.unwrap_or(sequence);
            self.counts.missing.add(sequence - missing, missing);
            self.next = Some(sequence.saturating_add(1));
            self.time_ns = self.time_ns.max(time_ns);
            self.current = bytes;
            return Ok(Some(SourceMessage {
                time_ns: self.time_ns,
                missing,
                bytes: &self.current,
            }));
        }
    }
}
