//! What is compared: ways in, and what lies between the two ends.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an end receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// A kernel socket; the thread sleeps in `recvfrom` until something comes.
    KernelBlock,
    /// A kernel socket, asked again and again.
    KernelSpin,
    /// The gateway's ingest, at the best tier that works; the polling thread itself answers.
    Gateway,
    /// The gateway's ingest, a worker that publishes into a shared-memory queue, and another thread that reads it.
    GatewayQueue,
}

impl Path {
    /// Every path, in the order in which they are reported.
    pub const ALL: [Self; 4] = [
        Self::KernelBlock,
        Self::KernelSpin,
        Self::Gateway,
        Self::GatewayQueue,
    ];

    /// As the command line and the report call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KernelBlock => "kernel-block",
            Self::KernelSpin => "kernel-spin",
            Self::Gateway => "gateway",
            Self::GatewayQueue => "gateway-queue",
        }
    }

    /// Whether packets bypass the kernel's sockets, where the tier allows it.
    #[must_use]
    pub const fn is_gateway(self) -> bool {
        matches!(self, Self::Gateway | Self::GatewayQueue)
    }

    /// Threads of one end that never sleep.
    #[must_use]
    pub const fn spinning_threads(self) -> usize {
        match self {
            Self::KernelBlock => 0,
            Self::KernelSpin | Self::Gateway => 1,
            Self::GatewayQueue => 2,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        by_name(&Self::ALL, Self::name, text, "path")
    }
}

/// What lies between the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Two virtual machines, a paravirtual card each, the hypervisor's switch between them.
    VmVmVirtual,
    /// A virtual machine on a virtual function, and its host (or another physical machine).
    VmHostVf,
    /// Two virtual machines, a virtual function each.
    VmVmVf,
    /// Anything else: two hosts, a veth pair, loopback.
    Other,
}

impl Link {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::VmVmVirtual, Self::VmHostVf, Self::VmVmVf, Self::Other];

    /// As the command line and the report call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VmVmVirtual => "vm-vm-virtual",
            Self::VmHostVf => "vm-host-vf",
            Self::VmVmVf => "vm-vm-vf",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        by_name(&Self::ALL, Self::name, text, "link")
    }
}

/// One of the five pairs of link and way in that show what a virtual function and what bypassing the kernel each bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// 1 to 5.
    pub number: u8,
    /// In words.
    pub title: &'static str,
    link: Link,
    gateway: bool,
}

impl Scenario {
    /// The five.
    pub const ALL: [Self; 5] = [
        Self::new(
            1,
            "VM to VM, virtual NIC, kernel sockets",
            Link::VmVmVirtual,
            false,
        ),
        Self::new(
            2,
            "VM to host, virtual function, kernel sockets",
            Link::VmHostVf,
            false,
        ),
        Self::new(
            3,
            "VM to VM, virtual functions, kernel sockets",
            Link::VmVmVf,
            false,
        ),
        Self::new(
            4,
            "VM to host, virtual function, gateway",
            Link::VmHostVf,
            true,
        ),
        Self::new(
            5,
            "VM to VM, virtual functions, gateway",
            Link::VmVmVf,
            true,
        ),
    ];

    const fn new(number: u8, title: &'static str, link: Link, gateway: bool) -> Self {
        Self {
            number,
            title,
            link,
            gateway,
        }
    }

    /// Which of the five it is, if it is one.
    #[must_use]
    pub fn of(link: Link, path: Path) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.link == link && scenario.gateway == path.is_gateway())
    }
}

fn by_name<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    text: &str,
    what: &str,
) -> Result<T, String> {
    all.iter()
        .copied()
        .find(|&one| name(one) == text)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|&one| name(one)).collect();
            format!("no {what} `{text}`: use one of {}", names.join(", "))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_read_back() {
        for path in Path::ALL {
            assert_eq!(path.name().parse(), Ok(path));
        }
        for link in Link::ALL {
            assert_eq!(link.name().parse(), Ok(link));
        }
        let message = "onload".parse::<Path>().unwrap_err();
        assert!(message.contains("`onload`") && message.contains("gateway-queue"));
    }

    #[test]
    fn each_scenario_is_one_pair() {
        for scenario in Scenario::ALL {
            let pairs = Link::ALL
                .into_iter()
                .flat_map(|link| Path::ALL.map(|path| (link, path)))
                .filter(|&(link, path)| Scenario::of(link, path) == Some(scenario));
            // Two ways to use a kernel socket, two to use the gateway.
            assert_eq!(pairs.count(), 2, "{}", scenario.title);
        }
        assert_eq!(Scenario::of(Link::Other, Path::Gateway), None);
        assert_eq!(Scenario::of(Link::VmVmVirtual, Path::Gateway), None);
    }
}
