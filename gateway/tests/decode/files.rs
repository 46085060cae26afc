//! What stands in the files.

use std::collections::BTreeMap;

use dbn::SymbolIndex;
use dbn::v3::{ImbalanceMsg, InstrumentDefMsg, MboMsg, StatusMsg, TradeMsg};
use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_wire::build::UdpFrame;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::common;
use crate::input::{DAY, MIDNIGHT_NS, count, decode, json_records, messages, run, summary};
use crate::reader::{Read, read};

/// Nanoseconds of a day.
const DAY_NS: u64 = 86_400_000_000_000;

/// A field of a CSV file as JSON has it.
fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map_or(json!(text), |number| json!(number))
}

/// A CSV file's lines as its head line names the columns.
fn csv(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), columns.len(), "{line}");
            columns.iter().copied().zip(fields).collect()
        })
        .collect()
}

/// An order as the JSON of `gateway decode` has it.
fn as_json(order: &MboMsg) -> Value {
    json!({
        "record": "mbo",
        "publisher_id": order.hd.publisher_id,
        "instrument_id": order.hd.instrument_id,
        "ts_event": order.hd.ts_event,
        "ts_recv": order.ts_recv,
        "ts_in_delta": order.ts_in_delta,
        "channel_id": order.channel_id,
        "sequence": order.sequence,
        "action": char::from(order.action as u8).to_string(),
        "side": char::from(order.side as u8).to_string(),
        "order_id": order.order_id,
        "price": (order.price != dbn::UNDEF_PRICE).then_some(order.price),
        "size": (order.size != dbn::UNDEF_ORDER_SIZE).then_some(order.size),
        "flags": order.flags.raw(),
    })
}

#[test]
fn csv_has_the_fields_of_every_order_and_its_symbol() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 4_000);
    let records = json_records(&file);
    let symbols: BTreeMap<i64, &str> = records
        .iter()
        .filter(|record| record["record"] == "definition")
        .map(|of| {
            (
                of["instrument_id"].as_i64().unwrap(),
                of["raw_symbol"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(symbols.len(), 20);

    let output = run(&mut decode(&file, &["--format", "csv", "--json"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = csv(&text);
    let orders: Vec<&Value> = records.iter().filter(|of| of["record"] == "mbo").collect();
    assert_eq!(lines.len(), orders.len());
    for (line, order) in lines.iter().zip(orders) {
        for (name, value) in order.as_object().unwrap() {
            match (name.as_str(), value) {
                ("record", _) => {}
                ("price", Value::Null) => assert_eq!(line["price"], dbn::UNDEF_PRICE.to_string()),
                ("size", Value::Null) => assert_eq!(line["size"], u32::MAX.to_string()),
                _ => assert_eq!(number(line[name.as_str()]), *value, "{name}"),
            }
        }
        assert_eq!(line["rtype"], dbn::rtype::MBO.to_string());
        let id = order["instrument_id"].as_i64().unwrap();
        assert_eq!(line["symbol"], symbols[&id]);
    }

    // Standard output is full of records: the summary is on the other one.
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["records"]["schema"], "mbo");
    assert_eq!(told["records"]["written"], lines.len());
    let left_out = told["records"]["left_out"].as_object().unwrap();
    for kind in ["definition", "status", "imbalance", "native", "control"] {
        assert_eq!(left_out[kind], count(&records, kind), "{kind}");
    }
    let sum: u64 = left_out.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum + lines.len() as u64, records.len() as u64);
    assert!(left_out["definition"] == 20 && left_out["native"].as_u64() > Some(0));
}

#[test]
fn an_empty_csv_has_its_head_line() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("11202026.NASDAQ_ITCH50");
    std::fs::write(&file, [0, 0]).unwrap();
    let output = run(&mut decode(&file, &["--format", "csv"]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("ts_recv,ts_event,rtype,") && text.ends_with(",symbol\n"));
}

#[test]
fn dbn_holds_every_order_and_a_header_that_tells_its_symbols() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 4_000);
    let (plain, packed) = (
        folder.path().join("day.dbn"),
        folder.path().join("day.dbn.zst"),
    );
    let (to_plain, to_packed) = (plain.to_str().unwrap(), packed.to_str().unwrap());
    let output = run(&mut decode(
        &file,
        &["--format", "dbn", "--output", to_plain, "--json"],
    ));
    let told = summary(&output);
    run(&mut decode(
        &file,
        &["--format", "dbn.zst", "-o", to_packed],
    ));

    let orders: Vec<Value> = json_records(&file)
        .into_iter()
        .filter(|record| record["record"] == "mbo")
        .collect();
    let plain = read(&plain);
    let packed = read(&packed);
    let of_plain: Vec<MboMsg> = plain.of_type();
    assert_eq!(of_plain.iter().map(as_json).collect::<Vec<_>>(), orders);
    assert!(plain.records == packed.records);
    assert_eq!(told["records"]["written"], orders.len());
    assert_eq!(
        told["symbols"],
        json!({"mapped": 20, "ambiguous": 0, "renumbered": 0})
    );
    assert_eq!(told["interrupted"], false);

    let metadata = &plain.metadata;
    assert_eq!(
        (metadata.version, metadata.dataset.as_str()),
        (3, "XNAS.ITCH")
    );
    assert_eq!(metadata.schema, Some(dbn::Schema::Mbo));
    assert_eq!(metadata.stype_in, Some(dbn::SType::RawSymbol));
    assert_eq!(metadata.stype_out, dbn::SType::InstrumentId);
    assert_eq!((metadata.limit, metadata.ts_out), (None, false));
    assert_eq!(metadata.symbols.len(), 20);
    // The input's whole time, of which orders take a part.
    let end = metadata.end.unwrap().get();
    assert!((MIDNIGHT_NS..of_plain[0].ts_recv).contains(&metadata.start));
    assert!((of_plain[of_plain.len() - 1].ts_recv + 1..MIDNIGHT_NS + DAY_NS).contains(&end));
    // What is compressed cannot be corrected when the end is known; all else is the same.
    let mut expected = metadata.clone();
    expected.end = None;
    assert_eq!(packed.metadata, expected);

    let text = run(&mut decode(&file, &["--format", "csv"])).stdout;
    let text = String::from_utf8(text).unwrap();
    let map = metadata.symbol_map().unwrap();
    for (order, line) in of_plain.iter().zip(csv(&text)) {
        assert_eq!(map.get_for_rec(order).unwrap(), line["symbol"]);
    }
}

/// The file of one schema.
fn of_schema(file: &std::path::Path, schema: &str) -> (Read, Value) {
    let path = file.with_extension(format!("{schema}.dbn"));
    let arguments = ["--format", "dbn", "--schema", schema, "--json", "-o"];
    let output = run(decode(file, &arguments).arg(&path));
    (read(&path), summary(&output))
}

#[test]
fn each_schema_holds_its_records_and_the_others_are_counted() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 6_000);
    let records = json_records(&file);
    let all = records.len() as u64;
    let whole = |told: &Value, written: usize| {
        let left_out = told["records"]["left_out"].as_object().unwrap();
        let left_out: u64 = left_out.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(told["records"]["written"], written);
        assert_eq!(written as u64 + left_out, all);
    };
    let of_kind = |kind: &'static str| records.iter().filter(move |of| of["record"] == kind);

    let (read, told) = of_schema(&file, "definition");
    let definitions: Vec<InstrumentDefMsg> = read.of_type();
    whole(&told, definitions.len());
    assert_eq!(definitions.len() as u64, count(&records, "definition"));
    for (got, expected) in definitions.iter().zip(of_kind("definition")) {
        assert_eq!(got.raw_symbol().unwrap(), expected["raw_symbol"]);
        assert_eq!(got.hd.instrument_id, expected["instrument_id"]);
        assert_eq!(
            got.min_lot_size_round_lot,
            expected["min_lot_size_round_lot"]
        );
    }

    let (read, told) = of_schema(&file, "status");
    let statuses: Vec<StatusMsg> = read.of_type();
    whole(&told, statuses.len());
    assert_eq!(statuses.len() as u64, count(&records, "status"));
    for (got, expected) in statuses.iter().zip(of_kind("status")) {
        let got = (got.hd.instrument_id, got.ts_recv, got.action, got.reason);
        assert_eq!(json!(got.0), expected["instrument_id"]);
        assert_eq!(json!(got.1), expected["ts_recv"]);
        assert_eq!(
            json!([got.2, got.3]),
            json!([expected["action"], expected["reason"]])
        );
    }

    let (read, told) = of_schema(&file, "imbalance");
    let imbalances: Vec<ImbalanceMsg> = read.of_type();
    whole(&told, imbalances.len());
    assert_eq!(imbalances.len() as u64, count(&records, "imbalance"));

    let (read, told) = of_schema(&file, "trades");
    let trades: Vec<TradeMsg> = read.of_type();
    whole(&told, trades.len());
    let expected: Vec<&Value> = of_kind("mbo").filter(|of| of["action"] == "T").collect();
    assert!(!trades.is_empty());
    assert_eq!(trades.len(), expected.len());
    assert_eq!(
        told["records"]["left_out"]["mbo"],
        count(&records, "mbo") - trades.len() as u64
    );
    for (got, expected) in trades.iter().zip(expected) {
        let price = (got.price != dbn::UNDEF_PRICE).then_some(got.price);
        assert_eq!(json!(price), expected["price"]);
        assert_eq!(json!(got.size), expected["size"]);
        assert_eq!(json!(got.sequence), expected["sequence"]);
        assert_eq!(json!(got.hd.ts_event), expected["ts_event"]);
        assert_eq!((got.action as u8, got.depth), (b'T', 0));
    }

    let (read, told) = of_schema(&file, "all");
    assert_eq!(read.metadata.schema, None);
    whole(&told, read.records.len());
    for (kind, rtype) in [
        ("mbo", dbn::rtype::MBO),
        ("definition", dbn::rtype::INSTRUMENT_DEF),
        ("status", dbn::rtype::STATUS),
        ("imbalance", dbn::rtype::IMBALANCE),
    ] {
        assert_eq!(read.count(rtype), count(&records, kind), "{kind}");
        assert!(count(&records, kind) > 0, "the flow has no {kind}");
    }
    let others = count(&records, "native") + count(&records, "control");
    assert_eq!(read.records.len() as u64, all - others);
}

#[test]
fn a_capture_with_gaps_gives_what_came_and_the_summary_tells_the_rest() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("ab.pcap");
    let lost = |_, packet| packet % 9 == 4;
    let truth = common::write_capture(&file, 3_000, lost, |_| 0);
    let output = folder.path().join("ab.dbn");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"));
    let command = command.arg("decode").arg(&file).args([
        "--protocol",
        "moldudp64-itch50",
        "--format",
        "dbn",
        "--venue",
        "bx",
        "--json",
        "-o",
    ]);
    let told = summary(&run(command.arg(&output)));
    assert_eq!(told["gaps_total"], truth.gaps.len());
    // Each gap, and the session's begin and end.
    assert_eq!(told["records"]["left_out"]["control"], truth.gaps.len() + 2);
    let read = read(&output);
    assert_eq!(read.metadata.dataset, "XBOS.ITCH");
    let orders: Vec<MboMsg> = read.of_type();
    let publisher = dbn::Publisher::XbosItchXbos as u16;
    assert!(
        orders
            .iter()
            .all(|order| order.hd.publisher_id == publisher)
    );
    for (first, last) in truth.gaps {
        let lost = first as u32..=last as u32;
        assert!(orders.iter().all(|order| !lost.contains(&order.sequence)));
    }
}

#[test]
fn a_file_that_is_cut_gives_a_whole_file_of_what_comes_before() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 2_000);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 7]).unwrap();
    for format in ["dbn", "dbn.zst"] {
        let path = folder.path().join(format);
        let arguments = ["--format", format, "--json", "-o"];
        let output = decode(&file, &arguments).arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(9));
        let told = summary(&output);
        assert_eq!(told["errors_total"], 1);
        let read = read(&path);
        assert!(!read.records.is_empty());
        assert_eq!(told["records"]["written"], read.records.len());
    }
}

#[test]
fn the_day_is_the_one_that_is_given_where_the_name_tells_none() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("day.itch");
    std::fs::rename(messages(folder.path(), 500), &file).unwrap();
    let refused = decode(&file, &["--format", "csv"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("--date")
    );
    let output = run(&mut decode(&file, &["--format", "csv", "--date", DAY]));
    let text = String::from_utf8(output.stdout).unwrap();
    let received: u64 = csv(&text)[0]["ts_recv"].parse().unwrap();
    assert!((MIDNIGHT_NS..MIDNIGHT_NS + DAY_NS).contains(&received));
}

#[test]
fn records_are_completed_from_an_index_of_orders_unless_told_otherwise() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 6_000);
    let of_kind = |kind: &str| {
        let path = folder.path().join(format!("{kind}.dbn"));
        let arguments = ["--format", "dbn", "--records", kind, "--json", "-o"];
        let output = run(decode(&file, &arguments).arg(&path));
        let orders: Vec<MboMsg> = read(&path).of_type();
        (orders, summary(&output))
    };
    // A cross in which nothing traded has no price, and no order either.
    let unknown = |orders: &[MboMsg]| {
        let without_price = |order: &&MboMsg| order.price == dbn::UNDEF_PRICE;
        let of = orders.iter().filter(|order| order.order_id != 0);
        of.filter(without_price).count()
    };
    let (full, told) = of_kind("full");
    assert_eq!(unknown(&full), 0);
    assert_eq!(told["orders"]["unknown"], 0);
    assert!(told["orders"]["live"].is_u64());
    let default = json_records(&file);
    let default: Vec<&Value> = default.iter().filter(|of| of["record"] == "mbo").collect();
    assert_eq!(default.len(), full.len());
    assert!(
        default
            .iter()
            .zip(&full)
            .all(|(json, order)| **json == as_json(order))
    );

    let (plain, told) = of_kind("plain");
    assert!(unknown(&plain) > 0);
    assert_eq!(told.get("orders"), None);

    // Room for 64 orders is too little for this day, and it is told.
    let arguments = ["--format", "csv", "--orders-max", "64", "--json"];
    let output = run(&mut decode(&file, &arguments));
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(told["orders"]["overflowed"].as_u64() > Some(0));
}

#[test]
fn sessions_beyond_what_memory_is_taken_for_are_told() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("sessions.pcap");
    let output = std::fs::File::create(&file).unwrap();
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    for number in 0..10_u64 {
        let session = Session::from_name(&format!("DAY{number}")).unwrap();
        let mut frame = [0; 256];
        let length = UdpFrame {
            destination: common::GROUP_A,
            destination_port: common::PORT,
            payload: &PacketBuilder::new(session, 1, 1400).heartbeat(),
            ..UdpFrame::default()
        }
        .write(&mut frame)
        .unwrap();
        writer
            .write(MIDNIGHT_NS + number, &frame[..length])
            .unwrap();
    }
    writer.finish().unwrap();
    for (records, errors) in [("full", 2), ("plain", 0)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"));
        let command = command.arg("decode").arg(&file).args([
            "--protocol",
            "moldudp64-itch50",
            "--format",
            "csv",
            "--records",
            records,
            "--json",
        ]);
        let output = run(command);
        let told: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(told["errors_total"], errors, "{records}");
    }
}
