//! What clients of the metrics server did.

use super::{Family, define};

define! {
    since "0.1.0";

    FOLLOWERS: gauge("http_followers", "browsers", [], Some("clients-of-the-metrics-server"),
        "Browsers that follow the status page.");

    FOLLOWERS_DROPPED_TOTAL: counter("http_followers_dropped_total", "browsers", [], Some("clients-of-the-metrics-server"),
        "Browsers cut off because they did not read the status page's events.");

    TIMEOUTS_TOTAL: counter("http_timeouts_total", "connections", [], Some("clients-of-the-metrics-server"),
        "Connections to the metrics server hung up on because they took too long.");

    PAGES_REUSED_TOTAL: counter("http_pages_reused_total", "scrapes", [], Some("clients-of-the-metrics-server"),
        "Scrapes that got the page of a moment ago because they came too fast.");
}
