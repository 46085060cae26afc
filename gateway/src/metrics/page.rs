//! Samples gathered into families, and written as Prometheus' text.

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Summary,
};

use super::histogram::Snapshot;
use super::table::{Family, Kind};

/// Upper bounds of the classic latency buckets in nanoseconds: 100 ns to about 10 ms, each twice the one before.
const BOUNDS_NS: [u64; 18] = [
    100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 204_800, 409_600,
    819_200, 1_638_400, 3_276_800, 6_553_600, 10_000_000,
];
pub(super) type Labels<'a> = [(&'a str, &'a str)];

/// Families in the order of their first sample.
#[derive(Default)]
pub(super) struct Page {
    families: Vec<MetricFamily>,
}

impl Page {
    /// The page in Prometheus' text format.
    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.families)
    }

    pub(super) fn gauge(&mut self, family: &Family, labels: &Labels<'_>, value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = metric(labels);
        metric.set_gauge(gauge);
        self.add(family, labels, metric);
    }

    pub(super) fn counter(&mut self, family: &Family, labels: &Labels<'_>, value: u64) {
        self.counter_of(family, labels, value as f64);
    }

    /// A counter that does not count whole things: seconds.
    pub(super) fn counter_of(&mut self, family: &Family, labels: &Labels<'_>, value: f64) {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = metric(labels);
        metric.set_counter(counter);
        self.add(family, labels, metric);
    }

    /// A count and a sum without quantiles: their rates give the mean over any time.
    pub(super) fn summary(
        &mut self,
        family: &Family,
        labels: &Labels<'_>,
        (count, sum): (u64, f64),
    ) {
        let mut summary = Summary::default();
        summary.set_sample_count(count);
        summary.set_sample_sum(sum);
        let mut metric = metric(labels);
        metric.set_summary(summary);
        self.add(family, labels, metric);
    }

    /// A histogram of durations.
    pub(super) fn histogram(&mut self, family: &Family, labels: &Labels<'_>, snapshot: &Snapshot) {
        let bounds = BOUNDS_NS.map(|bound| bound as f64 / 1e9);
        let at_most = snapshot.counts_at_most(&BOUNDS_NS);
        let sum = snapshot.sum_ns as f64 / 1e9;
        let totals = (snapshot.count, sum);
        self.cumulative(family, labels, bounds.into_iter().zip(at_most), totals);
    }

    /// A histogram of whatever, by the counts between its bounds; nothing is beyond the last of them.
    pub(super) fn buckets(
        &mut self,
        family: &Family,
        labels: &Labels<'_>,
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        let mut at_most = 0;
        let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
            at_most += count;
            (*bound, at_most)
        });
        let buckets: Vec<_> = buckets.collect();
        self.cumulative(family, labels, buckets.into_iter(), (at_most, sum));
    }

    fn cumulative(
        &mut self,
        family: &Family,
        labels: &Labels<'_>,
        buckets: impl Iterator<Item = (f64, u64)>,
        (count, sum): (u64, f64),
    ) {
        let mut histogram = Histogram::default();
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        histogram.set_bucket(
            buckets
                .map(|(bound, count)| {
                    let mut bucket = Bucket::default();
                    bucket.set_upper_bound(bound);
                    bucket.set_cumulative_count(count);
                    bucket
                })
                .collect(),
        );
        let mut metric = metric(labels);
        metric.set_histogram(histogram);
        self.add(family, labels, metric);
    }

    fn add(&mut self, family: &Family, labels: &Labels<'_>, metric: Metric) {
        debug_assert!(
            labels.iter().map(|(name, _)| name).eq(family.labels),
            "{}: {labels:?} for {:?}",
            family.name,
            family.labels
        );
        let name = format!("gateway_{}", family.name);
        if let Some(same) = self.families.iter_mut().find(|f| f.name() == name) {
            let mut metrics = same.take_metric();
            metrics.push(metric);
            same.set_metric(metrics);
            return;
        }
        let mut new = MetricFamily::default();
        new.set_name(name);
        new.set_help(family.help.to_owned());
        new.set_field_type(match family.kind {
            Kind::Gauge => MetricType::GAUGE,
            Kind::Counter => MetricType::COUNTER,
            Kind::Summary => MetricType::SUMMARY,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        new.set_metric(vec![metric]);
        self.families.push(new);
    }
}

fn metric(labels: &Labels<'_>) -> Metric {
    Metric::from_label(
        labels
            .iter()
            .map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value((*value).to_owned());
                pair
            })
            .collect(),
    )
}
