//! `gateway status`

use std::path::PathBuf;

use clap::Args;
use gateway_client::Client;

use super::exit::{Exit, Failure};
use super::output::{print, print_line};
use super::tail::unreachable;
use crate::confine::Mechanism;
use crate::doctor::Verdict;
use crate::ingest::Tier;
use crate::service::status::{
    CheckStatus, Count, InterfaceStatus, RecoveryStatus, RefreshStatus, StageStatus,
    StampingStatus, Status,
};

/// Options of `gateway status`.
#[derive(Debug, Args)]
pub(super) struct ShowStatus {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
}

impl ShowStatus {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = Client::connect(&self.socket).map_err(unreachable)?;
        let text = client.status().map_err(unreachable)?;
        if self.json {
            return print_line(text);
        }
        print(page(&parse(&text)?))
    }
}

/// Reads what a gateway shows of itself.
pub(super) fn parse(text: &str) -> Result<Status, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("the gateway's status makes no sense ({error}): use a gateway and a command of the same version"),
        )
    })
}

fn page(status: &Status) -> String {
    let mut lines = vec![format!(
        "{} {}  pid {}  up {:.0} s  {}",
        status.name,
        status.version,
        status.pid,
        status.uptime_s,
        match &status.not_ready {
            None if status.ready => "ready".to_owned(),
            why => format!("NOT READY: {}", why.as_deref().unwrap_or("unknown")),
        }
    )];
    for interface in &status.interfaces {
        let packets: u64 = interface.queues.iter().map(|queue| queue.packets).sum();
        lines.push(format!(
            "input {}  tier {}  {}  queues {}  packets {packets}",
            interface.name,
            interface.tier,
            interface.state,
            interface.queues.len()
        ));
        if let Some(cause) = &interface.waiting_for {
            lines.push(format!("  not opened yet: {cause}"));
        }
        if interface.lost_in_redirect > 0 {
            lines.push(format!(
                "  LOST between XDP program and sockets: {} frames",
                interface.lost_in_redirect
            ));
        }
        for step in &interface.steps {
            lines.push(format!("  not {}: {}", step.tier, step.reason));
        }
        lines.extend(interface.stamping.as_ref().map(|s| stamping(s, interface)));
        for queue in &interface.queues {
            let drops: Vec<_> = queue.kernel_drops.iter().filter(|d| d.count > 0).collect();
            if !queue.refused.is_empty() || !drops.is_empty() {
                let counts = queue.refused.iter().chain(drops);
                lines.push(format!("  queue {}: {}", queue.queue, list(counts)));
            }
        }
    }
    for worker in &status.workers {
        lines.push(format!(
            "worker {}  core {}  {}",
            worker.name,
            worker
                .core
                .map_or_else(|| "any".to_owned(), |core| core.to_string()),
            if worker.running { "running" } else { "ENDED" }
        ));
    }
    for channel in &status.channels {
        lines.push(format!(
            "channel {}  {} {}  {}  next {}  messages {}  gaps {}  lost {}  instruments {}",
            channel.name,
            channel.feed,
            channel.venue,
            channel.state,
            channel.next_sequence,
            channel.messages,
            channel.gaps,
            channel.lost,
            channel.instruments
        ));
        if let Some(orders) = &channel.orders {
            lines.push(format!(
                "  orders {} of {}  unknown {}  overflowed {}  duplicate {}  inconsistent {}",
                orders.live,
                orders.max,
                orders.unknown,
                orders.overflowed,
                orders.duplicate,
                orders.inconsistent
            ));
        }
        for line in &channel.lines {
            lines.push(format!(
                "  line {} {}{}  packets {}  wins {} ({:.1} %)  duplicates {}  gaps {} ({} messages)  skew {} us, at most {} us",
                line.name,
                line.address,
                if line.silent { "  SILENT" } else { "" },
                line.packets,
                line.wins,
                100.0 * line.win_ratio,
                line.duplicates,
                line.gaps,
                line.gap_messages,
                line.skew_sum_ns / line.skew_packets.max(1) / 1_000,
                line.skew_max_ns / 1_000
            ));
        }
        if let Some(recovery) = &channel.recovery {
            lines.extend(recovery_lines(recovery));
        }
        if let Some(refresh) = &channel.refresh {
            lines.push(refresh_line(refresh));
        }
        if !channel.errors.is_empty() {
            lines.push(format!("  errors: {}", list(channel.errors.iter())));
        }
    }
    for queue in &status.queues {
        lines.push(format!(
            "queue {}  {}  records {}  slots {}{}  readers {}",
            queue.name,
            queue.records,
            queue.published,
            queue.slots,
            if queue.huge_pages {
                " on huge pages"
            } else {
                ""
            },
            queue.readers
        ));
    }
    for book in &status.books {
        lines.push(format!(
            "book {}  of queue {}  {}  valid {} of {} instruments  orders {} of {}  levels {}  lag {}  lost {}  laps {}",
            book.name,
            book.queue,
            if book.running { "running" } else { "ENDED" },
            book.valid,
            book.instruments,
            book.orders,
            book.orders_max,
            book.levels,
            book.lag,
            book.lost,
            book.laps
        ));
        lines.push(format!(
            "  table readers {}  snapshots of orders {}",
            book.table_readers, book.orders_served
        ));
        if let Some(records) = &book.conflated_records {
            lines.push(format!(
                "  conflated {records}  records {}  merged {}  readers {}",
                book.published, book.conflated, book.conflated_readers
            ));
        }
        if !book.irregular.is_empty() {
            lines.push(format!("  irregular: {}", list(book.irregular.iter())));
        }
    }
    for reader in &status.readers {
        let last_poll = reader
            .last_poll_age_s
            .map_or_else(|| "never".to_owned(), |age| format!("{age:.1} s ago"));
        lines.push(format!(
            "reader {}  pid {}  uid {}  queue {}  lag {}  lost {}  overruns {}  last poll {last_poll}",
            reader.name,
            reader.pid,
            reader.uid,
            reader.queue,
            reader.lag,
            reader.lost,
            reader.overruns
        ));
    }
    for what in &status.reloads.waiting {
        lines.push(format!("takes effect at the next start: {what}"));
    }
    let refusals: Vec<Count> = status
        .broker
        .refusals()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| Count::new(reason, count))
        .collect();
    if !refusals.is_empty() {
        lines.push(format!("refused to clients: {}", list(refusals.iter())));
    }
    lines.extend(confinement(&status.confinement));
    if status.helper_up == Some(false) {
        lines.push("ITS HELPER IS GONE: interfaces that come back are not opened again; restart the gateway".to_owned());
    }
    lines.extend(doctor(&status.doctor));
    lines.extend(status.stages.iter().map(stage));
    lines.push(String::new());
    lines.join("\n")
}

/// What stamps an interface's packets first, and why it is not the card.
fn stamping(stamping: &StampingStatus, interface: &InterfaceStatus) -> String {
    let mut line = format!("  stamped by {}", stamping.by);
    if let Some(clock) = &stamping.clock {
        line += &format!(" (clock {clock})");
    }
    let counts: Vec<String> = ["hardware", "software", "none"]
        .into_iter()
        .filter_map(|by| {
            let stamped = interface.queues.iter().flat_map(|queue| &queue.stamped);
            let of = stamped.filter(|count| count.reason == by);
            let packets: u64 = of.map(|count| count.count).sum();
            (packets > 0).then(|| format!("{by} {packets}"))
        })
        .collect();
    if !counts.is_empty() {
        line += &format!("  packets {}", counts.join(", "));
    }
    let asked: Vec<String> = stamping
        .of_card
        .iter()
        .map(|of_card| format!("{} {}", of_card.reason, of_card.count))
        .collect();
    if !asked.is_empty() {
        line += &format!("  asked the driver: {}", asked.join(", "));
    }
    if stamping.by == "hardware" && !stamping.reason.is_empty() {
        let stage = if interface.tier == Tier::Socket.name() {
            "nic_kernel"
        } else {
            "nic_xdp"
        };
        line += &format!("  {stage} not measured: {}", stamping.reason);
    } else if !stamping.reason.is_empty() {
        line += &format!("  not by the card: {}", stamping.reason);
    }
    line
}

/// A stage's latency, by the same names as in metrics.
fn stage(stage: &StageStatus) -> String {
    let StageStatus {
        stage, of, latency, ..
    } = stage;
    let of = if of.is_empty() { "all" } else { of };
    format!(
        "latency {stage} of {of}: p50 {} ns  p99 {} ns  p99.9 {} ns  max {} ns  ({} measured)",
        latency.p50, latency.p99, latency.p999, latency.max, latency.count
    )
}

/// What confines the service, and what does not.
fn confinement(mechanisms: &[Mechanism]) -> Option<String> {
    let list = |in_force| {
        let all = mechanisms.iter().filter(move |m| m.in_force == in_force);
        let all = all.map(|m| match m.note.as_str() {
            "" => m.name.clone(),
            note => format!("{} ({note})", m.name),
        });
        all.collect::<Vec<_>>().join(", ")
    };
    let missing = match list(false) {
        missing if missing.is_empty() => missing,
        missing => format!("  NOT BY {missing}"),
    };
    (!mechanisms.is_empty()).then(|| format!("confined by {}{missing}", list(true)))
}

/// The worst that the doctor found, and how much more there is.
fn doctor(checks: &[CheckStatus]) -> Option<String> {
    let of = |verdict| checks.iter().filter(move |check| check.verdict == verdict);
    let (failing, warning) = (of(Verdict::Fail).count(), of(Verdict::Warn).count());
    let worst = of(Verdict::Fail).chain(of(Verdict::Warn)).next()?;
    let on = match worst.interface.as_str() {
        "" => String::new(),
        name => format!(" on {name}"),
    };
    Some(format!(
        "doctor  {failing} checks fail, {warning} warn, such as {}{on}: {}; `gateway doctor` tells what to do",
        worst.check, worst.found
    ))
}

fn recovery_lines(recovery: &RecoveryStatus) -> Vec<String> {
    let mut lines = vec![
        format!(
            "  recovery  holes open {} ({} messages)  closed {}  lost {}  by servers {}  waited {} ms on average, at most {} ms",
            recovery.holes_open,
            recovery.missing,
            recovery.holes_closed,
            recovery.holes_lost,
            recovery.delivered,
            recovery.duration_sum_ns / recovery.recoveries.max(1) / 1_000_000,
            recovery.duration_max_ns / 1_000_000
        ),
        format!(
            "  snapshots {}{}  attempts {}  failed {}  too old {}  messages {}  told again {}",
            recovery.snapshots,
            if recovery.snapshot_wanted {
                "  ONE WANTED"
            } else {
                ""
            },
            recovery.snapshot_attempts,
            recovery.snapshot_failures,
            recovery.snapshots_too_old,
            recovery.snapshot_messages,
            recovery.replayed
        ),
    ];
    for server in &recovery.servers {
        let failure = match server.last_failure.as_str() {
            "" => String::new(),
            failure => format!(", the last one: {failure}"),
        };
        lines.push(format!(
            "  {} {}  requests {}  answers {}  failures {}{failure}",
            server.kind, server.address, server.requests, server.answers, server.failures
        ));
    }
    let refused = recovery.answers_refused.iter();
    let refused: Vec<&Count> = refused.chain(&recovery.supplies_refused).collect();
    if !refused.is_empty() {
        lines.push(format!("  of no use: {}", list(refused.into_iter())));
    }
    lines
}

fn refresh_line(refresh: &RefreshStatus) -> String {
    let mut line = format!(
        "  snapshot loop  stale {} (levels) {} (orders)  by snapshots {}  by the stream {}  given up {}  timed out {}  withheld {}  replayed {}  loops {}",
        refresh.stale_levels,
        refresh.stale_orders,
        refresh.snapshots,
        refresh.refreshed,
        refresh.given_up,
        refresh.timed_out,
        refresh.withheld,
        refresh.replayed,
        refresh.loops
    );
    if !refresh.refused.is_empty() {
        line.push_str(&format!("  of no use: {}", list(refresh.refused.iter())));
    }
    line
}

fn list<'a>(counts: impl Iterator<Item = &'a Count>) -> String {
    counts
        .map(|count| format!("{} {}", count.reason, count.count))
        .collect::<Vec<_>>()
        .join(", ")
}
