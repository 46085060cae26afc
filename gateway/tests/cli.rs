//! The real binary, wherever no privilege is needed: what it says, and how it exits.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

fn gateway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn help_teaches_and_lists_the_exit_codes() {
    let output = gateway(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "First steps:",
        "Exit codes:",
        "11  no gateway answers",
        "check",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn the_documentation_has_every_exit_code() {
    let page = include_str!("../../docs/command-line.md");
    for exit in gateway::cli::exit::Exit::ALL {
        let row = format!("| {} | {} |", exit as u8, exit.meaning());
        assert!(page.contains(&row), "docs/command-line.md lacks: {row}");
    }
}

#[test]
fn a_wrong_command_line_exits_2() {
    assert_eq!(gateway(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn the_manual_is_a_right_configuration() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/gateway.toml");
    let output = gateway(&["check", "-c", manual]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        output.stdout,
        b"ok: 1 input, 1 worker, 1 channel, 1 queue\n"
    );
    let warnings = stderr(&output);
    assert!(
        warnings.starts_with("warning: entitlement: only the gateway's own user"),
        "{warnings}"
    );
}

#[test]
fn a_configuration_with_three_mistakes_is_told_all_three() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[gateway]\nnmae = \"x\"\n[[interface]]\nname = \"eth1\"\nmode = \"fast\"\n\
                [[worker]]\nname = \"w0\"\ninputs = [\"eth2\"]\n";
    let path = write(directory.path(), "bad.toml", text);
    let output = gateway(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    for expected in [
        "3 mistakes",
        "line 2",
        "did you mean name?",
        "interface[0].mode",
        "did you mean \"eth1\"?",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let output = gateway(&["check", "-c", &path, "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["problems"].as_array().unwrap().len(), 3);
    assert_eq!(value["problems"][2]["key"], "worker[0].inputs");
}

#[test]
fn an_entitlement_for_a_user_whom_the_machine_does_not_know_exits_3() {
    let (folder, config) = playing("");
    let text = std::fs::read_to_string(&config).unwrap();
    let entitled = |user: &str| {
        let rule =
            format!("{text}[[entitlement]]\nname = \"desk\"\nusers = [{user}]\nqueues = [\"*\"]\n");
        gateway(&[
            "check",
            "--json",
            "-c",
            &write(folder.path(), "e.toml", &rule),
        ])
    };
    let unknown = entitled("\"no-such-user\"");
    assert_eq!(unknown.status.code(), Some(3));
    let value: serde_json::Value = serde_json::from_slice(&unknown.stdout).unwrap();
    assert_eq!(value["problems"][0]["key"], "entitlement[0].users");
    let root = entitled("\"root\"");
    assert_eq!(root.status.code(), Some(0), "{}", stderr(&root));
    let value: serde_json::Value = serde_json::from_slice(&root.stdout).unwrap();
    let own = rustix::process::geteuid().is_root();
    assert_eq!(
        value["warnings"].as_array().unwrap().len(),
        usize::from(own)
    );
}

#[test]
fn a_missing_configuration_exits_3_and_names_the_path() {
    let output = gateway(&["check", "-c", "/nowhere/gateway.toml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("/nowhere/gateway.toml"));
    assert_eq!(stderr(&output).lines().count(), 1);
}

mod common;

/// A gateway process; killed if a test fails before it ends.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(config: &str) -> Process {
    let child = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["run", "-c", config])
        .stderr(std::process::Stdio::null())
        .spawn();
    Process(child.unwrap())
}

/// A configuration over a small capture of our own, and its folder.
fn playing(metrics: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ab.pcap");
    common::write_capture(&file, 500, |_, _| false, |_| 0);
    let text = common::toml(folder.path(), &file, "asap", "", metrics);
    let path = write(folder.path(), "gateway.toml", &text);
    (folder, path)
}

/// One message, its exit code and what it must say.
fn refused(output: &Output, code: i32, says: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let messages: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("gateway: "))
        .collect();
    assert_eq!(messages.len(), 1, "{text}");
    for expected in says {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_gateway_runs_answers_and_stops_within_a_second() {
    let (folder, config) = playing("");
    let socket = folder.path().join("broker.sock");
    let socket = socket.to_str().unwrap();
    let mut process = start(&config);
    common::until("ready", || {
        let output = gateway(&["status", "--json", "--socket", socket]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        (value["ready"] == true && value["channels"][0]["messages"] == 500).then_some(())
    });
    let output = gateway(&["status", "--json", "--socket", socket]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for queue in status["queues"].as_array().unwrap() {
        assert!(queue["memory_bytes"].as_u64() > queue["slots"].as_u64().map(|slots| slots * 64));
        assert_eq!(queue["huge_pages"], false, "nobody asked");
    }
    let page = gateway(&["status", "--socket", socket]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(
        page.contains("tier capture") && page.contains("messages 500"),
        "{page}"
    );

    let tail = [
        "tail", "native", "--socket", socket, "--start", "oldest", "--count", "20",
    ];
    let lines = gateway(&[&tail[..], &["--format", "json"]].concat());
    let lines = String::from_utf8(lines.stdout).unwrap();
    let records: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 20);
    assert_eq!(records[0]["kind"], "session_start");
    assert_eq!(records[1]["record"], "native");

    refused(
        &gateway(&["run", "-c", &config]),
        7,
        &["another gateway", "broker_socket"],
    );
    refused(
        &gateway(&["tail", "nosuch", "--socket", socket]),
        2,
        &["nosuch"],
    );

    let pid = rustix::process::Pid::from_child(&process.0);
    let asked = std::time::Instant::now();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < std::time::Duration::from_secs(1));
    assert!(!Path::new(socket).exists());
    refused(
        &gateway(&["status", "--socket", socket]),
        11,
        &["gateway run"],
    );
}

fn signal(process: &Process, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(&process.0);
    rustix::process::kill_process(pid, signal).unwrap();
}

fn status(socket: &Path) -> Option<serde_json::Value> {
    let output = gateway(&["status", "--json", "--socket", socket.to_str()?]);
    serde_json::from_slice(&output.stdout).ok()
}

#[test]
fn a_hang_up_signal_reloads_and_a_file_with_mistakes_changes_nothing() {
    let (folder, config) = playing("");
    let socket = folder.path().join("broker.sock");
    let text = std::fs::read_to_string(&config).unwrap();
    let mut process = start(&config);
    common::until("the gateway", || {
        (status(&socket)?["ready"] == true).then_some(())
    });
    let reloads = |key: &str, count: u64| {
        signal(&process, rustix::process::Signal::HUP);
        common::until("the reload", || {
            let status = status(&socket)?;
            (status["reloads"][key] == count).then_some(status)
        })
    };
    std::fs::write(&config, format!("{text}slots = 7\n")).unwrap();
    let refused = reloads("refused", 1);
    assert_eq!(refused["reloads"]["applied"], 0);

    let rule = "slots = 1024\n[[entitlement]]\nname = \"e\"\nusers = [4711]\nqueues = [\"*\"]\n";
    std::fs::write(&config, format!("{text}{rule}")).unwrap();
    let applied = reloads("applied", 1);
    let waiting = &applied["reloads"]["waiting"];
    assert_eq!(*waiting, serde_json::json!(["queue \"native\": slots"]));
    common::until("the socket to open", || {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        (mode & 0o777 == 0o666).then_some(())
    });
    // Taken back again: both queues go on in other memory.
    std::fs::write(&config, &text).unwrap();
    let applied = reloads("applied", 2);
    assert_eq!(applied["reloads"]["waiting"], serde_json::json!([]));
    common::until("the rotations", || {
        let status = status(&socket)?;
        let queues = status["queues"].as_array()?;
        queues
            .iter()
            .all(|queue| queue["rotations"] == 1)
            .then_some(())
    });
    signal(&process, rustix::process::Signal::TERM);
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
}

/// Starts the gateway in a session of its own with a terminal; the other end of that is the terminal's window.
fn start_in_terminal(config: &str, hang_up_ignored: bool) -> (Process, std::fs::File) {
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::process::CommandExt;
    let (mut window, mut terminal) = (-1, -1);
    // SAFETY: the first two pointers lead to integers, the others may be null.
    let opened = unsafe {
        libc::openpty(
            &raw mut window,
            &raw mut terminal,
            std::ptr::null_mut(),
            std::ptr::null(),
            std::ptr::null(),
        )
    };
    assert_eq!(opened, 0);
    // SAFETY: the kernel just gave both to this function.
    let (window, terminal) = unsafe {
        (
            std::fs::File::from_raw_fd(window),
            std::fs::File::from_raw_fd(terminal),
        )
    };
    rustix::io::fcntl_setfd(&window, rustix::io::FdFlags::CLOEXEC).unwrap();
    let descriptor = terminal.as_raw_fd();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["run", "-c", config]);
    command.stderr(std::process::Stdio::null());
    // SAFETY: system calls only; the descriptor is open in the child.
    unsafe {
        command.pre_exec(move || {
            // Whoever runs the tests may ignore hang-ups, as `nohup` does.
            let then = if hang_up_ignored {
                libc::SIG_IGN
            } else {
                libc::SIG_DFL
            };
            libc::signal(libc::SIGHUP, then);
            let entered = libc::setsid() >= 0 && libc::ioctl(descriptor, libc::TIOCSCTTY, 0) == 0;
            entered
                .then_some(())
                .ok_or_else(std::io::Error::last_os_error)
        });
    }
    let process = Process(command.spawn().unwrap());
    (process, window)
}

#[test]
fn a_terminal_that_hangs_up_ends_the_gateway_cleanly_and_a_signal_alone_does_not() {
    let (folder, config) = playing("");
    let socket = folder.path().join("broker.sock");
    let (mut process, window) = start_in_terminal(&config, false);
    common::until("the gateway", || {
        (status(&socket)?["ready"] == true).then_some(())
    });
    signal(&process, rustix::process::Signal::HUP);
    common::until("the reload", || {
        (status(&socket)?["reloads"]["applied"] == 1).then_some(())
    });
    drop(window);
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
    assert!(!socket.exists(), "the socket stayed");
}

#[test]
fn a_gateway_whose_starter_ignores_hang_ups_survives_its_terminal() {
    let (folder, config) = playing("");
    let socket = folder.path().join("broker.sock");
    let (mut process, window) = start_in_terminal(&config, true);
    common::until("the gateway", || {
        (status(&socket)?["ready"] == true).then_some(())
    });
    drop(window);
    common::until("the reload", || {
        (status(&socket)?["reloads"]["applied"] == 1).then_some(())
    });
    signal(&process, rustix::process::Signal::TERM);
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
}

/// The CPUs that a thread may use, as the kernel lists them.
fn cpus(status: &Path) -> Option<String> {
    let text = std::fs::read_to_string(status).ok()?;
    let list = text
        .lines()
        .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

/// The CPUs of the thread of that name.
fn thread_cpus(pid: u32, name: &str) -> Option<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    tasks.flatten().find_map(|task| {
        let comm = std::fs::read_to_string(task.path().join("comm")).ok()?;
        (comm.trim_end() == name).then(|| cpus(&task.path().join("status")))?
    })
}

#[test]
fn a_worker_without_a_core_is_not_confined_to_the_housekeeping_core() {
    let all = cpus(Path::new("/proc/thread-self/status")).unwrap();
    let first: String = all.chars().take_while(char::is_ascii_digit).collect();
    if all == first {
        println!("skipped: there is one CPU only");
        return;
    }
    let (folder, config) = playing("");
    let text = std::fs::read_to_string(&config).unwrap();
    let pinned = format!("[gateway]\nhousekeeping_core = {first}\n");
    let config = write(
        folder.path(),
        "pinned.toml",
        &text.replacen("[gateway]\n", &pinned, 1),
    );
    let process = start(&config);
    let pid = process.0.id();
    common::until("pinned", || {
        (cpus(Path::new(&format!("/proc/{pid}/status")))? == first).then_some(())
    });
    let worker = common::until("the worker", || thread_cpus(pid, "w0"));
    assert_eq!(worker, all);
}

#[test]
fn a_taken_metrics_port_is_named_with_its_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_folder, config) = playing(&address);
    refused(
        &gateway(&["run", "-c", &config]),
        7,
        &[&address, "ss -ltnp"],
    );
}

#[test]
fn a_missing_interface_exits_4() {
    let (folder, _) = playing("");
    let text = std::fs::read_to_string(folder.path().join("gateway.toml")).unwrap();
    let (before, after) = text.split_once("[[capture]]").unwrap();
    let (_, after) = after.split_once("[[worker]]").unwrap();
    let text = format!("{before}[[interface]]\nname = \"nosuch0\"\n[[worker]]{after}")
        .replace("\"cap\"", "\"nosuch0\"");
    let path = write(folder.path(), "interface.toml", &text);
    refused(
        &gateway(&["run", "-c", &path]),
        4,
        &["nosuch0", "ip -br link"],
    );
}

#[test]
fn an_unreadable_capture_exits_9() {
    let (folder, config) = playing("");
    let file = folder.path().join("ab.pcap");
    std::fs::remove_file(&file).unwrap();
    refused(&gateway(&["run", "-c", &config]), 9, &["ab.pcap"]);
    let file = file.to_str().unwrap();
    let arguments = ["decode", file, "--protocol", "moldudp64-itch50"];
    let output = gateway(&arguments);
    refused(&output, 9, &["ab.pcap", "check that the path is right"]);
    assert!(
        output.stdout.is_empty(),
        "the one message, and no table of zeros"
    );
}

#[test]
fn a_truncated_capture_is_read_as_far_as_it_is_good_and_exits_9() {
    let (folder, config) = playing("");
    let file = folder.path().join("ab.pcap");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    refused(&gateway(&["run", "-c", &config]), 9, &["ab.pcap"]);

    let path = file.to_str().unwrap();
    let arguments = ["decode", path, "--protocol", "moldudp64-itch50", "--json"];
    let output = gateway(&arguments);
    refused(&output, 9, &["ab.pcap", "offset"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value["messages"].as_u64().unwrap() > 100);
    assert_eq!(value["errors"].as_array().unwrap().len(), 1);
    assert!(value["errors"][0]["offset"].as_u64().unwrap() > 24);
}

#[test]
fn a_file_of_the_wrong_kind_is_refused_with_the_right_protocol() {
    let (folder, _) = playing("");
    let path = folder.path().join("ab.pcap");
    let arguments = ["decode", path.to_str().unwrap(), "--protocol", "itch50"];
    refused(&gateway(&arguments), 2, &["moldudp64-itch50"]);
}

#[test]
fn decode_counts_what_our_encoder_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ab.pcap");
    let truth = common::write_capture(
        &file,
        2_000,
        |line, packet| packet % 9 == 4 && (line == 0 || packet % 2 == 0),
        |_| 0,
    );
    let path = file.to_str().unwrap();
    let output = gateway(&["decode", path, "--protocol", "moldudp64-itch50", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["messages"], truth.delivered.len());
    assert_eq!(value["packets"], truth.packets);
    assert_eq!(value["resets"], 0);
    let gaps: Vec<(u64, u64)> = serde_json::from_value(value["gaps"].clone()).unwrap();
    assert_eq!(gaps, truth.gaps);
    let by_type: u64 = value["by_type"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(by_type, truth.delivered.len() as u64);

    let output = gateway(&[
        "decode",
        path,
        "--protocol",
        "moldudp64-itch50",
        "--format",
        "json",
    ]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let gaps = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|record| record["kind"] == "gap");
    assert_eq!(gaps.count(), truth.gaps.len());
}
