//! Running other programs: shown before they run, bounded in time, their output kept.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

/// Folders searched besides `PATH`: an ordinary user's `PATH` often lacks them.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Finds `program` in `PATH` and the system folders.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// How a person would type `command`, its added environment first.
pub(crate) fn display(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quote(value?))))
        .collect();
    words.push(quote(command.get_program()));
    words.extend(command.get_args().map(quote));
    words.join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Shows `command`, runs it and fails if it fails. All of it goes to stderr: stdout is for results.
pub(crate) fn run_shown(command: &mut Command) -> Result<()> {
    eprintln!("+ {}", display(command));
    let status = command
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("cannot start {}", display(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", display(command));
    }
    Ok(())
}

/// What `command` printed; what it said on stderr is told when it fails.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", display(command)))?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}: {}",
            display(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` with stdout and stderr to the end of the file `log`; kills it and its children after `limit`.
pub(crate) fn run_logged(command: &mut Command, log: &Path, limit: Duration) -> Result<ExitStatus> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let twin = file
        .try_clone()
        .context("cannot duplicate a file descriptor")?;
    // A group of its own does not hear a Ctrl-C.
    let dies_with_us = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: between fork and exec the closure makes one system call.
    unsafe { command.pre_exec(dies_with_us) };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(twin)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", display(command)))?;
    match wait(&mut child, limit).context("cannot wait for a child")? {
        Some(status) => Ok(status),
        None => bail!(
            "`{}` did not end within {} s and was killed",
            display(command),
            limit.as_secs()
        ),
    }
}

/// Runs `command` with its stdout shown and kept, its stderr shown; what it printed.
pub(crate) fn run_kept(command: &mut Command) -> Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", display(command)))?;
    let mut kept = String::new();
    if let Some(stdout) = child.stdout.take() {
        let mut bytes = [0; 4096];
        let mut all = Vec::new();
        let mut stdout = stdout;
        // As it comes, not line by line: a test's name stands there while it runs.
        while let Ok(length @ 1..) = stdout.read(&mut bytes) {
            all.extend(&bytes[..length]);
            io::stdout().write_all(&bytes[..length])?;
            io::stdout().flush()?;
        }
        kept = String::from_utf8_lossy(&all).into_owned();
    }
    let status = child.wait().context("cannot wait for a child")?;
    Ok((status, kept))
}

/// Waits for `child`, which leads a process group; `None` when it had to be killed after `limit`.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // The group may have ended between the look and the signal: nothing is left to kill then.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command
            .env("RUSTFLAGS", "--cfg loom")
            .args(["test", "-p", "it's"]);
        assert_eq!(
            display(&command),
            r"RUSTFLAGS='--cfg loom' cargo test -p 'it'\''s'"
        );
    }

    #[test]
    fn a_command_past_its_limit_is_killed_with_its_children() {
        let log = std::env::temp_dir().join(format!("xtask-shell-{}", std::process::id()));
        let start = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 30; true"]);
        let error = run_logged(&mut command, &log, Duration::from_millis(200)).unwrap_err();
        std::fs::remove_file(log).unwrap();
        assert!(error.to_string().contains("did not end within"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
