//! An attempt at a snapshot: a client and a server, both real, and the bytes between them.

use gateway_feed::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseEvent};
use gateway_feed::soupbintcp::Credentials;
use gateway_sim::recovery::glimpse::{
    GlimpseConnection, GlimpseFaults, GlimpseOptions, GlimpseServer,
};
use gateway_sim::venue::Venue;

use super::script::MS;

/// How long a server may be silent.
const SILENCE_NS: u64 = 40 * MS;

fn credentials() -> Credentials {
    Credentials::new("gate", "secret").expect("short enough")
}

pub(crate) fn server(faults: GlimpseFaults, seed: u64, number: u8) -> GlimpseServer {
    GlimpseServer::new(GlimpseOptions {
        credentials: credentials(),
        session: None,
        faults,
        seed,
        number,
    })
}

/// An attempt.
#[derive(Debug)]
pub(crate) struct Fetch {
    client: GlimpseClient,
    connection: GlimpseConnection,
    messages: Vec<u8>,
    end: Option<Option<u64>>,
    /// The exchange's numbering at the time of the login: that of the snapshot.
    pub(crate) numbering: Option<usize>,
    began: u64,
}

impl Fetch {
    /// The connection is made at `now`, by the server's clock, which never steps; the client has the same, for a clock
    /// that steps is not what is tried here.
    pub(crate) fn new(server: &mut GlimpseServer, now: u64) -> Self {
        let config = GlimpseConfig {
            silence_timeout_ns: SILENCE_NS,
            login_timeout_ns: SILENCE_NS,
            ..GlimpseConfig::new(credentials())
        };
        Self {
            client: GlimpseClient::new(config, now),
            connection: server.connect(now),
            messages: Vec::new(),
            end: None,
            numbering: None,
            began: now,
        }
    }

    /// Lets both ends talk at `now`, while the exchange is in `numbering`. How it ended, if it did: where the stream goes on, and the messages.
    pub(crate) fn go_on(
        &mut self,
        now: u64,
        venue: &Venue,
        numbering: usize,
    ) -> Option<Option<(u64, Vec<u8>)>> {
        // The login comes with the first bytes.
        self.numbering.get_or_insert(numbering);
        let Self {
            client,
            connection,
            messages,
            end,
            ..
        } = self;
        let mut events = |event: GlimpseEvent<'_>| match event {
            GlimpseEvent::Started { .. } => {}
            GlimpseEvent::Message(message) => {
                messages.extend_from_slice(&(message.len() as u16).to_be_bytes());
                messages.extend_from_slice(message);
            }
            GlimpseEvent::Complete { next_sequence, .. } => *end = Some(Some(next_sequence)),
            GlimpseEvent::Failed(_) => *end = Some(None),
        };
        connection.on_bytes(now, client.output(), venue);
        client.sent(usize::MAX);
        connection.on_time(now, venue);
        while !connection.output().is_empty() {
            let length = connection.output().len();
            client.on_bytes(now, connection.output(), &mut events);
            connection.sent(length);
        }
        if connection.is_over() {
            client.on_disconnect(&mut events);
        }
        client.on_time(now, &mut events);
        let end = self.end?;
        Some(end.map(|sequence| (sequence, std::mem::take(&mut self.messages))))
    }

    /// When to look again: often at first, then now and then.
    pub(crate) fn next_look(&self, now: u64) -> u64 {
        now + ((now - self.began) / 4).clamp(MS / 10, 5 * MS)
    }
}
