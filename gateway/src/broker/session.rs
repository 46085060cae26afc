//! One client's connection, from its first message to its end.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gateway_client::protocol::request_number;
use gateway_client::protocol::{
    ErrorCode, OrdersOf, ProtocolError, QueueEntry, REQUEST_BYTES_MAX, Reply, Request, VERSION,
    Wish,
};
use gateway_queue::clock::Clock;
use gateway_queue::{LentWords, PositionPage, QueueError};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::unix::AsyncFd;

use super::books::{LENT_MAX, Loan, Orders, OrdersRefusal, TableReaderGuard};
use super::catalogue::{Catalogue, Offered};
use super::counters::count;
use super::limit::{Admission, Full, Pace};
use super::readers::{Reader, Registry};
use super::{Offer, OfferedBook, PeerCredentials};

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
    book: Option<OpenBook>,
    loan: Option<(Loan, Instant)>,
    _admission: Admission,
}

/// What this client reads.
struct Subscription {
    /// The reader's number in the registry.
    reader: u64,
    queue: String,
    epoch: u64,
}

/// The table that this client reads.
struct OpenBook {
    book: String,
    epoch: u64,
    _reader: TableReaderGuard,
}

/// Why a session goes on.
enum Woken {
    /// A message of that length came.
    Message(usize),
    /// The catalogue changed.
    Changed,
    /// The client had time enough to read what it was lent.
    Due,
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
        book: None,
        loan: None,
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
            self.loan = None;
            self.answer(&buffer[..len]).await?;
            len = loop {
                let due = self.loan.as_ref().map(|(_, since)| *since + LENT_MAX);
                let woken = tokio::select! {
                    received = self.receive(&mut buffer) => Woken::Message(received?),
                    Ok(()) = changes.changed() => Woken::Changed,
                    () = until(due), if due.is_some() => Woken::Due,
                };
                match woken {
                    Woken::Message(len) => break len,
                    Woken::Changed => self.reconsider().await?,
                    Woken::Due => self.loan = None,
                }
            };
        }
    }

    /// Lets a reader go whose entitlement was taken back.
    async fn reconsider(&mut self) -> Result<(), End> {
        let offer = self.service.catalogue.now();
        let queue = self.subscription.as_ref().map(|s| s.queue.as_str());
        let book = self.book.as_ref().map(|open| open.book.as_str());
        let decision = queue.into_iter().chain(book).try_for_each(|name| {
            let peer = self.peer.as_ref();
            offer.entitlements.decide(name, peer)
        });
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
            Request::Subscribe {
                queue,
                reader,
                wish,
            } => self.subscribe(number, &queue, &reader, wish).await,
            Request::Books => {
                let offer = self.service.catalogue.now();
                let may_read = |name: &str| {
                    let decision = offer.entitlements.decide(name, self.peer.as_ref());
                    decision.is_ok()
                };
                let books = offer.books.iter().filter(|book| may_read(book.name()));
                let entries: Vec<_> = books.map(|book| book.info()).collect();
                self.reply_all(number, &Reply::books(&entries)).await
            }
            Request::Book { book, reader } => self.open_book(number, &book, &reader).await,
            Request::Orders { book, of } => self.orders(number, &book, of).await,
        }
    }

    async fn open_book(&mut self, number: u32, name: &str, reader: &str) -> Result<(), End> {
        let offer = self.service.catalogue.now();
        let book = match self.find_book(&offer, name) {
            Ok(book) => book,
            Err(error) => return self.reply(number, &error, &[]).await,
        };
        let epoch = book.table.epoch();
        let follows = |open: &OpenBook| open.book == name && open.epoch != epoch;
        if self.book.as_ref().is_some_and(|open| !follows(open)) {
            let text = "this connection reads a table: open another".to_owned();
            let registry = &self.service.registry;
            let counter = &registry.counters.refused_subscriptions;
            registry.complain(counter, self.peer.as_ref(), &text);
            let code = ErrorCode::AlreadySubscribed;
            return self.reply(number, &Reply::Error { code, text }, &[]).await;
        }
        let table = match book.table.read_only_fd() {
            Ok(table) => table,
            Err(error) => return self.lack(number, &error).await,
        };
        self.book = Some(OpenBook {
            book: name.to_owned(),
            epoch,
            _reader: book.desk.reader(),
        });
        let registry = &self.service.registry;
        count(&registry.counters.tables);
        registry.table_given(&printable(reader), name, self.peer.as_ref());
        let run = self.service.started_ns;
        self.reply(number, &Reply::Book { epoch, run }, &[table.as_fd()])
            .await
    }

    async fn orders(&mut self, number: u32, name: &str, of: OrdersOf) -> Result<(), End> {
        let offer = self.service.catalogue.now();
        let desk = match self.find_book(&offer, name) {
            Ok(book) => book.desk.clone(),
            Err(error) => return self.reply(number, &error, &[]).await,
        };
        let refusal = match desk.ask(of).await {
            Ok(orders) => match self.lend(&orders).await {
                Ok(Ok(loan)) => return self.pass_on(number, &orders, loan).await,
                Ok(Err(error)) => return self.lack(number, &error).await,
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        let registry = &self.service.registry;
        let counter = &registry.counters.refused_snapshots;
        let text = format!("orders of book \"{name}\" are refused: {refusal}");
        registry.complain(counter, self.peer.as_ref(), &text);
        let code = refusal.code();
        self.reply(number, &Reply::Error { code, text }, &[]).await
    }

    /// Puts orders where the client can read them, on a thread that may wait for memory.
    async fn lend(&self, orders: &Orders) -> Result<Result<Loan, QueueError>, OrdersRefusal> {
        let bytes = size_of_val(orders.words.as_slice()) as u64;
        let reservation = self.service.registry.purse.reserve(bytes)?;
        let words = orders.words.clone();
        let writing = move || LentWords::new("gateway-orders", &words);
        let written = tokio::task::spawn_blocking(writing).await;
        // A thread that panicked is a defect that its message tells of.
        let words = written.map_err(|_| OrdersRefusal::Busy)?;
        Ok(words.map(|words| reservation.lend(words)))
    }

    async fn pass_on(&mut self, number: u32, orders: &Orders, loan: Loan) -> Result<(), End> {
        let fd = match loan.words.read_only_fd() {
            Ok(fd) => fd,
            Err(error) => return self.lack(number, &error).await,
        };
        count(&self.service.registry.counters.snapshots);
        let reply = Reply::Orders {
            run: self.service.started_ns,
            position: orders.position,
            records: orders.words.len() as u64 / 7,
            instruments: orders.instruments,
            invalid: orders.invalid,
        };
        self.loan = Some((loan, Instant::now()));
        self.reply(number, &reply, &[fd.as_fd()]).await
    }

    /// Tells a client that the gateway lacks what it asked for.
    async fn lack(&mut self, number: u32, error: &QueueError) -> Result<(), End> {
        let registry = &self.service.registry;
        let counter = &registry.counters.resource_failures;
        registry.complain(counter, self.peer.as_ref(), error);
        let reply = Reply::Error {
            code: ErrorCode::Resource,
            text: error.to_string(),
        };
        self.reply(number, &reply, &[]).await
    }

    /// The book of that name, if this client may read it; otherwise the answer that says why not. Counts.
    fn find_book<'a>(&self, offer: &'a Offer, name: &str) -> Result<&'a OfferedBook, Reply> {
        let registry = &self.service.registry;
        let Some(book) = offer.find_book(name) else {
            let may_read = |book: &&OfferedBook| {
                let decision = offer.entitlements.decide(book.name(), self.peer.as_ref());
                decision.is_ok()
            };
            let names: Vec<_> = offer
                .books
                .iter()
                .filter(may_read)
                .map(|b| b.name())
                .collect();
            let text = none_of_that_name("book", name, &names);
            let counter = &registry.counters.refused_subscriptions;
            registry.complain(counter, self.peer.as_ref(), &text);
            let code = ErrorCode::UnknownBook;
            return Err(Reply::Error { code, text });
        };
        match offer.entitlements.decide(name, self.peer.as_ref()) {
            Ok(()) => Ok(book),
            Err(refusal) => {
                registry.refused_entitlement(self.peer.as_ref(), &refusal);
                Err(Reply::Error {
                    code: ErrorCode::NotEntitled,
                    text: refusal.to_string(),
                })
            }
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

    async fn subscribe(
        &mut self,
        number: u32,
        name: &str,
        reader: &str,
        wish: Wish,
    ) -> Result<(), End> {
        let offer = self.service.catalogue.now();
        let queue = match self.find(&offer, name, wish) {
            Ok(queue) => queue,
            Err(error) => return self.reply(number, &error, &[]).await,
        };
        let resources = queue
            .handle
            .read_only_fd()
            .and_then(|ring| Ok((ring, PositionPage::create()?)));
        let (ring, (page, page_fd)) = match resources {
            Ok(resources) => resources,
            Err(error) => return self.lack(number, &error).await,
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

    /// The queue of that name in the epoch that has what the client wishes, if it may subscribe to it now; otherwise the
    /// answer that says why not. Counts.
    fn find<'a>(&self, offer: &'a Offer, name: &str, wish: Wish) -> Result<&'a Offered, Reply> {
        let registry = &self.service.registry;
        let refuse = |code, text: String| {
            let counter = &registry.counters.refused_subscriptions;
            registry.complain(counter, self.peer.as_ref(), &text);
            Err(Reply::Error { code, text })
        };
        let Some(queue) = offer.find(name) else {
            let names: Vec<_> = self.readable(offer).map(|q| q.handle.name()).collect();
            let text = none_of_that_name("queue", name, &names);
            return refuse(ErrorCode::UnknownQueue, text);
        };
        if let Err(refusal) = offer.entitlements.decide(name, self.peer.as_ref()) {
            registry.refused_entitlement(self.peer.as_ref(), &refusal);
            return Err(Reply::Error {
                code: ErrorCode::NotEntitled,
                text: refusal.to_string(),
            });
        }
        let queue = offer.epoch_of(queue, wish, self.service.started_ns);
        match &self.subscription {
            // The queue went on in a later epoch, and its reader follows.
            Some(before) if before.queue == name && before.epoch < queue.handle.epoch() => {
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

/// What is there instead of something that is not.
fn none_of_that_name(what: &str, name: &str, readable: &[&str]) -> String {
    let mut names = readable.join(", ");
    names.truncate(names.floor_char_boundary(400));
    match names.as_str() {
        "" => format!("there is no {what} {name:?}, and none that this user may read"),
        names => format!("there is no {what} {name:?}; there are: {names}"),
    }
}

/// Waits until then; for ever where there is no such time.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
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
