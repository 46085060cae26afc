//! The ways a packet can reach us, from the fastest to the one that always works.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How packets reach the gateway. Ordered by speed: `Socket < Skb < Copy < ZeroCopy`; `Capture` stands apart, below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// A capture file: no network at all.
    Capture,
    /// Ordinary UDP sockets: any kernel, any interface, no privilege.
    Socket,
    /// AF_XDP behind the kernel's generic XDP hook: any driver; the kernel builds a socket buffer first.
    Skb,
    /// AF_XDP behind the driver's own hook; the kernel copies each packet into our memory.
    Copy,
    /// AF_XDP with the NIC writing into our memory.
    ZeroCopy,
}

impl Tier {
    /// The tiers of the ladder, fastest first.
    pub const LADDER: [Tier; 4] = [Tier::ZeroCopy, Tier::Copy, Tier::Skb, Tier::Socket];

    /// The name in configuration, logs, metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Capture => "capture",
            Tier::Socket => "socket",
            Tier::Skb => "skb",
            Tier::Copy => "copy",
            Tier::ZeroCopy => "zero-copy",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no tier of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tier; use zero-copy, copy, skb or socket")]
pub struct UnknownTier(String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Tier::LADDER
            .into_iter()
            .find(|tier| tier.name() == text)
            .ok_or_else(|| UnknownTier(text.to_owned()))
    }
}

/// What keeps a tier from being used, or the card from stamping, and what would take it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What it is, in the kernel's words where the kernel refused.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Obstacle {
    /// An obstacle with its remedy.
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// Nobody asked for the card's stamps.
    pub(crate) fn not_asked_for_stamps() -> Self {
        Self::new(
            "`hardware_timestamps` is not set",
            "set `hardware_timestamps = true` for the interface, where the card stamps every packet (`ethtool -T`)",
        )
    }
}

/// One rung that was tried (or ruled out) and why it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The tier that is not used.
    pub tier: Tier,
    /// Why, in the kernel's words where the kernel refused.
    pub reason: String,
    /// What would have it used.
    pub remedy: String,
}

impl Step {
    /// A tier that an obstacle keeps from being used.
    #[must_use]
    pub fn new(tier: Tier, obstacle: Obstacle) -> Self {
        let Obstacle { reason, remedy } = obstacle;
        Self {
            tier,
            reason,
            remedy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_ordered_by_speed_and_named_both_ways() {
        for pair in Tier::LADDER.windows(2) {
            assert!(pair[0] > pair[1]);
        }
        for tier in Tier::LADDER {
            assert_eq!(tier.name().parse::<Tier>(), Ok(tier));
        }
        assert!("zerocopy".parse::<Tier>().is_err());
    }
}
