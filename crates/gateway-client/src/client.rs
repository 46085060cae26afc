//! The connection that asks; each subscription opens one of its own.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gateway_queue::{OnLapped, Start};

use crate::Checkpoint;
use crate::connection::ANSWER_TIMEOUT;
use crate::instruments::Instruments;
use crate::protocol::{ProtocolError, Reply, Request};
use crate::subscription::Subscription;
use crate::wait::WaitStrategy;
use crate::{ClientError, Connection};

use crate::books::{BookTable, OrderSnapshot};
pub use crate::protocol::QueueEntry as QueueInfo;
pub use crate::protocol::{BookInfo, OrdersOf};

/// A client of one gateway.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    pid: u32,
    connection: Mutex<Connection>,
}

/// How to read a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// What the reader calls itself in the gateway's metrics and status; up to 31 bytes.
    pub name: String,
    /// Where it begins. Default: with the next record. Positions count the slots of the queue since the gateway
    /// started. [`Subscription::joined`] says what was possible.
    pub start: Start,
    /// The gateway's run that the position of [`Start::At`] belongs to: in any other run the position means nothing, and
    /// the reader begins with the oldest record. Default: the present one. See [`Self::resuming`].
    pub run: Option<u64>,
    /// Where it goes on after being overtaken. Default: at the oldest slot.
    pub on_lapped: OnLapped,
    /// How [`Subscription::wait`] waits. Default: spinning.
    pub wait: WaitStrategy,
}

impl SubscribeOptions {
    /// The defaults under a name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same, beginning where a reader left off: at once, or after a restart of its own.
    #[must_use]
    pub fn resuming(self, checkpoint: Checkpoint) -> Self {
        Self {
            start: Start::At(checkpoint.position),
            run: Some(checkpoint.run),
            ..self
        }
    }
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            name: "unnamed".into(),
            start: Start::default(),
            run: None,
            on_lapped: OnLapped::default(),
            wait: WaitStrategy::default(),
        }
    }
}

impl Client {
    /// Connects to the broker's socket and sees that a gateway of this protocol answers.
    ///
    /// # Errors
    /// [`ClientError::Connect`] where nobody listens, [`ClientError::Refused`] where the gateway has all the clients it
    /// allows or speaks another version, [`ClientError::Broken`] where it does not answer.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        Self::connect_within(path.as_ref(), ANSWER_TIMEOUT)
    }

    pub(crate) fn connect_within(path: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let path = path.to_owned();
        let mut connection = Connection::open_within(&path, timeout)?;
        let pid = connection.hello()?;
        Ok(Self {
            path,
            pid,
            connection: Mutex::new(connection),
        })
    }

    /// The gateway's process id, in its own namespace.
    #[must_use]
    pub const fn gateway_pid(&self) -> u32 {
        self.pid
    }

    /// The queues there are.
    ///
    /// # Errors
    /// [`ClientError::Broken`] where the gateway is gone.
    pub fn queues(&self) -> Result<Vec<QueueInfo>, ClientError> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut queues = Vec::new();
        let (mut reply, _) = connection.ask(&Request::Queues)?;
        loop {
            let Reply::Queues { entries, more } = reply else {
                return Err(ProtocolError::Answer.into());
            };
            queues.extend(entries);
            if !more {
                return Ok(queues);
            }
            (reply, _) = connection.answer()?;
        }
    }

    /// The gateway's status, a JSON object.
    ///
    /// # Errors
    /// [`ClientError::Broken`] where the gateway is gone.
    pub fn status(&self) -> Result<String, ClientError> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut status = Vec::new();
        let (mut reply, _) = connection.ask(&Request::Status)?;
        loop {
            let Reply::Status { text, more } = reply else {
                return Err(ProtocolError::Answer.into());
            };
            status.extend(text);
            if !more {
                return String::from_utf8(status)
                    .map_err(|_| ProtocolError::Field { field: "status" }.into());
            }
            (reply, _) = connection.answer()?;
        }
    }

    /// Begins to read `queue`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where there is no such queue, [`ClientError::Queue`] where what came cannot be
    /// attached, [`ClientError::Connect`] or [`ClientError::Broken`] where the gateway is gone.
    pub fn subscribe(
        &self,
        queue: &str,
        options: &SubscribeOptions,
    ) -> Result<Subscription, ClientError> {
        Subscription::open(&self.path, queue, options)
    }

    /// The books there are that this user may read.
    ///
    /// # Errors
    /// [`ClientError::Broken`] where the gateway is gone.
    pub fn book_list(&self) -> Result<Vec<BookInfo>, ClientError> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut books = Vec::new();
        let (mut reply, _) = connection.ask(&Request::Books)?;
        loop {
            let Reply::Books { entries, more } = reply else {
                return Err(ProtocolError::Answer.into());
            };
            books.extend(entries);
            if !more {
                return Ok(books);
            }
            (reply, _) = connection.answer()?;
        }
    }

    /// Begins to read the table of `book`, under the name `reader`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where there is no such book or this user may not read it, [`ClientError::Queue`] where
    /// what came cannot be attached, [`ClientError::Connect`] or [`ClientError::Broken`] where the gateway is gone.
    pub fn books(&self, book: &str, reader: &str) -> Result<BookTable, ClientError> {
        BookTable::open(&self.path, book, reader)
    }

    /// The instruments that `queue` defines, from its oldest record on, read under the name `reader`: best of a queue with
    /// `classes = ["definitions", "status"]`, which has nothing else to read through.
    ///
    /// # Errors
    /// As [`Self::subscribe`].
    pub fn instruments(&self, queue: &str, reader: &str) -> Result<Instruments, ClientError> {
        Instruments::open(self, queue, reader)
    }

    /// The orders that rest in `book`, at a stated position of its queue.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where there is no such book or instrument, this user may not read it, it is not valid at
    /// the moment ([`crate::protocol::ErrorCode::NotValid`]) or too much was asked for lately
    /// ([`crate::protocol::ErrorCode::Later`]); [`ClientError::Broken`] where the gateway is gone.
    pub fn orders(&self, book: &str, of: OrdersOf) -> Result<OrderSnapshot, ClientError> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connection.orders(book, of)
    }
}
