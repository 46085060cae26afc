//! The atomics of what loom models: the machine's, or loom's; and the places where their order matters.
//!
//! [`crate::ring`] and [`crate::table`] are modelled, and how a clock is corrected. They name their atomics through this module alone, and
//! each of their fences and orderings by its [`Site`]. In the product a site is a word of documentation: [`ordered`] and [`fence_at`] pass
//! their ordering on. Under loom one site at a time can be weakened (`weakened`), and a test for each asserts that
//! a model then fails: an ordering that no model needs is one that the protocol does not need.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A place of the protocol whose order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Writer: the reservation before every payload that it covers. Partner: [`Self::CopyThenReservation`].
    ReservationThenPayload,
    /// Writer, a record of one slot: the payload before the sequence. Partner: [`Self::SequenceThenCopy`].
    PayloadThenSequence,
    /// Writer, a record of several slots: all of them before the first one's sequence. Partner:
    /// [`Self::SequenceThenCopy`].
    PayloadsThenSequence,
    /// Writer, a record of one slot: the sequence before head. Partner: [`Self::HeadThenSlots`].
    SequenceThenHead,
    /// Writer, a record of several slots: their sequences before head. Partner: [`Self::HeadThenSlots`].
    SequencesThenHead,
    /// Writer: every record, and the successor's epoch, before the final state. Partner: [`Self::StateThenSlots`].
    RecordsThenState,
    /// Maker of a queue: the static page before its magic. Partner: [`Self::MagicThenPage`].
    PageThenMagic,
    /// Reader: the sequence before the copy. Partners: [`Self::PayloadThenSequence`], [`Self::PayloadsThenSequence`].
    SequenceThenCopy,
    /// Reader: the copy before the look at the reservation. Partner: [`Self::ReservationThenPayload`].
    CopyThenReservation,
    /// Reader: head before the slots below it. Partners: [`Self::SequenceThenHead`], [`Self::SequencesThenHead`].
    HeadThenSlots,
    /// Reader: what showed that it was overtaken before head. Partners: whichever release came after the head that
    /// it is to see.
    OverrunThenHead,
    /// Reader: the state before the last look at the ring. Partner: [`Self::RecordsThenState`].
    StateThenSlots,
    /// Reader about to sleep: what it waits for, and its look at the bell, before the number of its sleep. Partner:
    /// [`Self::AsleepThenAwaited`].
    AwaitedThenAsleep,
    /// Ringer of the bell: the number of a sleep before what it waits for. Partner: [`Self::AwaitedThenAsleep`].
    AsleepThenAwaited,
    /// Reader: the magic before the rest of the static page. Partner: [`Self::PageThenMagic`].
    MagicThenPage,
    /// Clock, when it is corrected: the last version before the words of the anchor that takes its predecessor's
    /// place. Partner: [`Self::AnchorThenSameVersion`].
    LastVersionThenAnchor,
    /// Clock, when it is corrected: an anchor before its version. Partner: [`Self::VersionThenAnchor`].
    AnchorThenVersion,
    /// Clock, when it is read: a version before its anchor. Partner: [`Self::AnchorThenVersion`].
    VersionThenAnchor,
    /// Clock, when it is read: an anchor before the second look at its version. Partner:
    /// [`Self::LastVersionThenAnchor`].
    AnchorThenSameVersion,
    /// Writer of a table: an entry's last version before the words that take its predecessor's place. Partner:
    /// [`Self::EntryThenSameVersion`].
    LastVersionThenEntry,
    /// Writer of a table: an entry's words before their version. Partner: [`Self::VersionThenEntry`].
    EntryThenVersion,
    /// Writer of a table: an entry before the directory that counts it. Partner: [`Self::EntryThenSameVersion`].
    EntryThenDirectory,
    /// Writer of a table: entries before the position up to which they have everything. Partner:
    /// [`Self::EntryThenSameVersion`].
    EntriesThenApplied,
    /// Reader of a table: an entry's version before its words. Partner: [`Self::EntryThenVersion`].
    VersionThenEntry,
    /// Reader of a table: an entry's words, and what was read of directory and applied position before them, before the
    /// second look at its version. Partners: [`Self::LastVersionThenEntry`], [`Self::EntryThenDirectory`],
    /// [`Self::EntriesThenApplied`].
    EntryThenSameVersion,
}

impl Site {
    /// Every site.
    pub const ALL: [Self; 25] = [
        Self::ReservationThenPayload,
        Self::PayloadThenSequence,
        Self::PayloadsThenSequence,
        Self::SequenceThenHead,
        Self::SequencesThenHead,
        Self::RecordsThenState,
        Self::PageThenMagic,
        Self::SequenceThenCopy,
        Self::CopyThenReservation,
        Self::HeadThenSlots,
        Self::OverrunThenHead,
        Self::StateThenSlots,
        Self::MagicThenPage,
        Self::AwaitedThenAsleep,
        Self::AsleepThenAwaited,
        Self::LastVersionThenAnchor,
        Self::AnchorThenVersion,
        Self::VersionThenAnchor,
        Self::AnchorThenSameVersion,
        Self::LastVersionThenEntry,
        Self::EntryThenVersion,
        Self::EntryThenDirectory,
        Self::EntriesThenApplied,
        Self::VersionThenEntry,
        Self::EntryThenSameVersion,
    ];
}

/// The ordering of the access at `site`.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn ordered(_site: Site, order: Ordering) -> Ordering {
    order
}

/// The fence at `site`.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn fence_at(_site: Site, order: Ordering) {
    fence(order);
}

#[cfg(loom)]
pub use faults::weakened;
#[cfg(loom)]
pub(crate) use faults::{fence_at, ordered};

/// The negative controls: what becomes of the protocol without one of its orderings.
#[cfg(loom)]
mod faults {
    use super::{Ordering, Site, fence};
    use std::cell::Cell;

    // Loom runs the threads of a model as coroutines of the thread that explores it: they all see its value, and
    // tests that run in parallel have one each.
    std::thread_local! {
        static WEAKENED: Cell<Option<Site>> = const { Cell::new(None) };
    }

    struct Restore;

    impl Drop for Restore {
        fn drop(&mut self) {
            WEAKENED.set(None);
        }
    }

    /// Runs `body` with the ordering at `site` relaxed, or its fence left out.
    pub fn weakened<T>(site: Site, body: impl FnOnce() -> T) -> T {
        let _restore = Restore;
        WEAKENED.set(Some(site));
        body()
    }

    pub(crate) fn ordered(site: Site, order: Ordering) -> Ordering {
        if WEAKENED.get() == Some(site) {
            Ordering::Relaxed
        } else {
            order
        }
    }

    pub(crate) fn fence_at(site: Site, order: Ordering) {
        if WEAKENED.get() != Some(site) {
            fence(order);
        }
    }
}
