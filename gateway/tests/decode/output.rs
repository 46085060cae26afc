//! Where files go, and what goes wrong there.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Output, Stdio};

use tempfile::tempdir;

use crate::input::{decode, json_records, messages, run};
use crate::reader::{read, read_bytes};

/// One message, its exit code and what it says.
fn refused(output: &Output, code: i32, says: &[&str]) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for expected in says {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_file_is_replaced_only_on_demand_and_never_the_input() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 500);
    let path = folder.path().join("out.dbn");
    fs::write(&path, "precious").unwrap();
    let arguments = ["--format", "dbn", "-o", path.to_str().unwrap()];
    let output = decode(&file, &arguments).output().unwrap();
    refused(&output, 13, &["out.dbn", "--force"]);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    run(decode(&file, &arguments).arg("--force"));
    assert!(!read(&path).records.is_empty());

    // Under another name too.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let before = fs::read(&file).unwrap();
    let arguments = ["--format", "csv", "--force", "-o", link.to_str().unwrap()];
    let output = decode(&file, &arguments).output().unwrap();
    refused(&output, 13, &["link", "to be read"]);
    assert!(fs::read(&file).unwrap() == before);
}

#[test]
fn a_wrong_request_leaves_no_file() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 500);
    let path = folder.path().join("out");
    let to = path.to_str().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (
            &["--format", "csv", "--schema", "all", "-o", to],
            "--schema",
        ),
        (
            &["--format", "json", "--schema", "mbo", "-o", to],
            "--schema",
        ),
        (&["--format", "summary", "-o", to], "--output"),
        (
            &["--format", "dbn", "--orders-max", "0", "-o", to],
            "--orders-max",
        ),
        (&["--format", "dbn", "--force"], "--output"),
        (
            &["--format", "dbn", "--date", "9999-01-01", "-o", to],
            "--date",
        ),
    ];
    for (arguments, says) in cases {
        let output = decode(&file, arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{text}");
        assert!(text.contains(says), "{arguments:?}\n{text}");
    }
    let arguments = ["--format", "dbn", "-o", to];
    let missing = folder.path().join("12302019.nothing");
    let output = decode(&missing, &arguments).output().unwrap();
    refused(&output, 9, &["12302019.nothing"]);
    assert!(!path.exists());

    let nowhere = ["--format", "dbn", "-o", "/nowhere/out.dbn"];
    let output = decode(&file, &nowhere).output().unwrap();
    refused(&output, 13, &["/nowhere/out.dbn", "folder"]);
}

#[test]
fn a_full_disk_is_told_plainly() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 500);
    for format in ["json", "csv", "dbn", "dbn.zst"] {
        let arguments = ["--format", format, "--output", "/dev/full"];
        let output = decode(&file, &arguments).output().unwrap();
        refused(&output, 13, &["/dev/full", "No space left", "Make room"]);
    }
}

#[test]
fn a_reader_that_goes_is_told_plainly() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 60_000);
    for format in ["json", "csv", "dbn", "dbn.zst"] {
        let mut command = decode(&file, &["--format", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut some = [0; 100];
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_exact(&mut some).unwrap();
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        refused(&output, 13, &["standard output", "its reader closed it"]);
    }
}

#[test]
fn a_pipe_takes_binary_files() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 2_000);
    let orders = json_records(&file)
        .iter()
        .filter(|record| record["record"] == "mbo")
        .count();
    for format in ["dbn", "dbn.zst"] {
        let output = run(&mut decode(&file, &["--format", format]));
        let read = read_bytes(&output.stdout);
        assert_eq!(read.records.len(), orders);
        assert_eq!(read.metadata.end, None, "a pipe cannot be corrected");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("records written"), "{told}");
    }
}

#[test]
fn standard_output_is_not_taken_for_a_file_of_ours() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 500);
    let path = folder.path().join("out");
    fs::write(&path, "precious").unwrap();
    let appended = File::options().append(true).open(&path).unwrap();
    let mut command = decode(&file, &["--format", "dbn"]);
    assert!(command.stdout(appended).output().unwrap().status.success());
    let bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"precious");
    assert!(!read_bytes(&bytes[8..]).records.is_empty());
}

#[test]
fn messages_may_come_through_a_pipe_unless_the_symbols_stand_in_front() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 3_000);
    let expected = run(&mut decode(&file, &["--format", "csv"])).stdout;
    let bytes = fs::read(&file).unwrap();
    let stdin = std::path::Path::new("/dev/stdin");
    let mut command = decode(stdin, &["--format", "csv", "--date", crate::input::DAY]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || pipe.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == expected);

    let mut command = decode(stdin, &["--format", "dbn", "--date", crate::input::DAY]);
    let output = command.stdin(Stdio::piped()).output().unwrap();
    refused(&output, 2, &["/dev/stdin", "--format csv"]);
}
