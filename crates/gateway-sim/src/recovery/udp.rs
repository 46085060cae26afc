//! A re-request server on a UDP socket.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::counts::RerequestCounts;
use super::rerequest::{RerequestOptions, RerequestServer};
use super::{Surroundings, TICK};

/// The most answers that wait for their time; beyond it, requests are left in the socket.
const WAITING_MAX: usize = 65_536;

pub(super) fn start(
    address: SocketAddr,
    options: RerequestOptions,
    surroundings: Surroundings,
) -> io::Result<(SocketAddr, JoinHandle<RerequestCounts>)> {
    let socket = UdpSocket::bind(address)?;
    let address = socket.local_addr()?;
    let thread = thread::Builder::new()
        .name("rerequest".to_owned())
        .spawn(move || serve(&socket, options, &surroundings))?;
    Ok((address, thread))
}

fn serve(
    socket: &UdpSocket,
    options: RerequestOptions,
    surroundings: &Surroundings,
) -> RerequestCounts {
    let mut server = RerequestServer::new(options);
    // By time and, among those of one time, in the order in which they were made.
    let mut waiting: BTreeMap<(u64, u64), (Vec<u8>, SocketAddr)> = BTreeMap::new();
    let mut made = 0;
    let mut buffer = [0; 2_048];
    while !surroundings.stopped() {
        let now_ns = surroundings.now_ns();
        while let Some(entry) = waiting.first_entry() {
            if entry.key().0 > now_ns {
                break;
            }
            let (payload, to) = entry.remove();
            // A client that has gone is told by ICMP; that is as good as lost.
            if socket.send_to(&payload, to).is_err() {
                server.unsent(1);
            }
        }
        let due = waiting
            .first_key_value()
            .map(|((at_ns, _), _)| Duration::from_nanos(at_ns.saturating_sub(now_ns)));
        let patience = due.unwrap_or(TICK).clamp(Duration::from_micros(50), TICK);
        if waiting.len() >= WAITING_MAX {
            thread::sleep(patience);
            continue;
        }
        if socket.set_read_timeout(Some(patience)).is_err() {
            break;
        }
        // Nothing within the time, or an ICMP message about an answer: neither is a request.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let now_ns = surroundings.now_ns();
        let datagram = buffer.get(..length).unwrap_or_default();
        let down = surroundings.switch.is_down();
        let ledger = surroundings.venue.lock();
        server.on_request(now_ns, down, datagram, &ledger, |answer| {
            made += 1;
            waiting.insert((answer.at_ns, made), (answer.payload, from));
        });
    }
    server.unsent(waiting.len() as u64);
    server.counts().clone()
}
