//! Puts the calling thread on one CPU.

use rustix::thread::{CpuSet, sched_setaffinity};

/// The kernel refuses to run the thread there.
#[derive(Debug, thiserror::Error)]
#[error(
    "{thread} cannot run on CPU {core}: {source}; choose one of those that `grep Cpus_allowed_list /proc/self/status` lists, or remove the key to leave it unpinned"
)]
pub struct PinError {
    /// Which thread.
    pub thread: String,
    /// The CPU asked for.
    pub core: usize,
    /// What the kernel said.
    pub source: std::io::Error,
}

/// Pins the calling thread to `core`; `thread` names it in the error.
///
/// # Errors
/// The CPU does not exist, is offline, or is outside the set that this process may use.
pub fn pin(thread: &str, core: usize) -> Result<(), PinError> {
    let refuse = |source| PinError {
        thread: thread.to_owned(),
        core,
        source,
    };
    if core >= CpuSet::MAX_CPU {
        return Err(refuse(std::io::ErrorKind::InvalidInput.into()));
    }
    let mut cpus = CpuSet::new();
    cpus.set(core);
    sched_setaffinity(None, &cpus).map_err(|errno| refuse(errno.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_cpu_that_does_not_exist_is_refused_by_number() {
        std::thread::spawn(|| {
            let message = pin("worker \"w0\"", 1000).unwrap_err().to_string();
            assert!(
                message.starts_with("worker \"w0\" cannot run on CPU 1000:"),
                "{message}"
            );
        })
        .join()
        .unwrap();
    }
}
