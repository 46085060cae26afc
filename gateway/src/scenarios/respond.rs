//! The responder: answers each request of a run with a reply of the same size.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::control::{Answered, Conversation, Reply, Request, Start, VERSION};
use super::facts::Facts;
use super::packet::{Kind, PACKET_BYTES_MAX, PACKET_BYTES_MIN, Packet};
use super::receiver::{Description, Receiver, Settings};
use super::{ClockKind, Idle};
use crate::worker::pin;

/// How often an idle responder looks whether it should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What a responder is told at its start.
#[derive(Debug, Clone)]
pub struct Responder {
    /// How it receives.
    pub settings: Settings,
    /// Where requesters connect to.
    pub control: SocketAddr,
    /// Processor of the thread that answers.
    pub core: Option<usize>,
    /// End with the first requester that hangs up.
    pub once: bool,
}

impl Responder {
    /// Serves one requester after the other until `interrupted`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn serve(&self, interrupted: &dyn Fn() -> bool, tell: &dyn Fn(&str)) -> Result<(), String> {
        let listener = TcpListener::bind(self.control)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| {
                format!(
                    "cannot listen on {}: {error}; choose another with --control",
                    self.control
                )
            })?;
        let local = listener.local_addr().unwrap_or(self.control);
        tell(&format!(
            "ready: requesters connect to {local}, datagrams to {}:{} on {}",
            self.settings.address, self.settings.port, self.settings.interface.name
        ));
        while !interrupted() {
            match listener.accept() {
                Ok((stream, from)) => {
                    tell(&format!("{from} connected"));
                    match self.converse(stream, interrupted, tell) {
                        Ok(()) => tell(&format!("{from} is done")),
                        Err(error) => tell(&format!("{from}: {error}")),
                    }
                    if self.once {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(LOOK_INTERVAL);
                }
                // Of the connection that was to be accepted.
                Err(error) => {
                    tell(&format!("cannot accept a connection: {error}"));
                    thread::sleep(LOOK_INTERVAL);
                }
            }
        }
        Ok(())
    }

    fn converse(
        &self,
        stream: TcpStream,
        interrupted: &dyn Fn() -> bool,
        tell: &dyn Fn(&str),
    ) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        let mut conversation = Conversation::over(stream)?;
        while let Some(request) = conversation.hear(None, interrupted)? {
            match request {
                Request::Hello { version } if version == VERSION => {
                    conversation.say(&Reply::Hello {
                        version: VERSION,
                        facts: Facts::of(&self.settings.interface.name),
                    })?;
                }
                Request::Hello { version } => conversation.say(&refused(format!(
                    "this end speaks version {VERSION}, the other one {version}: use the same gateway on both"
                )))?,
                Request::Stop => conversation.say(&refused("nothing was started".to_owned()))?,
                Request::Start(start) => {
                    tell(&format!("answering {} by {}", start.requester, start.path));
                    self.answer(&start, &mut conversation, interrupted)?;
                }
            }
        }
        Ok(())
    }

    /// Answers datagrams on a thread of its own until the requester says stop or hangs up.
    fn answer(
        &self,
        start: &Start,
        conversation: &mut Conversation,
        interrupted: &dyn Fn() -> bool,
    ) -> io::Result<()> {
        let idle = Idle::for_threads(start.path.spinning_threads());
        let stop = AtomicBool::new(false);
        let (opened, when_opened) = std::sync::mpsc::sync_channel(1);
        thread::scope(|scope| {
            let served = scope.spawn(|| {
                let ready = match Serving::open(self, start, idle) {
                    Ok((serving, description)) => {
                        let _ = opened.send(Ok(description));
                        serving
                    }
                    Err(message) => {
                        let _ = opened.send(Err(message));
                        return Ok(Answered::default());
                    }
                };
                ready.run(&stop, idle)
            });
            let result = match when_opened.recv() {
                Ok(Ok(description)) => conversation
                    .say(&Reply::Ready(description))
                    .and_then(|()| conversation.hear::<Request>(None, interrupted)),
                Ok(Err(message)) => {
                    return conversation.say(&refused(message));
                }
                Err(_) => return conversation.say(&refused("the thread ended".to_owned())),
            };
            // Pairs with nothing: the flag alone is the message.
            stop.store(true, Ordering::Relaxed);
            let served = served
                .join()
                .unwrap_or_else(|_| Err("the thread that answers panicked".to_owned()));
            match (result?, served) {
                (Some(Request::Stop), Ok(answered)) => conversation.say(&Reply::Stopped(answered)),
                (Some(_), Ok(_)) => conversation.say(&refused(
                    "a run must be stopped before the next request".to_owned(),
                )),
                (Some(_), Err(message)) => conversation.say(&refused(message)),
                (None, _) => Ok(()),
            }
        })
    }
}

fn refused(message: String) -> Reply {
    Reply::Refused { message }
}

/// An open run.
struct Serving {
    receiver: Receiver,
    socket: UdpSocket,
    requester: Ipv4Addr,
    token: u64,
}

impl Serving {
    fn open(
        responder: &Responder,
        start: &Start,
        idle: Idle,
    ) -> Result<(Self, Description), String> {
        if let Some(core) = responder.core {
            pin("the thread that answers (--core)", core).map_err(|error| error.to_string())?;
        }
        let socket = sender(
            responder.settings.address,
            SocketAddrV4::new(start.requester, start.port),
        )?;
        let (receiver, description) =
            Receiver::open(start.path, &responder.settings, start.clock, idle)?;
        let serving = Self {
            receiver,
            socket,
            requester: start.requester,
            token: start.token,
        };
        Ok((serving, description))
    }

    fn run(mut self, stop: &AtomicBool, idle: Idle) -> Result<Answered, String> {
        let mut answered = Answered::default();
        let mut reply = [0; PACKET_BYTES_MAX];
        // Pairs with nothing: the flag alone is the message.
        while !stop.load(Ordering::Relaxed) {
            let came = self.receiver.poll(&mut |arrival| {
                let request = arrival.packet.filter(|packet| {
                    packet.kind == Kind::Request
                        && packet.token == self.token
                        && arrival.source == self.requester
                });
                let Some(request) = request else {
                    answered.strangers += 1;
                    return;
                };
                answered.requests += 1;
                Packet {
                    kind: Kind::Reply,
                    received_ns: arrival.at_ns,
                    ..request
                }
                .encode(&mut reply);
                let bytes = arrival.bytes.clamp(PACKET_BYTES_MIN, PACKET_BYTES_MAX);
                match self.socket.send(&reply[..bytes]) {
                    Ok(_) => answered.replies += 1,
                    Err(_) => answered.replies_refused += 1,
                }
            })?;
            if came == 0 {
                idle.wait();
            }
        }
        Ok(answered)
    }
}

/// A socket that sends from `address` to `to`, from a port of the kernel's choice: what comes back does not end there.
///
/// # Errors
/// The address is not this machine's, or there is no route.
pub(super) fn sender(address: Ipv4Addr, to: SocketAddrV4) -> Result<UdpSocket, String> {
    UdpSocket::bind(SocketAddrV4::new(address, 0))
        .and_then(|socket| socket.connect(to).map(|()| socket))
        .map_err(|error| {
            format!("cannot send from {address} to {to}: {error}; give an address of the interface under test with --address")
        })
}

/// The clock that both ends may stamp with.
#[must_use]
pub(super) fn clock_of(here: &Facts, there: &Facts, synchronised: bool) -> ClockKind {
    if synchronised && !here.shares_clock_with(there) {
        ClockKind::Realtime
    } else {
        ClockKind::Monotonic
    }
}
