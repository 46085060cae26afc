//! Captures: packets of one or more lines, arbitrated as live.
//!
//! Packets are told apart by their session's name, because a capture does not say which lines belong together: those
//! that carry the same session do. Where a session's name does not tell channels apart, each group and port is a channel of
//! its own.

use std::collections::HashMap;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::{LINES_MAX, LineId};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::transport::{SessionId, Transport};

use super::raw::bad;
use super::{DecodeError, Observer, Place, Request, SessionNumbers, Sink, Summary};

/// Packets between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 12;
/// A file is in no hurry: a packet waits this long, in the file's time, for the one before it.
const HOLD_NS: u64 = 100_000_000;
/// The most sessions in one file.
const SESSIONS_MAX: usize = 64;
/// The most where each has an index of orders, whose memory it takes as it begins.
const SESSIONS_WITH_ORDERS_MAX: usize = 8;

/// A session, and the groups and ports that carried it.
struct Session<D, T> {
    channel: Channel<D, T>,
    lines: Vec<([u8; 4], u16)>,
    latest: u64,
    place: Place,
}

/// Reads the packets of transport `T`; `decoder` makes what decodes a session.
pub(super) fn read<D: Decoder, T: Transport>(
    request: &Request<'_>,
    decoder: impl Fn() -> Result<D, DecodeError>,
    observer: &mut impl Observer,
    summary: &mut Summary,
) -> Result<(), DecodeError> {
    type Address = ([u8; 4], u16);
    let mut numbers: HashMap<(SessionId, Option<Address>), usize> = HashMap::new();
    let mut sessions: Vec<Session<D, T>> = Vec::new();
    let mut places = SessionNumbers::default();
    let sessions_max = match request.orders {
        Some(_) => SESSIONS_WITH_ORDERS_MAX,
        None => SESSIONS_MAX,
    };
    let mut reader = CaptureReader::open(request.path)?;
    let mut count: u64 = 0;
    let result = loop {
        if observer.enough() {
            summary.interrupted = true;
            break Ok(());
        }
        if count.is_multiple_of(PROGRESS_EVERY) {
            observer.progress(reader.bytes_read(), reader.bytes_total());
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
        let id = match T::frame(payload) {
            Ok(frame) => {
                let address = (udp.destination, udp.destination_port);
                (
                    frame.session,
                    (!T::SESSION_NAMES_CHANNEL).then_some(address),
                )
            }
            Err(error) => {
                summary.error(packet.offset, error.to_string());
                continue;
            }
        };
        let number = match numbers.get(&id) {
            Some(number) => *number,
            None if sessions.len() == sessions_max => {
                let reason = format!("more than {sessions_max} sessions; split the file");
                summary.error(packet.offset, reason);
                continue;
            }
            None => match decoder() {
                Ok(decoder) => {
                    numbers.insert(id, sessions.len());
                    sessions.push(Session::new(request, decoder, places.place()));
                    sessions.len() - 1
                }
                Err(error) => break Err(error),
            },
        };
        let session = &mut sessions[number];
        let line = session.line((udp.destination, udp.destination_port));
        let bad_before = bad(session.channel.decoder());
        session.latest = packet.timestamp_ns;
        session
            .place
            .silent_since
            .get_or_insert(packet.timestamp_ns);
        let messages_before = session.channel.counters().messages;
        let mut sink = Sink::new(observer, &mut session.place, &mut places, summary);
        session.channel.on_time(packet.timestamp_ns, &mut sink);
        let defect = session
            .channel
            .on_packet(line, packet.timestamp_ns, payload, &mut sink);
        if let Some(defect) = defect {
            summary.error(packet.offset, defect.to_string());
        }
        if session.channel.counters().messages > messages_before {
            session.place.tell_time(packet.timestamp_ns, observer);
        }
        let wrong = bad(session.channel.decoder()) - bad_before;
        if wrong > 0 {
            let reason = format!("{wrong} messages of unknown type or not of their type's length");
            summary.error(packet.offset, reason);
        }
    };
    // What waits for a missing packet goes out at the file's end. Where the reading ended early, the packet may be yet
    // to come: no gap is declared.
    for session in &mut sessions {
        if !summary.interrupted {
            let mut sink = Sink::new(observer, &mut session.place, &mut places, summary);
            session.channel.finish(session.latest, &mut sink);
        }
        session.place.tell_time(session.latest, observer);
        summary.add_channel(session.channel.counters());
        summary.add_decoder(
            request.protocol.feed(),
            session.channel.decoder(),
            request.orders.is_some(),
        );
    }
    result
}

impl<D: Decoder, T: Transport> Session<D, T> {
    fn new(request: &Request<'_>, decoder: D, place: Place) -> Self {
        let config = ChannelConfig {
            publisher_id: request.publisher as u16,
            lines: LINES_MAX,
            hold_timeout_ns: HOLD_NS,
            ..ChannelConfig::default()
        };
        Self {
            channel: Channel::new(config, decoder),
            lines: Vec::new(),
            latest: 0,
            place,
        }
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
