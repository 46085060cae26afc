//! A reader of one queue.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use gateway_client::QueueState;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::array::Lent;
use crate::errors::{busy, closed, raised};
use crate::options::{self, RECORDS_MAX_DEFAULT};
use crate::reader::{Carried, Reader, Until};
use crate::source::Source;
use crate::values;

/// Several queues, shared with their subscriptions; `None` once closed.
pub(crate) type Queues = Arc<Mutex<Option<Reader<gateway_client::MultiSubscriber>>>>;

/// Where a subscription is.
enum Held {
    Own(Box<Reader<gateway_client::Subscription>>),
    /// A multi-subscriber reads it under this number.
    Member {
        queues: Queues,
        index: usize,
    },
    Closed,
}

/// A reader of one queue, for one thread at a time. Iteration brings records and losses until the queue ends.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct Subscription {
    held: Mutex<Held>,
    queue: String,
    name: String,
}

/// Locks what another thread may be using: then it fails, and never waits for it.
pub(crate) fn exclusive<'a, T>(mutex: &'a Mutex<T>, what: &str) -> PyResult<MutexGuard<'a, T>> {
    match mutex.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::WouldBlock) => Err(busy(what)),
        // Whatever panicked, every state of a reader is sound to use.
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
    }
}

const WHAT: &str = "subscription";

impl Subscription {
    pub(crate) fn new(inner: gateway_client::Subscription, queue: String, name: String) -> Self {
        Self {
            held: Mutex::new(Held::Own(Box::new(Reader::new(inner)))),
            queue,
            name,
        }
    }

    /// Hands it to a multi-subscriber, which gives it a number.
    pub(crate) fn join(
        &self,
        queues: &Queues,
        add: impl FnOnce(gateway_client::Subscription, Carried) -> usize,
    ) -> PyResult<usize> {
        let mut held = exclusive(&self.held, WHAT)?;
        match std::mem::replace(&mut *held, Held::Closed) {
            Held::Own(reader) => {
                let (subscription, carried) = reader.into_parts();
                let index = add(subscription, carried);
                *held = Held::Member {
                    queues: Arc::clone(queues),
                    index,
                };
                Ok(index)
            }
            Held::Closed => Err(closed(WHAT)),
            member @ Held::Member { .. } => {
                *held = member;
                Err(pyo3::exceptions::PyValueError::new_err(
                    "this subscription belongs to a MultiSubscriber already: subscribe once more for another",
                ))
            }
        }
    }

    /// What reads by itself.
    fn read<T>(
        &self,
        take: impl FnOnce(&mut Reader<gateway_client::Subscription>) -> PyResult<T>,
    ) -> PyResult<T> {
        match &mut *exclusive(&self.held, WHAT)? {
            Held::Own(reader) => take(reader),
            Held::Member { .. } => Err(pyo3::exceptions::PyValueError::new_err(
                "this subscription belongs to a MultiSubscriber: read it there",
            )),
            Held::Closed => Err(closed(WHAT)),
        }
    }

    /// What concerns the subscription, whoever reads it.
    fn of_any<T>(&self, look: impl FnOnce(&mut dyn Look) -> Option<T>) -> PyResult<T> {
        let found = match &mut *exclusive(&self.held, WHAT)? {
            Held::Own(reader) => look(&mut Of(reader.as_mut(), 0)),
            Held::Member { queues, index } => {
                let mut queues = exclusive(queues, "MultiSubscriber")?;
                queues
                    .as_mut()
                    .and_then(|reader| look(&mut Of(reader, *index)))
            }
            Held::Closed => None,
        };
        found.ok_or_else(|| closed(WHAT))
    }

    fn next(&self, py: Python<'_>, until: Until) -> PyResult<Option<Py<PyAny>>> {
        self.read(|reader| {
            let found = reader.next(py, until)?;
            found.map(|(_, event)| reader.object(py, event)).transpose()
        })
    }

    fn next_batch(
        &self,
        py: Python<'_>,
        until: Until,
        records_max: usize,
    ) -> PyResult<Option<Py<PyAny>>> {
        self.read(|reader| {
            let found = reader.next_batch(py, until, records_max)?;
            found.map(|(_, event)| reader.object(py, event)).transpose()
        })
    }

    fn next_into(&self, array: &Bound<'_, PyAny>, until: Until) -> PyResult<Option<Py<PyAny>>> {
        let (py, mut lent) = (array.py(), Lent::of(array)?);
        self.read(|reader| {
            let found = reader.next_into(py, until, &mut lent)?;
            found.map(|(_, event)| reader.object(py, event)).transpose()
        })
    }

    /// For iterators: waits as long as it takes; `None` at the end of the queue.
    fn next_until_end(
        &self,
        py: Python<'_>,
        take: impl FnOnce(&mut Reader<gateway_client::Subscription>) -> PyResult<Taken>,
    ) -> PyResult<Option<Py<PyAny>>> {
        self.read(|reader| match take(reader)? {
            None | Some((_, crate::reader::Event::Closed(_))) => Ok(None),
            Some((_, event)) => reader.object(py, event).map(Some),
        })
    }
}

type Taken = Option<(usize, crate::reader::Event)>;

/// A reader's view of one of its queues.
struct Of<'a, S>(&'a mut Reader<S>, usize);

/// What can be asked of a queue that is read.
trait Look {
    fn position(&self) -> Option<u64>;
    fn lost(&self) -> Option<u64>;
    fn subscription(&self) -> Option<&gateway_client::Subscription>;
    fn reattach(&mut self, py: Python<'_>) -> Option<Result<(), gateway_client::ClientError>>;
}

impl<S: Source> Look for Of<'_, S> {
    fn position(&self) -> Option<u64> {
        self.0.position(self.1)
    }

    fn lost(&self) -> Option<u64> {
        self.0.lost(self.1)
    }

    fn subscription(&self) -> Option<&gateway_client::Subscription> {
        self.0.source().get(self.1)
    }

    fn reattach(&mut self, py: Python<'_>) -> Option<Result<(), gateway_client::ClientError>> {
        let subscription = self.0.source_mut().get_mut(self.1)?;
        Some(py.detach(|| subscription.reattach()))
    }
}

#[pymethods]
impl Subscription {
    /// The queue's name.
    #[getter]
    fn queue(&self) -> &str {
        &self.queue
    }

    /// What the reader calls itself.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// Takes the next event; ``None`` where there is none yet. The end of the queue comes again and again.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, Until::Now)
    }

    /// Waits for the next event, at most ``timeout_s`` seconds; ``None`` where none came in time.
    #[pyo3(signature = (timeout_s = None))]
    fn wait(&self, py: Python<'_>, timeout_s: Option<f64>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, options::until(timeout_s)?)
    }

    /// Takes the records of one type that there are, up to ``records_max`` of them, as an array, or the loss or the end of
    /// the queue that comes first; ``None`` where there is nothing yet.
    #[pyo3(signature = (records_max = RECORDS_MAX_DEFAULT))]
    fn poll_batch(&self, py: Python<'_>, records_max: usize) -> PyResult<Option<Py<PyAny>>> {
        self.next_batch(py, Until::Now, options::records_max(records_max)?)
    }

    /// As ``poll_batch``, but waits for the first record, at most ``timeout_s`` seconds.
    #[pyo3(signature = (timeout_s = None, records_max = RECORDS_MAX_DEFAULT))]
    fn wait_batch(
        &self,
        py: Python<'_>,
        timeout_s: Option<f64>,
        records_max: usize,
    ) -> PyResult<Option<Py<PyAny>>> {
        self.next_batch(
            py,
            options::until(timeout_s)?,
            options::records_max(records_max)?,
        )
    }

    /// Takes the records that there are of the type of ``array``, as many as it has rows, into its first rows, and returns how
    /// many; what follows those rows is meaningless afterwards. Returns a record of another type, a loss or the end of the
    /// queue as ``poll`` does where that comes first; ``None`` where there is nothing yet.
    ///
    /// The array is one of records (``numpy.empty(rows, MBOMsg.dtype)``), in one dimension, without gaps and writable:
    /// otherwise ``TypeError`` or ``ValueError`` is raised. No other thread may use it meanwhile.
    fn poll_into(&self, array: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        self.next_into(array, Until::Now)
    }

    /// As ``poll_into``, but waits for the first record, at most ``timeout_s`` seconds.
    #[pyo3(signature = (array, timeout_s = None))]
    fn wait_into(
        &self,
        array: &Bound<'_, PyAny>,
        timeout_s: Option<f64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        self.next_into(array, options::until(timeout_s)?)
    }

    /// Goes through arrays of records, of up to ``records_max`` of one type each, and losses until the queue ends.
    #[pyo3(signature = (records_max = RECORDS_MAX_DEFAULT))]
    fn batches(slf: Py<Self>, records_max: usize) -> PyResult<Batches> {
        let records_max = options::records_max(records_max)?;
        Ok(Batches {
            subscription: slf,
            records_max,
        })
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next_until_end(py, |reader| reader.next(py, Until::Ever))
    }

    /// Position of the next slot to be read, in slots since the gateway started.
    #[getter]
    fn position(&self) -> PyResult<u64> {
        self.of_any(|reader| reader.position())
    }

    /// Slots lost so far.
    #[getter]
    fn lost_slots(&self) -> PyResult<u64> {
        self.of_any(|reader| reader.lost())
    }

    /// Where this reader is, to begin there again: ``subscribe(queue, resume=checkpoint)``.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let checkpoint = self.of_any(|reader| {
            let position = reader.position()?;
            let checkpoint = reader.subscription()?.checkpoint();
            Some(gateway_client::Checkpoint {
                position,
                ..checkpoint
            })
        })?;
        values::checkpoint(py, checkpoint)
    }

    /// What became of the wish to begin at a certain place.
    #[getter]
    fn joined(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let joined = self.of_any(|reader| Some(reader.subscription()?.joined()))?;
        values::joined(py, joined)
    }

    /// Why the queue ended; ``None`` while it goes on.
    #[getter]
    fn closed(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let reason = self.of_any(|reader| Some(reader.subscription()?.closed()))?;
        reason.map(|reason| values::closed(py, reason)).transpose()
    }

    /// When the queue was made, nanoseconds since the Unix epoch.
    #[getter]
    fn epoch(&self) -> PyResult<u64> {
        self.of_any(|reader| Some(reader.subscription()?.header().epoch))
    }

    /// The publisher's signs of life.
    fn health(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let health = self.of_any(|reader| Some(reader.subscription()?.health()))?;
        values::health(py, health.state == QueueState::Live, health.heartbeat_ns)
    }

    /// Subscribes to the queue of the same name again, after its end. It goes on after the last record read where the
    /// gateway is still the same, else at the first record of its successor. Raises as ``subscribe`` does.
    fn reattach(&self, py: Python<'_>) -> PyResult<()> {
        let result = self.of_any(|reader| reader.reattach(py))?;
        result.map_err(|error| raised(py, &error))
    }

    /// Gives the queue back; the gateway lists this reader no longer. Reading it raises ``ValueError`` afterwards.
    fn close(&self) -> PyResult<()> {
        let mut held = exclusive(&self.held, WHAT)?;
        if matches!(&*held, Held::Own(_)) {
            *held = Held::Closed;
        }
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close()
    }

    fn __repr__(&self) -> String {
        format!("Subscription(queue={:?}, name={:?})", self.queue, self.name)
    }
}

/// Goes through arrays of records and losses until the queue ends.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct Batches {
    subscription: Py<Subscription>,
    records_max: usize,
}

#[pymethods]
impl Batches {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let subscription = self.subscription.get();
        subscription.next_until_end(py, |reader| {
            reader.next_batch(py, Until::Ever, self.records_max)
        })
    }
}
