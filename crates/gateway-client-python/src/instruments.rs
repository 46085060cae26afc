//! A queue's instruments: what the feeds define, and their status.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use gateway_client::{DefinedInstrument, InstrumentKey};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::closed;
use crate::reader::Until;
use crate::record::{InstrumentDefMsg, StatusMsg};
use crate::subscription::exclusive;
use crate::values;

const WHAT: &str = "directory of instruments";

/// A queue's instruments as of the last ``update``, for one thread at a time.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct Instruments {
    inner: Mutex<Option<gateway_client::Instruments>>,
    queue: String,
    reader: String,
}

impl Instruments {
    pub(crate) fn new(inner: gateway_client::Instruments, queue: String, reader: String) -> Self {
        Self {
            inner: Mutex::new(Some(inner)),
            queue,
            reader,
        }
    }

    fn with<T>(
        &self,
        look: impl FnOnce(&mut gateway_client::Instruments) -> PyResult<T>,
    ) -> PyResult<T> {
        let mut inner = exclusive(&self.inner, WHAT)?;
        look(inner.as_mut().ok_or_else(|| closed(WHAT))?)
    }
}

/// Definition and status, or ``None``.
type Pair = (Py<PyAny>, Option<Py<PyAny>>);

fn pair(py: Python<'_>, found: &DefinedInstrument) -> PyResult<Pair> {
    let definition = InstrumentDefMsg::holding(py, found.definition.clone(), Some(found.position))?;
    let status = found.status.clone();
    let status = status.map(|status| StatusMsg::holding(py, status, None));
    Ok((definition, status.transpose()?))
}

#[pymethods]
impl Instruments {
    /// Takes what the queue has had since the last update, but nothing that comes meanwhile; where that is nothing, waits for
    /// it at most ``timeout_s`` seconds, asleep in the kernel. Returns why the queue ended, once it has, else ``None``.
    #[pyo3(signature = (timeout_s = 0.0))]
    fn update(&self, py: Python<'_>, timeout_s: f64) -> PyResult<Option<Py<PyAny>>> {
        let timeout = Duration::try_from_secs_f64(timeout_s).map_err(|_| {
            PyValueError::new_err(format!(
                "timeout_s is {timeout_s}: use a number of seconds, 0 or more"
            ))
        })?;
        // A time beyond the clock's range never comes.
        let until = match Instant::now().checked_add(timeout) {
            _ if timeout.is_zero() => Until::Now,
            Some(at) => Until::At(at),
            None => Until::Ever,
        };
        let ended = self.with(|inner| {
            let position = inner.position();
            let mut ended = py.detach(|| inner.update());
            while ended.is_none() && inner.position() == position {
                let Some(slice) = until.slice() else { break };
                ended = py.detach(|| inner.wait(slice));
                py.check_signals()?;
            }
            Ok(ended)
        })?;
        ended.map(|reason| values::closed(py, reason)).transpose()
    }

    /// Definition and status (``None`` before the first) of the instrument of that symbol; ``None`` where there is none, or
    /// where several venues or channels have one.
    fn find(&self, py: Python<'_>, symbol: &str) -> PyResult<Option<Pair>> {
        self.with(|inner| inner.find(symbol).map(|found| pair(py, found)).transpose())
    }

    /// The same of the instrument that records of a venue call so; ``None`` where several channels of it number theirs
    /// alike.
    fn find_id(
        &self,
        py: Python<'_>,
        publisher_id: u16,
        instrument_id: u32,
    ) -> PyResult<Option<Pair>> {
        self.with(|inner| {
            let found = inner.find_id(publisher_id, instrument_id);
            found.map(|found| pair(py, found)).transpose()
        })
    }

    /// The definitions of a spread's legs, in the order of their ``leg_index``: all of them are there once there are as many
    /// as their ``leg_count`` says. Empty where it has none, or is not defined.
    fn legs(
        &self,
        py: Python<'_>,
        publisher_id: u16,
        channel_id: u16,
        instrument_id: u32,
    ) -> PyResult<Vec<Py<PyAny>>> {
        self.with(|inner| {
            let found = inner.get(InstrumentKey {
                publisher_id,
                channel_id,
                instrument_id,
            });
            let legs = found.map_or(&[][..], |found| found.legs.as_slice());
            let object = |leg: &_| InstrumentDefMsg::holding(py, Clone::clone(leg), None);
            legs.iter().map(object).collect()
        })
    }

    /// The same of all instruments.
    fn all(&self, py: Python<'_>) -> PyResult<Vec<Pair>> {
        self.with(|inner| inner.iter().map(|found| pair(py, found)).collect())
    }

    /// Whether nothing can be missing. False for good where records were overwritten before this reader came, or lost since:
    /// nobody knows of which channels. False as well where the gateway joined a channel's session after its first message, or
    /// lost some of it, until that channel's next session. Of channels that have sent nothing so far it says nothing.
    #[getter]
    fn is_whole(&self) -> PyResult<bool> {
        self.with(|inner| Ok(inner.is_whole()))
    }

    /// How often something was defined, taken back or changed its status: the same number means that all is as it was.
    #[getter]
    fn changes(&self) -> PyResult<u64> {
        self.with(|inner| Ok(inner.changes()))
    }

    fn __len__(&self) -> PyResult<usize> {
        self.with(|inner| Ok(inner.len()))
    }

    /// Ends the reader. Using it raises ``ValueError`` afterwards.
    fn close(&self) -> PyResult<()> {
        exclusive(&self.inner, WHAT)?.take();
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
        format!(
            "Instruments(queue={:?}, name={:?})",
            self.queue, self.reader
        )
    }
}
