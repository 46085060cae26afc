//! The gateway service.

/// How packets reach a worker: providers, tiers, multicast membership.
pub mod ingest;
