//! What a channel counts. Plain numbers with a single writer: the worker mirrors them for others to read.

use super::SOURCES_MAX;
use crate::sink::Nanos;

/// What one line brought. Counts messages unless a field says otherwise.
///
/// Each message that the line's frames announced is under exactly one reason at any time:
/// `messages` = [`accounted`](Self::accounted).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounters {
    /// Packets received, defective ones included.
    pub packets: u64,
    /// Their bytes, without UDP and lower headers.
    pub bytes: u64,
    /// When the last one came; 0 before the first.
    pub last_packet_ns: Nanos,
    /// Heartbeats, in packets.
    pub heartbeats: u64,
    /// Ends of session, in packets.
    pub ends_of_session: u64,
    /// Packets that were the first to bring something new.
    pub wins: u64,
    /// Messages announced by the headers of the line's data packets.
    pub messages: u64,
    /// Delivered from this line.
    pub delivered: u64,
    /// Delivered before from another line or another packet.
    pub duplicates: u64,
    /// Came after their gap had been declared: the hold time is shorter than this line's lag. The last 64 gaps are
    /// remembered; what is late by more counts as duplicate.
    pub late: u64,
    /// Numbered before the first message that the channel took of this session.
    pub before_start: u64,
    /// Of a session or a numbering that the channel has left, or did not go over to.
    pub stale: u64,
    /// Numbered far ahead of a stream that went on where it was; see the [module](super).
    pub implausible: u64,
    /// Brought by a re-request server or an answer line, and neither missing nor delivered before; or missing, and there was no
    /// room until their turn; on an answer line also without numbers, or after they were given up.
    pub refused: u64,
    /// Announced, but not whole in their packet.
    pub truncated: u64,
    /// Held at this moment.
    pub holding: u64,
    /// Data packets numbered below what the line had shown before, duplicates within the line included.
    pub out_of_order: u64,
    /// Holes in the line's own numbers as they appeared, whether filled later or by another line, or not at all.
    pub gaps: u64,
    /// Messages in those holes.
    pub gap_messages: u64,
    /// Copies whose distance to the first one is known, in packets.
    pub skew_packets: u64,
    /// Sum of those distances: how much later than another line this one brought the same packet.
    pub skew_sum_ns: u64,
    /// The greatest.
    pub skew_max_ns: u64,
    /// Bytes behind the last message of a packet.
    pub trailing_bytes: u64,
    /// Whether it is silent for longer than it may be: 1 or 0.
    pub silent: u64,
    /// How often it fell silent.
    pub silences: u64,
}

impl LineCounters {
    /// The messages under all reasons together.
    #[must_use]
    pub const fn accounted(&self) -> u64 {
        self.delivered
            + self.duplicates
            + self.late
            + self.before_start
            + self.stale
            + self.implausible
            + self.refused
            + self.truncated
            + self.holding
    }
}

/// Packets of which something could not be used, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameErrorCounters {
    /// Shorter than the transport's header; not taken.
    pub short_header: u64,
    /// Numbers past 2^64 - 1; not taken.
    pub sequence_overflow: u64,
    /// Of another protocol, or of another version of it; not taken.
    pub foreign: u64,
    /// Cut within a message; the whole messages were taken. Copies of delivered packets are not looked into.
    pub truncated: u64,
    /// Bytes behind the last message; ignored.
    pub trailing_bytes: u64,
    /// From a line that the channel does not have; not taken.
    pub unknown_line: u64,
}

/// What one channel did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelCounters {
    /// By line, in the order of the configuration; the last is [`RECOVERY`](super::RECOVERY).
    pub lines: [LineCounters; SOURCES_MAX],
    /// The next number expected; 0 before the first packet.
    pub next_sequence: u64,
    /// Messages delivered to the decoder.
    pub messages: u64,
    /// Of these, the ones outside the sequence.
    pub unsequenced: u64,
    /// Holes declared.
    pub gaps: u64,
    /// Messages lost in them.
    pub gap_messages: u64,
    /// Heartbeats of all lines.
    pub heartbeats: u64,
    /// Sessions begun, the first one included.
    pub sessions: u64,
    /// Changes to another session.
    pub session_changes: u64,
    /// Ends of session reached.
    pub session_ends: u64,
    /// Restarts of the numbers within a session.
    pub resets: u64,
    /// Packets that were held, heartbeats that announced a hole included.
    pub held: u64,
    /// Packets held at this moment.
    pub holding: u64,
    /// The most packets ever held at once.
    pub holding_max: u64,
    /// Packets for which holes were given up early because the hold was full.
    pub hold_overflows: u64,
    /// Packets for which holes were given up early because even an empty hold has no room for them.
    pub hold_oversized: u64,
    /// Packets thrown away because they were numbered far ahead of a stream that went on where it was.
    pub implausible: u64,
    /// Packets of another session thrown away because the current one went on.
    pub sessions_refused: u64,
    /// Packets of others than the one session that the channel is for: units that share its lines.
    pub other_units: u64,
    /// Packets with a defect.
    pub frame_errors: FrameErrorCounters,
    /// Holes that were asked for, and snapshots.
    pub recovery: RecoveryCounters,
}

/// What a channel does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u64)]
pub enum ChannelState {
    /// Nothing waits.
    #[default]
    Live = 0,
    /// Packets wait for another line.
    Holding = 1,
    /// Packets wait for what was asked for.
    Recovering = 2,
    /// A snapshot is wanted or being taken.
    Snapshot = 3,
    /// No line brought anything for longer than the venue is ever silent.
    Stale = 4,
}

impl ChannelState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Live,
        Self::Holding,
        Self::Recovering,
        Self::Snapshot,
        Self::Stale,
    ];

    /// The state of that number; one that is not known is [`Live`](Self::Live).
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Holding,
            2 => Self::Recovering,
            3 => Self::Snapshot,
            4 => Self::Stale,
            _ => Self::Live,
        }
    }

    /// Its name, for metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Holding => "holding",
            Self::Recovering => "recovering",
            Self::Snapshot => "snapshot",
            Self::Stale => "stale",
        }
    }
}

/// What a channel asked for beyond its lines, and what it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryCounters {
    /// A [`ChannelState`] as its number.
    pub state: u64,
    /// Holes asked for at this moment, as far as a demand names them.
    pub holes_open: u64,
    /// Messages missing in them.
    pub missing: u64,
    /// Holes asked for.
    pub holes: u64,
    /// Messages in them when they were asked for first.
    pub hole_messages: u64,
    /// Holes that were closed without loss.
    pub holes_closed: u64,
    /// Holes of which something was lost for good.
    pub holes_lost: u64,
    /// Holes given up because `recover_timeout_ns` was over.
    pub timeouts: u64,
    /// Times that all waited for what was asked for, however many holes there were.
    pub recoveries: u64,
    /// How long they took together, in nanoseconds.
    pub duration_sum_ns: u64,
    /// The longest.
    pub duration_max_ns: u64,
    /// Demands that nobody could take at once.
    pub demands_delayed: u64,
    /// What the channel was given: answers, snapshots, and words that something cannot be had.
    pub supplies: u64,
    /// Of these, of a numbering that the channel has left.
    pub refused_epoch: u64,
    /// Of another session.
    pub refused_session: u64,
    /// No packet with messages.
    pub refused_no_messages: u64,
    /// With nothing that is missing.
    pub refused_not_wanted: u64,
    /// For which there was no room.
    pub refused_no_room: u64,
    /// Snapshots from before what is retained.
    pub refused_too_old: u64,
    /// Snapshots far ahead of all that the lines have shown.
    pub refused_too_far_ahead: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Messages in them.
    pub snapshot_messages: u64,
    /// Messages told again on top of a snapshot.
    pub replayed: u64,
    /// Snapshots that were wanted although nothing was missing.
    pub refreshes: u64,
    /// How often all lines were silent for longer than they may be.
    pub stales: u64,
    /// Packets retained at this moment, because a snapshot is wanted.
    pub retained: u64,
    /// Packets that were retained and went for newer ones.
    pub retained_lost: u64,
}
