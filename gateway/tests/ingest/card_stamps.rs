//! The program that is loaded for one device: over veth, whose driver lends its stamps to programs and never has any.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gateway::ingest::detach::PIN_FOLDER;
use gateway::ingest::{
    AttachMode, InterfaceRequest, Mode, Stamper, SteeringProgram, Tier, VerdictCounts, netdev,
};
use gateway_test_harness::network::GATEWAY_INTERFACE;
use gateway_wire::shared::{Note, Verdict};

use crate::pinned::{self, network_with_bpf};
use crate::rig::*;

const COUNT: u32 = 200;

fn of_card(verdicts: &VerdictCounts) -> [u64; 4] {
    Note::OF_CARD.map(|note| verdicts.note(note))
}

#[test]
fn packets_of_the_copy_tier_have_the_program_s_stamp_and_it_is_counted_that_the_card_has_none() {
    let Some(network) = network() else { return };
    let streams = streams(2);
    let mut request = InterfaceRequest {
        hardware_timestamps: true,
        ..request(Mode::Exactly(Tier::Copy), streams.clone())
    };
    let (mut opened, joins) = open(&network.gateway, &request).unwrap();
    let program = opened.program.as_ref().unwrap();
    assert_eq!(program.no_card_stamps(), None, "it is the one that asks");
    // What asks is not what stamps: veth's "card" cannot be made to.
    assert_eq!(opened.stamping.by, Stamper::Xdp);
    let obstacle = opened.stamping.obstacle.clone().unwrap();
    assert!(obstacle.reason.contains("does not stamp"), "{obstacle:?}");

    let (received, stamps) = exchange(&network, &mut opened, &streams, COUNT);
    assert_received(&received, 2, COUNT);
    let verdicts = opened.program.as_ref().unwrap().verdicts().unwrap();
    let redirected = verdicts.get(Verdict::Redirected);
    assert_eq!(redirected, u64::from(2 * COUNT), "{verdicts:?}");
    assert_eq!(of_card(&verdicts), [0, redirected, 0, 0], "{verdicts:?}");
    assert_eq!(verdicts.note(Note::NoMetadata), 0, "{verdicts:?}");
    for stamps in &stamps {
        assert!(stamps.hook_ns.is_some() && stamps.nic_ns.is_none());
    }

    // Nobody who did not ask for stamps pays for them.
    drop((opened, joins));
    assert!(soon(|| !has_program(&network)), "it goes with its link");
    request.hardware_timestamps = false;
    let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
    let (received, _) = exchange(&network, &mut opened, &streams, COUNT);
    assert_received(&received, 2, COUNT);
    let program = opened.program.as_ref().unwrap();
    let why = &program.no_card_stamps().unwrap().reason;
    assert!(why.contains("`hardware_timestamps` is not set"), "{why}");
    assert_eq!(of_card(&program.verdicts().unwrap()), [0; 4]);
}

#[test]
fn skb_mode_goes_on_with_the_ordinary_program_and_says_why() {
    let Some(network) = network() else { return };
    let streams = streams(1);
    let request = InterfaceRequest {
        hardware_timestamps: true,
        ..request(Mode::Exactly(Tier::Skb), streams.clone())
    };
    let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
    assert_eq!(opened.tier, Tier::Skb);
    assert_eq!(opened.stamping.by, Stamper::Xdp);
    let obstacle = opened.stamping.obstacle.clone().unwrap();
    assert!(obstacle.reason.contains("skb mode"), "{obstacle:?}");
    let (received, _) = exchange(&network, &mut opened, &streams, COUNT);
    assert_received(&received, 1, COUNT);
    let program = opened.program.as_ref().unwrap();
    assert_eq!(of_card(&program.verdicts().unwrap()), [0; 4]);
}

#[test]
fn the_kernel_takes_the_program_in_the_driver_of_its_own_device_only() {
    let Some(network) = network() else { return };
    network
        .gateway
        .ip("link add other0 type veth peer name other1")
        .unwrap();
    network
        .gateway
        .enter(|| {
            let own = netdev::index(GATEWAY_INTERFACE).unwrap();
            let other = netdev::index("other0").unwrap();
            let mut program = SteeringProgram::load(GATEWAY_INTERFACE, &streams(1), 1)?;
            program.load_for_card(own);
            program.attach(own, AttachMode::Native)?;
            assert_eq!(program.no_card_stamps(), None);
            program.detach();
            // Told, and attached without its stamps all the same.
            program.attach(own, AttachMode::Skb)?;
            let why = program.no_card_stamps().unwrap().reason.clone();
            assert!(why.contains("skb mode"), "{why}");
            program.detach();
            program.attach(other, AttachMode::Native)?;
            let why = program.no_card_stamps().unwrap().reason.clone();
            assert!(why.contains("cannot be attached"), "{why}");
            program.detach();
            program.attach(own, AttachMode::Native)?;
            assert_eq!(program.no_card_stamps(), None, "once more");
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_driver_that_lends_no_stamps_and_a_device_that_is_none_are_refused_with_a_reason() {
    let Some(network) = network() else { return };
    network
        .gateway
        .enter(|| {
            let lo = netdev::index("lo").unwrap();
            for (interface, index, why) in [
                ("lo", lo, "the driver lends no stamps to XDP programs"),
                (
                    "none",
                    0x7fff_ffff,
                    "refuses an XDP program for this device only",
                ),
            ] {
                let mut program = SteeringProgram::load(interface, &streams(1), 1)?;
                program.load_for_card(index);
                let obstacle = program.no_card_stamps().unwrap();
                assert!(obstacle.reason.contains(why), "{obstacle:?}");
                assert!(obstacle.remedy.contains("socket"), "{obstacle:?}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_link_that_is_pinned_takes_the_one_program_and_the_other() {
    let Some(network) = network_with_bpf() else {
        return;
    };
    let streams = streams(1);
    let pin = Path::new(PIN_FOLDER).join(GATEWAY_INTERFACE).join("link");
    let (mut links, mut programs) = (BTreeSet::new(), BTreeSet::new());
    for hardware_timestamps in [false, true, false] {
        let request = InterfaceRequest {
            hardware_timestamps,
            pin_link: true,
            ..request(Mode::Exactly(Tier::Copy), streams.clone())
        };
        let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
        let (received, _) = exchange(&network, &mut opened, &streams, 20);
        assert_received(&received, 1, 20);
        let program = opened.program.as_ref().unwrap();
        assert_eq!(program.no_card_stamps().is_none(), hardware_timestamps);
        // The one that is attached is the one that is told.
        let asked = of_card(&program.verdicts().unwrap());
        let unstamped = if hardware_timestamps { 20 } else { 0 };
        assert_eq!(asked, [0, unstamped, 0, 0]);
        programs.insert(pinned::program(&network).unwrap());
        links.insert(std::fs::metadata(&pin).unwrap().ino());
    }
    assert_eq!(
        (links.len(), programs.len()),
        (1, 3),
        "one link, three programs"
    );
}
