#![allow(clippy::unwrap_used)]

use std::path::Path;

use gateway_feed::class::Classes;

use super::accounts::Accounts;
use super::document::{Document, Findings};
use super::model::{Conflated, ConflatedRecords, Feed, Input, Records, Venue, Wait};
use super::raw::RawConfig;
use super::{Config, Problem, parse, parse_with};
use crate::ingest::Tier;

const MANUAL: &str = include_str!("../../../config/gateway.toml");

/// A small file that is right; tests change one thing of it.
const GOOD: &str = r#"
[[interface]]
name = "eth1"
[[worker]]
name = "w0"
inputs = ["eth1"]
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{ name = "A", group = "239.1.1.1", port = 5001 }, { name = "B", group = "239.1.1.2", port = 5002 }]
[[queue]]
name = "all"
channels = ["itch"]
"#;

fn problems(source: &str) -> Vec<Problem> {
    parse(source, Path::new("/etc/gateway")).unwrap_err()
}

/// The one problem of `GOOD` with `from` replaced by `to`.
fn only(from: &str, to: &str) -> Problem {
    assert!(GOOD.contains(from), "{from}");
    let mut found = problems(&GOOD.replacen(from, to, 1));
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn a_small_file_gets_the_documented_defaults() {
    let config = parse(GOOD, Path::new("/etc/gateway")).unwrap();
    assert_eq!(
        config.gateway.broker_socket,
        Path::new("/run/gateway/broker.sock")
    );
    let listens = config.gateway.metrics_listen.unwrap().to_string();
    assert_eq!(listens, "127.0.0.1:9464");
    assert_eq!(config.interfaces[0].lowest_tier, Tier::Socket);
    assert_eq!(config.channels[0].lines[1].inputs, [Input::Interface(0)]);
    assert_eq!(config.channels[0].hold_timeout.as_micros(), 1000);
    assert_eq!(config.channels[0].venue, Venue::Nasdaq);
    assert_eq!(config.queues[0].slots, 65_536);
    assert_eq!(config.queues[0].records, Records::Full);
    assert_eq!(config.channels[0].orders_max, 1_000_000);
    assert_eq!(config.queues[0].symbols, ["*"]);
}

#[test]
fn the_manual_parses() {
    parse(MANUAL, Path::new("/etc/gateway")).unwrap();
}

#[test]
fn the_manual_mentions_every_key() {
    let findings = Findings::default();
    // Every section once, so that every key is asked for.
    let document = Document::parse(
        "[gateway]\n[[interface]]\n[[capture]]\n[[worker]]\n[[channel]]\nlines = [{}]\n[channel.recovery]\nglimpse = [{}]\ngap_request = [{}]\ngap_response = [{}]\nspin = [{}]\nmarket_recovery = [{}]\ninstrument_definition = [{}]\n[[queue]]\n[[book]]\n[[entitlement]]\n",
        &findings,
    );
    RawConfig::read(&document, &findings);
    for key in findings.keys() {
        let name = key.rsplit('.').next().unwrap();
        let told = MANUAL.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ']);
            line.starts_with(&format!("{name} = "))
                || line.starts_with(&format!("{name}:"))
                || line.contains(&format!("[{name}]"))
                || line.contains(&format!(".{name}]"))
        });
        assert!(told, "config/gateway.toml does not tell of {key}");
    }
}

#[test]
fn the_manuals_recovery_parses_and_its_values_are_the_defaults() {
    let recovery = MANUAL.find("#[channel.recovery]").unwrap();
    let end = recovery + MANUAL[recovery..].find("\n\n").unwrap();
    // What is no sentence is a key that is commented out.
    let keys: Vec<&str> = MANUAL[recovery..end]
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')))
        .collect();
    let glimpse = "glimpse = [\n{ address = \"10.1.1.1:26420\", username = \"glimps\", password_env = \"P\" },\n]";
    let text = keys.join("\n").replace("glimpse = [\n]", glimpse);
    let with = |text: &str| format!("{}\n{}", MANUAL.replace("#[channel.recovery]", text), "");
    let of = |text: &str| {
        let config = parse(&with(text), Path::new("/etc/gateway")).unwrap();
        config.channels[0].recovery.clone().unwrap()
    };
    let written = of(&text);
    let bare = of(&format!(
        "[channel.recovery]\nrerequest = [\"10.1.1.1:26410\", \"10.1.1.2:26410\"]\n{glimpse}"
    ));
    assert_eq!(written.planner, bare.planner);
    assert_eq!(written.snapshot_timeout, bare.snapshot_timeout);
    assert_eq!(written.snapshot_bytes_max, bare.snapshot_bytes_max);
    assert_eq!(written.rerequest, bare.rerequest);
    assert!(written.source.is_some() && written.interface.is_some());
}

#[test]
fn syntax_types_unknown_keys_and_meaning_are_reported_together() {
    let found = problems(
        r#"
[gateway]
nmae = "x"
metrics_listen = 9464
log = "jsno"
[[worker]]
name = "w0"
inputs = ["eth1"]
[[queue]]
name = "q"
channels = ["nowhere"]
slots = 1000
records = "fulll"
bad line
"#,
    );
    let text = format!("{found:#?}");
    for expected in [
        "did you mean name?",
        "expected a string",
        "did you mean \\\"json\\\"?",
        "there is no input \\\"eth1\\\"",
        "there is no channel \\\"nowhere\\\"",
        "power of two",
        "not a kind of records",
        "not valid TOML",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(
        found
            .windows(2)
            .all(|pair| pair[0].line <= pair[1].line || pair[1].line == 0)
    );
    assert!(found.iter().all(|problem| !problem.remedy.is_empty()));
}

#[test]
fn all_unknown_keys_are_listed_with_the_nearest_name() {
    let found = problems(&GOOD.replace(
        "name = \"eth1\"",
        "name = \"eth1\"\nmod = \"auto\"\nlowest_teir = \"skb\"\nzzz = 1",
    ));
    assert_eq!(found.len(), 3);
    assert!(found[0].remedy.contains("did you mean mode?"));
    assert!(found[1].remedy.contains("did you mean lowest_tier?"));
    assert!(found[2].remedy.contains("the keys here are name, mode"));
    assert_eq!(
        (found[2].line, found[2].key.as_str()),
        (6, "interface[0].zzz")
    );
}

#[test]
fn names_are_unique_and_references_exist() {
    let twice = only("[[worker]]", "[[interface]]\nname = \"eth1\"\n[[worker]]");
    assert!(twice.what.contains("another input on line 3"), "{twice}");
    let worker = only("worker = \"w0\"", "worker = \"w1\"");
    assert!(worker.remedy.contains("did you mean \"w0\"?"), "{worker}");
    let name = only("name = \"all\"", "name = \"a b\"");
    assert_eq!(name.key, "queue[0].name");
}

#[test]
fn a_queue_stays_on_one_worker() {
    let source = format!(
        "{}\n[[interface]]\nname = \"eth2\"\n[[worker]]\nname = \"w1\"\ninputs = [\"eth2\"]\n\
         [[channel]]\nname = \"two\"\nfeed = \"nasdaq-itch50\"\nworker = \"w1\"\n\
         lines = [{{ group = \"239.1.1.3\", port = 1 }}]\n",
        GOOD.replace("channels = [\"itch\"]", "channels = [\"itch\", \"two\"]"),
    );
    let found = problems(&source);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].what.contains("one producer"));
    assert!(found[0].what.contains("\"w0\"") && found[0].what.contains("\"w1\""));
}

#[test]
fn lines_are_multicast_and_each_is_there_once() {
    let unicast = only("239.1.1.2", "10.1.1.2");
    assert!(unicast.what.contains("not an IPv4 multicast group"));
    assert_eq!(unicast.value.as_deref(), Some("\"10.1.1.2\""));
    let twice = only(
        "group = \"239.1.1.2\", port = 5002",
        "group = \"239.1.1.1\", port = 5001",
    );
    assert!(twice.what.contains("is a line already"), "{twice}");
    let port = only("port = 5002", "port = 70000");
    assert_eq!(port.key, "channel[0].lines[1].port");
    let zero = only("port = 5002", "port = 0");
    assert!(zero.what.contains("not a port"));
}

#[test]
fn tiers_leave_something_possible() {
    let reach = only(
        "name = \"eth1\"",
        "name = \"eth1\"\nmode = \"skb\"\nrequire = \"copy\"",
    );
    assert!(reach.what.contains("cannot reach"), "{reach}");
    let moot = only(
        "name = \"eth1\"",
        "name = \"eth1\"\nlowest_tier = \"copy\"\nrequire = \"skb\"",
    );
    assert!(moot.what.contains("never applies"), "{moot}");
    let fixed = only(
        "name = \"eth1\"",
        "name = \"eth1\"\nmode = \"copy\"\nlowest_tier = \"skb\"",
    );
    assert!(fixed.what.contains("and no other"), "{fixed}");
}

#[test]
fn a_venue_is_one_of_its_feed() {
    for (venue, publisher) in [("nasdaq", 2), ("bx", 3), ("psx", 4)] {
        let source = GOOD.replace("feed =", &format!("venue = \"{venue}\"\nfeed ="));
        let config = parse(&source, Path::new(".")).unwrap();
        assert_eq!(config.channels[0].publisher() as u16, publisher);
    }
    // Quotations are another dataset of DBN's.
    let bbo = GOOD.replace("nasdaq-itch50", "nasdaq-bbo");
    let config = parse(&bbo, Path::new(".")).unwrap();
    assert_eq!(config.channels[0].publisher() as u16, 46);
    let near = only("feed =", "venue = \"nasdaqq\"\nfeed =");
    assert_eq!(near.key, "channel[0].venue");
    assert!(near.remedy.contains("did you mean \"nasdaq\"?"), "{near}");
    let other = only("feed =", "venue = \"XNYS\"\nfeed =");
    assert!(other.remedy.contains("nasdaq, bx, psx"), "{other}");
}

#[test]
fn a_channel_of_pitch_is_a_unit_of_its_market_without_recovery() {
    let pitch = |rest: &str| {
        let feed = format!("feed = \"cboe-pitch-equities\"\n{rest}");
        GOOD.replace("feed = \"nasdaq-itch50\"", &feed)
    };
    let config = parse(&pitch("unit = 3"), Path::new(".")).unwrap();
    let channel = &config.channels[0];
    assert_eq!((channel.unit, channel.publisher() as u16), (Some(3), 5));
    let of = |rest: &str| problems(&pitch(rest)).remove(0);
    assert_eq!(of("").key, "channel[0].unit");
    assert_eq!(of("unit = 0").key, "channel[0].unit");
    assert_eq!(of("unit = 256").key, "channel[0].unit");
    let venue = of("unit = 1\nvenue = \"cfe\"");
    assert!(venue.remedy.contains("bzx, byx, edgx, edga"), "{venue}");
    let recover = of("unit = 1\non_gap = \"recover\"");
    assert_eq!(recover.key, "channel[0].on_gap");
    assert!(recover.what.contains("no server"), "{recover}");
    let other = only("feed =", "unit = 1\nfeed =");
    assert!(
        other.what.contains("\"nasdaq-itch50\" has no units"),
        "{other}"
    );
}

#[test]
fn numbers_are_in_range() {
    for (key, value) in [
        ("hold_timeout_us", "100000000"),
        ("hold_packets_max", "0"),
        ("hold_packets_max", "-1"),
    ] {
        let problem = only("feed =", &format!("{key} = {value}\nfeed ="));
        assert_eq!(problem.key, format!("channel[0].{key}"));
    }
    let slots = only(
        "channels = [\"itch\"]",
        "channels = [\"itch\"]\nslots = 3000",
    );
    assert!(slots.remedy.contains("4096 (256 KiB)"), "{slots}");
}

#[test]
fn captures_have_a_worker_of_their_own() {
    let problem = only(
        "[[worker]]\nname = \"w0\"\ninputs = [\"eth1\"]",
        "[[capture]]\nname = \"cap\"\nfile = \"x.pcap\"\n[[worker]]\nname = \"w0\"\ninputs = [\"eth1\", \"cap\"]",
    );
    assert!(problem.remedy.contains("mergecap"), "{problem}");
}

#[test]
fn an_input_on_which_no_line_arrives_is_a_mistake() {
    // Another interface of the worker, and a channel whose lines name the first.
    let idle = GOOD
        .replace("[[worker]]", "[[interface]]\nname = \"eth2\"\n[[worker]]")
        .replace("[\"eth1\"]", "[\"eth1\", \"eth2\"]");
    parse(&idle, Path::new("/etc/gateway")).unwrap();
    let found = problems(&idle.replace(" }", ", input = \"eth1\" }"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].key, "worker[0].inputs");
    assert!(found[0].what.contains("\"eth2\""), "{}", found[0]);
    // A worker without any channel.
    let source = format!(
        "{GOOD}\n[[interface]]\nname = \"eth2\"\n[[worker]]\nname = \"w1\"\ninputs = [\"eth2\"]\n"
    );
    let found = problems(&source);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].remedy.contains("worker \"w1\""), "{}", found[0]);
}

#[test]
fn symbols_are_patterns_that_can_match() {
    let open = only(
        "channels = [\"itch\"]",
        "channels = [\"itch\"]\nsymbols = [\"A[B\"]",
    );
    assert!(open.what.contains("a bracket stays open"), "{open}");
    let empty = only(
        "channels = [\"itch\"]",
        "channels = [\"itch\"]\nsymbols = []",
    );
    assert!(empty.what.contains("no symbol matches"), "{empty}");
}

mod recovery;

/// A machine with two users, a group, and a name service that fails for one name.
struct TestAccounts;

impl Accounts for TestAccounts {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        match name {
            "alice" => Ok(Some(1001)),
            "bob" => Ok(Some(1002)),
            "broken" => Err("the directory does not answer".to_owned()),
            _ => Ok(None),
        }
    }

    fn group(&self, name: &str) -> Result<Option<u32>, String> {
        Ok((name == "traders").then_some(5001))
    }

    fn own_user(&self) -> u32 {
        900
    }
}

fn with_entitlement(text: &str) -> Result<Config, Vec<Problem>> {
    let source = format!("{GOOD}[[entitlement]]\nname = \"desk\"\n{text}");
    parse_with(&source, Path::new("/etc/gateway"), &TestAccounts)
}

#[test]
fn users_and_groups_become_numbers() {
    let config =
        with_entitlement("users = [\"alice\", 1005]\ngroups = [\"traders\", 50]\nqueues = [\"*\"]")
            .unwrap();
    let desk = &config.entitlements[0];
    assert_eq!(
        (&desk.users[..], &desk.groups[..], &desk.queues[..]),
        (&[1001, 1005][..], &[5001, 50][..], &[0][..])
    );
    assert!(config.warnings.is_empty(), "{:#?}", config.warnings);
}

#[test]
fn an_entitlement_that_cannot_mean_what_it_says_is_a_mistake() {
    for (text, what, remedy) in [
        (
            "users = [\"alcie\"]\nqueues = [\"all\"]",
            "no user \"alcie\"",
            "getent passwd",
        ),
        (
            "groups = [\"alice\"]\nqueues = [\"all\"]",
            "no group \"alice\"",
            "getent group",
        ),
        (
            "users = [\"1001\"]\nqueues = [\"all\"]",
            "no user \"1001\"",
            "without quotes",
        ),
        (
            "users = [\"broken\"]\nqueues = [\"all\"]",
            "does not answer",
            "nsswitch",
        ),
        (
            "users = [65534]\nqueues = [\"all\"]",
            "stand-in",
            "of this machine",
        ),
        (
            "users = [4294967295]\nqueues = [\"all\"]",
            "stand-in",
            "of this machine",
        ),
        (
            "users = [\"alice\", 1001]\nqueues = [\"all\"]",
            "twice",
            "once",
        ),
        (
            "users = [-1]\nqueues = [\"all\"]",
            "neither a name nor a number",
            "[\"alice\", 1001]",
        ),
        (
            "queues = [\"all\"]",
            "neither a user nor a group",
            "users = ",
        ),
        ("users = [1001]\nqueues = []", "no queue", "\"*\""),
        (
            "users = [1001]\nqueues = [\"al\"]",
            "no queue or book \"al\"",
            "did you mean \"all\"",
        ),
        ("users = [1001]", "missing", "add queues"),
    ] {
        let found = with_entitlement(text).unwrap_err();
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].what.contains(what), "{text}: {}", found[0]);
        assert!(found[0].remedy.contains(remedy), "{text}: {}", found[0]);
    }
}

#[test]
fn strategies_under_the_gateways_own_user_are_warned_of() {
    let none = parse_with(GOOD, Path::new("."), &TestAccounts).unwrap();
    assert_eq!(none.warnings.len(), 1);
    assert!(none.warnings[0].remedy.contains("[[entitlement]]"));
    let own = with_entitlement("users = [900, \"bob\"]\nqueues = [\"all\"]").unwrap();
    assert_eq!(own.warnings.len(), 1);
    assert!(
        own.warnings[0]
            .what
            .contains("user 900 is the gateway's own")
    );
    assert!(own.warnings[0].line > 0);
}

#[test]
fn classes_have_names() {
    let with = |list: &str| {
        GOOD.replace(
            "channels = [\"itch\"]",
            &format!("channels = [\"itch\"]\nclasses = {list}"),
        )
    };
    let config = parse(&with("[\"trades\", \"status\"]"), Path::new(".")).unwrap();
    assert_eq!(config.queues[0].classes, Classes::TRADES | Classes::STATUS);
    let config = parse(GOOD, Path::new(".")).unwrap();
    assert_eq!(config.queues[0].classes, Classes::ALL);
    for (list, what, remedy) in [
        (
            "[\"trade\"]",
            "no class \"trade\"",
            "did you mean \"trades\"",
        ),
        ("[\"zzz\"]", "no class", "definitions, status"),
        ("[]", "without classes", "[\"control\"]"),
    ] {
        let found = problems(&with(list));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].what.contains(what) && found[0].remedy.contains(remedy),
            "{}",
            found[0]
        );
    }
}

#[test]
fn nothing_written_panics_the_reader() {
    for source in [
        "",
        "[",
        "gateway = 1",
        "[[gateway]]",
        "interface = [1]",
        "\u{0}",
        "lines = \u{1F980}",
    ] {
        let _ = parse(source, Path::new("."));
    }
}

/// `GOOD` with a book.
fn with_book(text: &str) -> Result<Config, Vec<Problem>> {
    parse(
        &format!("{GOOD}[[book]]\nname = \"books\"\nqueue = \"all\"\n{text}"),
        Path::new("/etc/gateway"),
    )
}

#[test]
fn a_book_gets_the_documented_defaults() {
    let config = with_book("").unwrap();
    let book = &config.books[0];
    assert_eq!((book.name.as_str(), book.queue), ("books", 0));
    assert_eq!(
        (book.instruments_max, book.orders_max, book.levels_max),
        (16_384, 1_000_000, 500_000)
    );
    assert_eq!((book.core, book.wait), (None, Wait::Sleep));
    assert_eq!(book.conflated, None);
    let config = with_book("conflated = \"mbp-10\"\nconflation_interval_us = 0").unwrap();
    assert_eq!(
        config.books[0].conflated,
        Some(Conflated {
            records: ConflatedRecords::Mbp10,
            interval: std::time::Duration::ZERO,
            slots: 65_536
        })
    );
}

#[test]
fn books_and_queues_share_their_names_and_entitlements() {
    let entitled = "[[entitlement]]\nname = \"desk\"\nusers = [1234]\nqueues = ";
    let config = with_book(&format!("{entitled}[\"books\"]")).unwrap();
    let of = |config: &Config| {
        let entitlement = &config.entitlements[0];
        (entitlement.queues.clone(), entitlement.books.clone())
    };
    assert_eq!(of(&config), (vec![], vec![0]));
    let config = with_book(&format!("{entitled}[\"*\"]")).unwrap();
    assert_eq!(of(&config), (vec![0], vec![0]));
    let found = with_book(&format!("{entitled}[\"bocks\"]")).unwrap_err();
    assert_eq!(found[0].remedy, "did you mean \"books\"?");
    let twice = GOOD.to_owned() + "[[book]]\nname = \"all\"\nqueue = \"all\"\n";
    assert_eq!(problems(&twice)[0].what, "a queue has this name");
}

#[test]
fn a_channel_of_mdp3_has_no_servers_and_no_books() {
    let mdp3 = ("feed = \"nasdaq-itch50\"", "feed = \"cme-mdp3\"");
    let config = parse(&GOOD.replace(mdp3.0, mdp3.1), Path::new("/etc/gateway")).unwrap();
    assert_eq!(config.channels[0].feed, Feed::CmeMdp3);
    assert_eq!(config.channels[0].venue, Venue::Cme);
    let recover = only(mdp3.0, &format!("{}\non_gap = \"recover\"", mdp3.1));
    let expected = "there are no lines of market recovery that could make up for what is missing";
    assert_eq!(recover.what, expected, "{recover}");
    let book = GOOD.replace(mdp3.0, mdp3.1) + "[[book]]\nname = \"books\"\nqueue = \"all\"\n";
    let found = problems(&book);
    assert!(
        found[0].what.starts_with("a book cannot be built"),
        "{found:#?}"
    );
}

#[test]
fn only_units_share_a_group_and_port() {
    // Unit 3 on lines A and B, and another channel on one or both of them.
    let own = GOOD.replace(
        "feed = \"nasdaq-itch50\"",
        "feed = \"cboe-pitch-equities\"\nunit = 3",
    );
    let with = |feed: &str, line: &str| {
        let second = format!(
            "[[channel]]\nname = \"second\"\nfeed = {feed}\nworker = \"w0\"\n\
             lines = [{{ group = \"239.1.1.1\", port = 5001 {line}]\n[[queue]]"
        );
        own.replace("[\"itch\"]", "[\"itch\", \"second\"]")
            .replace("[[queue]]", &second)
    };
    let of_unit = |unit: u8| format!("\"cboe-pitch-equities\"\nunit = {unit}");
    let two = "}, { group = \"239.1.1.2\", port = 5002 }";
    let config = parse(&with(&of_unit(4), two), Path::new(".")).unwrap();
    assert_eq!(config.channels[1].lines[1].port, 5002);
    let only = |text: &str| {
        let mut found = problems(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        let problem = found.remove(0);
        assert_eq!(problem.key, "channel[1].lines[0].group");
        problem
    };
    let same = only(&with(&of_unit(3), "}"));
    assert!(
        same.what
            .contains("is a line already, of unit 3 on line 12"),
        "{same}"
    );
    let other = only(&with("\"nasdaq-itch50\"", "}"));
    assert!(other.what.contains("is a line already"), "{other}");
    assert!(other.remedy.contains("but for units of PITCH"), "{other}");
    let venue = only(&with(&format!("{}\nvenue = \"edgx\"", of_unit(4)), "}"));
    assert!(venue.what.contains("another feed or venue"), "{venue}");
    let feed = only(&with("\"cboe-pitch-options\"\nunit = 4", "}"));
    assert!(feed.what.contains("another feed or venue"), "{feed}");
    let sources = only(&with(&of_unit(4), ", sources = [\"10.1.1.1\"] }"));
    assert!(sources.what.contains("other sources"), "{sources}");
    let answers = with(
        &format!(
            "{}\non_gap = \"recover\"\nrecovery.spin = [{{ address = \"10.1.1.1:2\", session_sub_id = \"1\", \
             username = \"U\", password_env = \"P\" }}]\n\
             recovery.gap_response = [{{ group = \"239.1.1.2\", port = 5002 }}]",
            of_unit(4)
        ),
        "}",
    );
    let found = problems(&answers);
    assert!(
        found
            .iter()
            .any(|p| p.what.contains("one of gap responses")),
        "{found:#?}"
    );
}

#[test]
fn a_book_is_of_one_channel_where_each_numbers_its_instruments_itself() {
    let of_two = |feed: &str, unit: &str| {
        let own = GOOD.replace(
            "feed = \"nasdaq-itch50\"",
            &format!("feed = \"{feed}\"\n{unit}"),
        );
        let second = format!(
            "[[channel]]\nname = \"second\"\nfeed = \"{feed}\"\n{unit}\nworker = \"w0\"\n\
             lines = [{{ name = \"A\", group = \"239.1.1.3\", port = 5001 }}]\n[[queue]]"
        );
        let both = own.replace("[\"itch\"]", "[\"itch\", \"second\"]");
        both.replace("[[queue]]", &second) + "[[book]]\nname = \"books\"\nqueue = \"all\"\n"
    };
    let found = problems(&of_two("cboe-pitch-equities", "unit = 1"));
    assert!(
        found
            .iter()
            .any(|problem| problem.what.contains("several channels")),
        "{found:#?}"
    );
    parse(&of_two("nasdaq-itch50", ""), Path::new(".")).unwrap();
}

#[test]
fn a_book_needs_a_queue_that_tells_everything() {
    for (from, to, what) in [
        (
            "channels = [\"itch\"]",
            "channels = [\"itch\"]\nrecords = \"plain\"",
            "a book cannot be built from this queue: its records lack side, price or size",
        ),
        (
            "channels = [\"itch\"]",
            "channels = [\"itch\"]\nclasses = [\"trades\", \"status\", \"definitions\"]",
            "a book cannot be built from this queue: it lacks the class \"orders\"",
        ),
        (
            "queue = \"all\"",
            "queue = \"al\"",
            "there is no queue \"al\"",
        ),
        (
            "queue = \"all\"",
            "queue = \"all\"\norders_max = 0",
            "out of range",
        ),
    ] {
        let good = format!("{GOOD}[[book]]\nname = \"books\"\nqueue = \"all\"\n");
        assert!(good.contains(from));
        let found = problems(&good.replacen(from, to, 1));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].what, what);
    }
    let good = format!(
        "{GOOD}classes = [\"orders\", \"trades\"]\nslots = 1024\n[[book]]\nname = \"b\"\nqueue = \"all\"\n"
    );
    let config = parse(&good, Path::new(".")).unwrap();
    let about_the_book = config.warnings.iter().filter(|w| w.key.starts_with("book"));
    assert_eq!(
        about_the_book.count(),
        3,
        "no symbols, no status, few slots"
    );
}

#[test]
fn a_book_that_spins_has_a_core_of_its_own() {
    let pinned = GOOD.replace("inputs = [\"eth1\"]", "inputs = [\"eth1\"]\ncore = 2");
    let with = |text: &str| {
        let text = format!("{pinned}[[book]]\nname = \"books\"\nqueue = \"all\"\n{text}");
        parse(&text, Path::new("."))
    };
    assert!(with("core = 3\nwait = \"spin\"").is_ok());
    let found = with("core = 2\nwait = \"spin\"").unwrap_err();
    assert!(
        found[0].what.starts_with("worker \"w0\" is on this core"),
        "{found:?}"
    );
}
