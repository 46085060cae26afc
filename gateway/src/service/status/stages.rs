//! Latency of a stage, coarse enough to be told every second.

use serde::{Deserialize, Serialize};

use super::Latency;
use crate::metrics::histogram::Snapshot;
use crate::view::Bands;

/// A stage's latency since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StageStatus {
    /// The stage, such as `ring_pub`.
    pub stage: String,
    /// The channel or reader that it is of; empty for all.
    pub of: String,
    /// Its quantiles.
    pub latency: Latency,
    /// Its counts by band: the difference of two looks is what was measured in between.
    pub bands: Bands,
}

impl StageStatus {
    /// What `snapshot` has of `stage`.
    #[must_use]
    pub fn new(stage: &str, of: &str, snapshot: &Snapshot) -> Self {
        Self {
            stage: stage.to_owned(),
            of: of.to_owned(),
            latency: snapshot.into(),
            bands: snapshot.into(),
        }
    }
}
