//! The two ends of a measurement: two processes, or two threads for queues that know no processes.
//!
//! The near end makes a queue and has the far end attach, then the other way round, so that both quantities of one
//! direction and of two run on one layout. Both are pinned before they start, and the cores are probed before and
//! after.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use rustix::thread::CpuSet;
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::queues::{self, Channel, Place, Queue, Receiver, Sender, Visit};
use crate::task::{Outcome, Quantity, Task, Values};
use crate::{catch_up, latency, memory, placement, publish, readers, throughput};

/// Pins the calling thread.
pub(crate) fn pin(core: usize) -> Result<()> {
    allow(&[core])
}

/// Lets the calling thread, and what it starts, run on `cores`.
pub(crate) fn allow(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    rustix::thread::sched_setaffinity(None, &set)
        .with_context(|| format!("cannot run on cores {cores:?}"))
}

/// Does what `task` says.
pub(crate) fn measure(task: &Task) -> Result<Outcome> {
    let &[near, far, ..] = &task.cores[..] else {
        bail!("two ends need two cores");
    };
    ensure!(near != far, "two ends on one core measure the scheduler");
    allow(&task.cores)?;
    let before = placement::probe([near, far])?;
    // What the ends start (threads of a client library) may use both; they themselves are pinned by then.
    allow(&task.cores)?;
    let values = queues::visit(task.queue, Near(task))?;
    let after = placement::probe([near, far])?;
    Ok(Outcome {
        placement_ns: [before, after],
        values,
    })
}

/// The near end, of whichever queue.
struct Near<'a>(&'a Task);

impl Visit for Near<'_> {
    type Output = Values;

    fn queue<Q: Queue>(self) -> Result<Values> {
        let task = self.0;
        match task.quantity {
            Quantity::Alone => {
                let (mut tx, _) = Q::create(&place(task, "there"))?;
                pin(task.cores[0])?;
                publish::alone(&mut tx)
            }
            Quantity::Attended => readers::attended::<Q>(task),
            Quantity::Memory => memory::measure::<Q>(task),
            _ => processes::<Q>(task),
        }
    }

    fn channel<C: Channel>(self) -> Result<Values> {
        match self.0.quantity {
            Quantity::Alone | Quantity::Attended | Quantity::Memory => {
                bail!("between threads there is no {:?}", self.0.quantity)
            }
            _ => threads::<C>(self.0),
        }
    }
}

pub(crate) fn place(task: &Task, name: &'static str) -> Place {
    Place {
        folder: task.folder.clone(),
        name,
        capacity: task.capacity,
    }
}

/// What the far process has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FarTask {
    task: Task,
    /// Where the queue is that it reads.
    address: String,
    control: String,
}

fn processes<Q: Queue>(task: &Task) -> Result<Values> {
    let there = place(task, "there");
    let _host = Q::host(&there)?;
    let control = Control::create()?;
    let (mut tx, address) = Q::create(&there)?;
    let far_task = FarTask {
        task: task.clone(),
        address,
        control: control.address(),
    };
    let mut far = Companion::start("far", &far_task)?;
    let mut rx = Q::attach(&far.line()?)?;
    far.go()?;
    pin(task.cores[0])?;
    let mut values = near(task, &mut tx, &mut rx, &control)?;
    let theirs: std::collections::BTreeMap<String, f64> = serde_json::from_str(&far.line()?)?;
    values.extend(theirs.get("rate").map(|rate| ("rate", *rate)));
    far.finish()?;
    Ok(values)
}

/// The far end as a process of its own.
pub(crate) fn far_process(far: &FarTask) -> Result<()> {
    queues::visit(far.task.queue, Far(far))
}

struct Far<'a>(&'a FarTask);

impl Visit for Far<'_> {
    type Output = ();

    fn queue<Q: Queue>(self) -> Result<()> {
        let FarTask {
            task,
            address,
            control,
        } = self.0;
        let control = Control::open(control)?;
        let mut rx = Q::attach(address)?;
        let (mut tx, back) = Q::create(&place(task, "back"))?;
        println!("{back}");
        wait_for_go()?;
        pin(task.cores[1])?;
        let values = self::far(task, &mut rx, &mut tx, &control)?;
        println!("{}", serde_json::to_string(&values)?);
        // The near end has the answer, and then needs the queue no more.
        wait_for_go()
    }

    fn channel<C: Channel>(self) -> Result<()> {
        bail!("a queue between threads has no far process")
    }
}

fn threads<C: Channel>(task: &Task) -> Result<Values> {
    let control = Control::create()?;
    let (mut tx, mut far_rx) = C::pair(task.capacity)?;
    let (mut far_tx, mut rx) = C::pair(task.capacity)?;
    thread::scope(|scope| {
        let far = scope.spawn(|| {
            pin(task.cores[1])?;
            self::far(task, &mut far_rx, &mut far_tx, &control)
        });
        pin(task.cores[0])?;
        let mut values = near(task, &mut tx, &mut rx, &control)?;
        values.extend(
            far.join()
                .map_err(|_| anyhow::anyhow!("the far end panicked"))??,
        );
        Ok(values)
    })
}

/// What the near end does.
fn near(
    task: &Task,
    tx: &mut impl Sender,
    rx: &mut impl Receiver,
    control: &Control,
) -> Result<Values> {
    let capacity = task.capacity;
    match task.quantity {
        Quantity::Latency => latency::near(tx, rx),
        Quantity::Throughput => throughput::near(tx, capacity, control),
        Quantity::CatchUp => catch_up::near(tx, capacity, control),
        Quantity::Burst => publish::near(tx, capacity, control),
        Quantity::Alone | Quantity::Attended | Quantity::Memory => {
            bail!("{:?} has no far end", task.quantity)
        }
    }
}

/// What the far end does.
fn far(
    task: &Task,
    rx: &mut impl Receiver,
    tx: &mut impl Sender,
    control: &Control,
) -> Result<Values> {
    let capacity = task.capacity;
    match task.quantity {
        Quantity::Latency => latency::far(rx, tx),
        Quantity::Throughput => throughput::far(rx, control),
        Quantity::CatchUp => catch_up::far(rx, capacity, control),
        Quantity::Burst => publish::far(rx, control),
        Quantity::Alone | Quantity::Attended | Quantity::Memory => {
            bail!("{:?} has no far end", task.quantity)
        }
    }
}

/// Waits until the near end says so, by a line or by its end.
pub(crate) fn wait_for_go() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(())
}

/// This program once more, as another process. Killed once dropped, if it still runs.
#[derive(Debug)]
pub(crate) struct Companion {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Companion {
    pub(crate) fn start(role: &str, task: &impl Serialize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([role, &serde_json::to_string(task)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start another process")?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Self {
            child,
            stdin,
            stdout,
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the other process ended early");
        Ok(line.trim_end().to_owned())
    }

    /// Lets it go on.
    pub(crate) fn go(&mut self) -> Result<()> {
        let stdin = self.stdin.as_mut().context("it was told to end")?;
        Ok(writeln!(stdin, "go")?)
    }

    /// Lets it end, and waits for that.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.stdin = None;
        let status = self.child.wait()?;
        ensure!(status.success(), "the other process ended with {status}");
        Ok(())
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
