//! Order books for everybody: a thread that reads a queue as any strategy does and keeps a book of each instrument.
//!
//! What it has it gives out in three ways: a table in shared memory ([`table`]), orders on request ([`orders`]), and a
//! conflated queue ([`conflation`]). Workers know nothing of it. A builder that is overtaken by its queue says so (its
//! table, log, metrics) and goes on; its books are valid again as each begins anew, for which the control plane asks for
//! a snapshot of the channel where it can have one.
//!
//! [`builder`] does one step at a time and has no thread, so that tests drive it; [`start`] gives it one.

pub mod board;
pub mod builder;
pub mod conflation;
pub mod orders;
mod source;
pub mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use gateway_queue::QueueError;

pub use board::{BookBoard, ChannelSet, Shown};
pub use builder::{Builder, Command, Plan, Step};

use crate::config::model::Wait;
use crate::worker::{PinError, pin};

/// What an idle thread sleeps, where it sleeps.
const SLEEP: Duration = Duration::from_micros(50);
/// Longest name of a thread in the kernel.
const THREAD_NAME_MAX: usize = 15;

/// Why there are no books.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// No memory for them.
    #[error(transparent)]
    Books(#[from] gateway_book::BooksError),
    /// No memory for the table or the conflated queue, or the queue cannot be attached.
    #[error(transparent)]
    Memory(#[from] QueueError),
    /// The thread cannot run where it should.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The system refuses another thread.
    #[error("cannot start a thread: {0}; raise the limit of processes (`ulimit -u`)")]
    Thread(std::io::Error),
}

/// A running thread that builds books. Dropped, it is told to stop.
#[derive(Debug)]
pub struct BookHandle {
    /// Its name in the configuration.
    pub name: String,
    /// What it shows.
    pub board: Arc<BookBoard>,
    commands: Sender<Command>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Gives `builder` a thread, on `core` if there is one.
///
/// # Errors
/// [`BookError::Pin`], [`BookError::Thread`].
pub fn start(
    mut builder: Builder,
    core: Option<usize>,
    wait: Wait,
) -> Result<BookHandle, BookError> {
    let name = builder.name().to_owned();
    let (board, commands) = (builder.board(), builder.commands());
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let mut thread_name = format!("book-{name}");
    thread_name.truncate(THREAD_NAME_MAX);
    let (pinned, is_pinned) = crossbeam_channel::bounded(1);
    let title = format!("book \"{name}\"");
    let thread = std::thread::Builder::new()
        .name(thread_name)
        .spawn(move || {
            let done = core.map_or(Ok(()), |core| pin(&title, core));
            let runs = done.is_ok();
            // Whoever started the thread waits for it.
            let _ = pinned.send(done);
            // A flag: nothing is passed on by it.
            while runs && !stopped.load(Ordering::Relaxed) {
                match builder.step() {
                    Step::Worked => {}
                    Step::Ended => return,
                    Step::Idle => match wait {
                        Wait::Spin => std::hint::spin_loop(),
                        Wait::Yield => std::thread::yield_now(),
                        Wait::Sleep => std::thread::sleep(SLEEP),
                    },
                }
            }
        })
        .map_err(BookError::Thread)?;
    // A thread that ends without a word has panicked, which the log tells and `has_ended` shows.
    is_pinned.recv().unwrap_or(Ok(()))?;
    Ok(BookHandle {
        name,
        board,
        commands,
        stop,
        thread: Some(thread),
    })
}

impl BookHandle {
    /// Whether the thread has ended: with its queue, or because it panicked.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Has table and conflated queue go on in other memory. `false` where the thread does not take the command.
    #[must_use]
    pub fn rotate(&self) -> bool {
        self.commands.try_send(Command::Rotate).is_ok()
    }

    /// Waits for the thread, which ends with its queue, for so long; then tells it to stop, and waits for that step.
    /// `false` where it panicked.
    pub fn join(mut self, timeout: Duration) -> bool {
        let deadline = std::time::Instant::now() + timeout;
        while !self.has_ended() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .is_none_or(|thread| thread.join().is_ok())
    }
}

impl Drop for BookHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
