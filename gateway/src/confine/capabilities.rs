//! Capabilities: none to be used, and none to be had; of the helper, what opening an AF_XDP interface wants.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use super::{Answer, Bounds};
use crate::ingest::netdev::KernelVersion;

/// What opening an AF_XDP interface wants: programs and sockets on interfaces, raw sockets, BPF, and offsets in packets
/// that vary.
const AF_XDP: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::BPF)
    .union(CapabilitySet::PERFMON);

/// Queues and packet memory are locked: what CAP_IPC_LOCK allows without limit is allowed by the limit from now on. Whether
/// that needs no capability any more.
fn lock_by_limit() -> bool {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    // Raising it wants CAP_SYS_RESOURCE, unless it is as high already.
    getrlimit(Resource::Memlock).current.is_none()
        || setrlimit(Resource::Memlock, unlimited).is_ok()
}

/// Gives up all capabilities of the calling thread but those that `bounds` need.
pub(super) fn enter(bounds: &Bounds) -> Answer {
    let locks = lock_by_limit();
    let kept = if bounds.is_helper {
        let wanted = if locks {
            AF_XDP
        } else {
            // Root in a container, say. It lets memory be locked and nothing else.
            AF_XDP | CapabilitySet::IPC_LOCK
        };
        wanted & rustix::thread::capabilities(None)?.permitted
    } else if before_5_19() {
        CapabilitySet::BPF & rustix::thread::capabilities(None)?.permitted
    } else {
        CapabilitySet::empty()
    };
    // First, while CAP_SETPCAP may be there. Where it is not, no_new_privs has the same effect: what is not permitted never
    // comes back.
    for capability in (CapabilitySet::all() - kept).iter() {
        match remove_capability_from_bounding_set(capability) {
            // A capability that is newer than the kernel; or no right to do this.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    match clear_ambient_capability_set() {
        // Before 4.3 there is none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(errno.into()),
    }
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    let keeps_bpf = !bounds.is_helper && !kept.is_empty();
    Ok(keeps_bpf.then(|| {
        "CAP_BPF stays, of which seccomp leaves reading maps: before Linux 5.19 nobody else reads the XDP program's counters"
            .to_owned()
    }))
}

/// Whether `bpf` wants a right for whatever it is asked for, where unprivileged programs are switched off (c8644cd0efe7).
fn before_5_19() -> bool {
    let release = rustix::system::uname();
    KernelVersion::parse(&release.release().to_string_lossy())
        .is_some_and(|version| version < KernelVersion::new(5, 19))
}
