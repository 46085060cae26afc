//! Runs in the guest: does what the lab asks, over one TCP connection at a time. What was started over a connection ends
//! with it, because programs die with the thread that started them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gateway_e2e::Observer;
use gateway_feed::record::ControlKind;
use gateway_lab::agent::protocol::{Answer, PORT, Request, Seen};
use gateway_test_harness::{Running, http};
use rustix::process::Signal;

fn main() -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    let listener = TcpListener::bind(address).context("cannot listen")?;
    println!("lab: the agent listens");
    for stream in listener.incoming() {
        let stream = stream.context("cannot accept")?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                println!("lab: a connection ended: {error:#}");
            }
        });
    }
    Ok(())
}

fn serve(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = stream.try_clone()?;
    let mut guest = Guest::default();
    for line in BufReader::new(stream).lines() {
        let request = serde_json::from_str(&line?)?;
        let answer = guest
            .answer(request)
            .unwrap_or_else(|error| Answer::Failed(format!("{error:#}")));
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        answers.write_all(&line)?;
    }
    Ok(())
}

/// What one connection has started.
#[derive(Default)]
struct Guest {
    programs: HashMap<u64, Running>,
    observers: HashMap<u64, Observer>,
    last: u64,
}

impl Guest {
    fn answer(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Run { words, limit_ms } => {
                let mut program = start(&words.join(" "), &words)?;
                let status = program.wait(Duration::from_millis(limit_ms))?;
                Ok(told(&program, Some(status)))
            }
            Request::Start { name, words } => {
                let program = start(&name, &words)?;
                let number = self.number();
                self.programs.insert(number, program);
                Ok(Answer::Number(number))
            }
            Request::Output(process) => {
                let program = self.program(process)?;
                let status = program.ended()?;
                Ok(told(program, status))
            }
            Request::Wait { process, limit_ms } => {
                let program = self.program(process)?;
                let status = program.wait(Duration::from_millis(limit_ms))?;
                Ok(told(program, Some(status)))
            }
            Request::Signal { process, signal } => {
                let signal = Signal::from_named_raw(signal).context("no such signal")?;
                self.program(process)?.signal(signal)?;
                Ok(Answer::Done)
            }
            Request::Remove(process) => {
                self.programs.remove(&process);
                Ok(Answer::Done)
            }
            Request::Write { path, text } => {
                std::fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
                Ok(Answer::Done)
            }
            Request::Read { path } => {
                let text = std::fs::read(&path).with_context(|| format!("cannot read {path}"))?;
                Ok(Answer::Text(String::from_utf8_lossy(&text).into_owned()))
            }
            Request::Get { port, path } => {
                let answer = http::get(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &path)?;
                if answer.status != 200 {
                    bail!("{path} answered {}: {}", answer.status, answer.body.trim());
                }
                Ok(Answer::Text(answer.body))
            }
            Request::Observe { socket, queue } => {
                let observer = Observer::start(Path::new(&socket), &queue)?;
                let number = self.number();
                self.observers.insert(number, observer);
                Ok(Answer::Number(number))
            }
            Request::Seen(observer) => {
                let observer = self.observers.get(&observer);
                let seen = observer.context("no such observer")?.seen();
                Ok(Answer::Seen(Seen {
                    records: seen.records,
                    messages: seen.messages,
                    session_end: seen.has(ControlKind::SessionEnd),
                    gaps: seen.gaps,
                    lost_slots: seen.lost_slots,
                    out_of_order: seen.out_of_order,
                    repeated: seen.repeated,
                    closed: seen.closed.is_some(),
                }))
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn program(&mut self, process: u64) -> Result<&mut Running> {
        self.programs.get_mut(&process).context("no such program")
    }
}

fn start(name: &str, words: &[String]) -> Result<Running> {
    let (program, arguments) = words.split_first().context("no program")?;
    Running::spawn(name, Command::new(program).args(arguments))
}

fn told(program: &Running, status: Option<ExitStatus>) -> Answer {
    Answer::Program {
        code: status.map(|status| {
            let signal = || 128 + status.signal().unwrap_or(0);
            status.code().unwrap_or_else(signal)
        }),
        stdout: program.stdout(),
        stderr: program.stderr(),
    }
}
