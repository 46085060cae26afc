//! Records about a channel.

use gateway_client::{ControlKind, ControlRecord};

use super::prelude::*;

/// Record type of control records.
const RTYPE: u8 = 0xF0;

/// What it tells: the number of a [`ControlKind`], shown by its name.
struct Told;

impl Kind for Told {
    type Field = u16;
    type Seen = u16;

    fn code() -> String {
        u16::code()
    }

    fn see(field: &u16) -> u16 {
        *field
    }

    fn show(seen: &u16, out: &mut String) {
        match ControlKind::from_number(*seen) {
            Some(kind) => out.push_str(&upper_case(&format!("{kind:?}"))),
            None => u16::show(seen, out),
        }
    }
}

/// `SessionStart` as Python writes a constant: `SESSION_START`.
fn upper_case(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}

record! {
    /// Something about a channel: a gap, a reset, a session's begin or end. The gateway's own, not DBN's.
    class ControlMsg of ControlRecord, RTYPE;
    fields {
        kind: Told,
        channel_id: u8,
        sequence: u64,
        count: u64,
        ts_recv: u64,
        session: Wire<8>,
    }
    prices {}
    hidden { reserved as "_reserved" }
}
