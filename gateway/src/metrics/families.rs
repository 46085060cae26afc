//! The gateway's metrics in Prometheus' text format, drawn from a [`Status`].

mod channels;

use std::time::Instant;

use super::histogram::Snapshot;
use super::page::Page;
use crate::service::LinkState;
use crate::service::status::{InterfaceStatus, Status};

/// Every value that `gateway_xdp_mode` can have.
const MODES: [&str; 5] = ["zero-copy", "copy", "skb", "socket", "capture"];

/// The text of a scrape; `since` is when it began.
///
/// # Errors
/// The library refuses what is here; a test shows that it does not.
pub fn render(status: &Status, since: Instant) -> Result<String, prometheus::Error> {
    let mut page = Page::default();
    gateway(&mut page, status);
    for interface in &status.interfaces {
        inputs(&mut page, interface);
    }
    for channel in &status.channels {
        channels::channel(&mut page, channel);
    }
    for group in &status.groups {
        page.gauge(
            "group_joined",
            "1 while the gateway is a member of the group.",
            &[
                ("group", &group.group),
                ("interface", &group.interface),
                ("source", &group.source),
            ],
            f64::from(u8::from(group.joined)),
        );
    }
    queues(&mut page, status);
    for book in &status.books {
        super::books::book(&mut page, book);
    }
    broker(&mut page, status);
    latency(&mut page, &status.ring_to_publish);
    page.gauge(
        "scrape_duration_seconds",
        "Time that drawing this page took.",
        &[],
        since.elapsed().as_secs_f64(),
    );
    page.text()
}

fn gateway(page: &mut Page, status: &Status) {
    page.gauge(
        "build_info",
        "The build; always 1.",
        &[("version", &status.version), ("name", &status.name)],
        1.0,
    );
    page.gauge("up", "1 while the gateway answers.", &[], 1.0);
    page.gauge(
        "ready",
        "1 while every worker runs, no input has failed, all groups are joined, and broker and metrics answer.",
        &[],
        f64::from(u8::from(status.ready)),
    );
    for (result, count) in [
        ("applied", status.reloads.applied),
        ("refused", status.reloads.refused),
    ] {
        page.counter(
            "reloads_total",
            "Configurations read anew: applied, or refused because of mistakes.",
            &[("result", result)],
            count,
        );
    }
    page.gauge(
        "reload_waiting",
        "Parts of the configuration that wait for the next start.",
        &[],
        status.reloads.waiting.len() as f64,
    );
    for check in &status.doctor {
        if let Some(level) = check.verdict.level() {
            page.gauge(
                "doctor_check",
                "What a check of the doctor found: 0 ok, 1 warn, 2 fail; absent where it was skipped.",
                &[("check", &check.check), ("interface", &check.interface)],
                f64::from(level),
            );
        }
    }
    for worker in &status.workers {
        page.gauge(
            "worker_shown_age_seconds",
            "Time since the worker last showed its counters; a stuck worker looks stuck.",
            &[("worker", &worker.name)],
            worker.shown_age_s,
        );
    }
}

fn inputs(page: &mut Page, interface: &InterfaceStatus) {
    let name = ("interface", interface.name.as_str());
    page.gauge(
        "interface_info",
        "The interface's driver; always 1.",
        &[name, ("driver", &interface.driver)],
        1.0,
    );
    if interface.tier != "capture" {
        for state in LinkState::ALL {
            page.gauge(
                "link_state",
                "1 for the state that the interface is in, 0 for the others: absent, down, attaching, live, degraded.",
                &[name, ("state", state.name())],
                f64::from(u8::from(state.name() == interface.state)),
            );
        }
        page.counter(
            "link_reopened_total",
            "How many times the interface was opened again: the device was made anew, its sockets failed, or a better tier was tried.",
            &[name],
            interface.reopened,
        );
        page.counter(
            "group_rejoins_total",
            "How many times the interface's groups were joined again after the kernel had dropped the memberships.",
            &[name],
            interface.rejoins,
        );
    }
    if interface.tier != "capture" {
        page.gauge(
            "multicast_groups",
            "Addresses in the interface's multicast filter: those of the joined groups, of which 32 share one, and the kernel's own.",
            &[name],
            interface.multicast_addresses as f64,
        );
    }
    if let Some(max) = interface.multicast_addresses_max {
        page.gauge(
            "multicast_groups_max",
            "How many addresses the interface's multicast filter holds; absent where no limit is known.",
            &[name],
            f64::from(max),
        );
    }
    if !interface.verdicts.is_empty() {
        page.counter(
            "xdp_lost_in_redirect_total",
            "Frames that the XDP program redirected and that neither arrived nor were counted as dropped by their socket; at least so many.",
            &[name],
            interface.lost_in_redirect,
        );
    }
    for verdict in &interface.verdicts {
        page.counter(
            "xdp_verdicts_total",
            "Frames by verdict of the XDP program, each under exactly one reason.",
            &[
                name,
                ("verdict", &verdict.verdict),
                ("reason", &verdict.reason),
            ],
            verdict.frames,
        );
    }
    for input in &interface.queues {
        let labels = [name, ("queue", input.queue.as_str())];
        for mode in MODES {
            page.gauge(
                "xdp_mode",
                "1 for the tier by which the queue's packets arrive, 0 for the others.",
                &[labels[0], labels[1], ("mode", mode)],
                f64::from(u8::from(mode == interface.tier)),
            );
        }
        if matches!(interface.tier.as_str(), "zero-copy" | "copy" | "skb") {
            page.gauge(
                "busy_poll",
                "1 while the worker drives the receive queue itself; 0 where interrupts do, or before it is known.",
                &labels,
                f64::from(u8::from(input.busy_poll == "polls")),
            );
        }
        page.counter(
            "rx_packets_total",
            "Datagrams handed to the worker.",
            &labels,
            input.packets,
        );
        page.counter(
            "rx_bytes_total",
            "UDP payload bytes handed to the worker.",
            &labels,
            input.bytes,
        );
        page.counter(
            "rx_checksum_wrong_total",
            "Wrong UDP checksums seen.",
            &labels,
            input.checksum_wrong,
        );
        page.counter(
            "xsk_wakeups_total",
            "System calls that asked for packets.",
            &[labels[0], labels[1], ("direction", "rx")],
            input.kicks,
        );
        for refused in &input.refused {
            page.counter(
                "rx_refused_total",
                "Packets that reached the gateway and were not handed to the worker.",
                &[labels[0], labels[1], ("reason", &refused.reason)],
                refused.count,
            );
        }
        for drop in &input.kernel_drops {
            page.counter(
                "xsk_rx_dropped_total",
                "Packets that the kernel dropped before they reached the gateway.",
                &[labels[0], labels[1], ("reason", &drop.reason)],
                drop.count,
            );
        }
    }
}

fn queues(page: &mut Page, status: &Status) {
    for queue in &status.queues {
        let labels = [("queue", queue.name.as_str())];
        page.counter(
            "queue_records_total",
            "Records published.",
            &labels,
            queue.published,
        );
        page.counter("queue_slots_total", "Slots published.", &labels, queue.head);
        page.counter(
            "queue_refused_total",
            "Records too long for the queue.",
            &labels,
            queue.refused,
        );
        page.counter(
            "queue_rotations_total",
            "How often the queue went on in other memory because an entitlement was taken back.",
            &labels,
            queue.rotations,
        );
    }
    for reader in &status.readers {
        // There are at most `max_clients` readers at a time, and one that comes again has the labels that it had: none says
        // which process or subscription it is. The status does.
        let (uid, number) = (reader.uid.to_string(), reader.number.to_string());
        let labels = [
            ("consumer", reader.consumer.as_str()),
            ("uid", uid.as_str()),
            ("queue", reader.queue.as_str()),
            ("reader", number.as_str()),
        ];
        page.gauge("consumer_attached", "1 for each reader.", &labels, 1.0);
        page.gauge(
            "consumer_lag_frames",
            "Slots published that the reader has not read.",
            &labels,
            reader.lag as f64,
        );
        page.counter(
            "consumer_lost_frames_total",
            "Slots that passed unread because the reader was too slow.",
            &labels,
            reader.lost,
        );
        page.counter(
            "consumer_overruns_total",
            "How many times the queue overran the reader.",
            &labels,
            reader.overruns,
        );
        if let Some(age) = reader.last_poll_age_s {
            page.gauge(
                "consumer_last_poll_age_seconds",
                "Time since the reader's last poll, as the reader says.",
                &labels,
                age,
            );
        }
    }
}

fn broker(page: &mut Page, status: &Status) {
    let counters = &status.broker;
    page.gauge(
        "broker_clients",
        "Clients connected.",
        &[],
        counters.clients as f64,
    );
    for (name, help, value) in [
        (
            "broker_connections_total",
            "Connections taken.",
            counters.connections,
        ),
        (
            "broker_subscriptions_total",
            "Subscriptions given.",
            counters.subscriptions,
        ),
        ("broker_tables_total", "Book tables given.", counters.tables),
        (
            "broker_snapshots_total",
            "Requests for orders that were answered with orders.",
            counters.snapshots,
        ),
        (
            "broker_throttled_total",
            "Requests that had to wait because their client asked too often.",
            counters.throttled,
        ),
        (
            "broker_silent_total",
            "Clients that said nothing after connecting, and were let go.",
            counters.silent,
        ),
        (
            "broker_stuck_total",
            "Clients that did not read their answers, and were let go.",
            counters.stuck,
        ),
    ] {
        page.counter(name, help, &[], value);
    }
    for (reason, count) in counters.refusals() {
        page.counter(
            "broker_refused_total",
            "Connections, subscriptions and messages refused, by the rule or limit that refused them.",
            &[("reason", reason)],
            count,
        );
    }
}

fn latency(page: &mut Page, snapshot: &Snapshot) {
    let stage = ("stage", "ring_pub");
    page.histogram(
        "stage_latency_seconds",
        "Latency by stage; ring_pub: from a packet's ring until its last record is published.",
        &[stage],
        snapshot,
    );
    for (label, quantile) in [
        ("0.5", 0.5),
        ("0.9", 0.9),
        ("0.99", 0.99),
        ("0.999", 0.999),
        ("0.9999", 0.9999),
    ] {
        page.gauge(
            "latency_quantile_seconds",
            "Latency quantiles since the start, within 1 %.",
            &[stage, ("quantile", label)],
            snapshot.quantile_ns(quantile) as f64 / 1e9,
        );
    }
    page.gauge(
        "latency_max_seconds",
        "The longest since the start.",
        &[stage],
        snapshot.max_ns as f64 / 1e9,
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::metrics::histogram;
    use crate::service::status::{
        BookStatus, ChannelStatus, Count, InputStatus, LineStatus, QueueStatus, ReaderStatus,
        RecoveryStatus, ServerStatus,
    };

    #[test]
    fn a_page_has_every_family_once_and_hostile_labels_are_escaped() {
        let latencies = histogram::Histogram::new();
        latencies.record(150);
        latencies.record(5_000);
        let status = Status {
            ready: true,
            interfaces: vec![InterfaceStatus {
                name: "eth1".into(),
                tier: "copy".into(),
                queues: vec![InputStatus {
                    queue: "0".into(),
                    packets: 7,
                    ..InputStatus::default()
                }],
                ..InterfaceStatus::default()
            }],
            channels: vec![ChannelStatus {
                name: "itch".into(),
                lines: ["A", "B"]
                    .map(|name| LineStatus {
                        name: name.into(),
                        skew_packets: 5,
                        skew_sum_ns: 2_500,
                        ..LineStatus::default()
                    })
                    .into(),
                state: "recovering".into(),
                recovery: Some(RecoveryStatus {
                    servers: [1, 2]
                        .map(|port| ServerStatus {
                            kind: "rerequest".into(),
                            address: format!("10.0.0.1:{port}"),
                            requests: 7,
                            ..ServerStatus::default()
                        })
                        .into(),
                    ..RecoveryStatus::default()
                }),
                ..ChannelStatus::default()
            }],
            queues: vec![QueueStatus::default()],
            books: vec![BookStatus {
                irregular: vec![Count::new("crossed", 1)],
                heartbeat_age_s: Some(0.5),
                ..BookStatus::default()
            }],
            readers: [0, 1]
                .map(|number| ReaderStatus {
                    consumer: "a\"b\n".into(),
                    number,
                    uid: 1_001,
                    last_poll_age_s: Some(0.25),
                    ..ReaderStatus::default()
                })
                .into(),
            ring_to_publish: latencies.snapshot(),
            ..Status::default()
        };
        let page = render(&status, Instant::now()).unwrap();
        for expected in [
            "gateway_ready 1\n",
            "gateway_xdp_mode{interface=\"eth1\",queue=\"0\",mode=\"copy\"} 1\n",
            "gateway_xdp_mode{interface=\"eth1\",queue=\"0\",mode=\"zero-copy\"} 0\n",
            "gateway_stage_latency_seconds_bucket{stage=\"ring_pub\",le=\"0.0000002\"} 1\n",
            "gateway_stage_latency_seconds_count{stage=\"ring_pub\"} 2\n",
            "consumer=\"a\\\"b\\n\"",
            "gateway_consumer_last_poll_age_seconds{consumer=\"a\\\"b\\n\",uid=\"1001\",queue=\"\",reader=\"1\"} 0.25\n",
            "# TYPE gateway_rx_packets_total counter\n",
            "# TYPE gateway_line_skew_seconds summary\n",
            "gateway_line_skew_seconds_sum{feed=\"\",channel=\"itch\",line=\"B\"} 0.0000025\n",
            "gateway_channel_state{feed=\"\",channel=\"itch\",state=\"recovering\"} 1\n",
            "gateway_channel_state{feed=\"\",channel=\"itch\",state=\"live\"} 0\n",
            "gateway_recovery_server_requests_total{feed=\"\",channel=\"itch\",kind=\"rerequest\",server=\"10.0.0.1:2\"} 7\n",
            "gateway_line_skew_seconds_count{feed=\"\",channel=\"itch\",line=\"B\"} 5\n",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        // Two readers of one process may have the same name; two lines of a page may not have the same labels.
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        let series: Vec<_> = samples
            .filter_map(|line| Some(line.rsplit_once(' ')?.0))
            .collect();
        let unique: std::collections::HashSet<_> = series.iter().collect();
        assert_eq!(series.len(), unique.len(), "{page}");
        let types: Vec<&str> = page.lines().filter(|l| l.starts_with("# TYPE")).collect();
        let mut unique = types.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(types.len(), unique.len());
    }
}
