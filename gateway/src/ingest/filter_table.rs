//! How many multicast addresses a network function's filter holds, and what its driver does beyond that.
//!
//! A card lets in the groups that its filter lists. Virtual functions have small ones, and their drivers differ in what
//! they do when it is full: some let in every group, others drop what did not fit without a word. The kernel keeps the
//! list for each device (`/proc/net/dev_mcast`), so what counts against the limit can be read.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::Obstacle;

/// An Ethernet address.
pub type MacAddr = [u8; 6];

/// A driver's filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterTable {
    /// How many multicast addresses it holds; `None` where the device decides and does not tell.
    pub addresses_max: Option<u32>,
    /// What happens to those that do not fit.
    pub beyond: Beyond,
}

/// What happens to groups that do not fit into a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Every group on the wire comes in: more work for the XDP program, no loss.
    AllMulticast,
    /// They do not come in.
    Dropped,
    /// There is no filter to fill: the cloud's network decides which groups it carries, if any.
    Fabric,
}

/// The filter of a driver's functions; `None` where no limit is known (many physical functions have hash tables, which
/// cannot be full).
#[must_use]
pub fn filter_table(driver: &str) -> Option<FilterTable> {
    let table = |addresses_max, beyond| {
        Some(FilterTable {
            addresses_max,
            beyond,
        })
    };
    match driver {
        // 18 addresses for a function that is not trusted, of which two are its own and broadcast; the host refuses the
        // whole request beyond (i40e_virtchnl_pf.c I40E_VC_MAX_MAC_ADDR_PER_VF; ice_virtchnl.h ICE_MAX_MACADDR_PER_VF).
        "iavf" => table(Some(16), Beyond::Dropped),
        // 30 hashes in a mailbox message; the driver leaves the others out (ixgbevf/vf.c, igbvf/vf.c
        // update_mc_addr_list_vf; ixgbe_sriov.c IXGBE_MAX_VF_MC_ENTRIES; igb IGB_MAX_VF_MC_ENTRIES).
        "ixgbevf" | "igbvf" => table(Some(30), Beyond::Dropped),
        // bnxt.h BNXT_MAX_MC_ADDRS, then CFA_L2_SET_RX_MASK_REQ_MASK_ALL_MCAST.
        "bnxt_en" => table(Some(16), Beyond::AllMulticast),
        // mcdi_filters.h EFX_EF10_FILTER_DEV_MC_MAX, then mc_promisc.
        "sfc" => table(Some(256), Beyond::AllMulticast),
        // 1 << log_max_current_mc_list, which only the kernel's log tells when it is exceeded: "some addresses will be
        // dropped" (mlx5/core/en_fs.c).
        "mlx5_core" => table(None, Beyond::Dropped),
        // QEMU's own card (hw/net/virtio-net.c MAC_TABLE_ENTRIES), which then sets multi_overflow; others may hold less.
        "virtio_net" => table(Some(64), Beyond::AllMulticast),
        // No ndo_set_rx_mode (6.12 sources).
        "ena" | "gve" | "mana" => table(None, Beyond::Fabric),
        _ => None,
    }
}

/// The Ethernet address of a group (RFC 1112, section 6.4): 32 groups share one.
#[must_use]
pub fn address_of(group: Ipv4Addr) -> MacAddr {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

/// The addresses in the filter of the device with this index, of whatever protocol, by `/proc/net/dev_mcast`: a line for
/// each address with index, name, two counts and the address (net/core/net-procfs.c, `dev_mc_seq_show`).
#[must_use]
pub fn listed(dev_mcast: &str, index: u32) -> BTreeSet<MacAddr> {
    dev_mcast
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let device: u32 = words.next()?.parse().ok()?;
            (device == index).then(|| words.nth(3).and_then(mac_of))?
        })
        .collect()
}

/// [`listed`] of the calling thread's network namespace; `None` where `/proc` does not tell.
#[must_use]
pub fn listed_now(index: u32) -> Option<BTreeSet<MacAddr>> {
    // Not `/proc/net`, which is the namespace of the process' first thread.
    let text = std::fs::read_to_string("/proc/thread-self/net/dev_mcast").ok()?;
    Some(listed(&text, index))
}

fn mac_of(digits: &str) -> Option<MacAddr> {
    let mut address = [0; 6];
    if !digits.is_ascii() || digits.len() != 2 * address.len() {
        return None;
    }
    for (byte, at) in address.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(address)
}

/// What it means that an interface's filter is to hold so many addresses; `None` where it does hold them, as far as known.
#[must_use]
pub fn overflow(interface: &str, driver: &str, addresses: usize) -> Option<Obstacle> {
    let FilterTable {
        addresses_max,
        beyond,
    } = filter_table(driver)?;
    let Some(max) = addresses_max else {
        return (beyond == Beyond::Fabric).then(|| {
            Obstacle::new(
                format!("{driver} has no multicast filter: the cloud's network decides which groups reach `{interface}`"),
                "make sure that it carries multicast at all (a transit gateway with multicast, an overlay); most do not",
            )
        });
    };
    if addresses <= max as usize {
        return None;
    }
    Some(match beyond {
        Beyond::Dropped => Obstacle::new(
            format!(
                "`{interface}` is to let in {addresses} multicast addresses, and the filter of a {driver} function holds {max}: \
                 groups beyond that do not arrive"
            ),
            format!(
                "spread the groups over more functions, or have the host trust this one and let in all groups (on the host \
                 `ip link set PF vf N trust on`, here `ip link set dev {interface} allmulticast on`)"
            ),
        ),
        Beyond::AllMulticast | Beyond::Fabric => Obstacle::new(
            format!(
                "`{interface}` is to let in {addresses} multicast addresses, and the filter of a {driver} function holds {max}: \
                 every group on the wire comes in"
            ),
            "nothing is lost, but the XDP program sees all of it: spread the groups over more functions if that is much",
        ),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn filters_by_driver() {
        use Beyond::{AllMulticast, Dropped, Fabric};
        for (driver, addresses_max, beyond) in [
            ("iavf", Some(16), Dropped),
            ("ixgbevf", Some(30), Dropped),
            ("igbvf", Some(30), Dropped),
            ("bnxt_en", Some(16), AllMulticast),
            ("sfc", Some(256), AllMulticast),
            ("mlx5_core", None, Dropped),
            ("virtio_net", Some(64), AllMulticast),
            ("ena", None, Fabric),
            ("gve", None, Fabric),
            ("mana", None, Fabric),
        ] {
            let expected = FilterTable {
                addresses_max,
                beyond,
            };
            assert_eq!(filter_table(driver), Some(expected), "{driver}");
        }
        for driver in ["veth", "igb", "ixgbe", "unknown", ""] {
            assert_eq!(filter_table(driver), None, "{driver}");
        }
    }

    #[test]
    fn too_many_addresses_are_told_with_what_the_driver_does() {
        for (driver, addresses, says) in [
            ("iavf", 16, None),
            ("iavf", 17, Some("do not arrive")),
            ("ixgbevf", 31, Some("do not arrive")),
            ("bnxt_en", 17, Some("every group")),
            ("virtio_net", 65, Some("every group")),
            ("mlx5_core", 5000, None),
            ("ena", 1, Some("cloud")),
            ("veth", 5000, None),
        ] {
            let found = overflow("eth1", driver, addresses);
            assert_eq!(found.is_some(), says.is_some(), "{driver} {addresses}");
            if let (Some(obstacle), Some(says)) = (found, says) {
                assert!(obstacle.reason.contains(says), "{}", obstacle.reason);
                assert!(!obstacle.remedy.is_empty());
            }
        }
    }

    #[test]
    fn groups_share_addresses_as_ethernet_has_it() {
        let group = Ipv4Addr::new(239, 77, 0, 1);
        assert_eq!(address_of(group), [0x01, 0x00, 0x5e, 77, 0, 1]);
        assert_eq!(address_of(Ipv4Addr::new(224, 205, 0, 1)), address_of(group));
    }

    #[test]
    fn the_kernels_list_is_read_by_device() {
        // Of a 6.18 kernel: `cat /proc/net/dev_mcast`.
        let text = "2    eth0            1     0     01005e000001\n\
                    12   md0             1     0     01005e4d0001\n\
                    12   md0             2     0     01005e000001\n\
                    12   md0             1     0     3333ff000001\n\
                    x\n12 md0 1 0 zz005e000001\n12 md0 1 0 0100\n";
        let found = listed(text, 12);
        assert_eq!(found.len(), 3);
        assert!(found.contains(&address_of(Ipv4Addr::new(239, 77, 0, 1))));
        assert_eq!(listed(text, 2).len(), 1);
        assert!(listed("", 2).is_empty());
    }
}
