//! Threads of other users.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::io;

/// Whether this process may become another user, which only root may; says so where it may not.
pub fn can_become_others() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: only root can become another user");
    }
    root
}

/// Runs `work` on a thread of that user and groups. The credentials of a connection are those of its thread.
pub fn as_user<T: Send>(uid: u32, gid: u32, groups: &[u32], work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: raw system calls change the credentials of this thread alone; the one pointer leads to as many
            // numbers as it is told.
            let changed = unsafe {
                [
                    libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()),
                    libc::syscall(libc::SYS_setresgid, gid, gid, gid),
                    libc::syscall(libc::SYS_setresuid, uid, uid, uid),
                ]
            };
            assert_eq!(changed, [0; 3], "{}", io::Error::last_os_error());
            work()
        });
        thread.join().unwrap()
    })
}
