//! A network namespace without a name.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// A network namespace that exists as long as this value or a process in it does.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// `None` for that of this process.
    net: Option<Arc<OwnedFd>>,
}

impl Namespace {
    /// Makes an empty namespace with its loopback interface up. Needs `CAP_SYS_ADMIN`.
    pub fn new() -> Result<Self> {
        let net = in_thread(|| -> io::Result<OwnedFd> {
            // SAFETY: only the network namespace of this short-lived thread changes; no descriptor table is unshared.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            Ok(rustix::fs::open(
                "/proc/thread-self/ns/net",
                flags,
                Mode::empty(),
            )?)
        })
        .context(
            "cannot make a network namespace: that needs root, or a user namespace of one's own",
        )?;
        let namespace = Self {
            net: Some(Arc::new(net)),
        };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// The namespace that this process is in already; needs no privilege.
    pub const fn current() -> Self {
        Self { net: None }
    }

    /// A path that other programs can open while this process lives, as `ip link set X netns PATH` wants it.
    pub fn path(&self) -> String {
        match &self.net {
            Some(net) => format!("/proc/{}/fd/{}", std::process::id(), net.as_raw_fd()),
            None => format!("/proc/{}/ns/net", std::process::id()),
        }
    }

    /// A command that will run inside this namespace, with a `/sys` that shows its interfaces.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let Some(net) = self.net.clone() else {
            return command;
        };
        let enter = move || -> io::Result<()> {
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            // sysfs shows the network namespace in which it was mounted. Where mounting is refused the program sees
            // the interfaces of outside there, as `nsenter --net` would show them.
            let _ = mount_own_sysfs();
            Ok(())
        };
        // SAFETY: between fork and exec the closure only makes system calls: it neither allocates nor takes a lock.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs `work` in this namespace, on a thread of its own.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let Some(net) = &self.net else { return work() };
        in_thread(|| {
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))
                .context("cannot enter the network namespace")?;
            work()
        })
    }

    /// Runs `ip` with the words of `arguments` in this namespace and returns what it printed.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        let mut command = self.command("ip");
        command.args(arguments.split_whitespace());
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .output()
            .context("cannot start ip (package iproute2)")?;
        if !status.success() {
            bail!(
                "`ip {arguments}` failed: {}",
                String::from_utf8_lossy(&stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }

    /// Sets a kernel variable of this namespace: `key` is its path below `/proc/sys/net`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/net/{key}");
        self.enter(|| fs::write(&path, value).with_context(|| format!("cannot write {path}")))
    }

    /// Reads a file below `/proc/net` as this namespace shows it.
    pub fn proc_net(&self, file: &str) -> Result<String> {
        let path = format!("/proc/thread-self/net/{file}");
        self.enter(|| fs::read_to_string(&path).with_context(|| format!("cannot read {path}")))
    }
}

/// Runs `work` on a thread that ends with it, so that what it changes of its own thread ends too.
fn in_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Gives the calling process, just forked, a mount namespace whose `/sys` belongs to its network namespace.
fn mount_own_sysfs() -> io::Result<()> {
    // SAFETY: the process has one thread, between fork and exec; no descriptor table is unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    let downstream = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", downstream)?;
    rustix::mount::mount(c"sysfs", c"/sys", c"sysfs", MountFlags::empty(), None)?;
    Ok(())
}
