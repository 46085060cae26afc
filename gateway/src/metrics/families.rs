//! The gateway's metrics in Prometheus' text format, drawn from a [`Status`].

use std::time::Instant;

use super::histogram::Snapshot;
use super::page::Page;
use crate::service::LinkState;
use crate::service::status::{ChannelStatus, InterfaceStatus, LineStatus, Status};

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
        channel_totals(&mut page, channel);
        for line in &channel.lines {
            channel_line(&mut page, channel, line);
        }
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

fn channel_totals(page: &mut Page, channel: &ChannelStatus) {
    let labels = [
        ("feed", channel.feed.as_str()),
        ("channel", channel.name.as_str()),
    ];
    for (name, help, value) in [
        (
            "messages_total",
            "Messages decoded, each once.",
            channel.messages,
        ),
        ("gaps_total", "Holes that no line filled.", channel.gaps),
        (
            "messages_lost_total",
            "Messages that no line brought.",
            channel.lost,
        ),
        (
            "heartbeats_total",
            "Heartbeats of all lines.",
            channel.heartbeats,
        ),
        ("sessions_total", "Sessions begun.", channel.sessions),
        (
            "sequence_resets_total",
            "Restarts of the numbers within a session.",
            channel.resets,
        ),
        (
            "hold_overflows_total",
            "Packets for which holes were given up early because too much was held.",
            channel.hold_overflows,
        ),
        (
            "hold_oversized_total",
            "Packets for which holes were given up early because they are too long to be held.",
            channel.hold_oversized,
        ),
        (
            "implausible_packets_total",
            "Packets numbered far ahead of a stream that went on where it was: damaged or stray ones.",
            channel.implausible,
        ),
        (
            "sessions_refused_total",
            "Packets of another session while the current one went on.",
            channel.sessions_refused,
        ),
        (
            "unmapped_messages_total",
            "Messages without a counterpart among normalised records.",
            channel.unmapped,
        ),
        (
            "unresolved_messages_total",
            "Messages about instruments of unknown symbol, while a queue asks for symbols.",
            channel.unresolved,
        ),
    ] {
        page.counter(name, help, &labels, value);
    }
    page.gauge(
        "next_sequence",
        "The next sequence expected.",
        &labels,
        channel.next_sequence as f64,
    );
    page.gauge(
        "instruments",
        "Instruments whose symbol is known.",
        &labels,
        channel.instruments as f64,
    );
    if let Some(orders) = &channel.orders {
        page.gauge(
            "orders_live",
            "Resting orders in the index from which full records are completed.",
            &labels,
            orders.live as f64,
        );
        page.gauge(
            "orders_max",
            "Orders that the index can hold.",
            &labels,
            orders.max as f64,
        );
        for (name, help, value) in [
            (
                "orders_unknown_total",
                "Messages about an order that is not known: their records are incomplete and flagged.",
                orders.unknown,
            ),
            (
                "orders_overflowed_total",
                "Orders not remembered because the index was full: raise orders_max.",
                orders.overflowed,
            ),
            (
                "orders_duplicate_total",
                "Orders whose reference one that rested had already.",
                orders.duplicate,
            ),
            (
                "orders_inconsistent_total",
                "Messages that name an order of another instrument, or take more off an order than is left.",
                orders.inconsistent,
            ),
        ] {
            page.counter(name, help, &labels, value);
        }
    }
    for error in &channel.errors {
        page.counter(
            "decode_errors_total",
            "Packets and messages that could not be decoded, by reason.",
            &[labels[0], labels[1], ("reason", &error.reason)],
            error.count,
        );
    }
}

fn channel_line(page: &mut Page, channel: &ChannelStatus, line: &LineStatus) {
    let labels = [
        ("feed", channel.feed.as_str()),
        ("channel", channel.name.as_str()),
        ("line", line.name.as_str()),
    ];
    for (name, help, value) in [
        ("group_packets_total", "Packets of the line.", line.packets),
        ("group_bytes_total", "Their bytes.", line.bytes),
        (
            "sequence_gaps_total",
            "Holes in the line's own numbers, filled by another line or not.",
            line.gaps,
        ),
        (
            "sequence_gap_messages_total",
            "Messages in those holes.",
            line.gap_messages,
        ),
        (
            "duplicates_total",
            "Messages that had been delivered before.",
            line.duplicates,
        ),
        (
            "late_messages_total",
            "Messages that came after their gap was declared.",
            line.late,
        ),
        (
            "out_of_order_total",
            "Packets behind their turn.",
            line.out_of_order,
        ),
        (
            "arbitration_wins_total",
            "Packets that were the first to bring something new.",
            line.wins,
        ),
    ] {
        page.counter(name, help, &labels, value);
    }
    page.summary(
        "line_skew_seconds",
        "By how much the line brought packets later than another line did.",
        &labels,
        (line.skew_packets, line.skew_sum_ns as f64 / 1e9),
    );
    page.gauge(
        "line_skew_max_seconds",
        "By how much it did so at most.",
        &labels,
        line.skew_max_ns as f64 / 1e9,
    );
    page.gauge(
        "group_last_packet_timestamp_seconds",
        "When the line's last packet came, seconds since 1970; 0 before the first.",
        &labels,
        line.last_packet_ns as f64 / 1e9,
    );
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
    use crate::service::status::{InputStatus, QueueStatus, ReaderStatus};

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
                ..ChannelStatus::default()
            }],
            queues: vec![QueueStatus::default()],
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
