//! Sessions with the venue's servers: what the lines have lost is had from there.
//!
//! One task a channel, on the control plane's thread. It has a UDP socket for each re-request server, or a task with a TCP
//! session for each gap request proxy, a TCP connection for a snapshot while one is wanted, and a [`Planner`](gateway_feed::recovery::Planner), which decides all that is to
//! be decided. What is had goes to the channel's worker over its [`SupplyLine`], as the bytes that came; nothing is
//! decoded here. No server and no worker can stop the task or make it grow: answers are as many as the planner asks for,
//! a snapshot has a limit, and what a full line does not take is planned anew.
//!
//! A worker makes no system call, and so cannot wake anybody: one task looks once a millisecond whether any channel
//! wants something. It is there only if a channel may.

mod channel;
mod connect;
mod desk;
mod glimpse;
mod password;
mod proxy;
mod rerequest;
mod snapshot;
mod spin;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use channel::{ChannelRecovery, Servers};
pub(crate) use desk::Desk;
pub use desk::{DeskCounters, ServerCounters, ServerKind};
pub(crate) use glimpse::SnapshotServer;
pub(crate) use password::read_password;
pub(crate) use proxy::GapServer;
pub(crate) use rerequest::Way;
pub(crate) use spin::SpinServer;

use crate::worker::supply::{News, SupplyLine};

/// How often workers' lines are looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Lines to look at, and whom to wake.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    lines: Vec<(News, Arc<Notify>)>,
}

impl Lookout {
    /// Looks at `line`, too; what comes back is notified when there is something to take.
    pub(crate) fn add(&mut self, line: &SupplyLine) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.lines.push((line.news(), Arc::clone(&notify)));
        notify
    }

    /// Whether there is no line to look at.
    pub(crate) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Looks until the end.
    pub(crate) async fn run(self, mut ended: watch::Receiver<bool>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let all = async {
            loop {
                look.tick().await;
                for (line, notify) in &self.lines {
                    if line.is_there() {
                        notify.notify_one();
                    }
                }
            }
        };
        tokio::select! {
            () = all => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
    }
}
