//! What `gateway top` shows, and what keys do to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::source::Look;
use super::tables::{Pane, Sort, table};
use crate::service::status::Status;
use crate::view::{Picture, clean, picture};

/// Points of the sparklines: more than a terminal is wide.
const HISTORY_MAX: usize = 512;
/// Characters of a filter.
const FILTER_MAX: usize = 64;

/// One look's part of the sparklines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) messages_per_s: Option<u64>,
    pub(super) lost: Option<u64>,
    /// By stage, in the picture's order: p50, p99, p99.9 of that interval in nanoseconds.
    pub(super) latency: Vec<Option<[u64; 3]>>,
}

impl Point {
    fn of(picture: &Picture) -> Self {
        Self {
            messages_per_s: picture.totals.messages_per_s.map(|rate| rate as u64),
            lost: picture.totals.lost_now,
            latency: picture.stages.iter().map(|stage| stage.now).collect(),
        }
    }
}

/// Whether the gateway answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Link {
    /// Nothing is known yet.
    Unknown,
    Answers,
    Away {
        since: Instant,
        why: String,
    },
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Quit,
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) pane: Pane,
    sorts: [Sort; Pane::ALL.len()],
    pub(super) filter: String,
    /// Whether keys go to the filter.
    pub(super) typing: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    /// The first row that is shown.
    pub(super) scroll: usize,
    pub(super) picture: Option<Picture>,
    pub(super) history: VecDeque<Point>,
    pub(super) link: Link,
    before: Option<Box<Status>>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            pane: Pane::Overview,
            sorts: Pane::ALL.map(Pane::first_sort),
            filter: String::new(),
            typing: false,
            paused: false,
            help: false,
            scroll: 0,
            picture: None,
            history: VecDeque::new(),
            link: Link::Unknown,
            before: None,
        }
    }

    /// How the rows of `pane` are sorted.
    pub(super) fn sort(&self, pane: Pane) -> Sort {
        self.sorts[pane as usize]
    }

    /// How long the gateway has not answered.
    pub(super) fn away_for(&self, now: Instant) -> Option<(Duration, &str)> {
        match &self.link {
            Link::Away { since, why } => Some((now.saturating_duration_since(*since), why)),
            Link::Unknown | Link::Answers => None,
        }
    }

    /// Takes a look that came at `now`. While paused the picture stays, and rates go on from the last look afterwards.
    pub(super) fn take(&mut self, look: Look, now: Instant) {
        let status = match look {
            Ok(status) => status,
            Err(why) => {
                let since = match self.link {
                    Link::Away { since, .. } => since,
                    _ => now,
                };
                let why = clean(&why);
                self.link = Link::Away { since, why };
                return;
            }
        };
        self.link = Link::Answers;
        if !self.paused {
            let picture = picture(self.before.as_deref(), &status);
            if self.history.len() == HISTORY_MAX {
                self.history.pop_front();
            }
            self.history.push_back(Point::of(&picture));
            self.picture = Some(picture);
        }
        self.before = Some(status);
    }

    /// Does what a key stands for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Next {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Next::Quit;
        }
        if control || key.modifiers.contains(KeyModifiers::ALT) {
            return Next::GoOn;
        }
        if self.typing {
            self.type_filter(key.code);
            return Next::GoOn;
        }
        if self.help {
            self.help = false;
            return match key.code {
                KeyCode::Char('q') => Next::Quit,
                _ => Next::GoOn,
            };
        }
        match key.code {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Esc => {
                self.filter.clear();
                self.scroll = 0;
            }
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = true,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/' | 'f') => self.typing = true,
            KeyCode::Char('s') => self.sort_by(1),
            KeyCode::Char('S') => self.sort_by(-1),
            KeyCode::Char('r') => {
                let sort = &mut self.sorts[self.pane as usize];
                sort.descending = !sort.descending;
            }
            KeyCode::Char(digit @ '1'..='9') => {
                if let Some(pane) = Pane::ALL.get(digit as usize - '1' as usize) {
                    self.show(*pane);
                }
            }
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.turn(1),
            KeyCode::BackTab | KeyCode::Left => self.turn(Pane::ALL.len() - 1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll_by(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll_by(-1),
            KeyCode::PageDown => self.scroll_by(10),
            KeyCode::PageUp => self.scroll_by(-10),
            KeyCode::Home | KeyCode::Char('g') => self.scroll = 0,
            KeyCode::End | KeyCode::Char('G') => self.scroll_by(isize::MAX),
            _ => {}
        }
        Next::GoOn
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) if !character.is_control() => {
                if self.filter.chars().count() < FILTER_MAX {
                    self.filter.push(character);
                }
            }
            _ => return,
        }
        self.scroll = 0;
    }

    fn sort_by(&mut self, step: isize) {
        let columns = self.pane.columns();
        if columns.is_empty() {
            return;
        }
        let sort = &mut self.sorts[self.pane as usize];
        let column = (sort.column + columns.len()).saturating_add_signed(step) % columns.len();
        *sort = Sort {
            column,
            descending: columns[column].is_number,
        };
    }

    fn turn(&mut self, steps: usize) {
        self.show(Pane::ALL[(self.pane as usize + steps) % Pane::ALL.len()]);
    }

    fn show(&mut self, pane: Pane) {
        self.pane = pane;
        self.scroll = 0;
    }

    fn scroll_by(&mut self, rows: isize) {
        let count = self.picture.as_ref().map_or(0, |picture| {
            let sort = self.sort(self.pane);
            table(self.pane, picture, sort, &self.filter).rows.len()
        });
        let scrolled = self.scroll.saturating_add_signed(rows);
        self.scroll = scrolled.min(count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
