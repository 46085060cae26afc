//! Makes a schedule that fails smaller, as long as it fails.

use crate::harness::script::Script;

/// Runs that are tried, at most.
const RUNS_MAX: u32 = 4_000;

/// The smallest schedule found for which `fails` holds, as it does for `script`.
pub(crate) fn shrink(script: &Script, mut fails: impl FnMut(&Script) -> bool) -> Script {
    let mut smallest = script.clone();
    let mut runs = 0;
    let mut attempt = |smallest: &mut Script, candidate: Script| {
        runs += 1;
        let better = runs < RUNS_MAX && candidate != *smallest && fails(&candidate);
        if better {
            *smallest = candidate;
        }
        better
    };
    loop {
        let before = smallest.clone();
        // Fewer steps: halves first, single ones at last.
        let mut length = smallest.steps.len().div_ceil(2);
        while length > 0 {
            let mut at = 0;
            while at < smallest.steps.len() {
                let mut candidate = smallest.clone();
                let end = (at + length).min(candidate.steps.len());
                candidate.steps.drain(at..end);
                if !attempt(&mut smallest, candidate) {
                    at += length;
                }
            }
            length /= 2;
        }
        // Plainer bytes: 0, or half of what is there.
        for index in 0..smallest.setup.len() {
            let byte = smallest.setup[index];
            for plainer in [0, byte / 2] {
                let mut candidate = smallest.clone();
                candidate.setup[index] = plainer;
                if attempt(&mut smallest, candidate) {
                    break;
                }
            }
        }
        for step in 0..smallest.steps.len() {
            for index in 0..smallest.steps[step].len() {
                let byte = smallest.steps[step][index];
                for plainer in [0, byte / 2] {
                    let mut candidate = smallest.clone();
                    candidate.steps[step][index] = plainer;
                    if attempt(&mut smallest, candidate) {
                        break;
                    }
                }
            }
        }
        if smallest == before {
            return smallest;
        }
    }
}
