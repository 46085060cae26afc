//! What the fuzz target begins with: every message of the broker's protocol.
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_client::protocol::harness;
use gateway_test_support::seeds::keep;

#[test]
fn the_target_takes_its_seeds() {
    let seeds = harness::seeds();
    assert!(seeds.len() > 20);
    for seed in &seeds {
        harness::exercise(seed);
    }
    keep("broker_protocol", &seeds).unwrap();
}

#[test]
fn a_name_without_an_end_is_refused() {
    use gateway_client::protocol::{ProtocolError, Request};

    let request = Request::Book {
        book: "b".repeat(63),
        reader: "r".repeat(31),
    };
    let message = request.encode(1);
    assert_eq!(Request::decode(&message), Ok((1, request)));
    for (field, last) in [("book", 16 + 63), ("reader", 16 + 64 + 31)] {
        let mut unended = message.clone();
        unended[last] = b'x';
        let refused = ProtocolError::Field { field };
        assert_eq!(Request::decode(&unended), Err(refused), "{field}");
    }
}
