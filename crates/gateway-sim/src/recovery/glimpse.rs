//! A Glimpse server, and what may be wrong with one.
//!
//! Pure: a [`GlimpseConnection`] takes what came over its connection, with the time, and gives what is to be sent. What is
//! to become of it was drawn when it was made.

mod connection;
#[cfg(test)]
mod tests;

use gateway_feed::soupbintcp::{Credentials, RejectReason, Server, ServerConfig, SessionName};

pub use connection::GlimpseConnection;
use connection::Visit;

use super::counts::GlimpseCounts;
use super::tcp::{Door, Service};
use crate::random::Random;

/// Streams of a seed: those of the re-request servers lie below.
const STREAM: u64 = 1 << 13;

/// What is wrong with a server; each rate is a probability a connection, 0 to 1. Of several faults of one connection the
/// first one of this list comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GlimpseFaults {
    /// So many connections, from the first one on, are not answered at all.
    pub silent_first: u64,
    /// A later connection is not answered at all.
    pub silent: f64,
    /// The logins of so many connections, from the first one on, are refused: not authorised and session not available
    /// in turn.
    pub refuse_first: u64,
    /// A later login is refused.
    pub refuse: f64,
    /// So many connections, from the first one on, are closed somewhere within the snapshot.
    pub drop_first: u64,
    /// A later connection is closed somewhere within the snapshot.
    pub drop: f64,
    /// The connection falls silent somewhere within the snapshot, without heartbeats, and stays.
    pub stall: f64,
    /// Bytes that are no packet come somewhere within the snapshot.
    pub garbage: f64,
    /// The snapshot ends with a sequence number far ahead of the live feed.
    pub wrong_end: f64,
    /// Messages a second of a snapshot; `None` for as fast as the network takes them.
    pub messages_per_s: Option<f64>,
}

/// How a server serves.
#[derive(Clone, Debug, PartialEq)]
pub struct GlimpseOptions {
    /// Who is let in.
    pub credentials: Credentials,
    /// The SoupBinTCP session that it is in; `None` for one that is named like the live feed's.
    pub session: Option<SessionName>,
    /// What is wrong with it.
    pub faults: GlimpseFaults,
    /// Decides the faults.
    pub seed: u64,
    /// Number of this server among those of one seed, below 256: each fails by itself.
    pub number: u8,
}

impl Service for GlimpseServer {
    const NAME: &'static str = "glimpse";
    type Connection = GlimpseConnection;
    type Counts = GlimpseCounts;

    fn connect(&mut self, now_ns: u64) -> GlimpseConnection {
        self.connect(now_ns)
    }

    fn note(counts: &mut GlimpseCounts, door: Door) {
        match door {
            Door::Came => counts.connections += 1,
            Door::WhileDown => counts.while_down += 1,
            Door::TooMany => counts.too_many += 1,
        }
    }

    fn settle(connection: &GlimpseConnection, down: bool, counts: &mut GlimpseCounts) {
        if down {
            counts.messages += connection.messages();
        } else {
            connection.account(counts);
        }
    }
}

/// Makes connections and draws what is to become of them.
#[derive(Debug)]
pub struct GlimpseServer {
    options: GlimpseOptions,
    fates: Random,
    connections: u64,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Silent,
    Refused(RejectReason),
    Dropped { within: f64 },
    Stalled { within: f64 },
    Garbage { within: f64 },
    WrongEnd,
    Served,
}

impl GlimpseServer {
    /// A server.
    #[must_use]
    pub fn new(options: GlimpseOptions) -> Self {
        Self {
            fates: Random::new(options.seed, STREAM + u64::from(options.number)),
            options,
            connections: 0,
        }
    }

    /// A client connected at `now_ns`.
    pub fn connect(&mut self, now_ns: u64) -> GlimpseConnection {
        let fate = self.draw();
        let options = &self.options;
        let refusal = match fate {
            Fate::Refused(reason) => Some(reason),
            _ => None,
        };
        GlimpseConnection {
            server: Server::new(ServerConfig::default(), now_ns),
            visit: Visit {
                credentials: options.credentials,
                session: options.session,
                refusal,
                refused: None,
                delivery: None,
                login: false,
            },
            fate,
            interval_ns: options
                .faults
                .messages_per_s
                .map_or(0, |rate| (1e9 / rate) as u64),
            done: false,
            hang_up: false,
            garbage: &[],
        }
    }

    /// All draws for every connection: what becomes of one does not depend on the other rates.
    fn draw(&mut self) -> Fate {
        let faults = self.options.faults;
        let number = self.connections;
        self.connections += 1;
        let mut happens = |first: u64, rate| self.fates.happens(rate) || number < first;
        let silent = happens(faults.silent_first, faults.silent);
        let refused = happens(faults.refuse_first, faults.refuse);
        let dropped = happens(faults.drop_first, faults.drop);
        let stalled = happens(0, faults.stall);
        let garbage = happens(0, faults.garbage);
        let wrong_end = happens(0, faults.wrong_end);
        // Somewhere in the middle, so that something came and something is missing.
        let within = 0.1 + 0.8 * f64::from(self.fates.below(1_000)) / 1_000.0;
        let reason = if number.is_multiple_of(2) {
            RejectReason::NotAuthorized
        } else {
            RejectReason::SessionNotAvailable
        };
        match () {
            () if silent => Fate::Silent,
            () if refused => Fate::Refused(reason),
            () if dropped => Fate::Dropped { within },
            () if stalled => Fate::Stalled { within },
            () if garbage => Fate::Garbage { within },
            () if wrong_end => Fate::WrongEnd,
            () => Fate::Served,
        }
    }
}
