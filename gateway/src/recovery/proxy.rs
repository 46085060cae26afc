//! Sessions with gap request proxies of PITCH: one connection each, kept as long as the gateway runs.
//!
//! A task a proxy. It logs in, sends the requests that it is handed, and tells what becomes of the session and of each
//! request. Requests that cannot be handed to it at once are not kept: the planner asks another proxy, or again. What was
//! asked for does not come here, but on the channel's gap response lines.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use gateway_feed::pitch::session::{
    Client, ClientEvent, CloseReason, Credentials, GapRequest, GapResponse, GapStatus,
};
use gateway_feed::recovery::{Backoff, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::connect::{ConnectError, connect};
use super::rerequest::Way;

/// Requests that may wait for a proxy's task.
const REQUESTS_MAX: usize = 64;
/// What is read at a time.
const READ_BYTES: usize = 4_096;
/// Requests wait while a proxy has so many bytes to take.
const OUTPUT_BYTES_MAX: usize = 4_096;
const SECOND_NS: u64 = 1_000_000_000;
/// For how long a proxy rests whose requests of the day are used up. A new day has to be noticed at some time.
const DAY_REST_NS: u64 = 600 * SECOND_NS;

/// A gap request proxy and who logs in.
#[derive(Clone, Debug)]
pub(crate) struct GapServer {
    pub(crate) address: SocketAddr,
    pub(crate) credentials: Credentials,
    pub(crate) unit: u8,
    pub(crate) way: Way,
    /// The pauses between attempts at a session.
    pub(crate) pauses: Backoff,
}

/// What a proxy's task tells.
#[derive(Debug)]
pub(super) enum Told {
    /// It is logged in.
    Up,
    /// There is no session, for this cause, and whether there was one for a while.
    Down(ProxyError, bool),
    /// A request is on its way.
    Asked,
    /// A request that was handed over was not sent.
    NotAsked(GapRequest),
    /// What becomes of a request.
    Replied(GapResponse),
    /// It sent a message of this type, which no proxy sends.
    Strange(u8),
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection broke: {0}")]
    Connection(#[from] std::io::Error),
    #[error(transparent)]
    Closed(CloseReason),
}

/// The way to one proxy's task.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) server: GapServer,
    requests: Option<mpsc::Sender<GapRequest>>,
    pub(super) is_up: bool,
    /// It was logged that it is up, and no failure since.
    pub(super) is_told_up: bool,
    /// The cause of the failure that was logged last.
    pub(super) logged: Option<String>,
}

impl Proxy {
    /// To a task that is not started yet.
    pub(super) const fn new(server: GapServer) -> Self {
        Self {
            server,
            requests: None,
            is_up: false,
            is_told_up: false,
            logged: None,
        }
    }

    /// What its task is to run; it tells `news`, with its `index`.
    pub(super) fn begin(
        &mut self,
        index: usize,
        news: mpsc::Sender<(usize, Told)>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        self.requests = Some(sender);
        let server = self.server.clone();
        async move { keep(index, &server, requests, &news).await }
    }

    /// Asks for `count` messages from `first` on; whether its task has the request.
    pub(super) fn ask(&self, first: u64, count: u16) -> bool {
        let (true, Some(requests), Ok(sequence)) =
            (self.is_up, &self.requests, u32::try_from(first))
        else {
            return false;
        };
        let unit = self.server.unit;
        let request = GapRequest {
            unit,
            sequence,
            count,
        };
        requests.try_send(request).is_ok()
    }
}

/// What the planner is told of a proxy's status.
pub(super) const fn reply_of(status: GapStatus) -> Reply {
    match status {
        GapStatus::Accepted => Reply::Accepted,
        GapStatus::OutOfRange | GapStatus::InvalidUnit | GapStatus::Other(_) => Reply::NotThere,
        GapStatus::TooMany => Reply::TooMany,
        GapStatus::DayExhausted => Reply::Exhausted(DAY_REST_NS),
        GapStatus::MinuteExhausted => Reply::Exhausted(60 * SECOND_NS),
        GapStatus::SecondExhausted => Reply::Exhausted(SECOND_NS),
        GapStatus::Unavailable => Reply::Unavailable,
    }
}

/// Has a session as long as anybody listens.
async fn keep(
    index: usize,
    server: &GapServer,
    mut requests: mpsc::Receiver<GapRequest>,
    news: &mpsc::Sender<(usize, Told)>,
) {
    let mut failures = 0_u32;
    loop {
        let mut up = None;
        let cause = converse(index, server, &mut requests, news, &mut up).await;
        // One that accepts and hangs up is not asked for a session at once, for ever.
        let longest = Duration::from_nanos(server.pauses.max_ns);
        let lasted = up.is_some_and(|since: Instant| since.elapsed() >= longest);
        failures = if lasted {
            1
        } else {
            failures.saturating_add(1)
        };
        if news.send((index, Told::Down(cause, lasted))).await.is_err() {
            return;
        }
        // What waits for it is asked for elsewhere, as is what is handed over before it is known that there is no session.
        if !refuse(index, &mut requests, news).await {
            return;
        }
        sleep(Duration::from_nanos(server.pauses.after(failures))).await;
        if !refuse(index, &mut requests, news).await {
            return;
        }
    }
}

/// Tells of all that waits that it is not asked for; whether anybody listens.
async fn refuse(
    index: usize,
    requests: &mut mpsc::Receiver<GapRequest>,
    news: &mpsc::Sender<(usize, Told)>,
) -> bool {
    while let Ok(request) = requests.try_recv() {
        if news.send((index, Told::NotAsked(request))).await.is_err() {
            return false;
        }
    }
    true
}

/// One session, to its end.
async fn converse(
    index: usize,
    server: &GapServer,
    requests: &mut mpsc::Receiver<GapRequest>,
    news: &mpsc::Sender<(usize, Told)>,
    up: &mut Option<Instant>,
) -> ProxyError {
    let stream = match connect(server.address, &server.way).await {
        Ok(stream) => stream,
        Err(cause) => return cause.into(),
    };
    let mut told = Vec::new();
    let mut session = Session::new(server, stream);
    loop {
        let ended = session.turn(requests, &mut told).await;
        for what in told.drain(..) {
            if matches!(what, Told::Up) {
                *up = Some(Instant::now());
            }
            if news.send((index, what)).await.is_err() {
                return ProxyError::Closed(CloseReason::PeerClosed);
            }
        }
        if let Err(cause) = ended {
            return cause;
        }
    }
}

/// A connection and the session over it.
struct Session {
    client: Client,
    stream: TcpStream,
    begun: Instant,
    buffer: Vec<u8>,
}

impl Session {
    fn new(server: &GapServer, stream: TcpStream) -> Self {
        // A request is a packet of its own, and waits for nothing. Where the kernel refuses it comes a little later.
        let _ = stream.set_nodelay(true);
        Self {
            client: Client::new(server.credentials, 0),
            stream,
            begun: Instant::now(),
            buffer: vec![0; READ_BYTES],
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits for the next thing and does it.
    async fn turn(
        &mut self,
        requests: &mut mpsc::Receiver<GapRequest>,
        told: &mut Vec<Told>,
    ) -> Result<(), ProxyError> {
        let due = self.client.next_deadline().unwrap_or_default();
        let due = self.begun + Duration::from_nanos(due);
        let mut ended = None;
        let mut take = |event: ClientEvent<'_>| match event {
            ClientEvent::LoggedIn => told.push(Told::Up),
            ClientEvent::Message(message) => {
                let kind = message.first().copied().unwrap_or_default();
                told.push(GapResponse::parse(message).map_or(Told::Strange(kind), Told::Replied));
            }
            ClientEvent::Closed(reason) => ended = Some(reason),
        };
        let (mut reader, mut writer) = self.stream.split();
        let output = self.client.output().len();
        let (has_output, takes_more) = (output > 0, output < OUTPUT_BYTES_MAX);
        let mut handed = None;
        tokio::select! {
            read = reader.read(&mut self.buffer) => {
                let now = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                match read? {
                    0 => self.client.on_disconnect(&mut take),
                    length => {
                        let bytes = self.buffer.get(..length).unwrap_or_default();
                        self.client.on_bytes(now, bytes, &mut take);
                    }
                }
            }
            written = writer.write(self.client.output()), if has_output => self.client.sent(written?),
            Some(request) = requests.recv(), if takes_more => {
                let now = self.now();
                let goes = self.client.send(now, &request.encode());
                handed = Some(if goes { Told::Asked } else { Told::NotAsked(request) });
            }
            () = sleep_until(due) => {
                let now = self.now();
                self.client.on_time(now, &mut take);
            }
        }
        told.extend(handed);
        ended.map_or(Ok(()), |reason| Err(ProxyError::Closed(reason)))
    }
}
