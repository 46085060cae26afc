//! The harness's own promises: packets cross its link, and nothing of it stays.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_ADDRESS, GATEWAY_INTERFACE};
use gateway_test_harness::{Network, Running, unprivileged};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 9, 9);

/// A multicast datagram crosses from the exchange to the gateway, with a checksum in it.
fn datagram_crosses(network: &Network) -> Result<()> {
    let receiver = network.gateway.enter(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 26_400))?;
        socket.join_multicast_v4(&GROUP, &GATEWAY_ADDRESS)?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        Ok(socket)
    })?;
    assert!(
        network
            .gateway
            .proc_net("igmp")?
            .contains(GATEWAY_INTERFACE)
    );
    let sender = network
        .exchange
        .enter(|| Ok(UdpSocket::bind((EXCHANGE_ADDRESS, 0))?))?;
    sender.send_to(b"tick", (GROUP, 26_400))?;
    let mut bytes = [0; 16];
    assert_eq!(receiver.recv(&mut bytes)?, 4);
    Ok(())
}

#[test]
fn a_datagram_crosses_the_link_and_only_the_namespaces_see_it() {
    if !unprivileged::is_true_root() {
        println!("skipped: no root");
        return;
    }
    let before = links();
    let network = Network::new().unwrap();
    datagram_crosses(&network).unwrap();
    let interfaces = network
        .gateway
        .command("ls")
        .arg("/sys/class/net")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&interfaces.stdout), "lo\nmd0\n");
    drop(network);
    assert_eq!(links(), before);
}

fn links() -> String {
    String::from_utf8(
        Command::new("ip")
            .args(["-o", "link"])
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap()
}

#[test]
fn an_ordinary_user_gets_the_same_network() {
    const INSIDE: &str = "GATEWAY_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        datagram_crosses(&Network::new().unwrap()).unwrap();
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "an_ordinary_user_gets_the_same_network"])
        .env(INSIDE, "1");
    unprivileged::inside(
        &mut command,
        unprivileged::is_true_root().then_some(unprivileged::NOBODY),
    );
    let Ok(mut child) = Running::spawn("the test as an ordinary user", &mut command) else {
        println!("skipped: no user namespaces for an ordinary user");
        return;
    };
    let status = child.wait(Duration::from_secs(20)).unwrap();
    assert!(status.success(), "{}", child.output());
}

#[test]
fn a_program_that_hangs_is_killed_and_its_output_kept() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "echo started; trap '' TERM; while :; do sleep 0.1; done",
    ]);
    let mut process = Running::spawn("hanging", &mut command).unwrap();
    process
        .wait_for_line("its start", Duration::from_secs(5), |line| {
            line == "started"
        })
        .unwrap();
    let error = process.terminate(Duration::from_millis(200)).unwrap_err();
    assert!(
        format!("{error:#}").contains("the end of hanging"),
        "{error:#}"
    );
    assert!(format!("{error:#}").contains("started"), "{error:#}");
    assert!(!process.kill().unwrap().success());
}
