//! Signals: SIGTERM and SIGINT stop the gateway, SIGHUP has it read its configuration again, SIGUSR1 has it try better
//! tiers again.
//!
//! SIGHUP is also what a process gets whose terminal hangs up. A gateway that was started from a terminal stops when
//! that is gone: it cannot be reached by Ctrl-C any more. One whose starter ignores SIGHUP (`nohup`) goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tracing::info;

use super::ServiceError;
use crate::config::{self, Config, ConfigError};
use crate::helper::Helper;

/// What an operator wants of a running gateway.
#[derive(Debug)]
pub enum Order {
    /// A configuration to go on with, or why there is none.
    Reload(Box<Result<Config, ConfigError>>),
    /// Open every interface again that stands below the best tier that its configuration allows.
    StepUp,
}

/// The kernel sends the signal a moment before it takes the terminal away.
const HANG_UP_SETTLES: Duration = Duration::from_millis(100);
/// Orders that may wait; a reload reads the file as it is by then.
const ORDERS_MAX: usize = 4;

/// What resolves when the gateway is to stop, and the operator's orders; configurations are read anew from `path`, names of
/// users by the helper where there is one.
pub(super) fn watch(
    path: &Path,
    helper: Option<Arc<Helper>>,
) -> Result<(impl Future<Output = ()>, mpsc::Receiver<Order>), ServiceError> {
    let on = |kind| {
        signal(kind).map_err(|source| ServiceError::System {
            action: "cannot handle signals",
            source,
        })
    };
    // Before the handler is there.
    let ends_with_terminal = has_terminal() && !hang_up_is_ignored();
    let (mut term, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let hang_ups = on(SignalKind::hangup())?;
    let step_ups = on(SignalKind::user_defined1())?;
    let (sender, orders) = mpsc::channel(ORDERS_MAX);
    tokio::spawn(step_up(step_ups, sender.clone()));
    let terminal_gone = Arc::new(Notify::new());
    tokio::spawn(reload(
        hang_ups,
        path.to_owned(),
        helper,
        ends_with_terminal,
        sender,
        Arc::clone(&terminal_gone),
    ));
    let stop = async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = terminal_gone.notified() => "SIGHUP, the terminal is gone",
        };
        info!(signal = name, "stopping");
    };
    Ok((stop, orders))
}

async fn step_up(mut signals: Signal, orders: mpsc::Sender<Order>) {
    while signals.recv().await.is_some() {
        if orders.send(Order::StepUp).await.is_err() {
            return;
        }
    }
}

async fn reload(
    mut hang_ups: Signal,
    path: PathBuf,
    helper: Option<Arc<Helper>>,
    ends_with_terminal: bool,
    orders: mpsc::Sender<Order>,
    terminal_gone: Arc<Notify>,
) {
    while hang_ups.recv().await.is_some() {
        if ends_with_terminal {
            tokio::time::sleep(HANG_UP_SETTLES).await;
            if !has_terminal() {
                terminal_gone.notify_one();
                return;
            }
        }
        let (path, helper) = (path.clone(), helper.clone());
        // Users and groups are looked up, in a directory on the network perhaps.
        let read = tokio::task::spawn_blocking(move || match helper {
            Some(helper) => config::load_with(&path, &*helper),
            None => config::load(&path),
        })
        .await;
        let Ok(read) = read else { return };
        if orders.send(Order::Reload(Box::new(read))).await.is_err() {
            return;
        }
    }
}

/// Whether this process has a controlling terminal that is still there.
fn has_terminal() -> bool {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok()
}

fn hang_up_is_ignored() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks for the present action only; the pointer leads to room for one.
    let asked = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the kernel filled it in where the call succeeded.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
