//! What the fuzz target begins with: frames of the project's own writer.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use gateway_test_support::seeds::{drawn, keep};
use gateway_wire::build::{UdpFrame, Vlan};
use gateway_wire::parse;

#[path = "common/judge.rs"]
mod judge;

#[test]
fn the_target_takes_its_seeds() {
    let tag = |ethertype| Vlan {
        ethertype,
        control: 0x2064,
    };
    let tags = [vec![], vec![tag(0x8100)], vec![tag(0x88a8), tag(0x8100)]];
    let mut seeds = Vec::new();
    for (number, vlans) in (1..).zip(&tags) {
        for options in [&[][..], &[1; 40]] {
            for length in [0, 20, 700] {
                let payload = drawn(number, length);
                let mut buffer = [0; 1_600];
                let frame = UdpFrame {
                    vlans,
                    ip_options: options,
                    payload: &payload,
                    udp_checksum: true,
                    ..UdpFrame::default()
                };
                let length = frame.write(&mut buffer).unwrap();
                let mut seed = buffer[..length].to_vec();
                assert!(parse(&seed[..]).is_ok());
                judge::judge(&seed);
                // As captures have it: padded behind the packet.
                seed.extend([0; 4]);
                judge::judge(&seed);
                seeds.push(seed);
            }
        }
    }
    keep("parse", &seeds).unwrap();
}
