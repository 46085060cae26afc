//! Events as Python sees them.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use crate::reader::{Event, Reader};
use crate::source::Source;
use crate::{record, values};

impl<S: Source> Reader<S> {
    /// An event as an object: a record, an array, `Lost` or `Closed`.
    pub(crate) fn object(&mut self, py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
        match event {
            Event::Record { position, words } => record::object(py, self.record(words), position),
            Event::Rows(rows, shape) => self.array(py, rows, shape),
            Event::Filled(rows) => rows.into_py_any(py),
            Event::Lost(slots) => values::lost(py, slots),
            Event::Closed(reason) => values::closed(py, reason),
        }
    }
}
