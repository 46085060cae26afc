//! Which tiers to try, in which order, and which of them not: a pure function over the request and the platform.

use super::allow::{Platform, ruled_out};
use super::{Mode, Obstacle, Tier};

/// A rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) tier: Tier,
    /// Why it must not be tried.
    pub(super) ruled_out: Option<Obstacle>,
    /// Why it must not be tried, where `force` has it tried all the same.
    pub(super) forced: Option<Obstacle>,
}

/// The rungs from the highest that `mode` allows to the lowest: `lowest`, or `require` where that is higher. An exact
/// mode has one rung. `force` overrides the allow-list, and says what it overrides.
pub(super) fn candidates(
    mode: Mode,
    lowest: Tier,
    require: Option<Tier>,
    force: bool,
    platform: Platform<'_>,
) -> Vec<Candidate> {
    let floor = require.map_or(lowest, |required| required.max(lowest));
    Tier::LADDER
        .into_iter()
        .filter(|&tier| match mode {
            Mode::Auto => tier >= floor,
            Mode::Exactly(exact) => tier == exact,
        })
        .map(|tier| {
            let reason = ruled_out(tier, platform);
            let (ruled_out, forced) = if force {
                (None, reason)
            } else {
                (reason, None)
            };
            Candidate {
                tier,
                ruled_out,
                forced,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::netdev::{KernelVersion, XdpFeatures};

    const PLATFORM: Platform<'static> = Platform {
        driver: "ixgbevf",
        kernel: KernelVersion::new(6, 12),
        features: Some(XdpFeatures::from_bits(1)),
    };

    fn plan(mode: Mode, lowest: Tier, require: Option<Tier>, force: bool) -> String {
        candidates(mode, lowest, require, force, PLATFORM)
            .iter()
            .map(|rung| {
                format!(
                    "{}{}{} ",
                    rung.tier,
                    if rung.ruled_out.is_some() { "!" } else { "" },
                    if rung.forced.is_some() { "?" } else { "" }
                )
            })
            .collect()
    }

    #[test]
    fn rungs_by_mode_and_limits() {
        use Tier::{Copy, Skb, Socket, ZeroCopy};
        for (mode, lowest, require, force, expected) in [
            (
                Mode::Auto,
                Socket,
                None,
                false,
                "zero-copy! copy! skb socket ",
            ),
            (
                Mode::Auto,
                Socket,
                None,
                true,
                "zero-copy? copy? skb socket ",
            ),
            (Mode::Auto, Skb, None, false, "zero-copy! copy! skb "),
            (Mode::Auto, Socket, Some(Copy), false, "zero-copy! copy! "),
            (Mode::Auto, Copy, Some(Socket), false, "zero-copy! copy! "),
            (Mode::Exactly(Skb), Socket, None, false, "skb "),
            (Mode::Exactly(ZeroCopy), Socket, None, false, "zero-copy! "),
            (Mode::Exactly(ZeroCopy), Socket, None, true, "zero-copy? "),
        ] {
            assert_eq!(
                plan(mode, lowest, require, force),
                expected,
                "{mode:?} {lowest} {require:?} {force}"
            );
        }
    }
}
