//! `docs/pitfalls.md` has all pitfalls, and says of none what is not there.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// How many there are.
const PITFALLS: usize = 76;

/// A line of the tables.
struct Row<'a> {
    number: usize,
    pitfall: &'a str,
    state: &'a str,
    place: &'a str,
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut cells = line
        .strip_prefix("| ")?
        .strip_suffix(" |")?
        .splitn(4, " | ");
    Some(Row {
        number: cells.next()?.parse().ok()?,
        pitfall: cells.next()?,
        state: cells.next()?,
        place: cells.next()?,
    })
}

/// What stands between `open` and `close`, each time.
fn quoted(text: &str, open: char, close: char) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..]
        .find(open)
        .map(|start| at + start + open.len_utf8())
    {
        let Some(end) = text[start..].find(close).map(|end| start + end) else {
            break;
        };
        found.push((end + close.len_utf8(), &text[start..end]));
        at = end + close.len_utf8();
    }
    found
}

/// A file of the repository: it has a folder or is one of those at its top.
fn is_file(token: &str) -> bool {
    let known = [".rs", ".toml", ".md", ".lock"];
    !token.contains(' ') && !token.contains('*') && known.iter().any(|end| token.ends_with(end))
}

#[test]
fn every_pitfall_has_its_line_and_what_it_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/pitfalls.md")).unwrap();
    let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
    let numbers: Vec<usize> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=PITFALLS).collect::<Vec<_>>());
    for Row {
        number,
        pitfall,
        state,
        place,
    } in &rows
    {
        assert!(pitfall.len() > 20 && place.len() > 5, "{number} is empty");
        let states = ["handled", "refused", "does not apply", "not handled"];
        assert!(states.contains(state), "{number}: {state:?} is no state");
        let mut files = String::new();
        for (end, token) in quoted(place, '`', '`') {
            if !is_file(token) {
                continue;
            }
            let content = std::fs::read_to_string(root.join(token))
                .unwrap_or_else(|error| panic!("{number}: {token}: {error}"));
            // The names in parentheses behind a file are in it.
            if let Some(names) = place[end..].strip_prefix(" (") {
                let (names, _) = names.split_once("`)").unwrap();
                for (_, name) in quoted(&format!("{names}`"), '`', '`') {
                    assert!(content.contains(name), "{number}: {token} has no {name:?}");
                }
            }
            files.push_str(&content);
        }
        // Lines of a message may be broken in the source.
        let unbroken = files.replace("\\\n", " ");
        let unbroken: Vec<&str> = unbroken.split_whitespace().collect();
        let unbroken = unbroken.join(" ");
        let words = quoted(place, '“', '”');
        for (_, words) in &words {
            assert!(unbroken.contains(words), "{number}: nothing says {words:?}");
        }
        let says_so = *state != "refused" || !words.is_empty();
        assert!(says_so, "{number}: refused, with which words?");
        assert!(
            *state != "handled" || !files.is_empty(),
            "{number}: handled, but where?"
        );
    }
}
