//! What the writer pays while further readers are attached: polling ones, each on a core of its own, or ours that
//! sleep in the kernel, all on the far core with the helper that wakes them.

use std::thread;

use anyhow::{Context, Result, ensure};
use gateway_queue::{Bells, LOOK_INTERVAL};

use crate::attendant::Post;
use crate::ends::{Companion, allow, pin, place};
use crate::publish;
use crate::queues::{Queue, Ring, SleepingReader};
use crate::task::{Attendance, Contestant, Readers, Task, Values};

/// Readers in other processes.
pub(crate) fn attend(
    task: &Task,
    address: &str,
    attendance: Attendance,
    count: usize,
    page: impl Fn() -> Result<Option<String>>,
) -> Result<Vec<Companion>> {
    let mut companions = Vec::with_capacity(count);
    for index in 0..count {
        let core = if attendance == Attendance::Poll {
            task.cores.get(1 + index).with_context(|| {
                format!(
                    "{count} polling readers and a writer need {} cores",
                    count + 1
                )
            })?
        } else {
            &task.cores[1]
        };
        let mut companion = Companion::start(
            "attend",
            &Post {
                queue: task.queue,
                attendance,
                core: *core,
                address: address.to_owned(),
                page: page()?,
            },
        )?;
        ensure!(companion.line()? == "ready", "a reader did not attach");
        companions.push(companion);
    }
    Ok(companions)
}

/// Time to publish one of a burst while [`Task::readers`] are there.
pub(crate) fn attended<Q: Queue>(task: &Task) -> Result<Values> {
    let Readers { count, attendance } = task.readers.as_ref().context("how many readers?")?;
    if *attendance == Attendance::Sleep {
        return sleeping(task, *count);
    }
    let (mut tx, address) = Q::create(&place(task, "there"))?;
    let readers = attend(task, &address, *attendance, *count, || Ok(None))?;
    pin(task.cores[0])?;
    let values = publish::attended(&mut tx, false);
    readers.into_iter().try_for_each(Companion::finish)?;
    Ok(values)
}

fn sleeping(task: &Task, count: usize) -> Result<Values> {
    ensure!(
        task.queue == Contestant::Ring,
        "the others' sleeping readers are woken by their writer"
    );
    let (mut tx, address) = Ring::create(&place(task, "there"))?;
    // By the core that measures; readers begin behind it.
    pin(task.cores[0])?;
    publish::lap(&mut tx);
    allow(&task.cores)?;
    let bells = Bells::new();
    let (mut pages, mut watches) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (page, fd, at) = SleepingReader::page()?;
        watches.push(bells.watch(tx.handle(), &page));
        pages.push((fd, at));
    }
    let next = std::cell::Cell::new(0);
    let readers = attend(task, &address, Attendance::Sleep, count, || {
        Ok(Some(pages[next.replace(next.get() + 1)].1.clone()))
    })?;
    let ringing = thread::spawn({
        let (bells, core) = (bells.clone(), task.cores[1]);
        move || {
            let pinned = pin(core);
            bells.run(LOOK_INTERVAL);
            pinned
        }
    });
    pin(task.cores[0])?;
    let mut values = publish::attended(&mut tx, true);
    readers.into_iter().try_for_each(Companion::finish)?;
    bells.stop();
    ringing
        .join()
        .map_err(|_| anyhow::anyhow!("the helper that wakes readers panicked"))??;
    values.insert("rings", bells.counters().rings as f64);
    Ok(values)
}
