//! The wheel's records and arrays, beside what Databento's library makes of the same bytes, and its types.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use gateway_client::dbn::BidAskPair;
use gateway_record::v3;
use gateway_record::{ControlKind, ControlRecord, RTYPE_CONTROL};
use gateway_test_clients::python;
use gateway_test_clients::stage::{Stage, order};
use serde_json::Value;

fn control(sequence: u64) -> [u64; 7] {
    ControlRecord {
        length: 14,
        rtype: RTYPE_CONTROL,
        publisher_id: 2,
        instrument_id: 0,
        ts_event: 1,
        kind: ControlKind::Gap as u16,
        channel_id: 0,
        reserved: [0; 5],
        sequence,
        count: 3,
        ts_recv: 1,
        session: *b"SESSION ",
    }
    .words()
}

/// Orders with a gap, a definition, a status and an imbalance among them.
fn publish(stage: &mut Stage) -> u64 {
    let mut definition = v3::InstrumentDefMsg::default();
    definition.hd.instrument_id = 7;
    for (to, from) in definition.raw_symbol.iter_mut().zip(b"SYMBOL") {
        *to = from.cast_signed();
    }
    stage.publish(&definition);
    for number in 1..=100 {
        stage.publish(&order(number, 1_000 + number));
        if number == 40 {
            stage.publish_words(&control(number));
        }
    }
    stage.publish(&v3::StatusMsg::default());
    stage.publish(&v3::ImbalanceMsg::default());
    stage.publish(&v3::StatMsg::default());
    stage.publish(&v3::TradeMsg::default());
    stage.publish(&best(7));
    stage.publish(&ten(7));
    108
}

/// A level of which no two numbers are the same.
fn level(number: i64) -> BidAskPair {
    BidAskPair {
        bid_px: 1_000_000_000 - number,
        ask_px: 1_000_000_001 + number,
        bid_sz: 10 + number as u32,
        ask_sz: 50 + number as u32,
        bid_ct: 100 + number as u32,
        ask_ct: 200 + number as u32,
    }
}

fn best(instrument_id: u32) -> v3::Mbp1Msg {
    let mut record = v3::Mbp1Msg::default();
    record.hd.instrument_id = instrument_id;
    (record.sequence, record.levels) = (9, [level(0)]);
    record
}

fn ten(instrument_id: u32) -> v3::Mbp10Msg {
    let mut record = v3::Mbp10Msg::default();
    record.hd.instrument_id = instrument_id;
    record.levels = std::array::from_fn(|number| level(number as i64));
    record
}

/// What the program prints last, run while the queue is written to its end.
fn printed(mode: Option<&str>) -> Option<(u64, Value)> {
    let python = python::with_wheel().unwrap()?;
    let mut stage = Stage::open().unwrap();
    let records = publish(&mut stage);
    let mut child = Command::new(python)
        .arg(python::program("arrays.py"))
        .arg(stage.socket())
        .args(mode)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let name = mode.unwrap_or("records");
    stage.await_drained(name).unwrap();
    stage.close();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let last = lines.map(Result::unwrap).last().unwrap_or_default();
    assert!(child.wait().unwrap().success());
    Some((records, serde_json::from_str(&last).unwrap()))
}

#[test]
fn records_are_what_databentos_library_reads() {
    if let Some((records, report)) = printed(None) {
        assert_eq!(report["records"], records);
        assert_eq!(report["orders"], 100);
        assert_eq!(report["compared"], records - 1, "all but the gap");
    }
}

#[test]
fn arrays_hold_every_record_and_become_data_frames() {
    if let Some((records, report)) = printed(Some("arrays")) {
        assert_eq!(report["records"], records);
        assert_eq!(report["orders"], 100);
        assert_eq!(report["by_action"]["A"], 100);
    }
}

#[test]
fn the_programs_own_array_is_filled_and_nothing_is_lost_between() {
    if let Some((records, report)) = printed(Some("into")) {
        assert_eq!(report["records"], records);
        assert_eq!(report["orders"], 100);
        let others = report["others"].as_array().unwrap();
        assert_eq!(
            (others[0].as_str(), others[1].as_str()),
            (Some("InstrumentDefMsg"), Some("ControlMsg"))
        );
    }
}

#[test]
fn an_array_that_is_kept_stays_what_it_was() {
    if let Some((_, report)) = printed(Some("again")) {
        assert!(report["arrays"].as_u64() > Some(15), "{report}");
    }
}

/// Asserts that a program in Python ends well, and returns what it printed.
fn succeeds(python: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    // Not in the folder where the sources are: what is installed is what is checked.
    command.current_dir(std::env::temp_dir()).args(arguments);
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{printed}{errors}");
    printed
}

#[test]
fn the_types_are_those_of_the_module() {
    let Some(python) = python::with_wheel().unwrap() else {
        return;
    };
    // The package's other modules are Python, and say of themselves what they are.
    succeeds(&python, &["-m", "mypy.stubtest", "gateway_client._native"]);
    let stubs = python::program("stubs.py");
    let printed = succeeds(&python, &[stubs.to_str().unwrap()]);
    println!("{printed}");
}

#[test]
fn the_types_pass_the_examples_and_find_mistakes() {
    let Some(python) = python::with_wheel().unwrap() else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    // A mistake that mypy does not find is one, too: its `type: ignore` is unused.
    let check = |arguments: &[&str]| {
        let cache = ["--cache-dir", cache.path().to_str().unwrap()];
        succeeds(
            &python,
            &[&["-m", "mypy", "--strict"], &cache[..], arguments].concat(),
        )
    };
    check(&[python::examples().to_str().unwrap()]);
    check(&[python::program("misuse.py").to_str().unwrap()]);
}
