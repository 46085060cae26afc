//! Network namespaces without root: inside a user namespace of one's own.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The user that owns nothing.
pub const NOBODY: u32 = 65534;

/// Moves this process into a user and a network namespace of its own, in which it has every capability and is
/// called root. The process must have one thread only: call it first thing in `main`.
pub fn enter() -> Result<()> {
    let maps = IdMaps::of(
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    enter_with(&maps).context(
        "this user may not make a user namespace (look at the kernel variables user.max_user_namespaces, \
         kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns); root needs none",
    )
}

/// Whether an ordinary process of this user may do what [`enter`] does, tried in a child.
pub fn is_possible() -> bool {
    let mut command = Command::new("true");
    inside(&mut command, None);
    command
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes `command` start in a user and network namespace of its own; with `user`, as that user outside.
pub fn inside(command: &mut Command, user: Option<u32>) {
    if let Some(user) = user {
        // Run by root, this drops the supplementary groups too.
        command.uid(user).gid(user);
    }
    let uid = user.unwrap_or_else(|| rustix::process::geteuid().as_raw());
    let gid = user.unwrap_or_else(|| rustix::process::getegid().as_raw());
    let maps = IdMaps::of(uid, gid);
    // SAFETY: between fork and exec the closure only makes system calls: it neither allocates nor takes a lock. The
    // user has changed already: `Command` does so first.
    unsafe { command.pre_exec(move || enter_with(&maps)) };
}

/// The contents of `uid_map` and `gid_map`, made before a fork, because making them allocates.
struct IdMaps {
    uid: String,
    gid: String,
}

impl IdMaps {
    fn of(uid: u32, gid: u32) -> Self {
        Self {
            uid: format!("0 {uid} 1"),
            gid: format!("0 {gid} 1"),
        }
    }
}

fn enter_with(maps: &IdMaps) -> io::Result<()> {
    // After a change of user the files of /proc/self belong to root until the process is dumpable again.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    // SAFETY: the process has one thread, as the callers promise; no descriptor table is unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNET) }?;
    write(c"/proc/self/setgroups", b"deny")?;
    write(c"/proc/self/uid_map", maps.uid.as_bytes())?;
    write(c"/proc/self/gid_map", maps.gid.as_bytes())
}

fn write(path: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text)?;
    Ok(())
}

/// Whether this process is root outside any user namespace.
pub fn is_true_root() -> bool {
    let one_to_one = fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    rustix::process::geteuid().is_root() && one_to_one
}
