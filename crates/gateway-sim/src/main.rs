//! gateway-sim
fn main() {}
