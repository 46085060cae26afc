//! Runs the real programs over real links: network namespaces joined by a veth pair, the gateway in one and the
//! simulated exchange in the other.
//!
//! The end-to-end tests and `cargo xtask demo` share it. Two rules hold throughout:
//!
//! * Nothing is left behind, however a run ends. Namespaces have no name and no mount: they live as long as a
//!   descriptor or a process is in them, so the kernel removes them, their links and addresses even after SIGKILL.
//!   Child processes are killed when their parent dies.
//! * Every wait is bounded and says what it waited for.

pub mod binaries;
pub mod config;
pub mod gateway;
pub mod http;
pub mod metrics;
pub mod namespace;
pub mod network;
pub mod process;
pub mod simulator;
pub mod stepping_clock;
pub mod unprivileged;
pub mod wait;

pub use binaries::Binaries;
pub use config::Config;
pub use gateway::Gateway;
pub use metrics::Metrics;
pub use namespace::Namespace;
pub use network::Network;
pub use process::Running;
pub use simulator::{LineReport, Report, ScenarioReport, Simulator};
pub use stepping_clock::SteppingClock;
