//! A program that is told what to do, a line at a time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use gateway_test_harness::wait;

use super::Answer;
use crate::flow::LIMIT;

/// Dropped, it is killed and reaped.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    child: Child,
    /// Gone once it was told to leave.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    pub(super) fn start(
        name: &str,
        mut command: Command,
        socket: &Path,
        user: Option<u32>,
    ) -> Result<Self> {
        command.arg(socket);
        if let Some(user) = user {
            command = as_user(&command, user);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What it has to say is worth reading beside the test's failure.
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = child.stdout.take().context("no stdout")?;
        let (sender, lines) = channel();
        // Ends with the program.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            name: name.to_owned(),
            child,
            stdin: Some(stdin),
            lines,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn send(&mut self, command: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("it was told to leave")?;
        writeln!(stdin, "{command}").with_context(|| format!("{} is gone: {command}", self.name))
    }

    /// What it prints up to the end of a command.
    pub(super) fn receive(&mut self, command: &str) -> Result<Answer> {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(end) if end == "ok" || end.starts_with("error ") => {
                    return Ok(Answer { lines, end });
                }
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} says nothing to `{command}` after {lines:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!("{} ended with {status} in `{command}`", self.name)
                }
            }
        }
    }

    /// Tells it that there is nothing more to do, and sees that it ends well.
    pub(super) fn leave(mut self) -> Result<()> {
        self.stdin = None;
        let status = wait::until(&format!("the end of {}", self.name), LIMIT, || {
            Ok(self.child.try_wait()?)
        })?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where it was told to leave.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command as another user, who may read what lies in the caller's private folders.
fn as_user(command: &Command, user: u32) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped
        .args([format!("--reuid={user}"), format!("--regid={user}")])
        .args(["--clear-groups", "--inh-caps=+dac_read_search"])
        .arg("--ambient-caps=+dac_read_search")
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args());
    wrapped
}

/// Whether programs can be started as other users here; says why where they cannot.
pub(super) fn can_become_others() -> bool {
    let probe = as_user(&Command::new("true"), 1001).output();
    let can = probe.is_ok_and(|output| output.status.success());
    if !can {
        println!(
            "skipped: programs cannot be started as other users here (setpriv, CAP_DAC_READ_SEARCH)"
        );
    }
    can
}
