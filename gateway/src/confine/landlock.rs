//! Landlock: which files, TCP ports and abstract sockets the service reaches.

use std::io;
use std::path::Path;

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::io::Errno;

use super::{Answer, Bounds};

/// What is read besides the configuration's folder, which [`Bounds::of`] adds: links, memberships, interrupts and
/// processors; its own descriptors; whether the terminal that it was started from is still there.
pub(super) const READ: [&str; 3] = ["/proc", "/sys", "/dev/tty"];

/// What the helper reads besides: names of users and groups, and the libraries by which the C library asks for them.
pub(super) const READ_BY_HELPER: [&str; 6] =
    ["/etc", "/usr", "/lib", "/lib64", "/run", "/var/lib/sss"];

/// What is listed, and not read: clocks, for the doctor's checks.
const LIST: &str = "/dev";

/// Where the helper pins links.
const PINS: &str = "/sys/fs/bpf";

/// The newest version that is asked for; of an older kernel's, what it has.
const WANTED: ABI = ABI::V6;

/// Restricts the calling thread and those that it starts.
pub(super) fn enter(bounds: &Bounds) -> Answer {
    let status = restrict(bounds).map_err(io::Error::other)?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Err(io::Error::other(
            "landlock is built into this kernel and not enabled; add it to `lsm=` on the kernel's command line",
        )),
        (RulesetStatus::NotEnforced, _) => Err(io::Error::other(
            "this kernel has no landlock; Linux 5.13 or newer has",
        )),
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. })
            if effective_abi < WANTED =>
        {
            Ok(Some(lack(effective_abi)))
        }
        _ => Ok(None),
    }
}

/// What a kernel of this version does not restrict.
fn lack(abi: ABI) -> String {
    let mut lack = Vec::new();
    if abi < ABI::V4 {
        lack.push("TCP ports (Linux 6.7)");
    }
    if abi < ABI::V5 {
        lack.push("ioctl of devices (Linux 6.10)");
    }
    lack.push("abstract sockets (Linux 6.12)");
    format!("landlock does not restrict {}", lack.join(", "))
}

fn restrict(
    bounds: &Bounds,
) -> Result<::landlock::RestrictionStatus, Box<dyn std::error::Error + Send + Sync>> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        // All kinds of access to files are refused unless granted below; executing is granted nowhere.
        .handle_access(AccessFs::from_all(WANTED))?
        // Connections go to the ports of snapshot servers.
        .handle_access(AccessNet::from_all(WANTED))?
        // No abstract Unix socket of a process outside. Signals are seccomp's: here they would also keep the kernel from
        // ending the helper with a service that is killed.
        .scope(Scope::AbstractUnixSocket)?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in &bounds.read {
        rules = grant(rules, path, read)?;
    }
    rules = grant(rules, Path::new(LIST), AccessFs::ReadDir.into())?;
    for folder in &bounds.sockets {
        rules = grant(rules, folder, AccessFs::RemoveFile.into())?;
    }
    if bounds.is_helper {
        let all = read | AccessFs::MakeDir | AccessFs::MakeReg | AccessFs::RemoveFile;
        rules = grant(rules, Path::new(PINS), all)?;
    }
    if !bounds.connect_ports.is_empty() {
        // Any free port, to choose the address that they come from; seccomp has nobody listen.
        rules = rules.add_rule(NetPort::new(0, AccessNet::BindTcp))?;
    }
    for port in &bounds.connect_ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?)
}

/// Grants access to what is at `path` and beneath it. What is not there needs no right.
fn grant(
    rules: ::landlock::RulesetCreated,
    path: &Path,
    access: ::landlock::BitFlags<AccessFs>,
) -> Result<::landlock::RulesetCreated, Box<dyn std::error::Error + Send + Sync>> {
    // Opening `/dev/tty` wants a terminal, naming it does not.
    match rustix::fs::open(
        path,
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    ) {
        Ok(there) => {
            let file = rustix::fs::fstat(&there)?.st_mode & libc::S_IFMT != libc::S_IFDIR;
            let access = if file {
                access & AccessFs::from_file(WANTED)
            } else {
                access
            };
            Ok(rules.add_rule(PathBeneath::new(there, access))?)
        }
        Err(Errno::NOENT | Errno::NXIO) => Ok(rules),
        Err(errno) => Err(format!("{}: {errno}", path.display()).into()),
    }
}
