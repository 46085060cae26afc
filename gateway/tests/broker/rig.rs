//! A broker in this process, and clients of it that speak properly or not.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway::broker::{Broker, Catalogue, Entitlements, Limits, Offer, Offered, Registry, Rule};
use gateway_client::protocol::Reply;
use gateway_client::{Start, SubscribeOptions};
use gateway_queue::{Publisher, PublisherOptions, QueueHandle};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

pub(crate) struct Running {
    pub(crate) path: PathBuf,
    pub(crate) registry: Arc<Registry>,
    pub(crate) catalogue: Arc<Catalogue>,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: JoinHandle<()>,
    directory: tempfile::TempDir,
}

impl Running {
    pub(crate) fn stop(self) -> tempfile::TempDir {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        self.directory
    }
}

pub(crate) fn queue(name: &str) -> (Publisher, QueueHandle) {
    queue_of(name, 256)
}

pub(crate) fn queue_of(name: &str, slots: u64) -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: name.into(),
        slots,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

/// A folder that every user may enter.
pub(crate) fn directory() -> tempfile::TempDir {
    let anybody = fs::Permissions::from_mode(0o755);
    tempfile::Builder::new()
        .permissions(anybody)
        .tempdir()
        .unwrap()
}

/// A broker that serves so many clients.
pub(crate) fn start(queues: Vec<QueueHandle>, clients_max: usize) -> Running {
    let limits = Limits {
        clients_max,
        clients_per_user_max: clients_max,
    };
    start_with(queues, limits, Vec::new())
}

pub(crate) fn start_with(queues: Vec<QueueHandle>, limits: Limits, rules: Vec<Rule>) -> Running {
    let directory = directory();
    let path = directory.path().join("run/broker.sock");
    let broker = Broker::bind(&path).unwrap();
    let offer = Offer {
        queues: queues.into_iter().map(Offered::first).collect(),
        entitlements: Entitlements::new(rules),
        limits,
        ..Offer::default()
    };
    run_with(broker, offer, path, directory)
}

pub(crate) fn run(
    broker: Broker,
    queues: Vec<QueueHandle>,
    path: PathBuf,
    directory: tempfile::TempDir,
) -> Running {
    let offer = Offer {
        queues: queues.into_iter().map(Offered::first).collect(),
        ..Offer::default()
    };
    run_with(broker, offer, path, directory)
}

fn run_with(broker: Broker, offer: Offer, path: PathBuf, directory: tempfile::TempDir) -> Running {
    let (registry, catalogue) = (broker.registry(), broker.catalogue());
    catalogue.change(|now| *now = offer);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let status = || format!("{{\"filler\":\"{}\"}}", "x".repeat(40_000));
        runtime
            .block_on(broker.run(status, async { drop(stopped.await) }))
            .unwrap();
    });
    Running {
        path,
        registry,
        catalogue,
        stop,
        thread,
        directory,
    }
}

/// A record of seven words that a client sees as one of the exchange's own, carrying `id`.
pub(crate) fn record(id: u64) -> [u64; 7] {
    [14 | 0xF1 << 8 | 40 << 16, id, id, id, id, id, id]
}

pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !happened() {
        assert!(
            Instant::now() < deadline,
            "{what} did not happen within 5 s"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn raw(path: &Path) -> OwnedFd {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    let timeout = Some(Duration::from_secs(5));
    rustix::net::sockopt::set_socket_timeout(&socket, rustix::net::sockopt::Timeout::Recv, timeout)
        .unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    socket
}

pub(crate) fn send(socket: &OwnedFd, message: &[u8]) -> io::Result<usize> {
    rustix::net::send(socket, message, SendFlags::NOSIGNAL).map_err(Into::into)
}

pub(crate) fn receive(socket: &OwnedFd) -> Option<Reply> {
    let mut buffer = [0_u8; 20_000];
    let (len, _) = rustix::net::recv(socket, &mut buffer, RecvFlags::empty()).unwrap_or((0, 0));
    (len > 0).then(|| Reply::decode(&buffer[..len]).unwrap().1)
}

pub(crate) fn oldest() -> SubscribeOptions {
    SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("test")
    }
}
