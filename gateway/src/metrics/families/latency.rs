//! How long packets and records take.

use super::super::histogram::Snapshot;
use super::super::latency::{ErrorBound, Measured, ReaderSeries, Stage};
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
    // Of the windows that the quantiles have; one clock is as far from itself as nothing.
    let one_clock = ErrorBound {
        whole_ns: 0,
        window_ns: status.stage_bounds.xdp.window_ns.map(|_| 0),
    };
    for (stage, bound) in [
        (Stage::KernelToRing, status.stage_bounds.kernel),
        (Stage::XdpToRing, status.stage_bounds.xdp),
        (Stage::RingToPublish, one_clock),
        (Stage::PublishToRead, one_clock),
    ] {
        let labels = [("stage", stage.name())];
        error_bound(page, &table::STAGE_ERROR_BOUND_SECONDS, &labels, bound);
    }
    for (stage, bound) in [
        (Stage::NicToKernel, status.stage_bounds.card_to_kernel),
        (Stage::NicToXdp, status.stage_bounds.card_to_xdp),
    ] {
        if let Some(bound) = bound {
            let labels = [("stage", stage.name())];
            error_bound(page, &table::STAGE_ERROR_BOUND_SECONDS, &labels, bound);
        }
    }
}

pub(super) fn readers(page: &mut Page, status: &Status) {
    for measured in &status.measured_readers {
        let series = &measured.series;
        let worth = status
            .reader_worths
            .iter()
            .find(|worth| worth.series == series.reader);
        let mut labels = labels(&series.reader).to_vec();
        labels.push(("channel", &series.channel));
        let mut with_clock = labels.clone();
        with_clock.push(("clock", worth.map_or("unknown", |worth| worth.clock)));
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
    for worth in &status.reader_worths {
        if let Some(bound) = worth.bound {
            let family = &table::TICK_TO_STRATEGY_ERROR_BOUND_SECONDS;
            error_bound(page, family, &labels(&worth.series), bound);
        }
    }
    for measured in &status.measured_published {
        let series = &measured.series;
        let mut labels = labels(&series.reader).to_vec();
        labels.push(("channel", &series.channel));
        page.histogram(&table::PUBLISH_TO_READ_SECONDS, &labels, &measured.whole);
        let families = (
            &table::PUBLISH_TO_READ_QUANTILE_SECONDS,
            &table::PUBLISH_TO_READ_MAX_SECONDS,
        );
        quantiles(page, families, &labels, measured);
    }
}

fn labels(series: &ReaderSeries) -> [(&'static str, &str); 4] {
    [
        ("consumer", series.consumer.as_str()),
        ("uid", series.uid.as_str()),
        ("queue", series.queue.as_str()),
        ("reader", series.reader.as_str()),
    ]
}

/// A bound over each window that there was.
fn error_bound(page: &mut Page, family: &Family, labels: &[(&str, &str)], bound: ErrorBound) {
    for (window, bound_ns) in [("10s", bound.window_ns), ("start", Some(bound.whole_ns))] {
        let Some(bound_ns) = bound_ns else {
            continue;
        };
        let mut labels = labels.to_vec();
        labels.push(("window", window));
        page.gauge(family, &labels, bound_ns as f64 / 1e9);
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
