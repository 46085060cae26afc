//! What is counted: each case makes ready what it needs, and then does its work within [`measured`], where alone
//! instructions are collected.

use std::hint::black_box;

use anyhow::{Result, bail, ensure};
use gateway_feed::decoder::Decoder;
use gateway_feed::iex::{IexConfig, IexDecoder};
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::mdp3::{Mdp3Config, Mdp3Recoverer, Mdp3RecoveryConfig};
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_feed::pitch::{Market, PitchConfig, PitchDecoder};
use gateway_feed::sink::{MessageContext, Output};
use gateway_queue::{Poll, Publisher, PublisherOptions, Start, Subscriber};

use crate::inputs::{self, Messages};
use crate::look::Look;
use crate::worker::Worker;

/// Messages of a case.
const MESSAGES: usize = 30_000;
/// Securities that they are about.
const SYMBOLS: u32 = 500;
/// Orders that rest meanwhile.
const RESTING: u32 = 10_000;
/// Records published and read: fewer than the ring has slots.
const RECORDS: u64 = 60_000;
/// Longest payload of a packet, in bytes.
const PACKET_BYTES_MAX: usize = 1_472;

/// A case by its name, and what its instructions are divided by.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// As it stands in the record.
    pub name: &'static str,
    /// One of what it counts.
    pub unit: &'static str,
    run: fn() -> Result<u64>,
}

impl Case {
    /// Does the work once; returns how many units it was.
    ///
    /// # Errors
    /// Where the work was not what it should have been.
    pub fn run(&self) -> Result<u64> {
        (self.run)()
    }
}

/// All of them.
pub const CASES: &[Case] = &[
    case("decode-itch-plain", "message", || itch(None)),
    case("decode-itch-full", "message", || {
        itch(Some(OrderIndexConfig {
            orders_max: RESTING + RESTING / 100,
            prefetch: true,
        }))
    }),
    case("decode-pitch-plain", "message", || pitch(None)),
    case("decode-pitch-full", "message", || {
        pitch(Some(OrderIndexConfig {
            orders_max: RESTING + RESTING / 100,
            prefetch: false,
        }))
    }),
    case("decode-iex-tops", "message", iex),
    case("decode-mdp3-book", "message", || mdp3(None)),
    case("decode-mdp3-book-recovering", "message", || {
        mdp3(Some(Mdp3RecoveryConfig {
            messages_max: 1 << 16,
            bytes_max: 1 << 24,
            timeout_ns: u64::MAX,
        }))
    }),
    case("pipeline-1-a-packet", "message", || pipeline(1, 1)),
    case("pipeline-30-a-packet", "message", || pipeline(30, 1)),
    case("pipeline-30-a-packet-lines-a-and-b", "message", || {
        pipeline(30, 2)
    }),
    case("queue-publish", "record", publish),
    case("queue-poll", "record", poll),
    case("queue-poll-empty", "poll", poll_empty),
];

const fn case(name: &'static str, unit: &'static str, run: fn() -> Result<u64>) -> Case {
    Case { name, unit, run }
}

/// Instructions are collected from here on until it returns: callgrind knows it by its name.
#[inline(never)]
fn measured<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Decodes `before`, and then `messages`, which are measured.
fn decode<D: Decoder>(
    mut decoder: D,
    output: Output,
    before: &Messages,
    messages: &Messages,
) -> Result<u64> {
    let mut sink = Look::new(output);
    let mut context = MessageContext {
        sequence: 0,
        ts_recv: 1_577_716_200_000_000_000,
    };
    let mut take = |messages: &Messages, sink: &mut Look| {
        for message in messages.iter() {
            context.sequence += 1;
            decoder.message(&context, message, sink);
        }
    };
    take(before, &mut sink);
    sink.records = 0;
    measured(|| take(messages, &mut sink));
    let counters = decoder.counters();
    ensure!(
        counters.messages() == (before.len() + messages.len()) as u64
            && counters.orders.unknown + counters.orders.overflowed == 0
            && sink.records >= messages.len() as u64 / 2,
        "{} records, {counters:?}",
        sink.records
    );
    Ok(messages.len() as u64)
}

const fn output(orders: Option<OrderIndexConfig>) -> Output {
    if orders.is_some() {
        Output::Full
    } else {
        Output::Plain
    }
}

fn itch(orders: Option<OrderIndexConfig>) -> Result<u64> {
    let day = inputs::day(inputs::SEED, SYMBOLS, RESTING, MESSAGES);
    let decoder = ItchDecoder::new(&ItchConfig {
        orders,
        ..ItchConfig::default()
    })?;
    decode(decoder, output(orders), &day.opening, &day.market)
}

fn pitch(orders: Option<OrderIndexConfig>) -> Result<u64> {
    let day = inputs::pitch_day(SYMBOLS, RESTING, MESSAGES)?;
    let decoder = PitchDecoder::new(&PitchConfig {
        orders,
        ..PitchConfig::new(Market::Equities)
    })?;
    decode(decoder, output(orders), &Messages::default(), &day)
}

fn iex() -> Result<u64> {
    let messages = inputs::tops(SYMBOLS, MESSAGES);
    let decoder = IexDecoder::new(&IexConfig::default())?;
    decode(decoder, Output::Plain, &Messages::default(), &messages)
}

fn mdp3(recovery: Option<Mdp3RecoveryConfig>) -> Result<u64> {
    let updates = inputs::book_updates(SYMBOLS, MESSAGES);
    let decoder = Mdp3Recoverer::new(&Mdp3Config::default(), recovery)?;
    decode(
        decoder,
        Output::Plain,
        &Messages::default(),
        &updates.messages,
    )
}

/// MoldUDP64 packets of `per_packet` messages each.
fn packets(messages: &Messages, per_packet: usize) -> Result<Messages> {
    let session = Session(*b"GUARD     ");
    let mut builder = PacketBuilder::new(session, 1, PACKET_BYTES_MAX);
    let mut packets = Messages::default();
    for (number, message) in messages.iter().enumerate() {
        builder.push(message)?;
        if (number + 1) % per_packet == 0 || number + 1 == messages.len() {
            builder.finish(|packet| packets.push(packet));
        }
    }
    Ok(packets)
}

fn pipeline(per_packet: usize, lines: u8) -> Result<u64> {
    let day = inputs::day(inputs::SEED, SYMBOLS, RESTING, MESSAGES);
    let packets = packets(&day.market, per_packet)?;
    let mut worker = Worker::new()?;
    let messages = measured(|| worker.drain(&packets, lines));
    ensure!(
        messages == MESSAGES as u64 && worker.records() >= messages,
        "{messages} of {MESSAGES} messages, {} records",
        worker.records()
    );
    Ok(messages)
}

fn queue() -> Result<(Publisher, Subscriber)> {
    let (publisher, handle) = Publisher::create(&PublisherOptions {
        name: "guard".into(),
        ..PublisherOptions::default()
    })?;
    let subscriber = Subscriber::attach(handle.read_only_fd()?, Start::Head)?;
    Ok((publisher, subscriber))
}

fn fill(publisher: &mut Publisher) {
    for number in 0..RECORDS {
        let words = [14, number, 2, 3, 4, 5, 6];
        publisher.publish(black_box(&words[..]));
    }
}

fn publish() -> Result<u64> {
    let (mut publisher, _subscriber) = queue()?;
    measured(|| fill(&mut publisher));
    ensure!(publisher.head() == RECORDS, "{} slots", publisher.head());
    Ok(RECORDS)
}

fn poll() -> Result<u64> {
    let (mut publisher, mut subscriber) = queue()?;
    fill(&mut publisher);
    let read = measured(|| {
        let mut read = 0;
        while let Poll::Record(record) = subscriber.poll() {
            black_box(record.words);
            read += 1;
        }
        read
    });
    ensure!(read == RECORDS, "read {read} records of {RECORDS}");
    Ok(read)
}

fn poll_empty() -> Result<u64> {
    let (_publisher, mut subscriber) = queue()?;
    let empty = measured(|| {
        (0..RECORDS)
            .filter(|_| matches!(black_box(subscriber.poll()), Poll::Empty))
            .count() as u64
    });
    if empty != RECORDS {
        bail!("{empty} of {RECORDS} polls found nothing");
    }
    Ok(empty)
}
