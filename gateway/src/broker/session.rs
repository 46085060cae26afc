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
use gateway_queue::clock::Clock;
use gateway_queue::{PositionPage, QueueHandle};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::unix::AsyncFd;

use super::PeerCredentials;
use super::limit::Pace;
use super::readers::{Reader, Registry, count};

/// A client that says nothing after connecting is let go after this time.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that does not read its answers is let go after this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// What all sessions share.
pub(super) struct Service {
    queues: Vec<QueueHandle>,
    status: Box<dyn Fn() -> String + Send + Sync>,
    registry: Arc<Registry>,
    started_ns: u64,
}

impl Service {
    pub(super) fn new(
        queues: Vec<QueueHandle>,
        status: Box<dyn Fn() -> String + Send + Sync>,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            queues,
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
    /// The reader's number in the registry, once it subscribed.
    reader: Option<u64>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(reader) = self.reader {
            self.service.registry.remove(reader);
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
) {
    count(&service.registry.counters.connections);
    count(&service.registry.counters.clients);
    let mut session = Session {
        service,
        socket,
        peer,
        reader: None,
    };
    // Either end is the client's; nothing is left to do about it.
    let _ = session.run().await;
}

/// Tells a client that there are too many, without waiting.
pub(super) fn refuse_busy(socket: &OwnedFd, clients_max: usize) {
    let text =
        format!("there are {clients_max} clients already, as many as allowed: raise max_clients");
    let message = Reply::Error {
        code: ErrorCode::Busy,
        text,
    }
    .encode(0);
    // It is let go in any case.
    let _ = rustix::net::send(socket, &message, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
}

impl Session {
    async fn run(&mut self) -> Result<(), End> {
        let mut pace = Pace::new(Instant::now());
        let mut buffer = [0_u8; REQUEST_BYTES_MAX + 1];
        let first = tokio::time::timeout(FIRST_REQUEST_TIMEOUT, self.receive(&mut buffer));
        let mut len = first.await.map_err(|_| End::Done)??;
        loop {
            let wait = pace.take(Instant::now());
            if !wait.is_zero() {
                count(&self.service.registry.counters.throttled);
                tokio::time::sleep(wait).await;
            }
            self.answer(&buffer[..len]).await?;
            len = self.receive(&mut buffer).await?;
        }
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
                let entries: Vec<_> = self.service.queues.iter().map(entry).collect();
                self.reply_all(number, &Reply::queues(&entries)).await
            }
            Request::Status => {
                let text = (self.service.status)();
                self.reply_all(number, &Reply::status(&text)).await
            }
            Request::Subscribe { queue, reader } => self.subscribe(number, &queue, &reader).await,
        }
    }

    async fn subscribe(&mut self, number: u32, name: &str, reader: &str) -> Result<(), End> {
        let refusal = if self.reader.is_some() {
            Some((
                ErrorCode::AlreadySubscribed,
                "this connection has a subscription: open another".to_owned(),
            ))
        } else if self.queue(name).is_none() {
            let names: Vec<_> = self.service.queues.iter().map(QueueHandle::name).collect();
            let mut names = names.join(", ");
            names.truncate(names.floor_char_boundary(400));
            Some((
                ErrorCode::UnknownQueue,
                format!("there is no queue {name:?}; there are: {names}"),
            ))
        } else {
            None
        };
        if let Some((code, text)) = refusal {
            let registry = &self.service.registry;
            registry.complain(&registry.counters.refused_subscriptions, self.peer, &text);
            return self.reply(number, &Reply::Error { code, text }, &[]).await;
        }
        let Some(queue) = self.queue(name).cloned() else {
            return Err(End::Done);
        };
        let resources = queue
            .read_only_fd()
            .and_then(|ring| Ok((ring, PositionPage::create()?)));
        let (ring, (page, page_fd)) = match resources {
            Ok(resources) => resources,
            Err(error) => {
                let registry = &self.service.registry;
                registry.complain(&registry.counters.resource_failures, self.peer, &error);
                let reply = Reply::Error {
                    code: ErrorCode::Resource,
                    text: error.to_string(),
                };
                return self.reply(number, &reply, &[]).await;
            }
        };
        let epoch = queue.epoch();
        let reader = Reader {
            name: printable(reader),
            peer: self.peer,
            queue,
            page,
        };
        self.reader = Some(self.service.registry.add(reader));
        self.reply(
            number,
            &Reply::Subscribed { epoch },
            &[ring.as_fd(), page_fd.as_fd()],
        )
        .await
    }

    fn queue(&self, name: &str) -> Option<&QueueHandle> {
        self.service
            .queues
            .iter()
            .find(|queue| queue.name() == name)
    }

    /// Answers a message that cannot be understood, and lets its sender go: what follows cannot be trusted either.
    async fn reject(&mut self, message: &[u8], error: ProtocolError) -> Result<(), End> {
        let registry = &self.service.registry;
        let (code, counter) = match error {
            ProtocolError::Version { .. } => (ErrorCode::Version, &registry.counters.wrong_version),
            _ => (ErrorCode::Malformed, &registry.counters.malformed),
        };
        registry.complain(counter, self.peer, &error);
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
                    self.peer,
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

fn entry(queue: &QueueHandle) -> QueueEntry {
    let header = queue.header();
    QueueEntry {
        name: header.name.clone(),
        epoch: header.epoch,
        slots: header.slots,
        head: queue.head(),
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
