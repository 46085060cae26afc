//! `gateway detach`

use clap::Args;

use super::exit::{Exit, Failure};
use super::output::print_line;
use crate::ingest::detach::{self, Detached};
use crate::ingest::netdev;

/// Options of `gateway detach`.
#[derive(Debug, Args)]
pub(super) struct Detach {
    /// The interface; every one with a pinned program where it is left out
    interface: Option<String>,
    /// Remove what a running gateway uses, and programs of others, too
    #[arg(long, requires = "interface")]
    force: bool,
    /// Print a JSON array: interface, found, removed, left, busy
    #[arg(long)]
    json: bool,
}

impl Detach {
    pub(super) fn run(self) -> Result<(), Failure> {
        let pinned = detach::pinned();
        let names = match &self.interface {
            Some(name) if netdev::index(name).is_none() && !pinned.contains(name) => {
                return Err(Failure::new(
                    Exit::Interface,
                    format!("interface `{name}` does not exist; `ip -br link` lists those that do"),
                ));
            }
            Some(name) => vec![name.clone()],
            None => pinned,
        };
        let mut all = Vec::new();
        for name in names {
            let done = detach::detach(&name, self.force).map_err(|error| {
                let exit = match error.raw_os_error() {
                    Some(libc::EPERM | libc::EACCES) => Exit::Privilege,
                    _ => Exit::Internal,
                };
                Failure::new(
                    exit,
                    format!("cannot detach from `{name}`: {error}; run it as root"),
                )
            })?;
            if !self.json {
                tell(&done)?;
            }
            all.push(done);
        }
        if self.json {
            let text = serde_json::to_string(&all);
            print_line(text.map_err(|error| Failure::new(Exit::Internal, error))?)?;
        } else if all.is_empty() {
            print_line(format_args!("nothing is pinned in {}", detach::PIN_FOLDER))?;
        }
        if all.iter().any(|done| done.busy) {
            return Err(Failure::new(Exit::Busy, ""));
        }
        Ok(())
    }
}

fn tell(done: &Detached) -> Result<(), Failure> {
    let name = &done.interface;
    if done.found.is_empty() {
        return print_line(format_args!("{name}: no XDP program"));
    }
    for what in &done.removed {
        print_line(format_args!("{name}: removed {what}"))?;
    }
    if let Some(left) = &done.left {
        print_line(format_args!("{name}: left {left}"))?;
    }
    Ok(())
}
