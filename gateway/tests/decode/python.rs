//! The files as Databento's own Python library reads them.

use std::path::{Path, PathBuf};
use std::process::Command;

use dbn::v3::MboMsg;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::input::{decode, messages, run};
use crate::reader::read;

/// What is installed: Databento's decoder, and the decompressor that its client uses.
const PACKAGES: [&str; 2] = ["databento-dbn==0.72.0", "zstandard==0.25.0"];
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decode/read_dbn.py");

/// A Python that has the packages, or why there is none. It is made once and kept with what is built.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGES.join("-"));
    let python = folder.join("bin/python");
    // Written last: an environment that was not completed is made again.
    let complete = folder.join("complete");
    if complete.is_file() {
        return Ok(python);
    }
    step(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    step(install.args(["--only-binary", ":all:"]).args(PACKAGES))?;
    std::fs::write(complete, "").map_err(|error| error.to_string())?;
    Ok(python)
}

fn step(command: &mut Command) -> Result<(), String> {
    let said = |output: &[u8]| String::from_utf8_lossy(output).into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{command:?}: {}{}",
            said(&output.stdout),
            said(&output.stderr)
        )),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// The header and the records of a file, as Python prints them.
fn printed(python: &Path, file: &Path) -> (Value, Vec<Value>) {
    let output = run(Command::new(python).arg(SCRIPT).arg(file));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.next().unwrap(), lines.collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn databentos_python_library_reads_the_same() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return println!("skipped: no Python with {PACKAGES:?}: {why}"),
    };
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 6_000);
    for (schema, format) in [
        ("mbo", "dbn"),
        ("mbo", "dbn.zst"),
        ("trades", "dbn"),
        ("definition", "dbn.zst"),
        ("status", "dbn"),
        ("imbalance", "dbn"),
        ("all", "dbn.zst"),
    ] {
        let path = folder.path().join(format!("{schema}.{format}"));
        let arguments = ["--format", format, "--schema", schema, "-o"];
        run(decode(&file, &arguments).arg(&path));
        let (header, records) = printed(&python, &path);
        let expected = read(&path);

        let metadata = &expected.metadata;
        assert_eq!(header["version"], 3);
        assert_eq!(header["dataset"], "XNAS.ITCH");
        assert_eq!(
            header["schema"],
            json!(metadata.schema.map(|of| of.as_str()))
        );
        assert_eq!(header["start"], metadata.start);
        assert_eq!(header["end"], json!(metadata.end));
        assert_eq!(header["limit"], Value::Null);
        assert_eq!(header["stype_in"], "raw_symbol");
        assert_eq!(header["stype_out"], "instrument_id");
        assert_eq!(header["ts_out"], false);
        assert_eq!(header["symbols"], json!(metadata.symbols));
        let mappings = header["mappings"].as_object().unwrap();
        assert_eq!(mappings.len(), 20);
        for mapping in &metadata.mappings {
            let [of] = mapping.intervals.as_slice() else {
                panic!("{mapping:?}")
            };
            let interval = json!([[
                of.start_date.to_string(),
                of.end_date.to_string(),
                of.symbol
            ]]);
            assert_eq!(mappings[&mapping.raw_symbol], interval);
        }

        assert!(!records.is_empty(), "{schema}");
        let bytes: Vec<String> = expected.records.iter().map(|of| hex(of)).collect();
        let got: Vec<&str> = records
            .iter()
            .map(|of| of["bytes"].as_str().unwrap())
            .collect();
        assert!(
            got == bytes,
            "{schema}: {} and {} records",
            got.len(),
            bytes.len()
        );
        if schema == "mbo" {
            for (record, order) in records.iter().zip(expected.of_type::<MboMsg>()) {
                assert_eq!(*record, of_order(&order, &record["bytes"]));
            }
        }
        if schema == "definition" {
            let names = records.iter().map(|of| of["raw_symbol"].as_str().unwrap());
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            assert_eq!(names, metadata.symbols);
        }
    }
}

/// An order's fields as Python names them.
fn of_order(order: &MboMsg, bytes: &Value) -> Value {
    json!({
        "type": "MBOMsg",
        "bytes": bytes,
        "publisher_id": order.hd.publisher_id,
        "instrument_id": order.hd.instrument_id,
        "ts_event": order.hd.ts_event,
        "ts_recv": order.ts_recv,
        "ts_in_delta": order.ts_in_delta,
        "sequence": order.sequence,
        "action": char::from(order.action as u8).to_string(),
        "side": char::from(order.side as u8).to_string(),
        "price": order.price,
        "size": order.size,
        "flags": order.flags.raw(),
        "order_id": order.order_id,
        "channel_id": order.channel_id,
    })
}
