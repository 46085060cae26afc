//! Tables as lines: every column as wide as what is in it, and words cut where the whole is too wide.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{BOLD, style_of};
use crate::cli::top::tables::{Sort, Table};

/// Between two columns, where there is room.
const GAP: usize = 2;
/// Between two columns, where there is not.
const GAP_MIN: usize = 1;
/// Columns of numbers do not get narrower, so that nothing jumps when a number grows.
const NUMBER_MIN: usize = 5;
/// Columns of words are cut no further.
const WORDS_MIN: usize = 6;

/// Which rows are wanted, and whether the head tells how they are sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) from: usize,
    pub(super) rows: usize,
    pub(super) sort: Option<Sort>,
}

/// The head and the rows of `table` in `width` columns of the terminal.
pub(super) fn written(table: &Table, width: usize, shown: Shown) -> Vec<Line<'static>> {
    let titles: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| match shown.sort {
            Some(sort) if sort.column == index => {
                format!(
                    "{}{}",
                    column.title,
                    if sort.descending { '↓' } else { '↑' }
                )
            }
            _ => column.title.to_owned(),
        })
        .collect();
    let (widths, gap) = widths(table, &titles, width);
    let line = |cells: &mut dyn Iterator<Item = &str>, style: Style| {
        let mut text = String::new();
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                text.push_str(&" ".repeat(gap));
            }
            let cell = cut(cell, widths[index]);
            let space = " ".repeat(widths[index].saturating_sub(wide(&cell)));
            if table.columns[index].is_number {
                text = text + &space + &cell;
            } else {
                text = text + &cell + &space;
            }
        }
        Line::from(Span::styled(text.trim_end().to_owned(), style))
    };
    let mut lines = vec![line(&mut titles.iter().map(String::as_str), BOLD)];
    for row in table.rows.iter().skip(shown.from).take(shown.rows) {
        let mut cells = row.cells.iter().map(|cell| cell.text.as_str());
        lines.push(line(&mut cells, style_of(row.tone)));
    }
    lines
}

/// The width of each column, and how far they are apart.
fn widths(table: &Table, titles: &[String], width: usize) -> (Vec<usize>, usize) {
    let mut widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = table.rows.iter().map(|row| wide(&row.cells[index].text));
            let least = if column.is_number { NUMBER_MIN } else { 0 };
            cells
                .max()
                .unwrap_or(0)
                .max(wide(&titles[index]))
                .max(least)
        })
        .collect();
    let between = widths.len().saturating_sub(1);
    let fits = widths.iter().sum::<usize>() + GAP * between <= width;
    let gap = if fits { GAP } else { GAP_MIN };
    let gaps = gap * between;
    // The widest words give way first.
    while widths.iter().sum::<usize>() + gaps > width {
        let words = (0..widths.len()).filter(|index| !table.columns[*index].is_number);
        let widest = words.max_by_key(|index| widths[*index]);
        match widest.map(|index| &mut widths[index]) {
            Some(widest) if *widest > WORDS_MIN => *widest -= 1,
            _ => break,
        }
    }
    (widths, gap)
}

fn wide(text: &str) -> usize {
    Span::raw(text).width()
}

/// `text` in at most `width` columns; where it is cut, it ends with `…`.
fn cut(text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for character in text.chars() {
        cut.push(character);
        if wide(&cut) >= width {
            cut.pop();
            break;
        }
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        assert_eq!(cut("strategy", 8), "strategy");
        assert_eq!(cut("strategy", 5), "stra…");
        // Characters that are two columns wide.
        assert_eq!(cut("行情行情", 5), "行情…");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_never_wider_than_its_column(text in any::<String>(), width in 1usize..40) {
            let cut = cut(&crate::view::clean(&text), width);
            prop_assert!(wide(&cut) <= width, "{:?} in {}", cut, width);
        }
    }
}
