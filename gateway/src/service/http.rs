//! `/metrics`, `/healthz` and `/readyz`.
//!
//! Whoever reaches the address may connect, so what a connection can take is bounded: so many at a time, one request
//! each, and a few seconds from its first byte to its last. Those beyond wait in the kernel's queue.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::warn;

use super::state::State;
use crate::metrics;

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

/// How long to wait where the system gives no connection: it has no descriptors left, and asking again at once would
/// keep the housekeeping core busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests until `shutdown` resolves, then ends those that are under way.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    tokio::pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < limits.connections;
        tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    let answer = answer(stream, router.clone());
                    connections.spawn(tokio::time::timeout(limits.lifetime, answer));
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

/// Answers one request. What goes wrong concerns the client alone, who sees it.
async fn answer(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    let _ = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The routes over `state`.
pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/metrics", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(state)
}

async fn page(Shared(state): Shared<Arc<State>>) -> Response {
    let since = Instant::now();
    match metrics::render(&state.status(), since) {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)];
            (kind, text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Runs `test` against a server with these limits, at the address that it is given.
    fn with_server<T: Future<Output = ()>>(
        limits: Limits,
        test: impl FnOnce(std::net::SocketAddr) -> T,
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new().route("/healthz", get(|| async { "ok\n" }));
            let test = tokio::time::timeout(PATIENCE, test(address));
            let mut ended = None;
            serve(listener, router, limits, async {
                ended = Some(test.await);
            })
            .await;
            ended.unwrap().unwrap();
        });
    }

    async fn silent(address: std::net::SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.unwrap()
    }

    /// The answer to a request on a connection that is there.
    async fn ask(mut stream: TcpStream) -> String {
        let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[test]
    fn a_client_that_says_nothing_is_hung_up_on() {
        let limits = Limits {
            lifetime: Duration::from_millis(50),
            ..Limits::default()
        };
        with_server(limits, |address| async move {
            let mut quiet = silent(address).await;
            let mut slow = silent(address).await;
            slow.write_all(b"GET /healthz HT").await.unwrap();
            for stream in [&mut quiet, &mut slow] {
                let mut bytes = Vec::new();
                // The end of the stream, or a reset: what was sent last was not read.
                let _ = stream.read_to_end(&mut bytes).await;
                assert!(bytes.is_empty());
            }
        });
    }

    #[test]
    fn connections_beyond_the_limit_wait_for_their_turn() {
        let limits = Limits {
            connections: 2,
            lifetime: PATIENCE * 2,
        };
        with_server(limits, |address| async move {
            let held = [silent(address).await, silent(address).await];
            let third = tokio::spawn(ask(silent(address).await));
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!third.is_finished(), "served beyond the limit");
            drop(held);
            let answer = third.await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert!(answer.ends_with("ok\n"), "{answer}");
        });
    }
}
