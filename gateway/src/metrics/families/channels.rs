//! Channels, their lines, and what they had from elsewhere.

use gateway_feed::arbitration::ChannelState;

use super::super::page::{Labels, Page};
use crate::service::status::{ChannelStatus, LineStatus, RecoveryStatus};

pub(super) fn channel(page: &mut Page, channel: &ChannelStatus) {
    channel_totals(page, channel);
    for line in &channel.lines {
        channel_line(page, channel, line);
    }
    if let Some(status) = &channel.recovery {
        let labels = [
            ("feed", channel.feed.as_str()),
            ("channel", channel.name.as_str()),
        ];
        recovery(page, &labels, status);
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
            "channel_stale_total",
            "How often all lines were silent for longer than they may be.",
            channel.stales,
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
    for state in ChannelState::ALL {
        page.gauge(
            "channel_state",
            "1 for the state that the channel is in, 0 for the others: live, holding, recovering, snapshot, stale.",
            &[labels[0], labels[1], ("state", state.name())],
            f64::from(u8::from(state.name() == channel.state)),
        );
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
            "line_silences_total",
            "How often the line was silent for longer than it may be.",
            line.silences,
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
        "line_silent",
        "1 while the line is silent for longer than it may be.",
        &labels,
        f64::from(u8::from(line.silent)),
    );
    page.gauge(
        "group_last_packet_timestamp_seconds",
        "When the line's last packet came, seconds since 1970; 0 before the first.",
        &labels,
        line.last_packet_ns as f64 / 1e9,
    );
}

fn recovery(page: &mut Page, labels: &[(&str, &str); 2], recovery: &RecoveryStatus) {
    for (name, help, value) in [
        (
            "recovery_holes_open",
            "Holes asked for at this moment.",
            recovery.holes_open,
        ),
        (
            "recovery_messages_missing",
            "Messages missing in them.",
            recovery.missing,
        ),
        (
            "recovery_snapshot_wanted",
            "1 while a snapshot is wanted or being taken.",
            u64::from(recovery.snapshot_wanted),
        ),
        (
            "recovery_retained_packets",
            "Packets retained because a snapshot is wanted.",
            recovery.retained,
        ),
    ] {
        page.gauge(name, help, labels, value as f64);
    }
    for (name, help, value) in [
        (
            "recovery_holes_total",
            "Holes that were asked for.",
            recovery.holes,
        ),
        (
            "recovery_hole_messages_total",
            "Messages in them when they were asked for first.",
            recovery.hole_messages,
        ),
        (
            "recovery_holes_closed_total",
            "Holes that were closed without loss.",
            recovery.holes_closed,
        ),
        (
            "recovery_holes_lost_total",
            "Holes of which something was lost for good.",
            recovery.holes_lost,
        ),
        (
            "recovery_timeouts_total",
            "Holes given up because recover_timeout_ms was over.",
            recovery.timeouts,
        ),
        (
            "recovery_messages_total",
            "Messages delivered that re-request servers brought.",
            recovery.delivered,
        ),
        (
            "recovery_requests_total",
            "Requests to re-request servers.",
            recovery.requests,
        ),
        (
            "recovery_request_timeouts_total",
            "Requests that nobody answered in time.",
            recovery.request_timeouts,
        ),
        (
            "recovery_rate_limited_total",
            "Requests that waited because of requests_per_second.",
            recovery.rate_limited,
        ),
        (
            "recovery_answers_total",
            "Answers with something that was missing.",
            recovery.answers,
        ),
        (
            "recovery_messages_spent_total",
            "Messages that no re-request server could be had of.",
            recovery.spent_messages,
        ),
        (
            "recovery_given_up_total",
            "Times that the channel was told that something cannot be had.",
            recovery.given_up,
        ),
        (
            "recovery_snapshot_attempts_total",
            "Attempts at a snapshot.",
            recovery.snapshot_attempts,
        ),
        (
            "recovery_snapshot_failures_total",
            "Attempts at a snapshot that failed.",
            recovery.snapshot_failures,
        ),
        (
            "recovery_snapshots_too_old_total",
            "Whole snapshots from before what was needed.",
            recovery.snapshots_too_old,
        ),
        (
            "recovery_snapshot_bytes_total",
            "Bytes of whole snapshots.",
            recovery.snapshot_bytes,
        ),
        (
            "recovery_snapshots_total",
            "Snapshots taken into the stream.",
            recovery.snapshots,
        ),
        (
            "recovery_snapshot_messages_total",
            "Messages in them.",
            recovery.snapshot_messages,
        ),
        (
            "recovery_replayed_messages_total",
            "Messages told again on top of a snapshot.",
            recovery.replayed,
        ),
        (
            "recovery_refreshes_total",
            "Snapshots that were asked for because a builder of books was overtaken by its queue.",
            recovery.refreshes,
        ),
        (
            "recovery_retained_lost_total",
            "Packets that were retained for a snapshot and went for newer ones: raise recover_packets_max.",
            recovery.retained_lost,
        ),
        (
            "recovery_supplies_total",
            "What channels were given: answers, snapshots, and words that something cannot be had.",
            recovery.supplies,
        ),
        (
            "recovery_supplies_lost_total",
            "What the worker's line had no room for; it was planned anew.",
            recovery.supplies_lost,
        ),
        (
            "recovery_demands_delayed_total",
            "Times that a channel could not tell at once what it wants.",
            recovery.demands_delayed,
        ),
    ] {
        page.counter(name, help, labels, value);
    }
    page.summary(
        "recovery_duration_seconds",
        "Time that the stream waited for what was asked for.",
        labels,
        (recovery.recoveries, recovery.duration_sum_ns as f64 / 1e9),
    );
    page.gauge(
        "recovery_duration_max_seconds",
        "The longest of these times.",
        labels,
        recovery.duration_max_ns as f64 / 1e9,
    );
    let glimpse = recovery.servers.iter().filter(|s| s.kind == "glimpse");
    page.summary(
        "recovery_snapshot_fetch_seconds",
        "Time that whole snapshots took to fetch.",
        labels,
        (
            glimpse.map(|server| server.answers).sum(),
            recovery.snapshot_fetch_sum_ns as f64 / 1e9,
        ),
    );
    for (name, help, reasons) in [
        (
            "recovery_answers_refused_total",
            "Packets of re-request servers that were of no use, by reason.",
            &recovery.answers_refused,
        ),
        (
            "recovery_supplies_refused_total",
            "What a channel was given and could not use, by reason.",
            &recovery.supplies_refused,
        ),
    ] {
        for refused in reasons {
            let labels: &Labels<'_> = &[labels[0], labels[1], ("reason", &refused.reason)];
            page.counter(name, help, labels, refused.count);
        }
    }
    for server in &recovery.servers {
        let labels: &Labels<'_> = &[
            labels[0],
            labels[1],
            ("kind", &server.kind),
            ("server", &server.address),
        ];
        for (name, help, value) in [
            (
                "recovery_server_requests_total",
                "Requests sent to the server, or attempts to have a snapshot of it.",
                server.requests,
            ),
            (
                "recovery_server_answers_total",
                "Packets that came from the server, or snapshots that were whole.",
                server.answers,
            ),
            (
                "recovery_server_failures_total",
                "Requests that could not be sent and errors that the network told, or attempts that failed.",
                server.failures,
            ),
        ] {
            page.counter(name, help, labels, value);
        }
    }
}
