//! The things that are tried.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// What an attempt may touch.
#[derive(Debug)]
pub(crate) struct World {
    /// Has `own`, the service's folder, and `other.txt`, which is not in it.
    pub(crate) folder: PathBuf,
    /// Somebody listens at both; the first is a configured server's.
    pub(crate) ports: [u16; 2],
}

/// What an attempt ends with: `done`, or the error's name.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Without confinement, any of these.
    pub(crate) free: &'static [&'static str],
    /// Confined.
    pub(crate) confined: &'static str,
}

/// One thing that is tried.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// As the test is called.
    pub(crate) name: &'static str,
    /// Whether only root can do it at all.
    pub(crate) needs_root: bool,
    /// What is made before the confinement: a descriptor.
    pub(crate) prepare: fn(&World) -> RawFd,
    /// What is tried.
    pub(crate) attempt: fn(&World, RawFd) -> io::Result<()>,
    /// What comes of it.
    pub(crate) expected: Expected,
}

const fn refused(
    name: &'static str,
    confined: &'static str,
    attempt: fn(&World, RawFd) -> io::Result<()>,
) -> Attempt {
    Attempt {
        name,
        needs_root: false,
        prepare: |_| -1,
        attempt,
        expected: Expected {
            free: &["done"],
            confined,
        },
    }
}

/// Still works.
const fn works(name: &'static str, attempt: fn(&World, RawFd) -> io::Result<()>) -> Attempt {
    refused(name, "done", attempt)
}

const fn as_root(attempt: Attempt) -> Attempt {
    Attempt {
        needs_root: true,
        ..attempt
    }
}

const fn or_else(attempt: Attempt, free: &'static [&'static str]) -> Attempt {
    Attempt {
        expected: Expected {
            free,
            confined: attempt.expected.confined,
        },
        ..attempt
    }
}

pub(crate) const ATTEMPTS: &[Attempt] = &[
    refused("listens_on_a_port_of_its_choice", "EACCES", |world, _| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, world.ports[1]));
        match listener {
            // Somebody listens there; that is found out after the right to it.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            other => other.map(drop),
        }
    }),
    refused("opens_a_file_outside_its_folders", "EACCES", |world, _| {
        File::open(world.folder.join("other.txt")).map(drop)
    }),
    refused("opens_the_machines_passwords", "EACCES", |_, _| {
        File::open("/etc/passwd").map(drop)
    }),
    refused("writes_into_its_own_folder", "EACCES", |world, _| {
        fs::write(world.folder.join("own/new"), "x")
    }),
    refused("writes_its_configuration", "EACCES", |world, _| {
        fs::write(world.folder.join("own/gateway.toml"), "x")
    }),
    as_root(or_else(
        refused("sets_what_a_card_stamps", "EPERM", |_, _| {
            stamping(libc::SIOCSHWTSTAMP)
        }),
        &[NO_STAMPING],
    )),
    or_else(
        refused("looks_what_a_card_stamps", NO_STAMPING, |_, _| {
            stamping(libc::SIOCGHWTSTAMP)
        }),
        &[NO_STAMPING],
    ),
    refused("executes_a_program", "EPERM", |_, _| {
        // Where it works, this is the end of the test's own program.
        Err(Command::new("/bin/echo").arg("done").exec())
    }),
    refused("forks", "EPERM", |_, _| {
        // SAFETY: the child ends at once.
        match unsafe { libc::fork() } {
            // SAFETY: ends this process and nothing else.
            0 => unsafe { libc::_exit(0) },
            result => made(i64::from(result)),
        }
    }),
    refused("connects_elsewhere", "EACCES", |world, _| {
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, world.ports[1]))).map(drop)
    }),
    or_else(
        refused("connects_elsewhere_by_mptcp", "EPERM", |world, _| {
            const IPPROTO_MPTCP: u64 = 262;
            let kind = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as u64;
            let socket = opened(libc::AF_INET as u64, kind, IPPROTO_MPTCP)?;
            connect(&socket, world.ports[1])
        }),
        // Where the kernel has none.
        &["done", "Protocol not supported (os error 93)"],
    ),
    or_else(
        refused("connects_elsewhere_by_fast_open", "EPERM", |world, _| {
            let socket = opened(libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0)?;
            let address = address(world.ports[1]);
            // SAFETY: the address lives through the call, and its length is its own.
            made(unsafe {
                libc::sendto(
                    socket.as_raw_fd(),
                    b"x".as_ptr().cast(),
                    1,
                    libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL,
                    (&raw const address).cast(),
                    size_of_val(&address) as libc::socklen_t,
                )
            } as i64)
        }),
        // Where it is switched off.
        &["done", "Operation not supported (os error 95)"],
    ),
    refused("gives_a_file_a_mode_to_execute", "EPERM", |world, _| {
        let file = world.folder.join("own/gateway.toml");
        fs::set_permissions(file, fs::Permissions::from_mode(0o4755))
    }),
    refused("has_another_process_signalled", "EPERM", |_, _| {
        let (one, _other) = std::io::pipe()?;
        // SAFETY: no memory is passed.
        made(i64::from(unsafe {
            libc::fcntl(one.as_raw_fd(), libc::F_SETOWN, libc::getppid())
        }))
    }),
    works("connects_to_its_server", |world, _| {
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, world.ports[0]))).map(drop)
    }),
    refused("listens_on_tcp", "EPERM", |_, _| {
        TcpListener::bind("127.0.0.1:0").map(drop)
    }),
    refused("makes_a_unix_stream_socket", "EPERM", |_, _| {
        UnixStream::pair().map(drop)
    }),
    as_root(refused("makes_a_packet_socket", "EPERM", |_, _| {
        socket(libc::AF_PACKET, libc::SOCK_RAW)
    })),
    as_root(refused("makes_a_raw_socket", "EPERM", |_, _| {
        call(
            libc::SYS_socket,
            [
                libc::AF_INET as u64,
                libc::SOCK_RAW as u64,
                libc::IPPROTO_ICMP as u64,
                0,
                0,
            ],
        )
    })),
    or_else(
        as_root(refused("makes_an_af_xdp_socket", "EPERM", |_, _| {
            socket(libc::AF_XDP, libc::SOCK_RAW)
        })),
        &[
            "done",
            "Address family not supported by protocol (os error 97)",
        ],
    ),
    as_root(refused("loads_a_program", "EPERM", |_, _| {
        load_program().map(drop)
    })),
    Attempt {
        prepare: |_| {
            // A network namespace of its own, so that nobody's interface gets the program.
            // SAFETY: no memory is passed.
            made(i64::from(unsafe { libc::unshare(libc::CLONE_NEWNET) })).unwrap();
            load_program().unwrap()
        },
        ..as_root(refused("attaches_a_program", "EPERM", |_, program| {
            attach_to_loopback(program)
        }))
    },
    as_root(refused("makes_a_map", "EPERM", |_, _| {
        // map_type (array), key_size, value_size, max_entries
        let mut attributes = [0_u32; 32];
        attributes[..4].copy_from_slice(&[2, 4, 8, 1]);
        bpf(0, &mut attributes).map(drop)
    })),
    refused("lets_itself_be_traced", "EPERM", |_, _| {
        call(libc::SYS_ptrace, [libc::PTRACE_TRACEME as u64, 0, 0, 0, 0])
    }),
    as_root(or_else(
        refused("opens_a_file_by_handle", "EPERM", |_, _| {
            call(libc::SYS_open_by_handle_at, [u64::MAX, 0, 0, 0, 0])
        }),
        &[
            "Bad address (os error 14)",
            "Bad file descriptor (os error 9)",
        ],
    )),
    or_else(
        refused("makes_an_io_uring", "EPERM", |_, _| {
            let parameters = [0_u8; 256];
            call(
                libc::SYS_io_uring_setup,
                [1, parameters.as_ptr() as u64, 0, 0, 0],
            )
        }),
        // Where the kernel has none, or keeps it from everybody.
        &["done", "Function not implemented (os error 38)"],
    ),
    as_root(or_else(
        refused("handles_page_faults_itself", "EPERM", |_, _| {
            call(libc::SYS_userfaultfd, [0, 0, 0, 0, 0])
        }),
        &["done", "Function not implemented (os error 38)"],
    )),
    refused("makes_memory_executable", "EPERM", |_, _| {
        map(libc::PROT_READ | libc::PROT_EXEC)
    }),
    refused("signals_another_process", "EPERM", |_, _| {
        // SAFETY: signal 0 asks only.
        made(i64::from(unsafe { libc::kill(libc::getppid(), 0) }))
    }),
    as_root(refused("moves_to_another_namespace", "EPERM", |_, _| {
        call(libc::SYS_unshare, [libc::CLONE_NEWNET as u64, 0, 0, 0, 0])
    })),
    refused("raises_its_limits", "EPERM", |_, _| {
        let limit = libc::rlimit {
            rlim_cur: 64,
            rlim_max: 64,
        };
        // SAFETY: the structure lives through the call.
        made(i64::from(unsafe {
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
        }))
    }),
    works("reads_a_configuration_that_was_replaced", |world, _| {
        // By somebody outside: here, before; the folder counts, not the file.
        File::open(world.folder.join("own/gateway.toml"))?.read_to_string(&mut String::new())?;
        fs::remove_file(world.folder.join("own/broker.sock"))
    }),
    works("starts_threads_that_sleep_and_have_names", |_, _| {
        let thread = std::thread::Builder::new()
            .name("child".to_owned())
            .spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(1));
            })?;
        thread.join().map_err(|_| io::Error::other("it panicked"))
    }),
    works("joins_a_group_and_reads_its_memberships", |_, _| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.join_multicast_v4(&Ipv4Addr::new(239, 1, 2, 3), &Ipv4Addr::LOCALHOST)?;
        gateway::ingest::JoinedGroups::read().map(drop)
    }),
    works("makes_a_queue_and_reads_of_its_interfaces", |_, _| {
        let options = gateway_queue::PublisherOptions {
            name: "q".to_owned(),
            slots: 1024,
            ..gateway_queue::PublisherOptions::default()
        };
        let made = gateway_queue::Publisher::create(&options);
        made.map_err(|error| io::Error::other(error.to_string()))?;
        gateway::ingest::netdev::index("lo")
            .map(drop)
            .ok_or_else(|| io::Error::other("no `lo`"))
    }),
    Attempt {
        expected: Expected {
            free: &["Seccomp 0"],
            confined: "Seccomp 2, NoNewPrivs 1, no capabilities",
        },
        ..works("is_bound_in_all_its_threads", |_, _| {
            let thread = std::thread::spawn(|| fs::read_to_string("/proc/thread-self/status"));
            let status = thread
                .join()
                .map_err(|_| io::Error::other("it panicked"))??;
            let value = |key: &str| {
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix(key))
                    .unwrap_or_default();
                line.trim_start_matches(':').trim().to_owned()
            };
            let seccomp = value("Seccomp");
            if seccomp == "0" {
                return Err(io::Error::other("Seccomp 0"));
            }
            let sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(value);
            let none = sets.iter().all(|set| set.trim_matches('0').is_empty());
            let capabilities = if none {
                "no capabilities".to_owned()
            } else {
                sets.join(" ")
            };
            Err(io::Error::other(format!(
                "Seccomp {seccomp}, NoNewPrivs {}, {capabilities}",
                value("NoNewPrivs")
            )))
        })
    },
];

/// What a card's stamping is asked for, or set, by (`linux/sockios.h`); of the loopback device, which has none.
fn stamping(request: libc::Ioctl) -> io::Result<()> {
    let socket = opened(libc::AF_INET as u64, libc::SOCK_DGRAM as u64, 0)?;
    // `struct hwtstamp_config`: no flags, nothing stamped that is sent, all that is received.
    let mut config: [i32; 3] = [0, 0, 1];
    // SAFETY: a C struct for which all-zero bytes are a valid value.
    let mut interface: libc::ifreq = unsafe { std::mem::zeroed() };
    interface.ifr_name[0] = b'l' as libc::c_char;
    interface.ifr_name[1] = b'o' as libc::c_char;
    interface.ifr_ifru.ifru_data = config.as_mut_ptr().cast();
    // SAFETY: both structures live through the call, and are what these two requests take.
    made(i64::from(unsafe {
        libc::ioctl(socket.as_raw_fd(), request, &raw mut interface)
    }))
}

/// The kernel's answer to who may ask for a card's stamping where there is none.
const NO_STAMPING: &str = "Operation not supported (os error 95)";

fn made(result: i64) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn call(number: libc::c_long, arguments: [u64; 5]) -> io::Result<()> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: pointers among the arguments lead to memory that lives through the call.
    made(unsafe { libc::syscall(number, a, b, c, d, e) })
}

fn opened(family: u64, kind: u64, protocol: u64) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let made_one = unsafe { libc::syscall(libc::SYS_socket, family, kind, protocol) };
    made(made_one)?;
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(made_one as RawFd) })
}

fn address(port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be(),
        },
        sin_zero: [0; 8],
    }
}

fn connect(socket: &OwnedFd, port: u16) -> io::Result<()> {
    let address = address(port);
    // SAFETY: the address lives through the call, and its length is its own.
    made(i64::from(unsafe {
        libc::connect(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    }))
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<()> {
    call(libc::SYS_socket, [family as u64, kind as u64, 0, 0, 0])
}

fn map(protection: libc::c_int) -> io::Result<()> {
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            protection,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn bpf(command: u64, attributes: &mut [u32; 32]) -> io::Result<RawFd> {
    // SAFETY: pointer and length describe `attributes`; what they lead to lives through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_mut_ptr(),
            size_of_val(attributes),
        )
    };
    made(result)?;
    Ok(result as RawFd)
}

/// Loads an XDP program that passes everything: `r0 = XDP_PASS; exit`.
fn load_program() -> io::Result<RawFd> {
    let code: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];
    let license = CString::new("GPL").unwrap();
    // prog_type (XDP), insn_cnt, insns, license; expected_attach_type (XDP) is the 17th word behind.
    let mut attributes = [0_u32; 32];
    attributes[..2].copy_from_slice(&[6, 2]);
    let split = |pointer: u64| [pointer as u32, (pointer >> 32) as u32];
    attributes[2..4].copy_from_slice(&split(code.as_ptr() as u64));
    attributes[4..6].copy_from_slice(&split(license.as_ptr() as u64));
    attributes[17] = 37;
    bpf(5, &mut attributes)
}

fn attach_to_loopback(program: RawFd) -> io::Result<()> {
    // prog_fd, target_ifindex, attach_type (XDP), flags (skb mode)
    let mut attributes = [0_u32; 32];
    attributes[..4].copy_from_slice(&[program as u32, 1, 37, 2]);
    bpf(28, &mut attributes).map(drop)
}
