//! The machine that a bench ran on, in words.

use std::fs;

/// One line: processor, cores, kernel, and whether this is a virtual machine.
pub(crate) fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let place = if cpuinfo.contains("hypervisor") {
        "virtual machine"
    } else {
        "bare metal"
    };
    format!("{model}, {cores} cores, Linux {}, {place}", kernel.trim())
}

/// The cores that the calling thread may use.
pub(crate) fn allowed() -> Vec<usize> {
    let allowed = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    let cores = 0..rustix::thread::CpuSet::MAX_CPU;
    cores.filter(|core| allowed.is_set(*core)).collect()
}

/// Pins the calling thread to the last core that it may use, so that the runs share a cache; says which.
pub(crate) fn pin() -> Option<usize> {
    let core = allowed().pop()?;
    pin_to(core).then_some(core)
}

/// Does `work`, and what it starts, on all of `cores`, and goes back to where this thread was.
pub(crate) fn on_all<T>(cores: &[usize], work: impl FnOnce() -> T) -> T {
    let before = rustix::thread::sched_getaffinity(None);
    let mut all = rustix::thread::CpuSet::new();
    for core in cores {
        all.set(*core);
    }
    // Best effort: a core that was taken away meanwhile is none to run on.
    let _ = rustix::thread::sched_setaffinity(None, &all);
    let result = work();
    if let Ok(before) = before {
        let _ = rustix::thread::sched_setaffinity(None, &before);
    }
    result
}

/// Pins the calling thread to `core`; whether that could be done.
pub(crate) fn pin_to(core: usize) -> bool {
    let mut one = rustix::thread::CpuSet::new();
    one.set(core);
    rustix::thread::sched_setaffinity(None, &one).is_ok()
}
