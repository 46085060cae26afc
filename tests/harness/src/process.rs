//! A child process with its output kept and its life bounded.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, set_parent_process_death_signal};

use crate::wait;

/// Lines kept of each stream; older ones are forgotten.
const LINES_MAX: usize = 20_000;

/// The last lines of a stream.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<VecDeque<String>>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        // A reader that panicked left whole lines.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: String) {
        let mut lines = self.lock();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        self.lock()
            .iter()
            .fold(String::new(), |text, line| text + line + "\n")
    }

    /// Fills itself from `stream` on a thread that ends when the stream does.
    fn follow(&self, stream: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let lines = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        })
    }
}

/// A thread of a program that does not run. Dropped, it runs on.
///
/// The thread that stopped it has to let it go, as the kernel wants it.
#[derive(Debug)]
pub struct Frozen {
    thread: nix::unistd::Pid,
    _stays: PhantomData<*const ()>,
}

impl Frozen {
    fn new(id: i32) -> Result<Self> {
        let thread = nix::unistd::Pid::from_raw(id);
        ptrace::seize(thread, ptrace::Options::empty())?;
        let frozen = Self {
            thread,
            _stays: PhantomData,
        };
        ptrace::interrupt(thread)?;
        waitpid(thread, Some(WaitPidFlag::__WALL))?;
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // Where it is gone there is nothing to let go.
        let _ = ptrace::detach(self.thread, None);
    }
}

/// A running program. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Lines,
    stderr: Lines,
    followers: Vec<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts `command` in a process group of its own (a Ctrl-C on the terminal does not reach it), with its output
    /// kept. `name` appears in messages.
    ///
    /// It dies with the thread that starts it, even when that is killed.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        // SAFETY: between fork and exec the closure makes one system call.
        unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)) };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {name} ({})",
                    command.get_program().to_string_lossy()
                )
            })?;
        let (stdout, stderr) = (Lines::default(), Lines::default());
        let mut followers = Vec::new();
        followers.extend(child.stdout.take().map(|stream| stdout.follow(stream)));
        followers.extend(child.stderr.take().map(|stream| stderr.follow(stream)));
        Ok(Self {
            name: name.to_owned(),
            child,
            stdout,
            stderr,
            followers,
        })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops its thread of that name, and that one only, until what is returned is dropped. Wants root.
    pub fn freeze(&self, thread: &str) -> Result<Frozen> {
        let tasks = format!("/proc/{}/task", self.pid());
        for task in std::fs::read_dir(&tasks).with_context(|| tasks.clone())? {
            let task = task?;
            let name = std::fs::read_to_string(task.path().join("comm"))?;
            if name.trim_end() == thread {
                let id = task.file_name().to_string_lossy().parse()?;
                return Frozen::new(id).with_context(|| format!("cannot stop {thread}"));
            }
        }
        bail!("{} has no thread {thread}", self.name)
    }

    /// What it wrote to stdout so far, the last lines of it; complete after [`wait`](Self::wait).
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote to stderr so far, the last lines of it; complete after [`wait`](Self::wait).
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// The last line of stdout so far.
    pub fn last_line(&self) -> Option<String> {
        self.stdout.lock().back().cloned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits for a line on either stream that `matches`; fails when the program ends first or after `limit`.
    pub fn wait_for_line(
        &mut self,
        what: &str,
        limit: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let what = format!("{what} of {}", self.name);
        let result = wait::until(&what, limit, || {
            // Looked at before the lines: what a program wrote before it ended is still found.
            let ended = self.ended()?;
            if ended.is_some() {
                self.finish_reading();
            }
            for lines in [&self.stdout, &self.stderr] {
                if let Some(line) = lines.lock().iter().find(|line| matches(line)) {
                    return Ok(Some(line.clone()));
                }
            }
            match ended {
                Some(status) => bail!("{} ended with {status} before {what}", self.name),
                None => Ok(None),
            }
        });
        result.with_context(|| self.output())
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let status = wait::until(&what, limit, || self.ended()).with_context(|| self.output())?;
        self.finish_reading();
        Ok(status)
    }

    /// Sends SIGTERM and waits for the end; also says how long that took.
    pub fn terminate(&mut self, limit: Duration) -> Result<(ExitStatus, Duration)> {
        let start = Instant::now();
        self.signal(Signal::TERM)?;
        Ok((self.wait(limit)?, start.elapsed()))
    }

    /// Sends SIGKILL and reaps it.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child
            .kill()
            .with_context(|| format!("cannot kill {}", self.name))?;
        self.wait(Duration::from_secs(5))
    }

    /// Sends `signal`; nothing happens to a program that has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("no process id of {}", self.name))?;
        kill_process(pid, signal).with_context(|| format!("cannot send a signal to {}", self.name))
    }

    /// All output so far, under a heading, for messages.
    pub fn output(&self) -> String {
        format!(
            "--- {} wrote to stdout:\n{}--- and to stderr:\n{}---",
            self.name,
            self.stdout(),
            self.stderr()
        )
    }

    fn finish_reading(&mut self) {
        for follower in self.followers.drain(..) {
            // A grandchild may hold the stream open: what is unread then stays unread.
            let deadline = Instant::now() + Duration::from_secs(1);
            while !follower.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended: nothing to kill, and `wait` returns at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
