//! `book`: MoldUDP64 packets of the simulator's flow become books, by how many orders rest.
//!
//! The packets go through a channel (framing, arbitration, decoding into `full` records) into a sink that keeps books:
//! ours, record by record or in batches of a packet, and one made of sorted and hashed maps. Beside them the channel
//! alone, and our books alone on records that were decoded before. The opening, until as many orders rest as the case
//! says, is not timed. Everything is per message of the feed, of which one makes 1.3 records.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::{Result, ensure};
use gateway_book::{Batch, BookSide, Books, BooksOptions};
use gateway_feed::{
    arbitration::LineId,
    channel::{Channel, ChannelConfig},
    itch50::{ItchConfig, ItchDecoder, OrderIndexConfig},
    moldudp64::MoldUdp64,
    record::ControlRecord,
    sink::{InstrumentId, Output, Outputs, RecordSink},
};
use gateway_guard::look::Look;

use crate::{
    flow::{Flow, Packets, SYMBOLS},
    harness::{Case, Run, interleave},
    report::{Goal, Row, Samples},
};

/// Orders that rest, and the goals for it in nanoseconds a message: the median run and the fastest.
const POINTS: [(u32, f64, f64); 2] = [(60_000, 75.0, 45.0), (850_000, 108.0, 91.0)];

/// What takes the records of a packet.
trait Keeper: RecordSink {
    /// The packet is over.
    fn packet(&mut self) {}
}

impl Keeper for Look {}

/// Our books.
struct Kept {
    books: Books,
    batch: Batch,
    batched: bool,
    sequence: u64,
}

impl Kept {
    fn new(live: u32, batched: bool) -> Result<Self> {
        Ok(Self {
            books: Books::new(&options(live))?,
            batch: Batch::new(),
            batched,
            sequence: 0,
        })
    }

    #[inline]
    fn take(&mut self, words: &[u64]) {
        self.sequence += 1;
        if !self.batched {
            let _ = black_box(self.books.apply(words, self.sequence));
        } else if !self.batch.push(words, self.sequence) {
            self.flush();
            self.batch.push(words, self.sequence);
        }
    }

    #[inline]
    fn flush(&mut self) {
        self.books.apply_batch(&mut self.batch, |_, applied| {
            let _ = black_box(applied);
        });
    }
}

fn options(live: u32) -> BooksOptions {
    BooksOptions {
        orders_max: live + live / 100,
        levels_max: live,
        instruments_max: SYMBOLS,
        publisher_id: Some(dbn::Publisher::XnasItchXnas as u16),
    }
}

impl RecordSink for Kept {
    #[inline]
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE.with(Output::Full)
    }

    #[inline]
    fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
        self.take(words);
    }

    fn control(&mut self, record: &ControlRecord) {
        self.take(&record.words());
    }

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

impl Keeper for Kept {
    #[inline]
    fn packet(&mut self) {
        if self.batched {
            self.flush();
        }
    }
}

/// Size and number of orders of a level.
type Holding = (u64, u32);

/// Books as one writes them first: the best level is the first or last of a sorted map.
#[derive(Default)]
struct Maps {
    orders: hashbrown::HashMap<u64, (u32, BookSide, i64, u32)>,
    books: Vec<[BTreeMap<i64, Holding>; 2]>,
}

impl Maps {
    fn new(live: u32) -> Self {
        let mut books = Vec::new();
        books.resize_with(SYMBOLS as usize + 1, Default::default);
        Self {
            orders: hashbrown::HashMap::with_capacity(live as usize + live as usize / 100),
            books,
        }
    }

    fn add(&mut self, instrument: u32, side: BookSide, order: u64, price: i64, size: u32) {
        let levels = &mut self.books[instrument as usize][side as usize];
        let level = levels.entry(price).or_default();
        level.0 += u64::from(size);
        level.1 += 1;
        self.orders.insert(order, (instrument, side, price, size));
    }

    fn cancel(&mut self, order: u64, size: u32) {
        use hashbrown::hash_map::Entry;
        let Entry::Occupied(mut entry) = self.orders.entry(order) else {
            return;
        };
        let (instrument, side, price, left) = *entry.get();
        let size = size.min(left);
        let levels = &mut self.books[instrument as usize][side as usize];
        if let Some(level) = levels.get_mut(&price) {
            level.0 -= u64::from(size);
            if size == left {
                level.1 -= 1;
                if level.1 == 0 {
                    levels.remove(&price);
                }
            }
        }
        if size == left {
            entry.remove();
        } else {
            entry.get_mut().3 -= size;
        }
    }

    /// Levels that there are.
    fn levels(&self) -> usize {
        self.books.iter().flatten().map(BTreeMap::len).sum()
    }
}

impl RecordSink for Maps {
    #[inline]
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE.with(Output::Full)
    }

    #[inline]
    fn publish(&mut self, _: Output, instrument: InstrumentId, words: &[u64]) {
        let &[head, _, order, price, middle, ..] = words else {
            return;
        };
        if (head >> 8) as u8 != dbn::rtype::MBO {
            return;
        }
        let [.., action, side] = middle.to_le_bytes();
        let side = if side == b'B' {
            BookSide::Bid
        } else {
            BookSide::Ask
        };
        match action {
            b'A' => self.add(
                instrument.0,
                side,
                order,
                price.cast_signed(),
                middle as u32,
            ),
            b'C' => self.cancel(order, middle as u32),
            _ => {}
        }
    }

    fn control(&mut self, _: &ControlRecord) {}

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

impl Keeper for Maps {}

/// Keeps the order records themselves.
#[derive(Default)]
struct Records(Vec<[u64; 7]>);

impl RecordSink for Records {
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE.with(Output::Full)
    }

    fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
        if let Ok(words) = words.try_into() {
            self.0.push(words);
        }
    }

    fn control(&mut self, _: &ControlRecord) {}

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}

impl Keeper for Records {}

type ItchChannel = Channel<ItchDecoder, MoldUdp64>;

fn channel(live: u32) -> Result<ItchChannel> {
    let config = ItchConfig {
        orders: Some(OrderIndexConfig {
            orders_max: live + live / 100,
            prefetch: true,
        }),
        ..ItchConfig::default()
    };
    Ok(Channel::new(
        ChannelConfig::default(),
        ItchDecoder::new(&config)?,
    ))
}

fn drain<K: Keeper>(channel: &mut ItchChannel, packets: &Packets, keeper: &mut K) -> u64 {
    let before = channel.counters().messages;
    for packet in packets.iter() {
        channel.on_packet(LineId(0), 1_577_716_200_000_000_000, packet, keeper);
        keeper.packet();
    }
    channel.counters().messages - before
}

/// The channel and a keeper, behind the opening.
fn case<'a, K: Keeper>(
    name: String,
    live: u32,
    opening: &'a Packets,
    packets: &'a Packets,
    make: impl Fn() -> Result<K> + 'a,
) -> Case<'a> {
    Case::prepared(name, move || {
        let prepared = channel(live).and_then(|channel| Ok((channel, make()?)));
        match prepared {
            Ok((mut channel, mut keeper)) => {
                drain(&mut channel, opening, &mut keeper);
                Run::timed(|| drain(&mut channel, packets, &mut keeper))
            }
            Err(error) => panic!("{error}"),
        }
    })
}

/// Our books without the channel.
fn books_alone<'a>(
    name: String,
    live: u32,
    opening: &'a [[u64; 7]],
    records: &'a [[u64; 7]],
    messages: u64,
) -> Case<'a> {
    Case::prepared(name, move || {
        let mut kept = match Kept::new(live, true) {
            Ok(kept) => kept,
            Err(error) => panic!("{error}"),
        };
        let mut take = |records: &[[u64; 7]]| {
            for record in records {
                kept.take(record);
            }
            kept.flush();
        };
        take(opening);
        Run::timed(|| {
            take(records);
            messages
        })
    })
}

/// Measures every case at each number of resting orders.
///
/// # Errors
/// When the flow or memory cannot be had, or the books are not what they should be.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (live, median, fastest) in POINTS {
        rows.extend(at(&Flow::generate(live)?, (median, fastest), runs)?);
    }
    Ok(rows)
}

fn at(flow: &Flow, (median, fastest): (f64, f64), runs: usize) -> Result<Vec<Row>> {
    let live = flow.live;
    let opening = Packets::build(&flow.opening, 30, 1)?;
    let packets = Packets::build(&flow.stream, 30, opening.next())?;
    let bytes_per_order = check(live, &opening, &packets)?;
    let (mut before, mut during) = (Records::default(), Records::default());
    let mut decoding = channel(live)?;
    drain(&mut decoding, &opening, &mut before);
    drain(&mut decoding, &packets, &mut during);
    let name = |what: &str| format!("{what}, {live} orders rest, {SYMBOLS} symbols");
    let mut cases = [
        case(
            name("decode and book, 30 a packet"),
            live,
            &opening,
            &packets,
            || Kept::new(live, true),
        ),
        case(
            name("decode and book, without batches"),
            live,
            &opening,
            &packets,
            || Kept::new(live, false),
        ),
        case(
            name("decode and sorted and hashed maps"),
            live,
            &opening,
            &packets,
            || Ok(Maps::new(live)),
        ),
        case(name("decode alone"), live, &opening, &packets, || {
            Ok(Look::new(Output::Full))
        }),
        books_alone(
            name("book alone"),
            live,
            &before.0,
            &during.0,
            flow.messages,
        ),
    ];
    let samples = interleave(&mut cases, runs);
    let maps = Some(&samples[2]);
    let best = Samples {
        case: format!("{}, fastest run", samples[0].case),
        unit: samples[0].unit,
        values: vec![samples[0].values.iter().copied().fold(f64::NAN, f64::min)],
    };
    let memory = Samples {
        case: name("memory of the books"),
        unit: "bytes/order",
        values: vec![bytes_per_order],
    };
    Ok(vec![
        Row::new("book", &samples[0], maps, Some(Goal::ValueAtMost(median))),
        Row::new("book", &best, None, Some(Goal::ValueAtMost(fastest))),
        Row::new("book", &samples[1], maps, None),
        Row::new("book", &samples[2], None, None),
        Row::new("book", &samples[3], maps, None),
        Row::new("book", &samples[4], maps, None),
        Row::new("book", &memory, None, None),
    ])
}

/// Builds the books of both kinds once and compares them; gives the bytes that ours take for each order that rests.
fn check(live: u32, opening: &Packets, packets: &Packets) -> Result<f64> {
    let (mut ours, mut maps) = (Kept::new(live, true)?, Maps::new(live));
    let mut decoding = channel(live)?;
    drain(&mut decoding, opening, &mut ours);
    drain(&mut decoding, packets, &mut ours);
    let mut decoding = channel(live)?;
    drain(&mut decoding, opening, &mut maps);
    drain(&mut decoding, packets, &mut maps);
    let counters = ours.books.counters();
    ensure!(
        counters.orders == maps.orders.len() as u64 && counters.levels == maps.levels() as u64,
        "{} orders at {} levels are not those of {counters:?}",
        maps.orders.len(),
        maps.levels()
    );
    let invalid = ours
        .books
        .instruments()
        .find(|book| !book.validity().is_valid());
    ensure!(invalid.is_none(), "{invalid:?}, {counters:?}");
    eprintln!(
        "{} orders at {} levels; books of {} bytes",
        counters.orders,
        counters.levels,
        ours.books.bytes()
    );
    Ok(ours.books.bytes() as f64 / counters.orders as f64)
}
