//! The Debian package on a Debian 13 with systemd, on a virtual function: installed, started, upgraded, purged.

use anyhow::{Context, Result, ensure};
use gateway_lab::System;
use gateway_lab::topology::VIRTUAL;
use gateway_test_package::Dist;

use crate::config::{Config, SOCKET};
use crate::guest::Guest;
use crate::options::Set::Whole;
use crate::tiers::reconciles;
use crate::{Case, Kernels, offers_zero_copy, rack};

/// Where the service's broker listens, as the package has it.
const SERVICE_SOCKET: &str = "/run/gateway/broker.sock";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "the_package_is_installed_runs_as_its_user_at_its_tier_is_upgraded_and_leaves_nothing",
            Whole,
            Kernels::Any,
            life_of_a_package,
        )
        .on(System::Debian),
    ]
}

fn life_of_a_package(guest: &mut Guest) -> Result<()> {
    let first = rack::lend(&Dist::make("")?.package()?)?;
    let second = rack::lend(&Dist::make("+1")?.package()?)?;

    guest.shell_slowly(&format!("dpkg --install {first}"))?;
    guest.shell("id gateway")?;
    declines_what_nobody_edited(guest)?;

    guest.virtual_function()?;
    let config = Config::new("vf0", "mode = \"auto\"");
    let text = config.to_toml().replace(SOCKET, SERVICE_SOCKET)
        + "\n[[entitlement]]\nname = \"lab\"\nusers = [\"root\"]\nqueues = [\"all\"]\n";
    guest
        .machine
        .agent
        .write("/etc/gateway/gateway.toml", &text)?;
    guest.set_socket(SERVICE_SOCKET);
    guest.shell_slowly("systemctl start gateway")?;
    let tier = runs_at_its_tier(guest)?;
    runs_as_its_user(guest)?;
    reconciles(guest, &VIRTUAL, &config, tier)?;

    guest.shell_slowly("systemctl stop gateway")?;
    ensure!(!has_program(guest)?, "a stopped service left its program");
    guest.shell_slowly("systemctl start gateway")?;
    runs_at_its_tier(guest)?;

    // An upgrade restarts what runs, once, and keeps the configuration.
    let before = main_process(guest)?;
    guest.shell_slowly(&format!("dpkg --install --force-confold {second}"))?;
    ensure!(
        guest
            .shell("dpkg-query -W -f '${Version}' gateway")?
            .trim()
            .ends_with("+1"),
        "the newer package is not installed"
    );
    ensure!(main_process(guest)? != before, "the old program runs on");
    runs_at_its_tier(guest)?;
    ensure!(
        guest.machine.agent.read("/etc/gateway/gateway.toml")? == text,
        "the upgrade changed the configuration"
    );

    guest.shell_slowly("dpkg --purge gateway")?;
    leaves_nothing(guest)
}

/// The configuration that the package brings is an example.
fn declines_what_nobody_edited(guest: &mut Guest) -> Result<()> {
    let states = guest.shell_slowly(
        "systemctl is-active gateway || true; systemctl start gateway || true; \
         systemctl is-active gateway || true; journalctl -u gateway -o cat --no-pager",
    )?;
    let mut lines = states.lines();
    ensure!(
        (lines.next(), lines.next()) == (Some("inactive"), Some("inactive"))
            && states.contains("as the package brought it")
            && states.contains("exec-condition"),
        "{states}"
    );
    Ok(())
}

/// Zero-copy where the kernel offers it; else copy, and the service says why.
fn runs_at_its_tier(guest: &mut Guest) -> Result<&'static str> {
    let status = guest.until("the service to answer", |guest| Ok(guest.status().ok()))?;
    let interface = &status["interfaces"][0];
    if offers_zero_copy(guest.kernel()) {
        ensure!(interface["tier"] == "zero-copy", "{interface:#}");
        return Ok("zero-copy");
    }
    let reason = interface["steps"][0]["reason"]
        .as_str()
        .context("no reason")?;
    ensure!(
        interface["tier"] == "copy" && !reason.is_empty(),
        "{interface:#}"
    );
    let log = guest.shell_slowly("journalctl -u gateway -o cat --no-pager -p 7")?;
    ensure!(log.contains("tier not used"), "no word of it:\n{log}");
    Ok("copy")
}

fn main_process(guest: &mut Guest) -> Result<String> {
    let process = guest.shell("systemctl show -P MainPID gateway")?;
    Ok(process.trim().to_owned())
}

fn runs_as_its_user(guest: &mut Guest) -> Result<()> {
    let process = main_process(guest)?;
    let user = guest.shell(&format!("stat -c %U /proc/{process}"))?;
    ensure!(user.trim() == "gateway", "it runs as {user}");
    let facts = guest.shell(&format!("cat /proc/{process}/status"))?;
    let fact = |name: &str| {
        let value = facts.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().trim().to_owned()
    };
    // CAP_NET_ADMIN (12), CAP_NET_RAW (13), CAP_PERFMON (38), CAP_BPF (39), and none that it could get.
    let wanted = format!("{:016x}", (1_u64 << 12) | (1 << 13) | (1 << 38) | (1 << 39));
    ensure!(
        fact("CapBnd:") == wanted && fact("NoNewPrivs:") == "1" && fact("Seccomp:") == "2",
        "{facts}"
    );
    // The helper has them; the service gave them up.
    let none = format!("{:016x}", 0);
    ensure!(
        fact("CapPrm:") == none && fact("CapEff:") == none,
        "{facts}"
    );
    Ok(())
}

fn has_program(guest: &mut Guest) -> Result<bool> {
    Ok(guest.shell("ip link show dev vf0")?.contains("xdp"))
}

fn leaves_nothing(guest: &mut Guest) -> Result<()> {
    ensure!(!has_program(guest)?, "the package left its program");
    let left = guest.shell_slowly(
        "! id gateway 2>/dev/null; ! grep gateway /etc/passwd /etc/group /etc/shadow; \
         find / /run -xdev -name '*gateway*' -not -path '/sys/*'; \
         systemctl list-units --all --no-legend 'gateway*'",
    )?;
    ensure!(left.trim().is_empty(), "left behind:\n{left}");
    Ok(())
}
