//! What can stop the simulator.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};

use gateway_capture::CaptureError;
use gateway_feed::moldudp64::encode::BuildError;

/// Why publishing could not start or ended early.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The file to replay is unreadable or damaged. What was read before was published.
    #[error(transparent)]
    Source(#[from] CaptureError),
    /// The file holds nothing that this program publishes.
    #[error("{name}: {reason}")]
    NothingToReplay {
        /// The file.
        name: String,
        /// What was looked for, and what else may be done with the file.
        reason: &'static str,
    },
    /// No such interface here.
    #[error("interface {name}: {source}; `ip link` lists those of this network namespace")]
    Interface {
        /// The name asked for.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Frames can be injected as they are by root or with CAP_NET_RAW only.
    #[error(
        "interface {name}: injecting frames needs CAP_NET_RAW: run as root, or replay without --raw over UDP"
    )]
    Privilege {
        /// The interface.
        name: String,
    },
    /// A socket could not be made ready for its destination.
    #[error("line to {destination}: cannot {step}: {source}")]
    Socket {
        /// Group and port.
        destination: SocketAddrV4,
        /// What failed.
        step: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Unicast goes to a single machine that may not expect it, and routers carry it on.
    #[error(
        "{destination} is neither a multicast group nor loopback; pass --allow-unicast if that machine is yours"
    )]
    UnicastRefused {
        /// The destination asked for.
        destination: SocketAddrV4,
    },
    /// The interface does not take packets: it is down, its queue is stuck, or the packet exceeds its MTU.
    #[error(
        "line {line}: cannot send: {source}; check that the interface is up and that --mtu is not above its MTU"
    )]
    Send {
        /// The line's name.
        line: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A message does not fit a packet.
    #[error("message {sequence} does not fit a packet: {source}; raise --mtu")]
    Pack {
        /// Its sequence number.
        sequence: u64,
        /// How long it is and how much room there is.
        source: BuildError,
    },
    /// A server cannot listen.
    #[error(
        "{kind} server {name}: cannot listen on {address}: {source}; `ip address` lists the addresses of this network \
         namespace, `ss -ltun` the ports in use"
    )]
    Server {
        /// Its name.
        name: String,
        /// What it is.
        kind: &'static str,
        /// Where it was to listen.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A scenario's file cannot be read, or does not say what it must.
    #[error("{name}: {reason}")]
    Scenario {
        /// The file.
        name: String,
        /// What is wrong, and what to do about it.
        reason: String,
    },
    /// The output file cannot be written.
    #[error("{name}: cannot write: {source}; check the path and the space left on the disk")]
    Output {
        /// The file.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
}
