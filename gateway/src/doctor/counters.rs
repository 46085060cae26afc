//! Counters of the kernel that tell of lost time and lost packets, at one moment.

use std::collections::BTreeMap;

use super::Files;

/// Words in the names of a driver's counters that mean packets lost on the way in.
const LOSSES: [&str; 9] = [
    "discard",
    "drop",
    "no_buf",
    "nobuf",
    "missed",
    "out_of_buffer",
    "overrun",
    "fifo_err",
    "xdp_redirect_err",
];

/// Counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Ticks that all CPUs had, and of these the ones that a hypervisor gave to somebody else.
    pub ticks: Option<(u64, u64)>,
    /// Of the kernel's network stack: packets lost, by where.
    pub kernel: BTreeMap<String, u64>,
    /// Of the interfaces' drivers: packets lost, by interface and counter.
    pub drivers: BTreeMap<(String, String), u64>,
}

/// Where the kernel counts ticks.
const STAT: &str = "/proc/stat";
/// Where it counts packets that a CPU had no room for.
const SOFTNET: &str = "/proc/thread-self/net/softnet_stat";
/// Where it counts datagrams that a socket had no room for.
const SNMP: &str = "/proc/thread-self/net/snmp";

impl Counters {
    /// Those of now.
    #[must_use]
    pub fn take<'a>(files: &dyn Files, interfaces: impl IntoIterator<Item = &'a str>) -> Self {
        let text = |path| {
            let bytes = files.bytes(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut kernel = softnet(&text(SOFTNET));
        kernel.extend(sockets(&text(SNMP)));
        let mut drivers = BTreeMap::new();
        for interface in interfaces {
            for (name, count) in crate::ethtool::statistics(interface).unwrap_or_default() {
                if is_loss(&name) {
                    drivers.insert((interface.to_owned(), name), count);
                }
            }
        }
        Self {
            ticks: ticks(&text(STAT)),
            kernel,
            drivers,
        }
    }
}

/// Whether a driver's counter counts packets that were lost on the way in.
fn is_loss(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.contains("tx") && LOSSES.iter().any(|loss| name.contains(loss))
}

/// All ticks, and the stolen ones: the eighth number of the first line (proc_stat(5)); guests' ticks are in user's.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .take(8)
        .collect();
    let all = numbers.iter().copied().fold(0, u64::saturating_add);
    Some((all, *numbers.get(7)?))
}

/// A line for each CPU in hexadecimal: processed, dropped for want of room, out of budget.
fn softnet(text: &str) -> BTreeMap<String, u64> {
    let (mut dropped, mut squeezed) = (0_u64, 0_u64);
    for line in text.lines() {
        let mut numbers = line
            .split_whitespace()
            .skip(1)
            .map_while(|word| u64::from_str_radix(word, 16).ok());
        dropped = dropped.saturating_add(numbers.next().unwrap_or(0));
        squeezed = squeezed.saturating_add(numbers.next().unwrap_or(0));
    }
    BTreeMap::from([
        ("backlog full".to_owned(), dropped),
        ("out of budget".to_owned(), squeezed),
    ])
}

/// Two lines for each protocol: names, and numbers.
fn sockets(text: &str) -> BTreeMap<String, u64> {
    let mut udp = text.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let (Some(names), Some(numbers)) = (udp.next(), udp.next()) else {
        return BTreeMap::new();
    };
    names
        .split_whitespace()
        .zip(numbers.split_whitespace())
        .filter(|(name, _)| matches!(*name, "RcvbufErrors" | "MemErrors"))
        .filter_map(|(name, count)| Some((format!("Udp {name}"), count.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_all_and_the_stolen_ones() {
        let stat = "cpu  10 1 2 80 3 0 1 3 5 0\ncpu0 10 1 2 80 3 0 1 3 5 0\n";
        assert_eq!(ticks(stat), Some((100, 3)));
        assert_eq!(ticks("cpu  1 2 3\n"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn losses_of_kernel_and_drivers_are_told_from_other_counters() {
        let text = "00000010 00000002 000000ff 00000000\n00000001 00000001 00000000\nx\n";
        let found = softnet(text);
        assert_eq!(found.get("backlog full"), Some(&3));
        assert_eq!(found.get("out of budget"), Some(&255));
        let text =
            "Ip: Forwarding\nIp: 1\nUdp: InDatagrams NoPorts InErrors RcvbufErrors\nUdp: 9 1 4 4\n";
        assert_eq!(
            sockets(text),
            BTreeMap::from([("Udp RcvbufErrors".to_owned(), 4)])
        );
        assert!(sockets("Udp: a\n").is_empty());
        for (name, loss) in [
            ("rx_discards_phy", true),
            ("rx_out_of_buffer", true),
            ("rx_xsk_buff_alloc_err", false),
            ("rx_queue_0_drops", true),
            ("tx_dropped", false),
            ("rx_packets", false),
            ("rx_queue_0_xdp_drops", true),
        ] {
            assert_eq!(is_loss(name), loss, "{name}");
        }
    }
}
