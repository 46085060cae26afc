//! Which tier may be tried with which driver on which kernel: a pure function over what the kernel reports and what is
//! known to go wrong although the kernel reports it.
//!
//! Each rule says where it comes from. A rule is for what does harm (lost packets, corrupted memory), or for what the
//! kernel would refuse with a less helpful text; where nothing is known the kernel decides. Distribution kernels carry
//! back-ported fixes that a version does not show, so `force` overrides the list.

use super::netdev::{KernelVersion, XdpFeatures};
use super::{Obstacle, Tier};

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Platform<'a> {
    /// The driver's name as `ethtool -i` shows it; empty where the interface has none to name.
    pub driver: &'a str,
    /// The running kernel.
    pub kernel: KernelVersion,
    /// What the driver reports; `None` where the kernel has no such report.
    pub features: Option<XdpFeatures>,
}

/// Drivers of virtual functions without native XDP in any mainline kernel: no `ndo_bpf` (6.12 sources).
const NO_NATIVE_XDP: [&str; 2] = ["iavf", "igbvf"];

/// What helps where the driver is the obstacle.
const BETTER_CARD: &str = "receive on a function whose driver redirects: a virtual function of an mlx5 card does, and so do \
                           the physical functions of most";

/// What helps where privilege is missing.
pub const PRIVILEGE_REMEDY: &str = "run as root, or give the binary its capabilities: `setcap \
                                    cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon+ep gateway`";

/// What helps where a driver has no zero-copy.
pub const NO_ZERO_COPY_REMEDY: &str = "stay at copy, or receive on a function whose driver has zero-copy: mlx5_core from \
                                       Linux 6.1 on, virtio_net on newer kernels than 6.12";

/// What a driver means that does not report zero-copy.
#[must_use]
pub fn no_zero_copy(driver: &str) -> Obstacle {
    Obstacle::new(
        format!("driver {driver} does not offer zero-copy on this kernel"),
        NO_ZERO_COPY_REMEDY,
    )
}

/// What it means that no AF_XDP socket can be made.
#[must_use]
pub fn no_sockets(cause: &std::io::Error) -> Obstacle {
    Obstacle::new(
        format!(
            "the kernel is built without CONFIG_XDP_SOCKETS ({})",
            super::refusal::said(cause)
        ),
        "boot a kernel that has it: those of Debian, Ubuntu and RHEL do",
    )
}

/// Why a tier must not be tried on this platform; `None` if nothing speaks against it.
#[must_use]
pub fn ruled_out(tier: Tier, platform: Platform<'_>) -> Option<Obstacle> {
    let Platform {
        driver,
        kernel,
        features,
    } = platform;
    if matches!(tier, Tier::Socket | Tier::Capture) {
        return None;
    }
    // bpf_link for XDP came with 5.9; driving receive by `recvfrom` with 5.11 (DPDK b42cffab05, 63e8989fe5).
    if kernel < KernelVersion::new(5, 11) {
        return Some(Obstacle::new(
            format!(
                "kernel {kernel} is too old for AF_XDP as the gateway uses it; 5.11 or newer is needed"
            ),
            "boot Linux 5.15 or newer",
        ));
    }
    if tier == Tier::Skb {
        return None;
    }
    if NO_NATIVE_XDP.contains(&driver) {
        return Some(Obstacle::new(
            format!("driver {driver} has no native XDP in any mainline kernel"),
            BETTER_CARD,
        ));
    }
    // Attaches and then loses every redirected packet: no redirect feature (6.12 sources, ixgbevf_main.c).
    if driver == "ixgbevf" {
        return Some(Obstacle::new(
            "driver ixgbevf loses every packet that XDP redirects",
            BETTER_CARD,
        ));
    }
    match features {
        None => {
            return Some(Obstacle::new(
                format!(
                    "kernel {kernel} does not report XDP features (6.3 and newer do), so native XDP cannot be known to redirect; `force = true` tries it"
                ),
                "boot Linux 6.3 or newer, or set `force = true` where the driver is known to redirect",
            ));
        }
        Some(features) if !features.redirect() => {
            let named = if driver.is_empty() {
                "of this interface"
            } else {
                driver
            };
            return Some(Obstacle::new(
                format!("driver {named} does not report the XDP feature `redirect`"),
                BETTER_CARD,
            ));
        }
        Some(_) => {}
    }
    // Firedancer's allow-list, from its kernel test bed, leaves out exactly this version.
    if driver == "mlx5_core" && kernel == KernelVersion::new(6, 4) {
        return Some(Obstacle::new(
            "native XDP of mlx5_core is unreliable on kernel 6.4; 6.5 and newer work",
            "boot Linux 6.5 or newer",
        ));
    }
    if tier == Tier::Copy {
        return None;
    }
    // XDP_PASS on a zero-copy queue builds the packet's buffer wrongly: kernel memory corrupted by what arrives from the
    // network (`xdp_build_skb_from_zc`, since 560d958c6c68; patch of 2026-05-12). Ours passes what is not a feed's.
    if matches!(driver, "ice" | "idpf") {
        return Some(Obstacle::new(
            format!(
                "zero-copy of {driver} corrupts kernel memory when a packet is passed to the kernel, unless your kernel has the fix of May 2026; `force = true` if it has"
            ),
            "set `force = true` if your kernel has the fix (`xdp_build_skb_from_zc`, May 2026); else stay at copy",
        ));
    }
    // No mainline kernel has it; of the driver that Amazon ships: amzn-drivers issues 330 (memory corrupted), 221, 328.
    if driver == "ena" {
        return Some(Obstacle::new(
            "zero-copy of ena exists in Amazon's own driver only, where it was seen to corrupt memory",
            "stay at copy; `force = true` tries it",
        ));
    }
    // Firedancer's allow-list: zero-copy since 6.1.
    if driver == "mlx5_core" && kernel < KernelVersion::new(6, 1) {
        return Some(Obstacle::new(
            format!("zero-copy of mlx5_core needs kernel 6.1 or newer, this is {kernel}"),
            "boot Linux 6.1 or newer",
        ));
    }
    // The pool code came with 6.11, the feature bit that lets a socket bind with it later: 6.12 refuses.
    if driver == "virtio_net" && kernel < KernelVersion::new(6, 11) {
        return Some(Obstacle::new(
            format!("zero-copy of virtio_net came with kernel 6.11, this is {kernel}"),
            "boot a newer kernel: 6.12 refuses it still, 7.3 does it",
        ));
    }
    None
}

/// Why busy polling does not work here; `None` if nothing speaks against it.
///
/// From 6.13 the kernel lost the NAPI ids that busy polling needs (86e25f40aa1e). Zero-copy got them back before the
/// release for drivers that register their queues (5ef44b3cb43b), copying with 6.15 (b95ed5517354).
#[must_use]
pub fn busy_poll_broken(tier: Tier, kernel: KernelVersion) -> Option<String> {
    let broken = KernelVersion::new(6, 13)..KernelVersion::new(6, 15);
    (matches!(tier, Tier::Copy | Tier::Skb) && broken.contains(&kernel)).then(|| {
        format!("kernel {kernel} cannot busy-poll copying AF_XDP sockets; 6.15 and newer can")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Option<XdpFeatures> = Some(XdpFeatures::from_bits(0b1011));
    const NO_REDIRECT: Option<XdpFeatures> = Some(XdpFeatures::from_bits(1));

    #[test]
    fn tiers_by_driver_and_kernel() {
        use Tier::{Copy, Skb, Socket, ZeroCopy};
        // Driver, kernel, features, and the best tier that is not ruled out.
        for (driver, (major, minor), features, best) in [
            ("mlx5_core", (6, 12), FULL, ZeroCopy),
            ("mlx5_core", (6, 4), FULL, Skb),
            ("mlx5_core", (5, 15), FULL, Copy),
            ("mlx5_core", (5, 4), FULL, Socket),
            ("ice", (6, 18), FULL, Copy),
            ("idpf", (6, 18), FULL, Copy),
            ("ixgbevf", (6, 12), NO_REDIRECT, Skb),
            ("ixgbevf", (6, 12), FULL, Skb),
            ("iavf", (6, 18), None, Skb),
            ("igbvf", (6, 12), None, Skb),
            ("ena", (6, 18), FULL, Copy),
            ("virtio_net", (6, 18), FULL, ZeroCopy),
            ("virtio_net", (6, 10), FULL, Copy),
            ("veth", (6, 12), FULL, ZeroCopy), // the kernel itself refuses, with EOPNOTSUPP
            ("", (6, 12), Some(XdpFeatures::from_bits(0)), Skb),
            ("i40e", (6, 1), None, Skb),
            ("unknown", (6, 12), NO_REDIRECT, Skb),
        ] {
            let platform = Platform {
                driver,
                kernel: KernelVersion::new(major, minor),
                features,
            };
            let found = Tier::LADDER
                .into_iter()
                .find(|&tier| ruled_out(tier, platform).is_none());
            assert_eq!(found, Some(best), "{driver} on {major}.{minor}");
        }
    }

    #[test]
    fn busy_polling_by_kernel() {
        for (tier, (major, minor), works) in [
            (Tier::Copy, (6, 12), true),
            (Tier::Copy, (6, 13), false),
            (Tier::Copy, (6, 14), false),
            (Tier::Copy, (6, 15), true),
            (Tier::ZeroCopy, (6, 14), true),
        ] {
            assert_eq!(
                busy_poll_broken(tier, KernelVersion::new(major, minor)).is_none(),
                works,
                "{tier} {minor}"
            );
        }
    }
}
