//! How long packets and records take.

use super::super::histogram::Snapshot;
use super::super::latency::{Measured, Stage};
use super::super::page::Page;
use super::super::table::{Family, latency as table};
use crate::service::status::Status;

const QUANTILES: [(&str, f64); 6] = [
    ("0.5", 0.5),
    ("0.9", 0.9),
    ("0.99", 0.99),
    ("0.999", 0.999),
    ("0.9999", 0.9999),
    ("0.99999", 0.99999),
];

pub(super) fn stages(page: &mut Page, status: &Status) {
    for measured in &status.measured_stages {
        let series = &measured.series;
        let labels = [
            ("stage", series.stage.name()),
            ("feed", series.feed.as_str()),
            ("channel", series.channel.as_str()),
        ];
        page.histogram(&table::STAGE_LATENCY_SECONDS, &labels, &measured.whole);
        let families = (
            &table::LATENCY_QUANTILE_SECONDS,
            &table::LATENCY_MAX_SECONDS,
        );
        quantiles(page, families, &labels, measured);
    }
    // How far the kernel's stamps are from the worker's clock is looked at once a second.
    let between = status.clock.kernel_error_bound_s;
    for (stage, bound) in [(Stage::XdpToRing, between), (Stage::RingToPublish, 0.0)] {
        let labels = [("stage", stage.name())];
        page.gauge(&table::STAGE_ERROR_BOUND_SECONDS, &labels, bound);
    }
}

pub(super) fn readers(page: &mut Page, status: &Status) {
    for measured in &status.measured_readers {
        let series = &measured.series;
        let labels = [
            ("consumer", series.consumer.as_str()),
            ("uid", series.uid.as_str()),
            ("queue", series.queue.as_str()),
            ("reader", series.reader.as_str()),
        ];
        let mut with_clock = labels.to_vec();
        with_clock.push(("clock", "tsc"));
        page.histogram(
            &table::TICK_TO_STRATEGY_SECONDS,
            &with_clock,
            &measured.whole,
        );
        let families = (
            &table::TICK_TO_STRATEGY_QUANTILE_SECONDS,
            &table::TICK_TO_STRATEGY_MAX_SECONDS,
        );
        quantiles(page, families, &labels, measured);
    }
}

/// Quantiles and the longest, over each window that has anything.
fn quantiles<K>(
    page: &mut Page,
    (of_quantiles, of_max): (&Family, &Family),
    labels: &[(&str, &str)],
    measured: &Measured<K>,
) {
    let windows: [(&str, Option<&Snapshot>); 2] = [
        ("10s", measured.window.as_ref()),
        ("start", Some(&measured.whole)),
    ];
    for (window, snapshot) in windows {
        let Some(snapshot) = snapshot.filter(|snapshot| snapshot.count > 0) else {
            continue;
        };
        let window = ("window", window);
        for (label, quantile) in QUANTILES {
            let mut labels = labels.to_vec();
            labels.extend([("quantile", label), window]);
            let seconds = snapshot.quantile_ns(quantile) as f64 / 1e9;
            page.gauge(of_quantiles, &labels, seconds);
        }
        let mut labels = labels.to_vec();
        labels.push(window);
        page.gauge(of_max, &labels, snapshot.max_ns as f64 / 1e9);
    }
}
