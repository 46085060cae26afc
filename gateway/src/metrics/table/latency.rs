//! How long packets and records take.

use super::{Family, define};

define! {
    since "0.1.0";

    STAGE_LATENCY_SECONDS: histogram("stage_latency_seconds", "seconds", ["stage"], Some("latency"),
        "Latency by stage; ring_pub: from a packet's ring until its last record is published.");

    LATENCY_QUANTILE_SECONDS: gauge("latency_quantile_seconds", "seconds", ["stage", "quantile"], Some("latency"),
        "Latency quantiles since the start, within 1 %.");

    LATENCY_MAX_SECONDS: gauge("latency_max_seconds", "seconds", ["stage"], Some("latency"),
        "The longest since the start.");
}
