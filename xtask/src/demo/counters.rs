//! The gateway's own counters, as its metrics show them.

use anyhow::{Context, Result};
use gateway_test_harness::{Gateway, Metrics};

use super::outcome::Quantiles;

/// What the demo shows of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    /// Packets of the feed, both lines.
    pub(crate) packets: u64,
    /// Messages passed on, each once.
    pub(crate) delivered: u64,
    /// Messages declared lost.
    pub(crate) lost: u64,
    /// Messages that came after they had been declared lost.
    pub(crate) late: u64,
    /// Gaps declared.
    pub(crate) gaps: u64,
    /// Messages that came again: on the other line, or twice on one.
    pub(crate) duplicates: u64,
    /// By line.
    pub(crate) lines: Vec<LineCounters>,
    /// From the packet's arrival in the worker to its last record in shared memory.
    pub(crate) ring_publish: Quantiles,
    /// How packets reach the gateway.
    pub(crate) tier: String,
}

/// One line's counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineCounters {
    pub(crate) name: String,
    pub(crate) packets: u64,
    pub(crate) wins: u64,
}

impl Counters {
    /// Scrapes the gateway.
    pub(crate) fn read(gateway: &Gateway) -> Result<Self> {
        let metrics = gateway.metrics()?;
        let total = |name: &str, labels: &[(&str, &str)]| -> u64 {
            metrics.sum(name, labels).unwrap_or_default() as u64
        };
        let line = |name: &str| LineCounters {
            name: name.to_owned(),
            packets: total("gateway_group_packets_total", &[("line", name)]),
            wins: total("gateway_arbitration_wins_total", &[("line", name)]),
        };
        let lines = vec![line("A"), line("B")];
        Ok(Self {
            packets: lines.iter().map(|line| line.packets).sum(),
            delivered: total("gateway_messages_total", &[]),
            lost: total("gateway_messages_lost_total", &[]),
            late: total("gateway_late_messages_total", &[]),
            gaps: total("gateway_gaps_total", &[]),
            duplicates: total("gateway_duplicates_total", &[]),
            lines,
            ring_publish: quantiles(&metrics, "ring_pub"),
            tier: tier(&metrics).context("the gateway's metrics name no tier")?,
        })
    }
}

fn quantiles(metrics: &Metrics, stage: &str) -> Quantiles {
    let of = |quantile: &str| {
        let labels = [
            ("stage", stage),
            ("quantile", quantile),
            ("window", "start"),
        ];
        let seconds = metrics
            .sum("gateway_latency_quantile_seconds", &labels)
            .unwrap_or_default();
        (seconds * 1e9).round() as u64
    };
    Quantiles {
        p50: of("0.5"),
        p99: of("0.99"),
        p999: of("0.999"),
    }
}

fn tier(metrics: &Metrics) -> Option<String> {
    let modes = metrics.select("gateway_xdp_mode", &[]);
    modes
        .filter(|sample| sample.value == 1.0)
        .find_map(|sample| sample.labels.get("mode").cloned())
}
