//! Which feeds one packet fits.

use super::{Candidate, Candidates};
use crate::mdp3::sbe::Header;
use crate::mdp3::schema::{HEARTBEAT, SCHEMA_ID, TEMPLATES, UNVIEWED, VERSION};
use crate::pitch::layout::Lengths;
use crate::transport::{Frame, FrameKind, Transport};
use crate::{iex, itch50, mdp3, moldudp64, nasdaq_bbo, pitch};

/// The sending times of MDP 3.0 that are believed: from 2000 to 2100, in nanoseconds since the Unix epoch.
const SENDING_TIMES: std::ops::Range<u64> = 946_684_800_000_000_000..4_102_444_800_000_000_000;

/// Which feeds a packet fits, and how many messages it has for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) candidates: Candidates,
    pub(super) messages: u32,
}

/// Looks at one packet.
pub(super) fn fit(packet: &[u8]) -> Fit {
    let mut all = Fit::default();
    for (candidates, messages) in [moldudp64(packet), iex(packet), pitch(packet), mdp3(packet)]
        .into_iter()
        .flatten()
    {
        all.candidates = all.candidates.or(candidates);
        all.messages = all.messages.max(messages);
    }
    all
}

type Found = Option<(Candidates, u32)>;

/// Of `candidates` those that each message of `frame` leaves, where the messages tile the packet; a packet without messages
/// leaves all, and has nothing behind its header.
fn tiled<T: Transport>(
    frame: &Frame<'_>,
    candidates: Candidates,
    of_message: impl Fn(&[u8]) -> Candidates,
) -> Found {
    let (mut left, mut messages) = (candidates, 0);
    if frame.kind != FrameKind::Data {
        return frame.body.is_empty().then_some((left, 0));
    }
    let walked = T::walk(frame, 0, |_, message| {
        left = left.and(of_message(message));
        messages += 1;
    });
    let whole = walked.cut_at.is_none() && walked.trailing_bytes == 0 && messages > 0;
    (whole && !left.is_empty()).then_some((left, messages))
}

fn moldudp64(packet: &[u8]) -> Found {
    let session = packet.first_chunk::<10>()?;
    let is_text = session.iter().all(|byte| (b' '..=b'~').contains(byte));
    if !is_text && *session != [0; 10] {
        return None;
    }
    let frame = moldudp64::MoldUdp64::frame(packet).ok()?;
    let (itch50, bbo) = (
        Candidates::only(Candidate::Moldudp64Itch50),
        Candidates::only(Candidate::NasdaqBbo),
    );
    tiled::<moldudp64::MoldUdp64>(&frame, itch50.or(bbo), |message| {
        // They share the framing, and no type with its length.
        if is_itch50(message) {
            itch50
        } else if is_nasdaq_bbo(message) {
            bbo
        } else {
            Candidates::NONE
        }
    })
}

/// Whether `message` has a type of Nasdaq BBO 2.1, and its length.
fn is_nasdaq_bbo(message: &[u8]) -> bool {
    message.first().is_some_and(|kind| {
        message.len() == usize::from(nasdaq_bbo::messages::LENGTHS[usize::from(*kind)])
    })
}

/// Whether `message` has a type of ITCH 5.0, and its length.
pub(super) fn is_itch50(message: &[u8]) -> bool {
    message.first().is_some_and(|kind| {
        message.len() == usize::from(itch50::messages::LENGTHS[usize::from(*kind)])
    })
}

fn iex(packet: &[u8]) -> Found {
    let header = packet.first_chunk::<{ iex::transport::HEADER_BYTES }>()?;
    let stated = usize::from(u16::from_le_bytes([header[12], header[13]]));
    if stated != packet.len() - header.len() {
        return None;
    }
    let candidate = match u16::from_le_bytes([header[2], header[3]]) {
        iex::TOPS => Candidate::IexTops,
        iex::DEEP => Candidate::IexDeep,
        iex::DEEP_PLUS => Candidate::IexDeepPlus,
        _ => return None,
    };
    // The three differ in the protocol's number alone.
    let frame = match candidate {
        Candidate::IexTops => iex::IexTp::<{ iex::TOPS }>::frame(packet),
        Candidate::IexDeep => iex::IexTp::<{ iex::DEEP }>::frame(packet),
        _ => iex::IexTp::<{ iex::DEEP_PLUS }>::frame(packet),
    };
    let candidates = Candidates::only(candidate);
    tiled::<iex::IexTp<{ iex::TOPS }>>(&frame.ok()?, candidates, |message| {
        let fits = message.first().is_some_and(|kind| {
            message.len() == usize::from(iex::messages::LENGTHS[usize::from(*kind)])
        });
        if fits { candidates } else { Candidates::NONE }
    })
}

fn pitch(packet: &[u8]) -> Found {
    let stated = usize::from(u16::from_le_bytes(*packet.first_chunk::<2>()?));
    if stated != packet.len() {
        return None;
    }
    let frame = pitch::PitchUnit::frame(packet).ok()?;
    let markets = || {
        Candidate::ALL
            .into_iter()
            .filter(|of| of.pitch_market().is_some())
    };
    tiled::<pitch::PitchUnit>(&frame, markets().collect(), |message| {
        let fitting = markets().filter(|of| {
            let market = of.pitch_market();
            market.is_some_and(|market| Lengths::of(market).fit(message))
        });
        fitting.collect()
    })
}

fn mdp3(packet: &[u8]) -> Found {
    let header = packet.first_chunk::<{ mdp3::transport::HEADER_BYTES }>()?;
    let [_, _, _, _, time @ ..] = *header;
    if !SENDING_TIMES.contains(&u64::from_le_bytes(time)) {
        return None;
    }
    let frame = mdp3::Mdp3::frame(packet).ok()?;
    let candidates = Candidates::only(Candidate::Mdp3);
    tiled::<mdp3::Mdp3>(&frame, candidates, |message| {
        if is_mdp3(message) {
            candidates
        } else {
            Candidates::NONE
        }
    })
}

/// Whether `message` follows a template of schema 1, or may follow one of a later version than is known.
fn is_mdp3(message: &[u8]) -> bool {
    let Some((header, body)) = Header::split(message) else {
        return false;
    };
    let id = header.template_id;
    let is_known = id == HEARTBEAT
        || UNVIEWED.contains(&id)
        || TEMPLATES.iter().any(|template| template.id == id)
        || header.version > VERSION;
    header.schema_id == SCHEMA_ID && is_known && usize::from(header.block_length) <= body.len()
}
