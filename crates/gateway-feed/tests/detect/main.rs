//! Which feed packets are of: never another one's alone, whatever our encoders write.

#![allow(clippy::unwrap_used, reason = "tests")]

mod captures;
mod streams;

use gateway_feed::detect::{Candidate, Candidates, FlowEvidence, Verdict, verdict};
use gateway_feed::{moldudp64, pitch};
use gateway_sim::flow::{FlowOptions, OrderFlow, PitchFlow};
use gateway_sim::source::Source;

use streams::Stream;

/// What a flow of these packets shows.
pub(crate) fn evidence<'a>(packets: impl IntoIterator<Item = &'a Vec<u8>>) -> FlowEvidence {
    let mut evidence = FlowEvidence::default();
    for packet in packets {
        evidence.packet(packet);
    }
    evidence
}

fn flow(messages: u64) -> OrderFlow {
    OrderFlow::new(FlowOptions {
        symbols: 5,
        messages,
        orders_max: 64,
        ..FlowOptions::default()
    })
}

/// A day of the simulated exchange in MoldUDP64.
fn itch_day() -> Vec<Vec<u8>> {
    let mut flow = flow(2_000);
    let mut builder = moldudp64::PacketBuilder::new(moldudp64::Session(*b"20261120A "), 1, 1_400);
    let mut packets = vec![builder.heartbeat().to_vec()];
    while let Some(message) = flow.next() {
        builder.push(message.bytes).unwrap();
        builder.finish(|packet| packets.push(packet.to_vec()));
    }
    packets.push(builder.end_of_session().to_vec());
    packets
}

/// The same day in PITCH.
fn pitch_day() -> Vec<Vec<u8>> {
    let mut flow = PitchFlow::new(flow(2_000));
    let mut builder = pitch::PacketBuilder::new(1, 1, 1_400);
    let mut packets = Vec::new();
    builder.finish(|heartbeat| packets.push(heartbeat.to_vec()));
    while let Some(message) = flow.next().unwrap() {
        builder.push(message.bytes).unwrap();
        builder.finish(|packet| packets.push(packet.to_vec()));
    }
    packets
}

#[test]
fn a_day_of_the_simulated_exchange_is_of_its_feed() {
    let itch = evidence(&itch_day());
    assert_eq!(verdict([&itch]), Verdict::One(Candidate::Moldudp64Itch50));
    assert_eq!(itch.packets(), itch.fitting());
    let pitch = evidence(&pitch_day());
    assert_eq!(verdict([&pitch]), Verdict::One(Candidate::PitchEquities));
    assert_eq!(pitch.packets(), pitch.fitting());
}

#[test]
fn messages_that_markets_share_leave_them_all_and_one_that_they_do_not_decides() {
    // "Time" and "Delete Order" are the same everywhere.
    let mut shared = Stream::new(Candidate::PitchFutures);
    shared.push(&[0x20, 0, 0, 0, 0]);
    shared.push(&[0x29; 13]);
    let shared = evidence(&shared.packets());
    let markets = Candidate::ALL.into_iter();
    let markets: Candidates = markets.filter(|of| of.pitch_market().is_some()).collect();
    assert_eq!(verdict([&shared]), Verdict::Ambiguous(markets));

    // "Open Interest" is of futures alone; the flow beside it is then of futures, too.
    let mut own = Stream::new(Candidate::PitchFutures);
    own.push(&[0xD3; 19]);
    let own = evidence(&own.packets());
    assert_eq!(verdict([&own]), Verdict::One(Candidate::PitchFutures));
    assert_eq!(
        verdict([&shared, &own]),
        Verdict::One(Candidate::PitchFutures)
    );
}

#[test]
fn headers_that_feeds_share_are_no_proof_and_one_that_names_its_feed_is() {
    for candidate in Candidate::ALL {
        let mut stream = Stream::new(candidate);
        stream.heartbeat();
        let expected = match candidate {
            Candidate::IexTops | Candidate::IexDeep | Candidate::IexDeepPlus => {
                Verdict::One(candidate)
            }
            // Its heartbeat is a message.
            Candidate::Mdp3 => Verdict::One(candidate),
            Candidate::Moldudp64Itch50 | Candidate::NasdaqBbo => {
                let in_moldudp64 = [Candidate::Moldudp64Itch50, Candidate::NasdaqBbo];
                Verdict::Heartbeats(in_moldudp64.into_iter().collect())
            }
            _ => {
                let all = Candidate::ALL.into_iter();
                Verdict::Heartbeats(all.filter(|of| of.pitch_market().is_some()).collect())
            }
        };
        assert_eq!(
            verdict([&evidence(&stream.packets())]),
            expected,
            "{candidate:?}"
        );
    }
}

#[test]
fn two_feeds_are_no_decision_and_traffic_that_is_none_has_no_say() {
    let (itch, pitch) = (evidence(&itch_day()), evidence(&pitch_day()));
    let both = [Candidate::Moldudp64Itch50, Candidate::PitchEquities];
    let different = Verdict::Different(both.into_iter().collect());
    assert_eq!(verdict([&itch, &pitch]), different);
    // Also on one group and port, where all that any of its packets fits is named.
    let mixed: Vec<_> = itch_day().into_iter().chain(pitch_day()).collect();
    let Verdict::Different(named) = verdict([&evidence(&mixed)]) else {
        panic!("a decision");
    };
    assert!(both.iter().all(|one| named.contains(*one)), "{named:?}");

    let other = evidence(&vec![b"a line of a log".to_vec(); 3]);
    assert_eq!((other.packets(), other.fitting()), (3, 0));
    assert_eq!(verdict([&other]), Verdict::Unknown);
    assert_eq!(
        verdict([&other, &itch]),
        Verdict::One(Candidate::Moldudp64Itch50)
    );
    assert_eq!(verdict([]), Verdict::Unknown);
}

#[test]
fn a_flow_is_known_while_no_more_than_a_quarter_of_it_fits_nothing() {
    let mut packets = vec![pitch_day().swap_remove(1); 3];
    packets.push(vec![0; 30]);
    assert!(evidence(&packets).is_known());
    packets.push(vec![0; 30]);
    let flow = evidence(&packets);
    assert!(!flow.is_known());
    assert!(flow.candidates().is_empty());
    assert_eq!(verdict([&flow]), Verdict::Unknown);
}

#[test]
fn what_is_cut_or_padded_fits_nothing() {
    for candidate in Candidate::ALL {
        let mut stream = Stream::new(candidate);
        stream.push_any(7, 3);
        let packet = stream.packets().swap_remove(0);
        assert_eq!(evidence([&packet]).fitting(), 1, "{candidate:?}");
        let cut = packet[..packet.len() - 1].to_vec();
        let padded = [&packet[..], &[0]].concat();
        for packet in [cut, padded] {
            assert_eq!(evidence([&packet]).fitting(), 0, "{candidate:?}");
        }
    }
}

#[test]
fn messages_of_a_file_are_looked_at_alone() {
    let mut file = FlowEvidence::default();
    let mut flow = flow(500);
    while let Some(message) = flow.next() {
        file.message(message.bytes);
    }
    assert_eq!(verdict([&file]), Verdict::One(Candidate::Moldudp64Itch50));
    let mut other = FlowEvidence::default();
    other.message(b"Another protocol's");
    other.message(b"");
    assert_eq!(verdict([&other]), Verdict::Unknown);
}
