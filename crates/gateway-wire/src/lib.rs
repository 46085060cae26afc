//! Headers of a feed's packets, and the types that the XDP program and user space share.
//!
//! Everything here compiles to BPF and to the host alike: no `std`, no allocation, no panic on any input. The
//! XDP program and the service therefore agree on what a packet is, because they run the same [`parse`].
//!
//! * [`packet`]: Ethernet with up to two VLAN tags, IPv4 with options, UDP
//! * [`checksum`]: the internet checksum of IPv4 headers and UDP datagrams
//! * [`build`]: frames for tests and for the simulator
//! * [`probe`]: numbered packets of the probe, by which a receiver knows what did not arrive
//! * [`shared`]: keys, values and counters of the BPF maps, and the metadata in front of a packet

#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod build;
pub mod checksum;
pub mod packet;
pub mod probe;
pub mod shared;

pub use packet::{PacketBytes, Reject, UdpPacket, parse};
