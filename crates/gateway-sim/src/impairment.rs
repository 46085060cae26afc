//! What a line does to its packets: loss, duplicates, another order, delay; decided by a seed alone.
//!
//! A pure state machine: it knows no clock and no socket, takes packets in at a time and hands them out with the times
//! at which they leave.

use crate::random::Random;

/// The most packets that may overtake a reordered one.
pub const REORDER_DISTANCE_MAX: u32 = 3;
/// How long a packet that is to be overtaken waits for the next one; then it leaves all the same, in its place.
pub const REORDER_WAIT_NS: u64 = 100_000_000;
/// How long an overtaken packet waits to be overtaken again: well below the time for which receivers wait for it.
pub const REORDER_AGAIN_NS: u64 = 300_000;

/// How a line misbehaves; each rate is a probability a packet, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairments {
    /// The packet is never sent.
    pub loss: f64,
    /// The packet is sent twice.
    pub duplicate: f64,
    /// The packet is overtaken by the next one to [`REORDER_DISTANCE_MAX`] packets that are sent: by the next one where
    /// that comes within [`REORDER_WAIT_NS`], by more where they follow within [`REORDER_AGAIN_NS`].
    pub reorder: f64,
    /// Nanoseconds by which all packets come later than on a line without delay.
    pub delay_ns: u64,
    /// The most nanoseconds by which a packet comes later still, evenly from 0. Packets keep their order: a late one
    /// holds up those behind it.
    pub jitter_ns: u64,
}

/// Whose draws decide a packet's fate. Control packets come when the clock says so; were there one sequence of draws,
/// the fate of the data would depend on it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Carries messages.
    Data,
    /// A heartbeat or an end of session.
    Control,
}

/// A packet that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure<P> {
    /// When. Never earlier than the departure before.
    pub at_ns: u64,
    /// The packet.
    pub packet: P,
    /// Whether it left before.
    pub is_copy: bool,
    /// Whether one that was offered later has left already.
    pub overtaken: bool,
}

/// Impairs the packets of one line.
#[derive(Debug)]
pub struct Impairment<P> {
    options: Impairments,
    data: Fates,
    control: Fates,
    held: Vec<Held<P>>,
    /// Of the last departure.
    last_ns: u64,
}

/// The draws of one class of packets.
#[derive(Debug)]
struct Fates {
    random: Random,
    /// Apart, so that jitter changes no packet's fate.
    jitter: Random,
}

struct Fate {
    lost: bool,
    copies: u32,
    reordered: bool,
    distance: u32,
    jitter_ns: u64,
}

#[derive(Debug)]
struct Held<P> {
    packet: P,
    copies: u32,
    jitter_ns: u64,
    /// How many packets are still to overtake it.
    waits_for: u32,
    overtaken: bool,
    until_ns: u64,
}

impl Fates {
    /// All draws for every packet: what happens to one does not depend on the other rates.
    fn next(&mut self, options: &Impairments) -> Fate {
        Fate {
            lost: self.random.happens(options.loss),
            copies: 1 + u32::from(self.random.happens(options.duplicate)),
            reordered: self.random.happens(options.reorder),
            distance: 1 + self.random.below(REORDER_DISTANCE_MAX),
            jitter_ns: self.jitter.below_u64(options.jitter_ns.saturating_add(1)),
        }
    }
}

impl<P> Held<P> {
    fn overtake(&mut self, now_ns: u64) {
        if !self.overtaken {
            self.overtaken = true;
            self.until_ns = self.until_ns.min(now_ns.saturating_add(REORDER_AGAIN_NS));
        }
    }
}

impl<P: Clone> Impairment<P> {
    /// For line number `line`, below 256, of a publisher with `seed`: lines of one seed fail independently.
    #[must_use]
    pub fn new(options: Impairments, seed: u64, line: u8) -> Self {
        // Stream 0 of a seed is the order flow's.
        let stream = |kind: u64| Random::new(seed, 1 + u64::from(line) + (kind << 8));
        Self {
            options,
            data: Fates {
                random: stream(0),
                jitter: stream(1),
            },
            control: Fates {
                random: stream(2),
                jitter: stream(3),
            },
            held: Vec::new(),
            last_ns: 0,
        }
    }

    /// Does something else to the packets that come from here on.
    pub fn set_options(&mut self, options: Impairments) {
        self.options = options;
    }

    /// Takes the next packet at `now_ns`, which never falls, and hands out what leaves by then. Returns whether the
    /// packet will ever leave.
    pub fn offer(
        &mut self,
        now_ns: u64,
        class: Class,
        packet: P,
        mut emit: impl FnMut(Departure<P>),
    ) -> bool {
        self.release_due(now_ns, &mut emit);
        let fates = match class {
            Class::Data => &mut self.data,
            Class::Control => &mut self.control,
        };
        let fate = fates.next(&self.options);
        if fate.lost {
            return false;
        }
        let mut held = Held {
            packet,
            copies: fate.copies,
            jitter_ns: fate.jitter_ns,
            waits_for: fate.distance,
            overtaken: false,
            until_ns: now_ns.saturating_add(REORDER_WAIT_NS),
        };
        if fate.reordered {
            self.held.push(held);
            return true;
        }
        held.until_ns = now_ns;
        self.depart(&held, &mut emit);
        for held in &mut self.held {
            held.overtake(now_ns);
            held.waits_for -= 1;
        }
        self.release_where(now_ns, |held| held.waits_for == 0, emit);
        true
    }

    /// Hands out what has been held back for long enough at `now_ns`.
    pub fn release_due(&mut self, now_ns: u64, emit: impl FnMut(Departure<P>)) {
        self.release_where(now_ns, |held| held.until_ns <= now_ns, emit);
    }

    /// Hands out all that is held back.
    pub fn release_all(&mut self, now_ns: u64, emit: impl FnMut(Departure<P>)) {
        self.release_where(now_ns, |_| true, emit);
    }

    /// When [`release_due`](Self::release_due) has something to hand out, if nothing else is offered before.
    #[must_use]
    pub fn next_release_ns(&self) -> Option<u64> {
        self.held.iter().map(|held| held.until_ns).min()
    }

    /// What is held back still, in the order in which it was offered.
    pub fn into_held(self) -> impl Iterator<Item = P> {
        self.held.into_iter().map(|held| held.packet)
    }

    fn release_where(
        &mut self,
        now_ns: u64,
        leaves: impl Fn(&Held<P>) -> bool,
        mut emit: impl FnMut(Departure<P>),
    ) {
        let mut index = 0;
        while let Some(held) = self.held.get(index) {
            if !leaves(held) {
                index += 1;
                continue;
            }
            let mut held = self.held.remove(index);
            held.until_ns = held.until_ns.min(now_ns);
            self.depart(&held, &mut emit);
            // It leaves late, yet before those held that came earlier.
            for earlier in &mut self.held[..index] {
                earlier.overtake(now_ns);
            }
        }
    }

    /// Hands out `held` with its copies, at the time until which it was held.
    fn depart(&mut self, held: &Held<P>, emit: &mut impl FnMut(Departure<P>)) {
        let at_ns = held
            .until_ns
            .saturating_add(self.options.delay_ns)
            .saturating_add(held.jitter_ns);
        self.last_ns = self.last_ns.max(at_ns);
        for copy in 0..held.copies {
            emit(Departure {
                at_ns: self.last_ns,
                packet: held.packet.clone(),
                is_copy: copy > 0,
                overtaken: held.overtaken,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const MICROSECOND: u64 = 1_000;
    const MILLISECOND: u64 = 1_000_000;

    /// Offers packets 0, 1, 2 … of one class at `times`; what left, and which were lost.
    fn run(
        options: Impairments,
        seed: u64,
        line: u8,
        times: impl IntoIterator<Item = u64>,
    ) -> (Vec<Departure<u64>>, BTreeSet<u64>) {
        let mut impairment = Impairment::new(options, seed, line);
        let (mut left, mut lost) = (Vec::new(), BTreeSet::new());
        let mut end_ns = 0;
        for (packet, now_ns) in (0..).zip(times) {
            // As a publisher does that looks only when something is to be done.
            while let Some(due_ns) = impairment.next_release_ns().filter(|due| *due < now_ns) {
                impairment.release_due(due_ns, |departure| left.push(departure));
            }
            let leaves = impairment.offer(now_ns, Class::Data, packet, |departure| {
                left.push(departure)
            });
            if !leaves {
                lost.insert(packet);
            }
            end_ns = now_ns;
        }
        impairment.release_all(end_ns, |departure| left.push(departure));
        assert_eq!(impairment.into_held().count(), 0);
        (left, lost)
    }

    fn every(interval_ns: u64, packets: u64) -> impl Iterator<Item = u64> {
        (0..packets).map(move |packet| packet * interval_ns)
    }

    fn options() -> impl Strategy<Value = Impairments> {
        (
            0.0..=1.0,
            0.0..=1.0,
            0.0..=1.0,
            0_u64..MILLISECOND,
            0_u64..MILLISECOND,
        )
            .prop_map(
                |(loss, duplicate, reorder, delay_ns, jitter_ns)| Impairments {
                    loss,
                    duplicate,
                    reorder,
                    delay_ns,
                    jitter_ns,
                },
            )
    }

    proptest! {
        /// Whoever sees only what left finds what the departures say of themselves.
        #[test]
        fn departures_are_what_a_receiver_sees(
            options in options(),
            seed: u64,
            pauses in prop::collection::vec(prop_oneof![Just(0), 0..10 * MICROSECOND, 0..200 * MILLISECOND], 0..300),
        ) {
            let times = pauses.iter().scan(0, |now, pause| { *now += pause; Some(*now) });
            let (left, lost) = run(options, seed, 0, times);
            let (mut seen, mut highest, mut last_ns) = (BTreeSet::new(), None, 0);
            for departure in &left {
                prop_assert!(departure.at_ns >= last_ns, "nothing leaves before what left before it");
                last_ns = departure.at_ns;
                prop_assert_eq!(departure.is_copy, !seen.insert(departure.packet));
                prop_assert_eq!(departure.overtaken, highest > Some(departure.packet));
                highest = highest.max(Some(departure.packet));
            }
            let all: BTreeSet<u64> = (0..pauses.len() as u64).collect();
            prop_assert!(seen.is_disjoint(&lost));
            prop_assert_eq!(seen.union(&lost).copied().collect::<BTreeSet<_>>(), all);
        }

        #[test]
        fn a_seed_decides_all(seed: u64, loss in 0.0..0.5) {
            let options =
                Impairments { loss, duplicate: 0.1, reorder: 0.1, delay_ns: 5, jitter_ns: 100 };
            let times = || every(1_000, 200);
            prop_assert_eq!(run(options, seed, 1, times()), run(options, seed, 1, times()));
            // The fate of one packet does not depend on the other rates.
            let alone = Impairments { loss, ..Impairments::default() };
            prop_assert_eq!(run(options, seed, 1, times()).1, run(alone, seed, 1, times()).1);
        }
    }

    #[test]
    fn control_packets_change_no_fate_of_data() {
        let options = Impairments {
            loss: 0.3,
            duplicate: 0.3,
            reorder: 0.3,
            jitter_ns: 1_000,
            ..Impairments::default()
        };
        // In the order of the packets: when one leaves, and behind which, depends on all.
        let fates = |controls: u64| {
            let mut impairment = Impairment::new(options, 7, 0);
            let mut left = Vec::new();
            for packet in 0..200 {
                let mut offer = |class, packet| {
                    impairment.offer(0, class, packet, |departure| left.push(departure));
                };
                for _ in 0..controls {
                    offer(Class::Control, None);
                }
                offer(Class::Data, Some(packet));
            }
            impairment.release_all(0, |departure| left.push(departure));
            let mut left: Vec<_> = left
                .iter()
                .filter_map(|departure| Some((departure.packet?, departure.is_copy)))
                .collect();
            left.sort_unstable();
            left
        };
        assert_eq!(fates(0), fates(3));
    }

    #[test]
    fn without_impairments_nothing_changes() {
        let (left, lost) = run(Impairments::default(), 1, 0, every(7, 50));
        let expected: Vec<_> = (0..50)
            .map(|packet| Departure {
                at_ns: packet * 7,
                packet,
                is_copy: false,
                overtaken: false,
            })
            .collect();
        assert_eq!(left, expected);
        assert!(lost.is_empty());
    }

    #[test]
    fn lines_fail_independently_and_at_their_rate() {
        let options = Impairments {
            loss: 0.02,
            ..Impairments::default()
        };
        let lost = |line| run(options, 9, line, every(0, 100_000)).1;
        let (a, b) = (lost(0), lost(1));
        for lost in [&a, &b] {
            assert!((1_700..2_300).contains(&lost.len()), "{}", lost.len());
        }
        let lost_on_both = a.intersection(&b).count();
        assert!(
            (15..70).contains(&lost_on_both),
            "{lost_on_both} of 40 expected"
        );
    }

    /// Half of the packets are held back, packets `interval_ns` apart: how many are overtaken, and the longest time that
    /// one leaves after it was offered.
    fn reordered(interval_ns: u64) -> (usize, u64) {
        let options = Impairments {
            reorder: 0.5,
            ..Impairments::default()
        };
        let (left, _) = run(options, 3, 0, every(interval_ns, 1_000));
        let longest = left
            .iter()
            .map(|left| left.at_ns - left.packet * interval_ns)
            .max();
        (
            left.iter().filter(|left| left.overtaken).count(),
            longest.unwrap(),
        )
    }

    #[test]
    fn packets_are_reordered_whatever_the_time_between_them() {
        for interval_ns in [0, MICROSECOND, MILLISECOND, 10 * MILLISECOND] {
            let (overtaken, longest_ns) = reordered(interval_ns);
            assert!(overtaken > 200, "{overtaken} at {interval_ns} ns");
            assert!(
                longest_ns <= REORDER_WAIT_NS + REORDER_AGAIN_NS,
                "{longest_ns} ns"
            );
        }
    }

    #[test]
    fn no_packet_waits_for_long_in_silence() {
        assert_eq!(reordered(2 * REORDER_WAIT_NS), (0, REORDER_WAIT_NS));
    }

    #[test]
    fn jitter_is_even_and_bounded_and_keeps_the_order() {
        let options = Impairments {
            delay_ns: 500,
            jitter_ns: 100,
            ..Impairments::default()
        };
        let (left, _) = run(options, 3, 0, every(1_000, 10_000));
        let late: Vec<u64> = left
            .iter()
            .map(|left| left.at_ns - left.packet * 1_000 - 500)
            .collect();
        assert_eq!(
            (late.iter().min(), late.iter().max()),
            (Some(&0), Some(&100))
        );
        let sum: u64 = late.iter().sum();
        assert!((48 * 10_000..52 * 10_000).contains(&sum), "{sum}");
        let (left, _) = run(options, 3, 0, every(1, 1_000));
        assert!(
            left.iter()
                .zip(0..)
                .all(|(left, packet)| left.packet == packet)
        );
    }
}
