//! What can go wrong between an interface's name and its first packet.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Step, Tier};

/// The classes of failure that a caller treats differently (each has an exit code of its own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// The interface does not exist or cannot be used.
    InterfaceUnusable,
    /// The process may not do what the tier needs.
    Privilege,
    /// The tier reached is below the one required.
    TierBelowRequired,
    /// The kernel or driver lacks a feature.
    KernelFeature,
    /// A capture file cannot be read, or is damaged.
    InputUnreadable,
    /// Somebody else holds the interface: an XDP program or an AF_XDP socket.
    Busy,
    /// Anything else: the system refused something that should have worked.
    Internal,
}

/// An interface or file could not be opened, or stopped being usable. Each message names the cause and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// No interface of this name in this network namespace.
    #[error(
        "interface `{name}` does not exist; `ip -br link` lists those that do (names in another network namespace do not count)"
    )]
    InterfaceMissing {
        /// The name asked for.
        name: String,
    },
    /// The receive queue asked for is not active on the interface.
    #[error(
        "interface `{name}` has no receive queue {queue}: {active} are active; change `queues`, or add queues with `ethtool -L {name} combined N`"
    )]
    QueueMissing {
        /// The interface.
        name: String,
        /// The queue asked for.
        queue: u32,
        /// How many are active.
        active: u32,
    },
    /// The interface went away or was taken down for good while in use.
    #[error(
        "interface `{name}` is gone ({cause}); a running gateway opens it again as soon as there is one of this name"
    )]
    InterfaceGone {
        /// The interface.
        name: String,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The interface is administratively down.
    #[error("interface `{name}` is down; bring it up with `ip link set dev {name} up`")]
    InterfaceDown {
        /// The interface.
        name: String,
    },
    /// A system call was refused for want of privilege.
    #[error(
        "no permission to {action} on `{name}` ({cause}); run as root, give the binary CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON, or set `lowest_tier = \"socket\"`"
    )]
    Privilege {
        /// The interface.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        cause: String,
    },
    /// An XDP program is already attached.
    #[error(
        "interface `{name}` already has an XDP program ({detail}); stop its owner, or detach it with `gateway detach {name} --force` (`bpftool net` shows who it is)"
    )]
    ProgramAttached {
        /// The interface.
        name: String,
        /// Mode and program id, or what the kernel said.
        detail: String,
    },
    /// Another AF_XDP socket is bound to the receive queue.
    #[error(
        "queue {queue} of `{name}` already has an AF_XDP socket; stop the process that holds it (`ss -a --xdp` shows who it is)"
    )]
    QueueBusy {
        /// The interface.
        name: String,
        /// The queue.
        queue: u32,
    },
    /// The exact tier asked for does not work here.
    #[error(
        "tier `{tier}` does not work on `{name}`: {reason}; {remedy}, or use `mode = \"auto\"` (`gateway explain {name}` tells more)"
    )]
    TierUnavailable {
        /// The interface.
        name: String,
        /// The tier asked for.
        tier: Tier,
        /// Why not.
        reason: String,
        /// What would change that.
        remedy: String,
    },
    /// Walking down the ladder ended without a tier that works.
    #[error("no tier down to `{lowest}` works on `{name}`:{}; lower `lowest_tier`, or remove the causes (`gateway explain {name}` tells how)", list(.steps))]
    NoTier {
        /// The interface.
        name: String,
        /// The lowest tier allowed.
        lowest: Tier,
        /// What was tried, and why it failed.
        steps: Vec<Step>,
    },
    /// No tier as high as the required one works.
    #[error("`{name}` does not reach `require = \"{required}\"`:{}; remove the causes (`gateway explain {name}` tells how), or lower `require`", list(.steps))]
    BelowRequired {
        /// The interface.
        name: String,
        /// The tier required.
        required: Tier,
        /// What was tried, and why it failed.
        steps: Vec<Step>,
    },
    /// The helper could not open the interface, and says why and what to do.
    #[error("{message}")]
    Helper {
        /// The class of its failure.
        kind: ErrorKind,
        /// Its own message.
        message: String,
    },
    /// The kernel lacks something the gateway cannot do without.
    #[error("the kernel lacks {feature} ({cause}); {remedy}")]
    KernelFeature {
        /// What it lacks.
        feature: &'static str,
        /// What it said.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A group could not be joined.
    #[error("cannot join {group} on `{name}` ({cause}); {remedy}")]
    Join {
        /// The group, with its source where there is one.
        group: String,
        /// The joining interface.
        name: String,
        /// What the kernel said.
        cause: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A UDP socket of the socket tier could not be set up.
    #[error(
        "cannot receive {address} by socket on `{name}`: {action}: {cause}; another process may hold the port exclusively (`ss -ulnp`), or the limit on open files is reached (`ulimit -n`)"
    )]
    Socket {
        /// The interface.
        name: String,
        /// Group and port.
        address: std::net::SocketAddrV4,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        cause: io::Error,
    },
    /// Memory for the frames could not be had.
    #[error(
        "cannot allocate {bytes} bytes of packet memory ({cause}); lower `rx_ring`, raise the memory-lock limit (`LimitMEMLOCK=` in systemd, `ulimit -l`), or free memory"
    )]
    Memory {
        /// How much was asked for.
        bytes: usize,
        /// What the kernel said.
        cause: io::Error,
    },
    /// A value of the request is out of its range.
    #[error("`{key}` of `{name}` is {value}, which is out of range: {expected}")]
    BadRequest {
        /// The interface.
        name: String,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A capture file cannot be read, or is damaged.
    #[error("cannot read capture {}: {cause}; check the path, or cut the file before the damage", .path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the offset where it is known.
        cause: String,
    },
    /// The system refused something that should have worked.
    #[error("{action} on `{name}` failed: {cause}")]
    System {
        /// The interface.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        cause: String,
    },
}

impl IngestError {
    /// The class of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InterfaceMissing { .. }
            | Self::QueueMissing { .. }
            | Self::InterfaceGone { .. }
            | Self::InterfaceDown { .. }
            | Self::Join { .. }
            | Self::BadRequest { .. } => ErrorKind::InterfaceUnusable,
            Self::Helper { kind, .. } => *kind,
            Self::Privilege { .. } => ErrorKind::Privilege,
            Self::ProgramAttached { .. } | Self::QueueBusy { .. } => ErrorKind::Busy,
            Self::TierUnavailable { .. } | Self::KernelFeature { .. } => ErrorKind::KernelFeature,
            Self::NoTier { .. } | Self::BelowRequired { .. } => ErrorKind::TierBelowRequired,
            Self::Capture { .. } => ErrorKind::InputUnreadable,
            Self::Socket { .. } | Self::Memory { .. } | Self::System { .. } => ErrorKind::Internal,
        }
    }
}

fn list(steps: &[Step]) -> String {
    steps
        .iter()
        .map(|step| format!(" {}: {}", step.tier, step.reason))
        .collect::<Vec<_>>()
        .join(";")
}
