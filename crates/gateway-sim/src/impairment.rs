//! What a line does to its packets: loss, duplicates, another order; decided by a seed alone.
//!
//! A pure state machine: it knows no clock and no socket, takes packets in and hands them out, and counts exactly
//! what it did. Delay is the publisher's, because it needs a clock.

use serde::Serialize;

use crate::random::Random;
use crate::ranges::Ranges;

/// The most packets that may overtake a reordered one.
pub const REORDER_DISTANCE_MAX: u32 = 3;

/// How often a line misbehaves; each rate is a probability a packet, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairments {
    /// The packet is never sent.
    pub loss: f64,
    /// The packet is sent twice.
    pub duplicate: f64,
    /// The packet is overtaken by the next one to [`REORDER_DISTANCE_MAX`] packets that are sent.
    pub reorder: f64,
    /// Nanoseconds by which all packets come later than on a line without delay.
    pub delay_ns: u64,
}

/// What became of a line's packets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineCounts {
    /// Data packets that were sent; a duplicated one counts once here.
    pub packets_sent: u64,
    /// Messages in them.
    pub messages_sent: u64,
    /// Data packets that were not sent.
    pub packets_dropped: u64,
    /// Messages in them.
    pub messages_dropped: u64,
    /// Second copies sent.
    pub duplicated: u64,
    /// Packets that left after one with a higher sequence number.
    pub reordered: u64,
    /// The sequence numbers that were dropped.
    pub dropped: Ranges,
}

/// Impairs the packets of one line.
#[derive(Debug)]
pub struct Impairment<P> {
    options: Impairments,
    random: Random,
    held: Vec<Held<P>>,
    counts: LineCounts,
}

#[derive(Debug)]
struct Held<P> {
    packet: P,
    copies: u32,
    /// How many packets are still to overtake it.
    waits_for: u32,
    overtaken: bool,
}

impl<P: Clone> Impairment<P> {
    /// For line number `line` of a publisher with `seed`: lines of one seed fail independently.
    #[must_use]
    pub fn new(options: Impairments, seed: u64, line: u64) -> Self {
        // Stream 0 of a seed is the order flow's.
        let random = Random::new(seed, 1 + line);
        Self {
            options,
            random,
            held: Vec::new(),
            counts: LineCounts::default(),
        }
    }

    /// Takes the next packet, with its first sequence number and its message count, and hands out what leaves now.
    /// Returns whether the packet will ever leave.
    pub fn offer(&mut self, packet: P, first: u64, messages: u64, mut emit: impl FnMut(P)) -> bool {
        // All draws for every packet: what happens to one does not depend on the other rates.
        let lost = self.random.happens(self.options.loss);
        let duplicated = self.random.happens(self.options.duplicate);
        let reordered = self.random.happens(self.options.reorder);
        let distance = 1 + self.random.below(REORDER_DISTANCE_MAX);
        if lost {
            self.counts.packets_dropped += 1;
            self.counts.messages_dropped += messages;
            self.counts.dropped.add(first, messages);
            return false;
        }
        self.counts.packets_sent += 1;
        self.counts.messages_sent += messages;
        let copies = if duplicated { 2 } else { 1 };
        self.counts.duplicated += u64::from(duplicated);
        if reordered {
            self.held.push(Held {
                packet,
                copies,
                waits_for: distance,
                overtaken: false,
            });
            return true;
        }
        emit_copies(packet, copies, &mut emit);
        for held in &mut self.held {
            held.overtaken = true;
            held.waits_for -= 1;
        }
        self.release_where(|held| held.waits_for == 0, emit);
        true
    }

    /// Hands out what is held back: at the end, and before a pause.
    pub fn release(&mut self, emit: impl FnMut(P)) {
        self.release_where(|_| true, emit);
    }

    fn release_where(&mut self, leaves: impl Fn(&Held<P>) -> bool, mut emit: impl FnMut(P)) {
        for index in 0..self.held.len() {
            if !leaves(&self.held[index]) {
                continue;
            }
            let held = &self.held[index];
            self.counts.reordered += u64::from(held.overtaken);
            emit_copies(held.packet.clone(), held.copies, &mut emit);
            // It leaves late, yet before those held that came earlier.
            for earlier in &mut self.held[..index] {
                earlier.overtaken = true;
            }
        }
        self.held.retain(|held| !leaves(held));
    }

    /// What was done so far. Packets still held back count as sent.
    #[must_use]
    pub fn counts(&self) -> &LineCounts {
        &self.counts
    }

    /// Takes the counts out, at the end.
    #[must_use]
    pub fn into_counts(self) -> LineCounts {
        self.counts
    }
}

fn emit_copies<P: Clone>(packet: P, copies: u32, emit: &mut impl FnMut(P)) {
    for _ in 1..copies {
        emit(packet.clone());
    }
    emit(packet);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Offers `packets` of three messages each; what left, as packet numbers.
    fn run(options: Impairments, seed: u64, line: u64, packets: u64) -> (Vec<u64>, LineCounts) {
        let mut impairment = Impairment::new(options, seed, line);
        let mut left = Vec::new();
        for packet in 0..packets {
            impairment.offer(packet, 1 + packet * 3, 3, |packet| left.push(packet));
        }
        impairment.release(|packet| left.push(packet));
        (left, impairment.into_counts())
    }

    proptest! {
        /// Whoever sees only what left counts the same.
        #[test]
        fn the_counts_are_what_a_receiver_sees(
            loss in 0.0..=1.0, duplicate in 0.0..=1.0, reorder in 0.0..=1.0, seed: u64, packets in 0_u64..400,
        ) {
            let options = Impairments { loss, duplicate, reorder, delay_ns: 0 };
            let (left, counts) = run(options, seed, 0, packets);
            let mut copies: BTreeMap<u64, u64> = BTreeMap::new();
            let (mut highest, mut reordered) = (None, 0);
            for packet in &left {
                let seen = copies.entry(*packet).or_default();
                *seen += 1;
                if *seen == 1 && highest > Some(*packet) {
                    reordered += 1;
                }
                highest = highest.max(Some(*packet));
            }
            prop_assert_eq!(counts.packets_sent, copies.len() as u64);
            prop_assert_eq!(counts.messages_sent, 3 * copies.len() as u64);
            prop_assert_eq!(counts.packets_sent + counts.packets_dropped, packets);
            prop_assert_eq!(counts.messages_sent + counts.messages_dropped, 3 * packets);
            prop_assert_eq!(counts.duplicated, left.len() as u64 - counts.packets_sent);
            prop_assert_eq!(counts.reordered, reordered);
            let missing = (0..packets).filter(|packet| !copies.contains_key(packet));
            let mut dropped = Ranges::default();
            missing.for_each(|packet| dropped.add(1 + packet * 3, 3));
            prop_assert_eq!(counts.dropped.messages(), counts.messages_dropped);
            prop_assert_eq!(counts.dropped, dropped);
        }

        #[test]
        fn a_seed_decides_all(seed: u64, loss in 0.0..0.5) {
            let options = Impairments { loss, duplicate: 0.1, reorder: 0.1, delay_ns: 0 };
            prop_assert_eq!(run(options, seed, 1, 200), run(options, seed, 1, 200));
            // The fate of one packet does not depend on the other rates.
            let alone = Impairments { loss, ..Impairments::default() };
            prop_assert_eq!(run(options, seed, 1, 200).1.dropped, run(alone, seed, 1, 200).1.dropped);
        }
    }

    #[test]
    fn without_impairments_nothing_changes() {
        let (left, counts) = run(Impairments::default(), 1, 0, 50);
        assert_eq!(left, (0..50).collect::<Vec<_>>());
        assert_eq!(
            (counts.packets_sent, counts.reordered, counts.duplicated),
            (50, 0, 0)
        );
    }

    #[test]
    fn lines_fail_independently_and_at_their_rate() {
        let options = Impairments {
            loss: 0.02,
            ..Impairments::default()
        };
        let (a, _) = run(options, 9, 0, 100_000);
        let (b, _) = run(options, 9, 1, 100_000);
        for left in [&a, &b] {
            assert!((97_700..98_300).contains(&left.len()), "{}", left.len());
        }
        let (a, b): (std::collections::HashSet<_>, std::collections::HashSet<_>) =
            (a.into_iter().collect(), b.into_iter().collect());
        let lost_on_both = (0..100_000)
            .filter(|packet| !a.contains(packet) && !b.contains(packet))
            .count();
        assert!(
            (15..70).contains(&lost_on_both),
            "{lost_on_both} of 40 expected"
        );
    }
}
