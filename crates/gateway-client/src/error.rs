//! The crate's error.

use std::io;
use std::path::PathBuf;

use gateway_queue::QueueError;

use crate::protocol::{ErrorCode, ProtocolError};

/// Why the gateway could not be asked, or did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at the path.
    #[error("no gateway at {}: {source}; {}", path.display(), connect_remedy(source))]
    Connect {
        /// The broker's socket.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The connection broke, or the gateway took longer than five seconds.
    #[error(
        "the gateway did not {waiting_for}: {source}; see whether it is still running (gateway status)"
    )]
    Broken {
        /// What was awaited.
        waiting_for: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The gateway answered something else than was asked.
    #[error(
        "the gateway's answer makes no sense ({0}): use a client and a gateway of the same generation"
    )]
    Protocol(#[from] ProtocolError),
    /// The gateway refused.
    #[error("the gateway refused: {text}")]
    Refused {
        /// The reason as a number.
        code: ErrorCode,
        /// The reason in words, with the remedy.
        text: String,
    },
    /// The queue or table that came cannot be attached.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

fn connect_remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "start it (gateway run) or name its broker_socket"
        }
        io::ErrorKind::PermissionDenied => {
            "join the group that owns the socket, or have an [[entitlement]] name this user"
        }
        io::ErrorKind::InvalidInput => "use a path of at most 107 bytes",
        _ => "see whether it is still running",
    }
}
