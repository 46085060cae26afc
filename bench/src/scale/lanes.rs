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

/// Packets of all channels in the order in which they come, which is a packet of each channel in turn. They lie in memory in
/// that order, too, however many channels there are: off a ring they come like that, while each channel's by themselves
/// would be as many streams for the processor to fetch ahead as there are channels.
struct Turns {
    bytes: Vec<u8>,
    /// Of each packet its channel, and where it ends.
    packets: Vec<(usize, usize)>,
}

impl Turns {
    fn new(channels: &[Packets]) -> Self {
        let mut turns = Self {
            bytes: Vec::new(),
            packets: Vec::new(),
        };
        let longest = channels.iter().map(Packets::len).max().unwrap_or(0);
        for number in 0..longest {
            for (lane, packets) in channels.iter().enumerate() {
                if number < packets.len() {
                    turns.bytes.extend_from_slice(packets.get(number));
                    turns.packets.push((lane, turns.bytes.len()));
                }
            }
        }
        turns
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.packets.iter().scan(0, |start, &(lane, end)| {
            let packet = &self.bytes[std::mem::replace(start, end)..end];
            Some((lane, packet))
        })
    }
}

/// The packets of some channels, and how many orders each of these remembers at most.
struct Feeds {
    orders_max: Vec<u32>,
    opening: Turns,
    market: Turns,
}

impl Feeds {
    /// So many channels, each with its share of securities, resting orders and messages; the market has `per_packet` messages
    /// a packet.
    fn new(channels: u32, symbols: u32, per_packet: usize) -> Result<Self> {
        let resting = RESTING / channels;
        let (mut openings, mut markets) = (Vec::new(), Vec::new());
        for number in 0..channels {
            let seed = inputs::SEED + u64::from(number);
            let messages = MESSAGES / channels as usize;
            let day = inputs::day(seed, symbols / channels, resting, messages);
            let opening = Packets::pack(day.opening.iter(), PER_PACKET, 1)?;
            let market = Packets::pack(day.market.iter(), per_packet, opening.next())?;
            openings.push(opening);
            markets.push(market);
        }
        Ok(Self {
            orders_max: vec![resting + resting / 100 + 1; channels as usize],
            opening: Turns::new(&openings),
            market: Turns::new(&markets),
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

    /// Takes all packets.
    fn drain(&mut self, packets: &Turns) {
        let mut stamp = self.now();
        for (lane, packet) in packets.iter() {
            self.take(lane, packet, &mut stamp);
        }
    }
}

/// The worker of these channels behind their openings.
fn opened(feeds: &Feeds) -> Result<Lanes> {
    let mut lanes = Lanes::new(&feeds.orders_max)?;
    lanes.drain(&feeds.opening);
    Ok(lanes)
}

/// Takes the market's packets of all channels; a worker behind their openings is made before the time is taken.
fn case(name: String, feeds: &Feeds) -> Case<'_> {
    Case::prepared(name, move || {
        let lanes = opened(feeds);
        Run::timed(|| {
            lanes.map_or(0, |mut lanes| {
                let before = lanes.messages();
                lanes.drain(&feeds.market);
                lanes.messages() - before
            })
        })
    })
}

fn check(feeds: &Feeds) -> Result<()> {
    let mut lanes = opened(feeds)?;
    let before = lanes.messages();
    lanes.drain(&feeds.market);
    let messages = lanes.messages() - before;
    ensure!(
        messages == MESSAGES as u64,
        "{messages} of {MESSAGES} messages"
    );
    Ok(())
}

fn rows(points: Vec<(String, Feeds)>, runs: usize) -> Result<Vec<Row>> {
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
        let feeds = Feeds::new(1, symbols, PER_PACKET)?;
        Ok((format!("full records, {symbols} symbols"), feeds))
    };
    rows(SYMBOLS.into_iter().map(point).collect::<Result<_>>()?, runs)
}

/// The same securities and orders in more channels, with many messages a packet and with one.
///
/// # Errors
/// When memory or a queue cannot be had.
pub(super) fn channels(runs: usize) -> Result<Vec<Row>> {
    let many = "full records, channels of one worker";
    let one = "full records, 1 message a packet, channels of one worker";
    let mut all = Vec::new();
    for (name, per_packet) in [(many, PER_PACKET), (one, 1)] {
        let point = |channels: u32| {
            let feeds = Feeds::new(channels, SYMBOLS_OF_CHANNELS, per_packet)?;
            Ok((format!("{name}: {channels}"), feeds))
        };
        let points = CHANNELS.into_iter().map(point).collect::<Result<_>>()?;
        all.extend(rows(points, runs)?);
    }
    Ok(all)
}
