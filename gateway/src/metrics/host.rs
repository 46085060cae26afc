//! What the machine does to the gateway, from `/proc`.

use std::fs;

/// What was read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Host {
    /// By processor: time that the hypervisor gave to somebody else, in seconds.
    pub(super) steal: Vec<(String, f64)>,
}

impl Host {
    /// This machine.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self {
            steal: steal(&stat, ticks_a_second()),
        }
    }
}

fn ticks_a_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// The eighth number behind `cpuN` (proc(5)).
fn steal(stat: &str, ticks_a_second: f64) -> Vec<(String, f64)> {
    stat.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let cpu = words.next()?.strip_prefix("cpu")?;
            let ticks: u64 = words.nth(7)?.parse().ok()?;
            (!cpu.is_empty()).then(|| (cpu.to_owned(), ticks as f64 / ticks_a_second))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn stolen_time_is_told_by_processor() {
        let stat = "cpu  9 9 9 9 9 9 9 900 0 0\ncpu0 1 2 3 4 5 6 7 250 0 0\ncpu1 1 2 3 4 5 6 7 650 0 0\nintr 5\ncpu2 1\n";
        let expected = [("0".to_owned(), 2.5), ("1".to_owned(), 6.5)];
        assert_eq!(steal(stat, 100.0), expected);
        assert!(steal("", 100.0).is_empty());
    }
}
