//! What `ethtool` shows of an interface, read as it reads it: by the kernel's `ethtool` family of generic netlink
//! (Documentation/networking/ethtool-netlink.rst), and by ioctl for the few things that netlink does not have.
//!
//! Reading needs no privilege. Every function answers for the calling thread's network namespace, and every one may fail
//! with `EOPNOTSUPP`: drivers implement what they like. A number that a driver does not tell is `None`, never 0.

mod ioctl;
mod stamping;

use std::collections::BTreeSet;
use std::io;

use serde::Serialize;

pub(crate) use ioctl::call;
pub use ioctl::{DriverInfo, driver_info, hash_table, statistics, steering_rules};
pub(crate) use stamping::{HardwareStamping, hardware_stamping, set_hardware_stamping};

use crate::netlink::{self, GENL_HEADER_BYTES, Request, attribute, attributes, number};

/// `ETHTOOL_A_*_HEADER`: the first attribute of every message.
const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;

/// Requests for one message each (`ETHTOOL_MSG_*_GET`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Get {
    Features = 11,
    Rings = 15,
    Channels = 17,
    Coalescing = 19,
    Pause = 21,
    EnergyEfficiency = 23,
    TimeStamping = 25,
}

/// Asks for a message and returns its attributes.
fn get(what: Get, index: u32) -> io::Result<Vec<u8>> {
    let family = netlink::family(c"ethtool")?
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
    let mut answer = Request::new(family, &[what as u8, 1, 0, 0])
        .nested(HEADER, &[(HEADER_DEV_INDEX, &index.to_ne_bytes())])
        .ask(libc::NETLINK_GENERIC)?;
    if answer.len() < GENL_HEADER_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(answer.split_off(GENL_HEADER_BYTES))
}

fn flag(bytes: &[u8], kind: u16) -> Option<bool> {
    Some(*attribute(bytes, kind)?.first()? != 0)
}

/// The names in a set of bits that are set, as the kernel lists them where it is not asked for a compact form.
fn names(bytes: &[u8], kind: u16) -> BTreeSet<String> {
    const BITSET_NOMASK: u16 = 1;
    const BITSET_BITS: u16 = 3;
    const BIT_NAME: u16 = 2;
    const BIT_VALUE: u16 = 3;
    let Some(set) = attribute(bytes, kind) else {
        return BTreeSet::new();
    };
    // Without a mask what is listed is set; with one, what is listed is known, and set where it has the flag.
    let listed_is_set = attribute(set, BITSET_NOMASK).is_some();
    let bits = attribute(set, BITSET_BITS).unwrap_or_default();
    attributes(bits)
        .filter(|(_, bit)| listed_is_set || attribute(bit, BIT_VALUE).is_some())
        .filter_map(|(_, bit)| netlink::text(bit, BIT_NAME))
        .collect()
}

/// Offloads, by the kernel's names (`rx-lro`, `rx-gro-hw`, `rx-vlan-hw-parse`, `rx-ntuple-filter`, …).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Features {
    /// Those that are on.
    pub active: BTreeSet<String>,
    /// Those that the driver lets one switch.
    pub changeable: BTreeSet<String>,
}

impl Features {
    /// Whether it is on.
    #[must_use]
    pub fn on(&self, name: &str) -> bool {
        self.active.contains(name)
    }

    /// Whether the driver lets one switch it; `ethtool -k` calls the others `[fixed]`.
    #[must_use]
    pub fn changeable(&self, name: &str) -> bool {
        self.changeable.contains(name)
    }

    fn parse(bytes: &[u8]) -> Self {
        let hardware = names(bytes, 2);
        let never = names(bytes, 5);
        Self {
            active: names(bytes, 4),
            changeable: hardware.difference(&never).cloned().collect(),
        }
    }
}

/// `ethtool -k`.
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub fn features(index: u32) -> io::Result<Features> {
    Ok(Features::parse(&get(Get::Features, index)?))
}

/// How many queues are active, and how many could be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Channels {
    /// Queues that only receive.
    pub rx: Option<u32>,
    /// As many are possible.
    pub rx_max: Option<u32>,
    /// Queues that only send.
    pub tx: Option<u32>,
    /// As many are possible.
    pub tx_max: Option<u32>,
    /// Pairs of a receive and a send queue.
    pub combined: Option<u32>,
    /// As many are possible.
    pub combined_max: Option<u32>,
}

impl Channels {
    /// Receive queues that are active, alone or in pairs.
    #[must_use]
    pub fn receive(&self) -> u32 {
        let sum = |a: Option<u32>, b: Option<u32>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
        sum(self.rx, self.combined)
    }

    /// Receive queues that could be active.
    #[must_use]
    pub fn receive_max(&self) -> u32 {
        let sum = |a: Option<u32>, b: Option<u32>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
        sum(self.rx_max, self.combined_max)
    }

    fn parse(bytes: &[u8]) -> Self {
        Self {
            rx_max: number(bytes, 2),
            tx_max: number(bytes, 3),
            combined_max: number(bytes, 5),
            rx: number(bytes, 6),
            tx: number(bytes, 7),
            combined: number(bytes, 9),
        }
    }
}

/// `ethtool -l`.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where the driver does not tell, `ENODEV` when the interface is gone.
pub fn channels(index: u32) -> io::Result<Channels> {
    Ok(Channels::parse(&get(Get::Channels, index)?))
}

/// Entries of the card's rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rings {
    /// For receiving, each queue.
    pub rx: Option<u32>,
    /// At most.
    pub rx_max: Option<u32>,
    /// For sending, each queue.
    pub tx: Option<u32>,
    /// At most.
    pub tx_max: Option<u32>,
}

impl Rings {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            rx_max: number(bytes, 2),
            tx_max: number(bytes, 5),
            rx: number(bytes, 6),
            tx: number(bytes, 9),
        }
    }
}

/// `ethtool -g`.
///
/// # Errors
///
/// As [`channels`].
pub fn rings(index: u32) -> io::Result<Rings> {
    Ok(Rings::parse(&get(Get::Rings, index)?))
}

/// How long the card waits before it interrupts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coalescing {
    /// Microseconds after a packet was received.
    pub rx_us: Option<u32>,
    /// Or so many packets.
    pub rx_frames: Option<u32>,
    /// Microseconds after a packet was sent.
    pub tx_us: Option<u32>,
    /// Or so many packets.
    pub tx_frames: Option<u32>,
    /// Whether the driver changes the first two by itself.
    pub adaptive_rx: Option<bool>,
    /// Whether the driver changes those of sending by itself.
    pub adaptive_tx: Option<bool>,
}

impl Coalescing {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            rx_us: number(bytes, 2),
            rx_frames: number(bytes, 3),
            tx_us: number(bytes, 6),
            tx_frames: number(bytes, 7),
            adaptive_rx: flag(bytes, 11),
            adaptive_tx: flag(bytes, 12),
        }
    }
}

/// `ethtool -c`.
///
/// # Errors
///
/// As [`channels`].
pub fn coalescing(index: u32) -> io::Result<Coalescing> {
    Ok(Coalescing::parse(&get(Get::Coalescing, index)?))
}

/// Whether pause frames stop the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// Both ends agree on the others.
    pub autoneg: Option<bool>,
    /// Those that come are obeyed.
    pub rx: Option<bool>,
    /// They are sent when the card is full.
    pub tx: Option<bool>,
}

impl Pause {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            autoneg: flag(bytes, 2),
            rx: flag(bytes, 3),
            tx: flag(bytes, 4),
        }
    }
}

/// `ethtool -a`.
///
/// # Errors
///
/// As [`channels`].
pub fn pause(index: u32) -> io::Result<Pause> {
    Ok(Pause::parse(&get(Get::Pause, index)?))
}

/// Energy-efficient Ethernet: the link sleeps between packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EnergyEfficiency {
    /// It is allowed here.
    pub enabled: Option<bool>,
    /// Both ends do it.
    pub active: Option<bool>,
}

impl EnergyEfficiency {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            active: flag(bytes, 4),
            enabled: flag(bytes, 5),
        }
    }
}

/// `ethtool --show-eee`.
///
/// # Errors
///
/// As [`channels`].
pub fn energy_efficiency(index: u32) -> io::Result<EnergyEfficiency> {
    Ok(EnergyEfficiency::parse(&get(Get::EnergyEfficiency, index)?))
}

/// What stamps packets with the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimeStamping {
    /// By the kernel's names (`hardware-receive`, `software-receive`, `hardware-raw-clock`, …).
    pub capabilities: BTreeSet<String>,
    /// Which received packets the card can stamp (`none`, `all`, `ptpv2-event`, …).
    pub rx_filters: BTreeSet<String>,
    /// The card's clock, `/dev/ptpN`; `None` where it has none.
    pub clock: Option<u32>,
}

impl TimeStamping {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            capabilities: names(bytes, 2),
            rx_filters: names(bytes, 4),
            clock: number(bytes, 5),
        }
    }
}

/// `ethtool -T`.
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub fn time_stamping(index: u32) -> io::Result<TimeStamping> {
    Ok(TimeStamping::parse(&get(Get::TimeStamping, index)?))
}

#[cfg(test)]
mod tests;
