//! The report is what receivers see, whatever the lines do; exact, because the clock is virtual.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use gateway_capture::{CaptureError, CaptureReader, ItchFileReader};
use gateway_feed::moldudp64::{Packet, PacketKind, Session};
use gateway_sim::SimError;
use gateway_sim::capture_source::CaptureSource;
use gateway_sim::clock::{Pace, VirtualClock};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_sim::impairment::{Impairments, REORDER_WAIT_NS};
use gateway_sim::packetiser::{Framing, PackOptions};
use gateway_sim::publisher::{Line, PublishOptions, publish};
use gateway_sim::ranges::Ranges;
use gateway_sim::report::Report;
use gateway_sim::source::{ItchFileSource, Source, SourceMessage};
use gateway_sim::transmit::{Outgoing, PcapFile, Transmit};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const SESSION: Session = Session(*b"TEST      ");

/// What came over a line.
#[derive(Clone, Default)]
struct Receiver(Rc<RefCell<Vec<Outgoing>>>);

impl Transmit for Receiver {
    fn send(&mut self, packets: &[Outgoing]) -> (usize, io::Result<()>) {
        self.0.borrow_mut().extend_from_slice(packets);
        (packets.len(), Ok(()))
    }
}

/// A line that breaks after so many packets.
struct Breaking {
    receiver: Receiver,
    left: usize,
}

impl Transmit for Breaking {
    fn send(&mut self, packets: &[Outgoing]) -> (usize, io::Result<()>) {
        let sent = packets.len().min(self.left);
        self.left -= sent;
        let (_, result) = self.receiver.send(&packets[..sent]);
        let broken = || Err(io::ErrorKind::NetworkDown.into());
        (
            sent,
            if sent < packets.len() {
                broken()
            } else {
                result
            },
        )
    }
}

/// A line's datagrams, told apart.
#[derive(Default)]
struct Seen {
    /// Messages by sequence number, and how often the packet with it came.
    messages: BTreeMap<u64, (Vec<u8>, u64)>,
    packets: u64,
    heartbeats: Vec<(u64, u64)>,
    ends: u64,
    /// First sequence numbers of data packets, with their times.
    order: Vec<(u64, u64)>,
    /// Data packets that came behind a packet, of whatever kind, with a higher sequence number.
    reordered: BTreeSet<u64>,
}

impl Receiver {
    fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        let mut highest = 0;
        for outgoing in self.0.borrow().iter() {
            let packet = Packet::parse(&outgoing.payload).unwrap();
            assert_eq!(packet.session, SESSION);
            if packet.sequence < highest && matches!(packet.kind, PacketKind::Data { .. }) {
                seen.reordered.insert(packet.sequence);
            }
            highest = highest.max(packet.sequence);
            match packet.kind {
                PacketKind::Heartbeat => seen.heartbeats.push((outgoing.at_ns, packet.sequence)),
                PacketKind::EndOfSession => seen.ends += 1,
                PacketKind::Data { count } => {
                    seen.packets += 1;
                    seen.order.push((outgoing.at_ns, packet.sequence));
                    let mut sequence = packet.sequence;
                    for message in packet.messages() {
                        let entry = seen
                            .messages
                            .entry(sequence)
                            .or_insert((message.bytes.to_vec(), 0));
                        entry.1 += 1;
                        sequence += 1;
                    }
                    assert_eq!(sequence - packet.sequence, u64::from(count));
                }
            }
        }
        seen
    }
}

fn options(seed: u64) -> PublishOptions {
    PublishOptions {
        pack: PackOptions {
            framing: Framing::MoldUdp64,
            session: SESSION,
            first_sequence: 1,
            messages_max: 5,
            mtu: 1500,
            window_ns: None,
        },
        pace: Pace::Asap,
        heartbeat_ns: Some(SECOND),
        end_of_session: true,
        seed,
        batch: 1,
    }
}

/// Publishes `source` on lines with `impairments`.
fn run(
    source: &mut impl Source,
    options: PublishOptions,
    impairments: &[Impairments],
) -> (Report, Vec<Seen>) {
    let receivers: Vec<_> = impairments.iter().map(|_| Receiver::default()).collect();
    let lines = impairments.iter().zip(&receivers).zip(["A", "B"]).map(
        |((impairments, receiver), name)| Line {
            name: name.to_owned(),
            destination: "239.1.1.1:5001".parse().unwrap(),
            impairments: *impairments,
            transmit: Box::new(receiver.clone()),
        },
    );
    let (report, error) = publish(
        source,
        lines.collect(),
        options,
        &mut VirtualClock::default(),
        &mut |_| (),
    );
    assert!(error.is_none(), "{error:?}");
    assert!(!report.interrupted);
    (report, receivers.iter().map(Receiver::seen).collect())
}

fn day(seed: u64, messages: u64) -> OrderFlow {
    OrderFlow::new(FlowOptions {
        seed,
        symbols: 5,
        messages,
        ..FlowOptions::default()
    })
}

fn messages_of(mut source: impl Source) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some(message) = source.next().unwrap() {
        messages.push(message.bytes.to_vec());
    }
    messages
}

fn impairments() -> impl Strategy<Value = Impairments> {
    (
        0.0..0.5,
        0.0..0.3,
        0.0..0.3,
        0_u64..200_000,
        prop_oneof![Just(0), 0_u64..200_000],
    )
        .prop_map(
            |(loss, duplicate, reorder, delay_ns, jitter_ns)| Impairments {
                loss,
                duplicate,
                reorder,
                delay_ns,
                jitter_ns,
            },
        )
}

fn pace() -> impl Strategy<Value = Pace> {
    prop_oneof![
        Just(Pace::Asap),
        (0.1..100.0).prop_map(|speed| Pace::Capture { speed }),
        (100.0..1e7).prop_map(|messages_per_s| Pace::Rate { messages_per_s }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn receivers_can_be_reconciled_with_the_report(
        seed: u64,
        messages in 26_u64..600,
        first_sequence in prop_oneof![Just(1), 1_u64..u64::MAX / 2],
        messages_max in 1_u16..40,
        lines in prop::collection::vec(impairments(), 1..=2),
        pace in pace(),
    ) {
        let mut options = options(seed);
        options.pack.first_sequence = first_sequence;
        options.pack.messages_max = messages_max;
        options.pace = pace;
        let sent = messages_of(day(seed, messages));
        let (report, seen) = run(&mut day(seed, messages), options, &lines);

        prop_assert_eq!(report.messages, messages);
        prop_assert_eq!(report.last_sequence, first_sequence + messages - 1);
        prop_assert_eq!(report.by_type.values().sum::<u64>(), messages);
        let mut lost: Vec<u64> = (first_sequence..first_sequence + messages).collect();
        for (seen, line) in seen.iter().zip(report.lines.values()) {
            let counts = &line.counts;
            prop_assert_eq!(counts.packets_sent + counts.packets_dropped, report.packets);
            prop_assert_eq!(counts.messages_sent + counts.messages_dropped, report.messages);
            prop_assert_eq!(seen.packets, counts.packets_sent + counts.duplicated);
            prop_assert_eq!(seen.messages.len() as u64, counts.messages_sent);
            prop_assert_eq!(counts.packets_unsent + counts.messages_unsent, 0);
            let of_packets: u64 = seen.messages.values().map(|(_, copies)| copies).sum();
            prop_assert_eq!(of_packets, counts.messages_sent + counts.messages_duplicated);
            for (seen, counts, offered) in [
                (seen.heartbeats.len() as u64, counts.heartbeats, report.heartbeats),
                (seen.ends, counts.end_of_session, report.end_of_session),
            ] {
                prop_assert!(seen > 0);
                prop_assert_eq!(seen, counts.sent + counts.duplicated);
                prop_assert_eq!(offered, counts.sent + counts.dropped);
            }
            prop_assert_eq!(seen.reordered.len() as u64, counts.reordered);
            let mut dropped = Ranges::default();
            for sequence in first_sequence..first_sequence + messages {
                match seen.messages.get(&sequence) {
                    Some((bytes, _)) => prop_assert_eq!(bytes, &sent[(sequence - first_sequence) as usize]),
                    None => dropped.add(sequence, 1),
                }
            }
            prop_assert_eq!(&counts.dropped, &dropped);
            lost.retain(|sequence| !seen.messages.contains_key(sequence));
            // The first heartbeat tells where the session starts, the last where it ended.
            prop_assert_eq!(seen.heartbeats.first().unwrap().1, first_sequence);
            prop_assert_eq!(seen.heartbeats.last().unwrap().1, first_sequence + messages);
        }
        let mut lost_on_both = Ranges::default();
        lost.iter().for_each(|sequence| lost_on_both.add(*sequence, 1));
        prop_assert_eq!(report.lost_on_both, lost_on_both);
    }

    #[test]
    fn a_capture_of_both_lines_replays_what_either_had(seed: u64, lines in prop::collection::vec(impairments(), 2)) {
        let sent = messages_of(day(seed, 400));
        let bytes = Rc::new(RefCell::new(Vec::new()));
        let file = PcapFile::new(Box::new(Shared(Rc::clone(&bytes))), 0).unwrap();
        let outputs = lines.iter().zip(["A", "B"]).map(|(impairments, name)| {
            let destination = "239.1.1.1:5001".parse().unwrap();
            Line {
                name: name.to_owned(),
                destination,
                impairments: *impairments,
                transmit: Box::new(file.line(destination)),
            }
        });
        let options = PublishOptions { pace: Pace::Capture { speed: 1.0 }, ..options(seed) };
        let (report, _) =
            publish(&mut day(seed, 400), outputs.collect(), options, &mut VirtualClock::default(), &mut |_| ());
        file.flush().unwrap();

        let bytes = bytes.borrow();
        let mut source = CaptureSource::new(CaptureReader::from_reader("test", bytes.as_slice()).unwrap());
        let lost: Vec<_> = report.lost_on_both.runs().iter().flat_map(|(first, last)| *first..=*last).collect();
        let delivered: Vec<_> = (1..=400).filter(|sequence| !lost.contains(sequence)).collect();
        prop_assert_eq!(source.session(), delivered.first().map(|first| (SESSION, *first)));
        let mut replayed = Vec::new();
        let mut sequence = delivered.first().copied().unwrap_or(1);
        while let Some(message) = source.next().unwrap() {
            sequence += message.missing;
            prop_assert_eq!(message.bytes, &sent[sequence as usize - 1]);
            replayed.push(sequence);
            sequence += 1;
        }
        prop_assert_eq!(&replayed, &delivered);
        // What is lost before the first and behind the last message, a capture cannot show.
        let between = lost.iter().filter(|lost| Some(*lost) > delivered.first() && Some(*lost) < delivered.last());
        prop_assert_eq!(source.counts().missing.messages(), between.count() as u64);
        prop_assert_eq!(source.counts().not_moldudp64, 0);
    }
}

struct Shared(Rc<RefCell<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_differ_by_their_delay_and_the_rate_is_even() {
    let mut options = options(1);
    options.pace = Pace::Rate {
        messages_per_s: 1_000.0,
    };
    let delayed = Impairments {
        delay_ns: 150_000,
        ..Impairments::default()
    };
    let (report, seen) = run(
        &mut day(1, 100),
        options,
        &[Impairments::default(), delayed],
    );
    assert_eq!(report.packets, 20);
    for (index, ((a_ns, a), (b_ns, b))) in (0..).zip(seen[0].order.iter().zip(&seen[1].order)) {
        assert_eq!((*a_ns, *a), (index * 5_000_000, 1 + index * 5));
        assert_eq!((*b_ns, *b), (a_ns + 150_000, *a));
    }
    assert_eq!(report.late_max_us, 0);
}

/// Messages far apart, as (time in nanoseconds, missing before it).
struct Sparse(Vec<(u64, u64)>);

impl Source for Sparse {
    fn next(&mut self) -> Result<Option<gateway_sim::source::SourceMessage<'_>>, CaptureError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (time_ns, missing) = self.0.remove(0);
        Ok(Some(gateway_sim::source::SourceMessage {
            time_ns,
            missing,
            bytes: b"message",
        }))
    }
}

#[test]
fn silence_is_filled_with_heartbeats_that_announce_nothing_unsent() {
    let mut options = options(1);
    options.pace = Pace::Capture { speed: 1.0 };
    options.pack.window_ns = Some(1_000);
    let reorder = Impairments {
        reorder: 1.0,
        ..Impairments::default()
    };
    let mut source = Sparse(vec![
        (7, 0),
        (7 + 3 * SECOND + SECOND / 2, 0),
        (7 + 4 * SECOND, 2),
    ]);
    let (report, seen) = run(&mut source, options, &[Impairments::default(), reorder]);
    // On the second line everything waits to be overtaken, as long as it may, but by what is first and last.
    for (seen, wait) in seen.iter().zip([0, REORDER_WAIT_NS]) {
        assert_eq!(
            seen.heartbeats,
            [
                (0, 1),
                (SECOND + wait, 2),
                (2 * SECOND + wait, 2),
                (3 * SECOND + wait, 2),
                (4 * SECOND, 6)
            ],
            "at the start, each idle second, at the end"
        );
        assert_eq!(
            seen.order,
            [
                (wait, 1),
                (3 * SECOND + SECOND / 2 + wait, 2),
                (4 * SECOND, 5)
            ]
        );
    }
    assert_eq!(report.lines["B"].counts.reordered, 0);
    assert_eq!((report.messages, report.last_sequence), (3, 5));
}

#[test]
fn without_heartbeats_and_end_there_is_data_only() {
    let options = PublishOptions {
        heartbeat_ns: None,
        end_of_session: false,
        ..options(1)
    };
    let (report, seen) = run(&mut day(1, 50), options, &[Impairments::default()]);
    assert_eq!((report.heartbeats, report.end_of_session), (0, 0));
    assert!(seen[0].heartbeats.is_empty() && seen[0].ends == 0);
}

#[test]
fn a_cut_file_is_published_up_to_the_cut_and_named() {
    let mut file = Vec::new();
    for message in messages_of(day(1, 40)) {
        file.extend((message.len() as u16).to_be_bytes());
        file.extend(message);
    }
    file.truncate(file.len() - 3);
    let receiver = Receiver::default();
    let lines = vec![Line {
        name: "A".to_owned(),
        destination: "239.1.1.1:5001".parse().unwrap(),
        impairments: Impairments::default(),
        transmit: Box::new(receiver.clone()),
    }];
    let mut source = ItchFileSource::new(ItchFileReader::from_reader("cut.itch", file.as_slice()));
    let (report, error) = publish(
        &mut source,
        lines,
        options(1),
        &mut VirtualClock::default(),
        &mut |_| (),
    );
    assert!(
        error
            .unwrap()
            .to_string()
            .starts_with("cut.itch: ends inside the record at offset")
    );
    assert_eq!((report.messages, report.interrupted), (39, true));
    assert_eq!(receiver.seen().messages.len(), 39);
}

/// Short messages, then one that no packet can hold.
struct TooLong(u64);

impl Source for TooLong {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        self.0 += 1;
        Ok(Some(SourceMessage {
            time_ns: self.0,
            missing: 0,
            bytes: if self.0 < 12 { &[b'x'; 20] } else { &[0; 2000] },
        }))
    }
}

/// What came before it is published, and what counts as sent was sent.
#[test]
fn a_message_that_fits_no_packet_ends_the_session_behind_those_before_it() {
    let receiver = Receiver::default();
    let line = Line {
        name: "A".to_owned(),
        destination: "239.1.1.1:5001".parse().unwrap(),
        impairments: Impairments {
            delay_ns: 1_000,
            ..Impairments::default()
        },
        transmit: Box::new(receiver.clone()),
    };
    let options = PublishOptions {
        batch: 32,
        ..options(1)
    };
    let (report, error) = publish(
        &mut TooLong(0),
        vec![line],
        options,
        &mut VirtualClock::default(),
        &mut |_| (),
    );
    assert!(
        matches!(error, Some(SimError::Pack { sequence: 12, .. })),
        "{error:?}"
    );
    assert!(report.interrupted);
    let seen = receiver.seen();
    assert_eq!(seen.messages.len(), 11);
    assert_eq!((report.messages, report.last_sequence), (11, 11));
    assert_eq!(report.lines["A"].counts.packets_sent, seen.packets);
}

/// However much a line loses, it tells where the session begins and ends; a dead one says nothing and holds up nobody.
#[test]
fn first_heartbeat_last_one_and_end_come_through() {
    let lossy = Impairments {
        loss: 0.95,
        ..Impairments::default()
    };
    let dead = Impairments {
        loss: 1.0,
        ..Impairments::default()
    };
    for seed in 0..20 {
        let (report, seen) = run(&mut day(seed, 30), options(seed), &[lossy, dead]);
        assert_eq!(seen[0].heartbeats.first().unwrap().1, 1);
        assert_eq!(seen[0].heartbeats.last().unwrap().1, 31);
        assert!(seen[0].ends > 0);
        assert_eq!(
            seen[1].heartbeats.len() as u64 + seen[1].packets + seen[1].ends,
            0
        );
        assert_eq!(report.lines["B"].counts.messages_dropped, 30);
        assert!(report.heartbeats < 400, "{}", report.heartbeats);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A line that breaks ends the session; the report tells what was sent by then, and nothing more.
    #[test]
    fn what_could_not_be_sent_does_not_count_as_sent(
        seed: u64,
        lines in prop::collection::vec(impairments(), 2),
        left in prop::collection::vec(0_usize..400, 2),
        batch in 1_usize..=32,
        pace in pace(),
    ) {
        let receivers = [Receiver::default(), Receiver::default()];
        let outlets = lines.iter().zip(&receivers).zip(&left).zip(["A", "B"]);
        let outlets = outlets.map(|(((impairments, receiver), left), name)| Line {
            name: name.to_owned(),
            destination: "239.1.1.1:5001".parse().unwrap(),
            impairments: *impairments,
            transmit: Box::new(Breaking { receiver: receiver.clone(), left: *left }),
        });
        let options = PublishOptions { batch, pace, ..options(seed) };
        let (report, error) =
            publish(&mut day(seed, 600), outlets.collect(), options, &mut VirtualClock::default(), &mut |_| ());

        prop_assert_eq!(report.interrupted, error.is_some());
        prop_assert_eq!(report.by_type.values().sum::<u64>(), report.messages);
        let mut nowhere: BTreeSet<u64> = (1..=report.messages).collect();
        for (receiver, line) in receivers.iter().zip(report.lines.values()) {
            let (seen, counts) = (receiver.seen(), &line.counts);
            prop_assert_eq!(counts.packets_sent + counts.packets_dropped + counts.packets_unsent, report.packets);
            prop_assert_eq!(counts.messages_sent + counts.messages_dropped + counts.messages_unsent, report.messages);
            prop_assert_eq!(seen.packets, counts.packets_sent + counts.duplicated);
            prop_assert_eq!(seen.messages.len() as u64, counts.messages_sent);
            prop_assert_eq!(seen.reordered.len() as u64, counts.reordered);
            prop_assert_eq!(seen.heartbeats.len() as u64, counts.heartbeats.sent + counts.heartbeats.duplicated);
            prop_assert_eq!(seen.ends, counts.end_of_session.sent + counts.end_of_session.duplicated);
            nowhere.retain(|sequence| !seen.messages.contains_key(sequence));
        }
        let mut lost = Ranges::default();
        nowhere.iter().for_each(|sequence| lost.add(*sequence, 1));
        prop_assert_eq!(report.lost_on_both, lost);
    }
}
