//! A picture of the medians: bars, in SVG of our own making (a plotting crate would be larger than what it draws).

use std::fmt::Write;

use super::measure::Quantity;
use super::results::Results;
use super::rivals::Contestant;
use super::rows::takes_part;
use super::{CAPACITY, CAPACITY_IN_CACHE};

/// What is drawn: a heading, what was measured, the value's name, and what it is multiplied by.
const PANELS: [(&str, Quantity, u64, &str, f64); 6] = [
    ("One way, p50, ns", Quantity::Latency, CAPACITY, "p50", 1.0),
    ("One way, p99, ns", Quantity::Latency, CAPACITY, "p99", 1.0),
    (
        "Reader at the head, million messages a second",
        Quantity::Throughput,
        CAPACITY_IN_CACHE,
        "rate",
        1e-6,
    ),
    (
        "Reader catching up, million messages a second",
        Quantity::CatchUp,
        CAPACITY,
        "rate",
        1e-6,
    ),
    (
        "Publish, no reader, ns a message",
        Quantity::Alone,
        CAPACITY,
        "publish",
        1.0,
    ),
    (
        "Publish in bursts, one polling reader, ns a message",
        Quantity::Burst,
        CAPACITY,
        "publish",
        1.0,
    ),
];

const WIDTH: f64 = 900.0;
const LABELS: f64 = 230.0;
const BARS: f64 = 560.0;
const LINE: f64 = 22.0;

/// The picture of the class with most measurements. Scales are logarithmic: the values span three decades.
pub(super) fn svg(results: &Results, machine: &str) -> String {
    let mut body = String::new();
    let mut y = 30.0;
    let class = results.by_class().first().map(|(class, _)| *class);
    let title = class.map_or("nothing was measured", |class| class.title());
    text(
        &mut body,
        10.0,
        y,
        "bold",
        &format!("gateway's queue and others, cores {title}"),
    );
    y += LINE;
    text(&mut body, 10.0, y, "normal", machine);
    for (heading, quantity, capacity, name, scale) in PANELS {
        let bars: Vec<(&str, f64)> = Contestant::ALL
            .into_iter()
            .filter(|contestant| takes_part(*contestant, quantity))
            .filter_map(|contestant| {
                let values = results.values((contestant, quantity, capacity), class?, name);
                let mut values: Vec<f64> = values.into_values().collect();
                values.sort_by(f64::total_cmp);
                let median = values.get(values.len() / 2)? * scale;
                Some((contestant.title(), median))
            })
            .collect();
        y += LINE * 1.6;
        text(&mut body, 10.0, y, "bold", heading);
        let least = bars.iter().map(|bar| bar.1).fold(f64::MAX, f64::min) / 2.0;
        let most = bars.iter().map(|bar| bar.1).fold(f64::MIN, f64::max);
        for (label, value) in bars {
            y += LINE;
            let length = (value / least).ln() / (most / least).ln() * BARS;
            let colour = if label == Contestant::Gateway.title() {
                "#1a7f5a"
            } else {
                "#9aa5b1"
            };
            text(&mut body, 10.0, y, "normal", label);
            let _ = writeln!(
                body,
                r#"<rect x="{LABELS}" y="{:.0}" width="{length:.1}" height="14" fill="{colour}"/>"#,
                y - 12.0
            );
            text(
                &mut body,
                LABELS + length + 6.0,
                y,
                "normal",
                &format!("{value:.1}"),
            );
        }
    }
    let height = y + LINE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn text(body: &mut String, x: f64, y: f64, weight: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a string does not fail.
    let _ = writeln!(
        body,
        r#"<text x="{x:.1}" y="{y:.0}" font-weight="{weight}">{words}</text>"#
    );
}
