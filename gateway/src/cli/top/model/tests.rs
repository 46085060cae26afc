#![allow(clippy::unwrap_used)]

use ratatui::crossterm::event::KeyCode;

use super::*;
use crate::service::status::{ChannelStatus, ReaderStatus};

/// A look at a gateway with these readers: name and lag.
fn look(uptime_s: f64, readers: &[(&str, u64)]) -> Look {
    let reader = |(id, (name, lag)): (usize, &(&str, u64))| ReaderStatus {
        id: id as u64,
        name: (*name).to_owned(),
        lag: *lag,
        ..ReaderStatus::default()
    };
    Ok(Box::new(Status {
        pid: 1,
        ready: true,
        uptime_s,
        readers: readers.iter().enumerate().map(reader).collect(),
        channels: vec![ChannelStatus {
            messages: (uptime_s * 100.0) as u64,
            ..ChannelStatus::default()
        }],
        ..Status::default()
    }))
}

fn press(model: &mut Model, keys: &str) {
    for key in keys.chars() {
        assert_eq!(model.press(KeyCode::Char(key).into()), Next::GoOn);
    }
}

fn names(model: &Model) -> Vec<String> {
    let sort = model.sort(model.pane);
    let table = table(
        model.pane,
        model.picture.as_ref().unwrap(),
        sort,
        &model.filter,
    );
    let name = |row: &super::super::tables::Row| row.cells[0].text.clone();
    table.rows.iter().map(name).collect()
}

fn with_readers(readers: &[(&str, u64)]) -> Model {
    let mut model = Model::new();
    model.take(look(1.0, readers), Instant::now());
    press(&mut model, "6");
    assert_eq!(model.pane, Pane::Readers);
    model
}

#[test]
fn readers_are_sorted_by_lag_first_and_by_any_column_then() {
    let mut model = with_readers(&[("b", 5), ("C", 50), ("a", 500)]);
    assert_eq!(names(&model), ["a", "C", "b"]);
    press(&mut model, "r");
    assert_eq!(names(&model), ["b", "C", "a"]);
    // To the queue, and to the name: words begin with the first letter, whatever its case.
    press(&mut model, "SS");
    assert_eq!(names(&model), ["a", "b", "C"]);
    // Around the end, and back.
    press(&mut model, "Ss");
    assert_eq!(names(&model), ["a", "b", "C"]);
}

#[test]
fn a_filter_shows_what_has_its_letters_until_it_is_dropped() {
    let mut model = with_readers(&[("alpha", 3), ("beta", 2), ("gamma", 1)]);
    press(&mut model, "/MMq");
    assert!(model.typing, "letters of commands are letters here");
    model.press(KeyCode::Backspace.into());
    assert_eq!(names(&model), ["gamma"]);
    model.press(KeyCode::Enter.into());
    press(&mut model, "s");
    assert_eq!((model.filter.as_str(), names(&model).len()), ("MM", 1));
    model.press(KeyCode::Esc.into());
    assert_eq!(names(&model).len(), 3);
    press(&mut model, "/");
    press(&mut model, &"x".repeat(1_000));
    assert_eq!(model.filter.len(), FILTER_MAX);
}

#[test]
fn a_pause_keeps_the_picture_and_rates_go_on_from_the_last_look() {
    let mut model = Model::new();
    let now = Instant::now();
    model.take(look(1.0, &[]), now);
    model.take(look(2.0, &[]), now);
    press(&mut model, "p");
    let kept = model.picture.clone();
    model.take(look(12.0, &[]), now);
    assert_eq!((model.picture.clone(), model.history.len()), (kept, 2));
    press(&mut model, " ");
    model.take(look(13.0, &[]), now);
    let picture = model.picture.unwrap();
    assert_eq!(picture.interval_s, Some(1.0));
    assert_eq!(picture.totals.messages_per_s, Some(100.0));
}

#[test]
fn a_gateway_that_is_away_is_said_to_be_and_its_last_picture_stays() {
    let mut model = Model::new();
    let start = Instant::now();
    let later = start + Duration::from_secs(5);
    model.take(look(10.0, &[]), start);
    model.take(Err("no gateway\x1b answers".to_owned()), start);
    model.take(Err("no gateway\x1b answers".to_owned()), later);
    let (time, why) = model.away_for(later).unwrap();
    assert_eq!(time, Duration::from_secs(5));
    assert_eq!(why, "no gateway\\u{1b} answers");
    assert!(model.picture.is_some());
    // It comes back as another process: there is nothing to take the difference with.
    model.take(look(0.5, &[]), later);
    assert_eq!(model.away_for(later), None);
    assert_eq!(model.picture.unwrap().interval_s, None);
}

#[test]
fn history_and_scrolling_stay_within_bounds() {
    let readers: Vec<(String, u64)> = (0..30).map(|n| (format!("r{n:02}"), n)).collect();
    let readers: Vec<(&str, u64)> = readers.iter().map(|(n, l)| (n.as_str(), *l)).collect();
    let mut model = with_readers(&readers);
    for turn in 0..2 * HISTORY_MAX {
        model.take(look(2.0 + turn as f64, &readers), Instant::now());
    }
    assert_eq!(model.history.len(), HISTORY_MAX);
    press(&mut model, "G");
    assert_eq!(model.scroll, 29);
    model.press(KeyCode::PageDown.into());
    assert_eq!(model.scroll, 29);
    model.press(KeyCode::PageUp.into());
    assert_eq!(model.scroll, 19);
    // Another pane begins at its top.
    model.press(KeyCode::BackTab.into());
    assert_eq!((model.pane, model.scroll), (Pane::Queues, 0));
}

#[test]
fn help_is_left_by_any_key_and_every_way_out_works() {
    let mut model = with_readers(&[]);
    press(&mut model, "?");
    assert!(model.help);
    press(&mut model, "s");
    assert!(!model.help);
    assert_eq!(model.press(KeyCode::Char('q').into()), Next::Quit);
    press(&mut model, "?");
    assert_eq!(model.press(KeyCode::Char('q').into()), Next::Quit);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    press(&mut model, "/");
    assert_eq!(model.press(control_c), Next::Quit);
}

#[test]
fn every_key_in_every_pane_does_no_harm() {
    let mut model = with_readers(&[("a", 1)]);
    for _ in 0..3 {
        for letter in (' '..='~').filter(|c| *c != 'q') {
            model.press(KeyCode::Char(letter).into());
            model.press(KeyCode::Esc.into());
            names(&model);
        }
        for code in [KeyCode::Tab, KeyCode::End, KeyCode::Down, KeyCode::F(5)] {
            model.press(code.into());
        }
    }
}
