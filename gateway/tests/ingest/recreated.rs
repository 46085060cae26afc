//! Devices that go away and come again under the same name: to the kernel they are others.

use gateway::ingest::{InterfaceRequest, JoinedGroups, Joins, Mode, Standing, Tier, netdev};
use gateway_test_harness::Namespace;
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_INTERFACE};

use crate::rig::*;

/// What a look at the kernel's list makes of the memberships.
fn tend(namespace: &Namespace, joins: &mut Joins) -> Standing {
    namespace
        .enter(|| Ok(joins.tend(Some(&JoinedGroups::read()?))))
        .unwrap()
}

/// How many of the test's groups (239.7.0.N) are joined on `interface`.
fn joined(namespace: &Namespace, interface: &str) -> usize {
    let igmp = namespace.proc_net("igmp").unwrap();
    let of_interface = igmp
        .lines()
        .skip_while(|line| line.split_whitespace().nth(1) != Some(interface))
        .skip(1)
        .take_while(|line| line.starts_with(char::is_whitespace));
    of_interface
        .filter(|line| line.trim_start().get(2..8) == Some("0007EF"))
        .count()
}

#[test]
fn the_socket_tier_hears_again_after_its_device_was_made_anew() {
    let Some(network) = network() else { return };
    let mut streams = streams(25);
    // One that is joined source-specifically: the kernel leaves such a group in another way.
    streams[7].sources = vec![EXCHANGE_ADDRESS, [10, 77, 0, 50].into()];
    let request = request(Mode::Exactly(Tier::Socket), streams.clone());
    let (mut opened, mut joins) = open(&network.gateway, &request).unwrap();
    assert!(matches!(
        tend(&network.gateway, &mut joins),
        Standing::Joined
    ));
    // Twice: a socket must not run out of places for groups of devices that are gone.
    for _ in 0..2 {
        network.disconnect().unwrap();
        assert!(matches!(
            tend(&network.gateway, &mut joins),
            Standing::InterfaceGone
        ));
        network.connect().unwrap();
        assert_eq!(joined(&network.gateway, GATEWAY_INTERFACE), 0);
        assert!(matches!(
            tend(&network.gateway, &mut joins),
            Standing::JoinedAgain
        ));
        assert!(matches!(
            tend(&network.gateway, &mut joins),
            Standing::Joined
        ));
        let (received, _) = exchange(&network, &mut opened, &streams, 10);
        assert_received(&received, 25, 10);
    }
}

#[test]
fn a_membership_interface_of_its_own_is_joined_again_when_it_was_made_anew() {
    let Some(network) = network() else { return };
    // As a VLAN's would be; not every kernel has VLANs.
    let add = || {
        let add = format!("link add link {GATEWAY_INTERFACE} name sub0 type macvlan");
        network.gateway.ip(&add).unwrap();
        network.gateway.ip("link set sub0 up").unwrap();
    };
    add();
    let request = InterfaceRequest {
        membership_interface: Some("sub0".to_owned()),
        ..request(Mode::Exactly(Tier::Copy), streams(25))
    };
    let (_opened, mut joins) = open(&network.gateway, &request).unwrap();
    assert_eq!(joined(&network.gateway, "sub0"), 25);
    network.gateway.ip("link del sub0").unwrap();
    assert!(matches!(
        tend(&network.gateway, &mut joins),
        Standing::InterfaceGone
    ));
    add();
    assert_eq!(joined(&network.gateway, "sub0"), 0);
    assert!(matches!(
        tend(&network.gateway, &mut joins),
        Standing::JoinedAgain
    ));
    assert_eq!(joined(&network.gateway, "sub0"), 25);

    // A device that is only renamed keeps its groups.
    for command in [
        "link set sub0 down",
        "link set sub0 name feed",
        "link set feed up",
    ] {
        network.gateway.ip(command).unwrap();
    }
    assert!(matches!(
        tend(&network.gateway, &mut joins),
        Standing::Joined
    ));
    // A device may come again under its old number, as one does that was in another namespace for a while.
    let index = network
        .gateway
        .enter(|| Ok(netdev::index("feed")))
        .unwrap()
        .unwrap();
    network.gateway.ip("link del feed").unwrap();
    let add = format!("link add link {GATEWAY_INTERFACE} name sub0 index {index} type macvlan");
    network.gateway.ip(&add).unwrap();
    assert!(matches!(
        tend(&network.gateway, &mut joins),
        Standing::JoinedAgain
    ));
    assert_eq!(joined(&network.gateway, "sub0"), 25);
    drop(joins);
    assert!(soon(|| joined(&network.gateway, "sub0") == 0));
}

#[test]
fn without_the_kernels_list_a_device_that_is_there_counts_as_joined() {
    let Some(network) = network() else { return };
    let request = request(Mode::Exactly(Tier::Socket), streams(1));
    let (_opened, mut joins) = open(&network.gateway, &request).unwrap();
    let mut tend_blindly = || network.gateway.enter(|| Ok(joins.tend(None))).unwrap();
    assert!(matches!(tend_blindly(), Standing::Joined));
    network.disconnect().unwrap();
    assert!(matches!(tend_blindly(), Standing::InterfaceGone));
    network.connect().unwrap();
    assert!(matches!(tend_blindly(), Standing::JoinedAgain));
    assert_eq!(joined(&network.gateway, GATEWAY_INTERFACE), 1);
}
