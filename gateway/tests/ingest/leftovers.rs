//! Membership, and that nothing outlives the process.

use std::io::BufRead;
use std::process::Stdio;
use std::time::Duration;

use gateway::ingest::{Membership, Mode, Stream, Tier, ladder, netdev};
use gateway_test_harness::network::GATEWAY_INTERFACE;

use crate::rig::*;

#[test]
fn membership_joins_any_number_of_groups_and_leaves_them_on_drop() {
    let Some(network) = network() else { return };
    let mut streams = streams(45);
    // More sources than one socket may list for a group (net.ipv4.igmp_max_msf).
    streams[3].sources = (1..=25).map(|n| [10, 9, 0, n].into()).collect();
    // The same group on another port, and a unicast address, need no join of their own.
    streams.push(Stream {
        port: 1,
        ..streams[0].clone()
    });
    streams.push(Stream {
        group: [10, 77, 0, 2].into(),
        port: 1,
        sources: vec![],
    });
    let index = network
        .gateway
        .enter(|| Ok(netdev::index(GATEWAY_INTERFACE)))
        .unwrap()
        .unwrap();
    let joined = || {
        let igmp = network.gateway.proc_net("igmp").unwrap();
        // The kernel prints an address as it lies in memory: 239.7.0.N as NN0007EF.
        igmp.lines()
            .filter(|line| line.trim_start().get(2..8) == Some("0007EF"))
            .count()
    };
    assert_eq!(joined(), 0);
    let membership = network
        .gateway
        .enter(|| Ok(Membership::join(GATEWAY_INTERFACE, index, &streams)?))
        .unwrap();
    assert_eq!((joined(), membership.joined().len()), (45, 44 + 25));
    drop(membership);
    assert!(soon(|| joined() == 0));

    // `/proc/net/mcfilter` is empty unless the group joined last has sources, hence this one alone.
    let _membership = network
        .gateway
        .enter(|| Ok(Membership::join(GATEWAY_INTERFACE, index, &streams[3..4])?))
        .unwrap();
    let filter = network.gateway.proc_net("mcfilter").unwrap();
    let sources = filter
        .lines()
        .filter(|line| line.contains("0xef070004"))
        .count();
    assert_eq!(sources, 25, "{filter}");
}

#[test]
fn a_killed_process_leaves_no_program_and_no_membership() {
    const CHILD: &str = "GATEWAY_TEST_INGEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let request = request(Mode::Exactly(Tier::Copy), streams(1));
        let opened = ladder::open(&request).unwrap();
        let _joins = opened.join(&request).unwrap();
        println!("\nopen");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let Some(network) = network() else { return };
    let this = "leftovers::a_killed_process_leaves_no_program_and_no_membership";
    let mut child = network
        .gateway
        .command(std::env::current_exe().unwrap())
        .args([this, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    assert!(
        output
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "open")
    );
    assert!(has_program(&network));
    let group = || {
        network
            .gateway
            .proc_net("igmp")
            .unwrap()
            .contains("010007EF")
    };
    assert!(group());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(soon(|| !has_program(&network) && !group()));
}
