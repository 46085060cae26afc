//! Facts beside the tier that decide speed and loss.

use super::Finding;
use crate::ingest::filter_table::{self, Beyond, FilterTable};
use crate::ingest::{Facts, Obstacle, busy_poll};
use crate::service::status::{InputStatus, InterfaceStatus};

/// What there is to say, in the order in which it is looked into; `shown` is what a running gateway shows.
pub(super) fn findings(
    interface: &str,
    facts: &Facts,
    shown: Option<&InterfaceStatus>,
) -> Vec<Finding> {
    let mut all = vec![driver(facts), link(interface, facts, shown)];
    all.push(features(facts));
    all.push(queues(interface, facts));
    all.push(filter(interface, facts, shown));
    if let Some(shown) = shown.filter(|shown| !shown.verdicts.is_empty()) {
        all.push(redirect(shown));
    }
    if shown.is_none_or(|shown| shown.tier != "socket") {
        all.push(busy_polling(facts, shown));
        all.push(rights(facts));
        all.push(memory(facts));
        all.push(huge_pages(facts, shown));
    }
    all
}

fn driver(facts: &Facts) -> Finding {
    let driver = match facts.driver.as_str() {
        "" => "none to name",
        driver => driver,
    };
    Finding::fine("driver", format!("{driver}, Linux {}", facts.kernel))
}

fn link(interface: &str, facts: &Facts, shown: Option<&InterfaceStatus>) -> Finding {
    // A running gateway knows how it is now; the facts are of the moment of opening.
    let (up, carrier) = match shown.map(|shown| shown.state.as_str()) {
        None => (facts.up, facts.carrier),
        Some("absent" | "down") => (false, false),
        Some(_) => (true, true),
    };
    let mtu = format!("MTU {}", facts.mtu);
    match (up, carrier) {
        (true, true) => Finding::fine("link", format!("up, {mtu}")),
        (true, false) => Finding::mind(
            "link",
            format!("up without carrier, {mtu}"),
            "plug the cable, or bring the other end up",
        ),
        (false, _) => Finding::mind(
            "link",
            "down or gone",
            format!("`ip link set dev {interface} up`; `ip -br link` lists what exists"),
        ),
    }
}

fn features(facts: &Facts) -> Finding {
    let Some(features) = facts.features else {
        return Finding::mind(
            "XDP features",
            "this kernel does not report what drivers can (6.3 and newer do)",
            "boot Linux 6.3 or newer",
        );
    };
    let said: Vec<String> = [
        ("native XDP", features.native),
        ("redirect", features.redirect),
        ("zero-copy", features.zero_copy),
        ("NIC timestamps", features.nic_timestamp),
    ]
    .iter()
    .map(|(what, has)| format!("{}{what}", if *has { "" } else { "no " }))
    .collect();
    Finding::fine("XDP features", said.join(", "))
}

fn queues(interface: &str, facts: &Facts) -> Finding {
    let text = match facts.rx_queues {
        1 => "1 receive queue".to_owned(),
        many => format!("{many} receive queues, each with a socket that the worker polls"),
    };
    if facts.rx_queues > 8 {
        return Finding::mind(
            "queues",
            text,
            format!(
                "have fewer: `ethtool -L {interface} combined 1`, or 2; every queue costs each round of the worker a look"
            ),
        );
    }
    Finding::fine("queues", text)
}

fn filter(interface: &str, facts: &Facts, shown: Option<&InterfaceStatus>) -> Finding {
    const SUBJECT: &str = "multicast filter";
    let addresses = shown.map_or(0, |shown| shown.multicast_addresses);
    if let Some(Obstacle { reason, remedy }) =
        filter_table::overflow(interface, &facts.driver, addresses as usize)
    {
        return Finding::mind(SUBJECT, reason, remedy);
    }
    let used = shown.map_or_else(String::new, |_| format!("{addresses} addresses in use, "));
    let text = match filter_table::filter_table(&facts.driver) {
        None => "no limit known".to_owned(),
        Some(FilterTable {
            addresses_max: Some(max),
            beyond: Beyond::Dropped,
        }) => format!("it holds {max}: what is beyond does not arrive"),
        Some(FilterTable {
            addresses_max: Some(max),
            ..
        }) => format!("it holds {max}: beyond that all groups on the wire come in"),
        Some(FilterTable {
            addresses_max: None,
            ..
        }) => {
            "the device has a limit and does not tell it: the kernel's log does when addresses are dropped".to_owned()
        }
    };
    Finding::fine(SUBJECT, format!("{used}{text}"))
}

fn redirect(shown: &InterfaceStatus) -> Finding {
    let redirected: u64 = shown
        .verdicts
        .iter()
        .filter(|verdict| verdict.verdict == "redirect")
        .map(|verdict| verdict.frames)
        .sum();
    match shown.lost_in_redirect {
        0 => Finding::fine(
            "redirect",
            format!("{redirected} frames redirected, none lost on the way to their sockets"),
        ),
        lost => Finding::mind(
            "redirect",
            format!(
                "{lost} of {redirected} redirected frames were lost on the way to their sockets, uncounted by the kernel"
            ),
            "use a newer kernel or driver, or a lower tier (`mode`); `perf trace -e xdp:xdp_redirect_map_err` names the \
             kernel's error",
        ),
    }
}

fn busy_polling(facts: &Facts, shown: Option<&InterfaceStatus>) -> Finding {
    const SUBJECT: &str = "busy polling";
    let Some(shown) = shown else {
        return match facts.rx_queues_with_napi {
            Some(named) if named >= facts.rx_queues => {
                Finding::fine(SUBJECT, "the driver names each queue's NAPI instance")
            }
            Some(named) => Finding::mind(
                SUBJECT,
                format!(
                    "the driver names the NAPI instance of {named} of {} queues now: since Linux 6.13 the others cannot be polled",
                    facts.rx_queues
                ),
                "a driver may name them once a program is attached: `gateway explain` of a running gateway tells",
            ),
            None => Finding::fine(
                SUBJECT,
                "not known before the first packet: this kernel does not tell (6.8 and newer do)",
            ),
        };
    };
    let not_polled = |queue: &&InputStatus| queue.busy_poll_reason.is_some();
    if let Some(queue) = shown.queues.iter().find(not_polled) {
        let reason = queue.busy_poll_reason.as_deref().unwrap_or_default();
        return Finding::mind(
            SUBJECT,
            format!("queue {} is driven by interrupts: {reason}", queue.queue),
            busy_poll::REMEDY,
        );
    }
    let all = |state: &str| shown.queues.iter().all(|queue| queue.busy_poll == state);
    let text = match () {
        () if all("polls") => "the worker drives every queue itself",
        () if all("off") => "off, as the configuration asks: packets come by interrupt",
        () => "not known before each queue's first packet",
    };
    Finding::fine(SUBJECT, text)
}

fn rights(facts: &Facts) -> Finding {
    if facts.missing_capabilities.is_empty() {
        return Finding::fine("rights", "all that AF_XDP needs");
    }
    Finding::mind(
        "rights",
        format!("missing: {}", facts.missing_capabilities.join(", ")),
        crate::ingest::allow::PRIVILEGE_REMEDY,
    )
}

fn memory(facts: &Facts) -> Finding {
    let wanted = mebibytes(facts.packet_memory_bytes);
    match facts.memory_lock_bytes {
        None => Finding::fine("locked memory", format!("no limit; {wanted} needed")),
        Some(limit) if limit >= facts.packet_memory_bytes => Finding::fine(
            "locked memory",
            format!("limit {}; {wanted} needed", mebibytes(limit)),
        ),
        Some(limit) => Finding::mind(
            "locked memory",
            format!("limit {}; {wanted} needed", mebibytes(limit)),
            "raise it: `LimitMEMLOCK=infinity` in systemd, `ulimit -l unlimited`",
        ),
    }
}

fn huge_pages(facts: &Facts, shown: Option<&InterfaceStatus>) -> Finding {
    let used = shown.map(|shown| {
        let queues = &shown.queues;
        !queues.is_empty() && queues.iter().all(|queue| queue.huge_pages)
    });
    let enough = facts.huge_pages_free_bytes >= facts.packet_memory_bytes;
    match used {
        Some(true) => Finding::fine("huge pages", "hold the packet memory"),
        None if enough => Finding::fine("huge pages", "enough are free for the packet memory"),
        Some(false) | None => Finding::mind(
            "huge pages",
            format!(
                "{} were free, and the packet memory is {}: {}",
                mebibytes(facts.huge_pages_free_bytes),
                mebibytes(facts.packet_memory_bytes),
                if used.is_some() {
                    "ordinary pages hold it"
                } else {
                    "the kernel makes the others if it can (Linux 6.1), or ordinary pages hold it"
                }
            ),
            format!(
                "reserve some before the start: `sysctl -w vm.nr_hugepages={}`",
                facts.packet_memory_bytes.div_ceil(2 << 20).max(1)
            ),
        ),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::tests::good;
    use super::*;
    use crate::service::status::VerdictStatus;

    fn about<'a>(all: &'a [Finding], subject: &str) -> &'a Finding {
        all.iter()
            .find(|finding| finding.subject == subject)
            .unwrap()
    }

    #[test]
    fn a_good_machine_needs_no_attention_and_each_defect_has_its_remedy() {
        assert!(findings("eth1", &good(), None).iter().all(|f| !f.attention));
        type Change = fn(&mut Facts);
        let table: [(Change, &str, &str); 9] = [
            (
                |f| f.driver = "gve".into(),
                "multicast filter",
                "transit gateway",
            ),
            (|f| f.up = false, "link", "ip link set dev eth1 up"),
            (|f| f.carrier = false, "link", "cable"),
            (|f| f.features = None, "XDP features", "6.3"),
            (
                |f| f.rx_queues_with_napi = Some(1),
                "busy polling",
                "once a program",
            ),
            (
                |f| (f.rx_queues, f.rx_queues_with_napi) = (63, None),
                "queues",
                "ethtool -L",
            ),
            (
                |f| f.missing_capabilities = vec!["CAP_BPF".into()],
                "rights",
                "setcap",
            ),
            (
                |f| f.memory_lock_bytes = Some(64 << 10),
                "locked memory",
                "LimitMEMLOCK",
            ),
            (
                |f| f.huge_pages_free_bytes = 0,
                "huge pages",
                "vm.nr_hugepages=48",
            ),
        ];
        for (change, subject, remedy) in table {
            let mut facts = good();
            change(&mut facts);
            let all = findings("eth1", &facts, None);
            let found = about(&all, subject);
            assert!(
                found.attention && found.remedy.contains(remedy),
                "{found:?}"
            );
            assert_eq!(all.iter().filter(|f| f.attention).count(), 1, "{subject}");
        }
    }

    #[test]
    fn a_filter_that_is_too_full_wants_attention() {
        let mut facts = good();
        facts.driver = "iavf".into();
        for (addresses, attention) in [(16, false), (17, true)] {
            let shown = InterfaceStatus {
                state: "live".into(),
                tier: "skb".into(),
                multicast_addresses: addresses,
                ..InterfaceStatus::default()
            };
            let all = findings("eth1", &facts, Some(&shown));
            assert_eq!(
                about(&all, "multicast filter").attention,
                attention,
                "{addresses}"
            );
        }
    }

    #[test]
    fn busy_polling_is_told_by_queue() {
        let queue = |number: &str, state: &str, reason: Option<&str>| InputStatus {
            queue: number.into(),
            busy_poll: state.into(),
            busy_poll_reason: reason.map(str::to_owned),
            ..InputStatus::default()
        };
        for (queues, attention, says) in [
            (
                vec![queue("0", "polls", None), queue("1", "polls", None)],
                false,
                "drives every queue",
            ),
            (vec![queue("0", "off", None)], false, "off"),
            (
                vec![queue("0", "polls", None), queue("1", "unknown", None)],
                false,
                "not known",
            ),
            (
                vec![
                    queue("0", "polls", None),
                    queue("1", "in_vain", Some("no id")),
                ],
                true,
                "queue 1",
            ),
            (vec![queue("0", "refused", Some("6.13"))], true, "6.13"),
        ] {
            let shown = InterfaceStatus {
                state: "live".into(),
                tier: "copy".into(),
                queues,
                ..InterfaceStatus::default()
            };
            let all = findings("eth1", &good(), Some(&shown));
            let found = about(&all, "busy polling");
            assert_eq!(found.attention, attention, "{found:?}");
            assert!(found.what.contains(says), "{found:?}");
        }
    }

    #[test]
    fn frames_that_are_lost_in_redirect_want_attention() {
        let mut shown = InterfaceStatus {
            state: "live".into(),
            tier: "copy".into(),
            verdicts: vec![VerdictStatus {
                reason: "redirected".into(),
                verdict: "redirect".into(),
                frames: 100,
            }],
            ..InterfaceStatus::default()
        };
        let found = |shown: &InterfaceStatus| {
            about(&findings("eth1", &good(), Some(shown)), "redirect").clone()
        };
        assert!(!found(&shown).attention);
        shown.lost_in_redirect = 3;
        assert!(
            found(&shown).what.starts_with("3 of 100"),
            "{:?}",
            found(&shown)
        );
    }

    #[test]
    fn what_a_running_gateway_has_counts_more_than_what_was_free_before() {
        let mut shown = InterfaceStatus {
            state: "live".into(),
            tier: "copy".into(),
            queues: vec![InputStatus {
                huge_pages: true,
                ..InputStatus::default()
            }],
            ..InterfaceStatus::default()
        };
        let mut facts = good();
        facts.huge_pages_free_bytes = 0;
        assert!(!about(&findings("eth1", &facts, Some(&shown)), "huge pages").attention);
        shown.queues[0].huge_pages = false;
        assert!(about(&findings("eth1", &facts, Some(&shown)), "huge pages").attention);
        // Sockets have neither rings nor a need for rights.
        shown.tier = "socket".into();
        let all = findings("eth1", &facts, Some(&shown));
        assert!(
            all.iter()
                .all(|f| f.subject != "huge pages" && f.subject != "rights")
        );
    }
}
