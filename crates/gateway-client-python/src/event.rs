//! Events as Python sees them.

use pyo3::prelude::*;

use crate::reader::{Event, Reader};
use crate::source::Source;
use crate::{record, values};

impl<S: Source> Reader<S> {
    /// An event as an object: a record, an array, `Lost` or `Closed`.
    pub(crate) fn object(&self, py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
        match event {
            Event::Record { position, words } => record::object(py, self.record(words), position),
            Event::Rows(rows, shape) => rows.into_array(py, shape),
            Event::Lost(slots) => values::lost(py, slots),
            Event::Closed(reason) => values::closed(py, reason),
        }
    }
}
