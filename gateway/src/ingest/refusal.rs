//! What a failure means for the walk down the ladder: step, give up, or give up unless a tier without privilege is left.

use std::io;

use super::xsk::{SetupError, SetupStep, memory_bytes};
use super::{IngestError, Obstacle, Tier, allow};

/// Why a tier is not used.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It does not work here; a lower one may.
    Step(Obstacle),
    /// It needs rights that this process does not have.
    Privilege(IngestError),
    /// No other tier would be the answer.
    Fatal(IngestError),
}

impl From<IngestError> for Refusal {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TierUnavailable { reason, remedy, .. } => {
                Refusal::Step(Obstacle { reason, remedy })
            }
            IngestError::KernelFeature {
                feature,
                cause,
                remedy,
            } => Refusal::Step(Obstacle::new(
                format!("the kernel lacks {feature} ({cause})"),
                remedy,
            )),
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
            (SetupStep::Socket, Some(libc::EAFNOSUPPORT)) => {
                Refusal::Step(allow::no_sockets(&cause))
            }
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
            (SetupStep::Bind, Some(libc::EOPNOTSUPP)) if tier == Tier::ZeroCopy => {
                Refusal::Step(Obstacle::new(
                    format!("the driver does not do zero-copy on queue {queue} ({said})"),
                    allow::NO_ZERO_COPY_REMEDY,
                ))
            }
            (SetupStep::Bind, Some(libc::ENXIO)) => Refusal::Step(Obstacle::new(
                format!("cannot bind to queue {queue} ({said})"),
                "the interface has lost queues, or is another namespace's: count them with `ethtool -l`, and run the \
                 gateway where `ip -br link` shows the interface",
            )),
            (SetupStep::Bind, _) if tier == Tier::ZeroCopy => Refusal::Step(Obstacle::new(
                format!("cannot bind to queue {queue} ({said})"),
                "the driver refuses zero-copy in its present settings: `dmesg` may say why; fewer channels (`ethtool -L`), \
                 smaller rings (`rx_ring`), or LRO and hardware GRO off (`ethtool -K`) help with some",
            )),
            (SetupStep::Bind, _) => Refusal::Step(Obstacle::new(
                format!("cannot bind to queue {queue} ({said})"),
                "`dmesg` may say why; `ethtool -l` counts the queues that are active",
            )),
            (SetupStep::Socket | SetupStep::ReadBack, _) => Refusal::Step(Obstacle::new(
                said,
                "nothing that the gateway knows of: please report it with the log",
            )),
        }
    }
}

/// The kernel's words and, where known, the name of its error.
pub(super) fn said(cause: &io::Error) -> String {
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
            (Bind, libc::ENXIO, "step queue 3"),
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
                Refusal::Step(Obstacle { reason, remedy }) => {
                    assert!(!remedy.is_empty(), "{reason}");
                    format!("step {reason}")
                }
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
