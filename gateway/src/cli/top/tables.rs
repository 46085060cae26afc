//! The picture's rows as tables of text: what each pane has, sorted and filtered.

use std::cmp::Ordering;

use crate::view::{
    ChannelRow, InterfaceRow, LineRow, Picture, ReaderRow, StageRow, count, duration_ns, rate,
    seconds,
};

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Pane {
    Overview,
    Inputs,
    Channels,
    Lines,
    Queues,
    Readers,
    Latency,
    Refusals,
}

/// A column of a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Numbers stand on the right, and the largest first.
    pub(super) is_number: bool,
}

const fn words(title: &'static str) -> Column {
    Column {
        title,
        is_number: false,
    }
}

const fn number(title: &'static str) -> Column {
    Column {
        title,
        is_number: true,
    }
}

impl Pane {
    pub(super) const ALL: [Self; 8] = [
        Self::Overview,
        Self::Inputs,
        Self::Channels,
        Self::Lines,
        Self::Queues,
        Self::Readers,
        Self::Latency,
        Self::Refusals,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Inputs => "Inputs",
            Self::Channels => "Channels",
            Self::Lines => "Lines",
            Self::Queues => "Queues",
            Self::Readers => "Readers",
            Self::Latency => "Latency",
            Self::Refusals => "Refusals",
        }
    }

    pub(super) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Overview => &[],
            Self::Inputs => {
                &const {
                    [
                        words("input"),
                        words("tier"),
                        words("state"),
                        number("pkt/s"),
                        number("bit/s"),
                        number("packets"),
                        number("dropped"),
                        words("note"),
                    ]
                }
            }
            Self::Channels => {
                &const {
                    [
                        words("channel"),
                        words("state"),
                        number("msg/s"),
                        number("gaps"),
                        number("lost"),
                        number("holes"),
                        number("missing"),
                        number("recovered"),
                        number("errors"),
                    ]
                }
            }
            Self::Lines => {
                &const {
                    [
                        words("line"),
                        words("address"),
                        number("pkt/s"),
                        number("wins"),
                        number("skew"),
                        number("at most"),
                        number("gaps"),
                        number("missing"),
                        words("state"),
                    ]
                }
            }
            Self::Queues => {
                &const {
                    [
                        words("queue"),
                        words("what"),
                        number("records/s"),
                        number("records"),
                        number("slots"),
                        number("readers"),
                        number("lag"),
                        number("lost"),
                    ]
                }
            }
            Self::Readers => {
                &const {
                    [
                        words("reader"),
                        words("queue"),
                        number("lag"),
                        number("full"),
                        number("lost"),
                        number("overruns"),
                        number("last poll"),
                        number("pid"),
                        number("uid"),
                    ]
                }
            }
            Self::Latency => {
                &const {
                    [
                        words("stage"),
                        words("of"),
                        number("per s"),
                        number("p50"),
                        number("p99"),
                        number("p99.9"),
                        number("max ever"),
                    ]
                }
            }
            Self::Refusals => {
                &const {
                    [
                        words("kind"),
                        words("what"),
                        number("count"),
                        number("now"),
                        words("why"),
                    ]
                }
            }
        }
    }

    /// Worst first, where that is known; otherwise as configured.
    pub(super) const fn first_sort(self) -> Sort {
        match self {
            Self::Readers => Sort {
                column: 2,
                descending: true,
            },
            Self::Refusals => Sort {
                column: 3,
                descending: true,
            },
            _ => Sort {
                column: 0,
                descending: false,
            },
        }
    }
}

/// How rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) column: usize,
    pub(super) descending: bool,
}

/// What a cell shows, and what it is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    by: Option<f64>,
}

/// How a row stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    /// Something is not as it should be.
    Warn,
    /// Data is being lost, or nothing comes.
    Bad,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) tone: Tone,
}

/// A pane's rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Row>,
}

/// The rows of `pane` in which some cell has `filter` in it, whatever its case, sorted. Rows that are equal keep the
/// picture's order.
pub(super) fn table(pane: Pane, picture: &Picture, sort: Sort, filter: &str) -> Table {
    let mut rows: Vec<Row> = match pane {
        Pane::Overview => Vec::new(),
        Pane::Inputs => picture.interfaces.iter().map(input).collect(),
        Pane::Channels => picture.channels.iter().map(channel).collect(),
        Pane::Lines => {
            let lines = picture.channels.iter();
            lines
                .flat_map(|channel| channel.lines.iter().map(move |l| line(channel, l)))
                .collect()
        }
        Pane::Queues => queues(picture),
        Pane::Readers => picture.readers.iter().map(reader).collect(),
        Pane::Latency => picture.stages.iter().map(stage).collect(),
        Pane::Refusals => refusals(picture),
    };
    let filter = filter.to_lowercase();
    if !filter.is_empty() {
        let has = |cell: &Cell| cell.text.to_lowercase().contains(&filter);
        rows.retain(|row| row.cells.iter().any(has));
    }
    rows.sort_by(|one, other| {
        let order = compare(&one.cells[sort.column], &other.cells[sort.column]);
        if sort.descending {
            order.reverse()
        } else {
            order
        }
    });
    Table {
        columns: pane.columns(),
        rows,
    }
}

/// What is not known is the least.
fn compare(one: &Cell, other: &Cell) -> Ordering {
    match (one.by, other.by) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (None, None) => one.text.to_lowercase().cmp(&other.text.to_lowercase()),
        (one, other) => one.is_some().cmp(&other.is_some()),
    }
}

fn text(text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        by: None,
    }
}

fn counted(value: u64) -> Cell {
    Cell {
        text: count(value),
        by: Some(value as f64),
    }
}

fn rated(value: Option<f64>) -> Cell {
    Cell {
        text: rate(value),
        by: Some(value.unwrap_or(-1.0)),
    }
}

fn nanos(value: Option<u64>) -> Cell {
    Cell {
        text: value.map_or_else(|| "-".to_owned(), duration_ns),
        by: Some(value.map_or(-1.0, |value| value as f64)),
    }
}

fn share(value: Option<f64>) -> Cell {
    Cell {
        text: value.map_or_else(|| "-".to_owned(), |v| format!("{:.0} %", 100.0 * v)),
        by: Some(value.unwrap_or(-1.0)),
    }
}

/// A number that is only told apart from others.
fn numbered(value: u32) -> Cell {
    Cell {
        text: value.to_string(),
        by: Some(f64::from(value)),
    }
}

const fn tone(bad: bool, warn: bool) -> Tone {
    match (bad, warn) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Warn,
        (false, false) => Tone::Plain,
    }
}

fn input(input: &InterfaceRow) -> Row {
    let good = matches!(input.state.as_str(), "live" | "running" | "finished");
    Row {
        cells: vec![
            text(&input.name),
            text(&input.tier),
            text(&input.state),
            rated(input.packets_per_s),
            rated(input.bits_per_s),
            counted(input.packets),
            counted(input.dropped),
            text(&input.note),
        ],
        tone: tone(
            input.dropped_now > Some(0) || !(good || input.state == "degraded"),
            !good,
        ),
    }
}

fn channel(channel: &ChannelRow) -> Row {
    Row {
        cells: vec![
            text(&channel.name),
            text(&channel.state),
            rated(channel.messages_per_s),
            counted(channel.gaps),
            counted(channel.lost),
            counted(channel.holes),
            counted(channel.missing),
            counted(channel.recovered),
            counted(channel.errors),
        ],
        tone: tone(
            channel.lost_now > Some(0) || channel.state == "stale",
            matches!(channel.state.as_str(), "recovering" | "snapshot"),
        ),
    }
}

fn line(channel: &ChannelRow, line: &LineRow) -> Row {
    let state = match (line.silent, line.winner) {
        (true, _) => "SILENT",
        (false, true) => "wins",
        (false, false) => "",
    };
    Row {
        cells: vec![
            text(format!("{} {}", channel.name, line.name)),
            text(&line.address),
            rated(line.packets_per_s),
            share(Some(line.win_ratio)),
            nanos(line.skew_ns),
            nanos(line.skew_ns.map(|_| line.skew_max_ns)),
            counted(line.gaps),
            counted(line.gap_messages),
            text(state),
        ],
        tone: tone(false, line.silent),
    }
}

/// Queues, and the books that are built from them.
fn queues(picture: &Picture) -> Vec<Row> {
    let of_queue = picture.queues.iter().map(|queue| {
        let readers = picture.readers.iter().filter(|r| r.queue == queue.name);
        let lag = readers.clone().map(|reader| reader.lag).max();
        let lost = readers.fold(0, |sum: u64, reader| sum.saturating_add(reader.lost));
        Row {
            cells: vec![
                text(&queue.name),
                text(&queue.records),
                rated(queue.records_per_s),
                counted(queue.published),
                counted(queue.slots),
                counted(queue.readers as u64),
                counted(lag.unwrap_or_default()),
                counted(lost),
            ],
            tone: Tone::Plain,
        }
    });
    let of_book = picture.books.iter().map(|book| Row {
        cells: vec![
            text(&book.name),
            text(format!(
                "book, {} of {} valid",
                book.valid, book.instruments
            )),
            text("-"),
            text("-"),
            text("-"),
            text("-"),
            counted(book.lag),
            counted(book.lost),
        ],
        tone: tone(!book.running, book.valid < book.instruments),
    });
    of_queue.chain(of_book).collect()
}

fn reader(reader: &ReaderRow) -> Row {
    Row {
        cells: vec![
            text(&reader.name),
            text(&reader.queue),
            counted(reader.lag),
            share(reader.fill),
            counted(reader.lost),
            counted(reader.overruns),
            Cell {
                text: reader
                    .last_poll_age_s
                    .map_or_else(|| "never".to_owned(), seconds),
                by: Some(reader.last_poll_age_s.unwrap_or(f64::INFINITY)),
            },
            numbered(reader.pid),
            numbered(reader.uid),
        ],
        tone: tone(reader.lost_now > Some(0), reader.fill > Some(0.5)),
    }
}

/// Quantiles are of the time since the look before, and of all time where nothing was measured in between.
fn stage(stage: &StageRow) -> Row {
    let [p50, p99, p999] = stage.now.unwrap_or([stage.p50, stage.p99, stage.p999]);
    let known = |value| nanos((stage.max > 0).then_some(value));
    Row {
        cells: vec![
            text(&stage.stage),
            text(if stage.of.is_empty() {
                "all"
            } else {
                &stage.of
            }),
            rated(stage.per_s),
            known(p50),
            known(p99),
            known(p999),
            known(stage.max),
        ],
        tone: Tone::Plain,
    }
}

/// What clients were refused, what readers lost, and what the doctor found.
fn refusals(picture: &Picture) -> Vec<Row> {
    let now = |value: Option<u64>| value.map_or_else(|| text("-"), counted);
    let refused = picture.refusals.iter().map(|refusal| Row {
        cells: vec![
            text("refused"),
            text(&refusal.reason),
            counted(refusal.count),
            now(refusal.now),
            text("docs/queues.md, \"entitlement\""),
        ],
        tone: tone(false, refusal.now > Some(0)),
    });
    let losing = picture.readers.iter().filter(|reader| reader.lost > 0);
    let lost = losing.map(|reader| Row {
        cells: vec![
            text("lost"),
            text(format!("{} of {}", reader.name, reader.queue)),
            counted(reader.lost),
            now(reader.lost_now),
            text("too slow for its queue"),
        ],
        tone: tone(reader.lost_now > Some(0), false),
    });
    let checks = picture.checks.iter().map(|check| Row {
        cells: vec![
            text("doctor"),
            text(if check.interface.is_empty() {
                check.check.clone()
            } else {
                format!("{} {}", check.check, check.interface)
            }),
            text(if check.fails { "FAIL" } else { "warn" }),
            text("-"),
            text(&check.found),
        ],
        tone: tone(check.fails, true),
    });
    refused.chain(lost).chain(checks).collect()
}
