//! Transports as Wireshark reads them: of MoldUDP64 every field of every packet, our reading beside `tshark`'s; of
//! SoupBinTCP what our server writes.
//!
//! Debian's `tshark` knows MoldUDP64 and SoupBinTCP. Its dissector of ITCH is of the versions of before 5.0, in ASCII, and
//! it has none of PITCH, IEX-TP and MDP 3.0: those are compared with other decoders, or with the specifications' tables.

#![allow(clippy::unwrap_used, reason = "tests")]

mod moldudp64;
mod soupbintcp;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of this run of the tests.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Whether there is a `tshark` that knows `protocol`; says why not in the words that `cargo xtask test` counts.
fn knows_or_skip(protocol: &str) -> bool {
    let listed = Command::new("tshark").args(["-G", "protocols"]).output();
    let why = match listed {
        Err(error) => format!("no tshark: {error}"),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            if text
                .lines()
                .any(|line| line.ends_with(&format!("\t{protocol}")))
            {
                return true;
            }
            format!("this tshark does not know {protocol}")
        }
    };
    println!("skipped: {why}");
    false
}

/// What tshark reads in a capture: the values of `fields` of each packet, with ports read as `as_protocol` says
/// (`udp.port==26477,moldudp64`). A field that comes several times has all its values.
fn tshark(capture: &Path, as_protocol: &[String], fields: &[&str]) -> Vec<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command
        .arg("-n")
        .arg("-r")
        .arg(capture)
        .args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"])
        .args(["-E", "aggregator=,"]);
    for decode_as in as_protocol {
        command.arg("-d").arg(decode_as);
    }
    for field in fields {
        command.arg("-e").arg(field);
    }
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{complaint}");
    let text = String::from_utf8(output.stdout).unwrap();
    let values = |field: &str| {
        let values = field.split(',').filter(|value| !value.is_empty());
        values.map(str::to_owned).collect()
    };
    text.lines()
        .map(|line| line.split('\t').map(values).collect())
        .collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text as a field of tshark has it: without padding.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}
