//! The gateway service.

pub mod books;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod configure;
pub mod confine;
pub mod decode;
pub mod doctor;
pub mod ethtool;
pub mod explain;
mod helper;
/// How packets reach a worker: providers, tiers, multicast membership.
pub mod ingest;
pub mod metrics;
mod netlink;
/// What the lines have lost is had from the venue's servers.
pub mod recovery;
pub mod scenarios;
pub mod service;
pub mod view;
pub mod worker;
