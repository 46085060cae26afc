//! Why the service does not run, or stopped by itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::books::BookError;
use crate::broker::BrokerError;
use crate::cli::exit::{Exit, Failure};
use crate::ingest::{ErrorKind, IngestError};
use crate::worker::{PinError, StartError};

/// Why the service does not run, or stopped by itself. Each message has the cause and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The broker's socket.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The metrics server's address.
    #[error("metrics_listen = \"{address}\": {source}; {}", metrics_remedy(source))]
    Metrics {
        /// The address or socket.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An interface or a capture.
    #[error("{0}")]
    Ingest(#[from] IngestError),
    /// A queue's memory.
    #[error("queue \"{name}\": {source}")]
    Queue {
        /// The queue.
        name: String,
        /// Why not.
        source: gateway_queue::QueueError,
    },
    /// A book's memory or thread.
    #[error("book \"{name}\": {source}")]
    Book {
        /// The book.
        name: String,
        /// Why not.
        source: BookError,
    },
    /// A symbols file.
    #[error("symbols_file {} of channel \"{channel}\": {reason}", path.display())]
    Symbols {
        /// The channel.
        channel: String,
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line where there is one.
        reason: String,
    },
    /// A channel's decoder.
    #[error("channel \"{channel}\": {reason}; correct session_date or symbols_file")]
    Channel {
        /// The channel.
        channel: String,
        /// Why not.
        reason: String,
    },
    /// A server's password.
    #[error("channel \"{channel}\", {kind} server {server}: {reason}")]
    Recovery {
        /// The channel.
        channel: String,
        /// What it is: the configuration's key.
        kind: &'static str,
        /// The server.
        server: SocketAddr,
        /// Why not, and what to do.
        reason: String,
    },
    /// A worker did not start.
    #[error(transparent)]
    Worker(#[from] StartError),
    /// A thread cannot run on the CPU it was given.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Every input of a worker failed; the messages before tell why.
    #[error("input \"{name}\" failed: {source}")]
    InputLost {
        /// The interface or capture.
        name: String,
        /// Why.
        source: IngestError,
    },
    /// A worker's thread ended by itself.
    #[error("worker \"{name}\" ended by itself; this is a defect, please report it with the log")]
    WorkerDied {
        /// The worker.
        name: String,
    },
    /// The system refused something that should have worked.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

fn metrics_remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another process has the port (`ss -ltnp` shows which); choose another, or \"\" for none"
        }
        std::io::ErrorKind::PermissionDenied => {
            "choose a port above 1023, or a socket in a directory that this user may write to"
        }
        std::io::ErrorKind::AddrNotAvailable => "choose an address of this host, such as 127.0.0.1",
        _ => "choose another address and port, or \"\" for none",
    }
}

impl ServiceError {
    /// The code to exit with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Broker(BrokerError::AlreadyRunning { .. }) => Exit::AlreadyRunning,
            Self::Broker(BrokerError::System { source, .. }) | Self::Metrics { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Exit::Privilege
            }
            Self::Metrics { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                Exit::AlreadyRunning
            }
            Self::Broker(_)
            | Self::Metrics { .. }
            | Self::Channel { .. }
            | Self::Recovery { .. } => Exit::Configuration,
            Self::Pin(_)
            | Self::Worker(StartError::Pin(_))
            | Self::Book {
                source: BookError::Pin(_),
                ..
            } => Exit::Configuration,
            Self::Ingest(error) | Self::InputLost { source: error, .. } => match error.kind() {
                ErrorKind::InterfaceUnusable => Exit::Interface,
                ErrorKind::Privilege => Exit::Privilege,
                ErrorKind::TierBelowRequired => Exit::TierBelowRequired,
                ErrorKind::KernelFeature => Exit::Kernel,
                ErrorKind::InputUnreadable => Exit::InputFile,
                ErrorKind::Busy => Exit::Busy,
                ErrorKind::Internal => Exit::Internal,
            },
            Self::Symbols { .. } => Exit::InputFile,
            Self::Queue { .. }
            | Self::Book { .. }
            | Self::Worker(_)
            | Self::WorkerDied { .. }
            | Self::System { .. } => Exit::Internal,
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::new(error.exit(), &error)
    }
}
