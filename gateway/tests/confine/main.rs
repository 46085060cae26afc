//! What a confined process can and cannot do: a child confines itself as the service does and tries one thing; the same
//! thing is tried by a child that does not confine itself, so that a test that cannot fail is found out.
#![allow(clippy::unwrap_used)]

mod attempts;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitCode};

use gateway::confine::{self, Bounds};
use libtest_mimic::{Arguments, Failed, Trial};

use attempts::{ATTEMPTS, Attempt, Expected, World};

/// First argument of a child; then come the attempt's name, `confined` or `free`, the folder and two ports.
const CHILD: &str = "--attempt";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == CHILD) {
        child(&arguments[2..]);
        return ExitCode::SUCCESS;
    }
    let trials = ATTEMPTS
        .iter()
        .map(|attempt| Trial::test(attempt.name, move || run(attempt)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn run(attempt: &Attempt) -> Result<(), Failed> {
    if attempt.needs_root && !rustix::process::geteuid().is_root() {
        println!("skipped: the control of `{}` needs root", attempt.name);
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let own = folder.path().join("own");
    std::fs::create_dir(&own)?;
    std::fs::write(own.join("gateway.toml"), "[gateway]\n")?;
    std::fs::write(folder.path().join("other.txt"), "secret")?;
    let (allowed, other) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    let ports = [allowed.local_addr()?.port(), other.local_addr()?.port()];
    let answer = |how: &str| -> Result<String, Failed> {
        std::fs::write(own.join("broker.sock"), "")?;
        let output = Command::new(std::env::current_exe()?)
            .args([CHILD, attempt.name, how])
            .arg(folder.path())
            .args(ports.map(|port| port.to_string()))
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            Ok(text)
        } else {
            let cause = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "the {how} child ended with {}: {text} {cause}",
                output.status
            )
            .into())
        }
    };
    let (free, confined) = (answer("free")?, answer("confined")?);
    let Expected {
        free: wants_free,
        confined: wants_confined,
    } = attempt.expected;
    if !wants_free.contains(&free.as_str()) {
        return Err(format!("without confinement: {free}, not {wants_free:?}").into());
    }
    if confined != wants_confined {
        return Err(format!("confined: {confined}, not {wants_confined}").into());
    }
    Ok(())
}

fn child(arguments: &[String]) {
    let [name, how, folder, allowed, other] = arguments else {
        panic!("{arguments:?}");
    };
    let world = World {
        folder: Path::new(folder).to_owned(),
        ports: [allowed.parse().unwrap(), other.parse().unwrap()],
    };
    let attempt = ATTEMPTS
        .iter()
        .find(|attempt| attempt.name == name)
        .unwrap();
    let prepared = (attempt.prepare)(&world);
    if how == "confined" {
        let bounds = Bounds {
            read: vec!["/proc".into(), world.folder.join("own")],
            sockets: vec![world.folder.join("own")],
            connect_ports: vec![world.ports[0]],
            ..Bounds::default()
        };
        let confinement = confine::enter(&bounds);
        for mechanism in confinement.mechanisms() {
            assert!(mechanism.in_force, "{mechanism:?}");
        }
    }
    println!(
        "{}",
        match (attempt.attempt)(&world, prepared) {
            Ok(()) => "done".to_owned(),
            Err(error) => match error.raw_os_error() {
                Some(libc::EPERM) => "EPERM".to_owned(),
                Some(libc::EACCES) => "EACCES".to_owned(),
                _ => error.to_string(),
            },
        }
    );
}
