//! A reader beside the one that is measured, as a process of its own.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::ends::{pin, wait_for_go};
use crate::message::Checker;
use crate::queues::{self, Channel, Queue, SleepingReader, Visit, receive_one};
use crate::task::{Attendance, Contestant};

/// What it has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) queue: Contestant,
    pub(crate) attendance: Attendance,
    pub(crate) core: usize,
    /// Where the queue is.
    pub(crate) address: String,
    /// Where its own page is, for a reader of ours.
    pub(crate) page: Option<String>,
}

/// Attaches, says so, and does its part until it is told to end.
pub(crate) fn run(post: &Post) -> Result<()> {
    pin(post.core)?;
    match (post.attendance, &post.page) {
        (Attendance::Bare, _) => {
            // What the others need for reading, this one has linked and not used.
            println!("ready");
            wait_for_go()
        }
        (attendance, Some(page)) => {
            let mut reader = SleepingReader::attach(&post.address, page)?;
            println!("ready");
            if attendance == Attendance::Sleep {
                reader.read_to_end()?;
            }
            wait_for_go()
        }
        (Attendance::Sleep, None) => anyhow::bail!("only a reader with a page is ever woken"),
        (_, None) => queues::visit(post.queue, Attendant(post)),
    }
}

struct Attendant<'a>(&'a Post);

impl Visit for Attendant<'_> {
    type Output = ();

    fn queue<Q: Queue>(self) -> Result<()> {
        let mut rx = Q::attach(&self.0.address).context("cannot attach")?;
        println!("ready");
        if self.0.attendance == Attendance::Poll {
            let mut checker = Checker::default();
            let mut ended = false;
            while !ended {
                receive_one(&mut rx, |message| ended = checker.take(message));
            }
            checker.finish()?;
        }
        wait_for_go()?;
        drop(rx);
        Ok(())
    }

    fn channel<C: Channel>(self) -> Result<()> {
        anyhow::bail!("a queue between threads has no readers in other processes")
    }
}
