//! What the fuzz target begins with: captures in each format, and a file of messages.
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_test_support::seeds::{drawn, keep};

#[path = "common/build.rs"]
mod build;
#[path = "common/exhaust.rs"]
mod exhaust;
use build::{Order, classic, enhanced, interface, obsolete, section, simple};

#[test]
fn the_target_takes_its_seeds() {
    let frame = drawn(1, 90);
    let mut seeds = Vec::new();
    for order in [Order::Little, Order::Big] {
        for nanoseconds in [false, true] {
            seeds.push(classic(
                order,
                nanoseconds,
                1,
                &[(1, 2, &frame), (3, 4, &frame[..60])],
            ));
        }
        let next = [
            section(order),
            interface(order, 1, 64, &[(9, &[9]), (14, &[0; 8])]),
            enhanced(order, 0, 5, &frame, 100),
            simple(order, &frame[..50]),
            obsolete(order, 0, 5, &frame),
        ];
        seeds.push(next.concat());
    }
    assert!(seeds.iter().all(|seed| exhaust::exhaust(seed) >= 2));
    let message = |length: u16| [&length.to_be_bytes()[..], &drawn(2, length.into())].concat();
    let messages = [message(36), message(12), message(40)].concat();
    exhaust::exhaust_messages(&messages);
    seeds.push(messages);
    keep("capture", &seeds).unwrap();
}
