//! What differs between two configurations, key by key, in the words of their files.
//!
//! What is written is compared, not what it stands for, so that old and new are told as the operator knows them. An item
//! whose every key means the same (a default that is now written out) does not differ.

use toml::{Table, Value};

use super::lines;
use crate::config::Config;
use crate::service::status::{Difference, DifferenceKind};

/// Kinds of items, and their keys that apply to a running gateway.
const KINDS: [(&str, &[&str]); 7] = [
    ("interface", &[]),
    ("capture", &[]),
    ("worker", &[]),
    ("channel", &["lines"]),
    ("queue", &["symbols", "classes"]),
    ("book", &[]),
    ("entitlement", &["*"]),
];
/// Those of `[gateway]`.
const GATEWAY: &[&str] = &["max_clients", "max_clients_per_user"];

/// What differs, in the order of the kinds, and of the files within each.
pub(super) fn between(old: &Config, new: &Config) -> Vec<Difference> {
    let mut all = Vec::new();
    if old.gateway != new.gateway {
        let table = |config: &Config| config.written.get("gateway")?.as_table().cloned();
        let (old, new) = (
            table(old).unwrap_or_default(),
            table(new).unwrap_or_default(),
        );
        keys("gateway", &old, &new, GATEWAY, &mut all);
    }
    for (kind, live) in KINDS {
        let (before, after) = (items(old, kind), items(new, kind));
        let named = |items: &[(String, Table)], name: &str| {
            let found = items.iter().find(|(of, _)| of == name);
            found.map(|(_, table)| table.clone())
        };
        for (name, table) in &before {
            match named(&after, name) {
                None => all.push(whole(kind, name, DifferenceKind::Removed, live)),
                Some(_) if same(old, new, kind, name) => {}
                Some(later) => {
                    keys(&format!("{kind} \"{name}\""), table, &later, live, &mut all);
                }
            }
        }
        for (name, _) in &after {
            if named(&before, name).is_none() {
                all.push(whole(kind, name, DifferenceKind::Added, live));
            }
        }
    }
    for difference in &mut all {
        explain(difference, old, new);
    }
    all
}

/// What waits for the next start, by item, such as `queue "all": slots`.
pub(super) fn waiting(differences: &[Difference]) -> Vec<String> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for difference in differences.iter().filter(|d| d.at_restart) {
        let what = match difference.kind {
            DifferenceKind::Added => "added".to_owned(),
            DifferenceKind::Removed => "removed".to_owned(),
            DifferenceKind::Changed => difference.key.clone(),
        };
        let what = match &difference.why {
            Some(why) => format!("{what} ({why})"),
            None => what,
        };
        match all.iter_mut().find(|(item, _)| *item == difference.item) {
            Some((_, keys)) => keys.push(what),
            None => all.push((difference.item.clone(), vec![what])),
        }
    }
    let text = |(item, keys): (String, Vec<String>)| format!("{item}: {}", keys.join(", "));
    all.into_iter().map(text).collect()
}

fn items(config: &Config, kind: &str) -> Vec<(String, Table)> {
    let array = config.written.get(kind).and_then(Value::as_array);
    let tables = array.into_iter().flatten().filter_map(Value::as_table);
    tables
        .filter_map(|table| Some((table.get("name")?.as_str()?.to_owned(), table.clone())))
        .collect()
}

/// Whether an item that both have means the same in both.
fn same(old: &Config, new: &Config, kind: &str, name: &str) -> bool {
    /// Compares those of this name.
    fn of<T: PartialEq>(old: &[T], new: &[T], name: impl Fn(&T) -> bool) -> bool {
        old.iter().find(|item| name(item)) == new.iter().find(|item| name(item))
    }
    match kind {
        "interface" => of(&old.interfaces, &new.interfaces, |i| i.name == name),
        "capture" => of(&old.captures, &new.captures, |i| i.name == name),
        "worker" => of(&old.workers, &new.workers, |i| i.name == name),
        "channel" => of(&old.channels, &new.channels, |i| i.name == name),
        "queue" => of(&old.queues, &new.queues, |i| i.name == name),
        "book" => of(&old.books, &new.books, |i| i.name == name),
        _ => of(&old.entitlements, &new.entitlements, |i| i.name == name),
    }
}

fn whole(kind: &str, name: &str, what: DifferenceKind, live: &[&str]) -> Difference {
    Difference {
        item: format!("{kind} \"{name}\""),
        kind: what,
        at_restart: live != ["*"],
        ..Difference::default()
    }
}

fn keys(item: &str, old: &Table, new: &Table, live: &[&str], all: &mut Vec<Difference>) {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for key in names {
        let (before, after) = (old.get(key), new.get(key));
        if before == after {
            continue;
        }
        // A table within an item: its own keys are what differs.
        let table = |value: Option<&Value>| value.and_then(Value::as_table).cloned();
        if let (Some(before), Some(after)) = (table(before), table(after)) {
            let from = all.len();
            keys(item, &before, &after, &[], all);
            for difference in &mut all[from..] {
                difference.key = format!("{key}.{}", difference.key);
            }
            continue;
        }
        all.push(Difference {
            item: item.to_owned(),
            kind: DifferenceKind::Changed,
            key: key.clone(),
            old: before.map(Value::to_string),
            new: after.map(Value::to_string),
            at_restart: !live.contains(&"*") && !live.contains(&key.as_str()),
            why: None,
        });
    }
}

/// A filter of a queue that a book is built from stays: orders that come into view would be unknown to the book. Lines move,
/// but do not come, go, or change their inputs.
fn explain(difference: &mut Difference, old: &Config, new: &Config) {
    if difference.at_restart {
        return;
    }
    if let Some(name) = difference.item.strip_prefix("channel \"") {
        difference.at_restart = !lines::can_move(old, new, name.trim_end_matches('"'));
        return;
    }
    let book_of = |config: &Config| {
        let mut books = config.books.iter();
        let book = books.find(|book| {
            difference.item == format!("queue \"{}\"", config.queues[book.queue].name)
        });
        book.map(|book| book.name.clone())
    };
    if let Some(book) = book_of(old).or_else(|| book_of(new)) {
        difference.at_restart = true;
        difference.why = Some(format!("book \"{book}\" is built from it"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    const RUNNING: &str = r#"
[[interface]]
name = "eth1"
[[worker]]
name = "w0"
inputs = ["eth1"]
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{ group = "239.1.1.1", port = 5001 }]
[[queue]]
name = "all"
channels = ["itch"]
"#;

    fn after(change: impl Fn(&str) -> String) -> Vec<Difference> {
        let parse = |text: &str| crate::config::parse(text, Path::new(".")).unwrap();
        between(&parse(RUNNING), &parse(&change(RUNNING)))
    }

    fn waiting_after(change: impl Fn(&str) -> String) -> Vec<String> {
        waiting(&after(change))
    }

    #[test]
    fn what_waits_for_a_restart_is_named_and_what_does_not_is_not() {
        assert!(after(str::to_owned).is_empty());
        let applied = after(|text| {
            format!(
                "[gateway]\nmax_clients = 9\nmax_clients_per_user = 3\n{text}symbols = [\"A\"]\n\
                 [[entitlement]]\nname = \"e\"\nusers = [1]\nqueues = [\"*\"]\n"
            )
        });
        assert_eq!(applied.len(), 4, "{applied:?}");
        assert!(applied.iter().all(|d| !d.at_restart), "{applied:?}");
        let changed = waiting_after(|text| {
            text.replace(
                "name = \"all\"",
                "name = \"all\"\nslots = 1024\nsymbols = [\"A\"]",
            )
            .replace(
                "port = 5001 }",
                "port = 5001 }, { group = \"239.1.1.2\", port = 5001 }",
            )
        });
        assert_eq!(changed, ["channel \"itch\": lines", "queue \"all\": slots"]);
        assert!(waiting_after(|text| text.replace("port = 5001", "port = 5002")).is_empty());
        let renamed = waiting_after(|text| {
            let text = text.replace("name = \"all\"", "name = \"every\"");
            format!("[gateway]\nmetrics_listen = \"\"\n{text}")
        });
        assert_eq!(
            renamed,
            [
                "gateway: metrics_listen",
                "queue \"all\": removed",
                "queue \"every\": added"
            ]
        );
    }

    #[test]
    fn old_and_new_are_told_as_they_are_written() {
        let all = after(|text| {
            text.replace(
                "inputs = [\"eth1\"]",
                "inputs = [\"eth1\"]\ncore = 3\nwait = \"spin\"",
            )
        });
        let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "worker \"w0\": core: not set → 3",
                "worker \"w0\": wait: not set → \"spin\""
            ]
        );
    }

    #[test]
    fn a_default_that_is_written_out_and_items_in_another_order_do_not_differ() {
        assert!(after(|text| text.replace("channels =", "slots = 65536\nchannels =")).is_empty());
        // The queue's channel has another number now, and is the same.
        let first = after(|text| {
            let other = "[[channel]]\nname = \"other\"\nfeed = \"nasdaq-itch50\"\nworker = \"w0\"\n\
                         lines = [{ group = \"239.1.1.9\", port = 5001 }]\n";
            text.replacen("[[channel]]", &format!("{other}[[channel]]"), 1)
        });
        let items: Vec<&str> = first.iter().map(|d| d.item.as_str()).collect();
        assert_eq!(items, ["channel \"other\""]);
    }

    #[test]
    fn keys_of_recovery_are_named_each() {
        let with = |server: &str| {
            let recovery = format!("\n[channel.recovery]\nrerequest = [\"{server}\"]\n[[queue]]");
            RUNNING.replace("\n[[queue]]", &recovery)
        };
        let parse = |text: &str| crate::config::parse(text, Path::new(".")).unwrap();
        let all = between(&parse(&with("10.0.0.1:1")), &parse(&with("10.0.0.2:1")));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].key, "recovery.rerequest");
    }

    #[test]
    fn gap_response_lines_stay_where_they_are_until_the_next_start() {
        let with = |port: u16, response: &str| {
            let channel = "feed = \"cboe-pitch-equities\"\nunit = 3\non_gap = \"recover\"";
            let recovery = format!(
                "\n[channel.recovery]\ngap_request = [{{ address = \"10.1.1.1:1\", session_sub_id = \"1\", \
                 username = \"U\", password_env = \"P\" }}]\ngap_response = [{{ {response}, port = 6001 }}]\n[[queue]]"
            );
            let text = RUNNING.replace("feed = \"nasdaq-itch50\"", channel);
            let text = text.replace("\n[[queue]]", &recovery);
            let text = text.replace("port = 5001", &format!("port = {port}"));
            crate::config::parse(&text, Path::new(".")).unwrap()
        };
        let mut running = with(5001, "group = \"239.1.1.8\"");
        let new = with(5002, "group = \"239.1.1.9\"");
        let all = between(&running, &new);
        assert_eq!(waiting(&all), ["channel \"itch\": recovery.gap_response"]);
        lines::move_in(&mut running, &new).unwrap();
        let lines: Vec<_> = running.channels[0].lines.iter().collect();
        assert_eq!(
            (lines[0].port, lines[1].group),
            (5002, [239, 1, 1, 8].into())
        );
    }

    #[test]
    fn units_that_share_a_group_and_port_move_together_or_not_at_all() {
        let with = |third: u16, fourth: u16| {
            let unit = |name: &str, unit: u8, port: u16| {
                format!(
                    "[[channel]]\nname = \"{name}\"\nfeed = \"cboe-pitch-equities\"\nunit = {unit}\n\
                     worker = \"w0\"\nlines = [{{ group = \"239.1.1.9\", port = {port} }}]\n"
                )
            };
            let units = format!(
                "{}{}[[queue]]",
                unit("three", 3, third),
                unit("four", 4, fourth)
            );
            crate::config::parse(&RUNNING.replace("[[queue]]", &units), Path::new(".")).unwrap()
        };
        let ports = |config: &Config| [1, 2].map(|channel| config.channels[channel].lines[0].port);
        let mut together = with(6001, 6001);
        lines::move_in(&mut together, &with(6002, 6002)).unwrap();
        assert_eq!(ports(&together), [6002, 6002]);
        let apart = lines::move_in(&mut with(6001, 6001), &with(6001, 6002));
        assert!(apart.unwrap_err().contains("would go apart"));
        let merged = lines::move_in(&mut with(6001, 6002), &with(6002, 6002));
        let merged = merged.unwrap_err();
        assert!(
            merged.contains("239.1.1.9:6002") && merged.contains("\"three\""),
            "{merged}"
        );
        let mut moved = with(6001, 6002);
        lines::move_in(&mut moved, &with(6003, 6002)).unwrap();
        assert_eq!(ports(&moved), [6003, 6002]);
    }

    #[test]
    fn the_filter_of_a_books_queue_waits_and_says_why() {
        let book = "[[book]]\nname = \"b\"\nqueue = \"all\"\n";
        let with = |filter: &str| format!("{RUNNING}{filter}{book}");
        let parse = |text: &str| crate::config::parse(text, Path::new(".")).unwrap();
        let all = between(&parse(&with("")), &parse(&with("symbols = [\"A\"]\n")));
        assert_eq!(
            waiting(&all),
            ["queue \"all\": symbols (book \"b\" is built from it)"]
        );
    }
}
