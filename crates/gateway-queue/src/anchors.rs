//! Three words that one thread replaces and any number read whole, without waiting for each other.

use crate::sync::{AtomicU64, Ordering, Site, fence_at, ordered};

/// From when on, and how, ticks become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// A reading of the counter …
    pub ticks: u64,
    /// … and the nanoseconds since the Unix epoch at that reading.
    pub ns: u64,
    /// 2⁻³² nanoseconds a tick.
    pub rate: u64,
}

/// The present anchor, and the place of the next.
#[derive(Debug)]
pub struct Anchors {
    /// How many anchors there were; its lowest bit says which of the two counts. The other is the next one's place, so
    /// that a writer that is preempted half-way holds up nobody.
    version: AtomicU64,
    anchors: [Words; 2],
}

#[derive(Debug)]
struct Words {
    ticks: AtomicU64,
    ns: AtomicU64,
    rate: AtomicU64,
}

impl Anchors {
    /// Begins with `anchor`.
    #[must_use]
    pub fn new(anchor: Anchor) -> Self {
        Self {
            version: AtomicU64::new(0),
            anchors: [0, 1].map(|_| Words {
                ticks: AtomicU64::new(anchor.ticks),
                ns: AtomicU64::new(anchor.ns),
                rate: AtomicU64::new(anchor.rate),
            }),
        }
    }

    /// The present anchor, whole.
    #[inline]
    #[must_use]
    pub fn load(&self) -> Anchor {
        loop {
            // Partner: the Release store of the version in `store`: its anchor is whole.
            let acquire = ordered(Site::VersionThenAnchor, Ordering::Acquire);
            let version = self.version.load(acquire);
            let words = &self.anchors[(version & 1) as usize];
            let anchor = Anchor {
                ticks: words.ticks.load(Ordering::Relaxed),
                ns: words.ns.load(Ordering::Relaxed),
                rate: words.rate.load(Ordering::Relaxed),
            };
            // Partner: the Release fence in `store`: a word of the anchor after the next brings the next one's version
            // along.
            fence_at(Site::AnchorThenSameVersion, Ordering::Acquire);
            if self.version.load(Ordering::Relaxed) == version {
                return anchor;
            }
        }
    }

    /// The rate of the present anchor, or of the one before or after it: each is one.
    #[inline]
    #[must_use]
    pub fn rate(&self) -> u64 {
        let version = self.version.load(Ordering::Relaxed);
        self.anchors[(version & 1) as usize]
            .rate
            .load(Ordering::Relaxed)
    }

    /// Replaces the anchor. There is one writer at a time.
    pub fn store(&self, anchor: Anchor) {
        // Its own store, or that of a writer before it, whose lock it has.
        let version = self.version.load(Ordering::Relaxed) + 1;
        // Orders the version before this one, stored by the last call, before the words; partner: the Acquire fence
        // in `load`.
        fence_at(Site::LastVersionThenAnchor, Ordering::Release);
        self.write(version, anchor);
        // Partner: the Acquire load of the version in `load`.
        let release = ordered(Site::AnchorThenVersion, Ordering::Release);
        self.version.store(version, release);
    }

    fn write(&self, version: u64, anchor: Anchor) {
        let words = &self.anchors[(version & 1) as usize];
        words.ticks.store(anchor.ticks, Ordering::Relaxed);
        words.ns.store(anchor.ns, Ordering::Relaxed);
        words.rate.store(anchor.rate, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// One whose words are all alike.
    const fn anchor(number: u64) -> Anchor {
        Anchor {
            ticks: number,
            ns: number,
            rate: number,
        }
    }

    #[test]
    fn a_writer_that_is_interrupted_half_way_holds_up_no_reader() {
        let anchors = Anchors::new(anchor(0));
        for round in 0..4 {
            // As far as `store` comes before its last store.
            anchors.write(round + 1, anchor(77));
            assert_eq!(anchors.load(), anchor(round));
            anchors.store(anchor(round + 1));
            assert_eq!(anchors.load(), anchor(round + 1));
            assert_eq!(anchors.rate(), round + 1);
        }
    }

    #[test]
    fn readers_never_see_half_an_anchor() {
        let anchors = Anchors::new(anchor(0));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for number in 0..200_000 {
                    anchors.store(anchor(number));
                }
            });
            let mut last = 0;
            while !writer.is_finished() {
                let found = anchors.load();
                assert_eq!(found, anchor(found.ticks));
                assert!(found.ticks >= last, "backwards");
                last = found.ticks;
            }
        });
    }
}
