//! `/metrics`, `/healthz`, `/readyz`, and the status page with its `/events`.
//!
//! Whoever reaches the address may connect, so what a connection can take is bounded: so many at a time, one request
//! each, and a few seconds from its first byte to its last. Those beyond wait in the kernel's queue. Those who follow events
//! are fewer, and stay for as long as they read.

mod events;
mod host;
mod line;
mod page;

use std::future::Future;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tracing::warn;

use super::listener::{Listener, Peer, Stream};
use super::pages::{PER_SECOND, Pages};
use super::state::State;
use super::status::WebStatus;
use crate::broker::LogGate;
use crate::metrics;
use events::Events;
use line::{Line, Over};

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At the same time.
    pub(super) connections: usize,
    /// From its start to its end.
    pub(super) lifetime: Duration,
}

impl Default for Limits {
    /// A scraper or two, a load balancer and a few people; a page takes milliseconds.
    fn default() -> Self {
        Self {
            connections: 32,
            lifetime: Duration::from_secs(10),
        }
    }
}

/// Browsers that may follow at the same time.
const FOLLOWERS_MAX: usize = 8;
/// Time between two of the status page's pictures.
const INTERVAL: Duration = Duration::from_secs(1);
/// What the kernel holds for a client that does not read: a page of metrics at most a few times.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// What clients of the server share.
#[derive(Debug)]
pub(crate) struct Desk {
    scrapes: Pages,
    events: Events,
    timeouts: AtomicU64,
    told: LogGate,
}

impl Default for Desk {
    fn default() -> Self {
        Self::with_followers(FOLLOWERS_MAX)
    }
}

impl Desk {
    fn with_followers(followers_max: usize) -> Self {
        Self {
            scrapes: Pages::default(),
            events: Events::new(followers_max),
            timeouts: AtomicU64::new(0),
            told: LogGate::new(5),
        }
    }

    /// What clients did.
    pub(super) fn status(&self) -> WebStatus {
        WebStatus {
            followers: self.events.followers() as u64,
            followers_dropped: self.events.dropped(),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            pages_reused: self.scrapes.reused(),
        }
    }

    /// Draws pictures for those who follow, for ever.
    pub(super) async fn draw(&self, state: &State) {
        self.events.draw(INTERVAL, || state.status()).await;
    }

    fn hung_up(&self, peer: Peer, lifetime: Duration) {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
        if let Some(held_back) = self.told.pass() {
            warn!(
                %peer,
                seconds = lifetime.as_secs_f64(),
                held_back,
                "a client of the metrics server does not ask, or does not read its answer: it is hung up on"
            );
        }
    }
}

/// How long to wait where the system gives no connection: it has no descriptors left, and asking again at once would
/// keep the housekeeping core busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests until `shutdown` resolves, then ends those that are under way.
pub(super) async fn serve(
    listener: Listener,
    router: Router,
    desk: Arc<Desk>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    tokio::pin!(shutdown);
    let on_loopback = listener.is_on_loopback();
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < limits.connections;
        tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, peer)) => {
                    let (router, desk) = (router.clone(), Arc::clone(&desk));
                    connections.spawn(async move {
                        let line = Arc::new(Line::default());
                        let client = Client { line: Arc::clone(&line), peer, on_loopback };
                        let answered = async {
                            match stream {
                                Stream::Tcp(stream) => answer(stream, router, client).await,
                                Stream::Unix(stream) => answer(stream, router, client).await,
                            }
                        };
                        tokio::select! {
                            () = answered => {}
                            over = line.is_over(limits.lifetime) => if over == Over::TooLong {
                                desk.hung_up(peer, limits.lifetime);
                            },
                        }
                    });
                }
                Err(cause) => {
                    warn!(%cause, "the metrics server cannot accept a connection");
                    tokio::select! {
                        () = &mut shutdown => return,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            },
        }
    }
}

/// Whom a request is of.
#[derive(Clone, Debug)]
struct Client {
    line: Arc<Line>,
    peer: Peer,
    /// Whether it asks a server that only this machine reaches.
    on_loopback: bool,
}

/// Answers one request. What goes wrong concerns the client alone, who sees it.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + AsFd + Unpin,
    router: Router,
    client: Client,
) {
    // Without it the kernel holds what it likes.
    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    let service = TowerToHyperService::new(
        router
            .layer(middleware::from_fn(host::check))
            .layer(Extension(client)),
    );
    let _ = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The routes over `state`.
pub(super) fn router(state: Arc<State>) -> Router {
    let desk = Arc::clone(&state.web);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/readyz", get(ready))
        .with_state(state)
        .merge(of_desk(desk))
}

/// What needs no state.
fn of_desk(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/status", get(page::page))
        .route("/events", get(follow))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(desk)
}

async fn metrics(Shared(state): Shared<Arc<State>>) -> Response {
    let since = Instant::now();
    let draw = || metrics::render(&state.status(), since);
    let tell = |held_back| {
        warn!(
            held_back,
            "metrics are scraped more than {PER_SECOND} times a second: pages of a moment ago are given"
        );
    };
    match state.web.scrapes.page(since, draw, tell) {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)];
            (kind, text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn follow(Shared(desk): Shared<Arc<Desk>>, Extension(client): Extension<Client>) -> Response {
    match desk.events.follow(client.line, client.peer) {
        Some(events) => {
            let kind = [(header::CONTENT_TYPE, "text/event-stream")];
            (page::common(), kind, events).into_response()
        }
        None => {
            let text = "as many browsers follow as may; close one, or use gateway top\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    match state.not_ready() {
        None => "ready\n".into_response(),
        Some(why) => {
            let text = format!("not ready: {why}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
