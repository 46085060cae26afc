//! What the fuzz target begins with: rows of records as if drawn.
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_book::harness;
use gateway_test_support::seeds::{drawn, keep};

#[test]
fn the_target_takes_its_seeds() {
    let seeds: Vec<_> = (1..=24).map(|n| drawn(n, 16 * 8 * n as usize)).collect();
    for seed in &seeds {
        harness::exercise(seed);
    }
    keep("books", &seeds).unwrap();
}
