//! The page that people read. What is written by hand is in `bench/findings`, a file for each section and two for the
//! beginning, and is taken in as it stands: writing the page again loses none of it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::RUNS_MIN;
use super::conditions::{Conditions, Floor};
use super::plot;
use super::stored::{Measured, Report, StoredRow};

/// Sections in their order: heading, the file of what was found, and the benches whose rows are theirs.
const SECTIONS: [(&str, &str, &[&str]); 10] = [
    ("Wire to strategy", "wire", &["wire"]),
    ("Open loop", "open-loop", &["open-loop"]),
    ("No-loss rate", "no-loss", &["no-loss"]),
    (
        "Decode and publish",
        "decode",
        &["decode", "pipeline", "queues", "orders"],
    ),
    ("Scale", "scale", &["scale"]),
    ("Cost", "cost", &["cost", "memory"]),
    ("Queue", "queue", &["queue"]),
    ("Book", "book", &["book"]),
    ("Recovery", "recovery", &["recovery"]),
    ("Feeds", "feeds", &["feeds"]),
];

/// The report in Markdown, with what `findings` has for it.
///
/// # Errors
/// A file of findings cannot be read.
pub(super) fn markdown(report: &Report, findings: &Path) -> Result<String> {
    let mut text = String::from(
        "# Report\n\n`cargo xtask bench` wrote this page; every value of every run is in `target/bench/report.json`. What is\n\
         said in words is in `bench/findings`. [README.md](README.md) says what each bench measures and how to read a row.\n\n",
    );
    if !report.benches.is_empty() {
        machine(&mut text, report);
        floor(&mut text, report);
        placement(&mut text, &report.benches);
        goals(&mut text, &report.benches);
    }
    for file in ["found", "tuning"] {
        if let Some(found) = finding(findings, file, "#")? {
            text += &found;
        }
    }
    let known = |bench: &str| {
        SECTIONS
            .iter()
            .any(|(_, _, benches)| benches.contains(&bench))
    };
    for (number, (heading, file, benches)) in (1..).zip(SECTIONS) {
        let of = |bench: &&str| report.benches.iter().find(|each| each.bench == **bench);
        let measured: Vec<&Measured> = benches.iter().filter_map(of).collect();
        let _ = writeln!(text, "## {number} {heading}\n");
        if measured.is_empty() {
            let _ = writeln!(
                text,
                "Not measured yet: `cargo xtask bench report {}`.\n",
                benches.join(" ")
            );
        }
        for each in measured {
            section(&mut text, each);
        }
        if let Some(found) = finding(findings, file, "##")? {
            text += &found;
        }
    }
    for other in report.benches.iter().filter(|each| !known(&each.bench)) {
        let _ = writeln!(text, "## {}\n", other.bench);
        section(&mut text, other);
    }
    Ok(text)
}

fn machine(text: &mut String, report: &Report) {
    *text += "## Machine\n\n| | |\n|---|---|\n";
    for (name, value) in &report.facts {
        let _ = writeln!(text, "| {name} | {} |", escaped(value));
    }
    *text += "\n";
}

fn floor(text: &mut String, report: &Report) {
    *text += "## Jitter floor\n\nGaps that a thread sees which does nothing but read the time-stamp counter, on each core, \
              before the first bench and after the\nlast: whatever is longer than a read was an interrupt, the scheduler or the \
              host. No latency below can be better than this.\n\n\
              | | core | p50, ns | p99, ns | p99.9, ns | longest, µs | above 20 µs, a second | time lost to gaps above 1 µs |\n\
              |---|--:|--:|--:|--:|--:|--:|--:|\n";
    let mut rows = |when: &str, floor: &Option<Floor>| {
        for core in floor.iter().flat_map(|floor| &floor.cores) {
            let _ = writeln!(
                text,
                "| {when} | {} | {} | {} | {} | {:.1} | {:.1} | {:.3} % |",
                core.core,
                core.p50_ns,
                core.p99_ns,
                core.p999_ns,
                core.max_ns as f64 / 1e3,
                core.long_per_s,
                core.lost_ratio * 100.0
            );
        }
    };
    rows("before", &report.floor_before);
    rows("after", &report.floor_after);
    *text += "\n";
}

fn placement(text: &mut String, benches: &[Measured]) {
    *text += "## Placement\n\nHalf a round trip of a raw cache line between the two cores that measure, before and after each \
              bench: where the host moved\nthem, rows of two cores may be of either place (the queue's are sorted by it, run by \
              run). `busy` is what the cores did besides.\n\n\
              | bench | commit | began (UTC) | took, s | before | after | busy before, after | load before |\n\
              |---|---|---|--:|---|---|---|--:|\n";
    // The facts and the floor above are those of the last session.
    let latest = benches
        .iter()
        .max_by_key(|bench| bench.began_s)
        .map_or("", |bench| &bench.machine);
    for bench in benches {
        let line = |conditions: &Conditions| match (conditions.line_ns, conditions.class()) {
            (Some(nanos), Some(class)) => format!("{nanos:.0} ns, {}", class.title()),
            _ => "one core".to_owned(),
        };
        let mark = |conditions: &Conditions| {
            let mark = if conditions.disturbed() {
                " (disturbed)"
            } else {
                ""
            };
            format!("{:.0} %{mark}", conditions.busy * 100.0)
        };
        let elsewhere = if bench.machine == latest {
            String::new()
        } else {
            format!(" (on another machine: {})", bench.machine)
        };
        let moved = if bench.before.class() == bench.after.class() {
            ""
        } else {
            " (moved)"
        };
        let _ = writeln!(
            text,
            "| {}{elsewhere} | {} | {} | {:.0} | {} | {}{moved} | {}, {} | {:.1} |",
            bench.bench,
            bench.commit,
            clock(bench.began_s),
            bench.took_s,
            line(&bench.before),
            line(&bench.after),
            mark(&bench.before),
            mark(&bench.after),
            bench.before.load,
        );
    }
    *text += "\n";
}

fn goals(text: &mut String, benches: &[Measured]) {
    let all = || {
        benches
            .iter()
            .flat_map(|bench| bench.rows.iter().map(move |row| (bench, row)))
    };
    let count = |met| {
        all()
            .filter(|(_, row)| row.goal.is_some() && row.met == met)
            .count()
    };
    let _ = writeln!(
        text,
        "## Goals\n\n{} met, {} missed, {} that could not be judged here; {} benches failed when last tried.\n",
        count(Some(true)),
        count(Some(false)),
        count(None),
        benches.iter().filter(|bench| bench.error.is_some()).count()
    );
    if count(Some(false)) == 0 {
        return;
    }
    *text += "| missed | median | ratio | goal |\n|---|--:|--:|---|\n";
    for (bench, row) in all().filter(|(_, row)| row.met == Some(false)) {
        let _ = writeln!(
            text,
            "| {}: {} | {} {} | {} | {} |",
            bench.bench,
            escaped(&row.case),
            number(row.value),
            row.unit,
            number(row.ratio),
            row.goal.as_deref().unwrap_or("-"),
        );
    }
    *text += "\n";
}

fn section(text: &mut String, measured: &Measured) {
    let _ = writeln!(text, "### `{}`\n", measured.bench);
    if let Some(error) = &measured.error {
        let _ = writeln!(text, "Failed: {error}\n");
    }
    if measured.rows.is_empty() {
        if measured.error.is_none() {
            *text += "Nothing was measured here: its messages say why.\n\n";
        }
        return;
    }
    *text += "| case | median | unit | spread | runs | ratio | to | goal | met |\n\
              |---|--:|---|--:|--:|--:|---|---|---|\n";
    for row in &measured.rows {
        *text += &line(row);
    }
    if measured.rows.iter().any(few) {
        let _ = writeln!(
            text,
            "\n\\* fewer than {RUNS_MIN} runs: it shows that the bench works."
        );
    }
    if plot::svg(measured).is_some() {
        let _ = writeln!(
            text,
            "\n![every run of {}](plots/{})",
            measured.bench,
            plot::file(&measured.bench)
        );
    }
    *text += "\n";
}

/// Whether a row that is not the same in every run has too few of them.
fn few(row: &StoredRow) -> bool {
    row.value.is_some() && (2..RUNS_MIN).contains(&row.runs)
}

fn line(row: &StoredRow) -> String {
    let runs = match few(row) {
        true => format!("{}\\*", row.runs),
        false => row.runs.to_string(),
    };
    let spread = row
        .spread
        .map_or("-".to_owned(), |spread| format!("{:.0} %", spread * 100.0));
    let met = row
        .met
        .map_or("-", |met| if met { "yes" } else { "**no**" });
    format!(
        "| {} | {} | {} | {spread} | {runs} | {} | {} | {} | {met} |\n",
        escaped(&row.case),
        number(row.value),
        row.unit,
        number(row.ratio),
        escaped(row.baseline.as_deref().unwrap_or("-")),
        row.goal.as_deref().unwrap_or("-"),
    )
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| match value.abs() {
        1000.0.. => format!("{value:.0}"),
        100.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    })
}

/// A table's cell: a bar would end it.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// What was written by hand into `file`, its headings as many levels further down as `below` has signs; nothing where there
/// is no such file.
fn finding(folder: &Path, file: &str, below: &str) -> Result<Option<String>> {
    let path = folder.join(file).with_extension("md");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(demoted(&text, below))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// `text` with `below` in front of each heading's own signs.
fn demoted(text: &str, below: &str) -> String {
    let mut code = false;
    let mut demoted = String::new();
    for line in text.trim_end().lines() {
        code ^= line.starts_with("```");
        if line.starts_with('#') && !code {
            demoted += below;
        }
        demoted += line;
        demoted.push('\n');
    }
    demoted + "\n"
}

/// Date and time of day of `seconds` since the Unix epoch.
fn clock(seconds: u64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds.cast_signed()).map_or_else(
        |_| seconds.to_string(),
        |at| {
            let (date, hour, minute) = (at.date(), at.hour(), at.minute());
            let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
            format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}")
        },
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::{Goal, Row, Samples};

    fn measured(bench: &str) -> Measured {
        let samples = Samples {
            case: "a | b".into(),
            unit: "ns/message",
            values: vec![31.0, 33.0, 35.0],
        };
        let row = Row::new("x", &samples, None, Some(Goal::ValueAtMost(30.0)));
        Measured {
            bench: bench.into(),
            commit: "abc".into(),
            machine: "a machine".into(),
            began_s: 1_577_716_200,
            took_s: 2.0,
            before: Conditions::default(),
            after: Conditions::default(),
            error: None,
            rows: vec![(&row).into()],
        }
    }

    #[test]
    fn the_page_has_every_bench_missed_goals_and_what_was_written_by_hand() {
        let folder =
            std::env::temp_dir().join(format!("gateway-bench-page-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("scale.md"), "# Why\n\n```\n# no heading\n```\n").unwrap();
        let report = Report {
            benches: vec![measured("a-new-one"), measured("scale")],
            ..Report::default()
        };
        let page = markdown(&report, &folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        for part in [
            "0 met, 2 missed, 0 that",
            "| a \\| b | 33.00 | ns/message | 6 % | 3\\* | - | - | <= 30 ns/message | **no** |",
            "| scale | abc | 2019-12-30 14:30 |",
            "## 5 Scale",
            "## a-new-one",
            "\n### Why\n\n```\n# no heading\n```\n",
            "Not measured yet: `cargo xtask bench report wire`.",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        let order = [
            "## Machine",
            "## Jitter floor",
            "## 1 Wire",
            "## 2 Open",
            "## 7 Queue",
        ];
        let at: Vec<usize> = order.iter().map(|part| page.find(part).unwrap()).collect();
        assert!(at.is_sorted(), "{at:?}");
    }
}
