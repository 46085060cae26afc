//! Seccomp: the system calls of a running service, and of its helper; all others are refused with EPERM.
//!
//! Refused, not killed: what is refused has no effect either way, and a call that a new version of the C library makes must
//! not end a gateway in the middle of a trading day. The one exception is `clone3`, whose arguments no filter can see: it
//! answers ENOSYS, at which the C library takes `clone`, of which only threads are allowed.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::{Answer, Bounds};

/// Allowed with any arguments.
const ANY: &[libc::c_long] = &[
    // Descriptors: logs, sockets, captures, `/proc` and `/sys`, answers in memory files.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_flock,
    // Files, which landlock chooses; memory files are opened again through `/proc/self/fd`.
    libc::SYS_openat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    // The sockets' files go at the end.
    libc::SYS_unlinkat,
    // Queues, books and readers' pages in memory files; memory of the heap.
    libc::SYS_memfd_create,
    libc::SYS_ftruncate,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_mlock,
    // Threads: start, wait, end, names of their own; where they run.
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals that come.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    // Time.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    // How the clock is kept, for the doctor's checks; setting it wants a capability.
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    // The runtime: readiness of descriptors, random keys of hash tables.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_getrandom,
    // Connections of readers, scrapes and servers; datagrams; netlink. Which families, see `families`. All listen already.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // Who it is, and on what.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_capget,
    libc::SYS_uname,
    libc::SYS_sysinfo,
];

/// The older forms of calls above, which the C library still makes.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_epoll_wait,
    libc::SYS_poll,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// A condition on one argument: its number, the bits that are looked at, and their value.
type Condition = (u8, u64, u64);

const ALL: u64 = u64::MAX;
/// Without `SOCK_CLOEXEC` and `SOCK_NONBLOCK`.
const SOCKET_TYPE: u64 = 0xf;

/// Modes that sockets get: their owner and group may connect, or everybody. None that lets anybody execute.
const SOCKET_MODES: &[u64] = &[0o660, 0o666];

/// Allowed where all conditions of one alternative hold; always, where there is none.
fn conditional(bounds: &Bounds) -> Vec<(libc::c_long, Vec<Vec<Condition>>)> {
    let one_of = |argument, values: &[u64]| -> Vec<Vec<Condition>> {
        values
            .iter()
            .map(|&value| vec![(argument, ALL, value)])
            .collect()
    };
    let executable = libc::PROT_EXEC as u64;
    let fast_open = libc::MSG_FASTOPEN as u64;
    let mut calls = vec![
        // Threads, never another process.
        (
            libc::SYS_clone,
            vec![vec![(
                0,
                (libc::CLONE_VM | libc::CLONE_THREAD) as u64,
                (libc::CLONE_VM | libc::CLONE_THREAD) as u64,
            )]],
        ),
        // Memory that is never code. The C library loads modules that know names of users into the helper.
        (
            libc::SYS_mmap,
            if bounds.is_helper {
                Vec::new()
            } else {
                vec![vec![(2, executable, 0)]]
            },
        ),
        (libc::SYS_mprotect, vec![vec![(2, executable, 0)]]),
        // Threads' names, how exactly they sleep, and names of the allocator's memory.
        (
            libc::SYS_prctl,
            one_of(
                0,
                if bounds.is_helper {
                    // Whether it ends with the service, besides.
                    &[
                        libc::PR_SET_NAME as u64,
                        libc::PR_SET_TIMERSLACK as u64,
                        libc::PR_SET_VMA as u64,
                        libc::PR_SET_PDEATHSIG as u64,
                    ]
                } else {
                    &[
                        libc::PR_SET_NAME as u64,
                        libc::PR_SET_TIMERSLACK as u64,
                        libc::PR_SET_VMA as u64,
                    ]
                },
            ),
        ),
        // Limits are read, never set, of this process only.
        (libc::SYS_prlimit64, vec![vec![(0, ALL, 0), (2, ALL, 0)]]),
        // A panic ends in SIGABRT of this process.
        (
            libc::SYS_tgkill,
            one_of(0, &[u64::from(std::process::id())]),
        ),
        // Drivers and their settings by ethtool, numbers and names of interfaces, sockets that do not block.
        (
            libc::SYS_ioctl,
            one_of(
                1,
                if bounds.is_helper {
                    // Which packets a card stamps, besides.
                    &[
                        libc::SIOCETHTOOL,
                        libc::SIOCGIFINDEX,
                        libc::SIOCGIFNAME,
                        libc::FIONBIO,
                        libc::SIOCGHWTSTAMP,
                        libc::SIOCSHWTSTAMP,
                    ]
                } else {
                    &[
                        libc::SIOCETHTOOL,
                        libc::SIOCGIFINDEX,
                        libc::SIOCGIFNAME,
                        libc::FIONBIO,
                        libc::SIOCGHWTSTAMP,
                    ]
                },
            ),
        ),
        (libc::SYS_socket, families(bounds)),
        // Duplicates, flags and seals; not whom the kernel signals when a descriptor is ready.
        (
            libc::SYS_fcntl,
            one_of(
                1,
                &[
                    libc::F_DUPFD as u64,
                    libc::F_DUPFD_CLOEXEC as u64,
                    libc::F_GETFD as u64,
                    libc::F_SETFD as u64,
                    libc::F_GETFL as u64,
                    libc::F_SETFL as u64,
                    libc::F_GET_SEALS as u64,
                    libc::F_ADD_SEALS as u64,
                ],
            ),
        ),
        // No connection on the way (TCP Fast Open), where landlock does not see the port.
        (libc::SYS_sendto, vec![vec![(3, fast_open, 0)]]),
        (libc::SYS_sendmsg, vec![vec![(2, fast_open, 0)]]),
        // The broker's socket, whose mode follows the entitlements.
        (libc::SYS_fchmodat, one_of(2, SOCKET_MODES)),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_chmod, one_of(1, SOCKET_MODES)),
    ];
    if bounds.is_helper {
        // Programs, maps and links; folders of pinned links.
        calls.push((libc::SYS_bpf, Vec::new()));
        calls.push((libc::SYS_mkdirat, Vec::new()));
        #[cfg(target_arch = "x86_64")]
        calls.push((libc::SYS_mkdir, Vec::new()));
    } else {
        // Nothing is loaded and nothing attached after the start: counters of programs are read.
        calls.push((
            libc::SYS_bpf,
            one_of(0, &[BPF_MAP_LOOKUP_ELEM, BPF_OBJ_GET_INFO_BY_FD]),
        ));
    }
    calls
}

/// `bpf_cmd` of linux/bpf.h.
const BPF_MAP_LOOKUP_ELEM: u64 = 1;
const BPF_OBJ_GET_INFO_BY_FD: u64 = 15;

/// Kinds of sockets.
fn families(bounds: &Bounds) -> Vec<Vec<Condition>> {
    let kind = |family: libc::c_int, kind: libc::c_int| -> Vec<Condition> {
        vec![(0, ALL, family as u64), (1, SOCKET_TYPE, kind as u64)]
    };
    // Not MPTCP, whose ports landlock does not look at.
    let tcp = |family: libc::c_int, protocol: libc::c_int| -> Vec<Condition> {
        let mut conditions = kind(family, libc::SOCK_STREAM);
        conditions.push((2, ALL, protocol as u64));
        conditions
    };
    let netlink = |protocol: libc::c_int| -> Vec<Condition> {
        vec![(0, ALL, libc::AF_NETLINK as u64), (2, ALL, protocol as u64)]
    };
    let mut families = vec![
        // Memberships, the socket tier, questions to re-request servers; interfaces' settings by ioctl.
        kind(libc::AF_INET, libc::SOCK_DGRAM),
        kind(libc::AF_INET6, libc::SOCK_DGRAM),
        // Snapshot servers.
        tcp(libc::AF_INET, 0),
        tcp(libc::AF_INET, libc::IPPROTO_TCP),
        tcp(libc::AF_INET6, 0),
        tcp(libc::AF_INET6, libc::IPPROTO_TCP),
        // The C library asks for an interface's number through one of these. No service listens on datagrams but the log's.
        kind(libc::AF_UNIX, libc::SOCK_DGRAM),
        // Links, addresses, and what drivers can do.
        netlink(libc::NETLINK_ROUTE),
        netlink(libc::NETLINK_GENERIC),
    ];
    if bounds.is_helper {
        families.push(kind(libc::AF_XDP, libc::SOCK_RAW));
        // Daemons that know names of users.
        families.push(kind(libc::AF_UNIX, libc::SOCK_STREAM));
    }
    families
}

/// Restricts all threads of this process.
pub(super) fn enter(bounds: &Bounds) -> Answer {
    // Of two filters the one that refuses decides.
    for filter in [without_clone3(), policy(bounds)] {
        let program = filter.map_err(io::Error::other)?;
        seccompiler::apply_filter_all_threads(&program).map_err(io::Error::other)?;
    }
    Ok(None)
}

fn policy(bounds: &Bounds) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in ANY.iter().chain(OLDER) {
        rules.insert(*call, Vec::new());
    }
    for (call, alternatives) in conditional(bounds) {
        let mut chain = Vec::new();
        for conditions in &alternatives {
            let conditions = conditions.iter().map(|(argument, mask, value)| {
                // The kernel's own type of all these arguments but pointers has 32 bits; what stands above them is not
                // looked at by the kernel either.
                let length = if call == libc::SYS_prlimit64 && *argument == 2 {
                    SeccompCmpArgLen::Qword
                } else {
                    SeccompCmpArgLen::Dword
                };
                let operator = if *mask == ALL {
                    SeccompCmpOp::Eq
                } else {
                    SeccompCmpOp::MaskedEq(*mask)
                };
                SeccompCondition::new(*argument, length, operator, *value)
            });
            chain.push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
        }
        rules.insert(call, chain);
    }
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture()?)?.try_into()
}

fn without_clone3() -> Result<BpfProgram, seccompiler::BackendError> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture()?)?.try_into()
}

fn architecture() -> Result<TargetArch, seccompiler::BackendError> {
    std::env::consts::ARCH.try_into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_policy_is_one_that_the_kernel_takes_and_names_no_call_twice() {
        for is_helper in [false, true] {
            let bounds = Bounds {
                is_helper,
                ..Bounds::default()
            };
            // `BPF_MAXINSNS`
            assert!(policy(&bounds).unwrap().len() <= 4096);
            let mut calls: Vec<_> = ANY.iter().chain(OLDER).copied().collect();
            calls.extend(conditional(&bounds).iter().map(|(call, _)| *call));
            let all = calls.len();
            calls.sort_unstable();
            calls.dedup();
            assert_eq!(all, calls.len());
        }
        assert!(without_clone3().is_ok());
    }
}
