//! Captures of Cboe PITCH.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use dbn::SymbolIndex;
use dbn::v3::MboMsg;
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
use crate::reader;

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

/// Two units number their instruments from 1 each; a file of other tools has one number for one of them.
#[test]
fn instruments_of_two_units_have_numbers_of_their_own_in_a_file() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("two.pcap");
    write_two_units(&file);
    let dbn = folder.path().join("two.dbn");
    let output = run(&mut decode(
        &file,
        "cboe-pitch-equities",
        &[
            "--json",
            "--format",
            "dbn",
            "--output",
            dbn.to_str().unwrap(),
        ],
    ));
    let told = serde_json::json!({"mapped": 2, "ambiguous": 0, "renumbered": 1});
    assert_eq!(summary(&output)["symbols"], told);

    let read = reader::read(&dbn);
    let symbols = read.metadata.symbol_map().unwrap();
    let mut by_symbol: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let orders = read.of_type::<MboMsg>();
    for order in &orders {
        let symbol = symbols
            .get_for_rec(order)
            .expect("every number has a symbol");
        by_symbol.entry(symbol).or_default().push(order.order_id);
    }
    // Each has its own orders: the last digit is the unit. Trades have none.
    for (symbol, last) in [("ABC", 0xd1), ("XYZ", 0xd2)] {
        let orders = &by_symbol[symbol];
        assert_eq!(orders.len(), 5, "{symbol}");
        let named = orders.iter().filter(|order| **order != 0);
        assert!(named.clone().count() >= 4 && named.clone().all(|order| order & 0xff == last));
    }

    let output = run(&mut decode(
        &file,
        "cboe-pitch-equities",
        &["--format", "csv"],
    ));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = columns
        .iter()
        .position(|name| *name == "instrument_id")
        .unwrap();
    let numbers: BTreeSet<(String, String)> = lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[at].to_owned(), (*fields.last().unwrap()).to_owned())
        })
        .collect();
    let expected = [("1", "ABC"), ("16777216", "XYZ")];
    let expected = expected.map(|(number, symbol)| (number.to_owned(), symbol.to_owned()));
    assert_eq!(numbers, BTreeSet::from(expected));
}

/// A unit numbers its instruments anew each day: the header of a file tells both days.
#[test]
fn a_units_second_day_is_a_session_of_its_own_in_a_file() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("days.pcap");
    let output = BufWriter::new(File::create(&file).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let mut time = START_NS;
    let mut send = |payload: &[u8], after_ns: u64| {
        time += after_ns;
        let mut frame = [0; 512];
        let length = UdpFrame {
            destination: [224, 0, 62, 2],
            destination_port: 30_501,
            payload,
            ..UdpFrame::default()
        }
        .write(&mut frame)
        .unwrap();
        writer.write(time, &frame[..length]).unwrap();
    };
    for symbol in [Symbol6(*b"ABC   "), Symbol6(*b"XYZ   ")] {
        let mut builder = PacketBuilder::new(1, 1, 1_400);
        // Its heartbeats announce that the numbers begin anew.
        for _ in 0..3 {
            builder.finish(|payload| send(payload, 1_000_000_000));
        }
        let add = WriteAddShort {
            side: b'B',
            quantity: 100,
            symbol,
            price: ShortPrice(2_787),
            ..WriteAddShort::default()
        };
        for message in [
            WriteTime { seconds: 34_203 }.encode(Market::Equities),
            add.encode(Market::Equities),
        ] {
            builder.push(&message).unwrap();
            builder.finish(|payload| send(payload, 1_000));
        }
        // One in the evening, and one a day later that has the old numbers still.
        builder.finish(|payload| send(payload, 1_000_000_000));
        builder.finish(|payload| send(payload, 86_400_000_000_000 - 4_000_002_000));
    }
    writer.finish().unwrap();
    let dbn = folder.path().join("days.dbn");
    let arguments = ["--json", "--format", "dbn", "--output"];
    let output = run(decode(&file, "cboe-pitch-equities", &arguments).arg(&dbn));
    let summary = summary(&output);
    let told = serde_json::json!({"mapped": 2, "ambiguous": 0, "renumbered": 0});
    assert_eq!((&summary["symbols"], &summary["lost"]), (&told, &0.into()));
    let read = reader::read(&dbn);
    let symbols = read.metadata.symbol_map().unwrap();
    let orders = read.of_type::<MboMsg>();
    let adds = orders.iter().filter(|order| order.action as u8 == b'A');
    let named: Vec<_> = adds
        .map(|order| {
            (
                order.hd.instrument_id,
                symbols.get_for_rec(order).unwrap().as_str(),
            )
        })
        .collect();
    assert_eq!(named, [(1, "ABC"), (1, "XYZ")]);
}
