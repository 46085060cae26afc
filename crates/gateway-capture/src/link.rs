//! What a captured frame starts with, and where its UDP datagram lies.

/// The link-layer header of a capture, by <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet II (1).
    Ethernet,
    /// An IPv4 or IPv6 header at once (12, 14, 101, 228).
    RawIp,
    /// Linux "cooked" capture, version 1 (113).
    LinuxSll,
    /// Linux "cooked" capture, version 2 (276).
    LinuxSll2,
    /// Another, by its number.
    Other(u16),
}

impl LinkType {
    /// The link type of a capture file's number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 => Self::RawIp,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }

    /// The number that a capture file has for it.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::RawIp => 101,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Other(number) => number,
        }
    }
}
