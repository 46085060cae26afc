//! A Glimpse server on a TCP socket: a thread that listens, and one for each connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use super::counts::GlimpseCounts;
use super::glimpse::{GlimpseConnection, GlimpseOptions, GlimpseServer};
use super::{Surroundings, TICK};

/// Connections that are served at a time.
const CONNECTIONS_MAX: usize = 32;

pub(super) fn start(
    address: SocketAddr,
    options: GlimpseOptions,
    surroundings: Surroundings,
) -> io::Result<(SocketAddr, JoinHandle<GlimpseCounts>)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let thread = thread::Builder::new()
        .name("glimpse".to_owned())
        .spawn(move || listen(&listener, options, &surroundings))?;
    Ok((address, thread))
}

fn listen(
    listener: &TcpListener,
    options: GlimpseOptions,
    surroundings: &Surroundings,
) -> GlimpseCounts {
    let mut server = GlimpseServer::new(options);
    let mut counts = GlimpseCounts::default();
    let mut connections: Vec<JoinHandle<Ending>> = Vec::new();
    while !surroundings.stopped() {
        for index in (0..connections.len()).rev() {
            if connections[index].is_finished() {
                settle(connections.swap_remove(index), &mut counts);
            }
        }
        let Ok((stream, _)) = listener.accept() else {
            // Nobody there, or somebody who has left already.
            thread::sleep(TICK);
            continue;
        };
        counts.connections += 1;
        if surroundings.switch.is_down() {
            counts.while_down += 1;
            continue;
        }
        if connections.len() >= CONNECTIONS_MAX {
            counts.too_many += 1;
            continue;
        }
        let connection = server.connect(surroundings.now_ns());
        let surroundings = surroundings.clone();
        let serving = thread::Builder::new()
            .name("glimpse".to_owned())
            .spawn(move || serve(stream, connection, &surroundings));
        match serving {
            Ok(serving) => connections.push(serving),
            Err(_) => counts.too_many += 1,
        }
    }
    for connection in connections {
        settle(connection, &mut counts);
    }
    counts
}

/// How a connection ended.
struct Ending {
    connection: GlimpseConnection,
    /// Whether it was closed because the server went down.
    down: bool,
}

fn settle(connection: JoinHandle<Ending>, counts: &mut GlimpseCounts) {
    let ending = connection
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if ending.down {
        counts.while_down += 1;
        counts.messages += ending.connection.messages();
    } else {
        ending.connection.account(counts);
    }
}

fn serve(
    mut stream: TcpStream,
    mut connection: GlimpseConnection,
    surroundings: &Surroundings,
) -> Ending {
    let mut down = false;
    // A connection that breaks is one that the client has left.
    let _ = converse(&mut stream, &mut connection, surroundings, &mut down);
    Ending { connection, down }
}

fn converse(
    stream: &mut TcpStream,
    connection: &mut GlimpseConnection,
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
