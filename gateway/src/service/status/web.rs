//! What clients did at the metrics server.

use serde::{Deserialize, Serialize};

/// Counts since the start, and who follows now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebStatus {
    /// Browsers that follow the status page at this moment.
    pub followers: u64,
    /// Of all that ever did, ones that were cut off because they did not read.
    pub followers_dropped: u64,
    /// Connections that were hung up on because they took too long.
    pub timeouts: u64,
    /// Scrapes that were given the page of a moment ago because they came too fast.
    pub pages_reused: u64,
}
