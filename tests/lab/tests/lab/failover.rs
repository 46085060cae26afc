//! A virtio card that stands by for another one under the same address (net_failover): what a virtual function is in a
//! guest that may be migrated.

use anyhow::{Context, Result, ensure};
use gateway_lab::machine::plug_of;
use gateway_lab::topology::{PRIMARY, STANDBY, Wire};

use crate::config::Config;
use crate::guest::Guest;
use crate::options::Set::Whole;
use crate::{Case, Kernels};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "traffic_goes_on_over_the_standby_card_and_returns_to_the_primary_one",
        Whole,
        Kernels::Any,
        failover,
    )]
}

fn failover(guest: &mut Guest) -> Result<()> {
    guest.machine.qmp.plug(plug_of(&STANDBY))?;
    let master = guest.until("the failover interface", |guest| {
        let found = guest.shell(&format!(
            "for i in /sys/class/net/*; do \
               if [ \"$(cat $i/address)\" = {} ] && [ ! -e $i/master ] && ls -d $i/lower_* > /dev/null; \
               then echo ${{i##*/}}; fi; done 2> /dev/null; true",
            STANDBY.mac
        ))?;
        let name = found.trim().to_owned();
        Ok((!name.is_empty()).then_some(name))
    })?;
    guest.shell(&format!(
        "ip link set {master} up; ip address add {}/24 dev {master}",
        STANDBY.guest()
    ))?;
    plug_primary(guest, &master)?;
    let config = Config::tier(&master, "socket");
    let gateway = guest.gateway(&config)?;

    let mut next = 1;
    over(guest, &PRIMARY, &config, &mut next)?;
    guest.machine.qmp.unplug(PRIMARY.name)?;
    over(guest, &STANDBY, &config, &mut next)?;
    plug_primary(guest, &master)?;
    over(guest, &PRIMARY, &config, &mut next)?;
    let lost = guest.metrics()?.sum("gateway_messages_lost_total", &[]);
    ensure!(lost == Some(0.0), "lost {lost:?}");
    guest.stop(gateway)?;
    for card in [PRIMARY.name, STANDBY.name] {
        guest.machine.qmp.unplug(card)?;
    }
    Ok(())
}

/// Plugs the primary card in and waits until the kernel has put it under `master`.
fn plug_primary(guest: &mut Guest, master: &str) -> Result<()> {
    guest.machine.qmp.plug(plug_of(&PRIMARY))?;
    guest.until("the primary card under the failover interface", |guest| {
        // Each card's carrier: a card that is there, but has no link yet, receives nothing.
        let carriers = guest.shell(&format!(
            "cat /sys/class/net/{master}/lower_*/carrier 2> /dev/null || true"
        ))?;
        Ok((carriers == "1\n1\n").then_some(()))
    })
}

/// Sends a part of the session over `wire`, from message `next` on; all of it must be delivered.
fn over(guest: &mut Guest, wire: &Wire, config: &Config, next: &mut u64) -> Result<()> {
    let flow = format!(
        "generate --symbols 20 --messages 300 --pace rate=300 --messages-per-packet 6 --first-sequence {next}"
    );
    let report = guest.exchange(wire, config, &flow)?.finish()?;
    *next += report.messages;
    let wanted = (*next - 1) as f64;
    guest
        .until("every message", |guest| {
            let delivered = guest.metrics()?.sum("gateway_messages_total", &[]);
            Ok((delivered == Some(wanted)).then_some(()))
        })
        .with_context(|| format!("over {}", wire.name))
}
