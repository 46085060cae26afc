//! What the configuration asks of one interface.

use super::{Step, Stream, Tier};

/// Which tier to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The best that works, down to [`InterfaceRequest::lowest_tier`].
    Auto,
    /// Exactly this one, or an error.
    Exactly(Tier),
}

/// Which receive queues of the NIC get a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queues {
    /// Every one the NIC has active now: whatever queue it hashes a group to, somebody polls it.
    All,
    /// These only. Groups the NIC hashes to another queue go to the kernel's own stack, counted as `no_socket`.
    Only(Vec<u32>),
}

/// What the socket tier does when no packet is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketWait {
    /// Return at once: lowest latency, one core busy.
    Spin,
    /// Sleep in the kernel until a packet comes, a millisecond at most.
    Block,
}

/// What to do with the UDP checksum in the AF_XDP tiers and captures, where no kernel has checked it (socket tier: the
/// kernel drops what is wrong).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpChecksum {
    /// Do not look at it.
    Ignore,
    /// Count wrong and absent ones, deliver all: some feeds ship wrong checksums for years.
    Count,
    /// Count, and drop the wrong ones. Absent (zero) ones are legal and delivered.
    Drop,
}

/// What the configuration asks of one interface.
#[derive(Debug, Clone)]
pub struct InterfaceRequest {
    /// Name of the receiving interface, as `ip link` shows it.
    pub name: String,
    /// Which tier to use.
    pub mode: Mode,
    /// The lowest tier that `Mode::Auto` may step down to.
    pub lowest_tier: Tier,
    /// Opening fails when the tier reached is below this one.
    pub require: Option<Tier>,
    /// Skips the driver and kernel allow-list (each override is logged).
    pub force: bool,
    /// Tiers that were found not to work on this device although the kernel let them be opened, and why: they are not
    /// tried, `force` or not.
    pub avoid: Vec<Step>,
    /// The streams to receive; [`super::StreamId`] is the position in this list.
    pub streams: Vec<Stream>,
    /// Receive queues to open.
    pub queues: Queues,
    /// The interface whose kernel socket joins the groups, where it differs from the receiving one: the VLAN
    /// sub-interface, the bond, the failover master.
    pub membership_interface: Option<String>,
    /// Preferred busy polling: the worker drives the NIC's receive queue itself (AF_XDP tiers).
    pub busy_poll: bool,
    /// Keep the XDP program attached when the gateway ends (AF_XDP tiers).
    pub pin_link: bool,
    /// Entries of each RX ring, a power of two from 64 to 32768. The FILL ring is twice as large and the memory holds
    /// a frame of 4096 bytes for each FILL and RX entry.
    pub rx_ring: u32,
    /// Take the frames' memory from huge pages where the system has some.
    pub huge_pages: bool,
    /// What to do with UDP checksums.
    pub udp_checksum: UdpChecksum,
    /// What the socket tier does when idle.
    pub socket_wait: SocketWait,
    /// Have the card stamp every packet that it receives, and set it back at the end; at AF_XDP tiers above skb have the XDP
    /// program read its stamps.
    pub hardware_timestamps: bool,
    /// Bytes of kernel receive buffer to ask for on each socket of the socket tier. The kernel caps it at
    /// `net.core.rmem_max` without privilege.
    pub socket_buffer_bytes: usize,
}

impl InterfaceRequest {
    /// The defaults: every queue, the best tier that works, busy polling, 2048 RX entries.
    #[must_use]
    pub fn new(name: impl Into<String>, streams: Vec<Stream>) -> Self {
        Self {
            name: name.into(),
            mode: Mode::Auto,
            lowest_tier: Tier::Socket,
            require: None,
            force: false,
            avoid: Vec::new(),
            streams,
            queues: Queues::All,
            membership_interface: None,
            busy_poll: true,
            pin_link: false,
            rx_ring: 2048,
            huge_pages: true,
            udp_checksum: UdpChecksum::Count,
            socket_wait: SocketWait::Spin,
            hardware_timestamps: false,
            socket_buffer_bytes: 16 << 20,
        }
    }

    /// Whether the ladder may be walked further down than `tier`.
    #[must_use]
    pub fn allows_below(&self, tier: Tier) -> bool {
        let floor = self
            .require
            .unwrap_or(self.lowest_tier)
            .max(self.lowest_tier);
        self.mode == Mode::Auto && tier > floor
    }

    /// The interface that joins the groups.
    #[must_use]
    pub fn joining_interface(&self) -> &str {
        self.membership_interface.as_deref().unwrap_or(&self.name)
    }
}
