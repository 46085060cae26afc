//! A worker without its receive ring, of the worker's own files.
//!
//! They are compiled here a second time, because the crate that they are of brings the whole service: minutes of
//! building for a profile of the guard's own.

#[path = "../../../gateway/src/worker/filter.rs"]
#[allow(dead_code, unreachable_pub, reason = "the service uses the rest")]
mod filter;
#[path = "../../../gateway/src/metrics/histogram.rs"]
#[allow(dead_code, unreachable_pub, reason = "the service uses the rest")]
mod histogram;
#[path = "../../../gateway/src/worker/sink.rs"]
#[allow(dead_code, unreachable_pub, reason = "the service uses the rest")]
mod sink;
#[path = "../../../gateway/src/worker/symbols.rs"]
#[allow(dead_code, unreachable_pub, reason = "the service uses the rest")]
mod symbols;

use anyhow::Result;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::class::Classes;
use gateway_feed::itch50::{self, ItchConfig, ItchDecoder};
use gateway_feed::moldudp64::MoldUdp64;
use gateway_feed::sink::Output;
use gateway_queue::clock::Clock;
use gateway_queue::{Publisher, PublisherOptions};

use crate::inputs::Messages;
use filter::{Filter, Want};
use histogram::Histogram;
use sink::{ChannelSink, Outlet, RecordWriter};

/// 2019-12-30 14:30:00 UTC in nanoseconds: where the clock stands.
const NOW: u64 = 1_577_716_200_000_000_000;

impl RecordWriter for Publisher {
    #[inline]
    fn write(&mut self, words: &[u64]) -> bool {
        self.publish(words)
    }

    fn mark_resync(&mut self) {
        Self::mark_resync(self);
    }
}

/// What a worker holds for one channel and its queue.
pub(crate) struct Worker {
    clock: Clock,
    channel: Channel<ItchDecoder, MoldUdp64>,
    filter: Filter,
    outlets: [Outlet<Publisher>; 1],
    ring_to_publish: Histogram,
    xdp_to_ring: Histogram,
}

impl Worker {
    /// A worker with one queue, which wants every plain record.
    pub(crate) fn new() -> Result<Self> {
        let (publisher, _) = Publisher::create(&PublisherOptions {
            name: "guard".into(),
            ..PublisherOptions::default()
        })?;
        let wants = [Want {
            queue: 0,
            output: Output::Plain,
            symbols: vec!["*".into()],
            classes: Classes::ALL,
            shared: false,
        }];
        Ok(Self {
            clock: Clock::manual(NOW),
            channel: Channel::new(
                ChannelConfig {
                    lines: 2,
                    ..ChannelConfig::default()
                },
                ItchDecoder::new(&ItchConfig::default())?,
            ),
            filter: Filter::new(&wants, itch50::classes),
            outlets: [Outlet::new(publisher)],
            ring_to_publish: Histogram::new(),
            xdp_to_ring: Histogram::new(),
        })
    }

    /// Takes each packet from line A and then, where there are two `lines`, its copy from line B, with one stamp a packet
    /// and its two latencies; returns the messages delivered.
    pub(crate) fn drain(&mut self, packets: &Messages, lines: u8) -> u64 {
        let mut stamp = self.clock.steady_now();
        for packet in packets.iter() {
            for line in 0..lines {
                let start = stamp;
                let mut sink = ChannelSink {
                    filter: &mut self.filter,
                    outlets: &mut self.outlets,
                };
                self.channel
                    .on_packet(LineId(line), start, packet, &mut sink);
                stamp = self.clock.steady_now();
                self.ring_to_publish.record(stamp.saturating_sub(start));
                let seen = self.clock.steady_from_monotonic(start);
                self.xdp_to_ring.record(seen.saturating_sub(start));
            }
        }
        self.channel.counters().messages
    }

    /// Records that went into the queue.
    pub(crate) fn records(&self) -> u64 {
        self.outlets[0].records
    }
}
