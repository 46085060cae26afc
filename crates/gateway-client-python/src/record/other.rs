//! Records of types that this client does not know: a newer gateway may have more.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::layout::{Field, bytes_from, dtype as dtype_of};
use super::rtype_of;

/// A record of a type that this client does not know, or whose length contradicts its type.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct OtherMsg {
    words: Box<[u64]>,
    position: Option<u64>,
}

/// The NumPy type of rows of so many words.
pub(super) fn dtype(py: Python<'_>, words: usize) -> PyResult<Py<PyAny>> {
    let bytes = words * 8;
    let field = |(name, code, offset): (&'static str, String, usize)| Field {
        name: name.into(),
        code,
        offset,
    };
    let fields = [
        ("length", "u1".to_owned(), 0),
        ("rtype", "u1".to_owned(), 1),
        ("content", format!("({},)u1", bytes.saturating_sub(2)), 2),
    ];
    dtype_of(py, fields.map(field).to_vec(), bytes)
}

impl OtherMsg {
    pub(super) fn object(
        py: Python<'_>,
        words: &[u64],
        position: Option<u64>,
    ) -> PyResult<Py<PyAny>> {
        let words = words.into();
        Ok(Py::new(py, Self { words, position })?.into_any())
    }
}

#[pymethods]
impl OtherMsg {
    #[getter]
    fn rtype(&self) -> u8 {
        rtype_of(&self.words)
    }

    /// Position of the record's first slot in its queue.
    #[getter]
    const fn position(&self) -> Option<u64> {
        self.position
    }

    /// Bytes of the record.
    fn record_size(&self) -> usize {
        self.words.len() * 8
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &bytes_from(&self.words))
    }

    fn __repr__(&self) -> String {
        format!(
            "OtherMsg(rtype={:#04x}, {} bytes)",
            self.rtype(),
            self.record_size()
        )
    }
}
