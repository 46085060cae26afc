//! What happens to the gateway, and what it leaves, when something under it goes away.

use std::time::Duration;

use anyhow::{Result, ensure};
use gateway_lab::machine::plug_of;
use gateway_lab::topology::{IGB, VIRTUAL};

use crate::config::Config;
use crate::guest::{Gateway, Guest};
use crate::options::Set::{Short, Whole};
use crate::tiers::reconciles;
use crate::{Case, Kernels};

/// Packets for longer than any test needs.
const LONG_FLOW: &str = "generate --symbols 20 --messages 200000 --pace rate=2000 --messages-per-packet 4 --heartbeat-ms 200";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a_killed_gateway_leaves_no_program_on_the_virtual_function",
            Short,
            Kernels::Any,
            killed,
        ),
        Case::new(
            "a_virtual_function_taken_away_and_brought_back_under_load_is_opened_again_at_its_tier",
            Whole,
            Kernels::Any,
            taken_away,
        ),
        Case::new(
            "a_card_unplugged_and_plugged_in_again_under_load_is_opened_again_at_its_tier",
            Whole,
            Kernels::Any,
            unplugged,
        ),
        Case::new(
            "a_link_that_goes_down_and_up_under_load_is_survived",
            Whole,
            Kernels::Any,
            link_down_and_up,
        ),
        Case::new(
            "a_cable_pulled_and_put_back_under_load_is_survived",
            Whole,
            Kernels::Any,
            cable,
        ),
        Case::new(
            "a_guest_paused_and_resumed_goes_on_and_counts_what_it_missed",
            Whole,
            Kernels::Any,
            paused,
        ),
    ]
}

/// The best tier that the kernel's virtio_net has.
fn best(guest: &mut Guest) -> Result<(Config, Gateway, String)> {
    guest.virtual_function()?;
    let config = Config::new("vf0", "mode = \"auto\"\nlowest_tier = \"copy\"");
    let gateway = guest.gateway(&config)?;
    let status = guest.status()?;
    let tier = status["interfaces"][0]["tier"].as_str().unwrap_or_default();
    Ok((config, gateway, tier.to_owned()))
}

fn received(guest: &mut Guest) -> Result<u64> {
    let metrics = guest.metrics()?;
    Ok(metrics
        .sum("gateway_rx_packets_total", &[])
        .unwrap_or_default() as u64)
}

/// Waits until `more` packets came than `before`.
fn receives_more(guest: &mut Guest, before: u64) -> Result<u64> {
    guest.until("more packets", |guest| {
        let now = received(guest)?;
        Ok((now > before + 100).then_some(now))
    })
}

fn killed(guest: &mut Guest) -> Result<()> {
    let (config, gateway, tier) = best(guest)?;
    ensure!(guest.has_program("vf0")?, "no program while it runs");
    guest.machine.agent.signal(gateway.0, libc::SIGKILL)?;
    let (code, _) = guest.ends(gateway)?;
    ensure!(code == 128 + libc::SIGKILL, "ended with {code}");
    guest.until("the program to go", |guest| {
        Ok((!guest.has_program("vf0")?).then_some(()))
    })?;
    let joined = guest.shell("/guest/bin/ip maddress show dev vf0")?;
    ensure!(
        !joined.contains(" 239."),
        "memberships were left:\n{joined}"
    );
    let gateway = guest.gateway(&config)?;
    reconciles(guest, &VIRTUAL, &config, &tier)?;
    guest.stop(gateway)
}

fn taken_away(guest: &mut Guest) -> Result<()> {
    let (config, gateway, tier) = best(guest)?;
    let exchange = guest.exchange(&VIRTUAL, &config, LONG_FLOW)?;
    receives_more(guest, 0)?;
    guest.set_virtual_functions(0)?;
    link_is(guest, "absent")?;
    let before = received(guest)?;
    ensure!(before > 0, "what was counted before is gone");
    guest.virtual_function()?;
    link_is(guest, "live")?;
    receives_more(guest, before)?;
    missed_is_counted(guest)?;
    let status = guest.status()?;
    let interface = &status["interfaces"][0];
    ensure!(interface["tier"] == tier.as_str(), "{interface}");
    ensure!(interface["reopened"] == 1, "{interface}");
    drop(exchange);
    guest.stop(gateway)
}

/// The whole card, physical function and all, as a hypervisor takes a passed-through one.
fn unplugged(guest: &mut Guest) -> Result<()> {
    guest.up(&IGB)?;
    let config = Config::new("igb", "mode = \"auto\"\nlowest_tier = \"copy\"");
    let gateway = guest.gateway(&config)?;
    let tier = guest.status()?["interfaces"][0]["tier"].clone();
    let exchange = guest.exchange(&IGB, &config, LONG_FLOW)?;
    receives_more(guest, 0)?;
    guest.machine.qmp.unplug(IGB.name)?;
    link_is(guest, "absent")?;
    let before = received(guest)?;
    guest.machine.qmp.plug(plug_of(&IGB))?;
    guest.until("the card", |guest| {
        let there = guest.shell("name-interfaces; [ -e /sys/class/net/igb ]");
        Ok(there.is_ok().then_some(()))
    })?;
    guest.up(&IGB)?;
    link_is(guest, "live")?;
    receives_more(guest, before)?;
    missed_is_counted(guest)?;
    let status = guest.status()?;
    let interface = &status["interfaces"][0];
    ensure!(interface["tier"] == tier, "{interface}");
    drop(exchange);
    guest.stop(gateway)
}

fn link_is(guest: &mut Guest, state: &str) -> Result<()> {
    guest.until(&format!("the link to be {state}"), |guest| {
        let now = guest
            .metrics()?
            .sum("gateway_link_state", &[("state", state)]);
        Ok((now == Some(1.0)).then_some(()))
    })
}

fn link_down_and_up(guest: &mut Guest) -> Result<()> {
    let (config, gateway, _) = best(guest)?;
    let exchange = guest.exchange(&VIRTUAL, &config, LONG_FLOW)?;
    receives_more(guest, 0)?;
    guest.shell("ip link set vf0 down")?;
    std::thread::sleep(Duration::from_secs(1));
    let before = received(guest)?;
    guest.shell("ip link set vf0 up")?;
    receives_more(guest, before)?;
    missed_is_counted(guest)?;
    drop(exchange);
    guest.stop(gateway)
}

fn cable(guest: &mut Guest) -> Result<()> {
    let (config, gateway, _) = best(guest)?;
    let exchange = guest.exchange(&VIRTUAL, &config, LONG_FLOW)?;
    receives_more(guest, 0)?;
    guest.machine.qmp.set_link("vf0", false)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = received(guest)?;
    guest.machine.qmp.set_link("vf0", true)?;
    receives_more(guest, before)?;
    missed_is_counted(guest)?;
    drop(exchange);
    guest.stop(gateway)
}

/// What came while nobody could hear is in the messages lost.
fn missed_is_counted(guest: &mut Guest) -> Result<()> {
    guest.until("a gap", |guest| {
        let lost = guest.metrics()?.sum("gateway_messages_lost_total", &[]);
        Ok((lost > Some(0.0)).then_some(()))
    })
}

fn paused(guest: &mut Guest) -> Result<()> {
    let (config, gateway, _) = best(guest)?;
    let exchange = guest.exchange(&VIRTUAL, &config, LONG_FLOW)?;
    let before = receives_more(guest, 0)?;
    guest.machine.qmp.pause()?;
    std::thread::sleep(Duration::from_secs(3));
    guest.machine.qmp.resume()?;
    receives_more(guest, before)?;
    missed_is_counted(guest)?;
    drop(exchange);
    guest.stop(gateway)
}
