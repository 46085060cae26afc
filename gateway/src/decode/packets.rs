//! Captures: packets of one or more lines, arbitrated as live.
//!
//! Packets are told apart by their session's name, because a capture does not say which lines belong together: those
//! that carry the same session do.

use std::collections::HashMap;
use std::path::Path;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::{LINES_MAX, LineId};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::{ItchConfig, ItchDecoder};
use gateway_feed::moldudp64::MoldUdp64;
use gateway_feed::session_time::SessionDate;
use gateway_feed::transport::{SessionId, Transport};

use super::raw::bad;
use super::{DecodeError, Observer, Sink, Summary};

/// Packets between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 12;
/// A file is in no hurry: a packet waits this long, in the file's time, for the one before it.
const HOLD_NS: u64 = 100_000_000;
/// The most sessions in one file.
const SESSIONS_MAX: usize = 64;

/// A session, and the groups and ports that carried it.
struct Session {
    channel: Channel<ItchDecoder>,
    lines: Vec<([u8; 4], u16)>,
    latest: u64,
}

pub(super) fn read(
    path: &Path,
    date: SessionDate,
    observer: &mut impl Observer,
    summary: &mut Summary,
) -> Result<(), DecodeError> {
    let mut sessions: HashMap<SessionId, Session> = HashMap::new();
    let mut reader = CaptureReader::open(path)?;
    let mut count: u64 = 0;
    let result = loop {
        if count.is_multiple_of(PROGRESS_EVERY) {
            observer.progress(reader.bytes_read(), reader.bytes_total().unwrap_or(0));
        }
        count += 1;
        let packet = match reader.next() {
            Ok(Some(packet)) => packet,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        let Ok(udp) = packet.udp() else {
            summary.other_packets += 1;
            continue;
        };
        let payload = udp.payload_offset..udp.payload_offset + udp.payload_len;
        let Some(payload) = packet.frame.get(payload) else {
            summary.other_packets += 1;
            continue;
        };
        summary.packets += 1;
        let session = match MoldUdp64::frame(payload) {
            Ok(frame) => frame.session,
            Err(error) => {
                summary.error(packet.offset, error.to_string());
                continue;
            }
        };
        if !sessions.contains_key(&session) {
            if sessions.len() == SESSIONS_MAX {
                let reason = format!("more than {SESSIONS_MAX} sessions; split the file");
                summary.error(packet.offset, reason);
                continue;
            }
            sessions.insert(session, Session::new(date)?);
        }
        let Some(session) = sessions.get_mut(&session) else {
            continue;
        };
        let line = session.line((udp.destination, udp.destination_port));
        let bad_before = bad(session.channel.decoder());
        session.latest = packet.timestamp_ns;
        let mut sink = Sink::new(observer, summary);
        session.channel.on_time(packet.timestamp_ns, &mut sink);
        let defect = session
            .channel
            .on_packet(line, packet.timestamp_ns, payload, &mut sink);
        let enough = sink.enough;
        if let Some(defect) = defect {
            summary.error(packet.offset, defect.to_string());
        }
        let wrong = bad(session.channel.decoder()) - bad_before;
        if wrong > 0 {
            let reason = format!("{wrong} messages of unknown type or not of their type's length");
            summary.error(packet.offset, reason);
        }
        if enough {
            break Ok(());
        }
    };
    for session in sessions.values_mut() {
        let mut sink = Sink::new(observer, summary);
        session.channel.finish(session.latest, &mut sink);
        summary.add_channel(session.channel.counters());
        summary.add_decoder(session.channel.decoder().counters());
    }
    result
}

impl Session {
    fn new(date: SessionDate) -> Result<Self, DecodeError> {
        let decoder = ItchDecoder::new(&ItchConfig {
            session_date: date,
            ..ItchConfig::default()
        })
        .map_err(|error| DecodeError::Date(error.to_string()))?;
        let config = ChannelConfig {
            publisher_id: ItchConfig::default().publisher_id,
            lines: LINES_MAX,
            hold_timeout_ns: HOLD_NS,
            ..ChannelConfig::default()
        };
        Ok(Self {
            channel: Channel::new(config, decoder),
            lines: Vec::new(),
            latest: 0,
        })
    }

    /// The line of an address; beyond the fourth, addresses share lines, which changes no message.
    fn line(&mut self, address: ([u8; 4], u16)) -> LineId {
        let index = self.lines.iter().position(|known| *known == address);
        let index = index.unwrap_or_else(|| {
            if self.lines.len() == LINES_MAX {
                return LINES_MAX - 1;
            }
            self.lines.push(address);
            self.lines.len() - 1
        });
        LineId(u8::try_from(index).unwrap_or_default())
    }
}
