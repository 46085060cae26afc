//! Memory does not grow with the file.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use gateway_sim::flow::FlowOptions;
use tempfile::tempdir;

use crate::input::{decode, write_messages};

/// The most memory that a process ever had resident, in KiB; `None` once it is gone.
fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The peak of a process that decodes `file`, as seen whenever it has written some of it.
fn peak_of(file: &Path, format: &str) -> u64 {
    let mut child = decode(file, &["--format", format])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let mut some = vec![0; 1 << 20];
    let mut peak = 0;
    while pipe.read(&mut some).unwrap() > 0 {
        peak = peak.max(peak_kib(child.id()).unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak > 0);
    peak
}

fn write_file(path: &Path, bytes_min: u64) {
    let options = FlowOptions {
        messages: 0,
        symbols: 2_000,
        interval_ns: 1_000,
        ..FlowOptions::default()
    };
    write_messages(path, options, |bytes| bytes < bytes_min);
}

#[test]
fn a_file_of_64_mib_takes_no_more_memory_than_one_of_4() {
    let folder = tempdir().unwrap();
    let (small, large) = (
        folder.path().join("11202026.s"),
        folder.path().join("11202026.l"),
    );
    write_file(&small, 4 << 20);
    write_file(&large, 64 << 20);
    for format in ["csv", "dbn", "dbn.zst"] {
        let (small, large) = (peak_of(&small, format), peak_of(&large, format));
        println!("{format}: {small} KiB for 4 MiB, {large} KiB for 64 MiB");
        assert!(
            large < small + 4096,
            "{format}: {small} KiB, then {large} KiB"
        );
        assert!(large < 96 << 10, "{format}: {large} KiB");
    }
}
