//! The gateway service.

pub mod broker;
pub mod cli;
pub mod config;
pub mod decode;
pub mod explain;
/// How packets reach a worker: providers, tiers, multicast membership.
pub mod ingest;
pub mod metrics;
pub mod scenarios;
pub mod service;
pub mod worker;
