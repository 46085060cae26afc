//! What was sent and what was not, so that a receiver can be reconciled with it.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use serde::Serialize;

use crate::capture_source::CaptureCounts;
use crate::counts::LineCounts;
use crate::packetiser::Framing;
use crate::ranges::Ranges;
use crate::recovery::counts::RecoveryReport;

/// The account of one published session.
///
/// The counts of each line add up to what was published, see [`LineCounts`], and each heartbeat and end of session
/// counts there as sent or dropped, unless an error ended the session. A receiver of all lines misses exactly
/// `lost_on_both`, and `source.missing` where a capture with holes was replayed. `silent` came before.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The session's name, without the padding behind it.
    pub session: String,
    /// Sequence number of the first message.
    pub first_sequence: u64,
    /// Sequence number of the last message; `first_sequence - 1` where there was none.
    pub last_sequence: u64,
    /// Messages published. Of MDP 3.0, here and in all that follows: numbers, which packets have, heartbeats too.
    pub messages: u64,
    /// Data packets published.
    pub packets: u64,
    /// Heartbeats offered to each line. The first, before the data, and the last, behind it, are repeated until each
    /// line has sent one.
    pub heartbeats: u64,
    /// End-of-session packets offered to each line, repeated likewise.
    pub end_of_session: u64,
    /// Messages by the letter of their type; of MDP 3.0 by their template.
    pub by_type: BTreeMap<String, u64>,
    /// Each line, by its name.
    pub lines: BTreeMap<String, LineReport>,
    /// Messages before anybody listened: on no line on purpose, and not among those published. They can be had from
    /// re-request servers, and their effect from Glimpse servers.
    pub silent: Ranges,
    /// What no line has sent: dropped on every line, or not sent any more when an error ended the session.
    pub lost_on_both: Ranges,
    /// How long it took, in seconds, from the first heartbeat on.
    pub elapsed_s: f64,
    /// By how much a packet was sent after it was due, at most, in microseconds; 0 at pace `asap`.
    pub late_max_us: u64,
    /// The seed of generator and impairments.
    pub seed: u64,
    /// Whether the end was not reached: a signal came, or an error.
    pub interrupted: bool,
    /// What was found in the capture that was replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CaptureCounts>,
    /// What became of what came to the servers, where there were any.
    #[serde(flatten)]
    pub recovery: RecoveryReport,
}

/// One line's part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineReport {
    /// Group (or address) and port.
    pub destination: SocketAddrV4,
    /// What became of its packets.
    #[serde(flatten)]
    pub counts: LineCounts,
}

/// Messages counted by the byte that names their type.
#[derive(Clone, Debug)]
pub(crate) struct TypeCounts([u64; 256]);

impl Default for TypeCounts {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl TypeCounts {
    pub(crate) fn add(&mut self, framing: Framing, message: &[u8]) {
        if let Some(kind) = framing.type_of(message) {
            self.0[usize::from(kind)] += 1;
        }
    }

    /// By the letter of each type, or, where types are numbers, by its two hexadecimal digits, or a template's number.
    pub(crate) fn by_name(&self, framing: Framing) -> BTreeMap<String, u64> {
        let counted = (0..=u8::MAX).zip(self.0).filter(|(_, count)| *count > 0);
        counted
            .map(|(kind, count)| {
                let name = match framing {
                    Framing::MoldUdp64 | Framing::IexTp(_) => kind.escape_ascii().to_string(),
                    Framing::PitchUnit(_) => format!("{kind:02X}"),
                    Framing::Mdp3 => kind.to_string(),
                };
                (name, count)
            })
            .collect()
    }
}
