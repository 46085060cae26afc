//! The link that is measured, its sockets, and the gateway behind it.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use gateway_test_harness::config::{Input, Line};
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_ADDRESS, GATEWAY_INTERFACE};
use gateway_test_harness::{Binaries, Config, Gateway, Network, unprivileged};

use super::RX_ENTRIES;
use super::bare::Bare;
use super::contender::Way;
use super::packets::Sender;
use super::receive::Receive;
use crate::queue::placement::choose;
use crate::report::Row;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 1);
const PORT: u16 = 26_401;
/// Asked for by every receiver, the gateway's socket tier included.
const RECEIVE_BUFFER_BYTES: libc::c_int = 8 << 20;

/// Where all rows are measured: a veth pair, and the two cores at its ends.
pub(super) struct Bench {
    network: Network,
    binaries: Binaries,
    /// Of the exchange, whose thread is also the strategy.
    pub(super) sender_core: usize,
    /// Of whatever receives.
    pub(super) receiver_core: usize,
    /// Whether the kernel can poll the link's receive queue when a socket asks.
    polls: bool,
}

impl Bench {
    /// Makes the link. `None`, and why, where it cannot be had here.
    pub(super) fn new(cores: &[usize]) -> Result<Result<Self, String>> {
        // The first core, to which most interrupts go, is the last of these.
        let &[receiver_core, .., sender_core] = choose(cores).as_slice() else {
            return Ok(Err(format!(
                "sender and receiver spin on a core each, and of the cores {cores:?} no two are apart"
            )));
        };
        if !unprivileged::is_true_root() {
            return Ok(Err(
                "the link between exchange and gateway needs root".into()
            ));
        }
        let program = std::env::current_exe().context("this program has no path")?;
        let folder = program.parent().unwrap_or(Path::new("."));
        let mut bench = Self {
            network: Network::new()?,
            binaries: Binaries::at(folder),
            sender_core,
            receiver_core,
            polls: false,
        };
        bench.polls = bench.can_be_polled()?;
        Ok(Ok(bench))
    }

    /// Those of `ways` that are what their name says, and a row for the others.
    pub(super) fn able(&self, ways: &[Way], name: &'static str) -> (Vec<Way>, Option<Row>) {
        let able = |way: &Way| self.polls || !way.polls();
        let refused = (!ways.iter().all(able)).then(|| {
            let why =
                "busy polling: not measured: the link's driver names no NAPI instance to poll";
            Row::not_measured(name, why.into(), "-")
        });
        (ways.iter().copied().filter(able).collect(), refused)
    }

    /// Whether packets come with the number of the NAPI instance that brought them: without it a socket that asks for busy
    /// polling is not polled, and nobody says so.
    fn can_be_polled(&self) -> Result<bool> {
        let mut bare = self.bare(RX_ENTRIES, true)?;
        let mut sender = Sender::new(self.exchange_socket()?, 1)?;
        for _ in 0..100 {
            sender.send()?;
            bare.poll(|_| ())?;
        }
        Ok(bare.napi_id() != 0)
    }

    /// A socket of the exchange, connected to the group.
    pub(super) fn exchange_socket(&self) -> Result<UdpSocket> {
        self.network.exchange.enter(|| {
            let socket = UdpSocket::bind((EXCHANGE_ADDRESS, 0))?;
            let interface = libc::in_addr {
                s_addr: u32::from(EXCHANGE_ADDRESS).to_be(),
            };
            set_option(&socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &interface)?;
            socket.set_multicast_loop_v4(false)?;
            socket.connect((GROUP, PORT))?;
            Ok(socket)
        })
    }

    /// A socket that has joined the group on the gateway's side.
    pub(super) fn joined_socket(&self) -> Result<UdpSocket> {
        self.network.gateway.enter(|| {
            let socket = UdpSocket::bind((GROUP, PORT))?;
            socket.join_multicast_v4(&GROUP, &GATEWAY_ADDRESS)?;
            let bytes = RECEIVE_BUFFER_BYTES;
            set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes)?;
            Ok(socket)
        })
    }

    /// Bare AF_XDP on the gateway's side.
    pub(super) fn bare(&self, rx_entries: u32, busy_poll: bool) -> Result<Bare> {
        self.network.gateway.enter(|| {
            // SAFETY: the name is a C string.
            let index = unsafe { libc::if_nametoindex(c"md0".as_ptr()) };
            ensure!(index != 0, "there is no {GATEWAY_INTERFACE}");
            Bare::open(GATEWAY_INTERFACE, index, rx_entries, busy_poll)
        })
    }

    /// The gateway's program, its worker spinning on the receiver's core and all else on the sender's.
    pub(super) fn gateway(&self, tier: &str, rx_entries: u32, busy_poll: bool) -> Result<Gateway> {
        let mut config = Config::new(Input::tier(tier));
        config.lines = vec![Line {
            name: "A",
            group: GROUP,
            port: PORT,
        }];
        // As shipped; the harness waits longer for machines that do more than one thing.
        config.hold_timeout_us = 1_000;
        config.wait = "spin";
        config.worker_keys = format!("core = {}", self.receiver_core);
        config.gateway_keys = format!("housekeeping_core = {}", self.sender_core);
        config.interface_keys = format!("busy_poll = {busy_poll}\nrx_ring = {rx_entries}");
        Gateway::start(&self.binaries, &self.network.gateway, &config)
    }
}

/// Pins the calling thread.
pub(super) fn pin(core: usize) -> Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    if core >= rustix::thread::CpuSet::MAX_CPU {
        bail!("there is no core {core}");
    }
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores)
        .with_context(|| format!("cannot run on core {core}"))
}

fn set_option<T>(socket: &UdpSocket, level: i32, name: i32, value: &T) -> std::io::Result<()> {
    // SAFETY: `value` is what the option wants, and its size is told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
