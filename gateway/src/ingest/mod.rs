//! Ingest: how packets reach a worker.
//!
//! One trait, [`Ingest`], and a provider per way in: AF_XDP rings (zero-copy, copy or skb), ordinary UDP sockets, and
//! capture files. A worker polls its providers in a loop and is handed UDP payloads, each with the stream it belongs
//! to; it never learns which tier they came by, except to report it.
//!
//! What all providers promise:
//! - a payload is handed out only for a stream named at construction, from a source that this stream allows, and every
//!   other packet counts under exactly one reason in [`IngestCounters`];
//! - at most [`BATCH`] payloads a call, so that the worker's other inputs get their turn;
//! - after construction `poll` allocates nothing, takes no lock, logs nothing, and makes no system call but the one
//!   that moves packets.
//!
//! [`ladder::open`] walks the tiers `zero-copy → copy → skb → socket` and says why it stopped where it did.

mod af_xdp;
pub mod allow;
mod ancillary;
pub mod busy_poll;
pub mod canary;
mod card_program;
mod counters;
pub mod detach;
mod drops;
mod error;
mod facts;
pub mod filter_table;
mod frames;
mod handover;
pub mod interrupts;
mod joins;
pub mod ladder;
mod link;
pub mod membership;
pub mod mtu;
pub mod netdev;
mod netdev_family;
mod object;
mod pcap;
mod pin;
mod plan;
mod prefetch;
mod program;
mod provider;
mod range;
mod refusal;
mod request;
mod ring;
mod socket;
mod stamping;
mod stamping_card;
mod steer;
mod stream;
mod tier;
mod verdicts;
mod watch;
mod xsk;

pub use af_xdp::AfXdpIngest;
pub use counters::{IngestCounters, KernelDrops};
pub use drops::KernelDropReader;
pub use error::{ErrorKind, IngestError};
pub(crate) use facts::remember_rights;
pub use facts::{Facts, Features, missing_capabilities, socket_errno};
pub(crate) use handover::{AboutQueue, HandedProgram, HandedQueue, Handover};
pub use joins::{JoinedGroups, Joins, Standing};
pub use ladder::Opened;
pub(crate) use ladder::{Opener, OwnWalk};
pub use link::{AttachMode, attached_program};
pub use membership::Membership;
pub use object::xdp_object;
pub use pcap::{Pace, PcapIngest};
pub use program::SteeringProgram;
pub use provider::Provider;
pub(crate) use refusal::Refusal;
pub use request::{InterfaceRequest, Mode, Queues, SocketWait, UdpChecksum};
pub use socket::SocketIngest;
pub(crate) use stamping::why_not_from_card;
pub use stamping::{Stamper, Stamping};
pub(crate) use stamping_card::StampingCard;
pub use stream::{Lookup, Stream, StreamId, StreamTable};
pub use tier::{Obstacle, Step, Tier};
pub use verdicts::{VerdictCounts, VerdictReader};
pub use watch::LinkWatch;

/// The most payloads one [`Ingest::poll`] hands out: larger batches add latency to the packets at their end, smaller
/// ones pay the ring's and the system call's fixed cost more often.
pub const BATCH: usize = 64;

/// When a packet was seen on its way to us, as far as known. Where the clocks differ one is not to be subtracted from another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamps {
    /// When the NIC received it, where it stamps packets, by the steady time of
    /// [`Clock::global`](gateway_queue::clock::Clock::global); none while the NIC's clock cannot be compared with that.
    pub nic_ns: Option<u64>,
    /// When the kernel's network stack got it (socket tier), `CLOCK_REALTIME`.
    pub kernel_ns: Option<u64>,
    /// The XDP program's time at the driver hook, `CLOCK_MONOTONIC`.
    pub hook_ns: Option<u64>,
    /// The capture file's time of the packet, nanoseconds since 1970-01-01 UTC.
    pub capture_ns: Option<u64>,
}

/// One UDP payload of one of our streams, borrowed from the provider's buffers for the length of the visit.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// The stream's position in the list the provider was built with.
    pub stream: StreamId,
    /// IPv4 source address of the packet.
    pub source: [u8; 4],
    /// The UDP payload: whole, never truncated (what did not fit is counted and not handed out).
    pub payload: &'a [u8],
    /// Receive times, as far as the provider knows them.
    pub stamps: Stamps,
}

/// A source of datagrams that a worker polls.
pub trait Ingest {
    /// Hands the datagrams that are ready to `visit`, at most [`BATCH`], and returns how many there were. Returns at
    /// once when there are none, except a socket provider that was told to block, which waits about a millisecond.
    ///
    /// # Errors
    ///
    /// Only what makes the provider unusable: the device went away, a capture file is damaged (the packets before the
    /// damage were handed out). A bad packet is a counter, never an error.
    fn poll<V: FnMut(Datagram<'_>)>(&mut self, visit: &mut V) -> Result<usize, IngestError>;

    /// What this provider has seen so far.
    fn counters(&self) -> &IngestCounters;

    /// How packets reach this provider.
    fn tier(&self) -> Tier;

    /// True once no packet can come any more: a capture file at its end. Interfaces never finish.
    fn finished(&self) -> bool;
}
