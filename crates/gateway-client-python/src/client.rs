//! The connection that asks.

use std::path::PathBuf;

use gateway_client::{OrdersOf, SubscribeOptions};
use pyo3::prelude::*;

use crate::books::{BookTable, OrderSnapshot};
use crate::errors::{closed, raised};
use crate::instruments::Instruments;
use crate::options::{self, SLEEP_US_DEFAULT};
use crate::subscription::Subscription;
use crate::values;

/// A client of one gateway. Threads may share it; its subscriptions have connections of their own and outlive it.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct Client {
    inner: std::sync::RwLock<Option<std::sync::Arc<gateway_client::Client>>>,
    path: PathBuf,
}

/// Connects to the broker's socket and sees that a gateway answers.
///
/// Raises ``ConnectError`` where nobody listens, ``BusyError`` where the gateway has all the clients it allows,
/// ``RefusedError`` where it speaks another version, ``BrokenError`` where it does not answer within 5 seconds.
#[pyfunction]
pub(crate) fn connect(py: Python<'_>, path: PathBuf) -> PyResult<Client> {
    let client = py.detach(|| gateway_client::Client::connect(&path));
    let client = client.map_err(|error| raised(py, &error))?;
    Ok(Client {
        inner: std::sync::RwLock::new(Some(std::sync::Arc::new(client))),
        path,
    })
}

impl Client {
    fn get(&self) -> PyResult<std::sync::Arc<gateway_client::Client>> {
        let inner = self
            .inner
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.clone().ok_or_else(|| closed("client"))
    }
}

#[pymethods]
impl Client {
    /// The gateway's process id, in its own namespace.
    #[getter]
    fn gateway_pid(&self) -> PyResult<u32> {
        Ok(self.get()?.gateway_pid())
    }

    /// The queues that this user may read. Raises ``BrokenError`` where the gateway is gone.
    fn queues(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let client = self.get()?;
        let queues = py
            .detach(|| client.queues())
            .map_err(|error| raised(py, &error))?;
        queues
            .iter()
            .map(|queue| values::queue_info(py, &queue.name, queue.slots, queue.epoch))
            .collect()
    }

    /// The gateway's status, as ``gateway status --json`` has it. Raises ``BrokenError`` where the gateway is gone.
    fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let client = self.get()?;
        let status = py
            .detach(|| client.status())
            .map_err(|error| raised(py, &error))?;
        Ok(py
            .import("json")?
            .getattr("loads")?
            .call1((status,))?
            .unbind())
    }

    /// Begins to read a queue.
    ///
    /// ``name``, up to 31 bytes, is what the gateway's status calls the reader. ``start`` is where it begins: ``"head"``
    /// (the next record, the default), ``"oldest"``, ``"resync"`` (the last session start, reset or snapshot), or a position,
    /// which counts slots since the gateway's ``run`` began (default: the present one). ``resume``, a ``Checkpoint``, stands
    /// for both. ``on_lapped`` is where it goes on after it was overtaken, ``wait`` what it does while nothing comes; with ``"sleep"`` it polls every ``sleep_us``
    /// microseconds.
    ///
    /// Raises ``UnknownQueueError``, ``NotEntitledError``, ``BusyError`` or another ``RefusedError`` where the gateway
    /// refuses, ``QueueError`` where the queue cannot be attached, ``ConnectError`` or ``BrokenError`` where the gateway
    /// is gone, ``ValueError`` where an argument is none of these.
    #[pyo3(signature = (
        queue, *, name = "unnamed", start = None, run = None, resume = None, on_lapped = "oldest", wait = "block",
        sleep_us = SLEEP_US_DEFAULT
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn subscribe(
        &self,
        py: Python<'_>,
        queue: &str,
        name: &str,
        start: Option<&Bound<'_, PyAny>>,
        run: Option<u64>,
        resume: Option<&Bound<'_, PyAny>>,
        on_lapped: &str,
        wait: &str,
        sleep_us: f64,
    ) -> PyResult<Subscription> {
        let client = self.get()?;
        let mut options = SubscribeOptions {
            run,
            on_lapped: options::on_lapped(on_lapped)?,
            wait: options::wait_strategy(wait, sleep_us)?,
            ..SubscribeOptions::named(name)
        };
        if let Some(start) = start {
            options.start = options::start(start)?;
        }
        if let Some(checkpoint) = resume {
            if start.is_some() || run.is_some() {
                return Err(pyo3::exceptions::PyTypeError::new_err(
                    "resume says where to begin: leave start and run out",
                ));
            }
            options = options::resuming(options, checkpoint)?;
        }
        let subscription = py.detach(|| client.subscribe(queue, &options));
        let subscription = subscription.map_err(|error| raised(py, &error))?;
        Ok(Subscription::new(
            subscription,
            queue.to_owned(),
            name.to_owned(),
        ))
    }

    /// The books that this user may read. Raises ``BrokenError`` where the gateway is gone.
    fn book_list(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let client = self.get()?;
        let books = py
            .detach(|| client.book_list())
            .map_err(|error| raised(py, &error))?;
        books
            .iter()
            .map(|book| values::book_info(py, book))
            .collect()
    }

    /// Begins to read the table of a book; ``name`` is what the gateway's log calls the reader.
    ///
    /// Raises ``UnknownBookError``, ``NotEntitledError`` or another ``RefusedError`` where the gateway refuses,
    /// ``QueueError`` where the table cannot be attached, ``ConnectError`` or ``BrokenError`` where the gateway is gone.
    #[pyo3(signature = (book, *, name = "unnamed"))]
    fn books(&self, py: Python<'_>, book: &str, name: &str) -> PyResult<BookTable> {
        let client = self.get()?;
        let table = py.detach(|| client.books(book, name));
        let table = table.map_err(|error| raised(py, &error))?;
        Ok(BookTable::new(table, book.to_owned(), name.to_owned()))
    }

    /// Begins to read the instruments that a queue defines, from its oldest record on; ``name`` is what the gateway's status
    /// calls the reader. Best of a queue with ``classes = ["definitions", "status"]``. Raises as ``subscribe`` does.
    #[pyo3(signature = (queue, *, name = "unnamed"))]
    fn instruments(&self, py: Python<'_>, queue: &str, name: &str) -> PyResult<Instruments> {
        let client = self.get()?;
        let instruments = py.detach(|| client.instruments(queue, name));
        let instruments = instruments.map_err(|error| raised(py, &error))?;
        Ok(Instruments::new(
            instruments,
            queue.to_owned(),
            name.to_owned(),
        ))
    }

    /// The orders that rest in a book at a stated position of its queue: of all instruments, or of the one that ``symbol`` or
    /// ``id`` names.
    ///
    /// Raises ``UnknownBookError``, ``UnknownInstrumentError``, ``NotEntitledError``, ``NotValidError`` where the
    /// instrument's book cannot be trusted at the moment, ``LaterError`` where too much was asked for lately,
    /// ``BrokenError`` where the gateway is gone, ``TypeError`` where both symbol and id are given.
    #[pyo3(signature = (book, *, symbol = None, id = None))]
    fn orders(
        &self,
        py: Python<'_>,
        book: &str,
        symbol: Option<&str>,
        id: Option<u32>,
    ) -> PyResult<OrderSnapshot> {
        let client = self.get()?;
        let of = match (symbol, id) {
            (None, None) => OrdersOf::All,
            (Some(symbol), None) => OrdersOf::Symbol(symbol.to_owned()),
            (None, Some(id)) => OrdersOf::Id(id),
            (Some(_), Some(_)) => {
                return Err(pyo3::exceptions::PyTypeError::new_err(
                    "symbol and id name one instrument: give one of them, or neither for all",
                ));
            }
        };
        let orders = py.detach(|| client.orders(book, of));
        let orders = orders.map_err(|error| raised(py, &error))?;
        Ok(OrderSnapshot::new(orders))
    }

    /// Closes the connection; its subscriptions go on. What is asked afterwards raises ``ValueError``.
    fn close(&self) {
        self.inner
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        format!("Client({:?})", self.path)
    }
}
