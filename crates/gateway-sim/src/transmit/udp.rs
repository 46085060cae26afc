//! UDP to a multicast group, out of a chosen interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::net::netdevice::name_to_index;
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, set_ip_mtu_discover, set_ip_multicast_if_with_ifindex,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Outgoing, SEND_TIMEOUT, Transmit, send_all};
use crate::SimError;

/// The interface of those who name none: nothing leaves the machine by accident.
const DEFAULT_INTERFACE: &str = "lo";

/// Where packets leave the machine, and where they may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Name of the interface; `None` for that of `source`, or for loopback where there is none either.
    pub interface: Option<String>,
    /// Source address; `None` for the interface's own.
    pub source: Option<Ipv4Addr>,
    /// Time to live: 1 keeps packets on the local network.
    pub ttl: u8,
    /// Whether destinations other than multicast groups and loopback are allowed.
    pub allow_unicast: bool,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            interface: None,
            source: None,
            ttl: 1,
            allow_unicast: false,
        }
    }
}

impl Egress {
    /// The interface that multicast leaves by; `None` where the system derives it from the source address.
    #[must_use]
    pub fn interface_name(&self) -> Option<&str> {
        match (&self.interface, self.source) {
            (Some(name), _) => Some(name),
            (None, Some(_)) => None,
            (None, None) => Some(DEFAULT_INTERFACE),
        }
    }
}

/// One line: a socket connected to its group.
#[derive(Debug)]
pub struct UdpLine {
    socket: Socket,
}

impl UdpLine {
    /// A line to `destination`.
    ///
    /// # Errors
    /// [`SimError::UnicastRefused`], [`SimError::Interface`], [`SimError::Socket`].
    pub fn new(destination: SocketAddrV4, egress: &Egress) -> Result<Self, SimError> {
        let group = *destination.ip();
        if !(group.is_multicast() || group.is_loopback() || egress.allow_unicast) {
            return Err(SimError::UnicastRefused { destination });
        }
        let step = |step| {
            move |source: io::Error| SimError::Socket {
                destination,
                step,
                source,
            }
        };
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))
            .map_err(step("make a socket"))?;
        socket
            .set_write_timeout(Some(SEND_TIMEOUT))
            .map_err(step("limit the time of sending"))?;
        // A fragment is no feed packet: what exceeds the MTU is refused instead.
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO)
            .map_err(|error| step("forbid fragments")(error.into()))?;
        if let Some(source) = egress.source {
            socket
                .bind(&SocketAddrV4::new(source, 0).into())
                .map_err(step("bind the source address"))?;
        }
        if group.is_multicast() {
            let index = match egress.interface_name() {
                Some(name) => {
                    name_to_index(&socket, name).map_err(|error| SimError::Interface {
                        name: name.to_owned(),
                        source: error.into(),
                    })?
                }
                None => 0,
            };
            let address = egress.source.unwrap_or(Ipv4Addr::UNSPECIFIED);
            set_ip_multicast_if_with_ifindex(&socket, &Ipv4Addr::UNSPECIFIED, &address, index)
                .map_err(|error| step("choose the interface")(error.into()))?;
            socket
                .set_multicast_ttl_v4(egress.ttl.into())
                .map_err(step("set the time to live"))?;
        } else {
            socket
                .set_ttl_v4(egress.ttl.into())
                .map_err(step("set the time to live"))?;
        }
        socket
            .connect(&destination.into())
            .map_err(step("connect"))?;
        Ok(Self { socket })
    }
}

impl Transmit for UdpLine {
    fn send(&mut self, packets: &[Outgoing]) -> (usize, io::Result<()>) {
        send_all(&self.socket, packets.iter().map(|packet| &*packet.payload))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_groups_and_loopback_are_sent_to_unless_told() {
        let refused = |address: &str| UdpLine::new(address.parse().unwrap(), &Egress::default());
        for address in [
            "10.1.2.3:1",
            "255.255.255.255:1",
            "0.0.0.0:1",
            "192.0.2.1:5000",
        ] {
            assert!(
                matches!(refused(address), Err(SimError::UnicastRefused { .. })),
                "{address}"
            );
        }
        assert!(refused("239.1.1.1:5001").is_ok());
        assert!(refused("127.0.0.1:5001").is_ok());
    }

    #[test]
    fn a_missing_interface_is_named() {
        let egress = Egress {
            interface: Some("nowhere0".to_owned()),
            ..Egress::default()
        };
        let error = UdpLine::new("239.1.1.1:5001".parse().unwrap(), &egress).unwrap_err();
        assert!(
            error.to_string().starts_with("interface nowhere0:"),
            "{error}"
        );
    }

    #[test]
    fn who_names_no_interface_gets_loopback() {
        assert_eq!(Egress::default().interface_name(), Some("lo"));
        let source = Egress {
            source: Some(Ipv4Addr::LOCALHOST),
            ..Egress::default()
        };
        assert_eq!(source.interface_name(), None);
    }
}
