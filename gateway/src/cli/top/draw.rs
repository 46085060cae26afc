//! The model as a frame. Nothing here asks anybody anything.

mod columns;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, RenderDirection, Sparkline};

use super::model::{Model, Point};
use super::tables::{Pane, Tone, table};
use crate::metrics::latency::Stage;
use crate::view::{Picture, count, duration_ns, rate, seconds};
use columns::{Shown, written};

/// What the overview has, in order.
const OVERVIEW: [Pane; 5] = [
    Pane::Inputs,
    Pane::Channels,
    Pane::Lines,
    Pane::Readers,
    Pane::Latency,
];
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const GOOD: Style = Style::new().fg(Color::Green);
const WARN: Style = Style::new().fg(Color::Yellow);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, now: Instant) {
    let [head, totals, tabs, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(head_line(model, now), head);
    frame.render_widget(totals_line(model, now), totals);
    frame.render_widget(tabs_line(model.pane), tabs);
    frame.render_widget(foot_line(model), foot);
    match &model.picture {
        None => frame.render_widget(Line::styled("waiting for the first look", FAINT), body),
        Some(picture) => match model.pane {
            Pane::Overview => overview(frame, model, picture, body),
            Pane::Latency => latency(frame, model, picture, body),
            pane => rows(frame, model, picture, pane, body),
        },
    }
    if model.help {
        help(frame);
    }
}

fn head_line(model: &Model, now: Instant) -> Line<'static> {
    let Some(picture) = &model.picture else {
        return Line::styled("gateway top", BOLD);
    };
    let mut spans = vec![
        Span::styled(
            format!("gateway {} {}", picture.name, picture.version),
            BOLD,
        ),
        Span::raw(format!(
            "  pid {}  up {}  ",
            picture.pid,
            seconds(picture.uptime_s)
        )),
    ];
    spans.push(match (model.away_for(now), &picture.not_ready) {
        (Some(_), _) => Span::styled("AWAY", BAD),
        (None, None) => Span::styled("ready", GOOD),
        (None, Some(why)) => Span::styled(format!("NOT READY: {why}"), BAD),
    });
    if model.paused {
        spans.insert(0, Span::styled("PAUSED  ", WARN));
    }
    Line::from(spans)
}

/// What goes through, and what is lost; or that the gateway is away.
fn totals_line(model: &Model, now: Instant) -> Line<'static> {
    if let Some((time, why)) = model.away_for(now) {
        let time = seconds(time.as_secs_f64());
        return Line::styled(format!("away for {time}, looked for again: {why}"), BAD);
    }
    let Some(picture) = &model.picture else {
        return Line::default();
    };
    let totals = &picture.totals;
    let losses = |what: &str, all: u64, now: Option<u64>| {
        let more = match now {
            Some(now @ 1..) => format!(" +{}", count(now)),
            _ => String::new(),
        };
        let style = match (all, now) {
            (_, Some(1..)) => BAD,
            (1.., _) => WARN,
            _ => Style::new(),
        };
        Span::styled(format!("  {what} {}{more}", count(all)), style)
    };
    Line::from(vec![
        Span::raw(format!(
            "{} pkt/s  {} msg/s",
            rate(totals.packets_per_s),
            rate(totals.messages_per_s)
        )),
        losses("lost", totals.lost, totals.lost_now),
        losses("dropped", totals.dropped, totals.dropped_now),
        losses("readers lost", totals.reader_lost, totals.reader_lost_now),
    ])
}

fn tabs_line(shown: Pane) -> Line<'static> {
    let mut spans = Vec::new();
    for (index, pane) in Pane::ALL.into_iter().enumerate() {
        let style = if pane == shown {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            FAINT
        };
        spans.push(Span::styled(
            format!("{} {}", index + 1, pane.name()),
            style,
        ));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn foot_line(model: &Model) -> Line<'static> {
    if model.typing {
        return Line::from(vec![
            Span::styled("filter: ", BOLD),
            Span::raw(format!("{}_", model.filter)),
            Span::styled("  Enter keeps it, Esc drops it", FAINT),
        ]);
    }
    let mut spans = vec![Span::styled(
        "q quit  ? help  Tab pane  s sort  r reverse  / filter  p pause",
        FAINT,
    )];
    if !model.filter.is_empty() {
        spans.insert(
            0,
            Span::styled(format!("filter {:?}  ", model.filter), WARN),
        );
    }
    Line::from(spans)
}

const fn style_of(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Warn => WARN,
        Tone::Bad => BAD,
    }
}

/// One pane's table from its scroll position on, with its head.
fn rows(frame: &mut Frame<'_>, model: &Model, picture: &Picture, pane: Pane, area: Rect) {
    let sort = model.sort(pane);
    let table = table(pane, picture, sort, &model.filter);
    // Rows may have gone since the user scrolled.
    let from = model.scroll.min(table.rows.len().saturating_sub(1));
    let shown = Shown {
        from,
        rows: usize::from(area.height.saturating_sub(1)),
        sort: Some(sort),
    };
    let mut lines = written(&table, usize::from(area.width), shown);
    if table.rows.is_empty() {
        lines.push(Line::styled(nothing(pane, &model.filter), FAINT));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn nothing(pane: Pane, filter: &str) -> String {
    let what = pane.name().to_lowercase();
    if filter.is_empty() {
        format!("no {what}")
    } else {
        format!("no {what} with {filter:?}")
    }
}

/// The heads of every pane, with as many rows as there is room for, and two sparklines.
fn overview(frame: &mut Frame<'_>, model: &Model, picture: &Picture, area: Rect) {
    let sparks = match area.height {
        0..14 => 0,
        14..30 => 4,
        _ => 7,
    };
    let [above, below] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(sparks)]).areas(area);
    let tables = OVERVIEW.map(|pane| table(pane, picture, model.sort(pane), &model.filter));
    let counts = tables.each_ref().map(|table| table.rows.len());
    let room = usize::from(above.height);
    let shares = shares(counts, room.saturating_sub(OVERVIEW.len()));
    let used: usize = shares.iter().sum::<usize>() + OVERVIEW.len();
    // What is left keeps the tables apart.
    let apart = usize::from(room >= used + OVERVIEW.len() - 1);
    let mut lines = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        if index > 0 {
            lines.extend((0..apart).map(|_| Line::default()));
        }
        let shown = Shown {
            from: 0,
            rows: shares[index],
            sort: None,
        };
        let mut written = written(table, usize::from(area.width), shown);
        let hidden = table.rows.len() - shares[index].min(table.rows.len());
        if hidden > 0 {
            written[0].push_span(Span::styled(format!("  +{hidden}"), WARN));
        }
        lines.extend(written);
        if table.rows.is_empty() && shares[index] > 0 {
            lines.push(Line::styled(nothing(OVERVIEW[index], &model.filter), FAINT));
        }
    }
    frame.render_widget(Paragraph::new(lines), above);
    let halves = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]);
    let [left, right] = halves.spacing(2).areas(below);
    let rates = model.history.iter().map(|point| point.messages_per_s);
    let last = rate(picture.totals.messages_per_s);
    spark(frame, left, &format!("msg/s {last}"), rates);
    // What the gateway itself takes, where there are more.
    let stages = &picture.stages;
    let own = stages
        .iter()
        .position(|stage| stage.stage == Stage::RingToPublish.name());
    let of = own.unwrap_or_default();
    let tail = |point: &Point| Some(point.latency.get(of).copied().flatten()?[1]);
    let last = stages.get(of).and_then(|stage| stage.now);
    let title = format!(
        "{} p99 {}",
        stages
            .get(of)
            .map_or("latency", |stage| stage.stage.as_str()),
        last.map_or_else(|| "-".to_owned(), |[_, p99, _]| duration_ns(p99))
    );
    spark(frame, right, &title, model.history.iter().map(tail));
}

/// How many rows each table has of `room`: one each in turn. A table without rows says so, in one.
fn shares<const N: usize>(counts: [usize; N], room: usize) -> [usize; N] {
    let mut shares = [0; N];
    let mut left = room;
    loop {
        let mut given = false;
        for (share, count) in shares.iter_mut().zip(counts) {
            if left > 0 && *share < count.max(1) {
                *share += 1;
                left -= 1;
                given = true;
            }
        }
        if !given {
            return shares;
        }
    }
}

/// The table of stages, and how the first that is shown was of late.
fn latency(frame: &mut Frame<'_>, model: &Model, picture: &Picture, area: Rect) {
    let needed = picture.stages.len() as u16 + 2;
    let table_height = needed.min(area.height / 2).max(2);
    let [above, one, two, three] = Layout::vertical([
        Constraint::Length(table_height),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    rows(frame, model, picture, Pane::Latency, above);
    let table = table(
        Pane::Latency,
        picture,
        model.sort(Pane::Latency),
        &model.filter,
    );
    let Some(row) = table
        .rows
        .get(model.scroll.min(table.rows.len().saturating_sub(1)))
    else {
        return;
    };
    let is_shown = |stage: &crate::view::StageRow| {
        stage.stage == row.cells[0].text
            && (stage.of == row.cells[1].text
                || (stage.of.is_empty() && row.cells[1].text == "all"))
    };
    let Some(stage) = picture.stages.iter().position(is_shown) else {
        return;
    };
    for (quantile, (name, area)) in [("p50", one), ("p99", two), ("p99.9", three)]
        .into_iter()
        .enumerate()
    {
        let of = |point: &Point| point.latency.get(stage).copied().flatten();
        let points = model.history.iter().map(|p| of(p).map(|q| q[quantile]));
        let most = points.clone().flatten().max();
        let most = most.map_or_else(|| "-".to_owned(), duration_ns);
        let title = format!("{} {name}, at most {most}", picture.stages[stage].stage);
        spark(frame, area, &title, points);
    }
}

/// A sparkline under its title, the newest on the right.
fn spark(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    points: impl DoubleEndedIterator<Item = Option<u64>>,
) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(FAINT)
        .title(Span::raw(format!("{title} ")));
    let data: Vec<Option<u64>> = points.rev().take(usize::from(area.width)).collect();
    let sparkline = Sparkline::default()
        .block(block)
        .style(Style::new().fg(Color::Cyan))
        .direction(RenderDirection::RightToLeft)
        .data(data);
    frame.render_widget(sparkline, area);
}

const HELP: &[&str] = &[
    "1 to 8, Tab, ←, →    another pane",
    "↑, ↓, PgUp, PgDn     scroll; g top, G end",
    "s, S                 sort by the next, previous column",
    "r                    the other way round",
    "/                    show rows with these letters only",
    "Esc                  every row again",
    "p, space             pause, go on",
    "?                    this",
    "q, Ctrl-C            quit",
    "",
    "wins: share of what was new that a line was first to bring",
    "skew: how much later a line's copies came, on average",
    "full: share of the queue that a reader has not read yet",
    "rates, wins, skew and latency are of the last interval;",
    "yellow wants attention, red loses data or receives nothing",
];

fn help(frame: &mut Frame<'_>) {
    let whole = frame.area();
    let (width, height) = (
        62.min(whole.width),
        (HELP.len() as u16 + 2).min(whole.height),
    );
    let area = Rect {
        x: (whole.width - width) / 2,
        y: (whole.height - height) / 2,
        width,
        height,
    };
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::raw(*line)).collect();
    frame.render_widget(Clear, area);
    let block = Block::bordered().title(" any key goes back ");
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Everything as text, for `--once`.
pub(super) fn page(picture: &Picture) -> String {
    let mut model = Model::new();
    model.picture = Some(picture.clone());
    let now = Instant::now();
    let mut lines = vec![head_line(&model, now), totals_line(&model, now)];
    for pane in Pane::ALL.into_iter().skip(1) {
        let table = table(pane, picture, pane.first_sort(), "");
        lines.push(Line::default());
        let shown = Shown {
            from: 0,
            rows: usize::MAX,
            sort: None,
        };
        if table.rows.is_empty() {
            lines.push(Line::raw(nothing(pane, "")));
        } else {
            lines.extend(written(&table, usize::MAX, shown));
        }
    }
    let text = |line: Line<'_>| line.to_string().trim_end().to_owned() + "\n";
    lines.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests;
