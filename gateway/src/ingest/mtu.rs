//! How long packets may be for a driver's native XDP: a pure function over what is known of drivers.
//!
//! A driver gives an XDP program each packet in one piece, so it refuses the program while the MTU allows packets that do
//! not fit into its buffers; through an XDP link it can say no more than an errno. The table tells what it meant.

use super::Obstacle;

/// The largest MTU with which a driver takes a native XDP program that, like ours, wants each packet in one piece: computed
/// for Linux 6.8 on x86 (ebpf-docs, `BPF_PROG_TYPE_XDP`); ena by its documentation.
const LIMITS: [(&str, u32); 15] = [
    ("ena", 3498),
    ("gve", 2032),
    ("hv_netvsc", 3506),
    ("i40e", 3046),
    ("ice", 3046),
    ("igb", 3046),
    ("igc", 1500),
    ("ixgbe", 3050),
    ("ixgbevf", 3050),
    ("mana", 3506),
    ("mlx5_core", 3498),
    ("sfc", 3530),
    ("veth", 3520),
    ("virtio_net", 3506),
    ("vmxnet3", 3494),
];

/// The largest MTU that a driver is known to take with native XDP; `None` where nothing is known.
#[must_use]
pub fn limit(driver: &str) -> Option<u32> {
    LIMITS
        .iter()
        .find(|(name, _)| *name == driver)
        .map(|(_, bytes)| *bytes)
}

/// Why packets of this length keep a driver from native XDP; `None` where they do not, or nothing is known.
#[must_use]
pub fn too_long(interface: &str, driver: &str, mtu: u32) -> Option<Obstacle> {
    let limit = limit(driver).filter(|&limit| mtu > limit)?;
    Some(Obstacle::new(
        format!("the MTU is {mtu}, and {driver} takes native XDP up to {limit}"),
        format!(
            "set a smaller MTU (`ip link set dev {interface} mtu {}`): feeds send no packet above 1500 bytes",
            limit.min(1500)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_by_driver() {
        for (driver, mtu, fits) in [
            ("igc", 1500, true),
            ("igc", 1501, false),
            ("gve", 2033, false),
            ("mlx5_core", 3498, true),
            ("mlx5_core", 9000, false),
            ("ixgbevf", 9000, false),
            ("unknown", 9000, true),
            ("", 65536, true),
        ] {
            assert_eq!(
                too_long("eth1", driver, mtu).is_none(),
                fits,
                "{driver} {mtu}"
            );
        }
        let sorted = LIMITS.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(sorted, "each driver once, in order");
    }
}
