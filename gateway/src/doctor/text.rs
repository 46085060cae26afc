//! What was found, as people read it.

use std::fmt::Write as _;

use super::{Findings, Outcome, Verdict};

/// Lines are no longer, where their words allow.
const COLUMNS: usize = 100;
const INDENT: usize = 11;

/// The page: what is wrong first, then what is well, then what was skipped.
#[must_use]
pub fn page(findings: &Findings) -> String {
    let mut text = String::new();
    for verdict in [Verdict::Fail, Verdict::Warn, Verdict::Ok, Verdict::Skipped] {
        let group: Vec<&Outcome> = findings
            .checks
            .iter()
            .filter(|outcome| outcome.verdict == verdict)
            .collect();
        for outcome in &group {
            row(&mut text, outcome);
        }
        if !group.is_empty() {
            text.push('\n');
        }
    }
    let counts = [Verdict::Fail, Verdict::Warn, Verdict::Ok, Verdict::Skipped]
        .map(|verdict| format!("{} {verdict}", findings.count(verdict)));
    let _ = writeln!(
        text,
        "{} rows: {}",
        findings.checks.len(),
        counts.join(", ")
    );
    text
}

fn row(text: &mut String, outcome: &Outcome) {
    let on = match outcome.interface.as_str() {
        "" => String::new(),
        name => format!(" [{name}]"),
    };
    let minded = outcome.verdict > Verdict::Ok;
    let verdict = if minded {
        outcome.verdict.name().to_uppercase()
    } else {
        outcome.verdict.name().to_owned()
    };
    let head = format!(
        "{verdict:<7} {:>2} {}{on}: {}",
        outcome.number, outcome.check, outcome.found
    );
    wrap(text, &head, "");
    if !minded {
        return;
    }
    wrap(text, &outcome.cost, "costs  ");
    wrap(text, &outcome.advice, "advice ");
    for command in &outcome.commands {
        // Never wrapped: it is to be copied.
        let _ = writeln!(text, "{:INDENT$}fix    {command}", "");
    }
    wrap(text, &outcome.read.join(", "), "read   ");
}

/// Breaks a text between words; all lines but one without a label are indented.
fn wrap(text: &mut String, words: &str, label: &str) {
    if words.is_empty() {
        return;
    }
    let indent = " ".repeat(INDENT + label.len());
    let mut line = if label.is_empty() {
        String::new()
    } else {
        format!("{:INDENT$}{label}", "")
    };
    let mut empty = true;
    // Runs of blanks align the head, and stay.
    for word in words.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS && !word.is_empty() {
            let _ = writeln!(text, "{}", line.trim_end());
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(verdict: Verdict, found: &str) -> Outcome {
        Outcome {
            number: 13,
            check: "igmp-max-memberships".into(),
            title: "groups a socket".into(),
            interface: "eth1".into(),
            verdict,
            found: found.into(),
            read: vec!["/proc/x".into()],
            cost: "groups are missing ".repeat(9),
            advice: String::new(),
            commands: vec!["sysctl -w net.ipv4.igmp_max_memberships=64".into()],
        }
    }

    #[test]
    fn what_is_wrong_comes_first_and_lines_stay_short() {
        let findings = Findings {
            checks: vec![
                outcome(Verdict::Ok, "fine"),
                outcome(Verdict::Skipped, "why"),
                outcome(Verdict::Warn, "hm"),
                outcome(Verdict::Fail, "bad"),
            ],
        };
        let page = page(&findings);
        assert!(
            page.starts_with("FAIL    13 igmp-max-memberships [eth1]: bad\n"),
            "{page}"
        );
        assert!(
            page.lines().all(|line| line.chars().count() <= COLUMNS),
            "{page}"
        );
        assert!(page.contains("\n           fix    sysctl -w"), "{page}");
        assert!(page.contains("\nskipped 13 "), "{page}");
        assert!(
            page.ends_with("4 rows: 1 fail, 1 warn, 1 ok, 1 skipped\n"),
            "{page}"
        );
        let at = |needle: &str| page.find(needle).unwrap_or(usize::MAX);
        assert!(at("FAIL") < at("WARN") && at("WARN") < at("ok  "));
    }
}
