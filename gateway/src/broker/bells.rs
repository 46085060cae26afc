//! The thread that wakes readers who sleep.

use std::io;
use std::thread::JoinHandle;

use gateway_queue::{Bells, LOOK_INTERVAL};

/// The thread, on the CPUs of the one that starts it: the housekeeping core, where there is one. Dropped, it has woken
/// whoever sleeps on a queue that ended, and is gone.
#[derive(Debug)]
pub(super) struct Ringing {
    bells: Bells,
    thread: Option<JoinHandle<()>>,
}

impl Ringing {
    pub(super) fn start(bells: Bells) -> io::Result<Self> {
        let ringing = bells.clone();
        let thread = std::thread::Builder::new()
            .name("bells".into())
            .spawn(move || ringing.run(LOOK_INTERVAL))?;
        Ok(Self {
            bells,
            thread: Some(thread),
        })
    }
}

impl Drop for Ringing {
    fn drop(&mut self) {
        self.bells.stop();
        if let Some(thread) = self.thread.take() {
            // It ended by itself only if it panicked, which the log has told.
            let _ = thread.join();
        }
    }
}
