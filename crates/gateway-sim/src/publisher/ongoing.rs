//! The session that goes on, and what is told of it.

use super::SessionPlan;
use crate::clock::Pace;
use crate::packetiser::{DataPacket, PackOptions, Packetiser, Standing};
use crate::report::{Report, TypeCounts};

/// The session that goes on.
pub(super) struct Ongoing {
    pub(super) pack: PackOptions,
    pub(super) packetiser: Packetiser,
    pub(super) types: TypeCounts,
    pub(super) report: Report,
    pub(super) start_ns: u64,
    pub(super) heartbeat_ns: Option<u64>,
    pub(super) heartbeat_due_ns: u64,
    /// Behind the last packet that was offered to the lines.
    pub(super) standing: Standing,
    /// Whether a heartbeat has told the first number.
    pub(super) announced: bool,
    pub(super) pace: Pace,
    pub(super) silent: bool,
    /// Messages of the part so far.
    pub(super) messages: u64,
    /// Of the part's first message, by the source's clock, and of the packet that carried it, by ours.
    pub(super) origin: Option<(u64, u64)>,
}

impl Ongoing {
    pub(super) fn new(plan: &SessionPlan, start_ns: u64) -> Self {
        Self {
            pack: plan.pack,
            packetiser: Packetiser::new(plan.pack),
            types: TypeCounts::default(),
            report: Report {
                session: String::from_utf8_lossy(plan.pack.session.0.trim_ascii_end()).into_owned(),
                first_sequence: plan.pack.first_sequence,
                ..Report::default()
            },
            start_ns,
            heartbeat_ns: plan.heartbeat_ns,
            heartbeat_due_ns: u64::MAX,
            standing: Standing {
                next_sequence: plan.pack.first_sequence,
                ..Standing::default()
            },
            announced: false,
            pace: Pace::Asap,
            silent: false,
            messages: 0,
            origin: None,
        }
    }

    /// Goes on to behind `packet`.
    pub(super) fn pass(&mut self, packet: &DataPacket) {
        self.standing.next_sequence = packet.first.wrapping_add(packet.messages);
        self.standing.stream_offset += self.pack.framing.stream_bytes(&packet.payload);
        self.standing.time_ns = packet.time_ns;
    }
}
