//! What would keep an interface from a tier, as far as it can be told without trying.

use crate::ingest::allow::{self, Platform};
use crate::ingest::{Facts, Obstacle, Tier, mtu};

/// The first thing that speaks against a tier; `None` where nothing does.
pub(super) fn obstacle(interface: &str, tier: Tier, facts: &Facts) -> Option<Obstacle> {
    if !facts.up {
        return Some(Obstacle::new(
            "the interface is down",
            format!("`ip link set dev {interface} up`"),
        ));
    }
    if tier == Tier::Socket {
        return None;
    }
    let platform = Platform {
        driver: &facts.driver,
        kernel: facts.kernel_version(),
        features: facts.features.map(Into::into),
    };
    let native = tier != Tier::Skb;
    allow::ruled_out(tier, platform)
        .or_else(|| no_sockets(facts))
        .or_else(|| no_rights(facts))
        .or_else(|| others_program(interface, facts))
        .or_else(|| {
            let too_long = || mtu::too_long(interface, &facts.driver, facts.mtu);
            native.then(too_long).flatten()
        })
        .or_else(|| {
            let offers = facts.features.is_some_and(|features| features.zero_copy);
            (tier == Tier::ZeroCopy && !offers).then(|| allow::no_zero_copy(&facts.driver))
        })
        .or_else(|| too_little_memory(facts))
}

fn no_sockets(facts: &Facts) -> Option<Obstacle> {
    let errno = facts.socket_errno?;
    // Missing rights are told as such.
    if matches!(errno, libc::EPERM | libc::EACCES) {
        return None;
    }
    Some(allow::no_sockets(&std::io::Error::from_raw_os_error(errno)))
}

fn no_rights(facts: &Facts) -> Option<Obstacle> {
    if facts.missing_capabilities.is_empty() {
        return None;
    }
    Some(Obstacle::new(
        format!(
            "this process does not have {}",
            facts.missing_capabilities.join(", ")
        ),
        allow::PRIVILEGE_REMEDY,
    ))
}

fn others_program(interface: &str, facts: &Facts) -> Option<Obstacle> {
    let detail = facts.other_program.as_ref()?;
    Some(Obstacle::new(
        format!("it already has an XDP program ({detail})"),
        format!(
            "stop its owner, or detach it with `gateway detach {interface} --force` (`bpftool net` shows who it is)"
        ),
    ))
}

fn too_little_memory(facts: &Facts) -> Option<Obstacle> {
    let limit = facts.memory_lock_bytes?;
    (limit < facts.packet_memory_bytes).then(|| {
        Obstacle::new(
            format!(
                "this process may lock {limit} bytes of memory, and {} of packet memory are needed",
                facts.packet_memory_bytes
            ),
            "raise the limit (`LimitMEMLOCK=infinity` in systemd, `ulimit -l unlimited`), give the binary CAP_IPC_LOCK, or \
             lower `rx_ring`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::good;
    use super::*;
    use crate::ingest::Features;

    #[test]
    fn obstacles_by_fact() {
        type Change = fn(&mut Facts);
        // What is changed, the tier asked for, and what is said; empty where nothing speaks against it.
        let table: [(Change, Tier, &str); 17] = [
            (|_| {}, Tier::ZeroCopy, ""),
            (|f| f.up = false, Tier::Socket, "is down"),
            (
                |f| f.socket_errno = Some(libc::EAFNOSUPPORT),
                Tier::Skb,
                "CONFIG_XDP_SOCKETS",
            ),
            (
                |f| f.socket_errno = Some(libc::EAFNOSUPPORT),
                Tier::Socket,
                "",
            ),
            (
                |f| f.missing_capabilities = vec!["CAP_BPF".into()],
                Tier::Copy,
                "CAP_BPF",
            ),
            (
                |f| f.missing_capabilities = vec!["CAP_BPF".into()],
                Tier::Socket,
                "",
            ),
            (
                |f| f.other_program = Some("native mode, program id 7".into()),
                Tier::Skb,
                "program id 7",
            ),
            (|f| f.mtu = 9000, Tier::Copy, "takes native XDP up to 3498"),
            (|f| f.mtu = 9000, Tier::Skb, ""),
            (
                |f| f.features = None,
                Tier::Copy,
                "does not report XDP features",
            ),
            (|f| f.features = None, Tier::Skb, ""),
            (
                |f| {
                    f.features = Some(Features {
                        zero_copy: false,
                        ..f.features.unwrap_or_default()
                    })
                },
                Tier::ZeroCopy,
                "does not offer zero-copy",
            ),
            (
                |f| {
                    f.features = Some(Features {
                        zero_copy: false,
                        ..f.features.unwrap_or_default()
                    })
                },
                Tier::Copy,
                "",
            ),
            (
                |f| f.memory_lock_bytes = Some(8 << 20),
                Tier::Skb,
                "may lock 8388608 bytes",
            ),
            (|f| f.memory_lock_bytes = Some(1 << 30), Tier::Skb, ""),
            (|f| f.driver = "iavf".into(), Tier::Copy, "no native XDP"),
            (|f| f.kernel = "5.4.0".into(), Tier::Skb, "too old"),
        ];
        for (number, (change, tier, says)) in table.into_iter().enumerate() {
            let mut facts = good();
            change(&mut facts);
            match obstacle("eth1", tier, &facts) {
                None => assert_eq!(says, "", "{number}: nothing speaks against {tier}"),
                Some(Obstacle { reason, remedy }) => {
                    assert!(
                        !says.is_empty() && reason.contains(says),
                        "{number}: {reason}"
                    );
                    assert!(!remedy.is_empty(), "{number}: {reason}");
                }
            }
        }
    }
}
