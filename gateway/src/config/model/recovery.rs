//! Where a channel gets what its lines have lost.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use gateway_feed::recovery::PlannerConfig;

/// A channel's servers, and how they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Re-request servers.
    pub rerequest: Vec<SocketAddr>,
    /// Gap request proxies.
    pub gap_request: Vec<SessionServer>,
    /// Spin servers.
    pub spin: Vec<SessionServer>,
    /// GLIMPSE servers.
    pub glimpse: Vec<GlimpseServer>,
    /// The address of this host that requests and connections come from, if not the one that the route says.
    pub source: Option<IpAddr>,
    /// The interface that they leave by, if not the one that the route says.
    pub interface: Option<String>,
    /// How the servers are asked.
    pub planner: PlannerConfig,
    /// How long a whole snapshot may take, the connection included.
    pub snapshot_timeout: Duration,
    /// How much memory a snapshot may take, in bytes.
    pub snapshot_bytes_max: usize,
}

impl Recovery {
    /// Whether the state of all books can be had.
    #[must_use]
    pub const fn has_snapshots(&self) -> bool {
        self.planner.snapshot_servers > 0
    }
}

/// A gap request proxy, or a spin server, of PITCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The session's id.
    pub session_sub_id: String,
    /// Who logs in.
    pub username: String,
    /// Where the password is. It is read at start and shown nowhere.
    pub password: PasswordSource,
}

/// A GLIMPSE server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlimpseServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who logs in.
    pub username: String,
    /// Where the password is. It is read at start and shown nowhere.
    pub password: PasswordSource,
}

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// In a file, but for white space around it.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
}
