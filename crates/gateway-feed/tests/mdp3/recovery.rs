//! A channel that loses packets and has the snapshot loop beside it, against one that saw everything: from the moment
//! when a book is told to be whole it is the book of the lossless stream.

use std::collections::BTreeMap;

use gateway_feed::arbitration::{LineId, OnGap};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::{Decoder, RefreshCounters};
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::mdp3::sbe::Header;
use gateway_feed::mdp3::schema::{OrderSnapshot, Snapshot};
use gateway_feed::mdp3::{Mdp3, Mdp3Config, Mdp3Recoverer, Mdp3RecoveryConfig, PacketBuilder};
use gateway_feed::record::v3::MboMsg;
use gateway_feed::record::{ControlKind, ControlRecord, RTYPE_CONTROL};
use gateway_feed::sink::{InstrumentId, Output, Outputs};
use gateway_feed::symbols::SymbolEntry;
use gateway_sim::flow::{FlowOptions, MIDNIGHT_NS, Mdp3Flow, OrderFlow};
use gateway_sim::packetiser::{Framing, PackOptions, Packetiser};
use gateway_sim::source::{Source, SourceMessage};
use gateway_sim::venue::{Instrument, Mdp3State, PublishedLevel, PublishedOrder};
use proptest::prelude::*;

use crate::view;

const LINE: LineId = LineId(0);
const LOOP_A: LineId = LineId(1);
const LOOP_B: LineId = LineId(2);

/// What a run is like.
#[derive(Clone, Debug)]
struct World {
    seed: u64,
    symbols: u32,
    messages: u64,
    messages_per_packet: u16,
    /// Of 100 packets of the stream, and of each line of the loop.
    loss: u32,
    loop_loss: u32,
    /// Packets of the stream before the channel listens.
    late: usize,
    /// Packets of the loop between two of the stream.
    loop_packets: u32,
    /// By how many packets the loop's images are ahead of what the channel has.
    ahead: usize,
    kept_messages: usize,
    /// An instrument that the loop leaves out, from 0.
    left_out: Option<usize>,
    /// How long books wait for snapshots; a packet of the stream takes 100.
    timeout_ns: u64,
    /// After each so many messages of the flow the channel is reset; 0: never.
    reset_every: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seed: 1,
            symbols: 6,
            messages: 3_000,
            messages_per_packet: 4,
            loss: 3,
            loop_loss: 0,
            late: 0,
            loop_packets: 1,
            ahead: 0,
            kept_messages: 10_000,
            left_out: None,
            timeout_ns: u64::MAX,
            reset_every: 0,
        }
    }
}

/// Draws that a seed fixes (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % u64::from(limit)) as u32
    }
}

/// A book as a reader builds it.
#[derive(Clone, Debug, Default)]
struct ReaderBook {
    bids: Vec<(i64, u32)>,
    offers: Vec<(i64, u32)>,
    orders: BTreeMap<u64, (bool, i64, u32)>,
    /// Levels, orders.
    trusted: [bool; 2],
    /// Of which packet the last change was, or what a snapshot is as of.
    last: [u32; 2],
}

#[derive(Default)]
struct Reader {
    books: BTreeMap<u32, ReaderBook>,
    /// Instrument by CME's security id.
    ids: BTreeMap<i32, u32>,
    /// The snapshot that is being told: whose, and of which kind, once that is known.
    snapshot: Option<(u32, Option<usize>)>,
    snapshots: u32,
    recovering: u32,
    given_up: u32,
    /// Those whose books were emptied, or are new.
    emptied: u32,
    /// Changes in doubt, outside of snapshots.
    suspect: u32,
    /// Instruments whose last record did not end its event.
    unended: std::collections::BTreeSet<u32>,
}

impl Reader {
    fn take(&mut self, sink: &mut Collector) {
        for published in sink.published.drain(..) {
            match published {
                Published::Control(control) => self.control(&control),
                Published::Symbol { instrument, symbol } => {
                    // Presets have the security id for a symbol.
                    let id = std::str::from_utf8(&symbol).unwrap().parse();
                    if let Ok(id) = id {
                        self.ids.insert(id, instrument.0);
                    }
                }
                Published::Record { words, .. } => match words[0].to_le_bytes()[1] {
                    dbn::rtype::MBO => self.order(&view(&words)),
                    RTYPE_CONTROL => self.control(&ControlRecord::from_words(&words).unwrap()),
                    _ => {}
                },
            }
        }
    }

    fn control(&mut self, control: &ControlRecord) {
        let kind = ControlKind::from_number(control.kind).unwrap();
        let number = control.instrument_id;
        if number == 0 {
            for book in self.books.values_mut() {
                book.trusted = [false; 2];
            }
            return;
        }
        match kind {
            ControlKind::Recovering => self.recovering += 1,
            ControlKind::Gap => self.given_up += 1,
            ControlKind::Recovered => self.emptied += 1,
            ControlKind::SnapshotBegin => self.snapshot = Some((number, None)),
            ControlKind::SnapshotEnd => {
                let (of, kind) = self.snapshot.take().unwrap();
                assert_eq!(of, number);
                assert!(
                    !self.unended.contains(&number),
                    "the event of the splice goes on"
                );
                self.books.entry(number).or_default().trusted[kind.unwrap()] = true;
                self.snapshots += 1;
            }
            other => panic!("{other:?} of an instrument"),
        }
    }

    fn order(&mut self, record: &MboMsg) {
        if record.flags.raw() & dbn::flags::LAST == 0 {
            self.unended.insert(record.hd.instrument_id);
        } else {
            self.unended.remove(&record.hd.instrument_id);
        }
        let action = record.action as u8;
        if !b"AMCR".contains(&action) {
            return;
        }
        let flags = record.flags.raw();
        let levels = flags & dbn::flags::MBP != 0;
        let kind = usize::from(!levels);
        let book = self.books.entry(record.hd.instrument_id).or_default();
        if flags & dbn::flags::SNAPSHOT != 0 {
            let (of, told) = self.snapshot.as_mut().unwrap();
            assert_eq!(*of, record.hd.instrument_id);
            assert_eq!(*told.get_or_insert(kind), kind);
            if action == b'R' {
                book.last[kind] = record.sequence;
                book.trusted[kind] = false;
            }
        } else {
            let suspect = flags & dbn::flags::MAYBE_BAD_BOOK != 0;
            self.suspect += u32::from(suspect);
            book.trusted[kind] |= !suspect;
        }
        assert!(
            record.sequence >= book.last[kind],
            "told twice, or out of order"
        );
        book.last[kind] = record.sequence;
        let (place, is_bid) = (record.order_id as usize, record.side as u8 == b'B');
        if levels {
            let side = if is_bid {
                &mut book.bids
            } else {
                &mut book.offers
            };
            match action {
                b'R' => {
                    book.bids.clear();
                    book.offers.clear();
                }
                b'A' => {
                    side.insert((place - 1).min(side.len()), (record.price, record.size));
                    side.truncate(10);
                }
                b'M' if place <= side.len() => side[place - 1] = (record.price, record.size),
                b'C' if place <= side.len() => {
                    side.remove(place - 1);
                }
                _ => assert!(!book.trusted[kind], "no such level"),
            }
        } else {
            match action {
                b'R' => book.orders.clear(),
                b'C' => {
                    book.orders.remove(&record.order_id);
                }
                _ => {
                    let order = (is_bid, record.price, record.size);
                    book.orders.insert(record.order_id, order);
                }
            }
        }
    }
}

/// What a run came to.
struct Outcome {
    counters: RefreshCounters,
    reader: Reader,
    lost: u32,
    /// How often a book was not the lossless stream's.
    wrong: u32,
}

fn size(size: i32) -> u32 {
    u32::try_from(size).unwrap()
}

fn same_levels(mine: &[(i64, u32)], theirs: &[PublishedLevel]) -> bool {
    let theirs = theirs
        .iter()
        .map(|(price, quantity, _)| (*price, size(*quantity)));
    mine.iter().copied().eq(theirs)
}

fn same_orders(
    mine: &BTreeMap<u64, (bool, i64, u32)>,
    theirs: &BTreeMap<u64, PublishedOrder>,
) -> bool {
    let theirs = theirs
        .iter()
        .map(|(id, order)| (*id, (order.0, order.1, size(order.2))));
    mine.iter().map(|(id, order)| (*id, *order)).eq(theirs)
}

/// Whether levels and orders are the same.
fn compare(mine: &ReaderBook, theirs: &Instrument) -> [bool; 2] {
    let levels = same_levels(&mine.bids, &theirs.bids) && same_levels(&mine.offers, &theirs.offers);
    [levels, same_orders(&mine.orders, &theirs.orders)]
}

/// The stream's packets.
fn stream(world: &World) -> Vec<std::rc::Rc<[u8]>> {
    let flow = Mdp3Flow::new(OrderFlow::new(FlowOptions {
        seed: world.seed,
        symbols: world.symbols,
        messages: world.messages,
        orders_max: 200,
        interval_ns: 1_000,
    }));
    let mut flow = flow.with_channel_resets(world.reset_every);
    let mut packetiser = Packetiser::new(PackOptions {
        framing: Framing::Mdp3,
        messages_max: world.messages_per_packet,
        ..PackOptions::default()
    });
    let mut packets = Vec::new();
    while let Some(SourceMessage {
        time_ns,
        missing,
        bytes,
    }) = flow.next().unwrap()
    {
        let message = SourceMessage {
            time_ns,
            missing,
            bytes,
        };
        packets.extend(packetiser.push(&message).unwrap());
    }
    packets.extend(packetiser.finish());
    // Nothing is lost at the end: silence of a minute, say.
    for _ in 0..3 {
        packets.extend(packetiser.numbered_heartbeat());
    }
    packets.into_iter().map(|packet| packet.payload).collect()
}

/// Which instrument a snapshot is of.
fn about(message: &[u8]) -> Option<i32> {
    let (header, body) = Header::split(message)?;
    let levels = Snapshot::parse(&header, body).filter(|_| header.template_id == 52);
    let levels = levels.map(|view| view.root.security_id());
    levels.or_else(|| OrderSnapshot::parse(&header, body).map(|view| view.root.security_id()))
}

/// The loop of a venue: images of a state, piece by piece.
#[derive(Default)]
struct Loop {
    pending: std::collections::VecDeque<Vec<u8>>,
    number: u32,
}

impl Loop {
    fn next(&mut self, state: &Mdp3State, left_out: Option<i32>) -> Option<Vec<u8>> {
        if self.pending.is_empty() {
            let mut all = state.snapshots();
            if left_out.is_some() {
                all.retain(|message| left_out != about(message));
                // "TotNumReports", of both kinds behind "LastMsgSeqNumProcessed".
                let total = state.instruments().len() as u32 - 1;
                for message in &mut all {
                    message[12..16].copy_from_slice(&total.to_le_bytes());
                }
            }
            self.pending.extend(all);
            self.number = 0;
        }
        let message = self.pending.pop_front()?;
        self.number += 1;
        let mut builder = PacketBuilder::new(self.number, 1_472);
        builder.push(&message).unwrap();
        Some(builder.finish(MIDNIGHT_NS, <[u8]>::to_vec))
    }
}

fn play(world: &World) -> Outcome {
    let ids: Vec<i32> = (1..=world.symbols).map(|n| 100_000 + n as i32).collect();
    let symbols = ids.iter().map(|id| SymbolEntry {
        instrument: InstrumentId(id.cast_unsigned()),
        symbol: id.to_string(),
    });
    let mdp3 = Mdp3Config {
        symbols: symbols.collect(),
        ..Mdp3Config::default()
    };
    let decoder = Mdp3Recoverer::new(
        &mdp3,
        Some(Mdp3RecoveryConfig {
            messages_max: world.kept_messages,
            bytes_max: world.kept_messages * 600,
            timeout_ns: world.timeout_ns,
        }),
    )
    .unwrap();
    let config = ChannelConfig {
        lines: 3,
        answer_lines: 2,
        on_gap: OnGap::Continue,
        hold_timeout_ns: 1,
        ..ChannelConfig::default()
    };
    let mut channel: Channel<Mdp3Recoverer, Mdp3> = Channel::new(config, decoder);
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    let (mut reader, mut draws) = (Reader::default(), Draws(world.seed));
    let packets = stream(world);
    // What the venue knows is ahead of what the channel was given.
    let (mut venue, mut told) = (Mdp3State::default(), 0);
    let (mut oracle, mut snapshots) = (Mdp3State::default(), Loop::default());
    let (mut lost, mut wrong, mut now) = (0, 0, 1);
    let left_out = world.left_out.map(|index| ids[index]);
    let apply = |state: &mut Mdp3State, index: usize| {
        Framing::Mdp3.messages(&packets[index], |message| {
            state.apply(index as u64 + 1, message)
        });
    };
    for index in 0..packets.len() {
        let until = (index + 1 + world.ahead).min(packets.len());
        while told < until {
            apply(&mut venue, told);
            told += 1;
        }
        apply(&mut oracle, index);
        let is_last = index + 3 >= packets.len();
        let drops = !is_last && (index < world.late || draws.below(100) < world.loss);
        now += 100;
        if drops {
            lost += 1;
        } else {
            channel.on_packet(LINE, now, &packets[index], &mut sink);
            channel.on_time(now + 50, &mut sink);
        }
        channel.watch(now + 50, &mut sink);
        reader.take(&mut sink);
        let loops = if index + 1 == packets.len() {
            4 * (world.symbols * 30 + 10)
        } else {
            world.loop_packets
        };
        for turn in 0..loops {
            let Some(packet) = snapshots.next(&venue, left_out) else {
                break;
            };
            // At the end both lines bring everything.
            let is_end = index + 1 == packets.len() && turn > 0;
            for line in [LOOP_A, LOOP_B] {
                if is_end || draws.below(100) >= world.loop_loss {
                    channel.on_packet(line, now + 60, &packet, &mut sink);
                }
            }
            reader.take(&mut sink);
        }
        let packet = index as u32 + 1;
        for (id, instrument) in oracle.instruments() {
            let book = reader
                .ids
                .get(id)
                .and_then(|number| reader.books.get(number));
            let Some(book) = book else {
                continue;
            };
            for (kind, same) in compare(book, instrument).into_iter().enumerate() {
                // Of what is lost the channel learns with the next packet.
                let doubted = drops || !book.trusted[kind] || book.last[kind] > packet;
                assert!(same || doubted, "{id} at packet {packet}: {book:?}");
                wrong += u32::from(!same);
            }
        }
    }
    for (id, instrument) in oracle.instruments() {
        let book = reader
            .ids
            .get(id)
            .and_then(|number| reader.books.get(number));
        let book = book.cloned().unwrap_or_default();
        if left_out != Some(*id) {
            assert_eq!(
                compare(&book, instrument),
                [true; 2],
                "{id}: {book:?} {instrument:?}"
            );
        }
    }
    let counters = channel.decoder().counters().refresh;
    if counters.given_up + counters.timed_out == 0 {
        assert_eq!(reader.suspect, 0, "{counters:?}");
    }
    Outcome {
        counters,
        reader,
        lost,
        wrong,
    }
}

#[test]
fn a_loss_is_made_up_for_by_the_loop() {
    let outcome = play(&World::default());
    let counters = outcome.counters;
    assert!(
        outcome.lost > 10 && outcome.wrong > 100,
        "{}",
        outcome.wrong
    );
    assert_eq!((counters.stale_levels, counters.stale_orders), (0, 0));
    assert!(
        counters.snapshots > 50 && counters.withheld > 100,
        "{counters:?}"
    );
    assert!(
        counters.replayed > 10 && counters.refreshed > 10,
        "{counters:?}"
    );
    assert_eq!(u64::from(outcome.reader.snapshots), counters.snapshots);
    assert!(outcome.reader.recovering > 10);
    assert_eq!((counters.given_up, outcome.reader.given_up), (0, 0));
}

#[test]
fn without_a_loss_the_loop_is_not_looked_at() {
    let outcome = play(&World {
        loss: 0,
        ..World::default()
    });
    let RefreshCounters { loops, .. } = outcome.counters;
    assert!(loops > 10, "{loops}");
    let expected = RefreshCounters {
        loops,
        ..RefreshCounters::default()
    };
    assert_eq!(outcome.counters, expected);
    assert_eq!((outcome.wrong, outcome.reader.snapshots), (0, 0));
}

#[test]
fn a_start_in_the_middle_has_all_books_of_one_loop() {
    let outcome = play(&World {
        loss: 0,
        late: 300,
        ..World::default()
    });
    let counters = outcome.counters;
    assert_eq!((counters.stale_levels, counters.stale_orders), (0, 0));
    assert_eq!(counters.snapshots, 12, "{counters:?}");
}

#[test]
fn a_loss_behind_calm_is_made_up_for_by_what_went_by_in_calm() {
    // Three whole loops at least between two losses, so that messages go by unlooked at.
    let outcome = play(&World {
        loss: 1,
        symbols: 3,
        loop_packets: 12,
        messages: 6_000,
        ..World::default()
    });
    let counters = outcome.counters;
    assert!(outcome.lost > 5 && counters.refreshed > 5, "{counters:?}");
    assert_eq!((counters.stale_levels, counters.given_up), (0, 0));
}

#[test]
fn an_instrument_that_two_loops_leave_out_is_given_up_and_told() {
    let outcome = play(&World {
        left_out: Some(2),
        loss: 1,
        ..World::default()
    });
    assert!(outcome.counters.given_up > 0, "{:?}", outcome.counters);
    assert!(outcome.reader.given_up > 0);
}

#[test]
fn with_dead_lines_of_the_loop_books_go_on_in_doubt_when_their_time_is_over() {
    // The loop is heard at the end alone, and mends all of them then.
    let outcome = play(&World {
        loop_packets: 0,
        timeout_ns: 5_000,
        ..World::default()
    });
    let counters = outcome.counters;
    assert!(counters.timed_out > 10, "{counters:?}");
    assert_eq!(counters.given_up, 0, "no loop was whole");
    assert!(outcome.reader.given_up > 5 && outcome.reader.suspect > 100);
    assert_eq!((counters.stale_levels, counters.stale_orders), (0, 0));
}

#[test]
fn a_channel_reset_makes_all_books_whole_without_a_snapshot() {
    // The loop is heard at the end alone, when nobody wants it.
    let outcome = play(&World {
        loss: 0,
        late: 100,
        loop_packets: 0,
        reset_every: 900,
        ..World::default()
    });
    let counters = outcome.counters;
    assert!(counters.withheld > 100, "{counters:?}");
    assert!(outcome.reader.emptied >= 5, "{}", outcome.reader.emptied);
    assert_eq!((counters.snapshots, counters.stale_levels), (0, 0));
    assert_eq!(outcome.reader.suspect, 0);
}

#[test]
fn channel_resets_that_are_lost_or_ahead_of_the_stream_are_made_up_for() {
    for (seed, ahead) in [(1, 0), (2, 5), (3, 2)] {
        let outcome = play(&World {
            seed,
            ahead,
            loss: 5,
            loop_packets: 3,
            reset_every: 400,
            ..World::default()
        });
        let counters = outcome.counters;
        assert!(counters.snapshots > 50, "{counters:?}");
        assert_eq!((counters.stale_levels, counters.stale_orders), (0, 0));
    }
}

#[test]
fn without_room_for_the_stream_a_later_snapshot_counts() {
    let outcome = play(&World {
        kept_messages: 20,
        loop_packets: 3,
        ..World::default()
    });
    assert!(outcome.counters.overflows > 0, "{:?}", outcome.counters);
    assert_eq!(outcome.counters.stale_levels, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn from_the_splice_on_books_are_those_of_the_lossless_stream(
        seed in any::<u64>(),
        symbols in 1_u32..12,
        messages in 600_u64..2_500,
        messages_per_packet in 1_u16..12,
        (loss, loop_loss) in (0_u32..15, 0_u32..40),
        late in prop_oneof![Just(0_usize), 0_usize..200],
        (loop_packets, ahead) in (0_u32..4, 0_usize..6),
        kept_messages in prop_oneof![Just(10_000_usize), 1_usize..200],
        timeout_ns in prop_oneof![Just(u64::MAX), 100_u64..20_000],
        left_out in proptest::option::of(0_usize..12),
        reset_every in prop_oneof![Just(0_u64), 150_u64..900],
    ) {
        play(&World {
            seed,
            symbols,
            messages,
            messages_per_packet,
            loss,
            loop_loss,
            late,
            loop_packets,
            ahead,
            kept_messages,
            left_out: left_out.filter(|&index| index < symbols as usize),
            timeout_ns,
            reset_every,
        });
    }
}
