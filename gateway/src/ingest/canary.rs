//! Whether what the XDP program redirects really arrives: the kernel does not count what is lost on that way.
//!
//! A frame that is redirected to a socket of another queue, or by a driver that cannot redirect, is dropped without a
//! trace in `XDP_STATISTICS` (net/xdp/xsk.c, `xsk_rcv_check`). So the program's count of redirected frames is compared
//! with what came out of the rings and what the sockets dropped for a reason that they count.
//!
//! The counters are read one after the other while frames flow, so a single difference proves nothing. What was redirected
//! at a first look has arrived by the fourth, provided that the worker showed its counts between the first and the second,
//! and found every ring empty between the second and the third. (The third is not the last, because what a worker shows is
//! not shown at once: the count of empty rings may be newer than that of frames.) What is missing of it then was lost.
//! Frames that came meanwhile can hide a loss for as long as they keep coming, so the result is a lower bound: it never
//! reports a loss that did not happen, and is exact after each pause of the flow.

/// So many frames that were redirected and of which not one arrived prove that the tier cannot redirect.
pub const DEAF_FRAMES: u64 = 8;

/// Counts of one interface at one moment, since its sockets were opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When the counts were read, nanoseconds of a clock that nobody sets.
    pub at_ns: u64,
    /// When the worker last showed the counts of the rings, on the same clock.
    pub shown_ns: u64,
    /// Frames that the program redirected.
    pub redirected: u64,
    /// Frames that came out of the rings, whatever became of them.
    pub taken: u64,
    /// Frames that reached the sockets and were dropped there, by `XDP_STATISTICS`.
    pub dropped: u64,
    /// How often each ring was found empty.
    pub empty_polls: Vec<u64>,
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing new.
    Nothing,
    /// Frames are lost, for the first time: how many.
    Losing(u64),
    /// Not one frame arrived, of so many. Found once.
    Deaf(u64),
}

/// Compares the counts of one opening of an interface, look by look.
#[derive(Debug, Default)]
pub struct Canary {
    /// The three looks before, the oldest first.
    before: [Option<Reading>; 3],
    lost: u64,
    deaf: bool,
}

impl Canary {
    /// At least so many frames were lost between program and sockets.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes the counts of now.
    pub fn look(&mut self, now: Reading) -> Verdict {
        let verdict = match &self.before {
            [Some(first), Some(second), Some(third)] if drained(first, second, third) => {
                let arrived = now.taken.saturating_add(now.dropped);
                self.judge(first.redirected.saturating_sub(arrived), arrived)
            }
            _ => Verdict::Nothing,
        };
        self.before.rotate_left(1);
        self.before[2] = Some(now);
        verdict
    }

    fn judge(&mut self, missing: u64, arrived: u64) -> Verdict {
        let first = self.lost == 0;
        self.lost = self.lost.max(missing);
        if arrived == 0 && missing >= DEAF_FRAMES && !self.deaf {
            self.deaf = true;
            return Verdict::Deaf(missing);
        }
        if first && missing > 0 {
            return Verdict::Losing(missing);
        }
        Verdict::Nothing
    }
}

/// Whether everything redirected by `first` was taken before `third`: the counts of `second` were shown after `first` was
/// read, and every ring was found empty after that.
fn drained(first: &Reading, second: &Reading, third: &Reading) -> bool {
    let (then, later) = (&second.empty_polls, &third.empty_polls);
    second.shown_ns > first.at_ns
        && !later.is_empty()
        && then.len() == later.len()
        && then.iter().zip(later).all(|(then, later)| later > then)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(at: u64, redirected: u64, taken: u64, dropped: u64) -> Reading {
        Reading {
            at_ns: at * 100,
            shown_ns: at * 100 - 1,
            redirected,
            taken,
            dropped,
            empty_polls: vec![at],
        }
    }

    #[test]
    fn what_arrives_or_is_counted_as_dropped_is_not_lost() {
        let mut canary = Canary::default();
        for at in 1..20 {
            // The last ten are still on their way at each look.
            let now = reading(at, at * 100, at * 100 - 10 - at, at);
            assert_eq!(canary.look(now), Verdict::Nothing);
        }
        assert_eq!(canary.lost(), 0);
    }

    #[test]
    fn a_loss_is_told_once_and_counted_on() {
        let mut canary = Canary::default();
        let mut told = Vec::new();
        for at in 1..10 {
            // Five of each hundred are lost, and nothing comes after the fifth look.
            let sent = at.min(5);
            told.push(canary.look(reading(at, sent * 100, sent * 95, 0)));
        }
        told.retain(|verdict| *verdict != Verdict::Nothing);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(matches!(told[0], Verdict::Losing(_)));
        assert_eq!(canary.lost(), 25, "exact once the flow pauses");
    }

    #[test]
    fn a_tier_of_which_nothing_arrives_is_deaf_and_one_that_is_quiet_is_not() {
        let mut quiet = Canary::default();
        let mut deaf = Canary::default();
        let mut found = Vec::new();
        for at in 1..10 {
            assert_eq!(quiet.look(reading(at, 0, 0, 0)), Verdict::Nothing);
            found.push(deaf.look(reading(at, at * 4, 0, 0)));
        }
        found.retain(|verdict| matches!(verdict, Verdict::Deaf(_)));
        assert_eq!(found, [Verdict::Deaf(DEAF_FRAMES)]);
        // Seven lost of seven are a loss, and no proof.
        let mut few = Canary::default();
        let found: Vec<_> = (1..10).map(|at| few.look(reading(at, 7, 0, 0))).collect();
        assert!(found.contains(&Verdict::Losing(7)), "{found:?}");
        assert!(
            !found
                .iter()
                .any(|verdict| matches!(verdict, Verdict::Deaf(_)))
        );
    }

    #[test]
    fn a_worker_that_stands_still_proves_nothing() {
        for stands in [
            // It shows nothing any more.
            |reading: &mut Reading| reading.shown_ns = 1,
            // It shows, and never comes to the end of its ring.
            |reading: &mut Reading| reading.empty_polls = vec![7],
            // There is no ring yet.
            |reading: &mut Reading| reading.empty_polls = vec![],
        ] {
            let mut canary = Canary::default();
            for at in 1..10 {
                let mut now = reading(at, at * 100, 0, 0);
                stands(&mut now);
                assert_eq!(canary.look(now), Verdict::Nothing);
            }
            assert_eq!(canary.lost(), 0);
        }
    }

    proptest! {
        /// A driver, rings and a worker at random speeds: what is reported is never more than what was lost, and exactly
        /// that once all stands still.
        #[test]
        fn it_never_reports_a_loss_that_did_not_happen(
            steps in proptest::collection::vec((0_u64..5, 0_u64..2, 0_u64..2, 0_u64..8, any::<bool>()), 1..200)
        ) {
            let mut canary = Canary::default();
            let (mut redirected, mut taken, mut dropped, mut lost) = (0, 0, 0, 0);
            let (mut ring, mut empty, mut clock) = (0_u64, 0, 1);
            // What the worker has shown lags behind.
            let mut shown = (0, 0, 0);
            let quiet = std::iter::repeat_n((0, 0, 0, 8, true), 100);
            for (arriving, losing, dropping, taking, shows) in steps.into_iter().chain(quiet) {
                clock += 1;
                redirected += arriving + losing + dropping;
                lost += losing;
                dropped += dropping;
                ring += arriving;
                clock += 1;
                let now_taken = taking.min(ring);
                ring -= now_taken;
                taken += now_taken;
                if taking > now_taken {
                    empty += 1;
                }
                if shows {
                    shown = (clock, taken, empty);
                }
                clock += 1;
                canary.look(Reading {
                    at_ns: clock,
                    shown_ns: shown.0,
                    redirected,
                    taken: shown.1,
                    dropped,
                    empty_polls: vec![shown.2],
                });
                prop_assert!(canary.lost() <= lost, "{} reported of {lost}", canary.lost());
            }
            prop_assert_eq!(canary.lost(), lost);
        }
    }
}
