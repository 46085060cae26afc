//! Pictures for the status page, as server-sent events.
//!
//! A picture is drawn once for all who follow, and none while nobody does. A follower has room for a few; one that takes
//! none of them is cut off and counted: it costs neither memory nor anybody's time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tracing::warn;

use super::super::listener::Peer;
use super::line::Line;
use crate::broker::LogGate;
use crate::service::status::Status;
use crate::view;

/// Pictures that a follower may be behind, beyond what the kernel holds for it.
const BACKLOG: usize = 4;
/// The least time between two pictures.
const APART: Duration = Duration::from_millis(200);

/// Who follows, and what they were sent last.
#[derive(Debug)]
pub(super) struct Events {
    inner: Mutex<Inner>,
    followers_max: usize,
    /// Somebody has come, and there is no recent picture.
    wanted: Notify,
    dropped: AtomicU64,
    told: LogGate,
}

#[derive(Debug, Default)]
struct Inner {
    followers: Vec<Follower>,
    /// The last event, while there are followers.
    last: Option<Bytes>,
}

#[derive(Debug)]
struct Follower {
    events: mpsc::Sender<Bytes>,
    line: Arc<Line>,
    peer: Peer,
}

impl Events {
    pub(super) fn new(followers_max: usize) -> Self {
        Self {
            inner: Mutex::default(),
            followers_max,
            wanted: Notify::new(),
            dropped: AtomicU64::new(0),
            told: LogGate::new(5),
        }
    }

    /// The answer to one more follower; `None` where there are as many as may be.
    pub(super) fn follow(&self, line: Arc<Line>, peer: Peer) -> Option<Body> {
        let (events, follows) = mpsc::channel(BACKLOG);
        let mut inner = self.lock();
        inner
            .followers
            .retain(|follower| !follower.events.is_closed());
        if inner.followers.len() >= self.followers_max {
            return None;
        }
        line.follow();
        if inner.followers.is_empty() {
            // What was sent last may be hours old.
            inner.last = None;
        }
        match &inner.last {
            Some(last) => {
                let _ = events.try_send(last.clone());
            }
            None => self.wanted.notify_one(),
        }
        inner.followers.push(Follower { events, line, peer });
        Some(Body::new(Following(follows)))
    }

    /// Draws pictures with `look`, one each `interval`, for as long as somebody follows.
    pub(super) async fn draw(&self, interval: Duration, look: impl Fn() -> Status) {
        let mut before = None;
        let mut looked: Option<Instant> = None;
        loop {
            if self.followers() == 0 {
                before = None;
                self.wanted.notified().await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(interval) => {}
                    () = self.wanted.notified() => {}
                }
            }
            // Whoever comes and goes and comes again gets no more pictures for it.
            if let Some(looked) = looked {
                tokio::time::sleep_until(looked + APART.min(interval)).await;
            }
            looked = Some(Instant::now());
            let now = look();
            // Text and numbers: nothing in it can fail to be written.
            if let Ok(text) = serde_json::to_string(&view::picture(before.as_ref(), &now)) {
                self.send(format!("data: {text}\n\n").into());
            }
            before = Some(now);
        }
    }

    fn send(&self, event: Bytes) {
        let mut inner = self.lock();
        inner.last = Some(event.clone());
        inner
            .followers
            .retain(|follower| match follower.events.try_send(event.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.drop_slow(follower);
                    false
                }
            });
    }

    fn drop_slow(&self, follower: &Follower) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        follower.line.cut();
        if let Some(held_back) = self.told.pass() {
            warn!(
                peer = %follower.peer,
                held_back,
                "a follower of the status page does not read: it is cut off"
            );
        }
    }

    /// How many follow.
    pub(super) fn followers(&self) -> usize {
        let mut inner = self.lock();
        inner
            .followers
            .retain(|follower| !follower.events.is_closed());
        inner.followers.len()
    }

    /// How many were cut off because they did not read.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked held it for operations that leave it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events as the body of an answer that has no end of its own.
struct Following(mpsc::Receiver<Bytes>);

impl HttpBody for Following {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = self.0.poll_recv(context);
        event.map(|event| event.map(|bytes| Ok(Frame::data(bytes))))
    }
}
