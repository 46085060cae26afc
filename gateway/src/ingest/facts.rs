//! What decides which tier an interface reaches, looked up without attaching or binding anything.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use serde::{Deserialize, Serialize};

use super::netdev::{self, KernelVersion, LinkFacts, XdpFeatures};
use super::pin::Pin;
use super::{InterfaceRequest, Queues, link, xsk};

/// What this process could do before it gave that up; not set as long as it has not.
static BEFORE: OnceLock<Rights> = OnceLock::new();

/// What this process can do.
#[derive(Clone, Debug)]
struct Rights {
    missing_capabilities: Vec<String>,
    socket_errno: Option<i32>,
    memory_lock_bytes: Option<u64>,
}

/// Remembers what this process can do: that is what is told of it after it has given it up.
pub(crate) fn remember_rights() {
    BEFORE.get_or_init(|| Rights {
        missing_capabilities: missing_capabilities(),
        socket_errno: socket_errno(),
        memory_lock_bytes: memory_lock_bytes(),
    });
}

/// Rights that the AF_XDP tiers need.
const RIGHTS: [(CapabilitySet, &str); 4] = [
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
    (CapabilitySet::NET_RAW, "CAP_NET_RAW"),
    (CapabilitySet::BPF, "CAP_BPF"),
    (CapabilitySet::PERFMON, "CAP_PERFMON"),
];

/// What the kernel says of an interface and of this process, as far as it decides the tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Release of the running kernel, such as `6.12.117+deb13-amd64`.
    pub kernel: String,
    /// The driver as `ethtool -i` names it; empty where the interface has none to name.
    pub driver: String,
    /// What the driver reports of XDP; `None` where the kernel has no such report (before 6.3).
    pub features: Option<Features>,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether the driver says that the medium is there.
    pub carrier: bool,
    /// Its MTU in bytes; 0 where unknown.
    pub mtu: u32,
    /// Receive queues that are active.
    pub rx_queues: u32,
    /// Of how many of them the kernel knows the NAPI instance, without which it cannot busy-poll; `None` where it does not
    /// tell (before 6.8).
    pub rx_queues_with_napi: Option<u32>,
    /// The XDP program that was on it already, in words.
    pub other_program: Option<String>,
    /// Why no AF_XDP socket can be made at all: the error number.
    pub socket_errno: Option<i32>,
    /// Rights that the AF_XDP tiers need and this process does not have.
    pub missing_capabilities: Vec<String>,
    /// Memory that this process may lock, in bytes; `None` for any amount.
    pub memory_lock_bytes: Option<u64>,
    /// Packet memory that its sockets take together, in bytes.
    pub packet_memory_bytes: u64,
    /// Memory in huge pages that nobody uses, in bytes.
    pub huge_pages_free_bytes: u64,
}

/// What a driver says it can do with XDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Features {
    /// Runs XDP programs itself.
    pub native: bool,
    /// Honours the verdict that hands a packet to an AF_XDP socket.
    pub redirect: bool,
    /// Offers zero-copy.
    pub zero_copy: bool,
    /// Gives programs the NIC's receive time.
    pub nic_timestamp: bool,
}

impl From<XdpFeatures> for Features {
    fn from(features: XdpFeatures) -> Self {
        Self {
            native: features.native(),
            redirect: features.redirect(),
            zero_copy: features.zero_copy(),
            nic_timestamp: features.nic_timestamp(),
        }
    }
}

impl From<Features> for XdpFeatures {
    fn from(features: Features) -> Self {
        Self::of(
            features.native,
            features.redirect,
            features.zero_copy,
            features.nic_timestamp,
        )
    }
}

impl Facts {
    /// Looks them up for the interface of this index, in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// What was asked, and the kernel's answer: `ENODEV` where the interface is gone.
    pub fn gather(
        request: &InterfaceRequest,
        index: u32,
    ) -> Result<Self, (&'static str, io::Error)> {
        let name = &request.name;
        let fail = |action| move |cause| (action, cause);
        let link = LinkFacts::of_index(index).ok_or_else(|| {
            fail("read the link's state")(io::Error::from_raw_os_error(libc::ENODEV))
        })?;
        let features = netdev::xdp_features(index).map_err(fail("read XDP features"))?;
        let rx_queues = netdev::receive_queues(index).map_err(fail("count receive queues"))?;
        let sockets = match &request.queues {
            Queues::All => rx_queues as usize,
            Queues::Only(queues) => queues.len(),
        };
        let release = rustix::system::uname();
        Ok(Self {
            kernel: release.release().to_string_lossy().into_owned(),
            driver: netdev::driver(name).unwrap_or_default(),
            features: features.map(Features::from),
            up: link.up,
            carrier: link.carrier,
            mtu: netdev::mtu(index).unwrap_or_default(),
            rx_queues,
            rx_queues_with_napi: queues_with_napi(index, rx_queues),
            other_program: (!Pin::exists(&request.name))
                .then(|| link::attached(i32::try_from(index).ok()?))
                .flatten(),
            socket_errno: socket_errno(),
            missing_capabilities: missing_capabilities(),
            memory_lock_bytes: memory_lock_bytes(),
            packet_memory_bytes: (xsk::memory_bytes(request.rx_ring) * sockets) as u64,
            huge_pages_free_bytes: std::fs::read_to_string("/proc/meminfo")
                .map_or(0, |text| huge_pages_free_bytes(&text)),
        })
    }

    /// The kernel's version; 0.0 where its release makes no sense.
    #[must_use]
    pub fn kernel_version(&self) -> KernelVersion {
        KernelVersion::parse(&self.kernel).unwrap_or(KernelVersion::new(0, 0))
    }
}

/// `None` where the kernel does not tell.
fn queues_with_napi(index: u32, rx_queues: u32) -> Option<u32> {
    let mut found = 0;
    for queue in 0..rx_queues {
        found += u32::from(netdev::queue_napi(index, queue).ok()?.is_some());
    }
    Some(found)
}

/// Rights that the AF_XDP tiers need and this process does not have.
#[must_use]
pub fn missing_capabilities() -> Vec<String> {
    if let Some(before) = BEFORE.get() {
        return before.missing_capabilities.clone();
    }
    let Ok(sets) = capabilities(None) else {
        return Vec::new();
    };
    let has = |right| {
        // CAP_SYS_ADMIN was all of them before 5.8, and still stands for these two.
        let instead = right == CapabilitySet::BPF || right == CapabilitySet::PERFMON;
        sets.effective.contains(right)
            || instead && sets.effective.contains(CapabilitySet::SYS_ADMIN)
    };
    RIGHTS
        .iter()
        .filter(|(right, _)| !has(*right))
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// Why no AF_XDP socket can be made at all: the error number; `None` where one can.
#[must_use]
pub fn socket_errno() -> Option<i32> {
    if let Some(before) = BEFORE.get() {
        return before.socket_errno;
    }
    xsk::socket_refusal().and_then(|cause| cause.raw_os_error())
}

fn memory_lock_bytes() -> Option<u64> {
    if let Some(before) = BEFORE.get() {
        return before.memory_lock_bytes;
    }
    let free =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    if free {
        None
    } else {
        getrlimit(Resource::Memlock).current
    }
}

/// Of the default size, by `/proc/meminfo`.
fn huge_pages_free_bytes(meminfo: &str) -> u64 {
    let value = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let pages = value("HugePages_Free:").unwrap_or(0);
    let kibibytes = value("Hugepagesize:").unwrap_or(0);
    pages.saturating_mul(kibibytes).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ingest::Stream;

    #[test]
    fn the_loopback_interface_has_facts_for_anybody() {
        let stream = Stream {
            group: [239, 0, 0, 1].into(),
            port: 1,
            sources: vec![],
        };
        let request = InterfaceRequest::new("lo", vec![stream]);
        let index = netdev::index("lo").unwrap();
        let facts = Facts::gather(&request, index).unwrap();
        assert!(facts.rx_queues >= 1 && facts.mtu >= 1500, "{facts:?}");
        assert!(facts.kernel_version() >= KernelVersion::new(5, 11));
        assert_eq!(facts.packet_memory_bytes % (3 * 2048 * 4096), 0);
        let (action, cause) = Facts::gather(&request, u32::MAX >> 1).unwrap_err();
        assert_eq!(
            (action, cause.raw_os_error()),
            ("read the link's state", Some(libc::ENODEV))
        );
    }

    #[test]
    fn free_huge_pages_are_counted() {
        let text = "MemTotal: 1 kB\nHugePages_Total:      9\nHugePages_Free:        3\nHugepagesize:       2048 kB\n";
        assert_eq!(huge_pages_free_bytes(text), 3 * 2048 * 1024);
        assert_eq!(huge_pages_free_bytes("HugePages_Free: x\n"), 0);
        assert_eq!(huge_pages_free_bytes(""), 0);
    }
}
