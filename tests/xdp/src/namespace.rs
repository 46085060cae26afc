//! A network namespace for the length of a test.

use std::process::Command;

/// Runs `test` in a thread with a network namespace of its own, with a veth pair `feed0`/`feed1` up in it.
///
/// The namespace and all in it end with the thread and the descriptors that it opened, also if `test` panics.
/// Prints why and returns without running `test` where this process may not make namespaces.
pub fn with_veth(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: unshare takes no pointers; only this thread changes its namespace.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            println!(
                "skipped: needs CAP_SYS_ADMIN for a network namespace of its own (run as root)"
            );
            return;
        }
        ip("link set lo up");
        ip(
            "link add feed0 numrxqueues 2 numtxqueues 2 type veth peer name feed1 numrxqueues 2 numtxqueues 2",
        );
        for interface in ["feed0", "feed1"] {
            // Without IPv6 nobody but the test sends.
            let _ = std::fs::write(
                format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"),
                "1",
            );
            ip(&format!("link set {interface} up"));
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs iproute2's `ip` in this thread's namespace.
pub fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .expect("iproute2 is installed");
    assert!(status.success(), "ip {arguments}");
}

/// Index of an interface of this thread's namespace.
#[must_use]
pub fn index(interface: &str) -> u32 {
    let name = std::ffi::CString::new(interface).unwrap();
    // SAFETY: `name` is a C string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    assert_ne!(index, 0, "{interface}");
    index
}
