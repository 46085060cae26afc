//! A worker without its receive ring: packets in memory are arbitrated, decoded, filtered and published by the worker's
//! own parts, with its one time stamp a packet, counted as latencies of two stages.

use anyhow::Result;
use gateway::worker::{
    board::ChannelBoard,
    filter::{Filter, Want},
    sink::{ChannelSink, Outlet},
};
use gateway_feed::{
    arbitration::{LineId, OnGap},
    channel::{Channel, ChannelConfig},
    class::Classes,
    itch50::{self, ItchConfig, ItchDecoder},
    moldudp64::MoldUdp64,
    sink::Output,
};
use gateway_queue::{Publisher, PublisherOptions, clock::Clock};

use crate::flow::Packets;

/// What a worker holds for one channel and its queues.
pub(crate) struct Worker {
    clock: Clock,
    channel: Channel<ItchDecoder, MoldUdp64>,
    filter: Filter,
    outlets: Vec<Outlet<Publisher>>,
    /// Where the channel's latencies are counted.
    board: ChannelBoard,
}

impl Worker {
    /// A worker whose queues want `wants`, each under its own number.
    pub(crate) fn new(wants: &[Want]) -> Result<Self> {
        Self::of(ChannelConfig::default(), wants)
    }

    /// The same, whose channel asks for what is missing and wants snapshots.
    pub(crate) fn recovering(wants: &[Want]) -> Result<Self> {
        let config = ChannelConfig {
            on_gap: OnGap::Recover,
            snapshots: true,
            ..ChannelConfig::default()
        };
        Self::of(config, wants)
    }

    fn of(config: ChannelConfig, wants: &[Want]) -> Result<Self> {
        let outlets = wants.iter().map(|want| {
            let (publisher, _) = Publisher::create(&PublisherOptions {
                name: format!("bench-{}", want.queue),
                ..PublisherOptions::default()
            })?;
            Ok(Outlet::new(publisher))
        });
        Ok(Self {
            clock: Clock::new(),
            channel: Channel::new(
                ChannelConfig { lines: 2, ..config },
                ItchDecoder::new(&ItchConfig::default())?,
            ),
            filter: Filter::new(wants, itch50::classes),
            outlets: outlets.collect::<Result<_>>()?,
            board: ChannelBoard::default(),
        })
    }

    /// Takes each packet from line A and then, for both lines, its copy from line B; returns the messages delivered.
    pub(crate) fn drain(&mut self, packets: &Packets, lines: u8) -> u64 {
        // Stands for the XDP program's stamp, of a burst that has just come.
        let mut stamp = self.clock.steady_now();
        for packet in packets.iter() {
            for line in 0..lines {
                let now = stamp;
                let mut sink = ChannelSink {
                    filter: &mut self.filter,
                    outlets: &mut self.outlets,
                };
                self.channel.on_packet(LineId(line), now, packet, &mut sink);
                stamp = self.clock.steady_now();
                self.board.ring_to_publish.record(stamp.saturating_sub(now));
                let seen = self.clock.steady_from_monotonic(now);
                self.board.xdp_to_ring.record(seen.saturating_sub(now));
            }
        }
        self.channel.counters().messages
    }

    /// Records that went into each queue.
    pub(crate) fn records(&self) -> Vec<u64> {
        self.outlets.iter().map(|outlet| outlet.records).collect()
    }
}

/// Every plain record, into queue `queue`.
pub(crate) fn everything(queue: usize) -> Want {
    Want {
        queue,
        output: Output::Plain,
        symbols: vec!["*".into()],
        classes: Classes::ALL,
        shared: false,
    }
}
