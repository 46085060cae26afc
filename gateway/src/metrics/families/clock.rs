//! How good the gateway's time is.

use super::super::page::Page;
use super::super::table::clock as table;
use crate::clock::ClockStatus;

pub(super) fn clock(page: &mut Page, clock: &ClockStatus) {
    // Before the first look nothing is known.
    if clock.source.is_empty() {
        return;
    }
    page.gauge(&table::CLOCK_INFO, &[("source", &clock.source)], 1.0);
    page.gauge(&table::CLOCK_FREQUENCY_HERTZ, &[], clock.hz);
    page.gauge(&table::CLOCK_DRIFT_RATIO, &[], clock.drift);
    let named = |clock, device| [("clock", clock), ("device", device)];
    let system = named("system", "");
    page.gauge(&table::CLOCK_OFFSET_SECONDS, &system, clock.offset_s);
    page.gauge(
        &table::CLOCK_ERROR_BOUND_SECONDS,
        &system,
        clock.error_bound_s,
    );
    if let Some(bound) = clock.utc_error_bound_s {
        let utc = named("utc", "");
        page.gauge(&table::CLOCK_ERROR_BOUND_SECONDS, &utc, bound);
    }
    for other in &clock.others {
        let labels = named(other.kind.as_str(), other.device.as_str());
        page.gauge(&table::CLOCK_OFFSET_SECONDS, &labels, other.offset_s);
        page.gauge(
            &table::CLOCK_ERROR_BOUND_SECONDS,
            &labels,
            other.error_bound_s,
        );
    }
    if let Some(synchronized) = clock.synchronized {
        let value = f64::from(u8::from(synchronized));
        page.gauge(&table::CLOCK_SYNCHRONIZED, &[], value);
    }
    let disruptions = clock.disruptions;
    for (source, count) in [
        ("system", disruptions.wall_clock),
        ("counter", disruptions.counter),
        ("slew", disruptions.slew),
        ("vmclock", disruptions.vmclock),
    ] {
        page.counter(
            &table::CLOCK_DISRUPTIONS_TOTAL,
            &[("source", source)],
            count,
        );
    }
}
