//! Whether preferred busy polling truly polls.
//!
//! A socket can only be busy-polled by its NAPI id, and the kernel says nothing where it has none: `recvfrom` returns at
//! once, packets keep coming by interrupt, and the option stays set. Linux 6.13 lost the ids (86e25f40aa1e); since then a
//! socket gets its id when it is bound (5ef44b3cb43b, b95ed5517354), where the driver names its queues' instances
//! (`netif_queue_set_napi`). Before, it got it with the first packet.
//!
//! A worker that is known to ask in vain does not ask: a system call in each empty poll would bring nothing.

use serde::{Deserialize, Serialize};

use super::netdev::KernelVersion;

/// From this kernel on a socket has its id when it is bound, or never; before, from its first packet on.
const ID_AT_BIND: KernelVersion = KernelVersion::new(6, 13);

/// What became of the wish for busy polling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BusyPollWish {
    /// There is none.
    #[default]
    Off,
    /// It is known not to work, or the kernel refused the options.
    Refused(String),
    /// The options are set.
    Set,
}

/// How a receive queue is driven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BusyPolling {
    /// By interrupts, as the configuration asks.
    #[default]
    Off,
    /// By interrupts: busy polling is known not to work, or was refused.
    Refused(String),
    /// Not known before the first packet.
    Unknown,
    /// By the worker.
    Polls,
    /// By interrupts: the kernel took the wish and does not follow it.
    InVain(String),
}

/// Whether the kernel is known not to follow a wish that it took: the socket has no NAPI id (0), and gets none any more.
pub(crate) fn is_in_vain(kernel: KernelVersion, napi_id: u32, packets: u64) -> bool {
    napi_id == 0 && (kernel >= ID_AT_BIND || packets > 0)
}

impl BusyPolling {
    /// From what is known of a socket: its NAPI id (0 for none), and whether packets came.
    #[must_use]
    pub fn of(wish: &BusyPollWish, kernel: KernelVersion, napi_id: u32, packets: u64) -> Self {
        match wish {
            BusyPollWish::Off => Self::Off,
            BusyPollWish::Refused(reason) => Self::Refused(reason.clone()),
            BusyPollWish::Set if napi_id != 0 => Self::Polls,
            BusyPollWish::Set if !is_in_vain(kernel, napi_id, packets) => Self::Unknown,
            BusyPollWish::Set if kernel >= ID_AT_BIND => Self::InVain(format!(
                "the driver does not name the queue's NAPI instance, without which Linux {kernel} cannot poll it; the worker \
                 does not ask for packets"
            )),
            BusyPollWish::Set => Self::InVain(
                "packets come without a NAPI id; the worker does not ask for them".to_owned(),
            ),
        }
    }

    /// What it is called in status and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Refused(_) => "refused",
            Self::Unknown => "unknown",
            Self::Polls => "polls",
            Self::InVain(_) => "in_vain",
        }
    }

    /// Why it is not what was asked for.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) | Self::InVain(reason) => Some(reason),
            Self::Off | Self::Unknown | Self::Polls => None,
        }
    }
}

/// What to do where busy polling does not work.
pub const REMEDY: &str = "packets come by interrupt: bind the queue's interrupt to the worker's core \
                          (`/proc/irq/N/smp_affinity_list`), or use a kernel and driver that busy-poll; `busy_poll = false` \
                          says that this is meant";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_by_kernel_id_and_packets() {
        let refused = BusyPollWish::Refused("no".into());
        for (wish, (major, minor), napi_id, packets, expected) in [
            (&BusyPollWish::Off, (6, 12), 7, 1, "off"),
            (&refused, (6, 14), 0, 1, "refused"),
            (&BusyPollWish::Set, (6, 12), 0, 0, "unknown"),
            (&BusyPollWish::Set, (6, 12), 8193, 1, "polls"),
            (&BusyPollWish::Set, (6, 12), 0, 1, "in_vain"),
            (&BusyPollWish::Set, (6, 18), 0, 0, "in_vain"),
            (&BusyPollWish::Set, (6, 18), 8193, 0, "polls"),
        ] {
            let kernel = KernelVersion::new(major, minor);
            let found = BusyPolling::of(wish, kernel, napi_id, packets);
            assert_eq!(
                found.name(),
                expected,
                "{wish:?} {kernel} {napi_id} {packets}"
            );
            let told = matches!(expected, "refused" | "in_vain");
            assert_eq!(found.reason().is_some(), told);
        }
    }
}
