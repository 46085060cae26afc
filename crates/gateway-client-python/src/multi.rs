//! Several queues read as one.

use std::sync::{Arc, Mutex};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::array::Lent;
use crate::errors::closed;
use crate::options::{self, RECORDS_MAX_DEFAULT, SLEEP_US_DEFAULT};
use crate::reader::{Event, Reader, Until};
use crate::subscription::{Queues, Subscription, exclusive};

const WHAT: &str = "MultiSubscriber";

/// Reads several queues, each in its own order, in no order between them: after an event of one queue all others are asked
/// before it is asked again. Every event comes with the number of its queue.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct MultiSubscriber {
    queues: Queues,
    members: Mutex<Vec<Py<Subscription>>>,
}

type Numbered = Option<(usize, Py<PyAny>)>;

impl MultiSubscriber {
    fn read<T>(
        &self,
        take: impl FnOnce(&mut Reader<gateway_client::MultiSubscriber>) -> PyResult<T>,
    ) -> PyResult<T> {
        let mut queues = exclusive(&self.queues, WHAT)?;
        take(queues.as_mut().ok_or_else(|| closed(WHAT))?)
    }

    fn next(&self, py: Python<'_>, until: Until) -> PyResult<Numbered> {
        self.read(|reader| {
            let found = reader.next(py, until)?;
            numbered(py, reader, found)
        })
    }

    fn next_batch(&self, py: Python<'_>, until: Until, records_max: usize) -> PyResult<Numbered> {
        let records_max = options::records_max(records_max)?;
        self.read(|reader| {
            let found = reader.next_batch(py, until, records_max)?;
            numbered(py, reader, found)
        })
    }
}

impl MultiSubscriber {
    fn next_into(&self, array: &Bound<'_, PyAny>, until: Until) -> PyResult<Numbered> {
        let (py, mut lent) = (array.py(), Lent::of(array)?);
        self.read(|reader| {
            let found = reader.next_into(py, until, &mut lent)?;
            numbered(py, reader, found)
        })
    }
}

fn numbered(
    py: Python<'_>,
    reader: &mut Reader<gateway_client::MultiSubscriber>,
    found: Option<(usize, Event)>,
) -> PyResult<Numbered> {
    let Some((index, event)) = found else {
        return Ok(None);
    };
    Ok(Some((index, reader.object(py, event)?)))
}

#[pymethods]
impl MultiSubscriber {
    #[new]
    #[pyo3(signature = (*, wait = "block", sleep_us = SLEEP_US_DEFAULT))]
    fn new(wait: &str, sleep_us: f64) -> PyResult<Self> {
        let queues = gateway_client::MultiSubscriber::new(options::wait_strategy(wait, sleep_us)?);
        Ok(Self {
            queues: Arc::new(Mutex::new(Some(Reader::new(queues)))),
            members: Mutex::default(),
        })
    }

    /// Reads one more queue; returns the number under which its events come. The subscription is read here from now on.
    fn add(&self, subscription: Py<Subscription>) -> PyResult<usize> {
        let mut members = exclusive(&self.members, WHAT)?;
        let mut queues = exclusive(&self.queues, WHAT)?;
        let reader = queues.as_mut().ok_or_else(|| closed(WHAT))?;
        let index = subscription.get().join(&self.queues, |inner, carried| {
            let index = reader.source_mut().add(inner);
            reader.carry(index, carried);
            index
        })?;
        members.push(subscription);
        Ok(index)
    }

    /// Takes the next event of any queue; ``None`` where there is none yet. The end of a queue comes once.
    fn poll(&self, py: Python<'_>) -> PyResult<Numbered> {
        self.next(py, Until::Now)
    }

    /// Waits for the next event of any queue, at most ``timeout_s`` seconds; ``None`` where none came, or none can come.
    #[pyo3(signature = (timeout_s = None))]
    fn wait(&self, py: Python<'_>, timeout_s: Option<f64>) -> PyResult<Numbered> {
        self.next(py, options::until(timeout_s)?)
    }

    /// As ``Subscription.poll_batch``, of any queue.
    #[pyo3(signature = (records_max = RECORDS_MAX_DEFAULT))]
    fn poll_batch(&self, py: Python<'_>, records_max: usize) -> PyResult<Numbered> {
        self.next_batch(py, Until::Now, records_max)
    }

    /// As ``Subscription.wait_batch``, of any queue.
    #[pyo3(signature = (timeout_s = None, records_max = RECORDS_MAX_DEFAULT))]
    fn wait_batch(
        &self,
        py: Python<'_>,
        timeout_s: Option<f64>,
        records_max: usize,
    ) -> PyResult<Numbered> {
        self.next_batch(py, options::until(timeout_s)?, records_max)
    }

    /// As ``Subscription.poll_into``, of any queue.
    fn poll_into(&self, array: &Bound<'_, PyAny>) -> PyResult<Numbered> {
        self.next_into(array, Until::Now)
    }

    /// As ``Subscription.wait_into``, of any queue.
    #[pyo3(signature = (array, timeout_s = None))]
    fn wait_into(&self, array: &Bound<'_, PyAny>, timeout_s: Option<f64>) -> PyResult<Numbered> {
        self.next_into(array, options::until(timeout_s)?)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Numbered> {
        self.next(py, Until::Ever)
    }

    /// Whether every queue has ended, and every end was told.
    #[getter]
    fn is_over(&self) -> PyResult<bool> {
        self.read(|reader| Ok(reader.is_over()))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(exclusive(&self.members, WHAT)?.len())
    }

    fn __getitem__(&self, py: Python<'_>, index: usize) -> PyResult<Py<Subscription>> {
        let members = exclusive(&self.members, WHAT)?;
        let found = members.get(index).map(|member| member.clone_ref(py));
        found.ok_or_else(|| {
            PyIndexError::new_err(format!("no queue {index}: there are {}", members.len()))
        })
    }

    /// Gives the queues back. Reading them raises ``ValueError`` afterwards.
    fn close(&self) -> PyResult<()> {
        exclusive(&self.queues, WHAT)?.take();
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close()
    }
}
