//! The doctor on a virtual function, and as the host of its physical function.

use anyhow::{Context, Result, ensure};
use gateway_lab::topology::IGB;
use serde_json::Value;

use crate::guest::{Guest, LIMIT};
use crate::options::Set::Short;
use crate::{Case, Kernels};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "the_doctor_looks_at_a_virtual_function_and_at_its_host",
        Short,
        Kernels::Any,
        both_sides,
    )]
}

/// What `gateway doctor --json` says.
fn doctor(guest: &mut Guest, arguments: &str) -> Result<Value> {
    let line = format!("/guest/bin/gateway doctor --json {arguments}");
    let ended = guest.machine.agent.run(&line, LIMIT)?;
    ensure!(
        matches!(ended.code, Some(0 | 14 | 15)),
        "gateway doctor: {:?} {}",
        ended.code,
        ended.stderr
    );
    let shown: Value =
        serde_json::from_str(&ended.stdout).context("no JSON from gateway doctor")?;
    let rows = shown["checks"].as_array().context("no checks")?.len();
    ensure!(rows == 38, "{rows} rows");
    Ok(shown)
}

fn check<'a>(shown: &'a Value, id: &str) -> Result<&'a Value> {
    let checks = shown["checks"].as_array().context("no checks")?;
    checks
        .iter()
        .find(|check| check["check"] == id)
        .with_context(|| format!("no {id}"))
}

fn both_sides(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let shown = doctor(guest, "--interface vf0 --cores 0")?;
    let features = check(&shown, "xdp-features")?;
    let found = features["found"].as_str().unwrap_or_default();
    ensure!(
        found.contains("redirect") && !found.contains("no redirect"),
        "{features}"
    );
    let privileges = check(&shown, "privileges")?;
    ensure!(privileges["verdict"] == "ok", "{privileges}");
    let kind = check(&shown, "device-kind")?;
    ensure!(kind["verdict"] == "ok", "{kind}");
    let found = kind["found"].as_str().unwrap_or_default();
    ensure!(found.contains("virt"), "{kind}");
    let host_only = check(&shown, "vf-settings")?;
    ensure!(host_only["verdict"] == "skipped", "{host_only}");

    // What is wrong is seen, and mended by the command that is given.
    guest.shell("sysctl -w net.ipv4.igmp_max_memberships=5 || echo 5 > /proc/sys/net/ipv4/igmp_max_memberships")?;
    let shown = doctor(guest, "--interface vf0")?;
    let limit = check(&shown, "igmp-max-memberships")?;
    ensure!(limit["verdict"] == "warn", "{limit}");
    guest.shell("echo 20 > /proc/sys/net/ipv4/igmp_max_memberships")?;

    // The card whose driver tells of its functions what a real one does.
    const COUNT: &str = "/sys/class/net/igb/device/sriov_numvfs";
    guest.up(&IGB)?;
    // The guest's shell has an `ip` of its own, which knows nothing of functions: this is the one that users have.
    const PROGRAMS: &str = "/guest/bin";
    guest.shell(&format!(
        "echo 1 > {COUNT}; {PROGRAMS}/ip link set igb vf 0 trust off"
    ))?;
    let shown = doctor(guest, "--host igb")?;
    let functions = check(&shown, "vf-settings")?;
    ensure!(functions["verdict"] == "fail", "{functions}");
    let command = functions["commands"][0]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    ensure!(command == "ip link set igb vf 0 trust on", "{functions}");
    let guests_own = check(&shown, "xdp-features")?;
    ensure!(guests_own["verdict"] == "skipped", "{guests_own}");
    guest.shell(&format!("{PROGRAMS}/{command}"))?;
    let shown = doctor(guest, "--host igb")?;
    let functions = check(&shown, "vf-settings")?;
    let found = functions["found"].as_str().unwrap_or_default();
    ensure!(found.contains("vf 0: trust on"), "{functions}");
    guest.shell(&format!("echo 0 > {COUNT}"))?;
    Ok(())
}
