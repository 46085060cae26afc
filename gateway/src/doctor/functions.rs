//! Virtual functions of a card, as only the host that owns the physical function sees them.

use std::io;

use serde::Serialize;

use crate::netlink::{Request, attribute, attributes};

/// `struct ifinfomsg`, in front of a link's attributes.
const IFINFO_BYTES: usize = 16;
const IFLA_VFINFO_LIST: u16 = 22;
const IFLA_EXT_MASK: u16 = 29;
/// Virtual functions, and not their counters, which could make the answer longer than an attribute can be.
const RTEXT_FILTER_VF: u32 = 1;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const IFLA_VF_MAC: u16 = 1;
const IFLA_VF_VLAN: u16 = 2;
const IFLA_VF_SPOOFCHK: u16 = 4;
const IFLA_VF_LINK_STATE: u16 = 5;
const IFLA_VF_RATE: u16 = 6;
const IFLA_VF_TRUST: u16 = 9;
/// A setting that the driver does not have.
const UNSET: u32 = u32::MAX;

/// What a virtual function's link follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// The cable.
    Auto,
    /// Nothing: it is up.
    Enable,
    /// Nothing: it is down.
    Disable,
}

/// A virtual function, as its host has set it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VirtualFunction {
    /// Its number.
    pub number: u32,
    /// Its Ethernet address.
    pub address: [u8; 6],
    /// The VLAN that the card puts it into; 0 for none.
    pub vlan: u32,
    /// Whether it may ask for more than its share: all multicast, promiscuous, more addresses.
    pub trust: Option<bool>,
    /// Whether the card refuses what it sends from another address than its own.
    pub spoof_check: Option<bool>,
    /// What its link follows.
    pub link_state: Option<LinkState>,
    /// Megabits a second that it may send; 0 for any.
    pub rate_max_mbps: u32,
}

/// The virtual functions that the interface of this index has made; none where it is no physical function.
///
/// # Errors
///
/// The kernel's: `ENODEV` when the interface is gone.
pub(super) fn of(index: u32) -> io::Result<Vec<VirtualFunction>> {
    let mut header = [0; IFINFO_BYTES];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    let mask = RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS;
    let answer = Request::new(libc::RTM_GETLINK, &header)
        .attribute(IFLA_EXT_MASK, &mask.to_ne_bytes())
        .ask(libc::NETLINK_ROUTE)?;
    Ok(parse(answer.get(IFINFO_BYTES..).unwrap_or_default()))
}

fn parse(link: &[u8]) -> Vec<VirtualFunction> {
    let list = attribute(link, IFLA_VFINFO_LIST).unwrap_or_default();
    attributes(list)
        .filter_map(|(_, info)| function(info))
        .collect()
}

fn function(info: &[u8]) -> Option<VirtualFunction> {
    // Each is a structure of numbers, the function's first.
    let word = |kind, at: usize| {
        let bytes = attribute(info, kind)?.get(4 * at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    let switch = |kind| {
        word(kind, 1)
            .filter(|&setting| setting != UNSET)
            .map(|s| s != 0)
    };
    let address = attribute(info, IFLA_VF_MAC).and_then(|mac| mac.get(4..)?.first_chunk());
    Some(VirtualFunction {
        number: word(IFLA_VF_MAC, 0)?,
        address: address.copied().unwrap_or_default(),
        vlan: word(IFLA_VF_VLAN, 1).unwrap_or(0),
        trust: switch(IFLA_VF_TRUST),
        spoof_check: switch(IFLA_VF_SPOOFCHK),
        link_state: match word(IFLA_VF_LINK_STATE, 1) {
            Some(0) => Some(LinkState::Auto),
            Some(1) => Some(LinkState::Enable),
            Some(2) => Some(LinkState::Disable),
            _ => None,
        },
        rate_max_mbps: word(IFLA_VF_RATE, 2).unwrap_or(0),
    })
}

/// The name of the XDP program on the interface, where this process may ask for it.
pub(super) fn program_name(index: u32) -> Option<String> {
    let id = crate::ingest::attached_program(index)?;
    let mut programs = aya::programs::loaded_programs();
    let found = programs.find(|program| program.as_ref().is_ok_and(|p| p.id() == id))?;
    Some(found.ok()?.name_as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
        bytes.extend(((4 + value.len()) as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn functions_are_read_as_the_kernel_lists_them() {
        let mut info = Vec::new();
        let mut mac = words(&[3]);
        mac.extend([0x02, 0, 0, 0, 0, 9]);
        mac.resize(36, 0);
        put(&mut info, IFLA_VF_MAC, &mac);
        put(&mut info, IFLA_VF_VLAN, &words(&[3, 120, 0]));
        put(&mut info, IFLA_VF_SPOOFCHK, &words(&[3, 1]));
        put(&mut info, IFLA_VF_LINK_STATE, &words(&[3, 1]));
        put(&mut info, IFLA_VF_RATE, &words(&[3, 0, 1000]));
        put(&mut info, IFLA_VF_TRUST, &words(&[3, 0]));
        let mut bare = Vec::new();
        put(&mut bare, IFLA_VF_MAC, &words(&[4]));
        put(&mut bare, IFLA_VF_TRUST, &words(&[4, UNSET]));
        let mut list = Vec::new();
        put(&mut list, 1 | 0x8000, &info);
        put(&mut list, 1 | 0x8000, &bare);
        let mut link = Vec::new();
        put(&mut link, IFLA_VFINFO_LIST | 0x8000, &list);
        let found = parse(&link);
        let expected = VirtualFunction {
            number: 3,
            address: [2, 0, 0, 0, 0, 9],
            vlan: 120,
            trust: Some(false),
            spoof_check: Some(true),
            link_state: Some(LinkState::Enable),
            rate_max_mbps: 1000,
        };
        assert_eq!(found.first(), Some(&expected));
        assert_eq!(found.get(1).map(|f| (f.number, f.trust)), Some((4, None)));
        assert!(parse(&[]).is_empty());
    }

    #[test]
    fn the_loopback_interface_has_none() {
        let lo = crate::ingest::netdev::index("lo").unwrap_or_default();
        assert_eq!(of(lo).ok(), Some(vec![]));
        assert_eq!(program_name(lo), None);
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            parse(&bytes);
        }
    }
}
