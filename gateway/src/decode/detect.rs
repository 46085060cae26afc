//! Which protocol a file is to be read as, told by what is in it: `gateway decode --protocol auto`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use gateway_capture::{CaptureError, CaptureReader, FileKind, ItchFileReader, sniff};
use gateway_feed::detect::{Candidate, Candidates, FlowEvidence, Verdict, verdict};
use serde::Serialize;

use super::Protocol;
use crate::config::model::Venue;

/// Packets, or messages, that are looked at in any case: another flow may begin late.
const LOOKED_AT_MIN: u64 = 1 << 12;
/// The most that are looked at while they leave several protocols.
const LOOKED_AT_MAX: u64 = 1 << 20;
/// The most groups and ports that are told apart: for a further one those that fit nothing are forgotten, and counted anew.
const FLOWS_MAX: usize = 1_024;
/// Flows that a message lists.
const FLOWS_LISTED_MAX: usize = 8;

/// Group and port.
type Address = ([u8; 4], u16);

/// What a file was found to hold, and why. Serialises as part of what `gateway decode --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// The name of the protocol, as `--protocol` has it.
    pub protocol: &'static str,
    /// Groups and ports whose packets are of it; 0 in a file without packets.
    pub flows: u64,
    /// Those whose packets are of no protocol that is known.
    pub other_flows: u64,
    /// Packets of the former that were looked at, or messages in a file without packets.
    pub looked_at: u64,
    /// Of these, those that fit the protocol.
    pub fitting: u64,
    /// What they were checked for, and what decided where that is not all.
    pub why: String,
    /// The name of the venue whose messages they are taken for.
    pub venue: &'static str,
    /// Whether that is a guess: the protocol has several venues, and none was named.
    pub venue_assumed: bool,
}

impl Detected {
    /// With the venue that was named, or the protocol's first.
    fn of(self, protocol: Protocol, venue: Option<Venue>) -> Self {
        let venues = protocol.venues();
        Self {
            venue: venue.unwrap_or(venues[0]).name(),
            venue_assumed: venue.is_none() && venues.len() > 1,
            ..self
        }
    }
}

/// Why it is not known what a file holds.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// It is unreadable, or damaged where it is looked at.
    #[error(transparent)]
    File(#[from] CaptureError),
    /// Looking at a pipe takes from it what is to be decoded.
    #[error(
        "{path} is no file that can be read twice, as --protocol auto does: save it to one, or name the protocol with --protocol"
    )]
    Pipe {
        /// The file.
        path: String,
    },
    /// The packets fit several protocols, or are of several.
    #[error("{path}: {found}")]
    Undecided {
        /// The file.
        path: String,
        /// What was found and what to do.
        found: String,
    },
}

/// Looks at the first packets, or messages, of `path`. Where they fit several protocols, `venue` may decide.
///
/// # Errors
/// See [`DetectError`].
pub fn detect(path: &Path, venue: Option<Venue>) -> Result<(Protocol, Detected), DetectError> {
    let name = || path.display().to_string();
    // Who opens it reports a file that is missing.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(DetectError::Pipe { path: name() });
    }
    let undecided = |found: String| DetectError::Undecided {
        path: name(),
        found,
    };
    let (protocol, detected) = match sniff(path)? {
        FileKind::LengthPrefixed => of_messages(path).map_err(|error| match error {
            Problem::File(error) => error.into(),
            Problem::Undecided(found) => undecided(found),
        }),
        FileKind::Pcap | FileKind::Pcapng => {
            let flows = flows_of(path)?;
            of_flows(&flows, venue).map_err(undecided)
        }
        FileKind::Unknown => Err(undecided(
            "neither a pcap nor a pcapng capture, nor messages behind their lengths; name what it holds with --protocol"
                .to_owned(),
        )),
    }?;
    Ok((protocol, detected.of(protocol, venue)))
}

enum Problem {
    File(CaptureError),
    Undecided(String),
}

fn of_messages(path: &Path) -> Result<(Protocol, Detected), Problem> {
    let mut reader = ItchFileReader::open(path).map_err(Problem::File)?;
    let mut file = FlowEvidence::default();
    while file.packets() < LOOKED_AT_MIN {
        match reader.next() {
            Ok(Some((_, message))) => file.message(message),
            Ok(None) => break,
            // Its first messages tell enough; the decoder finds the damage again.
            Err(_) if file.packets() > 0 => break,
            Err(error) => return Err(Problem::File(error)),
        }
    }
    if verdict([&file]) != Verdict::One(Candidate::Moldudp64Itch50) {
        return Err(Problem::Undecided(format!(
            "messages behind their lengths, of which {} of the first {} have a type and length of ITCH 5.0: not a file \
             of a protocol that is known",
            file.fitting(),
            file.packets()
        )));
    }
    let detected = Detected {
        protocol: name(Protocol::Itch50),
        flows: 0,
        other_flows: 0,
        looked_at: file.packets(),
        fitting: file.fitting(),
        why: "messages behind their lengths, of types and lengths of ITCH 5.0".to_owned(),
        venue: "",
        venue_assumed: false,
    };
    Ok((Protocol::Itch50, detected))
}

/// Looks at packets until they leave one protocol, or none.
fn flows_of(path: &Path) -> Result<BTreeMap<Address, FlowEvidence>, CaptureError> {
    let mut reader = CaptureReader::open(path)?;
    let mut flows = BTreeMap::new();
    let mut count = 0;
    while count < LOOKED_AT_MAX {
        if count >= LOOKED_AT_MIN && count.is_multiple_of(LOOKED_AT_MIN) && is_settled(&flows) {
            break;
        }
        let packet = match reader.next() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // What came before tells enough, or it is told that it does not; the decoder finds the damage again.
            Err(_) if !flows.is_empty() => break,
            Err(error) => return Err(error),
        };
        count += 1;
        let Ok(udp) = packet.udp() else {
            continue;
        };
        let payload = udp.payload_offset..udp.payload_offset + udp.payload_len;
        let Some(payload) = packet.frame.get(payload) else {
            continue;
        };
        let address: Address = (udp.destination, udp.destination_port);
        if flows.len() == FLOWS_MAX && !flows.contains_key(&address) {
            // Room for those that may be a feed.
            flows.retain(|_, flow| flow.fitting() > 0);
        }
        if flows.len() < FLOWS_MAX || flows.contains_key(&address) {
            let flow: &mut FlowEvidence = flows.entry(address).or_default();
            flow.packet(payload);
        }
    }
    Ok(flows)
}

/// Whether further packets can make nothing clearer.
fn is_settled(flows: &BTreeMap<Address, FlowEvidence>) -> bool {
    matches!(
        verdict(flows.values()),
        Verdict::One(_) | Verdict::Different(_)
    )
}

fn of_flows(
    flows: &BTreeMap<Address, FlowEvidence>,
    venue: Option<Venue>,
) -> Result<(Protocol, Detected), String> {
    let found = verdict(flows.values());
    let (candidate, by_venue) = match found {
        Verdict::One(one) => (one, None),
        Verdict::Ambiguous(several) | Verdict::Heartbeats(several) => {
            let of_venue = venue.map(|venue| (venue, published_by(several, venue)));
            match of_venue.and_then(|(venue, left)| Some((left.single()?, venue))) {
                Some((one, venue)) => (one, Some(venue)),
                None => return Err(not_told_apart(found, several, venue)),
            }
        }
        Verdict::Different(_) | Verdict::Unknown => return Err(listed(found, flows)),
    };
    let known = || flows.values().filter(|flow| flow.is_known());
    let mut why = candidate.evidence().to_owned();
    if let Some(venue) = by_venue {
        let _ = write!(why, "; the venue {} decided", venue.name());
    }
    let protocol = protocol(candidate);
    let detected = Detected {
        protocol: name(protocol),
        flows: known().count() as u64,
        other_flows: flows.values().filter(|flow| !flow.is_known()).count() as u64,
        looked_at: known().map(FlowEvidence::packets).sum(),
        fitting: known().map(FlowEvidence::fitting).sum(),
        why,
        venue: "",
        venue_assumed: false,
    };
    Ok((protocol, detected))
}

fn published_by(candidates: Candidates, venue: Venue) -> Candidates {
    let all = candidates.iter();
    all.filter(|of| protocol(*of).venues().contains(&venue))
        .collect()
}

fn not_told_apart(found: Verdict, several: Candidates, venue: Option<Venue>) -> String {
    let of_venue = venue.map_or(Candidates::NONE, |venue| published_by(several, venue));
    if let (Some(venue), false) = (venue, of_venue.is_empty()) {
        return format!(
            "the packets fit {}, all of the venue {}, and no message among them is one's alone: name the protocol with \
             --protocol",
            names(of_venue),
            venue.name()
        );
    }
    let names = names(several);
    match found {
        Verdict::Heartbeats(_) => format!(
            "packets without messages, such as {names} begins with: nothing tells what messages would be; name the \
             protocol with --protocol"
        ),
        _ => format!(
            "the packets fit {names}, and no message among them is one's alone: name the protocol with --protocol, or \
             who publishes it with --venue"
        ),
    }
}

/// What each flow is, where together they are nothing.
fn listed(found: Verdict, flows: &BTreeMap<Address, FlowEvidence>) -> String {
    let mut text = match found {
        Verdict::Different(_) => {
            "packets of different protocols, of which one is read at a time: name it with --protocol, or split the file"
                .to_owned()
        }
        _ if flows.is_empty() => "no UDP packets over IPv4, or all cut by the capture".to_owned(),
        _ => "packets of no protocol that is known, or cut: name it with --protocol if it is one".to_owned(),
    };
    let mut shown: Vec<_> = flows.iter().collect();
    shown.sort_by_key(|(_, flow)| !flow.is_known());
    for ((group, port), flow) in shown.into_iter().take(FLOWS_LISTED_MAX) {
        let [a, b, c, d] = group;
        let fits = match names(flow.fits()) {
            names if names.is_empty() => "nothing".to_owned(),
            names => names,
        };
        let _ = write!(
            text,
            "\n  {a}.{b}.{c}.{d}:{port}: {} of {} packets fit {fits}",
            flow.fitting(),
            flow.packets()
        );
    }
    if flows.len() > FLOWS_LISTED_MAX {
        let _ = write!(text, "\n  and {} more", flows.len() - FLOWS_LISTED_MAX);
    }
    text
}

const fn protocol(candidate: Candidate) -> Protocol {
    match candidate {
        Candidate::Moldudp64Itch50 => Protocol::Moldudp64Itch50,
        Candidate::NasdaqBbo => Protocol::NasdaqBbo,
        Candidate::IexTops => Protocol::IexTops,
        Candidate::IexDeep => Protocol::IexDeep,
        Candidate::IexDeepPlus => Protocol::IexDeepPlus,
        Candidate::PitchEquities => Protocol::CboePitchEquities,
        Candidate::PitchOptions => Protocol::CboePitchOptions,
        Candidate::PitchComplex => Protocol::CboePitchComplex,
        Candidate::PitchFutures => Protocol::CboePitchFutures,
        Candidate::Mdp3 => Protocol::CmeMdp3,
    }
}

fn names(candidates: Candidates) -> String {
    let names: Vec<_> = candidates.iter().map(|of| name(protocol(of))).collect();
    names.join(", ")
}

const fn name(protocol: Protocol) -> &'static str {
    protocol.name()
}
