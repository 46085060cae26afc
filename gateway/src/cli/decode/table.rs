//! A summary for people.

use crate::decode::{Detected, Summary};

/// Errors and gaps that the table shows; `--json` has them all.
const SHOWN_MAX: usize = 10;

/// What a file was found to hold, in a line.
pub(super) fn detected(found: &Detected) -> String {
    let Detected {
        protocol,
        flows,
        other_flows,
        looked_at,
        fitting,
        why,
        venue,
        venue_assumed,
    } = found;
    let what = match (flows, other_flows) {
        (0, _) => format!("of the first {looked_at} messages {fitting} fit"),
        (_, 0) => {
            format!("of the first {looked_at} packets to {flows} groups and ports {fitting} fit")
        }
        _ => format!(
            "of the first {looked_at} packets to {flows} groups and ports {fitting} fit; {other_flows} groups and \
             ports carry something else"
        ),
    };
    let whose = match venue_assumed {
        true => format!("; taken for {venue}'s, as no --venue says whose it is"),
        false => String::new(),
    };
    format!("protocol {protocol}: {what} ({why}){whose}")
}

pub(super) fn table(summary: &Summary) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        text.push_str(&format!("{name:<20}{value:>14}\n"));
    };
    if summary.packets + summary.other_packets > 0 {
        row("packets", &summary.packets);
        row("other packets", &summary.other_packets);
        row("heartbeats", &summary.heartbeats);
        row("sessions", &summary.sessions);
        row("duplicates", &summary.duplicates);
        row("resets", &summary.resets);
        row("gaps", &summary.gaps_total);
        row("lost messages", &summary.lost);
    }
    row("messages", &summary.messages);
    for (kind, count) in &summary.by_type {
        row(&format!("  type {kind}"), count);
    }
    if let Some(records) = &summary.records {
        row("records written", &records.written);
        for (name, count) in records.left_out.by_name() {
            if count > 0 {
                row(&format!("  without {name}"), &count);
            }
        }
    }
    if let Some(symbols) = summary.symbols {
        row("symbols", &symbols.mapped);
        if symbols.ambiguous > 0 {
            row("  ambiguous", &symbols.ambiguous);
        }
        if symbols.renumbered > 0 {
            row("  renumbered", &symbols.renumbered);
        }
    }
    if let Some(orders) = summary.orders {
        for (name, count) in [
            ("orders unknown", orders.unknown),
            ("orders overflowed", orders.overflowed),
            ("orders duplicate", orders.duplicate),
            ("orders inconsistent", orders.inconsistent),
        ] {
            if count > 0 {
                row(name, &count);
            }
        }
    }
    row("errors", &summary.errors_total);
    for [first, last] in summary.gaps.iter().take(SHOWN_MAX) {
        text.push_str(&format!("gap    {first}..={last}\n"));
    }
    for error in summary.errors.iter().take(SHOWN_MAX) {
        text.push_str(&format!(
            "error  at offset {}: {}\n",
            error.offset, error.reason
        ));
    }
    if summary.gaps.len() > SHOWN_MAX || summary.errors.len() > SHOWN_MAX {
        text.push_str("the rest: --json\n");
    }
    text
}
