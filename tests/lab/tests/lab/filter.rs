//! The card's multicast filter: what is joined decides what comes in.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use gateway_lab::topology::{PHYSICAL, VIRTUAL};

use crate::config::Config;
use crate::guest::Guest;
use crate::options::Set::{Short, Whole};
use crate::tiers::reconciles;
use crate::{Case, Kernels};

/// A few packets, quickly.
const PROBE: &str =
    "generate --symbols 5 --messages 300 --pace rate=3000 --messages-per-packet 6 --heartbeat-ms 0";
/// Entries of the filter of QEMU's virtio card (hw/net/virtio-net.c, MAC_TABLE_ENTRIES).
const TABLE: u8 = 64;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "without_a_join_the_virtual_function_lets_nothing_in_and_with_one_everything",
            Short,
            Kernels::Any,
            joined_or_not,
        ),
        Case::new(
            "more_than_twenty_groups_are_joined_and_the_last_ones_deliver",
            Whole,
            Kernels::Any,
            |guest| many_groups(guest, 30),
        ),
        Case::new(
            "more_groups_than_the_filter_holds_come_in_all_the_same",
            Whole,
            Kernels::Any,
            |guest| many_groups(guest, TABLE + 16),
        ),
    ]
}

/// Frames that came through the virtual function's filter.
fn frames_in(guest: &mut Guest) -> Result<u64> {
    let count = guest.shell("cat /sys/class/net/vf0/statistics/rx_packets")?;
    Ok(count.trim().parse()?)
}

fn joined_or_not(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    guest.up(&PHYSICAL)?;
    // The groups are joined, but on another card: this one's filter knows nothing of them.
    let elsewhere = Config::new(
        "vf0",
        "mode = \"copy\"\nlowest_tier = \"copy\"\nmembership_interface = \"pf0\"",
    );
    let gateway = guest.gateway(&elsewhere)?;
    let before = frames_in(guest)?;
    let report = guest.exchange(&VIRTUAL, &elsewhere, PROBE)?.finish()?;
    ensure!(report.packets > 40, "{report:?}");
    std::thread::sleep(Duration::from_millis(500));
    let came = frames_in(guest)? - before;
    ensure!(
        came == 0,
        "{came} frames came through a filter that nobody opened"
    );
    let received = guest.metrics()?.sum("gateway_rx_packets_total", &[]);
    ensure!(received == Some(0.0), "received {received:?}");
    guest.stop(gateway)?;

    let here = Config::tier("vf0", "copy");
    let gateway = guest.gateway(&here)?;
    reconciles(guest, &VIRTUAL, &here, "copy")?;
    guest.stop(gateway)
}

/// The lines' groups are joined behind `count` others.
fn many_groups(guest: &mut Guest, count: u8) -> Result<()> {
    guest.virtual_function()?;
    let mut config = Config::tier("vf0", "copy");
    config.more_groups = (1..=count)
        .map(|last| Ipv4Addr::new(239, 78, 0, last))
        .collect();
    let gateway = guest.gateway(&config)?;
    let joined = guest.shell("/guest/bin/ip maddress show dev vf0")?;
    let groups = joined
        .lines()
        .filter(|line| line.contains("inet ") && line.contains(" 239."))
        .count();
    ensure!(
        groups == usize::from(count) + 2,
        "{groups} groups are joined:\n{joined}"
    );
    reconciles(guest, &VIRTUAL, &config, "copy")?;
    // What is counted is what the kernel lists, and more than the card holds is told, with what it does then.
    let listed = joined.lines().filter(|line| line.contains("link ")).count();
    let metrics = guest.metrics()?;
    let counted = metrics.sum("gateway_multicast_groups", &[]);
    ensure!(
        counted == Some(listed as f64),
        "counted {counted:?}:\n{joined}"
    );
    let max = metrics.sum("gateway_multicast_groups_max", &[]);
    ensure!(max == Some(f64::from(TABLE)), "{max:?}");
    let log = guest.log(gateway)?;
    let told = log.matches("every group on the wire comes in").count();
    ensure!(
        told == usize::from(listed > usize::from(TABLE)),
        "{listed} listed:\n{log}"
    );
    guest.stop(gateway)
}
