//! Links that outlive the gateway, and what takes them away.

use std::os::fd::AsRawFd;

use gateway::ingest::detach::detach;
use gateway::ingest::{IngestError, InterfaceRequest, Mode, Tier, ladder, netdev};
use gateway_test_harness::Network;
use gateway_test_harness::network::GATEWAY_INTERFACE;

use crate::rig::*;

/// A link with a BPF file system that only this thread sees.
pub(crate) fn network_with_bpf() -> Option<Network> {
    let network = network()?;
    // SAFETY: a flag; the calling thread alone moves.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        println!("skipped: no mount namespace of one's own");
        return None;
    }
    let mount = |source: Option<&str>, target: &str, kind: Option<&str>, flags| {
        let text = |text: &str| std::ffi::CString::new(text).unwrap();
        let (source, target, kind) = (source.map(text), text(target), kind.map(text));
        let pointer = |text: &Option<std::ffi::CString>| {
            text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
        };
        // SAFETY: C strings that live through the call, or null pointers, which it takes.
        let result = unsafe {
            libc::mount(
                pointer(&source),
                target.as_ptr(),
                pointer(&kind),
                flags,
                std::ptr::null(),
            )
        };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    };
    mount(None, "/", None, libc::MS_REC | libc::MS_PRIVATE);
    mount(Some("bpf"), "/sys/fs/bpf", Some("bpf"), 0);
    Some(network)
}

fn pinned(mode: Mode) -> InterfaceRequest {
    InterfaceRequest {
        pin_link: true,
        ..request(mode, streams(2))
    }
}

/// Number of the program that is attached.
pub(crate) fn program(network: &Network) -> Option<String> {
    let text = network
        .gateway
        .ip(&format!("-details link show dev {GATEWAY_INTERFACE}"))
        .unwrap();
    let (_, rest) = text.split_once("prog/xdp id ")?;
    Some(rest.split_whitespace().next()?.to_owned())
}

#[test]
fn a_pinned_program_stays_passes_to_the_kernel_and_is_adopted_by_the_next_start() {
    let Some(network) = network_with_bpf() else {
        return;
    };
    let copy = pinned(Mode::Exactly(Tier::Copy));
    let (opened, joins) = open(&network.gateway, &copy).unwrap();
    let first = program(&network).unwrap();
    drop((joins, opened));
    assert_eq!(program(&network).as_ref(), Some(&first));

    // Without sockets our packets go to the kernel: the socket tier gets them.
    let socket = request(Mode::Exactly(Tier::Socket), copy.streams.clone());
    let (mut opened, joins) = open(&network.gateway, &socket).unwrap();
    let (received, _) = exchange(&network, &mut opened, &socket.streams, 50);
    assert_received(&received, 2, 50);
    drop((joins, opened));

    let (mut opened, _joins) = open(&network.gateway, &copy).unwrap();
    assert_eq!(opened.tier, Tier::Copy);
    let second = program(&network).unwrap();
    assert_ne!(first, second, "the next start brings its own program");
    let (received, _) = exchange(&network, &mut opened, &copy.streams, 50);
    assert_received(&received, 2, 50);

    // A second gateway is told that the link is in use, and so is whoever wants to remove it.
    let error = failure(&network.gateway, &copy);
    assert!(
        matches!(error, IngestError::ProgramAttached { .. }),
        "{error}"
    );
    let take = |force| {
        network
            .gateway
            .enter(|| Ok(detach(GATEWAY_INTERFACE, force)?))
            .unwrap()
    };
    let refused = take(false);
    assert!(refused.busy && refused.removed.is_empty(), "{refused:?}");
    assert_eq!(program(&network), Some(second));

    drop(opened);
    let done = take(false);
    assert!(!done.busy && done.removed.len() == 1, "{done:?}");
    assert_eq!(program(&network), None);
    let nothing = take(false);
    assert!(nothing.found.is_empty() && !nothing.busy, "{nothing:?}");
}

#[test]
fn a_start_without_the_key_takes_the_pinned_program_over_and_away() {
    let Some(network) = network_with_bpf() else {
        return;
    };
    let copy = pinned(Mode::Exactly(Tier::Copy));
    drop(open(&network.gateway, &copy).unwrap());
    assert!(program(&network).is_some());
    let plain = request(Mode::Exactly(Tier::Copy), streams(2));
    drop(open(&network.gateway, &plain).unwrap());
    assert!(soon(|| program(&network).is_none()));
}

#[test]
fn another_mode_replaces_the_pinned_program() {
    let Some(network) = network_with_bpf() else {
        return;
    };
    drop(open(&network.gateway, &pinned(Mode::Exactly(Tier::Copy))).unwrap());
    let skb = pinned(Mode::Exactly(Tier::Skb));
    let (mut opened, joins) = open(&network.gateway, &skb).unwrap();
    assert_eq!(opened.tier, Tier::Skb);
    let (received, _) = exchange(&network, &mut opened, &skb.streams, 50);
    assert_received(&received, 2, 50);
    drop((opened, joins));
    assert!(has_program(&network));
    let done = network
        .gateway
        .enter(|| Ok(detach(GATEWAY_INTERFACE, false)?))
        .unwrap();
    assert_eq!(done.removed.len(), 1, "{done:?}");
    assert!(soon(|| !has_program(&network)));
}

#[test]
fn programs_of_others_and_of_running_gateways_are_left_alone_unless_forced() {
    let Some(network) = network() else { return };
    let copy = request(Mode::Exactly(Tier::Copy), streams(1));
    let (opened, _joins) = open(&network.gateway, &copy).unwrap();
    let take = |force| {
        network
            .gateway
            .enter(|| Ok(detach(GATEWAY_INTERFACE, force)?))
            .unwrap()
    };
    let refused = take(false);
    assert!(refused.busy, "{refused:?}");
    let left = refused.left.unwrap();
    assert!(left.contains("gateway_steer"), "{left}");
    assert!(has_program(&network));
    assert!(!take(true).removed.is_empty());
    assert!(!has_program(&network));
    drop(opened);

    // One that netlink attached, as other programs do.
    let index = network
        .gateway
        .enter(|| Ok(netdev::index(GATEWAY_INTERFACE)))
        .unwrap()
        .unwrap();
    network
        .gateway
        .enter(|| {
            let opened = ladder::open(&copy)?;
            let mut steering = opened.program.unwrap();
            steering.detach();
            let index = i32::try_from(index)?;
            let program = steering.program()?.as_raw_fd();
            // SAFETY: numbers and an open descriptor; there are no options.
            let result =
                unsafe { libxdp_sys::bpf_xdp_attach(index, program, 1 << 1, std::ptr::null()) };
            anyhow::ensure!(result == 0, "{result}");
            Ok(())
        })
        .unwrap();
    assert!(has_program(&network));
    assert!(take(false).busy);
    assert_eq!(take(true).removed.len(), 1);
    assert!(!has_program(&network));
}
