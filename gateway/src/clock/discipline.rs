//! What the kernel says of the daemon that disciplines its clock (`adjtimex`).

/// How good the system's clock is, as the kernel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Discipline {
    /// Whether anything disciplines it.
    pub(super) synchronized: bool,
    /// By how much it differs from UTC at most, in nanoseconds.
    pub(super) max_error_ns: u64,
    /// Seconds that TAI is ahead of UTC; 0 where nobody has told the kernel.
    pub(super) tai_s: i64,
}

impl Discipline {
    /// What the kernel says; `None` where it is not allowed to.
    pub(super) fn read() -> Option<Self> {
        // SAFETY: a C struct of integers, for which all-zero bytes are a value.
        let mut timex: libc::timex = unsafe { std::mem::zeroed() };
        // SAFETY: `timex` outlives the call; with no mode set the call only reads.
        if unsafe { libc::adjtimex(&raw mut timex) } < 0 {
            return None;
        }
        Some(Self {
            synchronized: timex.status & libc::STA_UNSYNC == 0,
            // Microseconds.
            max_error_ns: u64::try_from(timex.maxerror).unwrap_or(0) * 1_000,
            tai_s: timex.tai.into(),
        })
    }
}
