//! What the kernel knows about an interface: index, driver, queues and XDP features.
//!
//! Nothing here reads `/sys`: a mount of sysfs shows one network namespace's devices, netlink and ioctl always those of
//! the calling thread's. None of it needs privilege.

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use super::netlink::{Request, attribute};

/// A kernel's version: major and minor, as the allow-list counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The 6 of 6.12.
    pub major: u32,
    /// The 12 of 6.12.
    pub minor: u32,
}

impl KernelVersion {
    /// A version.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The running kernel's.
    #[must_use]
    pub fn running() -> Option<Self> {
        Self::parse(rustix::system::uname().release().to_str().ok()?)
    }

    /// Reads the start of a release string such as `6.12.117+deb13-amd64`.
    #[must_use]
    pub fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a driver says it can do with XDP (`enum netdev_xdp_act`, linux/netdev.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct XdpFeatures {
    bits: u64,
    /// Bits of `enum netdev_xdp_rx_metadata`.
    metadata_bits: u64,
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
            metadata_bits: 0,
        }
    }

    /// Features one by one.
    #[must_use]
    pub const fn of(native: bool, redirect: bool, zero_copy: bool, nic_timestamp: bool) -> Self {
        Self {
            bits: if native { Self::BASIC } else { 0 }
                | if redirect { Self::REDIRECT } else { 0 }
                | if zero_copy { Self::XSK_ZEROCOPY } else { 0 },
            metadata_bits: if nic_timestamp {
                Self::METADATA_TIMESTAMP
            } else {
                0
            },
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
        self.metadata_bits & Self::METADATA_TIMESTAMP != 0
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
            metadata_bits: u64_of(NETDEV_A_DEV_XDP_RX_METADATA_FEATURES).unwrap_or(0),
        })
    }
}

const GENL_HEADER_BYTES: usize = 4;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_A_DEV_XDP_RX_METADATA_FEATURES: u16 = 5;
const NETDEV_CMD_QUEUE_GET: u8 = 10;
const NETDEV_A_QUEUE_ID: u16 = 1;
const NETDEV_A_QUEUE_IFINDEX: u16 = 2;
const NETDEV_A_QUEUE_TYPE: u16 = 3;
const NETDEV_A_QUEUE_NAPI_ID: u16 = 4;
const NETDEV_QUEUE_TYPE_RX: u32 = 0;

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

/// From the content of an answer to `NETDEV_CMD_QUEUE_GET`.
fn napi_of(answer: &[u8]) -> Option<u32> {
    let attributes = answer.get(GENL_HEADER_BYTES..)?;
    let id = attribute(attributes, NETDEV_A_QUEUE_NAPI_ID)?.first_chunk()?;
    Some(u32::from_ne_bytes(*id)).filter(|&id| id != 0)
}

/// The number of the `netdev` family; `None` where the kernel has none (before 6.3).
fn netdev_family() -> io::Result<Option<u16>> {
    let family = Request::new(GENL_ID_CTRL, &[CTRL_CMD_GETFAMILY, 1, 0, 0])
        .attribute(CTRL_ATTR_FAMILY_NAME, b"netdev\0")
        .ask(libc::NETLINK_GENERIC);
    let family = match family {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let id = family
        .get(GENL_HEADER_BYTES..)
        .and_then(|attributes| {
            attribute(attributes, CTRL_ATTR_FAMILY_ID)?
                .first_chunk()
                .copied()
        })
        .map(u16::from_ne_bytes)
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(id))
}

const IFINFO_BYTES: usize = 16;
const IFLA_NUM_RX_QUEUES: u16 = 32;

fn link(index: u32) -> io::Result<Vec<u8>> {
    let mut header = [0; IFINFO_BYTES];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    Request::new(libc::RTM_GETLINK, &header).ask(libc::NETLINK_ROUTE)
}

/// Where a link stands, as rtnetlink tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkFacts {
    /// Its index: another one means another device, whatever its name.
    pub index: u32,
    /// Whether it is administratively up (`IFF_UP`).
    pub up: bool,
    /// Whether the driver says that the medium is there (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// The bond, bridge or failover device that it belongs to.
    pub master: Option<u32>,
}

impl LinkFacts {
    /// Those of the interface of this name, in the calling thread's network namespace; `None` where there is none.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::parse(&link(index(name)?).ok()?)
    }

    /// Those of the interface of this index, under whatever name.
    #[must_use]
    pub fn of_index(index: u32) -> Option<Self> {
        Self::parse(&link(index).ok()?)
    }

    /// Reads `struct ifinfomsg` and the attributes behind it.
    fn parse(answer: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = answer.get(at..at + 4)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let flags = number(8)?;
        let master = attribute(answer.get(IFINFO_BYTES..)?, libc::IFLA_MASTER)
            .and_then(|value| value.first_chunk().copied())
            .map(u32::from_ne_bytes)
            .filter(|&index| index != 0);
        Some(Self {
            index: number(4)?,
            up: flags & libc::IFF_UP as u32 != 0,
            carrier: flags & libc::IFF_LOWER_UP as u32 != 0,
            master,
        })
    }
}

/// The interface's MTU in bytes.
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub fn mtu(index: u32) -> io::Result<u32> {
    let answer = link(index)?;
    answer
        .get(IFINFO_BYTES..)
        .and_then(|attributes| {
            attribute(attributes, libc::IFLA_MTU)?
                .first_chunk()
                .copied()
        })
        .map(u32::from_ne_bytes)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The interface's index, in the calling thread's network namespace.
#[must_use]
pub fn index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: a C string that lives through the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

/// The interfaces of the calling thread's network namespace, but for the loopback interface.
#[must_use]
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: takes nothing; what it returns is freed below, once.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return names;
    }
    let mut next = list;
    loop {
        // SAFETY: the list is an array that ends with an entry whose name is null, which is not passed.
        let entry = unsafe { &*next };
        if entry.if_name.is_null() {
            break;
        }
        // SAFETY: the name of an entry is a C string that lives as long as the list.
        let name = unsafe { CStr::from_ptr(entry.if_name) };
        names.push(name.to_string_lossy().into_owned());
        // SAFETY: this entry was not the last.
        next = unsafe { next.add(1) };
    }
    // SAFETY: it came from `if_nameindex`, and nothing borrows from it any more.
    unsafe { libc::if_freenameindex(list) };
    names.retain(|name| name != "lo");
    names
}

/// Whether the calling thread's network namespace has an interface of this index, under whatever name.
#[must_use]
pub fn exists(index: u32) -> bool {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: `name` has the room that the call asks for.
    !unsafe { libc::if_indextoname(index, name.as_mut_ptr()) }.is_null()
}

/// The driver's name as `ethtool -i` shows it.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` for interfaces without a driver to name (the loopback interface).
pub fn driver(name: &str) -> io::Result<String> {
    /// `struct ethtool_drvinfo` starts with the command and a name of 32 bytes.
    #[repr(C)]
    struct DriverInfo {
        command: u32,
        driver: [u8; 32],
        rest: [u8; 160],
    }
    const ETHTOOL_GDRVINFO: u32 = 3;
    let mut info = DriverInfo {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        rest: [0; 160],
    };
    ethtool(name, &mut info)?;
    let name = CStr::from_bytes_until_nul(&info.driver).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(name.to_string_lossy().into_owned())
}

/// How many receive queues are active: by `ethtool -l` where the driver tells, else all that the interface has.
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub fn receive_queues(name: &str, index: u32) -> io::Result<u32> {
    /// `struct ethtool_channels`.
    #[repr(C)]
    #[derive(Default)]
    struct Channels {
        command: u32,
        maximum: [u32; 4],
        rx: u32,
        tx: u32,
        other: u32,
        combined: u32,
    }
    const ETHTOOL_GCHANNELS: u32 = 0x3c;
    let mut channels = Channels {
        command: ETHTOOL_GCHANNELS,
        ..Channels::default()
    };
    let active = match ethtool(name, &mut channels) {
        Ok(()) => channels.rx + channels.combined,
        Err(_) => link(index)?
            .get(IFINFO_BYTES..)
            .and_then(|attributes| {
                attribute(attributes, IFLA_NUM_RX_QUEUES)?
                    .first_chunk()
                    .copied()
            })
            .map_or(1, u32::from_ne_bytes),
    };
    Ok(active.max(1))
}

/// `SIOCETHTOOL` with a command structure.
fn ethtool<T>(name: &str, command: &mut T) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    // SAFETY: a C struct for which all-zero bytes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, &from) in request.ifr_name.iter_mut().zip(name.as_bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(command).cast();
    // SAFETY: the request names a C struct of the size that its command has, which lives through the call.
    let result = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCETHTOOL as libc::Ioctl,
            &raw mut request,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn kernel_versions_are_read_from_release_strings() {
        for (release, expected) in [
            ("6.12.117+deb13-amd64", Some(KernelVersion::new(6, 12))),
            ("6.18-rc3", Some(KernelVersion::new(6, 18))),
            ("5.4.0-1103-aws", Some(KernelVersion::new(5, 4))),
            ("next-2026", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(KernelVersion::parse(release), expected, "{release}");
        }
        assert!(KernelVersion::new(6, 9) < KernelVersion::new(6, 12));
    }

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

    #[test]
    fn a_links_facts_are_read_from_the_kernels_answer() {
        let mut answer = vec![0; 16];
        answer[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        let flags = (libc::IFF_UP | libc::IFF_LOWER_UP) as u32;
        answer[8..12].copy_from_slice(&flags.to_ne_bytes());
        let alone = LinkFacts {
            index: 7,
            up: true,
            carrier: true,
            master: None,
        };
        assert_eq!(LinkFacts::parse(&answer), Some(alone));
        answer.extend(8_u16.to_ne_bytes());
        answer.extend(libc::IFLA_MASTER.to_ne_bytes());
        answer.extend(3_u32.to_ne_bytes());
        let enslaved = LinkFacts {
            master: Some(3),
            ..alone
        };
        assert_eq!(LinkFacts::parse(&answer), Some(enslaved));
        for length in 0..16 {
            assert_eq!(LinkFacts::parse(&answer[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn the_loopback_interface_is_known_everywhere() {
        let lo = index("lo").unwrap();
        assert!(receive_queues("lo", lo).unwrap() >= 1);
        assert!(mtu(lo).unwrap() >= 1500);
        assert!(LinkFacts::of_index(lo).is_some() && exists(lo) && !exists(u32::MAX >> 1));
        if let Some(features) = xdp_features(lo).unwrap() {
            assert!(!features.redirect(), "lo has no native XDP");
        }
        assert!(!names().contains(&"lo".to_owned()));
        assert_eq!(index("no-such-iface"), None);
        assert_eq!(
            xdp_features(u32::MAX >> 1)
                .map_err(|e| e.raw_os_error())
                .unwrap_err(),
            Some(libc::ENODEV)
        );
    }
}
