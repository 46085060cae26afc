//! Oracles that unit tests, property tests and the fuzz target share: whatever comes over a connection, and in whatever
//! pieces, a session keeps its promises.

use super::{
    Client, ClientConfig, ClientEvent, CloseReason, Credentials, LoginAccepted, LoginRequest,
    RejectReason, Server, ServerConfig, ServerEvent, ServerHandler, SessionName,
};
use crate::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseEvent};

/// What a side told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A client was let in, or a server let one in: session, next number.
    Accepted(SessionName, u64),
    /// A message with its number.
    Sequenced(u64, Vec<u8>),
    /// A message without one.
    Unsequenced(Vec<u8>),
    /// Text.
    Debug(Vec<u8>),
    /// The end.
    Closed(CloseReason),
    /// The end of a snapshot, by what it says of itself.
    Snapshot(String),
}

/// Username and password of every test.
///
/// # Panics
/// Never: both are of the length that they may have.
#[must_use]
pub fn credentials() -> Credentials {
    match Credentials::new("gate", "secret") {
        Ok(credentials) => credentials,
        Err(error) => unreachable!("{error}"),
    }
}

/// Lets in whoever has the right credentials, and keeps what it is told.
#[derive(Debug, Default)]
pub struct Doorkeeper {
    /// What it was told, in order.
    pub told: Vec<Told>,
}

impl ServerHandler for Doorkeeper {
    fn login(&mut self, request: &LoginRequest) -> Result<LoginAccepted, RejectReason> {
        if request.credentials != credentials() {
            return Err(RejectReason::NotAuthorized);
        }
        let accepted = LoginAccepted {
            session: request.session,
            next_sequence: request.sequence,
        };
        self.told
            .push(Told::Accepted(accepted.session, accepted.next_sequence));
        Ok(accepted)
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        self.told.push(match event {
            ServerEvent::Unsequenced(message) => Told::Unsequenced(message.to_vec()),
            ServerEvent::Debug(text) => Told::Debug(text.to_vec()),
            ServerEvent::Closed(reason) => Told::Closed(reason),
        });
    }
}

/// What a client told, as [`Told`].
#[must_use]
pub fn told(event: ClientEvent<'_>) -> Told {
    match event {
        ClientEvent::Accepted {
            session,
            next_sequence,
        } => Told::Accepted(session, next_sequence),
        ClientEvent::Sequenced { sequence, message } => Told::Sequenced(sequence, message.to_vec()),
        ClientEvent::Unsequenced(message) => Told::Unsequenced(message.to_vec()),
        ClientEvent::Debug(text) => Told::Debug(text.to_vec()),
        ClientEvent::Closed(reason) => Told::Closed(reason),
    }
}

/// Feeds `bytes` to a client in pieces whose lengths `cuts` gives in turn, all at one time.
#[must_use]
pub fn client(bytes: &[u8], cuts: &[usize]) -> Vec<Told> {
    let mut client = Client::new(ClientConfig::new(credentials()), 0);
    let mut log = Vec::new();
    in_pieces(bytes, cuts, |piece| {
        client.on_bytes(1, piece, &mut |event| log.push(told(event)));
    });
    assert_eq!(client.next_deadline().is_none(), client.is_closed());
    log
}

/// The same for a server.
#[must_use]
pub fn server(bytes: &[u8], cuts: &[usize]) -> Vec<Told> {
    let mut server = Server::new(ServerConfig::default(), 0);
    let mut doorkeeper = Doorkeeper::default();
    in_pieces(bytes, cuts, |piece| {
        server.on_bytes(1, piece, &mut doorkeeper)
    });
    assert_eq!(server.next_deadline().is_none(), server.is_closed());
    doorkeeper.told
}

/// The same for a snapshot.
#[must_use]
pub fn glimpse(bytes: &[u8], cuts: &[usize]) -> Vec<Told> {
    let mut client = GlimpseClient::new(GlimpseConfig::new(credentials()), 0);
    let mut log = Vec::new();
    let mut messages = 0;
    in_pieces(bytes, cuts, |piece| {
        client.on_bytes(1, piece, &mut |event| {
            log.push(match event {
                GlimpseEvent::Started { session } => Told::Accepted(session, 1),
                GlimpseEvent::Message(message) => {
                    messages += 1;
                    Told::Sequenced(messages, message.to_vec())
                }
                end => Told::Snapshot(format!("{end:?}")),
            });
        });
    });
    let ended = log.iter().any(|told| matches!(told, Told::Snapshot(_)));
    assert_eq!(ended, client.is_done());
    assert_eq!(messages, client.messages());
    log
}

fn in_pieces(bytes: &[u8], cuts: &[usize], mut feed: impl FnMut(&[u8])) {
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        // An empty piece says nothing.
        feed(&[]);
        let length = cuts.next().copied().unwrap_or(rest.len()).max(1);
        let (piece, left) = rest.split_at(length.min(rest.len()));
        feed(piece);
        rest = left;
    }
}

/// Checks the promises on what a side told.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn check(log: &[Told]) {
    let mut next = None;
    for (at, told) in log.iter().enumerate() {
        let last = at + 1 == log.len();
        match told {
            Told::Accepted(_, number) => {
                assert_eq!(next, None, "let in twice");
                next = Some(*number);
            }
            Told::Sequenced(number, _) => {
                assert_eq!(next, Some(*number), "a number is wrong");
                next = Some(number + 1);
            }
            Told::Unsequenced(_) => assert!(next.is_some(), "a message before the login"),
            Told::Debug(_) => {}
            Told::Closed(_) | Told::Snapshot(_) => assert!(last, "something follows the end"),
        }
    }
}

/// Any bytes as what a peer sends: the first chooses the side and how the rest is cut.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn exercise(script: &[u8]) {
    let Some((choice, bytes)) = script.split_first() else {
        return;
    };
    let side = [client, server, glimpse][usize::from(choice % 3)];
    let whole = side(bytes, &[]);
    check(&whole);
    for cuts in [&[1][..], &[usize::from(choice / 3) + 1, 2, 70]] {
        assert_eq!(
            side(bytes, cuts),
            whole,
            "cut as {cuts:?} it is another session"
        );
    }
}
