//! `gateway bench scenarios` between a guest and its host, and between two guests. Their times are those of an emulator,
//! which the report has to say.

use std::net::Ipv4Addr;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use gateway_lab::agent::ProcessId;
use gateway_lab::topology::{VIRTUAL, Wire};
use gateway_test_harness::Namespace;
use serde_json::Value;

use crate::guest::{Guest, LIMIT};
use crate::options::Set::{Short, Whole};
use crate::rack;
use crate::{Case, Kernels};

/// Few requests, with time for each: an emulated guest takes milliseconds for what a real one does in microseconds.
const SIZE_OF_RUN: &str =
    "--iterations 40 --warm-up 5 --seconds 10 --rounds 1 --size 64,1400 --reply-limit-ms 5000";
/// Address of the second guest's virtual function, and of the hardware below it: both guests come out of one mould.
const SECOND_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 79, 2, 3);
const SECOND_MAC: &str = "52:54:00:4c:01:11";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "scenarios_between_a_guest_on_a_virtual_function_and_its_host",
            Short,
            Kernels::Any,
            guest_and_host,
        ),
        Case::new(
            "scenarios_between_two_guests_on_virtual_functions",
            Whole,
            Kernels::Any,
            two_guests,
        ),
    ]
}

/// Scenarios 2 and 4: the guest answers, the host asks.
fn guest_and_host(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let responder = respond(guest, &VIRTUAL, VIRTUAL.guest())?;
    let folder = tempfile::tempdir()?;
    let json = folder.path().join("report.json");
    let mut command = guest
        .machine
        .namespace
        .command(guest.binaries().path("gateway"));
    command
        .args(["bench", "scenarios", "measure"])
        .arg(VIRTUAL.guest().to_string())
        .args(["--interface", VIRTUAL.name, "--link", "vm-host-vf"])
        .args(["--path", "kernel-block,kernel-spin,gateway,gateway-queue"])
        .args(SIZE_OF_RUN.split_whitespace())
        .arg("--json")
        .arg(&json);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    ensure!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let report = std::fs::read_to_string(&json)?;
    check(&report, &String::from_utf8_lossy(&stdout), 4, "vm-host-vf")?;
    let tier = tier_of_responder(&report, "gateway")?;
    ensure!(tier != "socket", "the guest answered by plain sockets");
    stop(guest, responder)
}

/// Scenarios 3 and 5: two guests, their wires joined.
fn two_guests(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let mut second = rack::another(guest)?;
    second.virtual_function_without_address()?;
    second.shell(&format!(
        "ip link set vf0 address {SECOND_MAC}; ip link set vf0 up; ip address add {SECOND_ADDRESS}/24 dev vf0"
    ))?;
    join(
        &guest.machine.namespace,
        &second.machine.namespace,
        &VIRTUAL,
    )?;
    let responder = respond(&mut second, &VIRTUAL, SECOND_ADDRESS)?;
    let line = format!(
        "/guest/bin/gateway bench scenarios measure {SECOND_ADDRESS} --interface vf0 --link vm-vm-vf \
         --path kernel-spin,gateway {SIZE_OF_RUN} --json /tmp/report.json"
    );
    let ended = guest.machine.agent.run(&line, LIMIT)?;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    let report = guest.machine.agent.read("/tmp/report.json")?;
    check(&report, &ended.stdout, 2, "vm-vm-vf")?;
    stop(&mut second, responder)?;
    separate(&guest.machine.namespace, &VIRTUAL)
}

fn respond(guest: &mut Guest, wire: &Wire, address: Ipv4Addr) -> Result<ProcessId> {
    let line = format!(
        "/guest/bin/gateway bench scenarios respond --interface {} --address {address}",
        wire.name
    );
    let responder = guest.start("responder", &line)?;
    guest.until("the responder", |guest| {
        let ended = guest.machine.agent.output(responder)?;
        ensure!(ended.code.is_none(), "it ended: {}", ended.stderr);
        Ok(ended.stderr.contains("ready: ").then_some(()))
    })?;
    Ok(responder)
}

fn stop(guest: &mut Guest, responder: ProcessId) -> Result<()> {
    guest.machine.agent.signal(responder, libc::SIGTERM)?;
    let ended = guest.machine.agent.wait(responder, LIMIT)?;
    ensure!(ended.code == Some(0), "the responder: {}", ended.stderr);
    ensure!(
        !guest.has_program(VIRTUAL.name)?,
        "the responder has left an XDP program"
    );
    Ok(())
}

/// Every row has samples, and the report says that they are no evidence.
fn check(json: &str, text: &str, paths: usize, link: &str) -> Result<()> {
    let reports: Value = serde_json::from_str(json)?;
    let report = &reports[0];
    ensure!(report["link"] == link, "{report:#}");
    let rows = report["rows"].as_array().context("no rows")?;
    // Two sizes; two machines have no clock in common.
    ensure!(rows.len() == paths * 2, "{report:#}");
    for row in rows {
        let samples = row["rounds"][0]["distribution"]["samples"].as_u64();
        ensure!(samples > Some(20), "{row:#}");
    }
    let emulated = report["machines"]
        .to_string()
        .contains("QEMU TCG (emulation)");
    ensure!(
        !emulated || text.contains("no evidence"),
        "emulation is not mentioned: {text}"
    );
    ensure!(text.contains("no one-way times"), "{text}");
    Ok(())
}

fn tier_of_responder(json: &str, path: &str) -> Result<String> {
    let reports: Value = serde_json::from_str(json)?;
    let ways = reports[0]["ways"].as_array().context("no ways")?;
    let way = ways.iter().find(|way| way[0] == path);
    let tier = way.and_then(|way| way[1]["responder"]["tier"].as_str());
    Ok(tier.context("no tier")?.to_owned())
}

/// Makes one wire of the taps of two guests, which lie in two namespaces: a bridge in each, a veth pair between them.
fn join(first: &Namespace, second: &Namespace, wire: &Wire) -> Result<()> {
    first.ip(&format!(
        "link add joint type veth peer name joint netns {}",
        second.path()
    ))?;
    for namespace in [first, second] {
        namespace.ip("link add bridge0 type bridge")?;
        for port in ["joint", wire.name] {
            namespace.ip(&format!("link set {port} master bridge0"))?;
            namespace.ip(&format!("link set {port} up"))?;
        }
        namespace.ip("link set bridge0 up")?;
    }
    Ok(())
}

/// Gives the first guest its wire back; the second one's goes with it.
fn separate(first: &Namespace, wire: &Wire) -> Result<()> {
    first.ip(&format!("link set {} nomaster", wire.name))?;
    first.ip("link delete bridge0")?;
    first.ip("link delete joint")?;
    Ok(())
}
