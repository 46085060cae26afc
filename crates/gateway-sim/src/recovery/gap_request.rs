//! A gap request proxy of PITCH: who is logged in asks it for messages, which it sends to everybody on the gap response
//! lines.

#[cfg(test)]
mod tests;

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_feed::pitch::PacketBuilder;
use gateway_feed::pitch::session::{
    CloseReason, Credentials, GapRequest, GapResponse, GapStatus, LoginStatus, Say, Server,
};

use super::counts::GapRequestCounts;
use super::tcp::{Conversation, Door, Service};
use crate::transmit::{Outgoing, Transmit};
use crate::venue::{Kept, Ledger, Venue};

/// How a proxy serves.
#[derive(Clone, Debug, PartialEq)]
pub struct GapRequestOptions {
    /// Who is let in.
    pub credentials: Credentials,
    /// The unit that it has.
    pub unit: u8,
    /// How many of the last messages it has.
    pub history_messages: u64,
    /// The most messages that one request may ask for.
    pub request_messages_max: u16,
    /// The most bytes of a packet on the gap response lines.
    pub packet_bytes_max: usize,
}

/// The gap response lines, which all proxies of a venue share: each packet goes out on each.
#[derive(Clone)]
pub struct GapLines(Arc<Mutex<Vec<Box<dyn Transmit + Send>>>>);

impl fmt::Debug for GapLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GapLines").finish_non_exhaustive()
    }
}

impl GapLines {
    /// Lines to send on.
    #[must_use]
    pub fn new(lines: Vec<Box<dyn Transmit + Send>>) -> Self {
        Self(Arc::new(Mutex::new(lines)))
    }

    /// Sends packets on each line; how many were not sent, because the system refused them.
    fn send(&self, packets: &[Vec<u8>]) -> u64 {
        let packets: Vec<Outgoing> = packets
            .iter()
            .map(|packet| Outgoing {
                at_ns: 0,
                payload: Rc::from(packet.as_slice()),
            })
            .collect();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = lines.iter_mut().map(|line| {
            let (sent, _) = line.send(&packets);
            (packets.len() - sent) as u64
        });
        unsent.sum()
    }
}

/// A proxy: makes connections.
#[derive(Debug)]
pub struct GapRequestServer {
    options: GapRequestOptions,
    lines: GapLines,
}

impl GapRequestServer {
    /// One that sends on `lines`.
    #[must_use]
    pub const fn new(options: GapRequestOptions, lines: GapLines) -> Self {
        Self { options, lines }
    }
}

/// One connection.
#[derive(Debug)]
pub struct GapRequestConnection {
    server: Server,
    options: GapRequestOptions,
    lines: GapLines,
    counts: GapRequestCounts,
}

impl Service for GapRequestServer {
    const NAME: &'static str = "gap-request";
    type Connection = GapRequestConnection;
    type Counts = GapRequestCounts;

    fn connect(&mut self, now_ns: u64) -> GapRequestConnection {
        GapRequestConnection {
            server: Server::new(now_ns),
            options: self.options.clone(),
            lines: self.lines.clone(),
            counts: GapRequestCounts::default(),
        }
    }

    fn note(counts: &mut GapRequestCounts, door: Door) {
        match door {
            Door::Came => counts.connections += 1,
            Door::WhileDown => counts.while_down += 1,
            Door::TooMany => counts.too_many += 1,
        }
    }

    fn settle(connection: &GapRequestConnection, _down: bool, counts: &mut GapRequestCounts) {
        counts.add(&connection.counts);
    }
}

impl Conversation for GapRequestConnection {
    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], venue: &Venue) {
        let Self {
            server,
            options,
            lines,
            counts,
        } = self;
        let mut judge = |who: &Credentials| {
            if *who == options.credentials {
                LoginStatus::Accepted
            } else {
                LoginStatus::NotAuthorized
            }
        };
        let mut answer = |message: &[u8], say: &mut Say<'_>| {
            let Some(request) = GapRequest::parse(message) else {
                counts.malformed += 1;
                return;
            };
            let (status, packets) = answer(options, request, &venue.lock());
            counts.note(request, status);
            say.message(&GapResponse { request, status }.encode());
            counts.packets += packets.len() as u64;
            counts.unsent += lines.send(&packets);
        };
        match server.on_bytes(now_ns, bytes, &mut judge, &mut answer) {
            Ok(()) => {}
            Err(CloseReason::Refused(_)) => counts.not_authorized += 1,
            Err(_) => counts.malformed += 1,
        }
    }

    fn on_time(&mut self, now_ns: u64, _venue: &Venue) {
        // Whoever has fallen silent is hung up on.
        let _ = self.server.on_time(now_ns);
    }

    fn output(&self) -> &[u8] {
        self.server.output()
    }

    fn sent(&mut self, bytes: usize) {
        self.server.sent(bytes);
    }

    fn is_over(&self) -> bool {
        self.server.is_closed()
    }
}

/// What becomes of a request, and the packets that follow from it.
fn answer(
    options: &GapRequestOptions,
    request: GapRequest,
    ledger: &Ledger,
) -> (GapStatus, Vec<Vec<u8>>) {
    let GapRequest {
        unit,
        sequence,
        count,
    } = request;
    if unit != options.unit {
        return (GapStatus::InvalidUnit, Vec::new());
    }
    if count > options.request_messages_max {
        return (GapStatus::TooMany, Vec::new());
    }
    let first = u64::from(sequence);
    let end = first + u64::from(count);
    let oldest = ledger
        .next_sequence
        .saturating_sub(options.history_messages);
    let is_there = |number| matches!(ledger.history.get(number), Kept::Message(_));
    if count == 0 || first < oldest || !(is_there(first) && is_there(end - 1)) {
        return (GapStatus::OutOfRange, Vec::new());
    }
    let mut packets = Vec::new();
    let mut builder = PacketBuilder::new(unit, sequence, options.packet_bytes_max);
    for number in first..end {
        let Kept::Message(message) = ledger.history.get(number) else {
            // Numbers that were left out are of messages that nobody has: a packet begins behind them.
            packets.push(builder.finish(<[u8]>::to_vec));
            builder = PacketBuilder::new(unit, number as u32 + 1, options.packet_bytes_max);
            continue;
        };
        if builder.push(message).is_err() {
            packets.push(builder.finish(<[u8]>::to_vec));
            // It fits an empty packet, as it did when it was published.
            let _ = builder.push(message);
        }
    }
    packets.push(builder.finish(<[u8]>::to_vec));
    (GapStatus::Accepted, packets)
}
