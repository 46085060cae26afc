//! Servers on TCP sockets: a thread that listens, and one for each connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use super::{Surroundings, TICK};
use crate::venue::Venue;

/// Connections that are served at a time.
const CONNECTIONS_MAX: usize = 32;

/// One connection's part of what is said.
pub(super) trait Conversation {
    /// Takes what came over the connection.
    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], venue: &Venue);

    /// Does what is due, and makes ready what is to be sent next.
    fn on_time(&mut self, now_ns: u64, venue: &Venue);

    /// What is to be sent.
    fn output(&self) -> &[u8];

    /// The first `bytes` of [`output`](Self::output) are sent.
    fn sent(&mut self, bytes: usize);

    /// Whether the connection is to be closed once the output is sent.
    fn is_over(&self) -> bool;
}

/// What happens to a connection before anything is said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// It was made.
    Came,
    /// The server was down, or went down.
    WhileDown,
    /// There were as many as are served.
    TooMany,
}

/// A server of one kind.
pub(super) trait Service: Send + 'static {
    /// The name of its threads.
    const NAME: &'static str;
    /// Its part of a connection.
    type Connection: Conversation + Send + 'static;
    /// What it counts.
    type Counts: Default + Send + 'static;

    /// A client connected.
    fn connect(&mut self, now_ns: u64) -> Self::Connection;

    /// Counts a connection.
    fn note(counts: &mut Self::Counts, door: Door);

    /// Counts what became of a connection that is over; `down` where the server went down.
    fn settle(connection: &Self::Connection, down: bool, counts: &mut Self::Counts);
}

pub(super) fn start<S: Service>(
    address: SocketAddr,
    service: S,
    surroundings: Surroundings,
) -> io::Result<(SocketAddr, JoinHandle<S::Counts>)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let thread = thread::Builder::new()
        .name(S::NAME.to_owned())
        .spawn(move || listen(&listener, service, &surroundings))?;
    Ok((address, thread))
}

fn listen<S: Service>(
    listener: &TcpListener,
    mut server: S,
    surroundings: &Surroundings,
) -> S::Counts {
    let mut counts = S::Counts::default();
    let mut connections: Vec<JoinHandle<Ending<S::Connection>>> = Vec::new();
    while !surroundings.stopped() {
        for index in (0..connections.len()).rev() {
            if connections[index].is_finished() {
                settle::<S>(connections.swap_remove(index), &mut counts);
            }
        }
        let Ok((stream, _)) = listener.accept() else {
            // Nobody there, or somebody who has left already.
            thread::sleep(TICK);
            continue;
        };
        S::note(&mut counts, Door::Came);
        if surroundings.switch.is_down() {
            S::note(&mut counts, Door::WhileDown);
            continue;
        }
        if connections.len() >= CONNECTIONS_MAX {
            S::note(&mut counts, Door::TooMany);
            continue;
        }
        let connection = server.connect(surroundings.now_ns());
        let surroundings = surroundings.clone();
        let serving = thread::Builder::new()
            .name(S::NAME.to_owned())
            .spawn(move || serve(stream, connection, &surroundings));
        match serving {
            Ok(serving) => connections.push(serving),
            Err(_) => S::note(&mut counts, Door::TooMany),
        }
    }
    for connection in connections {
        settle::<S>(connection, &mut counts);
    }
    counts
}

/// How a connection ended.
struct Ending<C> {
    connection: C,
    /// Whether it was closed because the server went down.
    down: bool,
}

fn settle<S: Service>(connection: JoinHandle<Ending<S::Connection>>, counts: &mut S::Counts) {
    let ending = connection
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if ending.down {
        S::note(counts, Door::WhileDown);
    }
    S::settle(&ending.connection, ending.down, counts);
}

fn serve<C: Conversation>(
    mut stream: TcpStream,
    mut connection: C,
    surroundings: &Surroundings,
) -> Ending<C> {
    let mut down = false;
    // A connection that breaks is one that the client has left.
    let _ = converse(&mut stream, &mut connection, surroundings, &mut down);
    Ending { connection, down }
}

fn converse(
    stream: &mut TcpStream,
    connection: &mut impl Conversation,
    surroundings: &Surroundings,
    down: &mut bool,
) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; 2_048];
    loop {
        *down = surroundings.switch.is_down();
        if *down || surroundings.stopped() {
            return Ok(());
        }
        let mut idle = true;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                idle = false;
                let bytes = buffer.get(..length).unwrap_or_default();
                connection.on_bytes(surroundings.now_ns(), bytes, &surroundings.venue);
            }
            Err(error) if is_not_now(&error) => {}
            Err(error) => return Err(error),
        }
        connection.on_time(surroundings.now_ns(), &surroundings.venue);
        while !connection.output().is_empty() {
            match stream.write(connection.output()) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    idle = false;
                    connection.sent(length);
                }
                Err(error) if is_not_now(&error) => break,
                Err(error) => return Err(error),
            }
        }
        if connection.is_over() && connection.output().is_empty() {
            return Ok(());
        }
        if idle {
            thread::sleep(TICK);
        }
    }
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
