//! What the exchange knows besides what it has sent: the messages so far, for those who ask for them again, and the state
//! that they lead to, for those who come late.
//!
//! The publisher writes each packet's messages down before any line has them; the servers of [`recovery`](crate::recovery)
//! read. Both hold a lock for as long as that takes: a snapshot of a million orders keeps the publisher waiting for some
//! tenth of a second.

mod history;
mod mdp3;
mod pitch;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway_feed::moldudp64::Session;

pub use history::{History, Kept};
pub use mdp3::{Instrument, Mdp3State, PublishedLevel, PublishedOrder};
pub use pitch::PitchState;
pub use state::{Snapshot, State};

/// An exchange's memory, shared by its publisher and its servers.
#[derive(Debug)]
pub struct Venue(Mutex<Ledger>);

/// What is written down.
#[derive(Debug)]
pub struct Ledger {
    /// The session that goes on.
    pub session: Session,
    /// The number of the next message.
    pub next_sequence: u64,
    /// The messages of the session so far, as far back as they are kept.
    pub history: History,
    /// What they lead to, where they are ITCH's.
    pub state: State,
    /// The same, where they are PITCH's.
    pub pitch: PitchState,
    /// The same, where they are MDP 3.0's.
    pub mdp3: Mdp3State,
}

impl Venue {
    /// Remembers the last `history_messages_max` messages of a session.
    #[must_use]
    pub fn new(history_messages_max: usize) -> Self {
        Self(Mutex::new(Ledger {
            session: Session([b' '; 10]),
            next_sequence: 1,
            history: History::new(history_messages_max),
            state: State::default(),
            pitch: PitchState::default(),
            mdp3: Mdp3State::default(),
        }))
    }

    /// The ledger, locked.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        // Nothing that panics is done with the lock held, and what is there is whole in any case.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Begins a session, or numbers the messages anew: what was is forgotten.
    pub fn begin(&mut self, session: Session, first_sequence: u64) {
        self.session = session;
        self.next_sequence = first_sequence;
        self.history.restart(first_sequence);
        self.state = State::default();
        self.pitch = PitchState::default();
        self.mdp3 = Mdp3State::default();
    }

    /// Writes a message of a packet of MDP 3.0 down, whose messages share its number. They cannot be had again.
    pub fn add_of_packet(&mut self, sequence: u64, message: &[u8]) {
        self.mdp3.apply(sequence, message);
        self.next_sequence = sequence.wrapping_add(1);
    }

    /// Writes a message down. Numbers left out since the one before are of messages that nobody has.
    pub fn add(&mut self, sequence: u64, message: &[u8]) {
        self.history.push(sequence, message);
        // No type of the one protocol is one of the other.
        self.state.apply(message);
        self.pitch.apply(message);
        self.next_sequence = sequence.wrapping_add(1);
    }
}
