//! How good the gateway's time is.

use super::{Family, define};

define! {
    since "0.1.0";

    CLOCK_INFO: gauge("clock_info", "1", ["source"], Some("time"),
        "What the gateway's clock is read from: tsc, the processor's counter, or system, where that is not invariant; always 1.");

    CLOCK_FREQUENCY_HERTZ: gauge("clock_frequency_hertz", "hertz", [], Some("time"),
        "Ticks of the counter in a second, as last measured.");

    CLOCK_DRIFT_RATIO: gauge("clock_drift_ratio", "ratio", [], Some("time"),
        "By which part the counter runs faster against the system's clock than at the start, or since another rate of it was taken over after disruptions: 0.000001 is 1 ppm.");

    CLOCK_OFFSET_SECONDS: gauge("clock_offset_seconds", "seconds", ["clock", "device"], Some("time"),
        "Another clock minus the gateway's, before the last correction: system, phc (a card's), ptp_kvm and vmclock (the hypervisor's). A clock that counts TAI is compared as UTC.");

    CLOCK_ERROR_BOUND_SECONDS: gauge("clock_error_bound_seconds", "seconds", ["clock", "device"], Some("time"),
        "By how much the gateway's clock differs at most: from the system's; from utc, by what the kernel is told by whoever disciplines it, absent where nobody does. Of the others, how much of the offset may be due to reading it.");

    CLOCK_SYNCHRONIZED: gauge("clock_synchronized", "0 or 1", [], Some("time"),
        "1 while something (chrony, ptp4l with phc2sys) disciplines the system's clock.");

    CLOCK_DISRUPTIONS_TOTAL: counter("clock_disruptions_total", "disruptions", ["source"], Some("the-clock-was-set"),
        "How often time was disrupted: system, the clock was set; counter, processor and kernel disagreed by more than 1 ms about the time that passed; slew, a time daemon made the system's clock run faster or slower by more than 1,000 ppm, or ceased to; vmclock, the hypervisor said so.");
}
