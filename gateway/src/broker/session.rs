//! One client's connection, from its first message to its end.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gateway_client::protocol::request_number;
use gateway_client::protocol::{
    ErrorCode, ProtocolError, QueueEntry, REQUEST_BYTES_MAX, Reply, Request, VERSION,
};
use gateway_queue::PositionPage;
use gateway_queue::clock::Clock;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::unix::AsyncFd;

use super::catalogue::{Catalogue, Offered};
use super::counters::count;
use super::limit::{Admission, Full, Pace};
use super::readers::{Reader, Registry};
use super::{Offer, PeerCredentials};

/// A client that says nothing after connecting is let go after this time.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that does not read its answers is let go after this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// What all sessions share.
pub(super) struct Service {
    catalogue: Arc<Catalogue>,
    status: Box<dyn Fn() -> String + Send + Sync>,
    registry: Arc<Registry>,
    started_ns: u64,
}

impl Service {
    pub(super) fn new(
        catalogue: Arc<Catalogue>,
        status: Box<dyn Fn() -> String + Send + Sync>,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            catalogue,
            status,
            registry,
            started_ns: Clock::global().now(),
        }
    }
}

/// Why a session ends.
enum End {
    /// The client hung up, or was hung up on with good reason.
    Done,
    /// The socket failed: as good as hung up.
    Io,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

struct Session {
    service: Arc<Service>,
    socket: AsyncFd<OwnedFd>,
    peer: Option<PeerCredentials>,
    subscription: Option<Subscription>,
    _admission: Admission,
}

/// What this client reads.
struct Subscription {
    /// The reader's number in the registry.
    reader: u64,
    queue: String,
    epoch: u64,
}

/// Why a session goes on.
enum Woken {
    /// A message of that length came.
    Message(usize),
    /// The catalogue changed.
    Changed,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(subscription) = &self.subscription {
            self.service.registry.remove(subscription.reader);
        }
        // A statistic: no order needed.
        self.service
            .registry
            .counters
            .clients
            .fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a client until it hangs up or must be let go.
pub(super) async fn serve(
    service: Arc<Service>,
    socket: AsyncFd<OwnedFd>,
    peer: Option<PeerCredentials>,
    admission: Admission,
) {
    count(&service.registry.counters.connections);
    count(&service.registry.counters.clients);
    let mut session = Session {
        service,
        socket,
        peer,
        subscription: None,
        _admission: admission,
    };
    // Either end is the client's; nothing is left to do about it.
    let _ = session.run().await;
}

/// Tells a client that there are too many, without waiting.
pub(super) fn refuse_busy(socket: &OwnedFd, full: &Full) {
    let message = Reply::Error {
        code: ErrorCode::Busy,
        text: full.to_string(),
    }
    .encode(0);
    // It is let go in any case.
    let _ = rustix::net::send(socket, &message, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
}

impl Session {
    async fn run(&mut self) -> Result<(), End> {
        let mut changes = self.service.catalogue.watch();
        let mut pace = Pace::new(Instant::now());
        let mut buffer = [0_u8; REQUEST_BYTES_MAX + 1];
        let first = tokio::time::timeout(FIRST_REQUEST_TIMEOUT, self.receive(&mut buffer));
        let Ok(first) = first.await else {
            let registry = &self.service.registry;
            registry.complain(
                &registry.counters.silent,
                self.peer.as_ref(),
                &"said nothing after connecting: disconnected",
            );
            return Err(End::Done);
        };
        let mut len = first?;
        loop {
            let wait = pace.take(Instant::now());
            if !wait.is_zero() {
                count(&self.service.registry.counters.throttled);
                tokio::time::sleep(wait).await;
            }
            self.answer(&buffer[..len]).await?;
            len = loop {
                let woken = tokio::select! {
                    received = self.receive(&mut buffer) => Woken::Message(received?),
                    Ok(()) = changes.changed() => Woken::Changed,
                };
                match woken {
                    Woken::Message(len) => break len,
                    Woken::Changed => self.reconsider().await?,
                }
            };
        }
    }

    /// Lets a reader go whose entitlement was taken back.
    async fn reconsider(&mut self) -> Result<(), End> {
        let Some(subscription) = &self.subscription else {
            return Ok(());
        };
        let offer = self.service.catalogue.now();
        let decision = offer
            .entitlements
            .decide(&subscription.queue, self.peer.as_ref());
        let Err(refusal) = decision else {
            return Ok(());
        };
        let registry = &self.service.registry;
        registry.complain(&registry.counters.revoked, self.peer.as_ref(), &refusal);
        let reply = Reply::Error {
            code: ErrorCode::Revoked,
            text: refusal.to_string(),
        };
        // Request 0: nobody asked.
        self.reply(0, &reply, &[]).await?;
        Err(End::Done)
    }

    async fn answer(&mut self, message: &[u8]) -> Result<(), End> {
        let (number, request) = match Request::decode(message) {
            Ok(decoded) => decoded,
            Err(error) => return self.reject(message, error).await,
        };
        match request {
            Request::Hello => {
                let reply = Reply::Welcome {
                    pid: std::process::id(),
                    started_ns: self.service.started_ns,
                };
                self.reply(number, &reply, &[]).await
            }
            Request::Queues => {
                let offer = self.service.catalogue.now();
                let entries: Vec<_> = self.readable(&offer).map(entry).collect();
                self.reply_all(number, &Reply::queues(&entries)).await
            }
            Request::Status => {
                let text = (self.service.status)();
                self.reply_all(number, &Reply::status(&text)).await
            }
            Request::Subscribe { queue, reader } => self.subscribe(number, &queue, &reader).await,
        }
    }

    /// The queues that this client may read.
    fn readable<'a>(&'a self, offer: &'a Offer) -> impl Iterator<Item = &'a Offered> {
        offer.queues.iter().filter(|queue| {
            let decision = offer
                .entitlements
                .decide(queue.handle.name(), self.peer.as_ref());
            decision.is_ok()
        })
    }

    async fn subscribe(&mut self, number: u32, name: &str, reader: &str) -> Result<(), End> {
        let offer = self.service.catalogue.now();
        let queue = match self.find(&offer, name) {
            Ok(queue) => queue,
            Err(error) => return self.reply(number, &error, &[]).await,
        };
        let resources = queue
            .handle
            .read_only_fd()
            .and_then(|ring| Ok((ring, PositionPage::create()?)));
        let (ring, (page, page_fd)) = match resources {
            Ok(resources) => resources,
            Err(error) => {
                let registry = &self.service.registry;
                registry.complain(
                    &registry.counters.resource_failures,
                    self.peer.as_ref(),
                    &error,
                );
                let reply = Reply::Error {
                    code: ErrorCode::Resource,
                    text: error.to_string(),
                };
                return self.reply(number, &reply, &[]).await;
            }
        };
        let epoch = queue.handle.epoch();
        let reply = Reply::Subscribed {
            epoch,
            base: queue.base,
            run: self.service.started_ns,
        };
        let reader = Reader {
            name: printable(reader),
            peer: self.peer.clone(),
            queue: queue.clone(),
            _watch: self.service.registry.bells.watch(&queue.handle, &page),
            page,
        };
        let before = self.subscription.as_ref().map(|before| before.reader);
        self.subscription = Some(Subscription {
            reader: self.service.registry.add(before, reader),
            queue: name.to_owned(),
            epoch,
        });
        self.reply(number, &reply, &[ring.as_fd(), page_fd.as_fd()])
            .await
    }

    /// The queue of that name, if this client may subscribe to it now; otherwise the answer that says why not. Counts.
    fn find<'a>(&self, offer: &'a Offer, name: &str) -> Result<&'a Offered, Reply> {
        let registry = &self.service.registry;
        let refuse = |code, text: String| {
            let counter = &registry.counters.refused_subscriptions;
            registry.complain(counter, self.peer.as_ref(), &text);
            Err(Reply::Error { code, text })
        };
        let Some(queue) = offer.find(name) else {
            let names: Vec<_> = self.readable(offer).map(|q| q.handle.name()).collect();
            let mut names = names.join(", ");
            names.truncate(names.floor_char_boundary(400));
            let text = match names.as_str() {
                "" => format!("there is no queue {name:?}, and none that this user may read"),
                names => format!("there is no queue {name:?}; there are: {names}"),
            };
            return refuse(ErrorCode::UnknownQueue, text);
        };
        if let Err(refusal) = offer.entitlements.decide(name, self.peer.as_ref()) {
            registry.refused_entitlement(self.peer.as_ref(), &refusal);
            return Err(Reply::Error {
                code: ErrorCode::NotEntitled,
                text: refusal.to_string(),
            });
        }
        match &self.subscription {
            // The queue went on in another epoch, and its reader follows.
            Some(before) if before.queue == name && before.epoch != queue.handle.epoch() => {
                Ok(queue)
            }
            Some(_) => refuse(
                ErrorCode::AlreadySubscribed,
                "this connection has a subscription: open another".to_owned(),
            ),
            None => Ok(queue),
        }
    }

    /// Answers a message that cannot be understood, and lets its sender go: what follows cannot be trusted either.
    async fn reject(&mut self, message: &[u8], error: ProtocolError) -> Result<(), End> {
        let registry = &self.service.registry;
        let (code, counter) = match error {
            ProtocolError::Version { .. } => (ErrorCode::Version, &registry.counters.wrong_version),
            _ => (ErrorCode::Malformed, &registry.counters.malformed),
        };
        registry.complain(counter, self.peer.as_ref(), &error);
        let text = format!(
            "{error}; this gateway speaks version {VERSION}: use a client of its generation"
        );
        self.reply(request_number(message), &Reply::Error { code, text }, &[])
            .await?;
        Err(End::Done)
    }

    async fn reply_all(&mut self, number: u32, replies: &[Reply]) -> Result<(), End> {
        for reply in replies {
            self.reply(number, reply, &[]).await?;
        }
        Ok(())
    }

    async fn reply(
        &mut self,
        number: u32,
        reply: &Reply,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), End> {
        let message = reply.encode(number);
        let send = async {
            loop {
                let mut ready = self.socket.writable().await?;
                if let Ok(sent) = ready.try_io(|socket| send(socket, &message, descriptors)) {
                    return sent;
                }
            }
        };
        match tokio::time::timeout(SEND_TIMEOUT, send).await {
            Ok(sent) => Ok(sent?),
            Err(_) => {
                let registry = &self.service.registry;
                registry.complain(
                    &registry.counters.stuck,
                    self.peer.as_ref(),
                    &"does not read its answers: disconnected",
                );
                Err(End::Done)
            }
        }
    }

    /// The length of the next message; one that is too long is cut to a length that no request has.
    async fn receive(&self, buffer: &mut [u8; REQUEST_BYTES_MAX + 1]) -> Result<usize, End> {
        loop {
            let mut ready = self.socket.readable().await?;
            let received = ready.try_io(|socket| {
                // Without room for them, descriptors that a client sends are closed by the kernel.
                let (len, _) = rustix::net::recv(socket, &mut buffer[..], RecvFlags::empty())?;
                Ok(len)
            });
            match received {
                Ok(Ok(0)) => return Err(End::Done),
                Ok(Ok(len)) => return Ok(len),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_would_block) => {}
            }
        }
    }
}

fn send(
    socket: &AsyncFd<OwnedFd>,
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // The kernel takes a message whole or not at all.
    rustix::net::sendmsg(
        socket,
        &[IoSlice::new(message)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

fn entry(queue: &Offered) -> QueueEntry {
    let header = queue.handle.header();
    QueueEntry {
        name: header.name.clone(),
        epoch: header.epoch,
        slots: header.slots,
        head: queue.published(),
        schema_id: header.schema_id,
        schema_version: header.schema_version,
        record_bytes_max: header.record_bytes_max,
    }
}

/// A reader's name as it may stand in logs and metrics.
fn printable(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect();
    if name.is_empty() {
        "unnamed".into()
    } else {
        name
    }
}
