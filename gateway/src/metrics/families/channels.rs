//! Channels, their lines, and what they had from elsewhere.

use gateway_feed::arbitration::ChannelState;

use super::super::page::{Labels, Page};
use super::super::table;
use crate::recovery::ServerKind;
use crate::service::status::{ChannelStatus, LineStatus, RecoveryStatus, RefreshStatus};

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
    if let Some(status) = &channel.refresh {
        refresh(page, channel, status);
    }
}

fn refresh(page: &mut Page, channel: &ChannelStatus, status: &RefreshStatus) {
    let labels = [
        ("feed", channel.feed.as_str()),
        ("channel", channel.name.as_str()),
    ];
    for (book, stale) in [
        ("levels", status.stale_levels),
        ("orders", status.stale_orders),
    ] {
        page.gauge(
            &table::recovery::REFRESH_STALE_INSTRUMENTS,
            &[labels[0], labels[1], ("book", book)],
            stale as f64,
        );
    }
    for (outcome, count) in [
        ("snapshot", status.snapshots),
        ("stream", status.refreshed),
        ("given_up", status.given_up),
        ("timed_out", status.timed_out),
    ] {
        page.counter(
            &table::recovery::REFRESH_BOOKS_TOTAL,
            &[labels[0], labels[1], ("by", outcome)],
            count,
        );
    }
    for (family, value) in [
        (&table::recovery::REFRESH_WITHHELD_TOTAL, status.withheld),
        (&table::recovery::REFRESH_CONTAINED_TOTAL, status.contained),
        (&table::recovery::REFRESH_REPLAYED_TOTAL, status.replayed),
        (
            &table::recovery::REFRESH_DEFINITIONS_REPEATED_TOTAL,
            status.definitions_repeated,
        ),
        (&table::recovery::REFRESH_LOOPS_TOTAL, status.loops),
        (&table::recovery::REFRESH_OVERFLOWS_TOTAL, status.overflows),
    ] {
        page.counter(family, &labels, value);
    }
    for refused in &status.refused {
        page.counter(
            &table::recovery::REFRESH_REFUSED_TOTAL,
            &[labels[0], labels[1], ("reason", &refused.reason)],
            refused.count,
        );
    }
}

fn channel_totals(page: &mut Page, channel: &ChannelStatus) {
    let labels = [
        ("feed", channel.feed.as_str()),
        ("channel", channel.name.as_str()),
    ];
    for (family, value) in [
        (&table::channels::MESSAGES_TOTAL, channel.messages),
        (&table::channels::GAPS_TOTAL, channel.gaps),
        (&table::channels::MESSAGES_LOST_TOTAL, channel.lost),
        (&table::channels::HEARTBEATS_TOTAL, channel.heartbeats),
        (&table::channels::SESSIONS_TOTAL, channel.sessions),
        (&table::channels::SEQUENCE_RESETS_TOTAL, channel.resets),
        (&table::channels::CHANNEL_STALE_TOTAL, channel.stales),
        (
            &table::channels::HOLD_OVERFLOWS_TOTAL,
            channel.hold_overflows,
        ),
        (
            &table::channels::HOLD_OVERSIZED_TOTAL,
            channel.hold_oversized,
        ),
        (
            &table::channels::IMPLAUSIBLE_PACKETS_TOTAL,
            channel.implausible,
        ),
        (
            &table::channels::SESSIONS_REFUSED_TOTAL,
            channel.sessions_refused,
        ),
        (
            &table::channels::OTHER_UNITS_PACKETS_TOTAL,
            channel.other_units,
        ),
        (&table::channels::UNMAPPED_MESSAGES_TOTAL, channel.unmapped),
        (
            &table::channels::UNRESOLVED_MESSAGES_TOTAL,
            channel.unresolved,
        ),
    ] {
        page.counter(family, &labels, value);
    }
    for state in ChannelState::ALL {
        page.gauge(
            &table::channels::CHANNEL_STATE,
            &[labels[0], labels[1], ("state", state.name())],
            f64::from(u8::from(state.name() == channel.state)),
        );
    }
    page.gauge(
        &table::channels::NEXT_SEQUENCE,
        &labels,
        channel.next_sequence as f64,
    );
    page.gauge(
        &table::channels::INSTRUMENTS,
        &labels,
        channel.instruments as f64,
    );
    if let Some(orders) = &channel.orders {
        page.gauge(&table::channels::ORDERS_LIVE, &labels, orders.live as f64);
        page.gauge(&table::channels::ORDERS_MAX, &labels, orders.max as f64);
        for (family, value) in [
            (&table::channels::ORDERS_UNKNOWN_TOTAL, orders.unknown),
            (&table::channels::ORDERS_OVERFLOWED_TOTAL, orders.overflowed),
            (&table::channels::ORDERS_DUPLICATE_TOTAL, orders.duplicate),
            (
                &table::channels::ORDERS_INCONSISTENT_TOTAL,
                orders.inconsistent,
            ),
        ] {
            page.counter(family, &labels, value);
        }
    }
    for error in &channel.errors {
        page.counter(
            &table::channels::DECODE_ERRORS_TOTAL,
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
    for (family, value) in [
        (&table::channels::GROUP_PACKETS_TOTAL, line.packets),
        (&table::channels::GROUP_BYTES_TOTAL, line.bytes),
        (&table::channels::SEQUENCE_GAPS_TOTAL, line.gaps),
        (
            &table::channels::SEQUENCE_GAP_MESSAGES_TOTAL,
            line.gap_messages,
        ),
        (&table::channels::DUPLICATES_TOTAL, line.duplicates),
        (&table::channels::LATE_MESSAGES_TOTAL, line.late),
        (&table::channels::LINE_REFUSED_MESSAGES_TOTAL, line.refused),
        (&table::channels::OUT_OF_ORDER_TOTAL, line.out_of_order),
        (&table::channels::LINE_SILENCES_TOTAL, line.silences),
        (&table::channels::ARBITRATION_WINS_TOTAL, line.wins),
    ] {
        page.counter(family, &labels, value);
    }
    page.summary(
        &table::channels::LINE_SKEW_SECONDS,
        &labels,
        (line.skew_packets, line.skew_sum_ns as f64 / 1e9),
    );
    page.gauge(
        &table::channels::LINE_SKEW_MAX_SECONDS,
        &labels,
        line.skew_max_ns as f64 / 1e9,
    );
    page.gauge(
        &table::channels::LINE_SILENT,
        &labels,
        f64::from(u8::from(line.silent)),
    );
    page.gauge(
        &table::channels::GROUP_LAST_PACKET_TIMESTAMP_SECONDS,
        &labels,
        line.last_packet_ns as f64 / 1e9,
    );
}

fn recovery(page: &mut Page, labels: &[(&str, &str); 2], recovery: &RecoveryStatus) {
    for (family, value) in [
        (&table::recovery::RECOVERY_HOLES_OPEN, recovery.holes_open),
        (
            &table::recovery::RECOVERY_MESSAGES_MISSING,
            recovery.missing,
        ),
        (
            &table::recovery::RECOVERY_SNAPSHOT_WANTED,
            u64::from(recovery.snapshot_wanted),
        ),
        (
            &table::recovery::RECOVERY_RETAINED_PACKETS,
            recovery.retained,
        ),
    ] {
        page.gauge(family, labels, value as f64);
    }
    for (family, value) in [
        (&table::recovery::RECOVERY_HOLES_TOTAL, recovery.holes),
        (
            &table::recovery::RECOVERY_HOLE_MESSAGES_TOTAL,
            recovery.hole_messages,
        ),
        (
            &table::recovery::RECOVERY_HOLES_CLOSED_TOTAL,
            recovery.holes_closed,
        ),
        (
            &table::recovery::RECOVERY_HOLES_LOST_TOTAL,
            recovery.holes_lost,
        ),
        (&table::recovery::RECOVERY_TIMEOUTS_TOTAL, recovery.timeouts),
        (
            &table::recovery::RECOVERY_MESSAGES_TOTAL,
            recovery.delivered,
        ),
        (&table::recovery::RECOVERY_REQUESTS_TOTAL, recovery.requests),
        (
            &table::recovery::RECOVERY_REQUEST_TIMEOUTS_TOTAL,
            recovery.request_timeouts,
        ),
        (
            &table::recovery::RECOVERY_RATE_LIMITED_TOTAL,
            recovery.rate_limited,
        ),
        (&table::recovery::RECOVERY_ANSWERS_TOTAL, recovery.answers),
        (
            &table::recovery::RECOVERY_MESSAGES_SPENT_TOTAL,
            recovery.spent_messages,
        ),
        (&table::recovery::RECOVERY_GIVEN_UP_TOTAL, recovery.given_up),
        (
            &table::recovery::RECOVERY_SNAPSHOT_ATTEMPTS_TOTAL,
            recovery.snapshot_attempts,
        ),
        (
            &table::recovery::RECOVERY_SNAPSHOT_FAILURES_TOTAL,
            recovery.snapshot_failures,
        ),
        (
            &table::recovery::RECOVERY_SNAPSHOTS_TOO_OLD_TOTAL,
            recovery.snapshots_too_old,
        ),
        (
            &table::recovery::RECOVERY_SNAPSHOT_BYTES_TOTAL,
            recovery.snapshot_bytes,
        ),
        (
            &table::recovery::RECOVERY_SNAPSHOTS_TOTAL,
            recovery.snapshots,
        ),
        (
            &table::recovery::RECOVERY_SNAPSHOT_MESSAGES_TOTAL,
            recovery.snapshot_messages,
        ),
        (
            &table::recovery::RECOVERY_REPLAYED_MESSAGES_TOTAL,
            recovery.replayed,
        ),
        (
            &table::recovery::RECOVERY_REFRESHES_TOTAL,
            recovery.refreshes,
        ),
        (
            &table::recovery::RECOVERY_RETAINED_LOST_TOTAL,
            recovery.retained_lost,
        ),
        (&table::recovery::RECOVERY_SUPPLIES_TOTAL, recovery.supplies),
        (
            &table::recovery::RECOVERY_SUPPLIES_LOST_TOTAL,
            recovery.supplies_lost,
        ),
        (
            &table::recovery::RECOVERY_DEMANDS_DELAYED_TOTAL,
            recovery.demands_delayed,
        ),
    ] {
        page.counter(family, labels, value);
    }
    page.summary(
        &table::recovery::RECOVERY_DURATION_SECONDS,
        labels,
        (recovery.recoveries, recovery.duration_sum_ns as f64 / 1e9),
    );
    page.gauge(
        &table::recovery::RECOVERY_DURATION_MAX_SECONDS,
        labels,
        recovery.duration_max_ns as f64 / 1e9,
    );
    let of_snapshots = [ServerKind::Glimpse.name(), ServerKind::Spin.name()];
    let servers = recovery.servers.iter();
    let glimpse = servers.filter(|server| of_snapshots.contains(&server.kind.as_str()));
    page.summary(
        &table::recovery::RECOVERY_SNAPSHOT_FETCH_SECONDS,
        labels,
        (
            glimpse.map(|server| server.answers).sum(),
            recovery.snapshot_fetch_sum_ns as f64 / 1e9,
        ),
    );
    for (family, reasons) in [
        (
            &table::recovery::RECOVERY_ANSWERS_REFUSED_TOTAL,
            &recovery.answers_refused,
        ),
        (
            &table::recovery::RECOVERY_SUPPLIES_REFUSED_TOTAL,
            &recovery.supplies_refused,
        ),
    ] {
        for refused in reasons {
            let labels: &Labels<'_> = &[labels[0], labels[1], ("reason", &refused.reason)];
            page.counter(family, labels, refused.count);
        }
    }
    for server in &recovery.servers {
        let labels: &Labels<'_> = &[
            labels[0],
            labels[1],
            ("kind", &server.kind),
            ("server", &server.address),
        ];
        for (family, value) in [
            (
                &table::recovery::RECOVERY_SERVER_REQUESTS_TOTAL,
                server.requests,
            ),
            (
                &table::recovery::RECOVERY_SERVER_ANSWERS_TOTAL,
                server.answers,
            ),
            (
                &table::recovery::RECOVERY_SERVER_FAILURES_TOTAL,
                server.failures,
            ),
        ] {
            page.counter(family, labels, value);
        }
    }
}
