//! A network namespace for the length of a test.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

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
        veth("feed0", "feed1", 2);
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Makes a veth pair with this many queues at each end, and waits until it carries packets.
pub fn veth(one: &str, other: &str, queues: u32) {
    let queues = format!("numrxqueues {queues} numtxqueues {queues}");
    ip(&format!(
        "link add {one} {queues} type veth peer name {other} {queues}"
    ));
    for interface in [one, other] {
        // Without IPv6 nobody but the test sends.
        let _ = std::fs::write(
            format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"),
            "1",
        );
        ip(&format!("link set {interface} up"));
    }
    // The kernel gives an interface its queueing discipline a moment after its carrier; packets before that vanish.
    let deadline = Instant::now() + Duration::from_secs(10);
    while [one, other]
        .iter()
        .any(|interface| !show(interface).contains("state UP"))
    {
        assert!(
            Instant::now() < deadline,
            "{one} and {other} do not come up"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What `ip link show` says of an interface.
#[must_use]
pub fn show(interface: &str) -> String {
    let output = Command::new("ip")
        .args(["link", "show", interface])
        .output()
        .expect("iproute2 is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
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

/// Sends `frame` out of `interface` byte for byte.
pub fn send(interface: &str, frame: &[u8]) {
    // SAFETY: socket takes no pointers, and a result that is not negative is a new descriptor.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        assert!(
            fd >= 0,
            "socket(AF_PACKET): {}",
            std::io::Error::last_os_error()
        );
        OwnedFd::from_raw_fd(fd)
    };
    // SAFETY: all-zero is a valid value of this C struct.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index(interface) as i32;
    // SAFETY: `frame` and `address` live through the call and have these lengths.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    };
    assert_eq!(
        sent,
        frame.len() as isize,
        "sendto: {}",
        std::io::Error::last_os_error()
    );
}
