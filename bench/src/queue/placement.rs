//! Which two cores measure, and how near they are to each other.
//!
//! A host moves virtual cores: between hyperthreads of one core, cores that share a cache, and cores that do not. The
//! measuring program hands a raw cache line back and forth before and after each measurement; where the two figures
//! are not of one class the measurement does not count, and only measurements of one class are compared.

use std::fs;
use std::time::Duration;

/// How far two cores are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Two threads of one core.
    Sibling,
    /// Two cores that share a cache.
    Near,
    /// Two cores that do not.
    Far,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Sibling, Self::Near, Self::Far];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Sibling => "siblings",
            Self::Near => "near",
            Self::Far => "far",
        }
    }

    /// The class of half a round trip of a raw cache line, in nanoseconds. Measured: hyperthreads 30 to 35, cores that
    /// share a cache 45 to 65, cores that do not 215 to 245.
    pub(crate) fn of(nanos: f64) -> Self {
        match nanos {
            ..40.0 => Self::Sibling,
            ..130.0 => Self::Near,
            _ => Self::Far,
        }
    }

    /// The class of a measurement, if it was one before and after.
    pub(crate) fn of_both(nanos: [f64; 2]) -> Option<Self> {
        let [before, after] = nanos.map(Self::of);
        (before == after).then_some(before)
    }
}

/// The cores to measure on, of those allowed: no two hyperthreads of one core, as far as the machine says which those
/// are, the two ends first. All of the others follow, for further readers.
pub(crate) fn choose(allowed: &[usize]) -> Vec<usize> {
    let siblings = |core: usize| {
        let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
        fs::read_to_string(path).unwrap_or_else(|_| core.to_string())
    };
    let mut seen = Vec::new();
    let mut chosen: Vec<usize> = Vec::new();
    // The first core is the one that most interrupts go to.
    for core in allowed.iter().rev() {
        let siblings = siblings(*core);
        if !seen.contains(&siblings) {
            seen.push(siblings);
            chosen.push(*core);
        }
    }
    chosen
}

/// The share of their time that `cores` were busy, or taken by the host, over a moment in which this program sleeps.
pub(crate) fn busy(cores: &[usize]) -> f64 {
    let read = || fs::read_to_string("/proc/stat").unwrap_or_default();
    let before = ticks(&read(), cores);
    std::thread::sleep(Duration::from_millis(300));
    let after = ticks(&read(), cores);
    let (idle, all) = (after.0 - before.0, after.1 - before.1);
    if all == 0.0 { 0.0 } else { 1.0 - idle / all }
}

/// Idle ticks and all ticks of `cores`, from /proc/stat.
fn ticks(stat: &str, cores: &[usize]) -> (f64, f64) {
    let mut sum = (0.0, 0.0);
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let core = words
            .next()
            .and_then(|word| word.strip_prefix("cpu")?.parse().ok());
        if core.is_some_and(|core: usize| cores.contains(&core)) {
            // user nice system idle iowait irq softirq steal
            let ticks: Vec<f64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
            sum.0 += ticks.get(3..5).map_or(0.0, |idle| idle.iter().sum());
            sum.1 += ticks.iter().sum::<f64>();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_during_which_the_cores_were_moved_has_no_class() {
        assert_eq!(Class::of_both([50.0, 61.0]), Some(Class::Near));
        assert_eq!(Class::of_both([50.0, 230.0]), None);
        assert_eq!(Class::of_both([33.0, 31.0]), Some(Class::Sibling));
    }

    #[test]
    fn time_that_the_host_took_counts_as_busy() {
        let stat =
            "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 0 1 50 10 0 0 38 0 0\ncpu1 0 0 0 7 0 0 0 0 0 0\n";
        assert_eq!(ticks(stat, &[0]), (60.0, 100.0));
    }
}
