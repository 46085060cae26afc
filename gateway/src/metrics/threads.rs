//! How often the kernel took the gateway's threads from their processors, from `/proc`.
//!
//! A thread's counts go with it when it ends. What is told never falls: to it is added what each thread has counted since it was
//! last looked at.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

/// Switches of all threads of one name, those that have ended as of the last look before that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadSwitches {
    /// The worker's name; of other threads what they are called, of which the kernel keeps 15 bytes.
    pub thread: String,
    /// How often they waited for something.
    pub voluntary: u64,
    /// How often something else ran in their place.
    pub involuntary: u64,
}

/// What threads have counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    voluntary: u64,
    involuntary: u64,
}

/// The threads of this process, as they were last looked at, and all that was counted.
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: HashMap<u32, Counts>,
    sums: BTreeMap<String, Counts>,
}

impl Threads {
    /// Looks at the threads of this process; `workers` has the names of those that are workers, by thread.
    pub(crate) fn look(&self, workers: &HashMap<u32, String>) -> Vec<ThreadSwitches> {
        self.look_in(Path::new("/proc/self/task"), workers)
    }

    fn look_in(&self, tasks: &Path, workers: &HashMap<u32, String>) -> Vec<ThreadSwitches> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A list that cannot be read, or not to its end, says of no thread that it has ended.
        let listed: io::Result<Vec<_>> = fs::read_dir(tasks).and_then(Iterator::collect);
        let mut there = match &listed {
            Ok(_) => HashMap::new(),
            Err(_) => seen.last.clone(),
        };
        for entry in listed.into_iter().flatten() {
            let name = entry.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let status = fs::read_to_string(entry.path().join("status"));
            let Some((name, now)) = status.ok().as_deref().and_then(counts) else {
                // It ends just now, or cannot be read this time: what was told of it is not told again.
                if let Some(before) = seen.last.get(&thread) {
                    there.insert(thread, *before);
                }
                continue;
            };
            let before = seen.last.get(&thread).copied().unwrap_or_default();
            // Another one, with the number of one that has ended.
            let is_new = now.voluntary < before.voluntary || now.involuntary < before.involuntary;
            let before = if is_new { Counts::default() } else { before };
            let name = workers.get(&thread).cloned().unwrap_or(name);
            let sum = seen.sums.entry(name).or_default();
            sum.voluntary += now.voluntary - before.voluntary;
            sum.involuntary += now.involuntary - before.involuntary;
            there.insert(thread, now);
        }
        seen.last = there;
        let told = seen.sums.iter().map(|(thread, sum)| ThreadSwitches {
            thread: thread.clone(),
            voluntary: sum.voluntary,
            involuntary: sum.involuntary,
        });
        told.collect()
    }
}

/// Name and counts in the text of a thread's `status` (proc_pid_status(5)).
fn counts(status: &str) -> Option<(String, Counts)> {
    let value = |key: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
    };
    let number = |key| value(key)?.trim().parse().ok();
    let counts = Counts {
        voluntary: number("voluntary_ctxt_switches")?,
        involuntary: number("nonvoluntary_ctxt_switches")?,
    };
    Some((value("Name")?.trim().to_owned(), counts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn write(folder: &Path, thread: &str, name: &str, (voluntary, involuntary): (u64, u64)) {
        fs::create_dir_all(folder.join(thread)).unwrap();
        let text = format!(
            "Name:\t{name}\nvoluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t{involuntary}\n"
        );
        fs::write(folder.join(thread).join("status"), text).unwrap();
    }

    #[test]
    fn what_is_told_never_falls_and_workers_have_their_whole_name() {
        let folder = tempfile::tempdir().unwrap();
        let worker = "nasdaq-and-all-the-others";
        let workers = HashMap::from([(5, worker.to_owned())]);
        let threads = Threads::default();
        let look = || -> Vec<(String, u64, u64)> {
            let told = threads.look_in(folder.path(), &workers);
            let fields = |told: ThreadSwitches| (told.thread, told.voluntary, told.involuntary);
            told.into_iter().map(fields).collect()
        };
        let named = |name: &str, voluntary, involuntary| (name.to_owned(), voluntary, involuntary);
        write(folder.path(), "1", "checkup", (5, 1));
        write(folder.path(), "2", "checkup", (6, 2));
        write(folder.path(), "5", "nasdaq-and-all-", (7, 3));
        // One that ends just now.
        fs::create_dir(folder.path().join("4")).unwrap();
        assert_eq!(look(), [named("checkup", 11, 3), named(worker, 7, 3)]);
        // One ends, one goes on.
        fs::remove_dir_all(folder.path().join("2")).unwrap();
        write(folder.path(), "1", "checkup", (8, 1));
        assert_eq!(look(), [named("checkup", 14, 3), named(worker, 7, 3)]);
        // All have ended, and another one has the number of one of them.
        fs::remove_dir_all(folder.path().join("5")).unwrap();
        write(folder.path(), "1", "checkup", (2, 0));
        assert_eq!(look(), [named("checkup", 16, 3), named(worker, 7, 3)]);
    }

    #[test]
    fn a_thread_that_could_not_be_read_once_is_not_counted_again() {
        let folder = tempfile::tempdir().unwrap();
        let (tasks, away) = (folder.path().join("task"), folder.path().join("away"));
        let threads = Threads::default();
        let look = || -> Vec<u64> {
            let told = threads.look_in(&tasks, &HashMap::new());
            told.into_iter().map(|told| told.voluntary).collect()
        };
        write(&tasks, "1", "checkup", (5, 1));
        assert_eq!(look(), [5]);
        // Its status is not to be had.
        fs::remove_file(tasks.join("1/status")).unwrap();
        assert_eq!(look(), [5]);
        write(&tasks, "1", "checkup", (7, 1));
        assert_eq!(look(), [7]);
        // Nor is the list.
        fs::rename(&tasks, &away).unwrap();
        assert_eq!(look(), [7]);
        fs::rename(&away, &tasks).unwrap();
        write(&tasks, "1", "checkup", (8, 1));
        assert_eq!(look(), [8]);
    }

    #[test]
    fn this_process_has_threads() {
        assert!(!Threads::default().look(&HashMap::new()).is_empty());
    }
}
