//! `gateway top` in a terminal of 80 × 24, over a running gateway.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use common::until;
use gateway_client::{Client, SubscribeOptions};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tempfile::TempDir;

const COLUMNS: usize = 80;
const ROWS: usize = 24;

/// As much of a terminal as is needed to know what a person sees.
#[derive(Default)]
struct Screen {
    cells: Vec<Vec<char>>,
    at: (usize, usize),
    alternate: bool,
    cursor_hidden: bool,
    /// The beginning of a sequence or character that was cut.
    rest: Vec<u8>,
}

impl Screen {
    fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let bytes = std::mem::take(&mut self.rest);
        let whole = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = std::str::from_utf8(&bytes[..whole]).unwrap().to_owned();
        self.rest = bytes[whole..].to_vec();
        let mut left = text.as_str();
        while let Some(character) = left.chars().next() {
            if let Some(sequence) = left.strip_prefix("\x1b[") {
                let Some(end) = sequence.find(|c: char| c.is_ascii_alphabetic()) else {
                    self.rest.splice(0..0, left.bytes());
                    return;
                };
                self.obey(&sequence[..end], sequence.as_bytes()[end]);
                left = &sequence[end + 1..];
            } else if left == "\x1b" {
                self.rest.splice(0..0, left.bytes());
                return;
            } else {
                self.put(character);
                left = &left[character.len_utf8()..];
            }
        }
    }

    fn obey(&mut self, arguments: &str, command: u8) {
        let numbers: Vec<usize> = arguments
            .split(';')
            .filter_map(|n| n.parse().ok())
            .collect();
        match (command, arguments) {
            (b'H', _) => {
                let number = |index| numbers.get(index).map_or(0, |n| n - 1);
                self.at = (number(0), number(1));
            }
            (b'J', _) => self.cells.clear(),
            (b'h', "?1049") => self.alternate = true,
            (b'l', "?1049") => self.alternate = false,
            (b'l', "?25") => self.cursor_hidden = true,
            (b'h', "?25") => self.cursor_hidden = false,
            // Colours, and questions to the terminal.
            (b'm' | b'n' | b'c', _) => {}
            other => panic!("the terminal is told {other:?}"),
        }
    }

    fn put(&mut self, character: char) {
        assert!(
            !character.is_control() || "\r\n".contains(character),
            "{character:?}"
        );
        let (row, column) = self.at;
        assert!(row < ROWS && column < COLUMNS, "written beyond the edge");
        self.cells.resize(ROWS, vec![' '; COLUMNS]);
        self.cells[row][column] = character;
        self.at.1 += 1;
    }

    fn text(&self) -> String {
        let line = |cells: &Vec<char>| cells.iter().collect::<String>().trim_end().to_owned();
        self.cells.iter().map(|cells| line(cells) + "\n").collect()
    }
}

/// `gateway top` in a terminal of its own.
struct Top {
    child: Child,
    ours: File,
    theirs: File,
    before: LocalModes,
    screen: Arc<Mutex<Screen>>,
}

impl Top {
    fn start(socket: &Path) -> Self {
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize {
            ws_row: ROWS as u16,
            ws_col: COLUMNS as u16,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&ours, size).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let mut options = File::options();
        options.read(true).write(true);
        let theirs = options.open(name.to_str().unwrap()).unwrap();
        let before = tcgetattr(&theirs).unwrap().local_modes;
        // In a session of its own, so that the size is asked of this terminal and not of the one that the tests run in.
        let child = Command::new("setsid")
            .arg(env!("CARGO_BIN_EXE_gateway"))
            .args(["top", "--interval-ms", "100", "--socket"])
            .arg(socket)
            .env("TERM", "xterm-256color")
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = Arc::new(Mutex::new(Screen::default()));
        let ours = File::from(ours);
        let (mut reader, fed) = (ours.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error, EIO.
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                fed.lock().unwrap().feed(&bytes[..length]);
            }
        });
        Self {
            child,
            ours,
            theirs,
            before,
            screen,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().text()
    }

    fn sees(&self, words: &str) {
        until(
            &format!("{words:?} on the screen:\n{}", self.text()),
            || self.text().contains(words).then_some(()),
        );
    }

    fn type_keys(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end; the terminal must be as it was before.
    fn ended(mut self) -> Option<i32> {
        let status = until("top to end", || self.child.try_wait().unwrap());
        until("the screen of before", || {
            let screen = self.screen.lock().unwrap();
            (!screen.alternate && !screen.cursor_hidden).then_some(())
        });
        let after = tcgetattr(&self.theirs).unwrap().local_modes;
        assert_eq!(after, self.before);
        status.code()
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The real program over a capture of ours; killed at the end.
struct Gateway {
    child: Child,
    config: PathBuf,
    folder: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ab.pcap");
        common::write_capture(
            &file,
            4_000,
            |line, packet| line == 0 && packet % 10 == 3,
            |_| 0,
        );
        let config = folder.path().join("gateway.toml");
        std::fs::write(&config, common::toml(folder.path(), &file, "asap", "", "")).unwrap();
        Self {
            child: run(&config),
            config,
            folder,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("broker.sock")
    }

    fn client(&self) -> Client {
        until("the gateway to answer", || {
            Client::connect(self.socket()).ok()
        })
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["run", "-c", config.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_running_gateway_is_watched_and_keys_are_obeyed() {
    let gateway = Gateway::start();
    let options = SubscribeOptions::named("watched-reader");
    let reader = gateway.client().subscribe("all", &options).unwrap();
    let mut top = Top::start(&gateway.socket());
    // 4,000 messages and the few that begin and end a day; a tenth of line A's packets are lost.
    for words in [
        "ready",
        "pkt/s",
        "cap",
        "capture",
        "itch A",
        "itch B",
        "watched-reader",
        "ring",
    ] {
        top.sees(words);
    }
    assert!(top.screen.lock().unwrap().alternate);
    top.type_keys("4");
    top.sees("233.49.196.111:26477");
    let text = top.text();
    let line_a = text
        .lines()
        .find(|line| line.starts_with("itch A"))
        .unwrap();
    let missing: Vec<&str> = line_a.split_whitespace().collect();
    assert!(missing.contains(&"50"), "gaps of line A:\n{text}");
    top.type_keys("6/nobody\r");
    top.sees("no readers with \"nobody\"");
    top.type_keys("\x1b");
    top.sees("watched-reader");
    drop(reader);
    top.sees("no readers");
    top.type_keys("p");
    top.sees("PAUSED");
    top.type_keys("?");
    top.sees("any key goes back");
    top.type_keys("xq");
    assert_eq!(top.ended(), Some(0));
}

#[test]
fn a_gateway_that_goes_is_told_of_and_one_that_comes_back_is_shown() {
    let mut gateway = Gateway::start();
    gateway.client();
    let mut top = Top::start(&gateway.socket());
    top.sees("ready");
    gateway.kill();
    top.sees("AWAY");
    top.sees("away for");
    gateway.child = run(&gateway.config);
    until("the gateway to be shown again", || {
        let text = top.text();
        (text.contains("ready") && !text.contains("AWAY")).then_some(())
    });
    top.type_keys("\x03");
    assert_eq!(top.ended(), Some(0));
}

#[test]
fn signals_give_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let top = Top::start(&folder.path().join("nobody.sock"));
        top.sees("looked for again");
        let pid = Pid::from_child(&top.child);
        kill_process(pid, signal).unwrap();
        assert_eq!(top.ended(), Some(12), "{signal:?}");
    }
}

fn once(socket: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["top", "--once", "--interval-ms", "100", "--socket"])
        .arg(socket)
        .output()
        .unwrap()
}

#[test]
fn once_prints_everything_without_a_terminal() {
    let gateway = Gateway::start();
    gateway.client();
    let output = once(&gateway.socket());
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "ready",
        "cap  ",
        "itch  ",
        "itch B",
        "native",
        "ring",
        "no readers",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn without_a_gateway_or_a_terminal_there_is_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nobody.sock");
    let output = once(&socket);
    assert_eq!(output.status.code(), Some(11));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .arg("top")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("gateway top --once"), "{said}");
}
