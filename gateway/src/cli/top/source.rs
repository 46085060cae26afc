//! Looks at the gateway, again and again.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use gateway_client::Client;

use crate::cli::exit::{Exit, Failure};
use crate::cli::status::parse;
use crate::cli::tail::unreachable;
use crate::service::status::Status;

/// How long until a gateway that is away is looked for again, at most.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A gateway by its socket.
pub(super) struct Source {
    socket: PathBuf,
    client: Option<Client>,
}

/// What a look gave: what the gateway says, or why it says nothing.
pub(super) type Look = Result<Box<Status>, String>;

impl Source {
    pub(super) const fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            client: None,
        }
    }

    /// One look. A gateway that began anew is connected to anew.
    pub(super) fn look(&mut self) -> Result<Status, Failure> {
        let kept = self.client.take();
        let answer = kept.and_then(|client| Some((client.status().ok()?, client)));
        let (text, client) = match answer {
            Some(answer) => answer,
            None => {
                let client = Client::connect(&self.socket).map_err(unreachable)?;
                (client.status().map_err(unreachable)?, client)
            }
        };
        let status = parse(&text)?;
        self.client = Some(client);
        Ok(status)
    }

    /// Looks on a thread of its own from now on, so that a gateway that does not answer holds up no key.
    pub(super) fn watch(socket: PathBuf, interval: Duration) -> Result<Looks, Failure> {
        // One look waits at most: who does not take them wants none.
        let (looks, receiver) = sync_channel(1);
        let (stop, stopped) = sync_channel::<()>(0);
        thread::Builder::new()
            .name("looks".to_owned())
            .spawn(move || Self::new(socket).watching(interval, &looks, &stopped))
            .map_err(|error| {
                Failure::new(Exit::Internal, format!("cannot start a thread: {error}"))
            })?;
        Ok(Looks {
            receiver,
            _stop: stop,
        })
    }

    fn watching(mut self, interval: Duration, looks: &SyncSender<Look>, stopped: &Receiver<()>) {
        let mut next = Instant::now();
        loop {
            let look = self.look().map(Box::new).map_err(|failure| failure.message);
            let pause = if look.is_ok() {
                interval
            } else {
                interval.min(RETRY_MAX)
            };
            if looks.send(look).is_err() {
                return;
            }
            // Looks keep their distance; those that were missed are not made up for.
            next = (next + pause).max(Instant::now());
            let wait = next.saturating_duration_since(Instant::now());
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}

/// Looks that are being taken; they end with this.
pub(super) struct Looks {
    receiver: Receiver<Look>,
    _stop: SyncSender<()>,
}

impl Looks {
    /// The next look, if there is one.
    pub(super) fn next(&self) -> Option<Look> {
        match self.receiver.try_recv() {
            Ok(look) => Some(look),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(
                "nothing looks any more: please report this, with what was printed".to_owned(),
            )),
        }
    }
}
