//! What the XDP program and user space tell each other: the maps' keys, values and counters, and the metadata in
//! front of each packet.
//!
//! Both sides run on one machine, so all numbers are in its byte order; addresses stay in network order because
//! nobody computes with them. A type's `to_bytes` is its layout in the map.

use crate::packet::Reject;

/// Name of the XDP program.
pub const PROGRAM: &str = "gateway_steer";
/// Name of the XDP program that reads the card's stamp besides. It can be loaded for one device only, with its
/// [`CARD_STAMP_CALL`] replaced.
pub const PROGRAM_OF_CARD: &str = "gateway_card";
/// The number of a helper that no kernel has. [`PROGRAM_OF_CARD`] calls it where it wants the kernel's function
/// `bpf_xdp_metadata_rx_timestamp`, whose number is each kernel's own: whoever loads the program puts it there.
pub const CARD_STAMP_CALL: u32 = 0x6761_7465;
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
    /// The driver was asked for the card's stamp, and gave one.
    CardStamped,
    /// The driver was asked for the card's stamp, and had none of this frame (`ENODATA`, or a stamp of 0).
    CardUnstamped,
    /// The driver was asked for the card's stamp, and lends none to programs (`EOPNOTSUPP`).
    CardUnsupported,
    /// The driver was asked for the card's stamp, and answered with another error.
    CardFailed,
}

impl Note {
    /// How many notes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::OneVlan,
        Self::TwoVlans,
        Self::NoMetadata,
        Self::CardStamped,
        Self::CardUnstamped,
        Self::CardUnsupported,
        Self::CardFailed,
    ];

    /// What the card's stamp came to, of each frame that [`PROGRAM_OF_CARD`] redirected.
    pub const OF_CARD: [Self; 4] = [
        Self::CardStamped,
        Self::CardUnstamped,
        Self::CardUnsupported,
        Self::CardFailed,
    ];

    /// Name for metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneVlan => "one_vlan",
            Self::TwoVlans => "two_vlans",
            Self::NoMetadata => "no_metadata",
            Self::CardStamped => "card_stamped",
            Self::CardUnstamped => "card_unstamped",
            Self::CardUnsupported => "card_unsupported",
            Self::CardFailed => "card_failed",
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
/// Flag: the 8 bytes in front of [`Metadata`] hold the network card's stamp ([`CardMetadata`]).
pub const STAMP_CARD: u64 = 1;
/// Flag: the stamp was taken in the driver's XDP hook, in nanoseconds of `CLOCK_MONOTONIC`.
pub const STAMP_DRIVER_HOOK: u64 = 2;

/// The 16 bytes that the program puts directly in front of a packet where the driver lets it.
///
/// Without a flag there is metadata but no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Metadata {
    /// [`MAGIC`] and flags.
    pub magic_flags: u64,
    /// When the packet was in the driver's hook, if the flags say so, in nanoseconds of `CLOCK_MONOTONIC`.
    pub hook_ns: u64,
}

impl Metadata {
    /// Metadata with these flags, [`STAMP_CARD`] and [`STAMP_DRIVER_HOOK`], and the stamp of the driver's hook.
    #[must_use]
    #[inline(always)]
    pub const fn new(flags: u64, hook_ns: u64) -> Self {
        Self {
            magic_flags: MAGIC | (flags & !MAGIC_MASK),
            hook_ns,
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
            hook_ns: u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        })
    }

    /// Whether the card's stamp stands in front of it.
    #[must_use]
    #[inline(always)]
    pub const fn has_card_stamp(&self) -> bool {
        self.magic_flags & STAMP_CARD != 0
    }

    /// The XDP hook's stamp, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    #[inline(always)]
    pub const fn hook_ns(&self) -> Option<u64> {
        if self.magic_flags & STAMP_DRIVER_HOOK != 0 {
            Some(self.hook_ns)
        } else {
            None
        }
    }
}

/// Length of [`CardMetadata`] in bytes.
pub const CARD_METADATA_LEN: usize = 24;

/// What [`PROGRAM_OF_CARD`] puts in front of a packet: the card's stamp, and then what the other program puts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct CardMetadata {
    /// When the card received the packet, in nanoseconds of the card's clock; 0 without [`STAMP_CARD`].
    pub card_ns: u64,
    /// What stands directly in front of the packet.
    pub metadata: Metadata,
}

impl CardMetadata {
    /// Metadata with the stamp of the driver's hook, and with the card's unless that is 0, which is none.
    #[must_use]
    #[inline(always)]
    pub const fn new(card_ns: u64, hook_ns: u64) -> Self {
        let flags = if card_ns == 0 {
            STAMP_DRIVER_HOOK
        } else {
            STAMP_DRIVER_HOOK | STAMP_CARD
        };
        Self {
            card_ns,
            metadata: Metadata::new(flags, hook_ns),
        }
    }

    /// The card's stamp in the 24 bytes before a packet whose [`Metadata`] says that it is there.
    #[must_use]
    #[inline(always)]
    pub const fn card_ns(bytes: &[u8; CARD_METADATA_LEN]) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *bytes;
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }
}

const _: () = {
    assert!(size_of::<StreamKey>() == 8);
    assert!(size_of::<StreamValue>() == 8);
    assert!(size_of::<SourceKey>() == 8);
    assert!(size_of::<Metadata>() == METADATA_LEN);
    assert!(size_of::<CardMetadata>() == CARD_METADATA_LEN);
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
        bytes[8..].copy_from_slice(&metadata.hook_ns.to_ne_bytes());
        assert_eq!(Metadata::decode(&bytes), Some(metadata));
        assert_eq!(metadata.hook_ns(), Some(42));
        assert!(!metadata.has_card_stamp());
        assert_eq!(Metadata::new(0, 42).hook_ns(), None);
        assert_eq!(Metadata::decode(&[0; METADATA_LEN]), None);
    }

    #[test]
    fn the_card_s_stamp_stands_in_front_of_what_every_program_writes() {
        let both = CardMetadata::new(7, 42);
        let mut bytes = [0; CARD_METADATA_LEN];
        bytes[..8].copy_from_slice(&both.card_ns.to_ne_bytes());
        bytes[8..16].copy_from_slice(&both.metadata.magic_flags.to_ne_bytes());
        bytes[16..].copy_from_slice(&both.metadata.hook_ns.to_ne_bytes());
        let decoded = bytes.last_chunk().and_then(Metadata::decode);
        assert_eq!(decoded, Some(both.metadata));
        let metadata = both.metadata;
        assert!(metadata.has_card_stamp());
        assert_eq!(
            (metadata.hook_ns(), CardMetadata::card_ns(&bytes)),
            (Some(42), 7)
        );
        let without = CardMetadata::new(0, 42).metadata;
        assert!(!without.has_card_stamp());
        assert_eq!(without.hook_ns(), Some(42));
    }
}
