//! Confinement: the service gives up, once it is started, what it does not need to go on.
//!
//! It decodes what a network sends it. Should a packet ever take it over, it must be of no use: no file but its own, no
//! other program, no connection but to the configured servers, no right over the machine. One mechanism a file, each with
//! its policy: [`process`] (no core dump, no new privileges), [`capabilities`], [`landlock`] (files, TCP ports,
//! abstract sockets), [`seccomp`] (system calls).
//!
//! Capabilities and landlock bind the thread that asks for them and those that it starts afterwards. So
//! [`enter`] is called while the process has one thread, after everything is open and before any packet is looked at.
//! What a kernel does not offer is told, counted as not in force, and no reason not to start.

mod capabilities;
mod landlock;
mod process;
mod seccomp;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::config::Config;
use crate::config::model::MetricsListen;

/// What a confined service may still do, from its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Folders and files that are read.
    pub read: Vec<PathBuf>,
    /// Folders in which its sockets are, to be removed at the end.
    pub sockets: Vec<PathBuf>,
    /// TCP ports that it connects to.
    pub connect_ports: Vec<u16>,
    /// Whether it opens AF_XDP interfaces and looks up names: the helper.
    pub is_helper: bool,
}

impl Bounds {
    /// For the service of this configuration, which was read from `path` and is read from there again.
    #[must_use]
    pub fn of(config: &Config, path: &Path) -> Self {
        let mut read: Vec<PathBuf> = landlock::READ.iter().map(PathBuf::from).collect();
        // The folder, not the file: who edits a file puts another one in its place.
        read.extend(folders(path));
        let channels = config.channels.iter().filter_map(|c| c.recovery.as_ref());
        let mut connect_ports: Vec<u16> = channels
            .flat_map(|recovery| {
                let glimpse = recovery.glimpse.iter().map(|server| server.address);
                let sessions = recovery.gap_request.iter().chain(&recovery.spin);
                glimpse.chain(sessions.map(|server| server.address))
            })
            .map(|address| address.port())
            .collect();
        connect_ports.sort_unstable();
        connect_ports.dedup();
        let mut sockets = vec![folder(&config.gateway.broker_socket)];
        if let Some(MetricsListen::Unix(path)) = &config.gateway.metrics_listen {
            sockets.push(folder(path));
        }
        Self {
            read,
            sockets,
            connect_ports,
            is_helper: false,
        }
    }

    /// For the helper of a service whose configuration is read from `path`.
    #[must_use]
    pub fn of_helper(path: &Path) -> Self {
        let read = landlock::READ.iter().chain(&landlock::READ_BY_HELPER);
        let mut read: Vec<PathBuf> = read.map(PathBuf::from).collect();
        read.extend(folders(path));
        Self {
            read,
            is_helper: true,
            ..Self::default()
        }
    }
}

/// The folder of a file, and that of what a link in its place leads to.
fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    let leads_to = path.canonicalize().ok().map(|real| folder(&real));
    let own = folder(path);
    let elsewhere = leads_to.filter(|real| *real != own);
    std::iter::once(own).chain(elsewhere)
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A mechanism, and whether it binds this process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mechanism {
    /// `not_dumpable`, `no_new_privs`, `capabilities`, `landlock` or `seccomp`.
    pub name: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// Why it is not, or what of it the kernel lacks; empty where there is nothing to say.
    pub note: String,
}

/// What a mechanism answers: what of it the kernel lacks, if anything.
type Answer = io::Result<Option<String>>;

/// Every mechanism's name, in the order in which they are put in force.
const NAMES: [&str; 5] = [
    "not_dumpable",
    "no_new_privs",
    "landlock",
    "capabilities",
    "seccomp",
];

/// What binds this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement(Vec<Mechanism>);

impl Confinement {
    /// None, because the configuration asks for none.
    #[must_use]
    pub fn off() -> Self {
        let note = "confine = \"off\"";
        Self(NAMES.map(|name| mechanism(name, false, note)).into())
    }

    /// Logs what confines this process, `who` it is, and what does not.
    pub fn tell(&self, who: &str) {
        for Mechanism {
            name,
            in_force,
            note,
        } in &self.0
        {
            if !in_force {
                warn!(
                    who,
                    mechanism = name,
                    cause = note,
                    "a mechanism does not confine the process"
                );
            } else if !note.is_empty() {
                warn!(
                    who,
                    mechanism = name,
                    lack = note,
                    "this kernel confines the process in part only"
                );
            }
        }
        let in_force = self.0.iter().filter(|m| m.in_force);
        let in_force: Vec<_> = in_force.map(|m| m.name.as_str()).collect();
        info!(who, by = in_force.join(", "), "confined");
    }

    /// Each mechanism.
    #[must_use]
    pub fn mechanisms(&self) -> &[Mechanism] {
        &self.0
    }
}

fn mechanism(name: &str, in_force: bool, note: &str) -> Mechanism {
    Mechanism {
        name: name.to_owned(),
        in_force,
        note: note.to_owned(),
    }
}

/// Confines this process, for good. To be called while it has one thread.
#[must_use]
pub fn enter(bounds: &Bounds) -> Confinement {
    crate::ingest::remember_rights();
    let alone = threads() == Some(1);
    let by_thread = |enter: &dyn Fn() -> Answer| {
        if alone {
            enter()
        } else {
            Err(io::Error::other(
                "other threads run already, which it would not bind; this is a defect, please report it",
            ))
        }
    };
    // In this order: landlock wants no_new_privs, and seccomp forbids what the others do.
    let answers = [
        process::forbid_dumps(),
        process::forbid_new_privileges(),
        by_thread(&|| landlock::enter(bounds)),
        by_thread(&|| capabilities::enter(bounds)),
        seccomp::enter(bounds),
    ];
    let mechanisms: Vec<_> = NAMES
        .into_iter()
        .zip(answers)
        .map(|(name, answer)| match answer {
            Ok(lack) => mechanism(name, true, &lack.unwrap_or_default()),
            Err(cause) => mechanism(name, false, &cause.to_string()),
        })
        .collect();
    Confinement(mechanisms)
}

/// Threads of this process; `None` where `/proc` does not tell.
fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task")
        .ok()
        .map(Iterator::count)
}
