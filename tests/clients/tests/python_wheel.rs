//! The wheel's records and arrays, beside what Databento's library makes of the same bytes.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

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
    106
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
