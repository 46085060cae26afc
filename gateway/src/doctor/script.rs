//! What would mend what was found, as a shell script that nobody runs for you.

use std::fmt::Write as _;

use super::{Findings, Verdict};

/// The script: a comment for each thing that is wrong, its commands below. Commands with a word in capitals (`N`, `CPU`,
/// `PF`) want a value that nobody here knows, and stand in comments too.
#[must_use]
pub fn script(findings: &Findings) -> String {
    let mut text = String::from(
        "#!/bin/sh\n# What `gateway doctor` would change here. Nothing was applied: read it, then run it as root.\n\
         # What it sets is lost at the next boot: keep it in sysctl.d, udev rules or the kernel's command line.\nset -eu\n",
    );
    let mut given: Vec<&String> = Vec::new();
    for verdict in [Verdict::Fail, Verdict::Warn] {
        for outcome in findings.checks.iter().filter(|o| o.verdict == verdict) {
            let on = match outcome.interface.as_str() {
                "" => String::new(),
                name => format!(" on {name}"),
            };
            let _ = writeln!(
                text,
                "\n# {verdict}: {} {}{on}",
                outcome.number, outcome.check
            );
            for line in [&outcome.found, &outcome.cost, &outcome.advice] {
                if !line.is_empty() {
                    let _ = writeln!(text, "#   {}", line.replace('\n', " "));
                }
            }
            for command in &outcome.commands {
                if given.contains(&command) {
                    let _ = writeln!(text, "# as above: {command}");
                } else if wants_a_value(command) {
                    let _ = writeln!(text, "# fill in: {command}");
                } else {
                    given.push(command);
                    let _ = writeln!(text, "{command}");
                }
            }
        }
    }
    if findings.worst() < Verdict::Warn {
        text.push_str("\n# Nothing to mend.\n");
    }
    text
}

/// Whether a word of the command stands for a value.
fn wants_a_value(command: &str) -> bool {
    command
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| {
            matches!(
                word,
                "N" | "CPU" | "CPUS" | "PF" | "VF" | "INTERFACE" | "PID"
            )
        })
}
