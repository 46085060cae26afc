//! What clients of the metrics server did.

use super::page::Page;
use super::table::web as table;
use crate::service::status::WebStatus;

/// The families of `web`.
pub(super) fn web(page: &mut Page, web: &WebStatus) {
    page.gauge(&table::FOLLOWERS, &[], web.followers as f64);
    for (family, count) in [
        (&table::FOLLOWERS_DROPPED_TOTAL, web.followers_dropped),
        (&table::TIMEOUTS_TOTAL, web.timeouts),
        (&table::PAGES_REUSED_TOTAL, web.pages_reused),
    ] {
        page.counter(family, &[], count);
    }
}
