//! `--protocol auto`: what is found, what is said of it, and what is refused.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::{Command, Output};

use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::pitch::layout::{WriteExecuted, WriteTime, WriteUnitClear};
use gateway_feed::pitch::{Market, PacketBuilder};
use gateway_feed::{iex, moldudp64};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_test_support::data::find_or_skip;
use gateway_wire::build::UdpFrame;
use serde_json::Value;
use tempfile::tempdir;

use crate::input::{messages, run, summary};

/// 2026-11-20 14:30 UTC.
const START_NS: u64 = 1_795_185_000_000_000_000;

fn decode(file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .arg("decode")
        .arg(file)
        .args(["--protocol", "auto"])
        .args(arguments);
    command
}

/// What a run that must be refused says.
fn refusal(file: &Path, arguments: &[&str]) -> String {
    let output: Output = decode(file, arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty(), "nothing is decoded");
    text
}

/// A capture of payloads, each to the group and port of that number.
fn write(path: &Path, payloads: &[(u8, Vec<u8>)]) {
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    for (time, (group, payload)) in (START_NS..).zip(payloads) {
        let mut frame = [0; 2_048];
        let length = UdpFrame {
            destination: [233, 54, 12, *group],
            destination_port: 26_400 + u16::from(*group),
            payload,
            ..UdpFrame::default()
        }
        .write(&mut frame)
        .unwrap();
        writer.write(time, &frame[..length]).unwrap();
    }
    writer.finish().unwrap();
}

fn itch(group: u8) -> Vec<(u8, Vec<u8>)> {
    let mut flow = OrderFlow::new(FlowOptions {
        symbols: 3,
        messages: 300,
        ..FlowOptions::default()
    });
    let session = moldudp64::Session(*b"20261120A ");
    let mut builder = moldudp64::PacketBuilder::new(session, 1, 1_400);
    let mut packets = vec![(group, builder.heartbeat().to_vec())];
    while let Some(message) = flow.next() {
        builder.push(message.bytes).unwrap();
        builder.finish(|packet| packets.push((group, packet.to_vec())));
    }
    packets
}

/// Messages that all markets have, and an execution where one is asked for.
fn pitch(group: u8, of_market: Option<Market>) -> Vec<(u8, Vec<u8>)> {
    let shared = Market::Equities;
    let mut all = vec![
        WriteTime { seconds: 34_200 }.encode(shared),
        WriteUnitClear { time_offset: 1 }.encode(shared),
    ];
    let executed = WriteExecuted {
        order_id: 7,
        quantity: 1,
        ..WriteExecuted::default()
    };
    all.extend(of_market.map(|market| executed.encode(market)));
    let mut builder = PacketBuilder::new(group, 1, 1_400);
    let mut packets = Vec::new();
    for message in &all {
        builder.push(message).unwrap();
        builder.finish(|packet| packets.push((group, packet.to_vec())));
    }
    packets
}

#[test]
fn what_is_found_is_said_with_its_reason_and_decoded() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("itch.pcap");
    let mut packets = itch(111);
    packets.push((5, b"something else".to_vec()));
    write(&file, &packets);
    let output = run(&mut decode(&file, &["--json"]));
    let json = summary(&output);
    let found = &json["detected"];
    assert_eq!(found["protocol"], "moldudp64-itch50");
    assert_eq!(
        (&found["flows"], &found["other_flows"]),
        (&Value::from(1), &Value::from(1))
    );
    assert_eq!(found["looked_at"], Value::from(packets.len() - 1));
    assert_eq!(found["fitting"], found["looked_at"]);
    assert_eq!(json["messages"], Value::from(packets.len() - 2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("protocol moldudp64-itch50: of the first"),
        "{said}"
    );
    assert!(said.contains("MoldUDP64 headers"), "{said}");
    assert!(said.contains("taken for nasdaq's"), "{said}");
    assert_eq!(
        (&found["venue"], &found["venue_assumed"]),
        (&"nasdaq".into(), &true.into())
    );
    let named = run(&mut decode(&file, &["--json", "--venue", "psx"]));
    let found = summary(&named)["detected"].clone();
    assert_eq!(
        (&found["venue"], &found["venue_assumed"]),
        (&"psx".into(), &false.into())
    );
    assert!(
        said.contains("1 groups and ports carry something else"),
        "{said}"
    );
}

#[test]
fn a_file_of_messages_is_found_without_packets() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 5_000);
    let json = summary(&run(&mut decode(&file, &["--json"])));
    assert_eq!(json["detected"]["protocol"], "itch50");
    assert_eq!(json["detected"]["looked_at"], 4_096);
    assert_eq!(json["errors_total"], 0);
}

#[test]
fn what_markets_share_is_refused_with_their_names_and_decided_by_the_venue() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("shared.pcap");
    write(&file, &pitch(1, None));
    let said = refusal(&file, &[]);
    for name in ["equities", "options", "complex", "futures"] {
        assert!(said.contains(&format!("cboe-pitch-{name}")), "{said}");
    }
    assert!(
        said.contains("--protocol") && said.contains("--venue"),
        "{said}"
    );
    let output = run(&mut decode(&file, &["--json", "--venue", "edgx"]));
    let found = summary(&output)["detected"].clone();
    assert_eq!(found["protocol"], "cboe-pitch-equities");
    assert!(
        found["why"].as_str().unwrap().contains("edgx decided"),
        "{found}"
    );
    // Another venue's feeds are not among them, or two of them are.
    assert!(refusal(&file, &["--venue", "cme"]).contains("cboe-pitch-futures"));
    let said = refusal(&file, &["--venue", "c1-options"]);
    assert!(
        said.contains("cboe-pitch-complex") && said.contains("cboe-pitch-options"),
        "{said}"
    );
    assert!(!said.contains("cboe-pitch-equities"), "{said}");

    // One execution tells, for the unit beside it, too.
    let mut packets = pitch(1, None);
    packets.extend(pitch(2, Some(Market::Equities)));
    write(&file, &packets);
    let found = summary(&run(&mut decode(&file, &["--json"])))["detected"].clone();
    assert_eq!(
        (&found["protocol"], &found["flows"]),
        (&"cboe-pitch-equities".into(), &2.into())
    );
}

#[test]
fn different_protocols_heartbeats_and_nothing_known_are_refused_with_what_was_seen() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("capture.pcap");
    let mut packets = itch(111);
    packets.extend(pitch(2, Some(Market::Equities)));
    write(&file, &packets);
    let said = refusal(&file, &[]);
    assert!(said.contains("different protocols"), "{said}");
    assert!(
        said.contains("233.54.12.2:26402: 3 of 3 packets fit cboe-pitch-equities"),
        "{said}"
    );
    assert!(said.contains("233.54.12.111:26511"), "{said}");

    write(&file, &itch(111)[..1]);
    let said = refusal(&file, &[]);
    assert!(
        said.contains("without messages") && said.contains("moldudp64-itch50"),
        "{said}"
    );

    write(&file, &[(1, b"a line of a log".to_vec())]);
    assert!(refusal(&file, &[]).contains("0 of 1 packets fit nothing"));
    write(&file, &[]);
    assert!(refusal(&file, &[]).contains("no UDP packets"));
    std::fs::write(&file, b"hello, world, this is text").unwrap();
    assert!(refusal(&file, &[]).contains("neither a pcap"));
}

#[test]
fn a_header_that_names_its_feed_needs_no_message() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("iex.pcap");
    let mut builder = iex::PacketBuilder::new(iex::DEEP, 1, 9, 1, 1_400);
    let heartbeat = builder.finish(START_NS, <[u8]>::to_vec);
    write(&file, &[(1, heartbeat)]);
    let json = summary(&run(&mut decode(&file, &["--json"])));
    assert_eq!(json["detected"]["protocol"], "iex-deep");
    assert_eq!(json["heartbeats"], 1);
}

#[test]
fn a_pipe_is_refused_and_a_file_that_is_missing_is_told_as_ever() {
    let pipe = refusal(Path::new("/dev/null"), &[]);
    assert!(pipe.contains("no file that can be read twice"), "{pipe}");
    let output = decode(Path::new("/no/such/file"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(9));
}

#[test]
fn captures_of_exchanges_are_found_and_decode_without_an_error() {
    let Some(folder) = find_or_skip("") else {
        return;
    };
    for (name, protocol, messages) in [
        ("iex/TOPS16.pcap.gz", "iex-tops", 57_674),
        (
            "nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50",
            "itch50",
            1_000,
        ),
        (
            "nasdaq-moldudp64-ab/ref_lossless.pcap",
            "moldudp64-itch50",
            1_000,
        ),
    ] {
        let json = summary(&run(&mut decode(&folder.join(name), &["--json"])));
        assert_eq!(json["detected"]["protocol"], protocol, "{name}");
        assert_eq!(json["messages"], messages, "{name}");
        assert_eq!(json["errors_total"], 0, "{name}");
    }
}
