//! A worker with any number of channels.

use anyhow::{Result, ensure};
use gateway::worker::{
    board::ChannelBoard,
    filter::{Filter, Want},
    sink::{ChannelSink, Outlet},
};
use gateway_feed::{
    arbitration::LineId,
    channel::{Channel, ChannelConfig},
    itch50::{self, ItchConfig, ItchDecoder, OrderIndexConfig},
    moldudp64::MoldUdp64,
    sink::Output,
};
use gateway_guard::inputs;
use gateway_queue::{Publisher, PublisherOptions, clock::Clock};

use crate::{
    flow::Packets,
    harness::{Case, Run},
    report::Row,
    worker::everything,
};

/// Messages of a run, of all channels together.
const MESSAGES: usize = 480_000;
/// Orders that rest meanwhile, in all channels together.
const RESTING: u32 = 60_000;
const PER_PACKET: usize = 30;
const SYMBOLS: [u32; 4] = [100, 1_000, 8_000, 20_000];
/// Securities where it is channels that become more.
const SYMBOLS_OF_CHANNELS: u32 = 8_000;
const CHANNELS: [u32; 3] = [1, 4, 32];

/// One channel's packets.
struct Feed {
    orders_max: u32,
    opening: Packets,
    market: Packets,
}

impl Feed {
    /// The day of `seed` with a `share` of everything.
    fn new(seed: u64, symbols: u32, share: u32) -> Result<Self> {
        let resting = RESTING / share;
        let day = inputs::day(seed, symbols, resting, MESSAGES / share as usize);
        let opening = Packets::pack(day.opening.iter(), PER_PACKET, 1)?;
        let market = Packets::pack(day.market.iter(), PER_PACKET, opening.next())?;
        Ok(Self {
            orders_max: resting + resting / 100 + 1,
            opening,
            market,
        })
    }
}

/// One channel as a worker holds it.
struct Lane {
    channel: Channel<ItchDecoder, MoldUdp64>,
    filter: Filter,
    board: ChannelBoard,
}

/// A worker's channels, which publish full records into one queue.
pub(super) struct Lanes {
    clock: Clock,
    lanes: Vec<Lane>,
    outlets: [Outlet<Publisher>; 1],
}

impl Lanes {
    /// As many channels as `orders_max` has numbers: of orders that each may have to remember.
    pub(super) fn new(orders_max: &[u32]) -> Result<Self> {
        let (publisher, _) = Publisher::create(&PublisherOptions {
            name: "bench-scale".into(),
            ..PublisherOptions::default()
        })?;
        let lane = |&orders_max: &u32| {
            let decoder = ItchDecoder::new(&ItchConfig {
                orders: Some(OrderIndexConfig {
                    orders_max,
                    prefetch: true,
                }),
                ..ItchConfig::default()
            })?;
            let want = Want {
                output: Output::Full,
                shared: true,
                ..everything(0)
            };
            Ok(Lane {
                channel: Channel::new(ChannelConfig::default(), decoder),
                filter: Filter::new(&[want], itch50::classes),
                board: ChannelBoard::default(),
            })
        };
        Ok(Self {
            clock: Clock::new(),
            lanes: orders_max.iter().map(lane).collect::<Result<_>>()?,
            outlets: [Outlet::new(publisher)],
        })
    }

    /// Takes one packet of a channel, with its stamp and its latency.
    #[inline]
    pub(super) fn take(&mut self, lane: usize, packet: &[u8], stamp: &mut u64) {
        let Some(lane) = self.lanes.get_mut(lane) else {
            return;
        };
        let mut sink = ChannelSink {
            filter: &mut lane.filter,
            outlets: &mut self.outlets,
        };
        let start = *stamp;
        lane.channel.on_packet(LineId(0), start, packet, &mut sink);
        *stamp = self.clock.steady_now();
        lane.board
            .ring_to_publish
            .record(stamp.saturating_sub(start));
    }

    /// The time, for the first packet.
    pub(super) fn now(&self) -> u64 {
        self.clock.steady_now()
    }

    /// Messages delivered so far.
    pub(super) fn messages(&self) -> u64 {
        let each = self
            .lanes
            .iter()
            .map(|lane| lane.channel.counters().messages);
        each.sum()
    }

    /// A packet of each channel in turn, until all are taken.
    fn drain<'a>(&mut self, packets: impl Iterator<Item = &'a Packets> + Clone) {
        let longest = packets.clone().map(Packets::len).max().unwrap_or(0);
        let mut stamp = self.now();
        for number in 0..longest {
            for (lane, packets) in packets.clone().enumerate() {
                if number < packets.len() {
                    self.take(lane, packets.get(number), &mut stamp);
                }
            }
        }
    }
}

/// The worker of these channels behind their openings.
fn opened(feeds: &[Feed]) -> Result<Lanes> {
    let orders_max: Vec<u32> = feeds.iter().map(|feed| feed.orders_max).collect();
    let mut lanes = Lanes::new(&orders_max)?;
    lanes.drain(feeds.iter().map(|feed| &feed.opening));
    Ok(lanes)
}

/// Takes the market's packets of all channels; a worker behind their openings is made before the time is taken.
fn case<'a>(name: String, feeds: &'a [Feed]) -> Case<'a> {
    Case::prepared(name, move || {
        let lanes = opened(feeds);
        Run::timed(|| {
            lanes.map_or(0, |mut lanes| {
                let before = lanes.messages();
                lanes.drain(feeds.iter().map(|feed| &feed.market));
                lanes.messages() - before
            })
        })
    })
}

fn check(feeds: &[Feed]) -> Result<()> {
    let mut lanes = opened(feeds)?;
    let before = lanes.messages();
    lanes.drain(feeds.iter().map(|feed| &feed.market));
    let messages = lanes.messages() - before;
    ensure!(
        messages == MESSAGES as u64,
        "{messages} of {MESSAGES} messages"
    );
    Ok(())
}

fn rows(points: Vec<(String, Vec<Feed>)>, runs: usize) -> Result<Vec<Row>> {
    for (_, feeds) in &points {
        check(feeds)?;
    }
    let mut cases: Vec<Case<'_>> = points
        .iter()
        .map(|(name, feeds)| case(name.clone(), feeds))
        .collect();
    Ok(super::rows(&mut cases, runs))
}

/// More securities in one channel.
///
/// # Errors
/// When memory or a queue cannot be had.
pub(super) fn symbols(runs: usize) -> Result<Vec<Row>> {
    let point = |symbols: u32| {
        let feed = Feed::new(inputs::SEED, symbols, 1)?;
        Ok((format!("full records, {symbols} symbols"), vec![feed]))
    };
    rows(SYMBOLS.into_iter().map(point).collect::<Result<_>>()?, runs)
}

/// The same securities and orders in more channels.
///
/// # Errors
/// When memory or a queue cannot be had.
pub(super) fn channels(runs: usize) -> Result<Vec<Row>> {
    let point = |channels: u32| {
        let feed = |number| {
            Feed::new(
                inputs::SEED + u64::from(number),
                SYMBOLS_OF_CHANNELS / channels,
                channels,
            )
        };
        let feeds: Vec<Feed> = (0..channels).map(feed).collect::<Result<_>>()?;
        Ok((
            format!("full records, channels of one worker: {channels}"),
            feeds,
        ))
    };
    rows(
        CHANNELS.into_iter().map(point).collect::<Result<_>>()?,
        runs,
    )
}
