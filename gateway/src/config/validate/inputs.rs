//! Interfaces, captures, and the workers that poll them.

use std::collections::HashMap;
use std::path::Path;

use super::super::document::Findings;
use super::super::model::{Capture, Input, Interface, Worker};
use super::super::raw::{RawConfig, RawInterface, RawNicQueues};
use super::{Names, text};
use crate::ingest::{Mode, Pace, Queues, SocketWait, Tier, UdpChecksum};

/// Entries of a receive ring: bursts of two thousand packets, 24 MiB of packet memory.
const RX_RING_DEFAULT: u32 = 2048;
/// What the ingest layer can map.
const RX_RING: std::ops::RangeInclusive<u32> = 64..=32_768;
/// Longest name of a network interface (`IFNAMSIZ` less the final zero).
pub(super) const INTERFACE_NAME_MAX: usize = 15;

/// Interfaces first, then captures: one space of names, because workers refer to either.
pub(super) fn inputs<'r>(
    raw: &'r RawConfig,
    base: &Path,
    findings: &Findings,
) -> (Vec<Interface>, Vec<Capture>, Names<'r>) {
    let interfaces: Vec<_> = raw
        .interfaces
        .iter()
        .map(|raw| interface(raw, findings))
        .collect();
    let captures = raw
        .captures
        .iter()
        .map(|raw| Capture {
            name: text(raw.name.as_ref(), ""),
            file: base.join(text(raw.file.as_ref(), "")),
            pace: raw
                .pace
                .as_ref()
                .map_or(Pace::AsFastAsPossible, |f| f.value.into()),
        })
        .collect();
    let names = Names::collect(
        "input",
        raw.interfaces
            .iter()
            .map(|raw| raw.name.as_ref())
            .chain(raw.captures.iter().map(|raw| raw.name.as_ref())),
        findings,
    );
    (interfaces, captures, names)
}

fn interface(raw: &RawInterface, findings: &Findings) -> Interface {
    for name in [&raw.name, &raw.membership_interface].into_iter().flatten() {
        if name.value.len() > INTERFACE_NAME_MAX {
            findings.add(
                &name.place,
                "too long for a network interface",
                format!("give its name in the kernel, at most {INTERFACE_NAME_MAX} bytes; `ip link` lists them"),
            );
        }
    }
    let mode = raw.mode.as_ref().map_or(Mode::Auto, |f| f.value.into());
    let lowest_tier = tiers(raw, mode, findings);
    let rx_ring = raw.rx_ring.as_ref().map_or(RX_RING_DEFAULT, |field| {
        if !field.value.is_power_of_two() || !RX_RING.contains(&field.value) {
            findings.add(
                &field.place,
                "not a size that rings can have",
                format!(
                    "give a power of two from {} to {}",
                    RX_RING.start(),
                    RX_RING.end()
                ),
            );
        }
        field.value
    });
    let queues = match raw.queues.as_ref().map(|field| (field, &field.value)) {
        None => Queues::All,
        Some((_, RawNicQueues::Word(word))) if word == "all" => Queues::All,
        Some((_, RawNicQueues::List(list)))
            if !list.is_empty() && (1..list.len()).all(|i| !list[..i].contains(&list[i])) =>
        {
            Queues::Only(list.clone())
        }
        Some((field, _)) => {
            findings.add(
                &field.place,
                "not a choice of receive queues",
                "write \"all\", or each queue once, such as [0, 1]; `ethtool -l` tells how many there are",
            );
            Queues::All
        }
    };
    Interface {
        name: text(raw.name.as_ref(), ""),
        mode,
        lowest_tier,
        require: raw.require.as_ref().map(|f| f.value.into()),
        membership_interface: raw.membership_interface.as_ref().map(|f| f.value.clone()),
        busy_poll: raw.busy_poll.as_ref().is_none_or(|f| f.value),
        pin_link: raw.pin_link.as_ref().is_some_and(|f| f.value),
        rx_ring,
        queues,
        udp_checksum: raw
            .udp_checksum
            .as_ref()
            .map_or(UdpChecksum::Count, |f| f.value.into()),
        socket_wait: raw
            .socket_wait
            .as_ref()
            .map_or(SocketWait::Spin, |f| f.value.into()),
        hardware_timestamps: raw.hardware_timestamps.as_ref().is_some_and(|f| f.value),
        force: raw.force.as_ref().is_some_and(|f| f.value),
    }
}

/// `mode`, `lowest_tier` and `require` must leave something possible.
fn tiers(raw: &RawInterface, mode: Mode, findings: &Findings) -> Tier {
    let written = raw.lowest_tier.as_ref().map(|f| (f, Tier::from(f.value)));
    let lowest = match (mode, written) {
        (Mode::Auto, None) => Tier::Socket,
        (Mode::Auto, Some((_, lowest))) => lowest,
        (Mode::Exactly(only), None) => only,
        (Mode::Exactly(only), Some((field, lowest))) => {
            if lowest != only {
                findings.add(
                    &field.place,
                    format!("the mode allows the tier {only} and no other"),
                    "remove lowest_tier, or set mode = \"auto\" to have the gateway step down",
                );
            }
            only
        }
    };
    if let Some(field) = &raw.require {
        let require = Tier::from(field.value);
        let best = match mode {
            Mode::Auto => Tier::ZeroCopy,
            Mode::Exactly(only) => only,
        };
        if require > best {
            findings.add(
                &field.place,
                format!("the mode cannot reach it: it allows {best} at most"),
                "lower require, or set mode = \"auto\"",
            );
        } else if mode == Mode::Auto && written.is_some() && require < lowest {
            findings.add(
                &field.place,
                format!("it never applies: the gateway steps down to {lowest} at most"),
                "remove require, or raise it above lowest_tier",
            );
        }
    }
    lowest
}

/// Workers with their inputs; cores are filled in by the caller.
pub(super) fn workers(raw: &RawConfig, names: &Names<'_>, findings: &Findings) -> Vec<Worker> {
    let mut owner: HashMap<usize, &str> = HashMap::new();
    let interface_count = raw.interfaces.len();
    let mut workers = Vec::new();
    for raw in &raw.workers {
        let name = raw.name.as_ref().map_or("", |f| f.value.as_str());
        let mut inputs = Vec::new();
        if let Some(field) = &raw.inputs {
            for written in &field.value {
                let Some(index) = names.resolve(written, &field.place, findings) else {
                    continue;
                };
                if let Some(other) = owner.insert(index, name) {
                    findings.add(
                        &field.place,
                        format!("\"{written}\" is an input of worker \"{other}\" already"),
                        "give each input to one worker, once: a receive queue has one reader",
                    );
                    continue;
                }
                inputs.push(match index.checked_sub(interface_count) {
                    None => Input::Interface(index),
                    Some(capture) => Input::Capture(capture),
                });
            }
            let captures = inputs
                .iter()
                .filter(|input| matches!(input, Input::Capture(_)))
                .count();
            if captures > 0 && inputs.len() > 1 {
                findings.add(
                    &field.place,
                    "a capture's time is its own, so it cannot share a worker with another input",
                    "give it a worker of its own; merge captures by time first (mergecap -w both.pcap a.pcap b.pcap)",
                );
            }
            if field.value.is_empty() {
                findings.add(
                    &field.place,
                    "a worker without inputs does nothing",
                    "name an [[interface]] or a [[capture]]",
                );
            }
        }
        workers.push(Worker {
            name: name.to_owned(),
            core: None,
            inputs,
            wait: raw.wait.as_ref().map(|f| f.value).unwrap_or_default(),
        });
    }
    workers
}
