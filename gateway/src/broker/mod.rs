//! The broker: gives strategies read-only memory, and knows who reads what.
//!
//! A `SOCK_SEQPACKET` Unix socket speaks [`gateway_client::protocol`]. A client's connection is its registration: its
//! end, however it comes, is the reader's end. A reader gets two descriptors: the queue, which it can map read-only and
//! nothing else, and a page of its own to say where it is, in which nothing is trusted.
//!
//! Who may read which queue is decided by the [`Entitlements`]: by default nobody but the gateway's own user. The socket
//! is open to everybody on the host while they name somebody else, to owner and group (0660) otherwise. A descriptor
//! that a reader passes on to another process keeps working there: memory once given cannot be taken back, so where an
//! entitlement is, the control plane rotates the queue ([`Catalogue`]).
//!
//! Books are given out under the same rules: their tables, read-only, and the orders that rest in them, on request
//! ([`Desk`]).
//!
//! Readers may sleep in the kernel ([`gateway_client::WaitStrategy::Block`]). A thread of the broker's wakes them; while
//! nobody sleeps it does so itself.
//!
//! No input panics the broker or grows its memory: a message is at most 256 bytes, a client is answered at most
//! [`REQUESTS_PER_SECOND`] times a second and waits otherwise, a client that does not read its answers is
//! disconnected, clients beyond the [`Limits`] are refused, and what clients do wrong is counted and logged no more than
//! once a second.

mod bells;
mod books;
mod catalogue;
mod counters;
mod credentials;
mod entitlement;
mod limit;
mod listener;
mod readers;
mod series;
mod session;

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;

pub use books::{Desk, Draft, OfferedBook, Orders, OrdersRefusal, OrdersRequest};
pub use catalogue::{Catalogue, Limits, Offer, Offered};
pub use counters::BrokerCounters;
pub use credentials::PeerCredentials;
pub use entitlement::{Entitlements, OverflowIds, Reason, Refusal, Rule};
pub(crate) use limit::LogGate;
pub use limit::REQUESTS_PER_SECOND;
pub use readers::{InternalReader, ReaderClockSaid, ReaderLatencies, ReaderStatus, Registry};

use bells::Ringing;
use listener::BoundSocket;
use session::Service;

/// Why the broker cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Another gateway has the socket.
    #[error(
        "another gateway{} has the broker's socket {}: stop it, or give this one a broker_socket of its own",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        path.display()
    )]
    AlreadyRunning {
        /// The socket.
        path: PathBuf,
        /// The other gateway's process, where it answered.
        pid: Option<u32>,
    },
    /// Something else has the path.
    #[error("{} exists and is {what}: remove it, or choose another broker_socket", path.display())]
    Occupied {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The kernel refused.
    #[error("broker_socket {}: {operation}: {source}; {}", path.display(), remedy_for(source))]
    System {
        /// The socket or its directory.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

fn remedy_for(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "choose a directory that this user may write to",
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
            "choose a path of at most 107 bytes"
        }
        io::ErrorKind::ReadOnlyFilesystem => "choose a directory on a writable file system",
        _ => "choose another broker_socket",
    }
}

/// A broker that listens and is about to run. Dropped, it removes its socket.
#[derive(Debug)]
pub struct Broker {
    socket: BoundSocket,
    catalogue: Arc<Catalogue>,
    registry: Arc<Registry>,
}

impl Broker {
    /// Listens at `path`: at most 107 bytes; its directory is made if it is missing. A socket that a dead gateway left
    /// is removed.
    ///
    /// # Errors
    /// [`BrokerError::AlreadyRunning`] where another gateway lives there, [`BrokerError::Occupied`] where something
    /// else does, [`BrokerError::System`] where the kernel refuses.
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, BrokerError> {
        let socket = BoundSocket::bind(path.as_ref())?;
        let catalogue = Arc::<Catalogue>::default();
        Ok(Self {
            socket,
            registry: Arc::new(Registry::new(Arc::clone(&catalogue))),
            catalogue,
        })
    }

    /// What it gives out, empty at first: to be filled before it runs, and changed at any time.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// Who reads, and what happened: to be kept by whoever reports it.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Serves clients until `shutdown` resolves; then every connection ends and the socket is removed. `status` makes
    /// the text for [`gateway_client::Client::status`], on the runtime's thread.
    ///
    /// # Errors
    /// Where the runtime cannot watch the socket, or no thread can be started for readers that sleep.
    pub async fn run(
        self,
        status: impl Fn() -> String + Send + Sync + 'static,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let service = Arc::new(Service::new(
            Arc::clone(&self.catalogue),
            Box::new(status),
            Arc::clone(&self.registry),
        ));
        let listener = watch(self.socket.take_descriptor()?)?;
        let _ringing = Ringing::start(self.registry.bells.clone())?;
        let mut changes = self.catalogue.watch();
        changes.mark_changed();
        let mut clients = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Ok(()) = changes.changed() => {
                    let for_others = changes.borrow_and_update().entitlements.is_for_others();
                    if let Err(error) = self.socket.open_to_everybody(for_others) {
                        tracing::error!(%error, "the broker's socket keeps its mode: does its file still exist?");
                    }
                    continue;
                }
                // Ended clients are cleared away as they end.
                Some(_) = clients.join_next(), if !clients.is_empty() => continue,
                accepted = listener::accept(&listener) => accepted,
            };
            match accepted {
                Ok(socket) => self.admit(socket, &service, &mut clients).await,
                Err(error) => {
                    self.registry.accept_failed(&error);
                    // Out of descriptors: the connection stays in the queue and would be reported again at once.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        clients.shutdown().await;
        Ok(())
    }

    async fn admit(&self, socket: OwnedFd, service: &Arc<Service>, clients: &mut JoinSet<()>) {
        let peer = PeerCredentials::of(&socket);
        let uid = peer.as_ref().map(|peer| peer.uid);
        let limits = self.catalogue.now().limits;
        match self.registry.admissions.admit(uid, limits) {
            Err(full) => {
                self.registry.refused_full(peer.as_ref(), full);
                session::refuse_busy(&socket, &full);
                // Whoever connects in a loop is served at this pace.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(admission) => match watch(socket) {
                Ok(socket) => {
                    clients.spawn(session::serve(Arc::clone(service), socket, peer, admission));
                }
                Err(error) => self.registry.accept_failed(&error),
            },
        }
    }
}

/// Has the runtime watch a descriptor.
fn watch(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, and the same, for as long as it lives; the `AsyncFd` owns it and hands it out by
    // shared reference only.
    unsafe { AsyncFd::register(socket) }.map_err(Into::into)
}
