//! `gateway reload`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use gateway_client::Client;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::print_line;
use super::status::parse;
use super::tail::unreachable;
use crate::service::status::{LastReload, ReloadStatus};

/// How often the outcome is asked for.
const LOOK: Duration = Duration::from_millis(20);

/// Options of `gateway reload`.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// Print the result as one JSON object: ok, error, differences (item, kind, key, old, new, at_restart, why), waiting
    #[arg(long)]
    json: bool,
    /// Seconds to wait for the outcome
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
}

impl Reload {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = Client::connect(&self.socket).map_err(unreachable)?;
        let reloads = || -> Result<ReloadStatus, Failure> {
            Ok(parse(&client.status().map_err(unreachable)?)?.reloads)
        };
        let count = |status: &ReloadStatus| status.applied + status.refused;
        let before = count(&reloads()?);
        let pid = listener(&self.socket)?;
        kill_process(pid, Signal::HUP).map_err(|error| {
            let exit = match error {
                Errno::PERM => Exit::Privilege,
                Errno::SRCH => Exit::NotReachable,
                _ => Exit::Internal,
            };
            let pid = pid.as_raw_nonzero();
            Failure::new(
                exit,
                format!("cannot signal the gateway (pid {pid}): {error}; run it as root or as the gateway's user"),
            )
        })?;
        let limit = Instant::now() + Duration::from_secs(self.timeout);
        let after = loop {
            let now = reloads()?;
            if count(&now) > before {
                break now;
            }
            if Instant::now() > limit {
                return Err(Failure::new(
                    Exit::NotReachable,
                    format!(
                        "the gateway did not tell the outcome within {} s; its log and `gateway status` may",
                        self.timeout
                    ),
                ));
            }
            std::thread::sleep(LOOK);
        };
        self.tell(&after)
    }

    fn tell(&self, status: &ReloadStatus) -> Result<(), Failure> {
        let LastReload { error, differences } = status.last.clone().unwrap_or_default();
        let waits = !status.waiting.is_empty();
        let exit = match (&error, waits) {
            (Some(_), _) => Exit::Configuration,
            (None, true) => Exit::Partial,
            (None, false) => Exit::Ok,
        };
        if self.json {
            print_line(json!({
                "ok": error.is_none(), "error": error, "differences": differences, "waiting": status.waiting,
            }))?;
        } else if error.is_none() {
            for difference in &differences {
                print_line(match (difference.at_restart, &difference.why) {
                    (false, _) => difference.to_string(),
                    (true, None) => format!("{difference}  (at the next start)"),
                    (true, Some(why)) => format!("{difference}  (at the next start: {why})"),
                })?;
            }
            let late = differences.iter().filter(|d| d.at_restart).count();
            print_line(match differences.len() {
                0 => "reloaded: nothing differs from the last time".to_owned(),
                all => format!("reloaded: {} applied, {late} at the next start", all - late),
            })?;
            if waits && late == 0 {
                print_line(format_args!(
                    "at the next start, from before: {}",
                    status.waiting.join("; ")
                ))?;
            }
        }
        match error {
            Some(error) if !self.json => Err(Failure::new(
                exit,
                format!("nothing is reloaded, the running configuration stays: {error}"),
            )),
            _ if exit != Exit::Ok => Err(Failure::new(exit, "")),
            _ => Ok(()),
        }
    }
}

/// The process that listens on a socket, as the kernel knows it: a number in a status would be one of its own namespace.
fn listener(socket: &Path) -> Result<Pid, Failure> {
    let failed =
        |cause: String| Failure::new(Exit::NotReachable, format!("{}: {cause}", socket.display()));
    let broker = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|errno| failed(errno.to_string()))?;
    let address = SocketAddrUnix::new(socket).map_err(|errno| failed(errno.to_string()))?;
    rustix::net::connect(&broker, &address).map_err(|errno| failed(errno.to_string()))?;
    // Without a process that this one can see, the kernel tells 0, which is no process id.
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of_val(&peer) as libc::socklen_t;
    // SAFETY: the descriptor is open, and `peer` has the room that `length` says.
    let asked = unsafe {
        use std::os::fd::AsRawFd;
        libc::getsockopt(
            broker.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    if asked != 0 {
        return Err(failed(std::io::Error::last_os_error().to_string()));
    }
    Pid::from_raw(peer.pid).ok_or_else(|| {
        failed(
            "the gateway runs where this process cannot signal it (another PID namespace); send it SIGHUP there".to_owned(),
        )
    })
}
