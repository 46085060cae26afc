//! What a person sees while a file is read.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::tempdir;

use crate::input::{decode, messages, run};

/// A terminal of 100 columns: our end and the program's.
fn terminal() -> (File, File) {
    let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let size = Winsize {
        ws_row: 25,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&ours, size).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(ours), theirs)
}

/// What the program shows until the last of its ends is closed.
fn shown(mut ours: File) -> String {
    let mut bytes = Vec::new();
    // The end of a terminal is an error, EIO.
    let _ = ours.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_terminal_shows_how_far_it_is_and_how_long_it_takes() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 100_000);
    let (ours, theirs) = terminal();
    let path = folder.path().join("out.dbn.zst");
    let mut command = decode(
        &file,
        &["--format", "dbn.zst", "-o", path.to_str().unwrap()],
    );
    let mut child = command
        .env("TERM", "xterm")
        .stdout(Stdio::null())
        .stderr(theirs)
        .spawn()
        .unwrap();
    // The command holds an end of the terminal.
    drop(command);
    let text = shown(ours);
    assert!(child.wait().unwrap().success(), "{text}");
    for expected in ["symbols", "MiB", "to go"] {
        assert!(text.contains(expected), "{expected}: {text:?}");
    }
}

#[test]
fn without_a_terminal_there_is_nothing_but_the_summary() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 100_000);
    let path = folder.path().join("out.csv");
    let output = run(&mut decode(
        &file,
        &["--format", "csv", "-o", path.to_str().unwrap()],
    ));
    assert_eq!(output.stderr, b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("records written"), "{text}");
}

#[test]
fn a_terminal_gets_no_binary_data() {
    let folder = tempdir().unwrap();
    let file = messages(folder.path(), 500);
    let (ours, theirs) = terminal();
    let mut command = decode(&file, &["--format", "dbn"]);
    let output = command
        .stdout(theirs)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    drop(command);
    assert_eq!(shown(ours), "");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--output"), "{text}");
}
