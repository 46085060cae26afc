//! What the kernel knows about an interface: index, driver, queues, and by its `netdev` family XDP features and NAPI.
//!
//! Nothing here reads `/sys`: a mount of sysfs shows one network namespace's devices, netlink and ioctl always those of
//! the calling thread's. None of it needs privilege.

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;

pub use super::netdev_family::{Napi, XdpFeatures, napi, queue_napi, xdp_features};
use crate::ethtool;
use crate::netlink::{Request, attribute};

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
    name(index).is_some()
}

/// The name of the interface of this index; `None` where the calling thread's network namespace has none.
#[must_use]
pub fn name(index: u32) -> Option<String> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: `name` has the room that the call asks for.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    let bytes: Vec<u8> = name.iter().map(|&c| c.cast_unsigned()).collect();
    let name = CStr::from_bytes_until_nul(&bytes).ok()?;
    Some(name.to_string_lossy().into_owned())
}

/// The driver's name as `ethtool -i` shows it.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` for interfaces without a driver to name (the loopback interface).
pub fn driver(name: &str) -> io::Result<String> {
    Ok(ethtool::driver_info(name)?.driver)
}

/// How many receive queues are active: by `ethtool -l` where the driver tells, else all that the interface has.
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub fn receive_queues(index: u32) -> io::Result<u32> {
    let active = match ethtool::channels(index) {
        Ok(channels) => channels.receive(),
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
        assert!(receive_queues(lo).unwrap() >= 1);
        assert!(mtu(lo).unwrap() >= 1500);
        assert!(LinkFacts::of_index(lo).is_some() && exists(lo) && !exists(u32::MAX >> 1));
        if let Some(features) = xdp_features(lo).unwrap() {
            assert!(!features.redirect(), "lo has no native XDP");
        }
        assert!(!names().contains(&"lo".to_owned()));
        assert_eq!(name(lo).as_deref(), Some("lo"));
        assert_eq!(index("no-such-iface"), None);
        assert_eq!(
            xdp_features(u32::MAX >> 1)
                .map_err(|e| e.raw_os_error())
                .unwrap_err(),
            Some(libc::ENODEV)
        );
    }
}
