//! What the machine does to the gateway's threads, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What was read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Host {
    /// By processor: time that the hypervisor gave to somebody else, in seconds.
    pub(super) steal: Vec<(String, f64)>,
    /// By name of thread: switches that it wanted, and those that it did not.
    pub(super) switches: BTreeMap<String, (u64, u64)>,
}

impl Host {
    /// This machine, and this process.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self {
            steal: steal(&stat, ticks_a_second()),
            switches: switches(Path::new("/proc/self/task")),
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

fn switches(tasks: &Path) -> BTreeMap<String, (u64, u64)> {
    let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for entry in fs::read_dir(tasks).into_iter().flatten().flatten() {
        // A thread may end meanwhile.
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else {
            continue;
        };
        let value = |key: &str| {
            let mut lines = status.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        };
        let number = |key| value(key).and_then(|text| text.trim().parse::<u64>().ok());
        let (Some(name), Some(voluntary), Some(involuntary)) = (
            value("Name"),
            number("voluntary_ctxt_switches"),
            number("nonvoluntary_ctxt_switches"),
        ) else {
            continue;
        };
        // Threads of one name are told together.
        let sum = found.entry(name.trim().to_owned()).or_default();
        sum.0 += voluntary;
        sum.1 += involuntary;
    }
    found
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

    #[test]
    fn threads_of_one_name_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        for (task, name, wanted, unwanted) in
            [("1", "w0", 5, 1), ("2", "w0", 6, 2), ("3", "x", 7, 3)]
        {
            fs::create_dir(folder.path().join(task)).unwrap();
            let text = format!(
                "Name:\t{name}\nvoluntary_ctxt_switches:\t{wanted}\nnonvoluntary_ctxt_switches:\t{unwanted}\n"
            );
            fs::write(folder.path().join(task).join("status"), text).unwrap();
        }
        // One that ends just now.
        fs::create_dir(folder.path().join("4")).unwrap();
        let found = switches(folder.path());
        assert_eq!(found["w0"], (11, 3));
        assert_eq!(found["x"], (7, 3));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn this_process_has_threads() {
        assert!(!Host::read().switches.is_empty());
    }
}
