//! The instrument feed: definitions of all instruments on lines of their own.

use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::mdp3::{Mdp3, Mdp3Config, Mdp3Recoverer, PacketBuilder};
use gateway_feed::record::v3::InstrumentDefMsg;
use gateway_feed::sink::{Output, Outputs};
use gateway_sim::flow::{FlowOptions, MIDNIGHT_NS, Mdp3Flow, OrderFlow};
use gateway_sim::source::Source;
use gateway_sim::venue::Mdp3State;

use crate::view;

const WEEK_NS: u64 = 7 * 86_400 * 1_000_000_000;

/// A packet of these messages, sent at a time of the week `week` weeks later.
fn packet(number: u32, week: u64, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = PacketBuilder::new(number, 60_000);
    for message in messages {
        builder.push(message).unwrap();
    }
    builder.finish(MIDNIGHT_NS + week * WEEK_NS, <[u8]>::to_vec)
}

/// What a loop tells of so many instruments.
fn definitions(symbols: u32) -> Vec<Vec<u8>> {
    let mut flow = Mdp3Flow::new(OrderFlow::new(FlowOptions {
        symbols,
        messages: 500,
        ..FlowOptions::default()
    }));
    let mut state = Mdp3State::default();
    while let Some(message) = flow.next().unwrap() {
        state.apply(1, message.bytes);
    }
    state.definitions()
}

struct Late {
    channel: Channel<Mdp3Recoverer, Mdp3>,
    sink: Collector,
    now: u64,
}

impl Late {
    fn hear(&mut self, line: u8, packet: &[u8]) {
        self.now += 100;
        self.channel
            .on_packet(LineId(line), self.now, packet, &mut self.sink);
    }

    /// The symbols of the definitions that went out since.
    fn told(&mut self) -> Vec<String> {
        let records = self.sink.published.drain(..);
        records
            .filter_map(|published| match published {
                Published::Record { words, .. }
                    if words[0].to_le_bytes()[1] == dbn::rtype::INSTRUMENT_DEF =>
                {
                    let definition: InstrumentDefMsg = view(&words);
                    Some(definition.raw_symbol().unwrap().to_owned())
                }
                _ => None,
            })
            .collect()
    }
}

/// A channel of one line of the stream and two of definitions, which begins in the middle of the week.
fn late(instruments_max: u16) -> Late {
    let config = Mdp3Config {
        instruments_max,
        ..Mdp3Config::default()
    };
    let config_of_channel = ChannelConfig {
        lines: 3,
        answer_lines: 2,
        ..ChannelConfig::default()
    };
    let decoder = Mdp3Recoverer::new(&config, None).unwrap();
    let mut late = Late {
        channel: Channel::new(config_of_channel, decoder),
        sink: Collector::new(Outputs::NONE.with(Output::Full)),
        now: 0,
    };
    late.hear(0, &packet(5_000, 0, &[]));
    late
}

#[test]
fn one_loop_tells_a_late_starter_all_and_another_line_or_loop_nothing_more() {
    let (all, mut late) = (definitions(20), late(100));
    for (line, number) in [(1, 1), (2, 1), (1, 1), (2, 1)] {
        late.hear(line, &packet(number, 0, &all));
        let told = late.told();
        let expected = if late.now == 200 { 20 } else { 0 };
        assert_eq!(told.len(), expected, "{told:?}");
    }
    let counters = late.channel.decoder().counters();
    assert_eq!((counters.instruments, counters.refresh.repeated), (20, 60));
    assert_eq!(counters.refresh.not_snapshots, 0);
}

#[test]
fn what_is_lost_of_one_loop_is_of_the_next_and_what_changes_is_told() {
    let (mut all, mut late) = (definitions(4), late(100));
    late.hear(1, &packet(1, 0, &all[..2]));
    assert_eq!(late.told().len(), 2);
    late.hear(2, &packet(2, 0, &all[2..3]));
    assert_eq!(late.told().len(), 1);
    // A symbol more in the loop is nothing new of the others.
    for message in &mut all {
        message[9] += 1;
    }
    let last = all[1].len() - 1;
    all[1][last] ^= 1;
    late.hear(1, &packet(1, 0, &all));
    assert_eq!(
        late.told().len(),
        2,
        "one that was lost, one that has changed"
    );
    // Heartbeats are nothing, and neither is what cannot be read, but that counts.
    let mut cut = all[0].clone();
    cut.truncate(40);
    late.hear(1, &packet(3, 0, &[cut]));
    late.hear(1, &packet(4, 0, &[]));
    assert_eq!(late.told().len(), 0);
    assert_eq!(late.channel.decoder().counters().refresh.not_snapshots, 1);
}

#[test]
fn another_week_has_its_definitions_told_anew() {
    let (all, mut late) = (definitions(3), late(100));
    late.hear(1, &packet(1, 0, &all));
    assert_eq!(late.told().len(), 3);
    for number in [1, 2] {
        late.hear(0, &packet(number, 1, &[]));
    }
    // One packet of another week is not believed at once.
    for _ in 0..10 {
        late.now += 1_000_000_000;
        late.channel.on_time(late.now, &mut late.sink);
    }
    // Of the week before.
    late.hear(1, &packet(1, 0, &all));
    assert_eq!(late.told().len(), 0);
    late.hear(1, &packet(1, 1, &all));
    assert_eq!(late.told().len(), 3);
}

#[test]
fn half_of_the_numbers_is_left_for_those_that_have_books() {
    let (all, mut late) = (definitions(10), late(8));
    late.hear(1, &packet(1, 0, &all));
    assert_eq!(late.told().len(), 4);
    assert_eq!(late.channel.decoder().counters().refresh.no_room, 6);
}
