//! The program: files in, captures and reports out, and one clear message with its exit code where that fails.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use gateway_capture::{CaptureReader, ItchFileReader};
use gateway_feed::moldudp64::{Packet, PacketKind};
use gateway_test_support::data::find_or_skip;
use serde_json::Value;

fn simulator(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args(arguments)
        .output()
        .unwrap()
}

/// The JSON report of a run that must succeed.
fn report(arguments: &[&str]) -> Value {
    let output = simulator(&[arguments, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Messages of a raw file.
fn messages_of(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = ItchFileReader::open(path).unwrap();
    let mut messages = Vec::new();
    while let Some((_, message)) = reader.next().unwrap() {
        messages.push(message.to_vec());
    }
    messages
}

/// What a capture's packets to `port` hold: messages by sequence number, heartbeats, ends of session.
fn received(path: &Path, port: u16) -> (BTreeMap<u64, Vec<u8>>, u64, u64) {
    let mut reader = CaptureReader::open(path).unwrap();
    let (mut messages, mut heartbeats, mut ends) = (BTreeMap::new(), 0, 0);
    let mut last_ns = 0;
    while let Some(captured) = reader.next().unwrap() {
        assert!(captured.timestamp_ns > last_ns, "time rises in a capture");
        last_ns = captured.timestamp_ns;
        let udp = captured.udp().unwrap();
        assert!(captured.frame.len() <= 14 + 1500);
        if udp.destination_port != port {
            continue;
        }
        let packet = Packet::parse(udp.payload(captured.frame).unwrap()).unwrap();
        match packet.kind {
            PacketKind::Heartbeat => heartbeats += 1,
            PacketKind::EndOfSession => ends += 1,
            PacketKind::Data { .. } => {
                for (sequence, message) in (packet.sequence..).zip(packet.messages()) {
                    messages.insert(sequence, message.bytes.to_vec());
                }
            }
        }
    }
    (messages, heartbeats, ends)
}

/// Replays a raw file through two lossy lines into a capture, and that capture once more; returns the first report.
fn replay_twice(file: &Path) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first.pcap");
    let lines = ["--line-a", "239.1.1.1:5001", "--line-b", "239.1.1.2:5002"];
    let arguments = [
        "replay",
        file.to_str().unwrap(),
        "--output-pcap",
        first.to_str().unwrap(),
        "--pace",
        "capture",
    ];
    let impaired = [
        "--loss-a",
        "0.2",
        "--loss-b",
        "0.2",
        "--reorder",
        "0.1",
        "--duplicate-a",
        "0.1",
        "--delay-b-us",
        "80",
        "--jitter-b-us",
        "40",
        "--session",
        "DAY 1",
    ];
    let impaired = [
        &impaired[..],
        &[
            "--messages-per-packet",
            "3",
            "--end-of-session",
            "--seed",
            "5",
        ],
    ]
    .concat();
    let published = report(&[&arguments[..], &lines, &impaired].concat());

    let sent = messages_of(file);
    assert_eq!(published["messages"], sent.len());
    assert_eq!(published["session"], "DAY 1");
    let (a, heartbeats, ends) = received(&first, 5001);
    let (b, ..) = received(&first, 5002);
    let sent_twice = |line: &str, kind: &str| {
        let counts = &published["lines"][line][kind];
        counts["sent"].as_u64().unwrap() + counts["duplicated"].as_u64().unwrap()
    };
    assert_eq!(
        (
            sent_twice("A", "heartbeats"),
            sent_twice("A", "end_of_session")
        ),
        (heartbeats, ends)
    );
    assert!(heartbeats >= 2 && ends >= 1);
    let mut merged = a.clone();
    merged.extend(b.clone());
    for (line, messages) in [("A", &a), ("B", &b)] {
        assert_eq!(
            published["lines"][line]["messages_sent"],
            messages.len(),
            "{line}"
        );
    }
    for (sequence, message) in &merged {
        assert_eq!(message, &sent[*sequence as usize - 1], "{sequence}");
    }
    let lost = published["lost_on_both"]["messages"].as_u64().unwrap();
    assert_eq!(merged.len() as u64 + lost, sent.len() as u64);
    assert!(lost > 0);
    let runs = published["lost_on_both"]["ranges"].as_array().unwrap();
    for run in runs {
        let (first, last) = (run[0].as_u64().unwrap(), run[1].as_u64().unwrap());
        assert!((first..=last).all(|sequence| !merged.contains_key(&sequence)));
    }

    let second = directory.path().join("second.pcap");
    let arguments = [
        "replay",
        first.to_str().unwrap(),
        "--output-pcap",
        second.to_str().unwrap(),
    ];
    let replayed = report(&[&arguments[..], &lines].concat());
    assert_eq!(replayed["session"], "DAY 1", "a capture keeps its session");
    assert_eq!(received(&second, 5001).0, merged, "and its numbers");
    assert_eq!(replayed["messages"], merged.len());
    published
}

#[test]
fn a_generated_file_goes_through_lines_and_captures() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("day.itch");
    let written = report(&[
        "generate",
        "--messages",
        "3000",
        "--symbols",
        "20",
        "--output",
        file.to_str().unwrap(),
    ]);
    assert_eq!(written["messages"], 3000);
    assert_eq!(written["bytes"], std::fs::metadata(&file).unwrap().len());
    let again = directory.path().join("again.itch");
    report(&[
        "generate",
        "--messages",
        "3000",
        "--symbols",
        "20",
        "--output",
        again.to_str().unwrap(),
    ]);
    assert_eq!(
        std::fs::read(&file).unwrap(),
        std::fs::read(&again).unwrap(),
        "a seed fixes the file"
    );
    replay_twice(&file);
}

#[test]
fn the_real_snippet_goes_through_lines_and_captures() {
    let Some(file) = find_or_skip("nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50") else {
        return;
    };
    let report = replay_twice(&file);
    let counts = [
        ("A", 367),
        ("U", 225),
        ("F", 193),
        ("D", 167),
        ("E", 28),
        ("X", 6),
        ("I", 4),
        ("P", 4),
        ("Q", 4),
    ];
    for (kind, count) in counts.into_iter().chain([("S", 1), ("C", 1)]) {
        assert_eq!(report["by_type"][kind], count, "{kind}");
    }
}

#[test]
fn a_capture_of_two_lossy_lines_gives_what_either_had() {
    let Some(folder) = find_or_skip("nasdaq-moldudp64-ab") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("out.pcap");
    let arguments = [
        "--line-a",
        "239.1.1.1:5001",
        "--output-pcap",
        output.to_str().unwrap(),
    ];
    let replay = |name: &str| {
        let file = folder.join(name);
        report(&[&["replay", file.to_str().unwrap()], &arguments[..]].concat())
    };
    let merged = replay("AB_merged_by_time.pcap");
    assert_eq!(merged["messages"], 994);
    assert_eq!(
        merged["source"]["missing"],
        serde_json::json!({ "messages": 6, "ranges": [[291, 295], [329, 329]] })
    );
    assert_eq!(
        (
            merged["first_sequence"].as_u64(),
            merged["last_sequence"].as_u64()
        ),
        (Some(1), Some(1000))
    );
    let (messages, ..) = received(&output, 5001);
    assert_eq!(messages.len(), 994);
    assert!(!messages.contains_key(&293) && !messages.contains_key(&329));

    for (name, messages) in [
        ("ref_lossless.pcap", 1000),
        ("lineA.pcap", 969),
        ("lineB.pcap", 954),
    ] {
        assert_eq!(replay(name)["messages"], messages, "{name}");
    }
    assert!(replay("lineA_vlan141_dup_reorder.pcap")["source"]["duplicates"].as_u64() > Some(0));
}

#[test]
fn another_protocol_is_not_taken_for_moldudp64() {
    let Some(file) = find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    let output = simulator(&[
        "replay",
        file.to_str().unwrap(),
        "--line-a",
        "239.1.1.1:5001",
    ]);
    assert_eq!(output.status.code(), Some(9));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("holds no MoldUDP64 message"), "{stderr}");
}

#[test]
fn each_failure_has_its_message_and_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = file("text", b"this is no capture");
    let cut = file("cut.itch", b"\x00\x05Sabcd\x00\x05Sa");
    let empty = file(
        "empty.pcap",
        &[
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        ],
    );
    let damaged = file("damaged.pcap", &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
    let pcap = directory.path().join("out.pcap");
    let group = ["--line-a", "239.1.1.1:5001"];
    let into = [
        "--line-a",
        "239.1.1.1:5001",
        "--output-pcap",
        pcap.to_str().unwrap(),
    ];
    let cases: [(&[&str], &[&str], i32, &str); 9] = [
        (&["generate"], &[], 2, "--line-a"),
        (&["generate", "--messages", "5"], &group, 2, "at least 406"),
        (
            &["generate", "--line-a", "10.0.0.1:5001"],
            &[],
            2,
            "--allow-unicast",
        ),
        (
            &["generate", "--interface", "nowhere0"],
            &group,
            4,
            "interface nowhere0",
        ),
        (
            &["replay", "/nowhere/file"],
            &group,
            9,
            "/nowhere/file: cannot open",
        ),
        (&["replay", &text], &group, 9, "neither pcap, pcapng"),
        (&["replay", &empty], &group, 9, "no MoldUDP64"),
        (
            &["replay", &damaged],
            &group,
            9,
            "ends inside the record at offset 0",
        ),
        (
            &["replay", &cut],
            &into,
            9,
            "ends inside the record at offset 7",
        ),
    ];
    for (arguments, more, code, message) in cases {
        let output = simulator(&[arguments, more].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
        let told = stderr.matches("os error").count();
        assert!(told <= 1, "the cause is told once: {stderr}");
    }
    // What comes before the cut was published and reported.
    let output = simulator(&[&["replay", &cut, "--json"], &into[..]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (report["messages"].as_u64(), report["interrupted"].as_bool()),
        (Some(1), Some(true))
    );
}

/// Runs the simulator with a stdout that nobody reads.
fn unread(arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args(arguments)
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap()
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (itch, pcap) = (path("day.itch"), path("day.pcap"));
    let generate = ["generate", "--messages", "1000", "--symbols", "20"];
    let into_pcap = ["--line-a", "239.1.1.1:5001", "--output-pcap", &pcap];
    for format in [&[][..], &["--json"]] {
        for output in [&["--output", &itch][..], &into_pcap] {
            let output = unread(&[&generate[..], output, format].concat());
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
        }
    }
    assert_eq!(messages_of(Path::new(&itch)).len(), 1_000);
    assert_eq!(
        received(Path::new(&pcap), 5001).0.len(),
        1_000,
        "it publishes all the same"
    );
}

#[test]
fn a_full_disk_behind_stdout_is_told() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: no /dev/full");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("day.itch");
    let output = Command::new(env!("CARGO_BIN_EXE_gateway-sim"))
        .args([
            "generate",
            "--messages",
            "1000",
            "--symbols",
            "20",
            "--output",
        ])
        .arg(&file)
        .stdout(full)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write to stdout"), "{stderr}");
}
