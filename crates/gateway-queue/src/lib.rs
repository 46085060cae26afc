//! The shared-memory queue: a single-producer broadcast ring in a sealed memory file.
//!
//! The [`Publisher`] never waits, never loads what a reader wrote, never makes a system call and never allocates
//! after [`Publisher::create`]. A [`Subscriber`] maps the ring read-only and gets each record whole, in order and
//! once, or learns how many slots it lost. However many readers there are, and whatever they do, publishing costs the
//! same instructions.
//!
//! | module | what lives there |
//! |---|---|
//! | [`ring`] | the protocol itself, over any memory: what loom explores |
//! | [`table`] | a table of entries that one writer replaces and any number read whole |
//! | [`layout`] | the header page, its versions and its validation |
//! | [`clock`] | nanoseconds since the Unix epoch from the processor's counter |
//! | [`anchors`] | how a clock is corrected while others read it: what loom explores, too |
//! | [`PositionPage`], [`PositionWriter`] | where a reader says how far it is |
//! | [`Asleep`], [`Bells`] | readers that sleep in the kernel, and the gateway's helper that wakes them |
//!
//! The protocol is modelled by loom, and each of its orderings ([`sync::Site`]) is shown to be needed; the rest of the
//! crate is not compiled then:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p gateway-queue --release --test loom --target-dir target/loom
//! ```

#[cfg(not(target_endian = "little"))]
compile_error!("the queue's layout is little-endian, and so must be the machine");

pub mod anchors;
pub mod buckets;
pub mod ring;
pub mod sync;
pub mod table;

#[cfg(not(loom))]
mod bells;
#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
mod create;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod futex;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
pub mod layout;
#[cfg(not(loom))]
mod mapping;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod position;
#[cfg(not(loom))]
mod publisher;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod sleep;
#[cfg(not(loom))]
mod stamps;
#[cfg(not(loom))]
mod subscriber;
#[cfg(not(loom))]
mod words;

#[cfg(not(loom))]
pub use bells::{BellCounters, Bells, LOOK_INTERVAL, Watch};
#[cfg(not(loom))]
pub use error::QueueError;
#[cfg(not(loom))]
pub use futex::Woken;
#[cfg(not(loom))]
pub use handle::QueueHandle;
#[cfg(not(loom))]
pub use mapping::{HugePages, MemoryReport};
#[cfg(not(loom))]
pub use options::PublisherOptions;
#[cfg(not(loom))]
pub use position::{
    CHANNELS_TOLD_APART, ChannelLatency, PositionPage, PositionWriter, ReaderClock, ReaderLatency,
    ReaderPosition,
};
#[cfg(not(loom))]
pub use publisher::Publisher;
#[cfg(not(loom))]
pub use ring::{Closed, Ending, OnLapped, Step};
#[cfg(not(loom))]
pub use sleep::Asleep;
#[cfg(not(loom))]
pub use subscriber::{Advance, Health, Poll, RecordRef, Start, Subscriber, Taken};
#[cfg(not(loom))]
pub use words::{LentWords, read_words};

/// Largest number of 8-byte words of a record: its length is one byte that counts 32-bit words.
pub const RECORD_WORDS_MAX: usize = 128;
/// Words of a record that fit one slot beside its sequence.
pub const SLOT_PAYLOAD_WORDS: usize = 7;
