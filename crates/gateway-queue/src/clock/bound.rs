//! How wrong a clock was of late, however many users of it recalibrate it.

/// A recalibration after so long a time, in nanoseconds, says by itself how wrong the clock was.
const ALONE_NS: u64 = 500_000_000;
/// For so long, in nanoseconds, the largest error is sought before the search begins anew.
const SPAN_NS: u64 = 1_000_000_000;

/// The largest error of the last one to two seconds. One of several users that looks soon after another finds little,
/// which says nothing about the time before: errors are kept until a whole span has passed without any as large.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    /// When the span that runs began, by `CLOCK_MONOTONIC`.
    since_ns: u64,
    /// The largest error of the span before …
    before_ns: u64,
    /// … and of the one that runs.
    running_ns: u64,
}

impl Bound {
    /// Takes down an error found at `now_ns` of `CLOCK_MONOTONIC`, when the last recalibration was `passed_ns` ago; the
    /// largest of late.
    pub(super) fn note(&mut self, now_ns: u64, passed_ns: u64, error_ns: u64) -> u64 {
        if passed_ns >= ALONE_NS {
            *self = Self {
                since_ns: now_ns,
                before_ns: 0,
                running_ns: error_ns,
            };
        } else if now_ns.saturating_sub(self.since_ns) >= SPAN_NS {
            *self = Self {
                since_ns: now_ns,
                before_ns: self.running_ns,
                running_ns: error_ns,
            };
        } else {
            self.running_ns = self.running_ns.max(error_ns);
        }
        self.before_ns.max(self.running_ns)
    }
}
