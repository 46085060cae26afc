//! Cards of other makers: the tier that each of their drivers allows, and why not a better one.

use anyhow::{Result, ensure};
use gateway_lab::topology::{E1000E, IGB, Wire};

use crate::config::Config;
use crate::guest::Guest;
use crate::options::Set::Whole;
use crate::tiers::{SLOW_FLOW, reconciles_with};
use crate::{Case, Kernels};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "igb_reaches_zero_copy_where_its_driver_has_it",
            Whole,
            Kernels::ZeroCopy,
            |guest| {
                guest.up(&IGB)?;
                ladder(guest, &IGB, "igb", "zero-copy", &[])
            },
        ),
        Case::new(
            "igb_reaches_copy_where_its_driver_has_no_zero_copy",
            Whole,
            Kernels::NoZeroCopy,
            |guest| {
                guest.up(&IGB)?;
                ladder(guest, &IGB, "igb", "copy", &[("zero-copy", "EOPNOTSUPP")])
            },
        ),
        Case::new(
            "the_virtual_function_of_igb_has_no_native_xdp_and_reaches_skb",
            Whole,
            Kernels::Any,
            virtual_function_of_igb,
        ),
        Case::new(
            "e1000e_has_no_native_xdp_and_reaches_skb",
            Whole,
            Kernels::Any,
            |guest| {
                guest.up(&E1000E)?;
                let why = "does not report the XDP feature `redirect`";
                ladder(
                    guest,
                    &E1000E,
                    "e1000e",
                    "skb",
                    &[("zero-copy", why), ("copy", why)],
                )
            },
        ),
    ]
}

/// `auto` on `interface` reaches `tier`, says why it left those above it, and delivers.
fn ladder(
    guest: &mut Guest,
    wire: &Wire,
    interface: &str,
    tier: &str,
    steps: &[(&str, &str)],
) -> Result<()> {
    let config = Config::new(interface, "mode = \"auto\"");
    let gateway = guest.gateway(&config)?;
    let status = guest.status()?;
    let found = &status["interfaces"][0];
    ensure!(found["tier"] == tier, "not on {tier}: {found:#}");
    let said: Vec<(&str, &str)> = found["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| {
            let text = |key| step[key].as_str().unwrap_or_default();
            (text("tier"), text("reason"))
        })
        .collect();
    let as_expected = said.len() == steps.len()
        && said
            .iter()
            .zip(steps)
            .all(|(said, expected)| said.0 == expected.0 && said.1.contains(expected.1));
    ensure!(as_expected, "steps {said:?}, expected {steps:?}");
    reconciles_with(guest, wire, &config, tier, SLOW_FLOW)?;
    guest.stop(gateway)
}

fn virtual_function_of_igb(guest: &mut Guest) -> Result<()> {
    const COUNT: &str = "/sys/class/net/igb/device/sriov_numvfs";
    guest.up(&IGB)?;
    guest.shell(&format!("echo 1 > {COUNT}"))?;
    guest.until("the virtual function of igb", |guest| {
        let there = guest.shell("name-interfaces; [ -e /sys/class/net/igbvf ]");
        Ok(there.is_ok().then_some(()))
    })?;
    guest.shell("ip link set igbvf up; ip address add 10.79.3.3/24 dev igbvf")?;
    let why = "igbvf has no native XDP";
    ladder(
        guest,
        &IGB,
        "igbvf",
        "skb",
        &[("zero-copy", why), ("copy", why)],
    )?;
    guest.shell(&format!("echo 0 > {COUNT}"))?;
    Ok(())
}
