//! What the benches of order-level records decode: the simulator's flow, once as many orders rest as are asked for.

use anyhow::{Result, ensure};
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_sim::flow::{FlowOptions, OrderFlow};

/// Messages that are measured.
const MESSAGES: u64 = 1_000_000;
/// Instruments that the flow is about.
pub(crate) const SYMBOLS: u32 = 8_000;

/// A day's messages, length-prefixed, in two parts.
pub(crate) struct Flow {
    /// Orders that rest throughout the measured part.
    pub(crate) live: u32,
    /// Until that many orders rest: decoded before the time is taken.
    pub(crate) opening: Vec<u8>,
    /// What is measured.
    pub(crate) stream: Vec<u8>,
    /// How many messages that is.
    pub(crate) messages: u64,
}

impl Flow {
    /// A day on which `live` orders rest.
    ///
    /// # Errors
    /// When the flow ends before so many rest.
    pub(crate) fn generate(live: u32) -> Result<Self> {
        let mut flow = OrderFlow::new(FlowOptions {
            symbols: SYMBOLS,
            messages: 0,
            orders_max: live,
            ..FlowOptions::default()
        });
        let mut take = |into: &mut Vec<u8>| -> Option<usize> {
            let message = flow.next()?;
            into.extend_from_slice(&(message.bytes.len() as u16).to_be_bytes());
            into.extend_from_slice(message.bytes);
            Some(flow.live_orders())
        };
        let mut opening = Vec::new();
        while take(&mut opening).is_some_and(|resting| resting < live as usize) {}
        let mut stream = Vec::new();
        let mut resting = 0;
        for _ in 0..MESSAGES {
            resting = take(&mut stream).unwrap_or(0);
        }
        ensure!(
            resting.abs_diff(live as usize) < live as usize / 10,
            "{resting} orders rest, not {live}"
        );
        Ok(Self {
            live,
            opening,
            stream,
            messages: MESSAGES,
        })
    }
}

/// MoldUDP64 packets, back to back.
pub(crate) struct Packets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The number of the message behind the last.
    next: u64,
}

impl Packets {
    /// Packs the messages of `stream`, `per_packet` at a time; the first is number `first`.
    ///
    /// # Errors
    /// When a message is too long for a packet.
    pub(crate) fn build(stream: &[u8], per_packet: usize, first: u64) -> Result<Self> {
        Self::pack(crate::input::split(stream), per_packet, first)
    }

    /// The same of messages that were split already.
    ///
    /// # Errors
    /// When a message is too long for a packet.
    pub(crate) fn pack<'a>(
        messages: impl Iterator<Item = &'a [u8]>,
        per_packet: usize,
        first: u64,
    ) -> Result<Self> {
        let session = Session::from_name("BENCH").expect("ten bytes at most");
        let mut builder = PacketBuilder::new(session, first, 1_472);
        let mut packets = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            next: first,
        };
        let mut finish = |builder: &mut PacketBuilder| {
            builder.finish(|packet| packets.bytes.extend_from_slice(packet));
            packets.ends.push(packets.bytes.len());
        };
        for message in messages {
            packets.next += 1;
            builder.push(message)?;
            if usize::from(builder.count()) == per_packet {
                finish(&mut builder);
            }
        }
        if builder.count() > 0 {
            finish(&mut builder);
        }
        Ok(packets)
    }

    /// The number of the message behind the last.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// How many packets there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Packet number `index`; an empty one behind the last.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let start = index
            .checked_sub(1)
            .map_or(Some(0), |before| self.ends.get(before).copied());
        match (start, self.ends.get(index)) {
            (Some(start), Some(&end)) => &self.bytes[start..end],
            _ => &[],
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |start, &end| {
            Some(&self.bytes[std::mem::replace(start, end)..end])
        })
    }
}
