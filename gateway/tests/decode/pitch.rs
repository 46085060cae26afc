//! Captures of Cboe PITCH.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::pitch::layout::{
    ShortPrice, Symbol6, WriteAddShort, WriteDelete, WriteExecuted, WriteTime,
};
use gateway_feed::pitch::{Market, PacketBuilder};
use gateway_test_support::data::find_or_skip;
use gateway_wire::build::UdpFrame;
use serde_json::Value;
use tempfile::tempdir;

use crate::input::{run, summary};

/// 2026-11-20 14:30 UTC: half past nine in New York.
const START_NS: u64 = 1_795_185_000_000_000_000;

fn decode(file: &Path, protocol: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .arg("decode")
        .arg(file)
        .args(["--protocol", protocol])
        .args(arguments);
    command
}

/// Two units on one group and port, each a time, an order, its execution in part and its end; the lines lose packets by
/// turns.
fn write_two_units(path: &Path) {
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    for unit in [1, 2] {
        let order_id = 0x3904_b28a_c1cd_c2d0 + u64::from(unit);
        let symbol = [Symbol6(*b"ABC   "), Symbol6(*b"XYZ   ")][usize::from(unit) - 1];
        let messages = [
            WriteTime { seconds: 34_200 }.encode(Market::Equities),
            WriteAddShort {
                time_offset: 1_000,
                order_id,
                side: b'B',
                quantity: 100,
                symbol,
                price: ShortPrice(2_787),
            }
            .encode(Market::Equities),
            WriteExecuted {
                time_offset: 2_000,
                order_id,
                quantity: 40,
                execution_id: 7,
            }
            .encode(Market::Equities),
            WriteDelete {
                time_offset: 3_000,
                order_id,
            }
            .encode(Market::Equities),
        ];
        let mut builder = PacketBuilder::new(unit, 1, 1_400);
        for (number, message) in messages.iter().enumerate() {
            builder.push(message).unwrap();
            builder.finish(|payload| {
                for line in [0_u8, 1] {
                    if number % 2 != usize::from(line) || number == 0 {
                        let mut frame = [0; 512];
                        let length = UdpFrame {
                            destination: [224, 0, 62, line],
                            destination_port: 30_501,
                            payload,
                            ..UdpFrame::default()
                        }
                        .write(&mut frame)
                        .unwrap();
                        let time = START_NS + 10_000 * number as u64 + u64::from(line);
                        writer.write(time, &frame[..length]).unwrap();
                    }
                }
            });
        }
    }
    writer.finish().unwrap();
}

#[test]
fn units_on_one_port_are_sessions_of_their_own() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("two.pcap");
    write_two_units(&file);
    let output = run(&mut decode(&file, "cboe-pitch-equities", &["--json"]));
    let summary = summary(&output);
    let expected = serde_json::json!({ "20": 2, "22": 2, "23": 2, "29": 2 });
    assert_eq!(summary["by_type"], expected);
    for (key, value) in [
        ("messages", 8),
        ("sessions", 2),
        ("lost", 0),
        ("errors_total", 0),
    ] {
        assert_eq!(summary[key], value, "{key}");
    }

    let output = run(&mut decode(
        &file,
        "cboe-pitch-equities",
        &["--format", "json"],
    ));
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let orders: Vec<Value> = records.filter(|of: &Value| of["record"] == "mbo").collect();
    let actions: String = orders
        .iter()
        .map(|of| of["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, "ATFCCATFCC", "{orders:#?}");
    // Half past nine, told by the Time message.
    assert_eq!(
        orders[0]["ts_event"].to_string().trim_matches('"'),
        (START_NS + 1_000).to_string()
    );
}

#[test]
fn every_captured_packet_decodes() {
    let Some(path) = find_or_skip("omi/Cboe") else {
        return;
    };
    let mut files = 0;
    for (folder, protocol) in [
        (
            "Byx.Equities.DepthOfBook.Pitch.v2.41",
            "cboe-pitch-equities",
        ),
        ("Options.DepthOfBook.Pitch.v2.39.4", "cboe-pitch-options"),
        (
            "Options.ComplexDepthOfBook.Pitch.v2.1.18",
            "cboe-pitch-complex",
        ),
        ("Futures.DepthOfBook.Pitch.v1.1.6", "cboe-pitch-futures"),
        ("Futures.DepthOfBook.Pitch.v1.1.12", "cboe-pitch-futures"),
    ] {
        for file in std::fs::read_dir(path.join(folder)).unwrap() {
            let file = file.unwrap().path();
            let summary = summary(&run(&mut decode(&file, protocol, &["--json"])));
            assert_eq!(summary["packets"], 1, "{file:?}");
            assert_eq!(summary["errors_total"], 0, "{file:?} {summary}");
            assert_eq!(summary["unknown_types"], 0, "{file:?}");
            files += 1;
        }
    }
    assert_eq!(files, 16);
}
