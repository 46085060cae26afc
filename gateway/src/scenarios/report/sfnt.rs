//! The columns that `sfnt-pingpong` prints, so that scripts that read those read these: tab-separated, nanoseconds, half
//! round trips, one line a size.

use std::fmt::Write;

use super::{Direction, Report};

/// Closed-loop rows, a block for each way in. `%ile` is the 99th percentile, as that program's default is.
#[must_use]
pub fn sfnt(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        for (path, _) in &report.ways {
            let _ = writeln!(text, "# scenario: {}", report.scenario(*path));
            let _ = writeln!(text, "# path: {path}");
            if let Some(tiers) = report.tiers(*path) {
                let _ = writeln!(text, "# tier: {tiers}");
            }
            let _ = writeln!(text, "# client: {}", report.machines.requester.line());
            let _ = writeln!(text, "# server: {}", report.machines.responder.line());
            if report.is_emulated() {
                text.push_str("# emulated: the times are no evidence\n");
            }
            text.push_str("# percentile=99\n#\n");
            text.push_str("#\tsize\tmean\tmin\tmedian\tmax\t%ile\tstddev\titer\n");
            let rows = report.rows.iter().filter(|row| {
                row.path == *path && row.rate.is_none() && row.direction == Direction::HalfRoundTrip
            });
            for row in rows {
                if let Some(d) = row.distribution() {
                    let _ = writeln!(
                        text,
                        "\t{}\t{:.0}\t{}\t{}\t{}\t{}\t{:.0}\t{}",
                        row.bytes,
                        d.mean_ns,
                        d.min_ns,
                        d.p50_ns,
                        d.max_ns,
                        d.p99_ns,
                        d.standard_deviation_ns,
                        d.samples
                    );
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn a_line_has_the_columns_that_its_header_names() {
        let text = sfnt(&[example()]);
        let header = "#\tsize\tmean\tmin\tmedian\tmax\t%ile\tstddev\titer";
        assert!(text.lines().any(|line| line == header), "{text}");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with('\t')).collect();
        // Open-loop rows, and those without a sample, have no place here.
        assert_eq!(lines, ["\t64\t5000\t4000\t5000\t6000\t6000\t816\t3"]);
    }
}
