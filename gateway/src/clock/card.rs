//! The clock of a network card beside the gateway's: how far they are from each other, for whoever has stamps of the card.

use std::sync::atomic::{AtomicU64, Ordering};

/// A card's clock, as it was compared last. The control plane compares, a worker converts.
#[derive(Debug)]
pub(crate) struct CardClock {
    /// The kernel's name of it, such as `ptp0`.
    device: String,
    /// The card's time minus the steady time of the gateway's clock, wrapping; 0 while it is not known. Relaxed throughout: a
    /// number for itself.
    ahead_ns: AtomicU64,
}

impl CardClock {
    /// One that was not compared yet.
    pub(crate) fn new(device: String) -> Self {
        Self {
            device,
            ahead_ns: AtomicU64::new(0),
        }
    }

    /// The kernel's name of it.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// The steady time of the gateway's clock when the card's stood at `card_ns`; `None` while that is not known. What a card
    /// counts from makes no difference: neither TAI, nor the machine's start.
    #[inline]
    pub(crate) fn steady(&self, card_ns: u64) -> Option<u64> {
        match self.ahead_ns.load(Ordering::Relaxed) {
            0 => None,
            ahead_ns => Some(card_ns.wrapping_sub(ahead_ns)),
        }
    }

    /// Whether it was compared.
    pub(crate) fn is_known(&self) -> bool {
        self.ahead_ns.load(Ordering::Relaxed) != 0
    }

    /// Takes down that it stood at `card_ns` when the gateway's steady time was `steady_ns`, give or take `width_ns`. By how
    /// much what was converted since the last time was wrong at most: by what the clocks have moved against each other, and by
    /// the reading.
    pub(crate) fn compare(&self, card_ns: u64, steady_ns: u64, width_ns: u64) -> u64 {
        // One that is ahead by nothing is taken for one that is ahead by a nanosecond.
        let ahead_ns = card_ns.wrapping_sub(steady_ns).max(1);
        let before_ns = self.ahead_ns.swap(ahead_ns, Ordering::Relaxed);
        let moved_ns = match before_ns {
            0 => 0,
            before_ns => ahead_ns
                .wrapping_sub(before_ns)
                .cast_signed()
                .unsigned_abs(),
        };
        moved_ns.saturating_add(width_ns)
    }

    /// Takes down that it cannot be read.
    pub(super) fn forget(&self) {
        self.ahead_ns.store(0, Ordering::Relaxed);
    }
}

/// How long before `seen_ns` a card stamped a packet at `card_ns`, both by the steady time of the gateway's clock; 0 where that is
/// a little later, as far as clocks are off. `None` where a stamp is none that belongs to this packet: later by more than a
/// millisecond, or earlier by a second. A card's clock that was set since it was compared, or a driver's mistake, would else be
/// hours.
#[inline]
pub(crate) fn since_card(seen_ns: u64, card_ns: u64) -> Option<u64> {
    const LATER_NS: i64 = -1_000_000;
    const EARLIER_NS: i64 = 1_000_000_000;
    let since_ns = seen_ns.wrapping_sub(card_ns).cast_signed();
    match since_ns {
        LATER_NS..EARLIER_NS => Some(since_ns.max(0).unsigned_abs()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_that_cannot_be_this_packet_s_is_left_out() {
        const SEEN_NS: u64 = 5_000_000_000;
        for (card_ns, since_ns) in [
            (SEEN_NS - 700, Some(700)),
            (SEEN_NS, Some(0)),
            (SEEN_NS + 1_000_000, Some(0)),
            (SEEN_NS + 1_000_001, None),
            (SEEN_NS - 999_999_999, Some(999_999_999)),
            (SEEN_NS - 1_000_000_000, None),
            (0, None),
            (u64::MAX, None),
            (1 << 63, None),
        ] {
            assert_eq!(since_card(SEEN_NS, card_ns), since_ns, "{card_ns}");
        }
    }

    #[test]
    fn a_stamp_is_converted_once_the_clock_was_compared_and_until_it_cannot_be_read() {
        const TAI_NS: u64 = 37_000_000_000;
        let card = CardClock::new("ptp0".to_owned());
        assert_eq!((card.steady(5), card.is_known()), (None, false));
        assert_eq!(card.compare(TAI_NS + 1_000, 1_000, 80), 80);
        assert_eq!(card.steady(TAI_NS + 1_500), Some(1_500));
        // It runs faster: what was converted in between came to be wrong by as much.
        assert_eq!(card.compare(TAI_NS + 2_300, 2_000, 80), 380);
        assert_eq!(card.steady(TAI_NS + 2_400), Some(2_100));
        // Somebody sets it back, beyond the gateway's time.
        assert_eq!(card.compare(1_000, 3_000, 80), TAI_NS + 300 + 2_000 + 80);
        assert_eq!(card.steady(1_010), Some(3_010));
        card.forget();
        assert_eq!((card.steady(5), card.is_known()), (None, false));
        // Two that show the same.
        assert_eq!(card.compare(7, 7, 0), 0);
        assert_eq!(card.steady(1_000), Some(999));
    }
}
