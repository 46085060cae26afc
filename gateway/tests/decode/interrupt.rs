//! SIGINT and SIGTERM while a file is written.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::tempdir;

use crate::common::until;
use crate::input::{decode, messages, run, summary};
use crate::reader::{read, read_bytes};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// So many that a process which writes into a pipe cannot hand all over before somebody reads.
const MESSAGES: u64 = 400_000;

/// A process that writes into a pipe which nobody reads, once its first bytes are there, and these bytes.
fn stuck(file: &Path, format: &str) -> (Child, Vec<u8>) {
    let mut child = decode(file, &["--format", format, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = vec![0; 64];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    (child, first)
}

#[test]
fn the_first_signal_ends_a_file_whole() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), MESSAGES);
    let whole = read_bytes(&run(&mut decode(&file, &["--format", "dbn"])).stdout);
    for (format, wanted) in [("dbn", Signal::INT), ("dbn.zst", Signal::TERM)] {
        let (mut child, mut bytes) = stuck(&file, format);
        // It is on its way before anything more is read, so the process sees it before it can go on.
        signal(&child, wanted);
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(12), "{text}");
        let (told, message) = text.split_once('\n').unwrap();
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        assert!(message.contains("interrupted after"), "{message}");
        assert_eq!(told["interrupted"], true);

        let read = read_bytes(&bytes);
        let count = read.records.len();
        assert_eq!(told["records"]["written"], count);
        assert!(count < whole.records.len(), "it was read to its end");
        assert!(read.records[..] == whole.records[..count]);
        // Records of one message stay together.
        let last = read.of_type::<dbn::MboMsg>().pop();
        assert!(last.is_none_or(|order| order.flags.is_last()));
    }
}

#[test]
fn text_ends_with_a_whole_line() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), MESSAGES);
    let (mut child, mut bytes) = stuck(&file, "csv");
    signal(&child, Signal::INT);
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(12));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.ends_with('\n'));
    let columns = text.lines().next().unwrap().split(',').count();
    assert_eq!(text.lines().last().unwrap().split(',').count(), columns);
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), MESSAGES);
    let (mut child, _) = stuck(&file, "dbn");
    // Two of one kind might arrive as one. Which of two kinds is seen first, the kernel decides.
    signal(&child, Signal::INT);
    signal(&child, Signal::TERM);
    let died_of = child.wait().unwrap().signal();
    let either = [Signal::INT, Signal::TERM].map(|signal| Some(signal.as_raw()));
    assert!(either.contains(&died_of), "{died_of:?}");
}

#[test]
fn the_header_of_a_file_tells_the_time_that_was_reached() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out.dbn");
    let whole = folder.path().join("whole.dbn");
    // A fast machine may be done before it is told to stop: more messages then.
    for factor in [1, 4, 16] {
        let file = messages(folder.path(), factor * MESSAGES);
        let arguments = ["--format", "dbn", "--force", "--json", "-o"];
        let child = decode(&file, &arguments)
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("records in the file", || {
            let length = path.metadata().ok()?.len();
            (length > 0).then_some(())
        });
        signal(&child, Signal::INT);
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            continue;
        }
        assert_eq!(output.status.code(), Some(12));
        run(decode(&file, &arguments).arg(&whole));
        let (read, whole) = (read(&path), read(&whole));
        assert_eq!(summary(&output)["records"]["written"], read.records.len());
        let last = read.of_type::<dbn::MboMsg>().pop().unwrap().ts_recv;
        let end = read.metadata.end.unwrap().get();
        assert!(end > last && end < whole.metadata.end.unwrap().get());
        let count = read.records.len();
        assert!(read.records[..] == whole.records[..count]);
        assert_eq!(read.metadata.mappings, whole.metadata.mappings);
        return;
    }
    panic!("no file was long enough to be interrupted");
}

#[test]
fn counting_alone_can_be_interrupted_too() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::Mode::from_raw_mode(0o600),
    )
    .unwrap();
    let file = messages(folder.path(), 2_000);
    let bytes = std::fs::read(file).unwrap();
    let child = decode(&pipe, &["--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut feed = File::options().write(true).open(&pipe).unwrap();
    std::io::Write::write_all(&mut feed, &bytes).unwrap();
    signal(&child, Signal::TERM);
    // It may wait for more. Perhaps it has gone already.
    let _ = std::io::Write::write_all(&mut feed, &bytes);
    drop(feed);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(12));
    let told = summary(&output);
    assert_eq!(told["interrupted"], true);
    assert!(told["messages"].as_u64().unwrap() < 4_000);
}
