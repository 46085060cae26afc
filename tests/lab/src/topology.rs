//! The guest's network cards, and the wires that lead to them.
//!
//! Each card has a tap on the host's side, in the lab's own network namespace. On the host a tap is called as the card it
//! leads to is in the guest.

use std::net::Ipv4Addr;

/// A wire: a tap on the host's side, a card on the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Of the tap, and of the interface in the guest.
    pub name: &'static str,
    /// The card's address.
    pub mac: &'static str,
    /// The third part of the addresses at both ends: 10.N.N is the wire's own network.
    network: u8,
    /// Pairs of queues.
    pub queues: usize,
}

impl Wire {
    const fn new(name: &'static str, mac: &'static str, network: u8, queues: usize) -> Self {
        Self {
            name,
            mac,
            network,
            queues,
        }
    }

    /// The host's address.
    pub const fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 79, self.network, 1)
    }

    /// The guest's address.
    pub const fn guest(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 79, self.network, 2)
    }
}

/// The lab's own line to the guest.
pub const MANAGEMENT: Wire = Wire::new("mgmt", "52:54:00:4c:00:01", 0, 1);
/// A virtio network card, the physical function.
pub const PHYSICAL: Wire = Wire::new("pf0", "52:54:00:4c:00:10", 1, 1);
/// Its virtual function, with two queues.
pub const VIRTUAL: Wire = Wire::new("vf0", "52:54:00:4c:00:11", 2, 2);
/// An Intel 82576 card (driver igb); its virtual function shares the wire.
pub const IGB: Wire = Wire::new("igb", "52:54:00:4c:00:20", 3, 1);
/// An Intel 82574L card (driver e1000e).
pub const E1000E: Wire = Wire::new("e1000e", "52:54:00:4c:00:30", 4, 1);
/// The virtio card that stands by for the primary one; both have the same address.
pub const STANDBY: Wire = Wire::new("standby", "52:54:00:4c:00:40", 5, 1);
/// The igb card that [`STANDBY`] stands by for.
pub const PRIMARY: Wire = Wire::new("primary", "52:54:00:4c:00:40", 6, 1);

/// All wires.
pub const WIRES: [Wire; 7] = [MANAGEMENT, PHYSICAL, VIRTUAL, IGB, E1000E, STANDBY, PRIMARY];

/// Slots of the guest, each a port of its own, that cards can be plugged into and out of.
pub(crate) const PORTS: [&str; 5] = [
    "port-virtio",
    "port-igb",
    "port-e1000e",
    "port-standby",
    "port-primary",
];

/// What the guest calls its interfaces, by address. The failover pair keeps the kernel's names: three interfaces have one
/// address.
pub(crate) fn names() -> String {
    WIRES
        .iter()
        .filter(|wire| wire.mac != STANDBY.mac)
        .map(|wire| format!("{} {}\n", wire.mac, wire.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_wire_has_a_name_and_a_network_of_its_own() {
        let names: HashSet<_> = WIRES.iter().map(|wire| wire.name).collect();
        let networks: HashSet<_> = WIRES.iter().map(Wire::host).collect();
        assert_eq!((names.len(), networks.len()), (WIRES.len(), WIRES.len()));
        assert!(super::names().contains("52:54:00:4c:00:11 vf0\n"));
    }
}
