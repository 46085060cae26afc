//! Whether it is clear by which interface groups are received.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};

const ROUTES_FILE: &str = "/proc/thread-self/net/route";

pub(super) const ROUTES: Check = Check {
    number: 38,
    id: "second-path",
    title: "no second interface answers for the same network",
    severity: Severity::Info,
    side: Side::Guest,
    reads: "`/proc/net/route`",
    good: "each network on one interface; at most one route for multicast",
    cost: "other programs join and answer on the wrong interface, and ARP answers come from either; the gateway itself joins by \
           interface and is not misled",
    place: Place::Interface(routes),
};

fn routes(look: &Look<'_>, device: &Device) -> Seen {
    let Ok(text) = look.text(ROUTES_FILE) else {
        return Seen::skipped("the kernel does not show its routes (`/proc/net/route`)");
    };
    let mut networks: BTreeMap<(Ipv4Addr, u32), Vec<String>> = BTreeMap::new();
    for (name, network, bits) in read(&text) {
        let names = networks.entry((network, bits)).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let shared: Vec<String> = networks
        .iter()
        .filter(|(_, names)| names.len() > 1 && names.contains(&device.name))
        .map(|((network, bits), names)| format!("{network}/{bits} on {}", names.join(", ")))
        .collect();
    if !shared.is_empty() {
        return Seen::warn(
            format!("two interfaces for one network: {}", shared.join("; ")),
            Remedy::commands([
                "sysctl -w net.ipv4.conf.all.arp_ignore=1".to_owned(),
                "sysctl -w net.ipv4.conf.all.arp_announce=2".to_owned(),
            ])
            .with("better a network of its own for each; other programs should name their interface when they join"),
        );
    }
    let multicast: Vec<String> = networks
        .iter()
        .filter(|((network, bits), _)| *bits > 0 && network.is_multicast())
        .map(|((network, bits), names)| format!("{network}/{bits} by {}", names.join(", ")))
        .collect();
    Seen::ok(if multicast.is_empty() {
        "each network is on one interface".to_owned()
    } else {
        format!(
            "each network is on one interface; multicast routes: {}",
            multicast.join("; ")
        )
    })
}

/// Interface, network and length of the prefix of each route without a gateway (net/ipv4/fib_trie.c,
/// `fib_route_seq_show`): numbers in hexadecimal, as they are in memory.
fn read(text: &str) -> impl Iterator<Item = (String, Ipv4Addr, u32)> {
    text.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
        (number(2)? == 0).then_some(())?;
        let mask = number(7)?;
        let network = Ipv4Addr::from(number(1)?.to_ne_bytes());
        Some(((*words.first()?).to_owned(), network, mask.count_ones()))
    })
}
