//! Two namespaces and the link between them.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::namespace::Namespace;
use crate::wait;

/// How long the kernel may take to notice a carrier.
const CARRIER_MAX: Duration = Duration::from_secs(10);
/// The interface on the exchange's side.
pub const EXCHANGE_INTERFACE: &str = "exch0";
/// The interface on the gateway's side.
pub const GATEWAY_INTERFACE: &str = "md0";
/// The exchange's address.
pub const EXCHANGE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The gateway's address.
pub const GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// An exchange and a gateway, each in a network namespace, joined by a veth pair.
#[derive(Debug)]
pub struct Network {
    /// Where the simulated exchange runs.
    pub exchange: Namespace,
    /// Where the gateway runs.
    pub gateway: Namespace,
}

impl Network {
    /// Makes both namespaces and the link, with addresses and without the offloads and chatter that a test of
    /// packets cannot use. Needs `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`, those of a user namespace suffice.
    pub fn new() -> Result<Self> {
        let network = Self {
            exchange: Namespace::new()?,
            gateway: Namespace::new()?,
        };
        network.connect()?;
        Ok(network)
    }

    /// Removes the link: both its ends are gone, as when a host takes a virtual function away.
    pub fn disconnect(&self) -> Result<()> {
        self.exchange
            .ip(&format!("link del {EXCHANGE_INTERFACE}"))?;
        Ok(())
    }

    /// Makes a link with the names and addresses of the first one, which must be gone; to the kernel its ends are other
    /// devices.
    pub fn connect(&self) -> Result<()> {
        let peer = self.gateway.path();
        let add = format!(
            "link add {EXCHANGE_INTERFACE} type veth peer name {GATEWAY_INTERFACE} netns {peer}"
        );
        self.exchange.ip(&add)?;
        bring_up(&self.exchange, EXCHANGE_INTERFACE, EXCHANGE_ADDRESS)?;
        bring_up(&self.gateway, GATEWAY_INTERFACE, GATEWAY_ADDRESS)?;
        // Replayed captures keep their sources: without a route back the kernel's own sockets would not see them.
        self.gateway
            .ip(&format!("route add default dev {GATEWAY_INTERFACE}"))?;
        self.wait_until_it_carries()
    }

    /// Waits until both ends carry frames. An end that is up does so only once the kernel has noticed its carrier, which
    /// on a busy machine takes up to a second: what is sent before is dropped without a word.
    pub fn wait_until_it_carries(&self) -> Result<()> {
        for (namespace, interface) in [
            (&self.exchange, EXCHANGE_INTERFACE),
            (&self.gateway, GATEWAY_INTERFACE),
        ] {
            wait::until(&format!("{interface} to carry"), CARRIER_MAX, || {
                let shown = namespace.ip(&format!("link show {interface}"))?;
                Ok(shown.contains("state UP").then_some(()))
            })?;
        }
        Ok(())
    }
}

fn bring_up(namespace: &Namespace, interface: &str, address: Ipv4Addr) -> Result<()> {
    // Best effort: a kernel without IPv6 has no such variable, and a reverse-path filter may be off already.
    let _ = namespace.sysctl("ipv6/conf/all/disable_ipv6", "1");
    let _ = namespace.sysctl("ipv6/conf/default/disable_ipv6", "1");
    let _ = namespace.sysctl("ipv4/conf/all/rp_filter", "0");
    let _ = namespace.sysctl(&format!("ipv4/conf/{interface}/rp_filter"), "0");
    namespace.ip(&format!("address add {address}/24 dev {interface}"))?;
    // A veth frame whose checksum is left to hardware that does not exist would reach AF_XDP with a wrong one.
    namespace.enter(|| offload::transmit_checksum_off(interface))?;
    namespace.ip(&format!("link set {interface} up"))?;
    Ok(())
}

mod offload {
    //! The one ethtool request that is needed, so that the ethtool program is not.

    use super::{Context, Result};
    use std::io;
    use std::os::fd::AsRawFd;

    const ETHTOOL_STXCSUM: u32 = 0x17;

    /// `struct ethtool_value` of `linux/ethtool.h`.
    #[repr(C)]
    struct EthtoolValue {
        command: u32,
        data: u32,
    }

    pub(super) fn transmit_checksum_off(interface: &str) -> Result<()> {
        request(interface)
            .with_context(|| format!("cannot turn off transmit checksum offload of {interface}"))
    }

    fn request(interface: &str) -> io::Result<()> {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        let mut value = EthtoolValue {
            command: ETHTOOL_STXCSUM,
            data: 0,
        };
        // SAFETY: all zeroes is a valid `ifreq`: integers and a pointer.
        let mut ifreq: libc::ifreq = unsafe { std::mem::zeroed() };
        if interface.len() >= ifreq.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in ifreq.ifr_name.iter_mut().zip(interface.bytes()) {
            *to = from.cast_signed();
        }
        ifreq.ifr_ifru.ifru_data = (&raw mut value).cast();
        // SAFETY: `ifreq` names the interface, zero-terminated, and points at a live `ethtool_value`, as SIOCETHTOOL
        // wants; both outlive the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut ifreq) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}
