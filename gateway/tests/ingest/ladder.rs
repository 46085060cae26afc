//! Which tier is reached, and what is said where it is not.

use gateway::ingest::{ErrorKind, IngestError, InterfaceRequest, Mode, Queues, Tier, ladder};
use gateway_test_harness::network::GATEWAY_INTERFACE;

use crate::rig::*;

#[test]
fn auto_steps_from_zero_copy_to_copy_with_the_kernels_reason() {
    let Some(network) = network() else { return };
    let (opened, _joins) = open(&network.gateway, &request(Mode::Auto, streams(1))).unwrap();
    assert_eq!(opened.tier, Tier::Copy);
    let [step] = &opened.steps[..] else {
        panic!("{:?}", opened.steps)
    };
    assert_eq!(step.tier, Tier::ZeroCopy);
    assert!(step.reason.contains("EOPNOTSUPP"), "{}", step.reason);
}

#[test]
fn what_is_required_and_what_is_exact_is_not_stepped_down_from() {
    let Some(network) = network() else { return };
    let auto = request(Mode::Auto, streams(1));
    let required = InterfaceRequest {
        require: Some(Tier::ZeroCopy),
        ..auto.clone()
    };
    let error = failure(&network.gateway, &required);
    assert_eq!(error.kind(), ErrorKind::TierBelowRequired, "{error}");
    assert!(error.to_string().contains("EOPNOTSUPP"), "{error}");

    let lowest = InterfaceRequest {
        lowest_tier: Tier::ZeroCopy,
        ..auto.clone()
    };
    assert_eq!(
        failure(&network.gateway, &lowest).kind(),
        ErrorKind::TierBelowRequired
    );

    let error = failure(
        &network.gateway,
        &request(Mode::Exactly(Tier::ZeroCopy), streams(1)),
    );
    assert_eq!(error.kind(), ErrorKind::KernelFeature, "{error}");

    let below = InterfaceRequest {
        require: Some(Tier::Copy),
        ..request(Mode::Exactly(Tier::Socket), streams(1))
    };
    assert_eq!(
        failure(&network.gateway, &below).kind(),
        ErrorKind::TierBelowRequired
    );
    assert!(
        soon(|| !has_program(&network)),
        "no failure leaves a program behind"
    );
}

#[test]
fn the_loopback_interface_has_no_native_xdp_and_the_ladder_says_so() {
    let Some(network) = network() else { return };
    let request = InterfaceRequest {
        name: "lo".to_owned(),
        ..request(Mode::Auto, streams(1))
    };
    let (opened, _joins) = open(&network.gateway, &request).unwrap();
    assert_eq!(opened.tier, Tier::Skb);
    let tiers: Vec<_> = opened.steps.iter().map(|step| step.tier).collect();
    assert_eq!(tiers, [Tier::ZeroCopy, Tier::Copy]);
    assert!(
        opened
            .steps
            .iter()
            .all(|step| step.reason.contains("redirect")),
        "{:?}",
        opened.steps
    );
}

#[test]
fn an_interface_that_somebody_holds_is_busy_until_he_lets_go() {
    let Some(network) = network() else { return };
    for mode in [
        Mode::Auto,
        Mode::Exactly(Tier::Copy),
        Mode::Exactly(Tier::Skb),
    ] {
        let request = request(mode, streams(1));
        let first = open(&network.gateway, &request).unwrap();
        let error = failure(&network.gateway, &request);
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(error.to_string().contains("program id"), "{error}");
        drop(first);
        assert!(soon(|| open(&network.gateway, &request).is_ok()));
    }
}

#[test]
fn interfaces_and_queues_that_are_missing_or_down_are_named() {
    let Some(network) = network() else { return };
    let missing = InterfaceRequest {
        name: "eth99".to_owned(),
        ..request(Mode::Auto, streams(1))
    };
    let error = failure(&network.gateway, &missing);
    assert_eq!(error.kind(), ErrorKind::InterfaceUnusable);
    assert!(
        error.to_string().contains("`eth99` does not exist"),
        "{error}"
    );

    let queue = InterfaceRequest {
        queues: Queues::Only(vec![7]),
        ..request(Mode::Auto, streams(1))
    };
    assert!(matches!(
        failure(&network.gateway, &queue),
        IngestError::QueueMissing {
            queue: 7,
            active: 1,
            ..
        }
    ));

    network
        .gateway
        .ip(&format!("link set {GATEWAY_INTERFACE} down"))
        .unwrap();
    let error = failure(&network.gateway, &request(Mode::Auto, streams(1)));
    assert!(
        matches!(error, IngestError::InterfaceDown { .. }),
        "{error}"
    );
}

#[test]
fn without_privilege_auto_steps_to_sockets_and_an_exact_tier_is_refused() {
    let Some(network) = network() else { return };
    let unprivileged = |request: InterfaceRequest| {
        network
            .gateway
            .enter(|| {
                let none = rustix::thread::CapabilitySets {
                    effective: rustix::thread::CapabilitySet::empty(),
                    permitted: rustix::thread::CapabilitySet::empty(),
                    inheritable: rustix::thread::CapabilitySet::empty(),
                };
                // Of this thread alone, which ends with the closure.
                rustix::thread::set_capabilities(None, none)?;
                Ok(ladder::open(&request))
            })
            .unwrap()
    };
    let opened = unprivileged(request(Mode::Auto, streams(1))).unwrap();
    assert_eq!(
        (opened.tier, opened.steps.len()),
        (Tier::Socket, 3),
        "{:?}",
        opened.steps
    );
    assert!(
        opened.steps[0].reason.contains("no permission"),
        "{:?}",
        opened.steps
    );

    for refused in [
        request(Mode::Exactly(Tier::Copy), streams(1)),
        InterfaceRequest {
            lowest_tier: Tier::Skb,
            ..request(Mode::Auto, streams(1))
        },
    ] {
        let error = unprivileged(refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Privilege, "{error}");
    }
}

#[test]
fn too_little_lockable_memory_is_an_error_with_its_remedy() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    let Some(network) = network() else { return };
    let before = getrlimit(Resource::Memlock);
    let small = Rlimit {
        current: Some(64 << 10),
        ..before
    };
    // The limit is the process', but holds only threads without CAP_IPC_LOCK: the other tests' have it.
    setrlimit(Resource::Memlock, small).unwrap();
    let outcome = network.gateway.enter(|| {
        let mut sets = capabilities(None)?;
        sets.effective.remove(CapabilitySet::IPC_LOCK);
        set_capabilities(None, sets)?;
        Ok(ladder::open(&request(Mode::Auto, streams(1))))
    });
    setrlimit(Resource::Memlock, before).unwrap();
    let error = outcome.unwrap().unwrap_err();
    assert!(matches!(error, IngestError::Memory { .. }), "{error}");
    assert!(error.to_string().contains("LimitMEMLOCK"), "{error}");
}
