//! The exchange's own messages.

use gateway_client::{NativeHeader, Record, RecordRef};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use super::hash;
use super::layout::{Field, bytes_from, dtype as dtype_of, words_from, wrong_bytes};

/// Words of a row, unless a message is longer: the header, and 56 bytes, which hold every message of ITCH 5.0.
pub(super) const ROW_WORDS: usize = HEADER_WORDS + 7;
const HEADER_WORDS: usize = size_of::<NativeHeader>() / 8;

/// A message as the exchange sent it.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct NativeMsg {
    words: Box<[u64]>,
    position: Option<u64>,
}

/// The header and the message, if the words are such a record.
fn parts(words: &[u64]) -> Option<(&NativeHeader, &[u8])> {
    match Record::from_words(RecordRef { position: 0, words }) {
        Record::Native { header, bytes } => Some((header, bytes)),
        _ => None,
    }
}

/// Whether it is such a record.
#[inline]
pub(super) fn is_one(words: &[u64]) -> bool {
    parts(words).is_some()
}

/// The NumPy type of rows of so many words; for the usual number of them it is always the same object.
pub(super) fn dtype(py: Python<'_>, row_words: usize) -> PyResult<Py<PyAny>> {
    static USUAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let message_bytes = row_words.saturating_sub(HEADER_WORDS) * 8;
        let field = |(name, code, offset): (&'static str, String, usize)| Field {
            name: name.into(),
            code,
            offset,
        };
        let fields = [
            ("length", "u1".to_owned(), 0),
            ("rtype", "u1".to_owned(), 1),
            ("message_length", "u2".to_owned(), 2),
            ("instrument_id", "u4".to_owned(), 4),
            ("ts_recv", "u8".to_owned(), 8),
            ("message", format!("({message_bytes},)u1"), HEADER_WORDS * 8),
        ];
        dtype_of(py, fields.map(field).to_vec(), row_words * 8)
    };
    if row_words == ROW_WORDS {
        Ok(USUAL.get_or_try_init(py, make)?.clone_ref(py))
    } else {
        make()
    }
}

impl NativeMsg {
    pub(super) fn object(
        py: Python<'_>,
        words: &[u64],
        position: Option<u64>,
    ) -> PyResult<Py<PyAny>> {
        let words = words.into();
        Ok(Py::new(py, Self { words, position })?.into_any())
    }

    fn header(&self) -> Option<&NativeHeader> {
        parts(&self.words).map(|(header, _)| header)
    }

    fn bytes(&self) -> &[u8] {
        parts(&self.words).map_or(&[], |(_, bytes)| bytes)
    }
}

#[pymethods]
impl NativeMsg {
    #[classattr]
    #[pyo3(name = "dtype")]
    fn class_dtype(py: Python<'_>) -> PyResult<Py<PyAny>> {
        dtype(py, ROW_WORDS)
    }

    /// The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Py<PyAny>> {
        let words = words_from(data);
        if !is_one(&words) || data.len() != words.len() * 8 {
            return Err(wrong_bytes("NativeMsg", data.len(), &words));
        }
        Self::object(py, &words, None)
    }

    #[getter]
    fn rtype(&self) -> u8 {
        self.header().map_or(0, |header| header.rtype)
    }

    #[getter]
    fn instrument_id(&self) -> u32 {
        self.header().map_or(0, |header| header.instrument_id)
    }

    #[getter]
    fn ts_recv(&self) -> u64 {
        self.header().map_or(0, |header| header.ts_recv)
    }

    /// The exchange's message.
    #[getter]
    fn message<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.bytes())
    }

    /// Position of the record's first slot in its queue; ``None`` where it was not read from one.
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

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<Self>();
        other.is_ok_and(|other| self.words == other.get().words)
    }

    fn __hash__(&self) -> u64 {
        hash(&bytes_from(&self.words))
    }

    fn __repr__(&self) -> String {
        format!(
            "NativeMsg(instrument_id={}, ts_recv={}, message=b'{}')",
            self.instrument_id(),
            self.ts_recv(),
            self.bytes().escape_ascii()
        )
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let class = py.get_type::<Self>();
        (class.getattr("from_bytes")?, (self.__bytes__(py),)).into_bound_py_any(py)
    }
}
