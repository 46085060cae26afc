//! `docs/metrics.md`.

use std::fmt::Write as _;

use super::{Family, TOPICS};

const HEAD: &str = "# Metrics

<!-- Made from gateway/src/metrics/table by `GATEWAY_WRITE_DOCS=1 cargo test -p gateway --test metrics_reference`: a test fails where the two differ. -->

What `http://HOST:9464/metrics` tells (`metrics_listen`), in Prometheus' text format. [monitoring.md](monitoring.md) has rules, alerts and a dashboard for it, [operations.md](operations.md) what to do. All are there since version 0.1.0 unless another is named.

Drawing the page reads counters that the workers write anyway: a worker executes nothing for it. Each worker shows its counters once a millisecond, so a value is no older than that. Counters begin at zero with the process. A series is absent where there is nothing to tell: no tier that stamps packets, no server, no reader.

Labels have values from the configuration, from the kernel, or from this source; only `consumer` is what a client calls itself, and has 1024 values at most, then `other`. Latencies have series of their own for so many channels and so many readers as `metrics_detail_max` says; the other channels share one, `other`, the other readers have none, and their pages are not looked at for it.
";

/// What is proposed for gateways of this kind, and why this one does not have it.
const ABSENT: &[(&str, &str)] = &[
    (
        "interface_info: firmware, PCI address, virtual function",
        "`gateway doctor` and `gateway explain` tell them; as labels they would make another series with every firmware.",
    ),
    (
        "xdp_mode_changes_total",
        "`link_reopened_total` counts, `xdp_mode` says where it led; the log has from, to and reason of each change.",
    ),
    (
        "xsk_fill_ring_available, umem_frames",
        "The rings' positions belong to the worker and the kernel; what an empty FILL ring costs is in `xsk_rx_dropped_total`.",
    ),
    (
        "napi_busy_poll_ratio",
        "The kernel counts no such thing; `busy_poll` says whether the worker's own polls bring the packets.",
    ),
    (
        "line_skew_seconds as a histogram",
        "A summary and a maximum: a histogram a line would cost the worker one more cache line a packet.",
    ),
    (
        "consumer_attached: pid",
        "A process that comes again would be another series; `gateway status` names processes.",
    ),
    (
        "stage_latency_seconds of pub_app",
        "It is measured, by readers, and each tells its own: `publish_to_read_seconds`.",
    ),
    (
        "stage_latency_seconds of app_tx",
        "The gateway sends nothing: orders go their own way.",
    ),
    (
        "native histograms",
        "The prometheus crate writes the text format, which has none; quantiles within 1 % are gauges instead.",
    ),
    (
        "poll_loop_seconds",
        "A histogram of every round would cost the worker more than an idle round takes: stalls are counted, and the time of busy rounds.",
    ),
    (
        "irqs_total, ksoftirqd_seconds_total",
        "node_exporter has them by CPU; `gateway doctor` says which interrupts reach a worker's.",
    ),
    (
        "build_info: commit, xdp_tier_max",
        "A build is told by its version; what a card could do is in `gateway explain`.",
    ),
    (
        "shim_*",
        "Strategies link a client library; there is no layer that takes the place of their sockets.",
    ),
    (
        "failovers_total, failover_duration_seconds",
        "The kernel's `net_failover` changes over by itself and tells nobody; `link_reopened_total` counts what the gateway saw of it.",
    ),
    (
        "reinjected_packets_total",
        "Nothing is put back: the XDP program passes what is not the gateway's before it is taken.",
    ),
    (
        "scrape latency of the workers",
        "They take no part in a scrape.",
    ),
];

/// The text of `docs/metrics.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for topic in TOPICS {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## {}\n\n| metric | kind | unit | labels | means | what to do |\n|---|---|---|---|---|---|\n",
            topic.title
        );
        for family in topic.families {
            let _ = writeln!(text, "{}", row(family));
        }
    }
    text += "\n## Not there\n\n| metric | why |\n|---|---|\n";
    for (name, why) in ABSENT {
        let _ = writeln!(text, "| {name} | {why} |");
    }
    text
}

fn row(family: &Family) -> String {
    let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
    let section = family.section.map_or_else(String::new, |section| {
        let words = section.replace('-', " ");
        format!("[{words}](operations.md#{section})")
    });
    let since = match family.since {
        "0.1.0" => String::new(),
        version => format!(" Since {version}."),
    };
    format!(
        "| `gateway_{}` | {} | {} | {} | {}{since} | {section} |",
        family.name,
        family.kind.name(),
        family.unit,
        labels.join(" "),
        family.help,
    )
}
