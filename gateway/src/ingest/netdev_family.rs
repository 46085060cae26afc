//! The kernel's `netdev` family of generic netlink: what drivers can do with XDP, and how their queues are driven
//! (Documentation/netlink/specs/netdev.yaml). None of it needs privilege.

use std::io;

use serde::{Deserialize, Serialize};

use crate::netlink::{self, GENL_HEADER_BYTES, Request, attribute};

/// What a driver says it can do with XDP (`enum netdev_xdp_act`, linux/netdev.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct XdpFeatures {
    bits: u64,
    /// Bits of `enum netdev_xdp_rx_metadata`; `None` where the kernel does not tell (before 6.7).
    metadata_bits: Option<u64>,
    /// Bits of `enum netdev_xsk_flags`.
    socket_bits: u64,
}

impl XdpFeatures {
    const BASIC: u64 = 1;
    const REDIRECT: u64 = 1 << 1;
    const XSK_ZEROCOPY: u64 = 1 << 3;
    const METADATA_TIMESTAMP: u64 = 1;

    /// Features from their bits, for tables and tests.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            bits,
            metadata_bits: Some(0),
            socket_bits: 0,
        }
    }

    /// Features one by one.
    #[must_use]
    pub const fn of(native: bool, redirect: bool, zero_copy: bool, nic_timestamp: bool) -> Self {
        Self {
            bits: if native { Self::BASIC } else { 0 }
                | if redirect { Self::REDIRECT } else { 0 }
                | if zero_copy { Self::XSK_ZEROCOPY } else { 0 },
            metadata_bits: Some(if nic_timestamp {
                Self::METADATA_TIMESTAMP
            } else {
                0
            }),
            socket_bits: 0,
        }
    }

    /// The same with what the driver can do for packets that an AF_XDP socket sends: stamp them, fill in checksums.
    #[must_use]
    pub const fn sending(self, stamp: bool, checksum: bool) -> Self {
        Self {
            socket_bits: stamp as u64 | (checksum as u64) << 1,
            ..self
        }
    }

    /// The driver runs XDP programs itself and honours their simple verdicts.
    #[must_use]
    pub const fn native(self) -> bool {
        self.bits & Self::BASIC != 0
    }

    /// The driver honours `XDP_REDIRECT`, which AF_XDP needs. A driver without it attaches the program all the same and
    /// then loses every redirected packet.
    #[must_use]
    pub const fn redirect(self) -> bool {
        self.bits & Self::REDIRECT != 0
    }

    /// The driver offers zero-copy AF_XDP.
    #[must_use]
    pub const fn zero_copy(self) -> bool {
        self.bits & Self::XSK_ZEROCOPY != 0
    }

    /// The driver can give XDP programs the NIC's receive time.
    #[must_use]
    pub const fn nic_timestamp(self) -> bool {
        matches!(self.lends_stamps(), Some(true))
    }

    /// Whether the driver gives XDP programs the NIC's receive time; `None` where the kernel does not tell (before 6.7).
    #[must_use]
    pub const fn lends_stamps(self) -> Option<bool> {
        match self.metadata_bits {
            Some(bits) => Some(bits & Self::METADATA_TIMESTAMP != 0),
            None => None,
        }
    }

    /// What the driver can do for packets that an AF_XDP socket sends: stamp them with the time, fill in their checksum.
    #[must_use]
    pub const fn socket_sends(self) -> (bool, bool) {
        (self.socket_bits & 1 != 0, self.socket_bits & 2 != 0)
    }

    /// From the content of an answer to `NETDEV_CMD_DEV_GET` (a `genlmsghdr` and attributes).
    fn parse(answer: &[u8]) -> Option<Self> {
        let attributes = answer.get(GENL_HEADER_BYTES..)?;
        let u64_of = |kind| {
            Some(u64::from_ne_bytes(
                *attribute(attributes, kind)?.first_chunk()?,
            ))
        };
        Some(Self {
            bits: u64_of(NETDEV_A_DEV_XDP_FEATURES)?,
            metadata_bits: u64_of(NETDEV_A_DEV_XDP_RX_METADATA_FEATURES),
            socket_bits: u64_of(NETDEV_A_DEV_XSK_FEATURES).unwrap_or(0),
        })
    }
}

const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_A_DEV_XDP_RX_METADATA_FEATURES: u16 = 5;
const NETDEV_A_DEV_XSK_FEATURES: u16 = 6;
const NETDEV_CMD_QUEUE_GET: u8 = 10;
const NETDEV_A_QUEUE_ID: u16 = 1;
const NETDEV_A_QUEUE_IFINDEX: u16 = 2;
const NETDEV_A_QUEUE_TYPE: u16 = 3;
const NETDEV_A_QUEUE_NAPI_ID: u16 = 4;
const NETDEV_QUEUE_TYPE_RX: u32 = 0;
const NETDEV_CMD_NAPI_GET: u8 = 11;
const NETDEV_A_NAPI_ID: u16 = 2;
const NETDEV_A_NAPI_IRQ: u16 = 3;
const NETDEV_A_NAPI_DEFER_HARD_IRQS: u16 = 5;
const NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT: u16 = 6;

/// The XDP features of an interface by the kernel's `netdev` family; `None` where the kernel has none (before 6.3).
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub fn xdp_features(index: u32) -> io::Result<Option<XdpFeatures>> {
    let Some(family) = netdev_family()? else {
        return Ok(None);
    };
    let answer = Request::new(family, &[NETDEV_CMD_DEV_GET, 1, 0, 0])
        .attribute(NETDEV_A_DEV_IFINDEX, &index.to_ne_bytes())
        .ask(libc::NETLINK_GENERIC)?;
    Ok(XdpFeatures::parse(&answer))
}

/// The NAPI instance of a receive queue, by which the kernel busy-polls it; `None` where the driver names none.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where it does not tell (before 6.8), `ENODEV` when the interface is gone.
pub fn queue_napi(index: u32, queue: u32) -> io::Result<Option<u32>> {
    let family = netdev_family()?.ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
    let answer = Request::new(family, &[NETDEV_CMD_QUEUE_GET, 1, 0, 0])
        .attribute(NETDEV_A_QUEUE_IFINDEX, &index.to_ne_bytes())
        .attribute(NETDEV_A_QUEUE_TYPE, &NETDEV_QUEUE_TYPE_RX.to_ne_bytes())
        .attribute(NETDEV_A_QUEUE_ID, &queue.to_ne_bytes())
        .ask(libc::NETLINK_GENERIC)?;
    Ok(napi_of(&answer))
}

/// A NAPI instance: what takes packets off a receive queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Napi {
    /// Its number.
    pub id: u32,
    /// The interrupt that starts it; `None` where the driver names none.
    pub irq: Option<u32>,
    /// How many times in a row it may find nothing before interrupts are on again; `None` where the kernel does not tell
    /// (before 6.13).
    pub defer_hard_irqs: Option<u32>,
    /// Nanoseconds after which it runs by itself although interrupts are off; `None` as above.
    pub gro_flush_timeout_ns: Option<u64>,
}

impl Napi {
    /// Whether interrupts stay off while somebody busy-polls (Documentation/networking/napi.rst, "IRQ mitigation"): both
    /// settings are needed; `None` where the kernel does not tell.
    #[must_use]
    pub fn defers_interrupts(&self) -> Option<bool> {
        Some(self.defer_hard_irqs? > 0 && self.gro_flush_timeout_ns? > 0)
    }

    /// From the content of an answer to `NETDEV_CMD_NAPI_GET`.
    fn parse(answer: &[u8]) -> Option<Self> {
        let attributes = answer.get(GENL_HEADER_BYTES..)?;
        let number = |kind| {
            let bytes = attribute(attributes, kind)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        // A number of the kernel's type `uint`: four bytes where that suffices, else eight.
        let timeout = attribute(attributes, NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT).and_then(|value| {
            match value.len() {
                8 => value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)),
                _ => value
                    .first_chunk()
                    .map(|bytes| u32::from_ne_bytes(*bytes).into()),
            }
        });
        Some(Self {
            id: number(NETDEV_A_NAPI_ID)?,
            irq: number(NETDEV_A_NAPI_IRQ),
            defer_hard_irqs: number(NETDEV_A_NAPI_DEFER_HARD_IRQS),
            gro_flush_timeout_ns: timeout,
        })
    }
}

/// What the kernel says of a NAPI instance.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where it does not tell (before 6.8), `ENOENT` where there is none of this number.
pub fn napi(id: u32) -> io::Result<Napi> {
    let family = netdev_family()?.ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
    let answer = Request::new(family, &[NETDEV_CMD_NAPI_GET, 1, 0, 0])
        .attribute(NETDEV_A_NAPI_ID, &id.to_ne_bytes())
        .ask(libc::NETLINK_GENERIC)?;
    Napi::parse(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// From the content of an answer to `NETDEV_CMD_QUEUE_GET`.
fn napi_of(answer: &[u8]) -> Option<u32> {
    let attributes = answer.get(GENL_HEADER_BYTES..)?;
    let id = attribute(attributes, NETDEV_A_QUEUE_NAPI_ID)?.first_chunk()?;
    Some(u32::from_ne_bytes(*id)).filter(|&id| id != 0)
}

/// The number of the `netdev` family; `None` where the kernel has none (before 6.3).
fn netdev_family() -> io::Result<Option<u16>> {
    netlink::family(c"netdev")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// `ynl --family netdev --do dev-get --json '{"ifindex": 2}'` on a virtio_net of kernel 6.18.
    #[test]
    fn features_are_read_from_the_kernels_answer() {
        #[rustfmt::skip]
        let answer = [
            1, 1, 0, 0, // NETDEV_CMD_DEV_GET, version 1
            8, 0, 1, 0, 2, 0, 0, 0, // ifindex
            12, 0, 3, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0, // xdp-features: basic redirect ndo-xmit xsk-zerocopy
            8, 0, 4, 0, 1, 0, 0, 0, // xdp-zc-max-segs
            12, 0, 5, 0, 2, 0, 0, 0, 0, 0, 0, 0, // xdp-rx-metadata-features: hash
            12, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, // xsk-features
        ];
        if cfg!(target_endian = "little") {
            let features = XdpFeatures::parse(&answer).unwrap();
            assert!(features.native() && features.redirect() && features.zero_copy());
            assert!(!features.nic_timestamp());
            assert_eq!(features.lends_stamps(), Some(false));
            let older = XdpFeatures::parse(&answer[..32]).unwrap();
            assert_eq!(older.lends_stamps(), None, "a kernel that does not tell");
            assert_eq!(features.socket_sends(), (false, false));
            assert_eq!(features.sending(false, true).socket_sends(), (false, true));
            for length in 0..24 {
                assert_eq!(
                    XdpFeatures::parse(&answer[..length]),
                    None,
                    "cut after {length} bytes"
                );
            }
        }
    }

    #[test]
    fn a_queues_napi_instance_is_read_from_the_kernels_answer() {
        #[rustfmt::skip]
        let answer = [
            10, 1, 0, 0, // NETDEV_CMD_QUEUE_GET, version 1
            8, 0, 1, 0, 0, 0, 0, 0, // id
            8, 0, 3, 0, 0, 0, 0, 0, // type: rx
            8, 0, 4, 0, 0x01, 0x20, 0, 0, // napi-id
            8, 0, 2, 0, 2, 0, 0, 0, // ifindex
        ];
        if cfg!(target_endian = "little") {
            assert_eq!(napi_of(&answer), Some(0x2001));
            assert_eq!(napi_of(&answer[..20]), None, "a driver that names none");
            assert_eq!(napi_of(&[]), None);
        }
    }

    /// `ynl --family netdev --do napi-get --json '{"id": 8193}'` on a kernel 6.18.
    #[test]
    fn a_napi_instance_is_read_from_the_kernels_answer() {
        #[rustfmt::skip]
        let answer = [
            11, 1, 0, 0, // NETDEV_CMD_NAPI_GET, version 1
            8, 0, 2, 0, 0x01, 0x20, 0, 0, // id
            8, 0, 1, 0, 2, 0, 0, 0, // ifindex
            8, 0, 3, 0, 45, 0, 0, 0, // irq
            8, 0, 5, 0, 100, 0, 0, 0, // defer-hard-irqs
            8, 0, 7, 0, 0, 0, 0, 0, // irq-suspend-timeout
            8, 0, 6, 0, 0x40, 0x0d, 3, 0, // gro-flush-timeout
        ];
        if cfg!(target_endian = "little") {
            let napi = Napi::parse(&answer).unwrap();
            let expected = Napi {
                id: 0x2001,
                irq: Some(45),
                defer_hard_irqs: Some(100),
                gro_flush_timeout_ns: Some(200_000),
            };
            assert_eq!(napi, expected);
            assert_eq!(napi.defers_interrupts(), Some(true));
            // A kernel from 6.8 to 6.12 stops behind the interrupt.
            let old = Napi::parse(&answer[..28]).unwrap();
            assert_eq!((old.irq, old.defers_interrupts()), (Some(45), None));
            assert_eq!(Napi::parse(&answer[..8]), None);
            let long: Vec<u8> = [&answer[..12], &[12, 0, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0]].concat();
            assert_eq!(
                Napi::parse(&long).unwrap().gro_flush_timeout_ns,
                Some(1 << 32)
            );
        }
        assert!(napi(u32::MAX).is_err(), "no kernel has so many");
    }
}
