//! What a provider has seen: plain integers, written by the worker that polls it.

use std::ops::Add;

use gateway_wire::shared::Verdict;

/// Counts since the provider was opened. `packets` plus every "not handed out" field is what reached the provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounters {
    /// Datagrams handed to the worker.
    pub packets: u64,
    /// UDP payload bytes handed to the worker.
    pub bytes: u64,
    /// Not handed out: not a UDP datagram that [`gateway_wire::parse`] accepts, by the verdict of that name
    /// ([`Verdict::index`]); the verdicts that are no parse error stay zero.
    pub rejected: [u64; Verdict::COUNT],
    /// Not handed out: UDP, but to a group and port that no stream has.
    pub unknown_stream: u64,
    /// Not handed out: one of our groups, from a source its stream does not list.
    pub source_filtered: u64,
    /// Not handed out: longer than the buffer (socket tier) or spread over several frames (AF_XDP).
    pub oversized: u64,
    /// Not handed out: a descriptor that points outside the packet memory; always zero unless there is a bug.
    pub bad_descriptors: u64,
    /// Not handed out: wrong checksum of the IPv4 header, which a kernel would have dropped, too.
    pub header_checksum_dropped: u64,
    /// Not handed out: wrong UDP checksum where the configuration drops those.
    pub checksum_dropped: u64,
    /// Wrong UDP checksums seen, handed out or not.
    pub checksum_wrong: u64,
    /// Packets without a UDP checksum (legal in IPv4), handed out.
    pub checksum_absent: u64,
    /// Handed out, stamped by card and kernel or by the card alone (socket tier).
    pub stamped_by_card: u64,
    /// Handed out, stamped by the kernel, and not by the card (socket tier).
    pub stamped_by_kernel: u64,
    /// Handed out, stamped by nobody (socket tier).
    pub unstamped: u64,
    /// System calls that moved or asked for packets.
    pub kicks: u64,
    /// Requests for packets that the kernel refused: the link is administratively down.
    pub kicks_refused: u64,
    /// Polls that found nothing.
    pub empty_polls: u64,
}

/// Packets that the kernel dropped before they reached the provider. Read by the control plane through
/// [`super::KernelDropReader`]: a system call, so the worker does not make it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KernelDrops {
    /// AF_XDP: dropped for reasons the kernel does not name further (`rx_dropped`).
    pub rx_dropped: u64,
    /// AF_XDP: the RX ring was full: the worker did not keep up.
    pub rx_ring_full: u64,
    /// AF_XDP: no free frame was offered when a packet came (`rx_fill_ring_empty_descs`).
    pub fill_ring_empty: u64,
    /// AF_XDP: descriptors we offered that the kernel refused; always zero unless there is a bug.
    pub rx_invalid_descs: u64,
    /// Socket tier: dropped because the receive buffer was full, summed over the provider's sockets.
    pub socket_buffer_full: u64,
}

impl IngestCounters {
    /// Frames or datagrams that reached the provider, whatever became of them.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.packets
            + self.rejected.iter().sum::<u64>()
            + self.unknown_stream
            + self.source_filtered
            + self.oversized
            + self.bad_descriptors
            + self.header_checksum_dropped
            + self.checksum_dropped
    }
}

impl Add for IngestCounters {
    type Output = Self;

    /// What two providers have counted that took each other's place.
    fn add(self, other: Self) -> Self {
        let mut rejected = self.rejected;
        for (count, more) in rejected.iter_mut().zip(other.rejected) {
            *count += more;
        }
        Self {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            rejected,
            unknown_stream: self.unknown_stream + other.unknown_stream,
            source_filtered: self.source_filtered + other.source_filtered,
            oversized: self.oversized + other.oversized,
            bad_descriptors: self.bad_descriptors + other.bad_descriptors,
            header_checksum_dropped: self.header_checksum_dropped + other.header_checksum_dropped,
            checksum_dropped: self.checksum_dropped + other.checksum_dropped,
            checksum_wrong: self.checksum_wrong + other.checksum_wrong,
            checksum_absent: self.checksum_absent + other.checksum_absent,
            stamped_by_card: self.stamped_by_card + other.stamped_by_card,
            stamped_by_kernel: self.stamped_by_kernel + other.stamped_by_kernel,
            unstamped: self.unstamped + other.unstamped,
            kicks: self.kicks + other.kicks,
            kicks_refused: self.kicks_refused + other.kicks_refused,
            empty_polls: self.empty_polls + other.empty_polls,
        }
    }
}

impl Add for KernelDrops {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rx_dropped: self.rx_dropped + other.rx_dropped,
            rx_ring_full: self.rx_ring_full + other.rx_ring_full,
            fill_ring_empty: self.fill_ring_empty + other.fill_ring_empty,
            rx_invalid_descs: self.rx_invalid_descs + other.rx_invalid_descs,
            socket_buffer_full: self.socket_buffer_full + other.socket_buffer_full,
        }
    }
}
