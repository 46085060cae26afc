//! The report as a picture: a line from the smallest to the largest time for each row, its quantiles as marks.

use std::fmt::Write;

use super::{Report, Row, microseconds};

const WIDTH: f64 = 1_000.0;
const LABELS: f64 = 400.0;
const PLOT: f64 = 560.0;
const LINE: f64 = 24.0;
const TOP: f64 = 70.0;

/// All rows with samples, on one logarithmic scale of microseconds.
#[must_use]
pub fn svg(reports: &[Report]) -> String {
    let rows: Vec<(&Report, &Row)> = reports
        .iter()
        .flat_map(|report| report.rows.iter().map(move |row| (report, row)))
        .filter(|(_, row)| row.distribution().is_some())
        .collect();
    let scale = Scale::of(&rows);
    let height = TOP + LINE * rows.len() as f64 + 50.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(
        &mut out,
        10.0,
        24.0,
        "start",
        "Request to reply, µs: line from min to max, bar p50 to p99, mark at p50",
    );
    if reports.iter().any(Report::is_emulated) {
        text(
            &mut out,
            10.0,
            44.0,
            "start",
            "A machine is emulated: these times are no evidence.",
        );
    }
    for decade in scale.decades() {
        let x = scale.x(decade);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#cccccc\"/>",
            height - 40.0
        );
        text(&mut out, x, height - 22.0, "middle", &microseconds(decade));
    }
    for (number, (report, row)) in rows.iter().enumerate() {
        let y = TOP + LINE * (number as f64 + 0.5);
        draw(&mut out, &scale, y, report, row);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, scale: &Scale, y: f64, report: &Report, row: &Row) {
    let Some(d) = row.distribution() else { return };
    let load = row
        .rate
        .map_or_else(String::new, |rate| format!(", {rate}/s"));
    let label = format!(
        "{}, {}, {}, {} B{load}",
        report.link,
        row.path,
        row.direction.name(),
        row.bytes
    );
    text(out, LABELS - 10.0, y + 4.0, "end", &label);
    let colour = if row.path.is_gateway() {
        "#1f6feb"
    } else {
        "#8a8f98"
    };
    let x = |ns: u64| scale.x(ns as f64);
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\"/>",
        x(d.min_ns),
        x(d.max_ns)
    );
    let _ = writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" fill=\"{colour}\" fill-opacity=\"0.5\"/>",
        x(d.p50_ns),
        y - 5.0,
        (x(d.p99_ns) - x(d.p50_ns)).max(1.0)
    );
    let _ = writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"3\" height=\"16\" fill=\"{colour}\"><title>{}</title></rect>",
        x(d.p50_ns) - 1.5,
        y - 8.0,
        escaped(&format!(
            "{label}: p50 {} µs, p99 {} µs",
            microseconds(d.p50_ns as f64),
            microseconds(d.p99_ns as f64)
        ))
    );
}

/// Powers of ten around all values.
struct Scale {
    from: i32,
    to: i32,
}

impl Scale {
    fn of(rows: &[(&Report, &Row)]) -> Self {
        let mut low = f64::INFINITY;
        let mut high = 0.0_f64;
        for (_, row) in rows {
            if let Some(d) = row.distribution() {
                low = low.min(d.min_ns.max(1) as f64);
                high = high.max(d.max_ns.max(1) as f64);
            }
        }
        if low > high {
            (low, high) = (1_000.0, 10_000.0);
        }
        let from = low.log10().floor() as i32;
        Self {
            from,
            to: (high.log10().ceil() as i32).max(from + 1),
        }
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.to).map(|power| 10_f64.powi(power))
    }

    fn x(&self, ns: f64) -> f64 {
        let share = (ns.max(1.0).log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        LABELS + PLOT * share
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(words)
    );
}

fn escaped(words: &str) -> String {
    words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn every_row_with_samples_is_drawn_within_the_picture() {
        let picture = svg(&[example()]);
        assert_eq!(picture.matches("<title>").count(), 2, "{picture}");
        assert!(picture.contains("no evidence"));
        for part in picture.split(" x=\"").skip(1) {
            let x: f64 = part
                .split('"')
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(-1.0);
            assert!((0.0..=WIDTH).contains(&x), "{x} in {picture}");
        }
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let picture = svg(&[]);
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
        assert!(
            !picture.contains("NaN") && !picture.contains("inf"),
            "{picture}"
        );
    }
}
