//! What is known of kernel and clock without a file.

use std::io;

/// What was asked once, for all checks.
#[derive(Clone, Debug)]
pub struct System {
    /// Release of the running kernel.
    pub kernel: String,
    /// How the system's clock is kept.
    pub clock: Result<ClockState, String>,
    /// The kernel's log, where this process may read it.
    pub kernel_log: Result<String, String>,
    /// Seconds since the kernel was started, which its log counts as well.
    pub uptime_s: u64,
    /// Why no AF_XDP socket can be made: the error number.
    pub socket_errno: Option<i32>,
    /// Rights that the AF_XDP tiers need and this process does not have.
    pub missing_capabilities: Vec<String>,
    /// The longest gaps in which each core ran something else, where they were measured.
    pub jitter: Option<super::jitter::Report>,
    /// What the multicast probe found, where it was asked for.
    pub probe: Option<super::probe::Report>,
}

/// How the system's clock is kept (`adjtimex`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// Whether something keeps it.
    pub synchronised: bool,
    /// The error that its keeper claims at most, in microseconds.
    pub error_max_us: i64,
    /// The error that it estimates, in microseconds.
    pub error_estimated_us: i64,
}

impl System {
    /// Asks the kernel.
    #[must_use]
    pub fn gather() -> Self {
        let release = rustix::system::uname();
        Self {
            kernel: release.release().to_string_lossy().into_owned(),
            clock: clock_state().map_err(|error| error.to_string()),
            kernel_log: kernel_log().map_err(|error| error.to_string()),
            uptime_s: u64::try_from(rustix::system::sysinfo().uptime).unwrap_or(0),
            socket_errno: crate::ingest::socket_errno(),
            missing_capabilities: crate::ingest::missing_capabilities(),
            jitter: None,
            probe: None,
        }
    }
}

fn clock_state() -> io::Result<ClockState> {
    // SAFETY: a C struct for which all-zero bytes are a valid value: no mode, so nothing is set.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives through the call.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ClockState {
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        error_max_us: timex.maxerror,
        error_estimated_us: timex.esterror,
    })
}

/// Everything that the kernel's log still has.
fn kernel_log() -> io::Result<String> {
    const SYSLOG_ACTION_READ_ALL: libc::c_int = 3;
    const SYSLOG_ACTION_SIZE_BUFFER: libc::c_int = 10;
    /// More than any machine is set to keep is not read.
    const BYTES_MAX: usize = 16 << 20;
    // SAFETY: asks for a number only.
    let size = unsafe { libc::klogctl(SYSLOG_ACTION_SIZE_BUFFER, std::ptr::null_mut(), 0) };
    let size = usize::try_from(size).map_err(|_| io::Error::last_os_error())?;
    let mut text = vec![0_u8; size.clamp(1, BYTES_MAX)];
    // SAFETY: pointer and length describe `text`, whose length fits into the C type.
    let length = unsafe {
        libc::klogctl(
            SYSLOG_ACTION_READ_ALL,
            text.as_mut_ptr().cast(),
            text.len() as libc::c_int,
        )
    };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    text.truncate(length);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_its_kernel_and_clock() {
        let system = System::gather();
        assert!(system.kernel.starts_with(|c: char| c.is_ascii_digit()));
        assert!(
            system.clock.is_ok(),
            "reading the clock's state needs no right"
        );
    }
}
