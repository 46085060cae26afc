//! The oracle that tests and the fuzz target share.

use super::fits::fit;
use super::{Candidate, FlowEvidence, Verdict, verdict};
use crate::transport::{FrameKind, Transport};
use crate::{iex, mdp3, moldudp64, pitch};

/// Any bytes as a row of packets, each behind a little-endian length of two bytes: whatever a packet is said to fit, that
/// feed's own transport reads to its last byte, and a verdict names what all packets fit.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn exercise(row: &[u8]) {
    let (mut flow, mut rest) = (FlowEvidence::default(), row);
    let mut fitting = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(behind.len());
        let (packet, next) = behind.split_at(length);
        flow.packet(packet);
        let fit = fit(packet);
        for candidate in fit.candidates.iter() {
            let messages = match candidate {
                Candidate::Moldudp64Itch50 | Candidate::NasdaqBbo => {
                    read::<moldudp64::MoldUdp64>(packet)
                }
                Candidate::IexTops => read::<iex::IexTp<{ iex::TOPS }>>(packet),
                Candidate::IexDeep => read::<iex::IexTp<{ iex::DEEP }>>(packet),
                Candidate::IexDeepPlus => read::<iex::IexTp<{ iex::DEEP_PLUS }>>(packet),
                Candidate::PitchEquities
                | Candidate::PitchOptions
                | Candidate::PitchComplex
                | Candidate::PitchFutures => read::<pitch::PitchUnit>(packet),
                Candidate::Mdp3 => read::<mdp3::Mdp3>(packet),
            };
            assert!(messages <= fit.messages, "{candidate:?}");
        }
        if !fit.candidates.is_empty() {
            fitting.push(fit.candidates);
        }
        rest = next;
    }
    assert_eq!(flow.fitting(), fitting.len() as u64);
    assert!(flow.packets() >= flow.fitting());
    let in_all = |one| fitting.iter().all(|each| each.contains(one));
    match verdict([&flow]) {
        Verdict::One(one) => assert!(flow.is_known() && in_all(one)),
        Verdict::Ambiguous(several) => {
            assert!(flow.is_known() && several.single().is_none());
            assert!(several.iter().all(in_all));
        }
        Verdict::Heartbeats(several) => assert!(several.iter().all(in_all)),
        Verdict::Different(_) => assert!(!Candidate::ALL.into_iter().any(in_all)),
        Verdict::Unknown => assert!(!flow.is_known()),
    }
}

/// How many messages the transport finds; all of the packet is read.
fn read<T: Transport>(packet: &[u8]) -> u32 {
    let frame = match T::frame(packet) {
        Ok(frame) => frame,
        Err(error) => panic!("{} refuses what fits it: {error}", T::NAME),
    };
    if frame.kind != FrameKind::Data {
        assert!(frame.body.is_empty(), "bytes behind a heartbeat");
        return 0;
    }
    let mut messages = 0;
    let walked = T::walk(&frame, 0, |_, _| messages += 1);
    assert_eq!((walked.whole, walked.trailing_bytes), (frame.count, 0));
    assert_eq!(walked.cut_at, None);
    messages
}
