#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;

use super::*;
use crate::broker::BrokerCounters;
use crate::doctor::Verdict;
use crate::service::status::{
    ChannelStatus, CheckStatus, Count, InputStatus, InterfaceStatus, Latency, LineStatus,
    QueueStatus, ReaderStatus, RecoveryStatus, StageStatus, Status, StepStatus,
};
use crate::view::Bands;

/// Set: golden files are written instead of compared.
const WRITE: &str = "GATEWAY_WRITE_GOLDEN";

fn line(name: &str, packets: u64, wins: u64, skew: (u64, u64, u64)) -> LineStatus {
    let last = if name == "A" { 1 } else { 2 };
    LineStatus {
        name: name.to_owned(),
        address: format!("239.77.0.{last}:26400"),
        packets,
        wins,
        win_ratio: wins as f64 / packets.max(1) as f64,
        skew_packets: skew.0,
        skew_sum_ns: skew.1,
        skew_max_ns: skew.2,
        gaps: packets / 1_000,
        gap_messages: packets / 200,
        ..LineStatus::default()
    }
}

/// A gateway of which everything goes on at a steady rate, and a client whose name is an attack.
fn status(second: u64) -> Status {
    let reader = |id, name: &str, lag, lost| ReaderStatus {
        id,
        name: name.to_owned(),
        pid: 4_000 + id as u32,
        uid: 1_000,
        queue: "all".to_owned(),
        lag,
        lost,
        overruns: lost / 1_000,
        last_poll_age_s: Some(0.02),
        ..ReaderStatus::default()
    };
    Status {
        name: "lab".to_owned(),
        version: "0.1.0".to_owned(),
        pid: 9_702,
        uptime_s: second as f64,
        ready: true,
        interfaces: vec![
            InterfaceStatus {
                name: "eth1".to_owned(),
                tier: "zero-copy".to_owned(),
                state: "live".to_owned(),
                queues: vec![InputStatus {
                    packets: second * 9_800,
                    bytes: second * 4_000_000,
                    ..InputStatus::default()
                }],
                ..InterfaceStatus::default()
            },
            InterfaceStatus {
                name: "eth2".to_owned(),
                tier: "skb".to_owned(),
                state: "degraded".to_owned(),
                queues: vec![InputStatus {
                    packets: second * 9_700,
                    bytes: second * 3_900_000,
                    kernel_drops: vec![Count::new("rx_dropped", second * 3)],
                    ..InputStatus::default()
                }],
                steps: vec![StepStatus {
                    tier: "copy".to_owned(),
                    reason: "the driver does not take a program (EOPNOTSUPP)".to_owned(),
                    ..StepStatus::default()
                }],
                ..InterfaceStatus::default()
            },
        ],
        channels: vec![ChannelStatus {
            name: "itch".to_owned(),
            state: "recovering".to_owned(),
            messages: second * 40_000,
            gaps: 13,
            lost: 104,
            recovery: Some(RecoveryStatus {
                holes_open: 1,
                missing: 8,
                delivered: 1_234,
                ..RecoveryStatus::default()
            }),
            lines: vec![
                line(
                    "A",
                    second * 9_800,
                    second * 9_600,
                    (second * 300, second * 900_000, 81_000),
                ),
                line(
                    "B",
                    second * 9_700,
                    second * 200,
                    (second * 9_000, second * 27_000_000, 41_300),
                ),
            ],
            ..ChannelStatus::default()
        }],
        queues: vec![QueueStatus {
            name: "all".to_owned(),
            records: "full".to_owned(),
            slots: 65_536,
            published: second * 51_000,
            readers: 3,
            ..QueueStatus::default()
        }],
        readers: vec![
            reader(1, "maker", 12, 0),
            reader(2, "slow-logger", 60_000, second * 1_000),
            reader(3, "x\x1b[2J\x1b]0;owned\x07", 3, 0),
        ],
        broker: BrokerCounters {
            refused_not_named: second,
            ..BrokerCounters::default()
        },
        doctor: vec![CheckStatus {
            check: "cpu-governor".to_owned(),
            interface: String::new(),
            verdict: Verdict::Warn,
            found: "core 2 runs at powersave".to_owned(),
        }],
        stages: vec![StageStatus {
            stage: "ring_pub".to_owned(),
            of: String::new(),
            latency: Latency {
                count: second * 9_800,
                p50: 838,
                p99: 41_300,
                p999: 188_900,
                max: 7_600_000,
            },
            bands: Bands {
                first: 18,
                counts: vec![second * 9_000, 0, 0, 0, second * 700, second * 100],
            },
        }],
        ..Status::default()
    }
}

/// After ten looks.
fn model() -> (Model, Instant) {
    let (mut model, now) = (Model::new(), Instant::now());
    for second in 100..110 {
        model.take(Ok(Box::new(status(second))), now);
    }
    (model, now)
}

/// The frame as text, line by line.
fn drawn(model: &Model, now: Instant, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, now)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    (0..height).map(row).collect()
}

fn assert_golden(name: &str, drawn: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/cli/top/draw/golden")
        .join(name);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, drawn).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == drawn,
        "{} differs from what is drawn now ({WRITE}=1 writes it):\n{drawn}",
        path.display()
    );
}

#[test]
fn the_overview_fits_a_terminal_of_80_by_24() {
    let (model, now) = model();
    assert_golden("overview_80x24.txt", &drawn(&model, now, 80, 24));
}

#[test]
fn a_larger_terminal_shows_more() {
    let (model, now) = model();
    assert_golden("overview_132x43.txt", &drawn(&model, now, 132, 43));
}

#[test]
fn every_pane_at_80_by_24() {
    let (mut model, now) = model();
    for pane in Pane::ALL.into_iter().skip(1) {
        model.pane = pane;
        let name = format!("{}_80x24.txt", pane.name().to_lowercase());
        assert_golden(&name, &drawn(&model, now, 80, 24));
    }
}

#[test]
fn help_and_the_filter_are_drawn() {
    let (mut model, now) = model();
    model.press(KeyCode::Char('?').into());
    assert_golden("help_80x24.txt", &drawn(&model, now, 80, 24));
    model.press(KeyCode::Esc.into());
    for key in "6/slow".chars() {
        model.press(KeyCode::Char(key).into());
    }
    let typing = drawn(&model, now, 80, 24);
    assert!(typing.contains("filter: slow_"), "{typing}");
    assert!(
        typing.contains("slow-logger") && !typing.contains("maker"),
        "{typing}"
    );
}

#[test]
fn a_gateway_that_is_away_is_told_before_anything_else() {
    let (mut model, now) = model();
    model.take(Err("no gateway answers at /run/x".to_owned()), now);
    let text = drawn(&model, now + Duration::from_secs(12), 80, 24);
    let mut lines = text.lines();
    assert!(lines.next().unwrap().ends_with("AWAY"), "{text}");
    let told = "away for 12 s, looked for again: no gateway answers at /run/x";
    assert_eq!(lines.next(), Some(told));
    assert!(
        text.contains("slow-logger"),
        "the last picture stays:\n{text}"
    );
    model.picture = None;
    assert!(drawn(&model, now, 80, 24).contains("away for 0.0 s"));
}

#[test]
fn no_size_and_no_pane_panics_and_no_name_reaches_the_terminal() {
    let (mut model, now) = model();
    for pane in Pane::ALL {
        model.pane = pane;
        for (width, height) in [(1, 1), (3, 2), (20, 5), (40, 12), (79, 23), (300, 100)] {
            for help in [false, true] {
                model.help = help;
                let text = drawn(&model, now, width, height);
                assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
            }
        }
    }
}

#[test]
fn losses_are_red_and_what_wants_attention_is_yellow() {
    let (model, now) = model();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, &model, now)).unwrap();
    let buffer = terminal.backend().buffer();
    let colour_of = |word: &str| {
        let row = (0..24).find(|y| {
            let text: String = (0..80).map(|x| buffer[(x, *y)].symbol()).collect();
            text.starts_with(word)
        });
        buffer[(0, row.unwrap())].fg
    };
    assert_eq!(colour_of("slow-logger"), Color::Red);
    assert_eq!(colour_of("maker"), Color::Reset);
    assert_eq!(colour_of("eth2"), Color::Red);
    assert_eq!(colour_of("itch  "), Color::Yellow);
}

#[test]
fn rows_are_shared_out_one_by_one() {
    assert_eq!(shares([1, 10, 0], 5), [1, 3, 1]);
    assert_eq!(shares([1, 1, 1], 2), [1, 1, 0]);
    assert_eq!(shares([2, 0, 1], 100), [2, 1, 1]);
}

#[test]
fn once_prints_everything_as_text() {
    let (model, _) = model();
    let text = page(model.picture.as_ref().unwrap());
    for expected in [
        "eth2",
        "239.77.0.2:26400",
        "slow-logger",
        "ring_pub",
        "not_named",
        "cpu-governor",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    assert!(!text.contains('\x1b'));
}
