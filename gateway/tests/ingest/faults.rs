//! What the kernel may answer at a bad moment, or on another machine: made to happen, or made up by a filter of system
//! calls where this kernel cannot be made to.

use std::time::Duration;

use gateway::ingest::{ErrorKind, InterfaceRequest, Mode, Tier, ladder};

use crate::rig::*;

/// Has the calling thread's `socket(domain, …)` fail with `errno` from now on.
fn refuse_sockets(domain: i32, errno: i32) {
    /// `struct seccomp_data`: the call's number, the architecture, the instruction pointer, six arguments of 8 bytes.
    const NUMBER: u32 = 0;
    const FIRST_ARGUMENT: u32 = 16 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let load = |offset| libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    };
    // Goes on if equal, else over as many instructions as are left before the last.
    let unless_equal = |value, over| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: over,
        k: value,
    };
    let answer = |value| libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: value,
    };
    let mut program = [
        load(NUMBER),
        unless_equal(libc::SYS_socket as u32, 3),
        load(FIRST_ARGUMENT),
        unless_equal(domain as u32, 1),
        answer(libc::SECCOMP_RET_ERRNO | errno as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program during the call; it concerns this thread only, and never its memory.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    assert_eq!(result, 0, "seccomp: {}", std::io::Error::last_os_error());
}

#[test]
fn a_kernel_without_af_xdp_steps_to_sockets_and_an_exact_tier_is_refused() {
    let Some(network) = network() else { return };
    let without = |request: InterfaceRequest| {
        network
            .gateway
            .enter(|| {
                // Of this thread alone, which ends with the closure.
                refuse_sockets(libc::AF_XDP, libc::EAFNOSUPPORT);
                Ok(ladder::open(&request))
            })
            .unwrap()
    };
    let opened = without(request(Mode::Auto, streams(1))).unwrap();
    assert_eq!((opened.tier, opened.steps.len()), (Tier::Socket, 3));
    for step in &opened.steps {
        assert!(step.reason.contains("CONFIG_XDP_SOCKETS"), "{step:?}");
        assert!(step.remedy.contains("boot a kernel"), "{step:?}");
    }
    assert_eq!(opened.facts.socket_errno, Some(libc::EAFNOSUPPORT));
    let error = without(request(Mode::Exactly(Tier::Copy), streams(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KernelFeature, "{error}");
    assert!(error.to_string().contains("CONFIG_XDP_SOCKETS"), "{error}");
    assert!(soon(|| !has_program(&network)), "no program is left");
}

/// Between any two questions that opening asks the kernel, the device may go.
#[test]
fn an_interface_that_vanishes_while_it_is_opened_is_an_error_that_says_so() {
    let Some(network) = network() else { return };
    let request = request(Mode::Auto, streams(1));
    let mut vanished = 0;
    for round in 0..24 {
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_micros(1500 * round));
                network.disconnect().unwrap();
            });
            open(&network.gateway, &request)
        });
        if let Err(error) = outcome {
            vanished += 1;
            assert_eq!(
                error.kind(),
                ErrorKind::InterfaceUnusable,
                "{round}: {error}"
            );
            let says = ["does not exist", "is gone", "is down"];
            let text = error.to_string();
            assert!(
                says.iter().any(|says| text.contains(says)),
                "{round}: {text}"
            );
        }
        network.connect().unwrap();
    }
    assert!(vanished > 0, "it never went in time");
}
