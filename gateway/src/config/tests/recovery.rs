//! `on_gap` and `[channel.recovery]`.

use std::time::Duration;

use gateway_feed::arbitration::OnGap;
use gateway_feed::recovery::{Answers, Ask, PlannerConfig};

use super::super::model::PasswordSource;
use super::*;

/// `GOOD`, recovering, with `text` in its recovery.
fn with(text: &str) -> String {
    GOOD.replace("feed =", "on_gap = \"recover\"\nfeed =")
        .replace(
            "[[queue]]",
            &format!("[channel.recovery]\n{text}\n[[queue]]"),
        )
}

/// The one problem of that.
fn only_in(text: &str) -> Problem {
    let mut found = problems(&with(text));
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn servers_and_limits_are_what_is_written_and_all_else_has_its_default() {
    let text = r#"
rerequest = ["10.1.1.1:26410", "[2001:db8::1]:26410"]
ask = "all"
answer_timeout_ms = 7
attempts_max = 2
glimpse = [{ address = "10.1.1.1:26420", username = "me", password_file = "p" }]
snapshot_mib_max = 3
"#;
    let config = parse(&with(text), Path::new("/etc/gateway")).unwrap();
    let channel = &config.channels[0];
    assert_eq!(channel.on_gap, OnGap::Recover);
    assert_eq!(channel.recover_timeout, Duration::from_millis(500));
    assert_eq!(channel.recover_packets_max, 32_768);
    assert_eq!(channel.stale_after, Duration::from_secs(3));
    let recovery = channel.recovery.as_ref().unwrap();
    assert_eq!(recovery.rerequest.len(), 2);
    assert_eq!(
        recovery.planner,
        PlannerConfig {
            servers: 2,
            ask: Ask::All,
            answer_timeout_ns: 7_000_000,
            attempts_max: 2,
            snapshot_servers: 1,
            ..PlannerConfig::default()
        }
    );
    assert_eq!(recovery.snapshot_bytes_max, 3 << 20);
    let password = PasswordSource::File("/etc/gateway/p".into());
    assert_eq!(recovery.glimpse[0].password, password);
}

#[test]
fn recover_without_a_server_is_a_mistake() {
    let none = only("feed =", "on_gap = \"recover\"\nfeed =");
    assert_eq!(none.key, "channel[0].on_gap");
    assert!(none.remedy.contains("[channel.recovery]"), "{none}");
    let empty = only_in("");
    assert!(empty.what.contains("names no server"), "{empty}");
    let word = only("feed =", "on_gap = \"recovr\"\nfeed =");
    assert!(word.remedy.contains("did you mean \"recover\"?"), "{word}");
}

#[test]
fn a_server_is_a_host_and_a_port_and_there_once() {
    for (written, what) in [
        ("\"239.1.1.1:5\"", "multicast"),
        ("\"10.1.1.1\"", "no IP address and port"),
        ("\"10.1.1.1:0\"", "no address"),
        ("\"0.0.0.0:5\"", "no address"),
        ("\"10.1.1.1:5\", \"10.1.1.1:5\"", "twice"),
    ] {
        let problem = only_in(&format!("rerequest = [{written}]"));
        let what = if what == "nothing" {
            "no address"
        } else {
            what
        };
        assert!(problem.what.contains(what), "{problem}");
        assert_eq!(problem.key, "channel[0].recovery.rerequest");
    }
    let many: Vec<String> = (1..=17)
        .map(|port| format!("\"10.1.1.1:{port}\""))
        .collect();
    let many = only_in(&format!("rerequest = [{}]", many.join(", ")));
    assert!(many.what.contains("more than 16"), "{many}");
}

#[test]
fn a_glimpse_server_has_one_password_and_a_name_that_fits() {
    let glimpse = |text: &str| {
        only_in(&format!(
            "glimpse = [{{ address = \"10.1.1.1:5\", username = \"me\", {text} }}]"
        ))
    };
    let two = glimpse("password_file = \"a\", password_env = \"B\"");
    assert!(two.what.contains("two passwords"), "{two}");
    let variable = glimpse("password_env = \"A B\"");
    assert_eq!(variable.key, "channel[0].recovery.glimpse[0].password_env");
    let none = only_in("glimpse = [{ address = \"10.1.1.1:5\", username = \"me\" }]");
    assert!(none.what.contains("no password"), "{none}");
    let long = only_in(
        "glimpse = [{ address = \"10.1.1.1:5\", username = \"muchtoolong\", password_env = \"P\" }]",
    );
    assert!(long.what.contains("1 to 6"), "{long}");
}

#[test]
fn ranges_and_ways_are_checked() {
    let server = "rerequest = [\"10.1.1.1:5\"]";
    for (key, value) in [
        ("attempts_max", "0"),
        ("request_messages_max", "65535"),
        ("requests_per_second", "0"),
        ("snapshot_mib_max", "0"),
        ("source", "\"eth1\""),
        ("interface", "\"much-too-long-a-name\""),
    ] {
        let problem = only_in(&format!("{server}\n{key} = {value}"));
        assert_eq!(problem.key, format!("channel[0].recovery.{key}"));
    }
    let family = only_in(&format!("{server}\nsource = \"::1\""));
    assert!(family.what.contains("other version of IP"), "{family}");
    let pauses = only_in(&format!("{server}\nbackoff_min_ms = 2000"));
    assert!(pauses.what.contains("2000 ms"), "{pauses}");
}

#[test]
fn what_is_never_asked_is_a_warning_and_a_capture_has_no_servers() {
    let source = with("rerequest = [\"10.1.1.1:5\"]").replace("\"recover\"", "\"continue\"");
    let config = parse(&source, Path::new("/etc/gateway")).unwrap();
    let key = "channel[0].recovery.rerequest";
    let warning = config.warnings.iter().find(|warning| warning.key == key);
    assert!(warning.unwrap().what.contains("not used"));
    let source = with("rerequest = [\"10.1.1.1:5\"]").replace(
        "[[interface]]\nname = \"eth1\"",
        "[[capture]]\nname = \"eth1\"\nfile = \"x.pcap\"",
    );
    let found = problems(&source);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].what.contains("a capture"), "{}", found[0]);
}

/// A unit of PITCH, recovering, with `text` in its recovery.
fn pitch(text: &str) -> String {
    with(text).replace("\"nasdaq-itch50\"", "\"cboe-pitch-equities\"\nunit = 3")
}

const PROXY: &str = r#"
gap_request = [{ address = "10.1.1.1:17001", session_sub_id = "0001", username = "FIRM", password_file = "p" }]
gap_response = [{ group = "239.9.9.1", port = 30001 }, { name = "GB", group = "239.9.9.2", port = 30001 }]
"#;

#[test]
fn gap_request_proxies_are_asked_and_answer_on_lines_of_the_channel() {
    let config = parse(&pitch(PROXY), Path::new("/etc/gateway")).unwrap();
    let channel = &config.channels[0];
    let recovery = channel.recovery.as_ref().unwrap();
    assert_eq!(
        recovery.planner,
        PlannerConfig {
            servers: 1,
            answers: Answers::OnLines,
            request_messages_max: 100,
            requests_per_second: 300,
            requests_burst: 20,
            ..PlannerConfig::default()
        }
    );
    let proxy = &recovery.gap_request[0];
    assert_eq!(
        (proxy.session_sub_id.as_str(), proxy.username.as_str()),
        ("0001", "FIRM")
    );
    let password = PasswordSource::File("/etc/gateway/p".into());
    assert_eq!(proxy.password, password);
    // Behind those of the stream, on the same inputs.
    let lines: Vec<_> = channel
        .lines
        .iter()
        .map(|line| (line.name.as_str(), line.answers))
        .collect();
    let of_stream = lines.len() - 2;
    assert!(lines[..of_stream].iter().all(|(_, answers)| !answers));
    assert_eq!(lines[of_stream..], [("gap-A", true), ("GB", true)]);
    assert_eq!(channel.lines[of_stream].inputs, channel.lines[0].inputs);
}

#[test]
fn a_gap_request_proxy_is_whole_and_of_the_feed() {
    let only = |text: &str| {
        let mut found = problems(&pitch(text));
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    };
    let (request, response) = PROXY.trim().split_once('\n').unwrap();
    assert!(only(request).what.contains("no line"));
    assert!(
        only(&format!("{response}\n"))
            .remedy
            .contains("gap_request")
    );
    let long = only(&PROXY.replace("\"0001\"", "\"00001\""));
    assert_eq!(
        long.key,
        "channel[0].recovery.gap_request[0].session_sub_id"
    );
    assert!(long.what.contains("1 to 4"), "{long}");
    let user = only(&PROXY.replace("\"FIRM\"", "\"MYFIRM\""));
    assert_eq!(user.key, "channel[0].recovery.gap_request[0].username");
    let open = only(&PROXY.replace(", password_file = \"p\"", ""));
    assert!(open.what.contains("no password"), "{open}");
    let taken = only(&PROXY.replace("239.9.9.2", "239.9.9.1"));
    assert!(taken.what.contains("is a line already"), "{taken}");
    let mold = only(&format!("rerequest = [\"10.1.1.1:5\"]\n{PROXY}"));
    assert!(mold.what.contains("no such servers"), "{mold}");
    let twice = PROXY.replace("gap_request = [", "gap_request = [{ address = \"10.1.1.1:17001\", session_sub_id = \"2\", username = \"F\", password_env = \"P\" }, ");
    assert!(only(&twice).what.contains("twice"));
    let of_pitch = problems(&with(PROXY));
    assert_eq!(of_pitch.len(), 2, "{of_pitch:#?}");
    assert!(of_pitch.iter().all(|p| p.remedy.contains("rerequest")));
    // One line less is room for one gap response line more, up to four in all.
    let many = PROXY.replace("gap_response = [", "gap_response = [{ group = \"239.9.9.3\", port = 1 }, { group = \"239.9.9.4\", port = 1 }, ");
    assert!(only(&many).what.contains("1 to 4 lines"));
}

#[test]
fn the_manuals_recovery_of_pitch_parses() {
    let manual = include_str!("../../../../config/gateway.toml");
    let from = manual.find("#gap_request = [").unwrap();
    let to = manual[from..].find("\n\n").unwrap();
    let keys: Vec<&str> = manual[from..from + to]
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|rest| !rest.starts_with(' ') || rest.trim_start().starts_with('{'))
        .collect();
    let config = parse(&pitch(&keys.join("\n")), Path::new("/etc/gateway")).unwrap();
    let channel = &config.channels[0];
    let recovery = channel.recovery.as_ref().unwrap();
    assert_eq!((recovery.gap_request.len(), recovery.spin.len()), (1, 1));
    assert_eq!(channel.lines.iter().filter(|line| line.answers).count(), 1);
}

#[test]
fn a_spin_server_tells_the_state_of_a_unit() {
    let spin = PROXY
        .replace("gap_request = ", "spin = ")
        .replace("17001", "18001");
    let spin = spin.trim().split_once('\n').unwrap().0;
    let config = parse(
        &pitch(&format!("{PROXY}{spin}\n")),
        Path::new("/etc/gateway"),
    )
    .unwrap();
    let recovery = config.channels[0].recovery.as_ref().unwrap();
    assert_eq!(
        (recovery.spin.len(), recovery.planner.snapshot_servers),
        (1, 1)
    );
    assert!(recovery.has_snapshots());
    // By itself, too: the books are mended after a gap.
    let alone = pitch(&format!("{spin}\n")).replace("\"recover\"", "\"continue\"");
    let config = parse(&alone, Path::new("/etc/gateway")).unwrap();
    assert!(
        config.channels[0]
            .recovery
            .as_ref()
            .unwrap()
            .has_snapshots()
    );
    let of_mold = problems(&with(spin)).remove(0);
    assert!(of_mold.what.contains("no such servers"), "{of_mold}");
}

#[test]
fn two_channels_do_not_share_a_session_with_a_proxy() {
    let text = pitch(PROXY);
    let from = text.find("[[channel]]").unwrap();
    let to = from + text[from..].find("[[queue]]").unwrap();
    let first = &text[from..to];
    let second = first
        .replacen("\"itch\"", "\"second\"", 1)
        .replace("\"239.", "\"238.");
    let both = |second: &str| format!("{}{second}{}", &text[..to], &text[to..]);
    let found = problems(&both(&second));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].what.contains("kept by channel"), "{found:#?}");
    assert!(found[0].remedy.contains("session_sub_id"), "{found:#?}");
    for other in [
        ("\"0001\"", "\"0002\""),
        ("\"FIRM\"", "\"ALSO\""),
        ("17001", "17002"),
        ("\"recover\"", "\"continue\""),
    ] {
        let second = second.replacen(other.0, other.1, 1);
        assert!(parse(&both(&second), Path::new("/")).is_ok(), "{other:?}");
    }
}

const MARKET_RECOVERY: &str = r#"
market_recovery = [{ group = "239.9.9.1", port = 30001 }, { name = "MB", group = "239.9.9.2", port = 30001 }]
"#;

/// A configuration whose channel is one of MDP 3.0.
fn mdp3(text: &str) -> String {
    with(text).replace("feed = \"nasdaq-itch50\"", "feed = \"cme-mdp3\"")
}

#[test]
fn the_snapshot_loop_of_mdp3_comes_on_lines_of_the_channel() {
    let config = parse(&mdp3(MARKET_RECOVERY), Path::new("/")).unwrap();
    let channel = &config.channels[0];
    assert_eq!(channel.on_gap, OnGap::Recover);
    // Nobody is asked for anything.
    assert_eq!(channel.recovery, None);
    let lines: Vec<_> = channel
        .lines
        .iter()
        .filter(|line| line.answers)
        .map(|line| line.name.as_str())
        .collect();
    assert_eq!(lines, ["recovery-A", "MB"]);
}

#[test]
fn servers_are_none_of_mdp3_and_the_snapshot_loop_is_of_no_other_feed() {
    let found = |text: &str| parse(text, Path::new("/")).unwrap_err();
    let with_server = MARKET_RECOVERY.to_owned() + "rerequest = [\"10.1.1.1:26410\"]\n";
    let problems = found(&mdp3(&with_server));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(
        problems[0].what,
        "the feed \"cme-mdp3\" has no servers to ask"
    );
    let with_number = MARKET_RECOVERY.to_owned() + "attempts_max = 3\n";
    assert_eq!(found(&mdp3(&with_number)).len(), 1);
    assert_eq!(found(&mdp3(""))[0].what, "it names no line");
    let of_itch = MARKET_RECOVERY.to_owned() + "rerequest = [\"10.1.1.1:26410\"]\n";
    let problems = found(&with(&of_itch));
    assert_eq!(
        problems[0].what,
        "the feed \"nasdaq-itch50\" has no such servers"
    );
}

#[test]
fn the_instrument_feed_of_mdp3_comes_on_lines_of_its_own_whatever_follows_a_gap() {
    let feed = "instrument_definition = [{ group = \"239.9.9.5\", port = 30001 }]\n";
    let names = |text: &str| -> Vec<String> {
        let config = parse(text, Path::new("/")).unwrap();
        let lines = config.channels[0].lines.iter();
        lines
            .filter(|line| line.answers)
            .map(|line| line.name.clone())
            .collect()
    };
    let goes_on = mdp3(feed).replace("\"recover\"", "\"continue\"");
    assert_eq!(names(&goes_on), ["definition-A"]);
    let first = MARKET_RECOVERY.replace(
        ", { name = \"MB\", group = \"239.9.9.2\", port = 30001 }",
        "",
    );
    let both = mdp3(&(first + feed));
    assert_eq!(names(&both), ["recovery-A", "definition-A"]);
    let found = |text: &str| parse(text, Path::new("/")).unwrap_err();
    assert_eq!(
        found(&mdp3(feed))[0].what,
        "it names no line",
        "of snapshots"
    );
    let of_itch = "rerequest = [\"10.1.1.1:26410\"]\n".to_owned() + feed;
    let problems = found(&with(&of_itch));
    assert!(
        problems[0].what.contains("no such servers"),
        "{problems:#?}"
    );
}

#[test]
fn a_book_of_mdp3_waits_five_minutes_or_as_long_as_is_written() {
    let wait = |text: &str| {
        let config = parse(&mdp3(text), Path::new("/")).unwrap();
        config.channels[0].market_recovery_timeout.as_millis()
    };
    assert_eq!(wait(MARKET_RECOVERY), 300_000);
    let written = MARKET_RECOVERY.to_owned() + "market_recovery_timeout_ms = 2500\n";
    assert_eq!(wait(&written), 2_500);
    let found = |text: &str| parse(text, Path::new("/")).unwrap_err();
    let none = MARKET_RECOVERY.to_owned() + "market_recovery_timeout_ms = 0\n";
    assert_eq!(found(&mdp3(&none)).len(), 1);
    let of_itch = "rerequest = [\"10.1.1.1:26410\"]\nmarket_recovery_timeout_ms = 2500\n";
    let problems = found(&with(of_itch));
    assert!(
        problems[0].what.contains("no such servers"),
        "{problems:#?}"
    );
}

#[test]
fn the_manuals_market_recovery_parses() {
    let manual = include_str!("../../../../config/gateway.toml");
    let mut lines = manual.lines();
    let line = lines.find_map(|line| line.strip_prefix("#market_recovery"));
    let text = format!("market_recovery{}\n", line.unwrap());
    let config = parse(&mdp3(&text), Path::new("/etc/gateway")).unwrap();
    let lines = &config.channels[0].lines;
    assert_eq!(lines.iter().filter(|line| line.answers).count(), 1);
}
