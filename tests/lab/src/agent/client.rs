//! The lab's end of the line to the agent.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gateway_test_harness::Namespace;

use super::protocol::{Answer, PORT, Request, Seen};
use crate::topology::MANAGEMENT;

/// Longest time for the answer to a request, besides what the request itself allows.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId(u64);

/// How a program in the guest ended, or that it runs, and what it wrote so far.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code, or 128 and the number of the signal; `None` while it runs.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// A connection to the agent of a running guest. What was started over it ends with it.
#[derive(Debug)]
pub struct Agent {
    stream: BufReader<TcpStream>,
}

impl Agent {
    /// Connects; fails while the guest is not there yet.
    pub(crate) fn connect(namespace: &Namespace) -> Result<Self> {
        let address = SocketAddr::from((MANAGEMENT.guest(), PORT));
        let stream = namespace.enter(|| {
            Ok(TcpStream::connect_timeout(
                &address,
                Duration::from_secs(1),
            )?)
        })?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    fn ask(&mut self, request: &Request, limit: Duration) -> Result<Answer> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream
            .get_ref()
            .set_read_timeout(Some(limit + PATIENCE))?;
        self.stream
            .get_mut()
            .write_all(&line)
            .context("the guest takes no request")?;
        let mut answer = String::new();
        let length = self
            .stream
            .read_line(&mut answer)
            .context("the guest gives no answer")?;
        if length == 0 {
            bail!("the guest has closed the connection");
        }
        match serde_json::from_str(&answer)? {
            Answer::Failed(why) => bail!("in the guest: {why}"),
            answer => Ok(answer),
        }
    }

    fn program(&mut self, request: &Request, limit: Duration) -> Result<Ended> {
        match self.ask(request, limit)? {
            Answer::Program {
                code,
                stdout,
                stderr,
            } => Ok(Ended {
                code,
                stdout,
                stderr,
            }),
            other => bail!("unexpected answer {other:?}"),
        }
    }

    fn number(&mut self, request: &Request) -> Result<u64> {
        match self.ask(request, Duration::ZERO)? {
            Answer::Number(number) => Ok(number),
            other => bail!("unexpected answer {other:?}"),
        }
    }

    fn text(&mut self, request: &Request) -> Result<String> {
        match self.ask(request, Duration::ZERO)? {
            Answer::Text(text) => Ok(text),
            other => bail!("unexpected answer {other:?}"),
        }
    }

    /// Runs a program with the words of `line` to its end, which must come within `limit`.
    pub fn run(&mut self, line: &str, limit: Duration) -> Result<Ended> {
        let words = line.split_whitespace().map(str::to_owned).collect();
        self.run_words(words, limit)
    }

    /// The same with arguments that may hold blanks.
    pub fn run_words(&mut self, words: Vec<String>, limit: Duration) -> Result<Ended> {
        let limit_ms = limit.as_millis() as u64;
        self.program(&Request::Run { words, limit_ms }, limit)
    }

    /// Runs `script` in the guest's shell; what it printed. It must succeed.
    pub fn shell(&mut self, script: &str) -> Result<String> {
        let words = ["sh", "-ec", script].map(str::to_owned).to_vec();
        let ended = self.run_words(words, Duration::from_secs(20))?;
        if ended.code != Some(0) {
            bail!(
                "`{script}` in the guest: {:?}: {}",
                ended.code,
                ended.stderr.trim()
            );
        }
        Ok(ended.stdout)
    }

    /// Starts a program with the words of `line`.
    pub fn start(&mut self, name: &str, line: &str) -> Result<ProcessId> {
        let words = line.split_whitespace().map(str::to_owned).collect();
        let name = name.to_owned();
        self.number(&Request::Start { name, words }).map(ProcessId)
    }

    /// What a started program wrote so far, and whether it has ended.
    pub fn output(&mut self, process: ProcessId) -> Result<Ended> {
        self.program(&Request::Output(process.0), Duration::ZERO)
    }

    /// Waits for the end of a started program.
    pub fn wait(&mut self, process: ProcessId, limit: Duration) -> Result<Ended> {
        let request = Request::Wait {
            process: process.0,
            limit_ms: limit.as_millis() as u64,
        };
        self.program(&request, limit)
    }

    /// Sends a started program a signal.
    pub fn signal(&mut self, process: ProcessId, signal: i32) -> Result<()> {
        let process = process.0;
        self.ask(&Request::Signal { process, signal }, Duration::ZERO)
            .map(drop)
    }

    /// Kills a started program, if it still runs, and forgets it.
    pub fn remove(&mut self, process: ProcessId) -> Result<()> {
        self.ask(&Request::Remove(process.0), Duration::ZERO)
            .map(drop)
    }

    /// Writes a file.
    pub fn write(&mut self, path: &str, text: &str) -> Result<()> {
        let (path, text) = (path.to_owned(), text.to_owned());
        self.ask(&Request::Write { path, text }, Duration::ZERO)
            .map(drop)
    }

    /// Reads a file.
    pub fn read(&mut self, path: &str) -> Result<String> {
        self.text(&Request::Read {
            path: path.to_owned(),
        })
    }

    /// Gets a page from a server on the guest's loopback interface.
    pub fn get(&mut self, port: u16, path: &str) -> Result<String> {
        self.text(&Request::Get {
            port,
            path: path.to_owned(),
        })
    }

    /// Begins to watch a queue; the number to ask [`seen`](Self::seen) with.
    pub fn observe(&mut self, socket: &str, queue: &str) -> Result<u64> {
        self.number(&Request::Observe {
            socket: socket.to_owned(),
            queue: queue.to_owned(),
        })
    }

    /// What an observer saw so far.
    pub fn seen(&mut self, observer: u64) -> Result<Seen> {
        match self.ask(&Request::Seen(observer), Duration::ZERO)? {
            Answer::Seen(seen) => Ok(seen),
            other => bail!("unexpected answer {other:?}"),
        }
    }
}
