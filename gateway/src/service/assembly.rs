//! From a configuration to workers that are ready to start.

use std::collections::HashMap;
use std::time::Duration;

use gateway_feed::arbitration::{ArbiterConfig, LineId, OnGap};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::class::Classes;
use gateway_feed::iex::{self, IexConfig, IexDecoder, IexTp};
use gateway_feed::itch50::{self, ItchConfig, ItchDecoder, OrderIndexConfig, SYMBOL_LIMITS};
use gateway_feed::mdp3::{self, Mdp3Config, Mdp3Recoverer, Mdp3RecoveryConfig};
use gateway_feed::nasdaq_bbo::{self, BboConfig, BboDecoder};
use gateway_feed::order_index::OrderIndex;
use gateway_feed::pitch::{self, Market, PitchConfig, PitchDecoder};
use gateway_feed::sink::Output;
use gateway_feed::symbols::{self, SymbolEntry};
use gateway_queue::{HugePages, MemoryReport, Publisher, PublisherOptions, QueueHandle};
use tracing::{info, warn};

use super::error::ServiceError;
use super::inputs::{InputSeat, InterfaceState, Plugged};
use super::ports::Fitted;
use super::state::Seat;
use crate::config::Config;
use crate::config::model::{self, Feed, Input, Records};
use crate::ingest::ladder;
use crate::ingest::{InterfaceRequest, Opener, PcapIngest, Provider, Stream, Tier, UdpChecksum};
use crate::worker::feed::FeedChannel;
use crate::worker::filter::{Filter, Want};
use crate::worker::{LineOf, Plan, Route, Units, WorkerChannel, WorkerInput};

/// Records of what layout a queue holds: `GWRECORD` as a number, and the version of DBN.
const SCHEMA_ID: u64 = u64::from_le_bytes(*b"GWRECORD");
const SCHEMA_VERSION: u32 = 3;

/// Everything that was made, before anything runs.
pub(super) struct Assembly {
    pub(super) plans: Vec<Plan>,
    pub(super) interfaces: Vec<InterfaceState>,
    /// What must stay alive while packets come.
    pub(super) fitted: Vec<Fitted>,
    pub(super) channels: Vec<Seat>,
    pub(super) queues: Vec<(Seat, QueueHandle)>,
}

/// Opens inputs, makes queues and channels.
pub(super) fn assemble(config: &Config, opener: &Opener) -> Result<Assembly, ServiceError> {
    let mut plans: Vec<Plan> = config
        .workers
        .iter()
        .map(|worker| Plan {
            name: worker.name.clone(),
            core: worker.core,
            wait: worker.wait,
            inputs: Vec::new(),
            channels: Vec::new(),
            queues: Vec::new(),
        })
        .collect();
    let (queues, queue_bits) = queues(config, &mut plans)?;
    let channels = channels(config, &queue_bits, &mut plans)?;
    let mut interfaces = Vec::new();
    let mut fitted = Vec::new();
    for (worker, plan) in plans.iter_mut().enumerate() {
        for input in &config.workers[worker].inputs {
            let (streams, routes) = streams(config, *input, &channels);
            match *input {
                Input::Interface(index) => {
                    let request = interface_request(&config.interfaces[index], streams);
                    let mut open = ladder::open_by(&request, opener)?;
                    let providers = std::mem::take(&mut open.providers);
                    let mut state = InterfaceState::opened(&request.name, &open);
                    let places = ladder::providers_max(&request, open.interface_index);
                    seat(&mut state, providers, places, &routes, worker, plan);
                    fitted.push(Fitted {
                        request,
                        opened: open,
                        interface: interfaces.len(),
                        worker,
                    });
                    interfaces.push(state);
                }
                Input::Capture(index) => {
                    let capture = &config.captures[index];
                    let provider = PcapIngest::open(
                        &capture.file,
                        &streams,
                        capture.pace,
                        UdpChecksum::Count,
                    )?;
                    let mut state = InterfaceState::new(&capture.name, Tier::Capture);
                    let providers = vec![Provider::Pcap(provider)];
                    seat(&mut state, providers, 1, &routes, worker, plan);
                    info!(capture = state.name, file = %capture.file.display(), "capture open");
                    interfaces.push(state);
                }
            }
        }
    }
    Ok(Assembly {
        plans,
        interfaces,
        fitted,
        channels,
        queues,
    })
}

/// Gives an input's providers to its worker and remembers where they are. There are as many `places` as it may ever
/// have providers: the worker's inputs are made once.
fn seat(
    state: &mut InterfaceState,
    providers: Vec<Provider>,
    places: usize,
    routes: &[Route],
    worker: usize,
    plan: &mut Plan,
) {
    let places = places.max(providers.len());
    let none = std::iter::repeat_with(Provider::unplugged);
    for provider in providers.into_iter().chain(none).take(places) {
        let seat = Seat {
            worker,
            index: plan.inputs.len(),
        };
        let plugged = provider.is_plugged().then(|| Plugged::of(&provider));
        state.inputs.push(InputSeat::new(seat, plugged));
        plan.inputs.push(WorkerInput {
            provider,
            routes: routes.to_vec(),
        });
    }
}

/// What the configuration asks of an interface that these streams arrive on.
pub(crate) fn interface_request(
    interface: &model::Interface,
    streams: Vec<Stream>,
) -> InterfaceRequest {
    InterfaceRequest {
        mode: interface.mode,
        lowest_tier: interface.lowest_tier,
        require: interface.require,
        force: interface.force,
        queues: interface.queues.clone(),
        membership_interface: interface.membership_interface.clone(),
        busy_poll: interface.busy_poll,
        pin_link: interface.pin_link,
        rx_ring: interface.rx_ring,
        udp_checksum: interface.udp_checksum,
        socket_wait: interface.socket_wait,
        hardware_timestamps: interface.hardware_timestamps,
        ..InterfaceRequest::new(&interface.name, streams)
    }
}

/// A line, by the index of its channel and its number there.
pub(super) type LineIndex = (usize, u8);

/// A stream, and the lines that it is: several where it carries several units.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) stream: Stream,
    pub(super) lines: Vec<LineIndex>,
}

/// The streams that arrive on `input`, in the order in which the configuration first names them.
pub(super) fn shared_streams(config: &Config, input: Input) -> Vec<Shared> {
    let mut all: Vec<Shared> = Vec::new();
    for (channel, of) in config.channels.iter().enumerate() {
        for (number, line) in (0..).zip(&of.lines) {
            if !line.inputs.contains(&input) {
                continue;
            }
            let stream = Stream {
                group: line.group,
                port: line.port,
                sources: line.sources.clone(),
            };
            let index = (channel, number);
            match all.iter_mut().find(|shared| shared.stream == stream) {
                Some(shared) => shared.lines.push(index),
                None => all.push(Shared {
                    stream,
                    lines: vec![index],
                }),
            }
        }
    }
    all
}

/// The streams that arrive on `input`.
pub(crate) fn line_streams(config: &Config, input: Input) -> Vec<Stream> {
    let shared = shared_streams(config, input).into_iter();
    shared.map(|shared| shared.stream).collect()
}

/// The streams that arrive on `input`, and the lines of the worker's channels that each is.
fn streams(config: &Config, input: Input, channels: &[Seat]) -> (Vec<Stream>, Vec<Route>) {
    let line = |(channel, number): LineIndex| LineOf {
        channel: channels[channel].index,
        line: LineId(number),
    };
    let unit = |of: LineIndex| (config.channels[of.0].unit.unwrap_or_default(), line(of));
    let shared = shared_streams(config, input).into_iter();
    shared
        .map(|Shared { stream, lines }| {
            let route = match lines[..] {
                [first, ref others @ ..] if !others.is_empty() => {
                    let others = others.iter().copied().map(unit);
                    Route::Units(Box::new(Units::new(unit(first), others)))
                }
                _ => Route::Line(line(lines[0])),
            };
            (stream, route)
        })
        .unzip()
}

/// Queues in shared memory, and the bit of each in its worker's masks.
type Queues = (Vec<(Seat, QueueHandle)>, Vec<usize>);

fn queues(config: &Config, plans: &mut [Plan]) -> Result<Queues, ServiceError> {
    let mut seats = Vec::new();
    let mut bits = Vec::new();
    for queue in &config.queues {
        let (publisher, handle) = make_queue(queue)?;
        let queues = &mut plans[queue.worker].queues;
        let seat = Seat {
            worker: queue.worker,
            index: queues.len(),
        };
        bits.push(seat.index);
        queues.push(publisher);
        seats.push((seat, handle));
    }
    Ok((seats, bits))
}

/// Makes a queue, or its successor. Takes as long as the kernel needs for its memory.
pub(super) fn make_queue(queue: &model::Queue) -> Result<(Publisher, QueueHandle), ServiceError> {
    let options = PublisherOptions {
        name: queue.name.clone(),
        slots: queue.slots,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
        huge_pages: queue.huge_pages,
        ..PublisherOptions::default()
    };
    let made = Publisher::create(&options).map_err(|source| ServiceError::Queue {
        name: queue.name.clone(),
        source,
    })?;
    report(&queue.name, made.1.memory());
    Ok(made)
}

/// Says which wishes about a queue's memory the kernel did not grant.
fn report(queue: &str, memory: &MemoryReport) {
    if let HugePages::Unavailable(reason) = &memory.huge_pages {
        warn!(queue, reason, "no huge pages for the queue");
    }
    if let Err(reason) = &memory.prefaulted {
        warn!(queue, reason, "the queue's first lap will be slow");
    }
    if let Some(Err(reason)) = &memory.locked {
        warn!(queue, reason, "the queue's memory is not locked");
    }
}

fn channels(
    config: &Config,
    bits: &[usize],
    plans: &mut [Plan],
) -> Result<Vec<Seat>, ServiceError> {
    let mut seats = Vec::new();
    let mut presets = HashMap::new();
    for (index, channel) in config.channels.iter().enumerate() {
        let symbols = match &channel.symbols_file {
            None => Vec::new(),
            Some(path) => match presets.get(path) {
                Some(known) => Vec::clone(known),
                None => {
                    let read = symbols_file(channel, path)?;
                    presets.insert(path.clone(), read.clone());
                    read
                }
            },
        };
        // The configuration allows at most 255 channels.
        let channel_id = u8::try_from(index).unwrap_or(u8::MAX);
        let wants = wants(config, index, |queue| bits[queue]);
        let feed = match channel.feed {
            Feed::NasdaqItch50 => {
                let full = wants.iter().any(|want| want.output == Output::Full);
                nasdaq_itch50(channel, channel_id, symbols, full)?
            }
            Feed::NasdaqBbo => nasdaq_bbo(channel, channel_id, symbols)?,
            Feed::IexTops => FeedChannel::IexTops(iex(channel, channel_id, symbols)?),
            Feed::IexDeep => FeedChannel::IexDeep(iex(channel, channel_id, symbols)?),
            Feed::IexDeepPlus => FeedChannel::IexDeepPlus(iex(channel, channel_id, symbols)?),
            Feed::CboePitchEquities => pitch(channel, channel_id, symbols, Market::Equities)?,
            Feed::CboePitchOptions => pitch(channel, channel_id, symbols, Market::Options)?,
            Feed::CboePitchComplex => pitch(channel, channel_id, symbols, Market::ComplexOptions)?,
            Feed::CboePitchFutures => pitch(channel, channel_id, symbols, Market::Futures)?,
            Feed::CmeMdp3 => cme_mdp3(channel, channel_id, symbols)?,
        };
        let channels = &mut plans[channel.worker].channels;
        seats.push(Seat {
            worker: channel.worker,
            index: channels.len(),
        });
        channels.push(WorkerChannel {
            feed,
            filter: Filter::new(&wants, classes_of(channel.feed))
                .with_type_at(type_at(channel.feed)),
            recovers: channel.recovery.is_some(),
        });
    }
    Ok(seats)
}

/// What the queues of a channel want of it; `bit` is a queue's, by its index in the configuration.
pub(super) fn wants(config: &Config, channel: usize, bit: impl Fn(usize) -> usize) -> Vec<Want> {
    (0..)
        .zip(&config.queues)
        .filter(|(_, queue)| queue.channels.contains(&channel))
        .map(|(index, queue)| Want {
            queue: bit(index),
            output: match queue.records {
                Records::Full => Output::Full,
                Records::Plain => Output::Plain,
                Records::Native => Output::Native,
            },
            symbols: queue.symbols.clone(),
            classes: queue.classes,
            shared: queue.channels.len() > 1,
        })
        .collect()
}

/// The classes of a feed's messages, by their type.
pub(super) const fn classes_of(feed: Feed) -> fn(u8) -> Classes {
    match feed {
        Feed::NasdaqItch50 => itch50::classes,
        Feed::NasdaqBbo => nasdaq_bbo::classes,
        Feed::IexTops | Feed::IexDeep | Feed::IexDeepPlus => iex::classes,
        Feed::CboePitchEquities
        | Feed::CboePitchOptions
        | Feed::CboePitchComplex
        | Feed::CboePitchFutures => pitch::classes,
        Feed::CmeMdp3 => mdp3::classes,
    }
}

/// Where a message of the feed has the byte that these are by.
pub(super) const fn type_at(feed: Feed) -> u8 {
    match feed {
        // Behind the length of the block.
        Feed::CmeMdp3 => 2,
        _ => 0,
    }
}

fn nasdaq_itch50(
    channel: &model::Channel,
    channel_id: u8,
    symbols: Vec<SymbolEntry>,
    full: bool,
) -> Result<FeedChannel, ServiceError> {
    let itch = ItchConfig {
        publisher_id: channel.publisher() as u16,
        channel_id,
        session_date: channel.session_date,
        symbols,
        orders: full.then_some(OrderIndexConfig {
            orders_max: channel.orders_max,
            ..OrderIndexConfig::default()
        }),
    };
    let decoder = ItchDecoder::new(&itch).map_err(|error| ServiceError::Channel {
        channel: channel.name.clone(),
        reason: error.to_string(),
    })?;
    report_index(channel, decoder.order_index());
    Ok(FeedChannel::NasdaqItch50(Box::new(Channel::new(
        channel_config(channel, channel_id),
        decoder,
    ))))
}

fn nasdaq_bbo(
    channel: &model::Channel,
    channel_id: u8,
    symbols: Vec<SymbolEntry>,
) -> Result<FeedChannel, ServiceError> {
    let config = BboConfig {
        publisher_id: channel.publisher() as u16,
        channel_id,
        session_date: channel.session_date,
        symbols,
        ..BboConfig::default()
    };
    let decoder = BboDecoder::new(&config).map_err(|error| ServiceError::Channel {
        channel: channel.name.clone(),
        reason: error.to_string(),
    })?;
    Ok(FeedChannel::NasdaqBbo(Box::new(Channel::new(
        channel_config(channel, channel_id),
        decoder,
    ))))
}

fn iex<const PROTOCOL: u16>(
    channel: &model::Channel,
    channel_id: u8,
    symbols: Vec<SymbolEntry>,
) -> Result<Box<Channel<IexDecoder, IexTp<PROTOCOL>>>, ServiceError> {
    let config = IexConfig {
        publisher_id: channel.publisher() as u16,
        channel_id,
        symbols,
        ..IexConfig::default()
    };
    let decoder = IexDecoder::new(&config).map_err(|error| ServiceError::Channel {
        channel: channel.name.clone(),
        reason: error.to_string(),
    })?;
    Ok(Box::new(Channel::new(
        channel_config(channel, channel_id),
        decoder,
    )))
}

/// So many messages a packet there is room for where the stream is kept.
const MDP3_MESSAGES_PER_PACKET: usize = 4;

fn cme_mdp3(
    channel: &model::Channel,
    channel_id: u8,
    symbols: Vec<SymbolEntry>,
) -> Result<FeedChannel, ServiceError> {
    let config = Mdp3Config {
        publisher_id: channel.publisher() as u16,
        channel_id,
        symbols,
        ..Mdp3Config::default()
    };
    let recovers = channel.on_gap == OnGap::Recover;
    let recovery = recovers.then(|| Mdp3RecoveryConfig {
        messages_max: channel.recover_packets_max * MDP3_MESSAGES_PER_PACKET,
        bytes_max: ArbiterConfig::hold_bytes_for(channel.recover_packets_max),
        timeout_ns: channel.market_recovery_timeout.as_nanos() as u64,
    });
    let decoder = Mdp3Recoverer::new(&config, recovery).map_err(|error| ServiceError::Channel {
        channel: channel.name.clone(),
        reason: error.to_string(),
    })?;
    // The stream is not held: each instrument waits for its own snapshot.
    let channel_config = ChannelConfig {
        on_gap: OnGap::Continue,
        ..channel_config(channel, channel_id)
    };
    Ok(FeedChannel::CmeMdp3(Box::new(Channel::new(
        channel_config,
        decoder,
    ))))
}

/// A unit of PITCH. What is done to an order names the order alone, so there is an index of orders whatever the records:
/// without one nothing would be known of the instrument.
fn pitch(
    channel: &model::Channel,
    channel_id: u8,
    symbols: Vec<SymbolEntry>,
    market: Market,
) -> Result<FeedChannel, ServiceError> {
    let config = PitchConfig {
        publisher_id: channel.publisher() as u16,
        channel_id,
        session_date: channel.session_date,
        symbols,
        orders: Some(OrderIndexConfig {
            orders_max: channel.orders_max,
            ..OrderIndexConfig::default()
        }),
        ..PitchConfig::new(market)
    };
    let decoder = PitchDecoder::new(&config).map_err(|error| ServiceError::Channel {
        channel: channel.name.clone(),
        reason: error.to_string(),
    })?;
    report_index(channel, decoder.order_index());
    Ok(FeedChannel::CboePitch(Box::new(Channel::new(
        channel_config(channel, channel_id),
        decoder,
    ))))
}

fn report_index(channel: &model::Channel, index: Option<&OrderIndex>) {
    if let Some(index) = index {
        tracing::info!(
            channel = channel.name,
            orders_max = index.orders_max(),
            bytes = index.bytes(),
            backing = ?index.backing(),
            "order index"
        );
    }
}

/// What is the same for every feed.
fn channel_config(channel: &model::Channel, channel_id: u8) -> ChannelConfig {
    ChannelConfig {
        channel_id,
        publisher_id: channel.publisher() as u16,
        lines: channel.lines.len(),
        answer_lines: channel.lines.iter().filter(|line| line.answers).count(),
        hold_timeout_ns: nanoseconds(channel.hold_timeout),
        hold_packets_max: channel.hold_packets_max,
        hold_bytes_max: ArbiterConfig::hold_bytes_for(channel.hold_packets_max),
        on_gap: channel.on_gap,
        recover_timeout_ns: nanoseconds(channel.recover_timeout),
        recover_packets_max: channel.recover_packets_max,
        recover_bytes_max: ArbiterConfig::hold_bytes_for(channel.recover_packets_max),
        snapshots: channel
            .recovery
            .as_ref()
            .is_some_and(model::Recovery::has_snapshots),
        session: channel.unit.map(pitch::unit_session),
        stale_after_ns: nanoseconds(channel.stale_after),
        ..ChannelConfig::default()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn symbols_file(
    channel: &model::Channel,
    path: &std::path::Path,
) -> Result<Vec<SymbolEntry>, ServiceError> {
    let refuse = |reason: String| ServiceError::Symbols {
        channel: channel.name.clone(),
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        refuse(format!(
            "{error}; give a readable file with one `locate,symbol` a line"
        ))
    })?;
    let limits = match channel.feed {
        Feed::CmeMdp3 => mdp3::SYMBOL_LIMITS,
        _ => SYMBOL_LIMITS,
    };
    symbols::parse(&text, limits).map_err(|error| refuse(error.to_string()))
}
