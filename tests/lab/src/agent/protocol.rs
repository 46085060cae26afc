//! Requests and answers, one JSON object a line.

use serde::{Deserialize, Serialize};

/// The port that the agent listens on.
pub const PORT: u16 = 7000;

/// What the lab asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Run a program to its end.
    Run {
        /// Program and arguments.
        words: Vec<String>,
        /// How long it may take.
        limit_ms: u64,
    },
    /// Start a program and let it run.
    Start {
        /// What messages call it.
        name: String,
        /// Program and arguments.
        words: Vec<String>,
    },
    /// What a started program wrote so far.
    Output(u64),
    /// Whether and how a started program ended; waits for it so long.
    Wait {
        /// The program.
        process: u64,
        /// How long to wait; 0: not at all.
        limit_ms: u64,
    },
    /// Send a started program a signal, by number.
    Signal {
        /// The program.
        process: u64,
        /// The signal.
        signal: i32,
    },
    /// Kill a started program, if it runs, and forget it.
    Remove(u64),
    /// Write a file.
    Write {
        /// Its path.
        path: String,
        /// Its content.
        text: String,
    },
    /// Read a file.
    Read {
        /// Its path.
        path: String,
    },
    /// Get a page from a server in the guest.
    Get {
        /// Port on the loopback interface.
        port: u16,
        /// Path of the page.
        path: String,
    },
    /// Subscribe to a queue and watch it from now on.
    Observe {
        /// The broker's socket.
        socket: String,
        /// The queue.
        queue: String,
    },
    /// What an observer saw so far.
    Seen(u64),
}

/// What an observer saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Records of every kind.
    pub records: u64,
    /// Messages.
    pub messages: u64,
    /// First and last sequence of each gap.
    pub gaps: Vec<(u64, u64)>,
    /// Slots lost by being too slow.
    pub lost_slots: u64,
    /// Records whose sequence was lower than that of one before.
    pub out_of_order: u64,
    /// Messages whose sequence came a second time.
    pub repeated: u64,
    /// Whether the session's end came.
    pub session_end: bool,
    /// Whether the queue ended.
    pub closed: bool,
}

impl Seen {
    /// Messages in gaps.
    pub fn gap_messages(&self) -> u64 {
        self.gaps.iter().map(|(first, last)| last - first + 1).sum()
    }
}

/// What the agent answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Done.
    Done,
    /// The number of a program or observer.
    Number(u64),
    /// A text: a file, a page.
    Text(String),
    /// How a program ended, and what it wrote; no status: it runs.
    Program {
        /// Exit code, or 128 and the number of the signal that ended it.
        code: Option<i32>,
        /// What it wrote to stdout.
        stdout: String,
        /// What it wrote to stderr.
        stderr: String,
    },
    /// What was seen.
    Seen(Seen),
    /// It did not work.
    Failed(String),
}
