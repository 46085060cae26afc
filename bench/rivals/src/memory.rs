//! Memory that a reader costs, in whichever process: what it has itself, and what the writer, a daemon or shared memory
//! hold for it.
//!
//! Proportional set size (each shared page once, divided among those who map it) and page tables, summed over all
//! processes of the measurement, with readers and with as many processes that do not attach.

use std::fs;

use anyhow::{Context, Result};

use crate::ends::{Companion, place};
use crate::message::message;
use crate::queues::{Queue, Sender, SleepingReader};
use crate::readers::attend;
use crate::task::{Attendance, Contestant, Task, Values};

/// Readers over which it is averaged.
const READERS: usize = 8;
/// Messages published before memory is read: some queues make a reader's part with the next message.
const MESSAGES: u64 = 64;

pub(crate) fn measure<Q: Queue>(task: &Task) -> Result<Values> {
    let there = place(task, "there");
    let host = Q::host(&there)?;
    let (mut tx, address) = Q::create(&there)?;
    let hosts: Vec<u32> = host.iter().map(|host| host.0.id()).collect();
    let total = |readers: &[Companion]| -> Result<f64> {
        let readers = readers.iter().map(Companion::pid);
        let pids = [std::process::id()]
            .into_iter()
            .chain(hosts.iter().copied());
        pids.chain(readers).map(resident_kib).sum()
    };
    let publish = |tx: &mut Q::Sender, from: u64| {
        for n in from..from + MESSAGES {
            // Nobody reads: where there is no room, or nobody is connected, it is refused.
            let _ = tx.try_send(&message(n));
        }
    };

    publish(&mut tx, 0);
    let bare = attend(task, &address, Attendance::Bare, READERS, || Ok(None))?;
    let without = total(&bare)?;
    bare.into_iter().try_for_each(Companion::finish)?;

    let pages = std::cell::RefCell::new(Vec::new());
    let readers = attend(task, &address, Attendance::Idle, READERS, || {
        if task.queue != Contestant::Ring {
            return Ok(None);
        }
        let (page, fd, at) = SleepingReader::page()?;
        // As metrics do.
        let _ = page.read();
        pages.borrow_mut().push((page, fd));
        Ok(Some(at))
    })?;
    publish(&mut tx, MESSAGES);
    let with = total(&readers)?;
    readers.into_iter().try_for_each(Companion::finish)?;
    Ok(Values::from([("kib", (with - without) / READERS as f64)]))
}

/// Proportional set size and page tables of a process.
fn resident_kib(pid: u32) -> Result<f64> {
    let field = |file: &str, name: &str| -> Result<f64> {
        let path = format!("/proc/{pid}/{file}");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.with_context(|| format!("no {name} in {path}"))?;
        Ok(value.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok(field("smaps_rollup", "Pss:")? + field("status", "VmPTE:")?)
}
