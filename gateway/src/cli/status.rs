//! `gateway status`

use std::path::PathBuf;

use clap::Args;
use gateway_client::Client;

use super::exit::{Exit, Failure};
use super::output::{print, print_line};
use super::tail::unreachable;
use crate::service::status::{Count, Status};

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
            "channel {}  {} {}  next {}  messages {}  gaps {}  lost {}  instruments {}",
            channel.name,
            channel.feed,
            channel.venue,
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
                "  line {} {}  packets {}  wins {}  duplicates {}  gaps {} ({} messages)",
                line.name,
                line.address,
                line.packets,
                line.wins,
                line.duplicates,
                line.gaps,
                line.gap_messages
            ));
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
    let latency = status.latency_ns.ring_pub;
    lines.push(format!(
        "latency ring to publish  p50 {} ns  p99 {} ns  p99.9 {} ns  max {} ns  ({} packets)",
        latency.p50, latency.p99, latency.p999, latency.max, latency.count
    ));
    lines.push(String::new());
    lines.join("\n")
}

fn list<'a>(counts: impl Iterator<Item = &'a Count>) -> String {
    counts
        .map(|count| format!("{} {}", count.reason, count.count))
        .collect::<Vec<_>>()
        .join(", ")
}
