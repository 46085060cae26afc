//! A picture of a bench: every run a dot, the median a line, the goal a line across; one scale, logarithmic, for all rows
//! of one unit.

use std::fmt::Write;

use super::stored::{Measured, StoredRow};

const WIDTH: f64 = 1000.0;
const LABELS: f64 = 470.0;
const VALUES: f64 = 440.0;
const LINE: f64 = 18.0;
/// Letters of a label that there is room for.
const LABEL_MAX: usize = 72;

/// The name of a bench's picture.
pub(super) fn file(bench: &str) -> String {
    format!("{bench}.svg")
}

/// The picture; none where no row has a value that such a scale can show.
pub(super) fn svg(measured: &Measured) -> Option<String> {
    let mut units: Vec<&str> = Vec::new();
    for row in &measured.rows {
        if !positive(row).is_empty() && !units.contains(&row.unit.as_str()) {
            units.push(&row.unit);
        }
    }
    if units.is_empty() {
        return None;
    }
    let mut body = String::new();
    let mut y = 26.0;
    text(
        &mut body,
        10.0,
        y,
        "bold",
        &format!("{}, every run", measured.bench),
    );
    for unit in units {
        let rows: Vec<&StoredRow> = measured
            .rows
            .iter()
            .filter(|row| row.unit == unit && !positive(row).is_empty())
            .collect();
        y += LINE * 1.5;
        text(&mut body, 10.0, y, "bold", unit);
        y = panel(&mut body, y, &rows);
    }
    let height = y + LINE * 1.5;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    ))
}

fn positive(row: &StoredRow) -> Vec<f64> {
    row.values
        .iter()
        .flatten()
        .copied()
        .filter(|value| *value > 0.0)
        .collect()
}

/// The value that a row's goal names, where it is one of the value and not of a ratio.
fn goal(row: &StoredRow) -> Option<f64> {
    let rest = row
        .goal
        .as_deref()?
        .strip_prefix("<= ")
        .or_else(|| row.goal.as_deref()?.strip_prefix(">= "))?;
    rest.split(' ')
        .next()?
        .parse()
        .ok()
        .filter(|goal| *goal > 0.0)
}

fn panel(body: &mut String, mut y: f64, rows: &[&StoredRow]) -> f64 {
    let shown = || {
        rows.iter()
            .flat_map(|row| positive(row).into_iter().chain(goal(row)))
    };
    let least = shown().fold(f64::MAX, f64::min) / 1.2;
    let most = shown().fold(f64::MIN, f64::max) * 1.2;
    let at = |value: f64| LABELS + (value / least).ln() / (most / least).ln() * VALUES;
    for row in rows {
        y += LINE;
        let middle = y - 4.0;
        let label: String = row.case.chars().take(LABEL_MAX).collect();
        text(body, 10.0, y, "normal", &label);
        let _ = writeln!(
            body,
            r##"<path d="M{LABELS} {middle:.0}H{:.0}" stroke="#e3e7eb"/>"##,
            LABELS + VALUES
        );
        if let Some(goal) = goal(row) {
            tick(body, at(goal), middle, 8.0, "#c0392b", "2");
        }
        for value in positive(row) {
            let _ = writeln!(
                body,
                r##"<circle cx="{:.1}" cy="{middle:.0}" r="2.5" fill="#1a7f5a" fill-opacity="0.45"/>"##,
                at(value)
            );
        }
        if let Some(median) = row.value.filter(|median| *median > 0.0) {
            tick(body, at(median), middle, 6.0, "#14213d", "2.5");
            text(
                body,
                LABELS + VALUES + 8.0,
                y,
                "normal",
                &format!("{median:.2}"),
            );
        }
    }
    y
}

fn tick(body: &mut String, x: f64, middle: f64, half: f64, colour: &str, width: &str) {
    let _ = writeln!(
        body,
        r#"<path d="M{x:.1} {:.0}V{:.0}" stroke="{colour}" stroke-width="{width}"/>"#,
        middle - half,
        middle + half
    );
}

fn text(body: &mut String, x: f64, y: f64, weight: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a string does not fail.
    let _ = writeln!(
        body,
        r#"<text x="{x:.1}" y="{y:.0}" font-weight="{weight}">{words}</text>"#
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(goal: &str) -> StoredRow {
        StoredRow {
            case: "a < b".into(),
            value: Some(2.0),
            unit: "ns".into(),
            baseline: None,
            ratio: None,
            goal: Some(goal.into()),
            met: None,
            runs: 3,
            spread: Some(0.1),
            values: vec![Some(1.0), Some(2.0), Some(4.0), None],
        }
    }

    #[test]
    fn only_goals_of_values_are_drawn() {
        assert_eq!(goal(&row("<= 30 ns/message")), Some(30.0));
        assert_eq!(goal(&row(">= 40 M messages/s")), Some(40.0));
        assert_eq!(goal(&row("ratio <= 1.2")), None);
    }

    #[test]
    fn every_run_is_a_dot_within_the_picture() {
        let mut body = String::new();
        panel(&mut body, 0.0, &[&row("<= 1.5 ns")]);
        let dots: Vec<f64> = body
            .split("<circle cx=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(dots.len(), 3);
        assert!(
            dots.is_sorted() && dots[0] > LABELS && dots[2] < LABELS + VALUES,
            "{dots:?}"
        );
        assert!(body.contains("a &lt; b"));
    }
}
