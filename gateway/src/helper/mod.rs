//! The helper: a small process with the rights that opening an AF_XDP interface wants, so that the service has none.
//!
//! The service starts it before anything else, from its own program, and asks it over a socket pair ([`protocol`]). It opens
//! interfaces of the configuration that it has read itself, at AF_XDP tiers, and passes sockets, packet memory and link over
//! ([`server`]); it keeps nothing of them. It also looks up names of users and groups, which may take other programs'
//! libraries into the process. It ends with the service.
//!
//! What it opens is bound when the service gets it: a socket that is bound takes no other interface and no send ring. So a
//! service that was taken over can receive what its configuration names, and nothing else.

mod client;
mod protocol;
mod server;

pub(crate) use client::Helper;
pub(crate) use server::main;

/// First argument of the gateway's program as the helper.
pub(crate) const ARGUMENT: &str = "helper-process";
