//! The picture of a channel.

use std::sync::PoisonError;

use gateway_feed::arbitration::{ChannelCounters, ChannelState, LineCounters, OnGap, RECOVERY};
use gateway_feed::decoder::{OrderCounters, RefreshCounters};
use gateway_queue::clock::Clock;

use super::{State, occurred};
use crate::config::model::{Channel, Feed, Input, Line, Queue, Records};
use crate::recovery::{DeskCounters, ServerCounters};
use crate::service::status::{
    ChannelStatus, Count, LineStatus, OrdersStatus, RecoveryStatus, RefreshStatus, ServerStatus,
};

impl State {
    /// What a channel's index of orders met, if a queue wants records that need one.
    fn orders(&self, channel: usize, counters: &OrderCounters) -> Option<OrdersStatus> {
        let full =
            |queue: &&Queue| queue.records == Records::Full && queue.channels.contains(&channel);
        self.config.queues.iter().find(full)?;
        Some(OrdersStatus {
            live: counters.live,
            max: self.config.channels[channel].orders_max.into(),
            unknown: counters.unknown,
            overflowed: counters.overflowed,
            duplicate: counters.duplicate,
            inconsistent: counters.inconsistent,
        })
    }

    pub(super) fn channel(&self, index: usize) -> ChannelStatus {
        let config = &self.config.channels[index];
        let seat = self.channels[index];
        let board = &self.workers[seat.worker].board.channels[seat.index];
        let (counters, decoder) = (board.channel(), board.decoder());
        let errors = [
            ("short_header", counters.frame_errors.short_header),
            ("sequence_overflow", counters.frame_errors.sequence_overflow),
            ("foreign", counters.frame_errors.foreign),
            ("truncated", counters.frame_errors.truncated),
            ("trailing_bytes", counters.frame_errors.trailing_bytes),
            ("unknown_line", counters.frame_errors.unknown_line),
            ("unknown_type", decoder.unknown_types),
            ("too_short", decoder.too_short),
            ("too_long", decoder.too_long),
            ("empty", decoder.empty),
            ("symbol_refused", decoder.symbols_refused),
            ("event_overflow", decoder.events_overflowed),
        ];
        let wins: u64 = counters.lines.iter().map(|line| line.wins).sum();
        let inputs = &self.config.workers[config.worker].inputs;
        let set_by_ns = if inputs.iter().any(|i| matches!(i, Input::Capture(_))) {
            0
        } else {
            Clock::global().set_by_ns()
        };
        ChannelStatus {
            name: config.name.clone(),
            feed: config.feed.name().to_owned(),
            venue: config.venue.name().to_owned(),
            worker: self.config.workers[config.worker].name.clone(),
            state: ChannelState::from_number(counters.recovery.state)
                .name()
                .to_owned(),
            next_sequence: counters.next_sequence,
            messages: counters.messages,
            gaps: counters.gaps,
            lost: counters.gap_messages,
            heartbeats: counters.heartbeats,
            sessions: counters.sessions,
            resets: counters.resets,
            stales: counters.recovery.stales,
            holding: counters.holding,
            hold_overflows: counters.hold_overflows,
            hold_oversized: counters.hold_oversized,
            implausible: counters.implausible,
            sessions_refused: counters.sessions_refused,
            other_units: counters.other_units,
            instruments: decoder.instruments,
            unresolved: board.unresolved(),
            unmapped: decoder.unmapped,
            orders: self.orders(index, &decoder.orders),
            by_type: (0..=u8::MAX)
                .zip(decoder.by_type)
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| Count::new(&config.feed.type_name(kind), count))
                .collect(),
            errors: occurred(&errors),
            lines: self.lines.lock().unwrap_or_else(PoisonError::into_inner)[index]
                .iter()
                .zip(&counters.lines)
                .map(|(config, counters)| line(config, counters, wins, set_by_ns))
                .collect(),
            recovery: self.recoveries[index]
                .as_ref()
                .map(|desk| recovery(config, &counters, &desk.counters())),
            refresh: refreshes(config).then(|| refresh(&decoder.refresh)),
        }
    }
}

/// A line; `wins` are those of all sources together, and the wall clock is ahead of the line's by `set_by_ns`.
fn line(config: &Line, line: &LineCounters, wins: u64, set_by_ns: i64) -> LineStatus {
    LineStatus {
        name: config.name.clone(),
        address: format!("{}:{}", config.group, config.port),
        packets: line.packets,
        bytes: line.bytes,
        last_packet_ns: match line.last_packet_ns {
            0 => 0,
            steady_ns => steady_ns.wrapping_add_signed(set_by_ns),
        },
        silent: line.silent != 0,
        silences: line.silences,
        wins: line.wins,
        win_ratio: line.wins as f64 / wins.max(1) as f64,
        messages: line.messages,
        delivered: line.delivered,
        duplicates: line.duplicates,
        late: line.late,
        before_start: line.before_start,
        stale: line.stale,
        implausible: line.implausible,
        refused: line.refused,
        truncated: line.truncated,
        holding: line.holding,
        out_of_order: line.out_of_order,
        skew_packets: line.skew_packets,
        skew_sum_ns: line.skew_sum_ns,
        skew_max_ns: line.skew_max_ns,
        gaps: line.gaps,
        gap_messages: line.gap_messages,
    }
}

/// Whether a channel recovers instrument by instrument, or is told definitions beside its stream.
fn refreshes(config: &Channel) -> bool {
    let beside = config.lines.iter().any(|line| line.answers);
    config.feed == Feed::CmeMdp3 && (config.on_gap == OnGap::Recover || beside)
}

/// What is had of a snapshot loop.
fn refresh(counters: &RefreshCounters) -> RefreshStatus {
    RefreshStatus {
        stale_levels: counters.stale_levels,
        stale_orders: counters.stale_orders,
        withheld: counters.withheld,
        contained: counters.contained,
        snapshots: counters.snapshots,
        replayed: counters.replayed,
        refreshed: counters.refreshed,
        given_up: counters.given_up,
        timed_out: counters.timed_out,
        refused: occurred(&[
            ("early", counters.early),
            ("too_old", counters.too_old),
            ("too_far_ahead", counters.too_far_ahead),
            ("not_a_snapshot", counters.not_snapshots),
            ("out_of_order", counters.out_of_order),
            ("no_room", counters.no_room),
        ]),
        definitions_repeated: counters.repeated,
        loops: counters.loops,
        overflows: counters.overflows,
    }
}

/// What is had from elsewhere than the lines.
fn recovery(config: &Channel, channel: &ChannelCounters, desk: &DeskCounters) -> RecoveryStatus {
    let (counters, planner) = (&channel.recovery, &desk.planner);
    let state = ChannelState::from_number(counters.state);
    let lines = config.lines.iter().zip(&channel.lines);
    let of_answers = lines
        .filter(|(line, _)| line.answers)
        .map(|(_, counters)| counters.delivered);
    let server = |server: &ServerCounters| ServerStatus {
        kind: server.kind.name().to_owned(),
        address: server.address.to_string(),
        requests: server.requests,
        answers: server.answers,
        failures: server.failures,
        last_failure: server.last_failure.clone(),
    };
    let rerequest = desk.rerequest.iter().map(server);
    let glimpse = desk.glimpse.iter().map(server);
    RecoveryStatus {
        holes_open: counters.holes_open,
        missing: counters.missing,
        holes: counters.holes,
        hole_messages: counters.hole_messages,
        holes_closed: counters.holes_closed,
        holes_lost: counters.holes_lost,
        timeouts: counters.timeouts,
        recoveries: counters.recoveries,
        duration_sum_ns: counters.duration_sum_ns,
        duration_max_ns: counters.duration_max_ns,
        delivered: channel.lines[RECOVERY.index()].delivered + of_answers.sum::<u64>(),
        requests: planner.requests,
        request_timeouts: planner.timeouts,
        rate_limited: planner.rate_limited,
        answers: planner.answers,
        answers_refused: occurred(&[
            ("other_session", planner.other_session),
            ("not_missing", planner.not_missing),
            ("no_messages", planner.no_messages),
            ("refused", planner.refused),
            ("unavailable", planner.unavailable),
        ]),
        spent_messages: planner.spent_messages,
        given_up: planner.given_up,
        snapshot_wanted: state == ChannelState::Snapshot,
        snapshot_attempts: planner.snapshot_attempts,
        snapshot_failures: planner.snapshot_failures,
        snapshots_too_old: planner.snapshots_too_old,
        snapshot_fetch_sum_ns: desk.snapshot_fetch_sum_ns,
        snapshot_bytes: desk.snapshot_bytes,
        snapshots: counters.snapshots,
        snapshot_messages: counters.snapshot_messages,
        replayed: counters.replayed,
        refreshes: counters.refreshes,
        retained: counters.retained,
        retained_lost: counters.retained_lost,
        supplies: counters.supplies,
        supplies_refused: occurred(&[
            ("epoch", counters.refused_epoch),
            ("session", counters.refused_session),
            ("no_messages", counters.refused_no_messages),
            ("not_wanted", counters.refused_not_wanted),
            ("no_room", counters.refused_no_room),
            ("too_old", counters.refused_too_old),
        ]),
        supplies_lost: planner.supplies_lost,
        demands_delayed: counters.demands_delayed,
        servers: rerequest.chain(glimpse).collect(),
    }
}
