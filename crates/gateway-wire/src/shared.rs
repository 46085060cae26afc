//! What the XDP program and user space tell each other: the maps' keys, values and counters, and the metadata in
//! front of each packet.
//!
//! Both sides run on one machine, so all numbers are in its byte order; addresses stay in network order because
//! nobody computes with them. A type's `to_bytes` is its layout in the map.

use crate::packet::Reject;

/// Name of the XDP program.
pub const PROGRAM: &str = "gateway_steer";
/// Hash map from [`StreamKey`] to [`StreamValue`].
pub const MAP_STREAMS: &str = "STREAMS";
/// Hash map from [`SourceKey`] to one byte; holds who may send to a [`SOURCE_FILTERED`] stream.
pub const MAP_SOURCES: &str = "SOURCES";
/// AF_XDP sockets by the index of the receive queue.
pub const MAP_SOCKETS: &str = "SOCKETS";
/// Per-CPU array of `u64`: a counter for each [`Verdict`] and then for each [`Note`].
pub const MAP_VERDICTS: &str = "VERDICTS";
/// How many counters [`MAP_VERDICTS`] holds.
pub const COUNTERS: usize = Verdict::COUNT + Note::COUNT;

/// Flag of [`StreamValue::flags`]: only sources in [`MAP_SOURCES`] may send (source-specific multicast).
pub const SOURCE_FILTERED: u32 = 1;

/// Who a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct StreamKey {
    /// Destination address, a multicast group as a rule.
    pub group: [u8; 4],
    /// UDP destination port.
    pub port: u16,
    /// Always 0, so that equal keys have equal bytes.
    pub pad: u16,
}

impl StreamKey {
    /// The key of datagrams to `group` and `port`.
    #[must_use]
    #[inline(always)]
    pub const fn new(group: [u8; 4], port: u16) -> Self {
        Self {
            group,
            port,
            pad: 0,
        }
    }

    /// The key as it lies in the map.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.group;
        let [e, f] = self.port.to_ne_bytes();
        [a, b, c, d, e, f, 0, 0]
    }
}

/// What is known about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct StreamValue {
    /// Number of the stream, as user space counts them.
    pub stream: u32,
    /// 0 or [`SOURCE_FILTERED`].
    pub flags: u32,
}

impl StreamValue {
    /// The value as it lies in the map.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.stream.to_ne_bytes();
        let [e, f, g, h] = self.flags.to_ne_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

/// One permitted source of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct SourceKey {
    /// Number of the stream.
    pub stream: u32,
    /// Source address.
    pub source: [u8; 4],
}

impl SourceKey {
    /// The key as it lies in the map.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.stream.to_ne_bytes();
        let [e, f, g, h] = self.source;
        [a, b, c, d, e, f, g, h]
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It goes to the AF_XDP socket of its receive queue.
    Redirect,
    /// It goes on to the kernel's network stack.
    Pass,
}

/// The XDP program's verdict on a frame. Each frame has exactly one, so that their counters add up to all frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Verdict {
    /// Ours; handed to the AF_XDP socket of its receive queue.
    Redirected = 0,
    /// Ours, but its receive queue has no socket.
    NoSocket,
    /// A datagram to a group and port that nobody asked for.
    UnknownStream,
    /// A datagram to one of our streams from a source that it does not list.
    SourceRefused,
    /// [`Reject::NotIp`].
    NotIp,
    /// [`Reject::Ipv6`].
    Ipv6,
    /// [`Reject::NotUdp`].
    NotUdp,
    /// [`Reject::Fragment`].
    Fragment,
    /// [`Reject::Truncated`].
    Truncated,
    /// [`Reject::BadHeader`].
    BadHeader,
    /// [`Reject::BadLength`].
    BadLength,
    /// [`Reject::TooManyVlans`].
    TooManyVlans,
}

impl Verdict {
    /// How many verdicts there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Redirected,
        Self::NoSocket,
        Self::UnknownStream,
        Self::SourceRefused,
        Self::NotIp,
        Self::Ipv6,
        Self::NotUdp,
        Self::Fragment,
        Self::Truncated,
        Self::BadHeader,
        Self::BadLength,
        Self::TooManyVlans,
    ];

    /// Name for metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redirected => "redirected",
            Self::NoSocket => "no_socket",
            Self::UnknownStream => "unknown_stream",
            Self::SourceRefused => "source_refused",
            Self::NotIp => "not_ip",
            Self::Ipv6 => "ipv6",
            Self::NotUdp => "not_udp",
            Self::Fragment => "fragment",
            Self::Truncated => "truncated",
            Self::BadHeader => "bad_header",
            Self::BadLength => "bad_length",
            Self::TooManyVlans => "too_many_vlans",
        }
    }

    /// What the program does with such a frame.
    #[must_use]
    #[inline(always)]
    pub const fn action(self) -> Action {
        match self {
            Self::Redirected => Action::Redirect,
            _ => Action::Pass,
        }
    }

    /// Position of the counter in [`MAP_VERDICTS`].
    #[must_use]
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self as u32
    }
}

impl From<Reject> for Verdict {
    #[inline(always)]
    fn from(reject: Reject) -> Self {
        match reject {
            Reject::Truncated => Self::Truncated,
            Reject::NotIp => Self::NotIp,
            Reject::Ipv6 => Self::Ipv6,
            Reject::TooManyVlans => Self::TooManyVlans,
            Reject::BadHeader => Self::BadHeader,
            Reject::NotUdp => Self::NotUdp,
            Reject::Fragment => Self::Fragment,
            Reject::BadLength => Self::BadLength,
        }
    }
}

/// What else the program saw of a frame that it redirected. A frame may have several notes or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Note {
    /// It carried one VLAN tag.
    OneVlan = 0,
    /// It carried two VLAN tags.
    TwoVlans,
    /// There was no room for metadata in front of it, or the driver refused: it came without a stamp.
    NoMetadata,
}

impl Note {
    /// How many notes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::OneVlan, Self::TwoVlans, Self::NoMetadata];

    /// Name for metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneVlan => "one_vlan",
            Self::TwoVlans => "two_vlans",
            Self::NoMetadata => "no_metadata",
        }
    }

    /// Position of the counter in [`MAP_VERDICTS`].
    #[must_use]
    #[inline(always)]
    pub const fn index(self) -> u32 {
        Verdict::COUNT as u32 + self as u32
    }
}

/// Length of [`Metadata`] in bytes.
pub const METADATA_LEN: usize = 16;
/// The upper 48 bits of [`Metadata::magic_flags`]: they tell metadata from whatever else lies before a packet.
pub const MAGIC: u64 = 0x6761_7465_7761_0000;
/// The bits of [`Metadata::magic_flags`] that hold [`MAGIC`].
pub const MAGIC_MASK: u64 = 0xffff_ffff_ffff_0000;
/// Flag: the stamp is the network card's, in the card's clock.
pub const STAMP_NIC: u64 = 1;
/// Flag: the stamp was taken in the driver's XDP hook, in nanoseconds of `CLOCK_MONOTONIC`.
pub const STAMP_DRIVER_HOOK: u64 = 2;

/// The 16 bytes that the program puts in front of a packet where the driver lets it.
///
/// With neither flag set there is metadata but no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Metadata {
    /// [`MAGIC`] and flags.
    pub magic_flags: u64,
    /// When the packet arrived, in nanoseconds of the clock that the flags name.
    pub timestamp_ns: u64,
}

impl Metadata {
    /// Metadata with a stamp of the clock that `flag` names: [`STAMP_NIC`] or [`STAMP_DRIVER_HOOK`].
    #[must_use]
    #[inline(always)]
    pub const fn new(flag: u64, timestamp_ns: u64) -> Self {
        Self {
            magic_flags: MAGIC | (flag & !MAGIC_MASK),
            timestamp_ns,
        }
    }

    /// Reads the 16 bytes before a packet; nothing if they are not metadata.
    #[must_use]
    #[inline(always)]
    pub const fn decode(bytes: &[u8; METADATA_LEN]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        let magic_flags = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        if magic_flags & MAGIC_MASK != MAGIC {
            return None;
        }
        Some(Self {
            magic_flags,
            timestamp_ns: u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        })
    }

    /// The network card's stamp, in nanoseconds of the card's clock.
    #[must_use]
    #[inline(always)]
    pub const fn nic_ns(&self) -> Option<u64> {
        if self.magic_flags & STAMP_NIC != 0 {
            Some(self.timestamp_ns)
        } else {
            None
        }
    }

    /// The XDP hook's stamp, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    #[inline(always)]
    pub const fn hook_ns(&self) -> Option<u64> {
        if self.magic_flags & STAMP_DRIVER_HOOK != 0 {
            Some(self.timestamp_ns)
        } else {
            None
        }
    }
}

const _: () = {
    assert!(size_of::<StreamKey>() == 8);
    assert!(size_of::<StreamValue>() == 8);
    assert!(size_of::<SourceKey>() == 8);
    assert!(size_of::<Metadata>() == METADATA_LEN);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_their_own_places_and_names() {
        for (number, verdict) in Verdict::ALL.iter().enumerate() {
            assert_eq!(verdict.index() as usize, number);
        }
        for (number, note) in Note::ALL.iter().enumerate() {
            assert_eq!(note.index() as usize, Verdict::COUNT + number);
        }
        let names: std::collections::BTreeSet<_> = Verdict::ALL
            .iter()
            .map(|v| v.name())
            .chain(Note::ALL.iter().map(|n| n.name()))
            .collect();
        assert_eq!(names.len(), COUNTERS);
    }

    #[test]
    fn metadata_is_recognised_by_its_magic_only() {
        let metadata = Metadata::new(STAMP_DRIVER_HOOK, 42);
        let mut bytes = [0; METADATA_LEN];
        bytes[..8].copy_from_slice(&metadata.magic_flags.to_ne_bytes());
        bytes[8..].copy_from_slice(&metadata.timestamp_ns.to_ne_bytes());
        assert_eq!(Metadata::decode(&bytes), Some(metadata));
        assert_eq!((metadata.hook_ns(), metadata.nic_ns()), (Some(42), None));
        assert_eq!(Metadata::new(STAMP_NIC, 7).nic_ns(), Some(7));
        assert_eq!(Metadata::decode(&[0; METADATA_LEN]), None);
    }
}
