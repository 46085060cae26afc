//! How arbitration works.

use super::hold::bytes_for;
use crate::sink::Nanos;

/// What to do about a hole whose hold time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGap {
    /// Announce it and go on with what is there.
    #[default]
    Continue,
    /// Ask for it, and let everything behind it wait.
    Recover,
}

/// How an [`Arbiter`](super::Arbiter) works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbiterConfig {
    /// How long a packet ahead of its turn waits for the missing ones, in nanoseconds; 0: not at all. Longer than the
    /// lines' usual skew, shorter than what a strategy can wait. A copy may be as late as this without harm.
    pub hold_timeout_ns: Nanos,
    /// How many packets may wait at once; 0: none.
    pub hold_packets_max: usize,
    /// How many bytes those packets may have together behind their transport headers, each rounded up to blocks of 256;
    /// a packet longer than all of it never waits. [`hold_bytes_for`](Self::hold_bytes_for) is a good choice.
    pub hold_bytes_max: usize,
    /// What to do about a hole.
    pub on_gap: OnGap,
    /// How long a hole that is asked for is waited for, in nanoseconds; then it is a gap and what waits flows on.
    pub recover_timeout_ns: Nanos,
    /// How many packets may wait behind holes that are asked for, and be retained until a snapshot comes. With
    /// [`OnGap::Recover`] these rule instead of those of the hold: more packets than `hold_packets_max` only mean that
    /// the lowest hole is asked for at once. Beyond this, the lowest hole is a gap.
    pub recover_packets_max: usize,
    /// How many bytes those packets may have together; see `hold_bytes_max`. Memory that is never used is never touched.
    pub recover_bytes_max: usize,
    /// Whether snapshots can be had. While one is wanted, what is delivered is copied.
    pub snapshots: bool,
    /// The first line that carries nothing but what somebody asked for again; those behind it do, too.
    pub answer_lines_from: usize,
    /// The number to begin with; what lies between it and the first packet is a gap. `None`: whatever comes first.
    pub expect_first_sequence: Option<u64>,
    /// The number of a session's first message, from which a session is expected that was seen to begin.
    pub session_first_sequence: u64,
}

impl Default for ArbiterConfig {
    fn default() -> Self {
        Self {
            hold_timeout_ns: 1_000_000,
            hold_packets_max: 1024,
            hold_bytes_max: Self::hold_bytes_for(1024),
            on_gap: OnGap::Continue,
            recover_timeout_ns: 500_000_000,
            recover_packets_max: 32_768,
            recover_bytes_max: Self::hold_bytes_for(32_768),
            snapshots: false,
            answer_lines_from: super::LINES_MAX,
            expect_first_sequence: None,
            session_first_sequence: 1,
        }
    }
}

impl ArbiterConfig {
    /// The bytes that hold `packets_max` packets of a full Ethernet payload, or the longest UDP payload where that is
    /// more. So every packet that any input can bring may wait; jumbo frames fill the hold sooner.
    #[must_use]
    pub const fn hold_bytes_for(packets_max: usize) -> usize {
        bytes_for(packets_max)
    }
}
