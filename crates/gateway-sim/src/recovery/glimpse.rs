//! A Glimpse server, and what may be wrong with one.
//!
//! Pure: a [`GlimpseConnection`] takes what came over its connection, with the time, and gives what is to be sent. What is
//! to become of it was drawn when it was made.

use gateway_feed::itch50::glimpse::EndOfSnapshot;
use gateway_feed::soupbintcp::{
    Credentials, LoginAccepted, LoginRequest, RejectReason, Server, ServerConfig, ServerEvent,
    ServerHandler, SessionName,
};

use super::counts::GlimpseCounts;
use crate::random::Random;
use crate::venue::{Ledger, Snapshot, Venue};

/// Bytes that wait to be sent, at most: what the network does not take is not made.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Begins with a length of 0, which no packet has.
const GARBAGE: &[u8] = b"\0\0this is no packet";
/// By how much a wrong sequence number at the end of a snapshot lies ahead.
const WRONG_END_AHEAD: u64 = 1_000_000;
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

/// One connection.
#[derive(Debug)]
pub struct GlimpseConnection {
    server: Server,
    visit: Visit,
    fate: Fate,
    interval_ns: u64,
    /// Whether the fate came about: nothing more is said.
    done: bool,
    hang_up: bool,
    /// What follows the output and is no packet.
    garbage: &'static [u8],
}

/// What the handler of the session keeps.
#[derive(Debug)]
struct Visit {
    credentials: Credentials,
    session: Option<SessionName>,
    refusal: Option<RejectReason>,
    /// Why a login was refused, if one was.
    refused: Option<(RejectReason, bool)>,
    delivery: Option<Delivery>,
    login: bool,
}

/// A snapshot on its way.
#[derive(Debug)]
struct Delivery {
    snapshot: Snapshot,
    next_sequence: u64,
    offset: usize,
    sent: u32,
    /// Whether the last message was sent, too.
    ended: bool,
    start_ns: Option<u64>,
}

/// The exchange's state is looked at in the moment of the login, and at no other.
struct Handler<'a> {
    visit: &'a mut Visit,
    venue: &'a Venue,
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

impl GlimpseConnection {
    /// Takes what came over the connection.
    pub fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], venue: &Venue) {
        if self.fate != Fate::Silent {
            let visit = &mut self.visit;
            self.server
                .on_bytes(now_ns, bytes, &mut Handler { visit, venue });
        }
    }

    /// Does what is due, and makes ready what is to be sent next.
    pub fn on_time(&mut self, now_ns: u64, venue: &Venue) {
        if self.fate == Fate::Silent || self.done {
            return;
        }
        self.deliver(now_ns);
        if !self.done {
            let visit = &mut self.visit;
            self.server.on_time(now_ns, &mut Handler { visit, venue });
        }
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        match self.server.output() {
            [] => self.garbage,
            output => output,
        }
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        if self.server.output().is_empty() {
            self.garbage = self.garbage.get(bytes..).unwrap_or_default();
        } else {
            self.server.sent(bytes);
        }
    }

    /// Whether the connection is to be closed once the output is sent.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.hang_up || self.server.is_closed()
    }

    /// Messages that were sent, the last one of a snapshot included.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let delivery = self.visit.delivery.as_ref();
        delivery.map_or(0, |delivery| {
            u64::from(delivery.sent) + u64::from(delivery.ended)
        })
    }

    /// Counts what became of the connection, which is over.
    pub fn account(&self, counts: &mut GlimpseCounts) {
        if self.fate == Fate::Silent {
            counts.silent += 1;
            return;
        }
        let Some(delivery) = &self.visit.delivery else {
            let count = match self.visit.refused {
                _ if !self.visit.login => &mut counts.no_login,
                Some((_, true)) | None => &mut counts.refused,
                Some((RejectReason::NotAuthorized, false)) => &mut counts.not_authorized,
                Some(_) => &mut counts.session_not_available,
            };
            *count += 1;
            return;
        };
        counts.accepted += 1;
        counts.messages += self.messages();
        let count = match self.fate {
            Fate::Dropped { .. } if self.done => &mut counts.dropped,
            Fate::Stalled { .. } if self.done => &mut counts.stalled,
            Fate::Garbage { .. } if self.done => &mut counts.sent_garbage,
            Fate::WrongEnd if delivery.ended => &mut counts.sent_wrong_end,
            _ if delivery.ended => &mut counts.complete,
            _ => &mut counts.given_up,
        };
        *count += 1;
    }

    /// Sends the next messages of the snapshot, as many as there is room and time for.
    fn deliver(&mut self, now_ns: u64) {
        let Some(delivery) = &mut self.visit.delivery else {
            return;
        };
        if delivery.ended || !self.server.is_logged_in() {
            return;
        }
        let start_ns = *delivery.start_ns.get_or_insert(now_ns);
        let Delivery {
            snapshot, offset, ..
        } = delivery;
        let messages = snapshot.len();
        let until = match self.fate {
            Fate::Dropped { within } | Fate::Stalled { within } | Fate::Garbage { within } => {
                (f64::from(messages) * within) as u32
            }
            _ => messages,
        };
        for (end, message) in snapshot.messages_from(*offset) {
            let due_ns = start_ns.saturating_add(self.interval_ns * u64::from(delivery.sent));
            let room = self.server.output().len() < OUTPUT_BYTES_MAX;
            if delivery.sent == until || now_ns < due_ns || !room {
                break;
            }
            // No message of ITCH is too long.
            let _ = self.server.send(now_ns, message);
            *offset = end;
            delivery.sent += 1;
        }
        if delivery.sent < until {
            return;
        }
        match self.fate {
            Fate::Dropped { .. } => (self.done, self.hang_up) = (true, true),
            Fate::Stalled { .. } => self.done = true,
            Fate::Garbage { .. } => (self.done, self.garbage) = (true, GARBAGE),
            _ => {
                let ahead = if self.fate == Fate::WrongEnd {
                    WRONG_END_AHEAD
                } else {
                    0
                };
                let end = EndOfSnapshot {
                    next_sequence: delivery.next_sequence.saturating_add(ahead),
                };
                let _ = self.server.send(now_ns, &end.encode());
                delivery.ended = true;
            }
        }
    }
}

impl Handler<'_> {
    fn judge(&self, request: &LoginRequest, session: SessionName) -> Result<(), RejectReason> {
        if let Some(reason) = self.visit.refusal {
            return Err(reason);
        }
        if request.credentials != self.visit.credentials {
            return Err(RejectReason::NotAuthorized);
        }
        if ![SessionName::CURRENT, session].contains(&request.session) {
            return Err(RejectReason::SessionNotAvailable);
        }
        Ok(())
    }
}

impl ServerHandler for Handler<'_> {
    fn login(&mut self, request: &LoginRequest) -> Result<LoginAccepted, RejectReason> {
        self.visit.login = true;
        let ledger: &Ledger = &self.venue.lock();
        let live = SessionName::from_wire(ledger.session.0);
        let session = self.visit.session.unwrap_or(live);
        self.judge(request, session).inspect_err(|reason| {
            self.visit.refused = Some((*reason, self.visit.refusal.is_some()));
        })?;
        self.visit.delivery = Some(Delivery {
            snapshot: ledger.state.snapshot(),
            next_sequence: ledger.next_sequence,
            offset: 0,
            sent: 0,
            ended: false,
            start_ns: None,
        });
        // Whatever was asked for: a snapshot is had from its first message on.
        Ok(LoginAccepted {
            session,
            next_sequence: 1,
        })
    }

    fn event(&mut self, _: ServerEvent<'_>) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_feed::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseEvent};
    use gateway_feed::moldudp64::Session;
    use proptest::prelude::*;

    use super::*;
    use crate::flow::{FlowOptions, OrderFlow};

    const SECOND: u64 = 1_000_000_000;

    fn options(faults: GlimpseFaults) -> GlimpseOptions {
        GlimpseOptions {
            credentials: Credentials::new("glimps", "glimpse").unwrap(),
            session: None,
            faults,
            seed: 1,
            number: 0,
        }
    }

    fn venue(messages: u64) -> Venue {
        let venue = Venue::new(0);
        let mut flow = OrderFlow::new(FlowOptions {
            messages: 0,
            symbols: 10,
            ..FlowOptions::default()
        });
        let mut ledger = venue.lock();
        ledger.begin(Session(*b"GWSIM00001"), 1);
        for sequence in 1..=messages {
            ledger.add(sequence, flow.next().unwrap().bytes);
        }
        drop(ledger);
        venue
    }

    /// Lets a client talk to a connection until one of them hangs up or half a minute is over; what the client was told,
    /// the messages apart from the rest.
    fn talk(
        connection: &mut GlimpseConnection,
        config: GlimpseConfig,
        venue: &Venue,
    ) -> (Vec<Vec<u8>>, Vec<String>) {
        let mut client = GlimpseClient::new(config, 0);
        let (mut messages, mut told) = (Vec::new(), Vec::new());
        let mut now_ns = 0;
        while now_ns < 30 * SECOND {
            let mut events = |event: GlimpseEvent<'_>| match event {
                GlimpseEvent::Message(message) => messages.push(message.to_vec()),
                other => told.push(format!("{other:?}")),
            };
            connection.on_bytes(now_ns, client.output(), venue);
            client.sent(usize::MAX);
            connection.on_time(now_ns, venue);
            while !connection.output().is_empty() {
                let length = connection.output().len();
                client.on_bytes(now_ns, connection.output(), &mut events);
                connection.sent(length);
            }
            if connection.is_over() {
                client.on_disconnect(&mut events);
            }
            client.on_time(now_ns, &mut events);
            if client.is_done() && client.output().is_empty() {
                break;
            }
            now_ns += SECOND / 20;
        }
        (messages, told)
    }

    /// A connection of a server with `faults`, and the account of it.
    fn visit(faults: GlimpseFaults, venue: &Venue) -> (Vec<Vec<u8>>, String, GlimpseCounts) {
        let mut connection = GlimpseServer::new(options(faults)).connect(0);
        let config = GlimpseConfig::new(options(faults).credentials);
        let (messages, mut told) = talk(&mut connection, config, venue);
        let mut counts = GlimpseCounts::default();
        connection.account(&mut counts);
        (messages, told.pop().unwrap_or_default(), counts)
    }

    #[test]
    fn a_client_gets_the_state_of_the_moment_and_where_to_go_on() {
        let venue = venue(5_000);
        let (messages, end, counts) = visit(GlimpseFaults::default(), &venue);
        let expected: Vec<Vec<u8>> = {
            let snapshot = venue.lock().state.snapshot();
            snapshot.messages().map(<[u8]>::to_vec).collect()
        };
        assert_eq!(messages, expected);
        let count = messages.len();
        assert!(count > 1_000);
        assert_eq!(
            end,
            format!("Complete {{ next_sequence: 5001, messages: {count} }}")
        );
        assert_eq!(
            counts,
            GlimpseCounts {
                accepted: 1,
                complete: 1,
                messages: count as u64 + 1,
                ..GlimpseCounts::default()
            }
        );
    }

    #[test]
    fn a_snapshot_of_nothing_is_a_snapshot() {
        let (messages, end, _) = visit(GlimpseFaults::default(), &venue(0));
        assert_eq!(messages.len(), 0);
        assert_eq!(end, "Complete { next_sequence: 1, messages: 0 }");
    }

    #[test]
    fn strangers_and_those_who_want_another_session_are_refused() {
        let venue = venue(100);
        let mut counts = GlimpseCounts::default();
        let mut server = GlimpseServer::new(options(GlimpseFaults::default()));
        let mut visit = |config| {
            let mut connection = server.connect(0);
            let (_, mut told) = talk(&mut connection, config, &venue);
            connection.account(&mut counts);
            told.pop().unwrap()
        };
        let right = Credentials::new("GLIMPS", "glimpse").unwrap();
        let wrong = Credentials::new("glimps", "wrong").unwrap();
        let session = |name| SessionName::new(name).unwrap();
        let told = visit(GlimpseConfig::new(wrong));
        assert_eq!(told, "Failed(Session(Rejected(NotAuthorized)))");
        let told = visit(GlimpseConfig {
            session: session("ANOTHER"),
            ..GlimpseConfig::new(right)
        });
        assert_eq!(told, "Failed(Session(Rejected(SessionNotAvailable)))");
        let told = visit(GlimpseConfig {
            session: session("GWSIM00001"),
            ..GlimpseConfig::new(right)
        });
        assert!(told.starts_with("Complete"), "{told}");
        assert_eq!(
            (counts.not_authorized, counts.session_not_available),
            (1, 1)
        );
        assert_eq!((counts.accepted, counts.complete), (1, 1));
        assert_eq!(counts.accounted(), 3);
    }

    #[test]
    fn each_fault_is_what_its_name_says() {
        let venue = venue(2_000);
        let whole = venue.lock().state.snapshot().len() as usize;
        let with = |set: fn(&mut GlimpseFaults)| {
            let mut faults = GlimpseFaults::default();
            set(&mut faults);
            let (messages, end, counts) = visit(faults, &venue);
            assert_eq!(counts.accounted(), 1);
            assert_eq!(counts.accepted_accounted(), counts.accepted);
            (messages.len(), end, counts)
        };
        let (messages, end, counts) = with(|faults| faults.silent_first = 1);
        assert_eq!((messages, counts.silent), (0, 1));
        assert_eq!(end, "Failed(Session(Silence(15000000000)))");
        let (messages, end, counts) = with(|faults| faults.refuse = 1.0);
        assert_eq!((messages, counts.refused), (0, 1));
        assert_eq!(end, "Failed(Session(Rejected(NotAuthorized)))");
        let (messages, end, counts) = with(|faults| faults.drop_first = 1);
        assert!((1..whole).contains(&messages), "{messages}");
        assert_eq!(end, "Failed(Session(PeerClosed))");
        assert_eq!((counts.dropped, counts.messages), (1, messages as u64));
        let (messages, end, counts) = with(|faults| faults.stall = 1.0);
        assert!((1..whole).contains(&messages), "{messages}");
        assert_eq!(end, "Failed(Session(Silence(15000000000)))");
        assert_eq!(counts.stalled, 1);
        let (messages, end, counts) = with(|faults| faults.garbage = 1.0);
        assert!((1..whole).contains(&messages), "{messages}");
        assert_eq!(end, "Failed(Session(Packet(Empty)))");
        assert_eq!(counts.sent_garbage, 1);
        let (messages, end, counts) = with(|faults| faults.wrong_end = 1.0);
        assert_eq!(messages, whole);
        assert!(
            end.starts_with("Complete { next_sequence: 1002001,"),
            "{end}"
        );
        assert_eq!(counts.sent_wrong_end, 1);
        // 80 messages a second: some fifty take more than half a second, and no heartbeat is wanted meanwhile.
        let (messages, end, _) = with(|faults| faults.messages_per_s = Some(80.0));
        assert!(end.starts_with("Complete") || messages < whole, "{end}");
    }

    #[test]
    fn who_leaves_before_the_end_has_given_up() {
        let venue = venue(2_000);
        let faults = GlimpseFaults {
            messages_per_s: Some(10.0),
            ..GlimpseFaults::default()
        };
        let mut connection = GlimpseServer::new(options(faults)).connect(0);
        let mut client = GlimpseClient::new(GlimpseConfig::new(options(faults).credentials), 0);
        connection.on_bytes(0, client.output(), &venue);
        client.sent(usize::MAX);
        connection.on_time(0, &venue);
        connection.sent(usize::MAX);
        let logout = b"\x00\x01O";
        connection.on_bytes(SECOND, logout, &venue);
        assert!(connection.is_over());
        let mut counts = GlimpseCounts::default();
        connection.account(&mut counts);
        assert_eq!((counts.accepted, counts.given_up), (1, 1));
    }

    proptest! {
        #[test]
        fn every_connection_is_accounted_for(seed: u64, rates in prop::array::uniform6(0.0..0.5)) {
            let [silent, refuse, drop, stall, garbage, wrong_end] = rates;
            let faults = GlimpseFaults {
                silent, refuse, drop, stall, garbage, wrong_end, ..GlimpseFaults::default()
            };
            let venue = venue(300);
            let run = || {
                let mut server = GlimpseServer::new(GlimpseOptions { seed, ..options(faults) });
                let mut counts = GlimpseCounts::default();
                let mut told = Vec::new();
                for _ in 0..10 {
                    let mut connection = server.connect(0);
                    counts.connections += 1;
                    let config = GlimpseConfig::new(options(faults).credentials);
                    told.push(talk(&mut connection, config, &venue));
                    connection.account(&mut counts);
                }
                (told, counts)
            };
            let (told, counts) = run();
            prop_assert_eq!(counts.accounted(), counts.connections);
            prop_assert_eq!(counts.accepted_accounted(), counts.accepted);
            let whole = told.iter().filter(|(_, told)| told.iter().any(|told| told.starts_with("Complete")));
            prop_assert_eq!(whole.count() as u64, counts.complete + counts.sent_wrong_end);
            prop_assert_eq!(run(), (told, counts));
        }
    }
}
