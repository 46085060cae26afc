//! IGMP membership by ordinary sockets (AF_XDP sockets cannot join groups).
//!
//! A membership is the kernel's: it answers queries, it programs the NIC's multicast filter, and it ends when the
//! socket that joined is closed, whatever happens to the process. The joining sockets carry a filter that drops every
//! packet, so nothing ever queues on them. Groups are joined by interface index: no multicast route is needed, and the
//! joining interface may be another than the receiving one (a VLAN sub-interface, a bond).
//!
//! The kernel limits a socket to `net.ipv4.igmp_max_memberships` groups (20 unless raised), a group to
//! `net.ipv4.igmp_max_msf` sources a socket (10), and the memory of both to `net.core.optmem_max`. We stay at
//! [`GROUPS_PER_SOCKET`] and open another socket at the first refusal, so that the defaults suffice for any number.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{IngestError, Stream};

/// Joins made on one socket: the kernel's default limit.
pub const GROUPS_PER_SOCKET: usize = 20;

/// Joined groups; dropping it leaves them.
#[derive(Debug)]
pub struct Membership {
    /// Each holds up to [`GROUPS_PER_SOCKET`] joins until it is closed.
    sockets: Vec<OwnedFd>,
    joined: Vec<(Ipv4Addr, Option<Ipv4Addr>)>,
}

impl Membership {
    /// Joins the group of each stream on the interface with this index: any-source where the stream lists no sources,
    /// else one source-specific join for each source. Streams that share a group share its membership; unicast
    /// addresses need none and are skipped.
    ///
    /// # Errors
    ///
    /// [`IngestError::Join`] when the kernel refuses; what was joined before is left again.
    pub fn join(
        interface: &str,
        interface_index: u32,
        streams: &[Stream],
    ) -> Result<Self, IngestError> {
        let mut membership = Self {
            sockets: Vec::new(),
            joined: Vec::new(),
        };
        let mut on_socket = GROUPS_PER_SOCKET;
        for (group, source) in wanted(streams) {
            let refuse = |cause: io::Error| refused(interface, group, source, cause);
            if on_socket == GROUPS_PER_SOCKET {
                membership.sockets.push(joining_socket().map_err(refuse)?);
                on_socket = 0;
            }
            let attempt = |membership: &Self| match membership.sockets.last() {
                Some(socket) => join(socket, interface_index, group, source),
                None => Err(io::ErrorKind::NotFound.into()),
            };
            match attempt(&membership) {
                // A limit of this socket, most likely the sources of one group: another socket has its own.
                Err(cause) if cause.raw_os_error() == Some(libc::ENOBUFS) && on_socket > 0 => {
                    membership.sockets.push(joining_socket().map_err(refuse)?);
                    on_socket = 0;
                    attempt(&membership).map_err(refuse)?;
                }
                other => other.map_err(refuse)?,
            }
            on_socket += 1;
            membership.joined.push((group, source));
        }
        Ok(membership)
    }

    /// Leaves all groups.
    pub fn leave(&mut self) {
        self.sockets.clear();
        self.joined.clear();
    }

    /// What is joined: each group, with its source where the join is source-specific.
    #[must_use]
    pub fn joined(&self) -> &[(Ipv4Addr, Option<Ipv4Addr>)] {
        &self.joined
    }
}

/// The joins that `streams` need, each once. A group that any stream takes from any source is joined any-source.
pub(super) fn wanted(streams: &[Stream]) -> BTreeSet<(Ipv4Addr, Option<Ipv4Addr>)> {
    let any: BTreeSet<_> = streams
        .iter()
        .filter(|s| s.sources.is_empty())
        .map(|s| s.group)
        .collect();
    let mut wanted = BTreeSet::new();
    for stream in streams.iter().filter(|s| s.group.is_multicast()) {
        if any.contains(&stream.group) {
            wanted.insert((stream.group, None));
        } else {
            wanted.extend(
                stream
                    .sources
                    .iter()
                    .map(|&source| (stream.group, Some(source))),
            );
        }
    }
    wanted
}

fn joining_socket() -> io::Result<OwnedFd> {
    let socket = socket2::Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::DGRAM,
        Some(socket2::Protocol::UDP),
    )?;
    // `return 0`: keep no byte of any packet.
    let mut drop_all = [libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let program = libc::sock_fprog {
        len: 1,
        filter: drop_all.as_mut_ptr(),
    };
    set_option(
        socket.as_raw_fd(),
        libc::SOL_SOCKET,
        libc::SO_ATTACH_FILTER,
        &program,
    )?;
    Ok(socket.into())
}

/// Joins one group on an open socket: any-source, or from one source only.
pub(super) fn join(
    socket: &OwnedFd,
    interface_index: u32,
    group: Ipv4Addr,
    source: Option<Ipv4Addr>,
) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    let Some(source) = source else {
        let request = libc::ip_mreqn {
            imr_multiaddr: in_addr(group),
            imr_address: in_addr(Ipv4Addr::UNSPECIFIED),
            imr_ifindex: interface_index.cast_signed(),
        };
        return set_option(fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request);
    };
    let request = GroupSourceRequest {
        interface: interface_index,
        group: sockaddr_storage(group),
        source: sockaddr_storage(source),
    };
    set_option(fd, libc::IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &request)
}

/// Leaves one group on an open socket, with all its sources. Of no consequence where it has not joined.
///
/// A group joined on a device that is gone has to be left all the same: the socket would keep its place (net/ipv4/igmp.c,
/// `ip_mc_leave_group` works without the device).
pub(super) fn leave(socket: &OwnedFd, interface_index: u32, group: Ipv4Addr) {
    let request = libc::ip_mreqn {
        imr_multiaddr: in_addr(group),
        imr_address: in_addr(Ipv4Addr::UNSPECIFIED),
        imr_ifindex: interface_index.cast_signed(),
    };
    let _ = set_option(
        socket.as_raw_fd(),
        libc::IPPROTO_IP,
        libc::IP_DROP_MEMBERSHIP,
        &request,
    );
}

/// `struct group_source_req` (linux/in.h; `libc` has no binding).
#[repr(C)]
struct GroupSourceRequest {
    interface: u32,
    group: libc::sockaddr_storage,
    source: libc::sockaddr_storage,
}

/// linux/in.h
const MCAST_JOIN_SOURCE_GROUP: libc::c_int = 46;

fn in_addr(address: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from(address).to_be(),
    }
}

fn sockaddr_storage(address: Ipv4Addr) -> libc::sockaddr_storage {
    // SAFETY: a C struct for which all-zero bytes are a valid value.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let v4 = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: in_addr(address),
        sin_zero: [0; 8],
    };
    // SAFETY: `sockaddr_storage` is large enough and aligned for every socket address type.
    unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(v4) };
    storage
}

/// `setsockopt` with a plain C value.
pub(super) fn set_option<T>(
    fd: i32,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the pointer and length describe `value`, which lives through the call; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

pub(super) fn refused(
    interface: &str,
    group: Ipv4Addr,
    source: Option<Ipv4Addr>,
    cause: io::Error,
) -> IngestError {
    let remedy = match cause.raw_os_error() {
        Some(libc::ENOBUFS) => {
            "raise the kernel's limits: `sysctl -w net.ipv4.igmp_max_memberships=1024 net.ipv4.igmp_max_msf=256 net.core.optmem_max=1048576`"
        }
        Some(libc::ENODEV) => "the interface is gone; `ip -br link` lists those that exist",
        Some(libc::EINVAL) => {
            "check that the group is a multicast address (224.0.0.0 to 239.255.255.255) and the source is not"
        }
        Some(libc::EMFILE | libc::ENFILE) => {
            "raise the limit on open files (`ulimit -n`, `LimitNOFILE=` in systemd)"
        }
        _ => "check the interface with `ip addr` and the group in the configuration",
    };
    let group = match source {
        None => group.to_string(),
        Some(source) => format!("{group} from source {source}"),
    };
    IngestError::Join {
        group,
        name: interface.to_owned(),
        cause,
        remedy,
    }
}
