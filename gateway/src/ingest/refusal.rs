//! What a failure means for the walk down the ladder: step, give up, or give up unless a tier without privilege is left.

use std::io;

use super::xsk::{SetupError, SetupStep, memory_bytes};
use super::{IngestError, Tier};

/// Why a tier is not used.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It does not work here; a lower one may.
    Step(String),
    /// It needs rights that this process does not have.
    Privilege(IngestError),
    /// No other tier would be the answer.
    Fatal(IngestError),
}

impl From<IngestError> for Refusal {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TierUnavailable { reason, .. } => Refusal::Step(reason),
            IngestError::KernelFeature { .. } => Refusal::Step(error.to_string()),
            IngestError::Privilege { .. } => Refusal::Privilege(error),
            _ => Refusal::Fatal(error),
        }
    }
}

impl Refusal {
    /// What the failure to make an AF_XDP socket means.
    pub(super) fn of_socket(
        interface: &str,
        queue: u32,
        tier: Tier,
        rx_entries: u32,
        error: SetupError,
    ) -> Self {
        let SetupError { step, cause } = error;
        let name = interface.to_owned();
        let said = said(&cause);
        match (step, cause.raw_os_error()) {
            (SetupStep::Socket, Some(libc::EAFNOSUPPORT)) => Refusal::Step(format!(
                "the kernel is built without CONFIG_XDP_SOCKETS ({said})"
            )),
            (_, Some(libc::EPERM | libc::EACCES)) => Refusal::Privilege(IngestError::Privilege {
                name,
                action: "open an AF_XDP socket",
                cause: said,
            }),
            (SetupStep::Memory | SetupStep::Register, _) => Refusal::Fatal(IngestError::Memory {
                bytes: memory_bytes(rx_entries),
                cause,
            }),
            (SetupStep::Bind, Some(libc::EBUSY)) => {
                Refusal::Fatal(IngestError::QueueBusy { name, queue })
            }
            (SetupStep::Bind, Some(libc::ENETDOWN)) => {
                Refusal::Fatal(IngestError::InterfaceDown { name })
            }
            (SetupStep::Bind, Some(libc::ENODEV)) => {
                Refusal::Fatal(IngestError::InterfaceGone { name, cause })
            }
            (SetupStep::Bind, Some(libc::EOPNOTSUPP)) if tier == Tier::ZeroCopy => Refusal::Step(
                format!("the driver does not do zero-copy on queue {queue} ({said})"),
            ),
            (SetupStep::Bind, _) => Refusal::Step(format!("cannot bind to queue {queue} ({said})")),
            (SetupStep::Socket | SetupStep::ReadBack, _) => Refusal::Step(said),
        }
    }
}

/// The kernel's words and, where known, the name of its error.
fn said(cause: &io::Error) -> String {
    let name = match cause.raw_os_error() {
        Some(libc::EOPNOTSUPP) => "EOPNOTSUPP: ",
        Some(libc::EINVAL) => "EINVAL: ",
        Some(libc::EPERM) => "EPERM: ",
        Some(libc::ENOMEM) => "ENOMEM: ",
        Some(libc::ENOBUFS) => "ENOBUFS: ",
        Some(libc::EAFNOSUPPORT) => "EAFNOSUPPORT: ",
        _ => "",
    };
    format!("{name}{cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_where_a_lower_tier_may_work_and_gives_up_where_none_is_the_answer() {
        use SetupStep::{Bind, ReadBack, Register, Socket};
        for (step, errno, expected) in [
            (Socket, libc::EAFNOSUPPORT, "step CONFIG_XDP_SOCKETS"),
            (Socket, libc::EPERM, "privilege CAP_NET_RAW"),
            (Register, libc::ENOBUFS, "fatal ulimit -l"),
            (Bind, libc::EOPNOTSUPP, "step EOPNOTSUPP"),
            (Bind, libc::EINVAL, "step EINVAL"),
            (Bind, libc::EBUSY, "fatal ss -a --xdp"),
            (Bind, libc::ENETDOWN, "fatal is down"),
            (Bind, libc::ENODEV, "fatal is gone"),
            (ReadBack, libc::EINVAL, "step EINVAL"),
        ] {
            let error = SetupError {
                step,
                cause: io::Error::from_raw_os_error(errno),
            };
            let found = match Refusal::of_socket("eth1", 3, Tier::ZeroCopy, 64, error) {
                Refusal::Step(reason) => format!("step {reason}"),
                Refusal::Privilege(error) => format!("privilege {error}"),
                Refusal::Fatal(error) => format!("fatal {error}"),
            };
            let (kind, text) = expected.split_once(' ').unwrap_or_default();
            assert!(
                found.starts_with(kind) && found.contains(text),
                "{step:?} {errno}: {found}"
            );
        }
    }
}
