//! Clients of the servers, as plain as can be: they ask until they have what they want, or the time is over.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use gateway_feed::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseEvent};
use gateway_feed::moldudp64::{Packet, Request, Session};
use gateway_feed::soupbintcp::Credentials;
use gateway_sim::scenario::{PASSWORD, USERNAME};

/// Messages of one request.
const REQUEST_MESSAGES: u64 = 30;

/// What a re-request server said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Messages of the session that were asked for, whoever's packet they were in.
    pub(crate) messages: BTreeMap<u64, Vec<u8>>,
    /// Packets.
    pub(crate) packets: u64,
    /// Of these: of another session, none at all, cut, and with nothing that was asked for.
    pub(crate) other_session: u64,
    pub(crate) garbage: u64,
    pub(crate) cut: u64,
    pub(crate) other_range: u64,
    /// With nothing that had not been had.
    pub(crate) twice: u64,
}

/// Asks `server` for all of `wanted` until it is there, or for `patience` in vain.
pub(crate) fn ask(
    server: SocketAddr,
    session: Session,
    wanted: Range<u64>,
    patience: Duration,
) -> Answers {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    let mut answers = Answers::default();
    let end = Instant::now() + patience;
    let mut buffer = [0; 2048];
    while Instant::now() < end && answers.messages.len() < (wanted.end - wanted.start) as usize {
        let mut at = wanted.start;
        while at < wanted.end {
            if answers.messages.contains_key(&at) {
                at += 1;
                continue;
            }
            let count = REQUEST_MESSAGES.min(wanted.end - at);
            let request = Request {
                session,
                sequence: at,
                count: count as u16,
            };
            socket.send(&request.encode()).unwrap();
            at += count;
        }
        // Until the server has been silent for a while.
        socket
            .set_read_timeout(Some(Duration::from_millis(250)))
            .unwrap();
        while let Ok(length) = socket.recv(&mut buffer) {
            answers.take(&buffer[..length], session, &wanted);
        }
    }
    answers
}

impl Answers {
    fn take(&mut self, datagram: &[u8], session: Session, wanted: &Range<u64>) {
        self.packets += 1;
        let Ok(packet) = Packet::parse(datagram) else {
            self.garbage += 1;
            return;
        };
        if packet.session != session {
            // The simulator's other session differs in its last character; random bytes differ in most.
            let near = packet.session.0[..9] == session.0[..9];
            *(if near {
                &mut self.other_session
            } else {
                &mut self.garbage
            }) += 1;
            return;
        }
        let mut messages = packet.messages();
        let (mut asked_for, mut news) = (0, 0);
        for (sequence, message) in (packet.sequence..).zip(messages.by_ref()) {
            if wanted.contains(&sequence) {
                asked_for += 1;
                news += u64::from(
                    self.messages
                        .insert(sequence, message.bytes.to_vec())
                        .is_none(),
                );
            }
        }
        self.cut += u64::from(messages.walked().cut_at.is_some());
        self.other_range += u64::from(asked_for == 0);
        self.twice += u64::from(asked_for > 0 && news == 0);
    }
}

/// A whole snapshot: its messages, and where the stream goes on; or why there is none.
pub(crate) type Fetched = Result<(Vec<Vec<u8>>, u64), String>;

/// Asks a Glimpse server once.
pub(crate) fn fetch(server: SocketAddr) -> Fetched {
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    let mut stream = TcpStream::connect(server).map_err(|error| error.to_string())?;
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let credentials = Credentials::new(USERNAME, PASSWORD).unwrap();
    let mut client = GlimpseClient::new(GlimpseConfig::new(credentials), now());
    let mut messages = Vec::new();
    let mut end = None;
    let mut buffer = vec![0; 64 * 1024];
    while end.is_none() {
        let mut events = |event: GlimpseEvent<'_>| match event {
            GlimpseEvent::Started { .. } => {}
            GlimpseEvent::Message(message) => messages.push(message.to_vec()),
            GlimpseEvent::Complete { next_sequence, .. } => end = Some(Ok(next_sequence)),
            GlimpseEvent::Failed(error) => end = Some(Err(error.to_string())),
        };
        let written = stream.write(client.output()).unwrap_or(0);
        client.sent(written);
        match stream.read(&mut buffer) {
            Ok(0) => client.on_disconnect(&mut events),
            Ok(length) => client.on_bytes(now(), &buffer[..length], &mut events),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                client.on_time(now(), &mut events);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    end.unwrap().map(|next_sequence| (messages, next_sequence))
}
