//! Memory that records are copied into and NumPy takes over.
//!
//! It is a Python `bytearray`, which `numpy.frombuffer` makes an array of without a copy: no binding to NumPy's own
//! interface, which changes with its versions, is needed for that.

use gateway_client::RECORD_WORDS_MAX;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyByteArray;

use crate::record::Shape;
use crate::source::Place;

/// Words of a slot's record.
const SLOT_WORDS: usize = 7;

/// Rows of records, in memory of a fixed length.
pub(crate) struct Rows {
    /// Nobody else has a reference to it: it never was Python's.
    memory: Py<PyByteArray>,
    words: *mut u64,
    capacity_words: usize,
    /// So many words were written; what is behind them must not be read.
    initialised_words: usize,
    /// Words of finished rows.
    used_words: usize,
    count: usize,
}

// SAFETY: the memory is this struct's alone, wherever it goes; the interpreter is used only by methods that are given it.
unsafe impl Send for Rows {}

impl Rows {
    /// Memory for records of so many slots in all, and one of any length more.
    pub(crate) fn for_slots(py: Python<'_>, slots: usize) -> PyResult<Self> {
        let capacity_words = slots
            .saturating_mul(SLOT_WORDS)
            .saturating_add(RECORD_WORDS_MAX);
        let bytes = isize::try_from(capacity_words.saturating_mul(8)).unwrap_or(isize::MAX);
        // SAFETY: a null source leaves the content uninitialised, which is not read before it is written.
        let memory = unsafe {
            let object = ffi::PyByteArray_FromStringAndSize(std::ptr::null(), bytes);
            Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyByteArray>()
        };
        Ok(Self {
            words: memory.data().cast(),
            memory: memory.unbind(),
            capacity_words,
            initialised_words: 0,
            used_words: 0,
            count: 0,
        })
    }

    /// How many rows are finished.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// How many slots the finished rows are long.
    pub(crate) const fn slots(&self) -> usize {
        self.used_words.div_ceil(SLOT_WORDS)
    }

    /// Whether there is no room for another record of any length.
    pub(crate) const fn is_full(&self) -> bool {
        self.used_words + RECORD_WORDS_MAX > self.capacity_words
    }

    /// Room for the next record; only while it is not full.
    #[inline(always)]
    pub(crate) fn place(&mut self) -> &mut Place {
        assert!(!self.is_full(), "no room for a record");
        let end = self.used_words + RECORD_WORDS_MAX;
        if self.initialised_words < end {
            // SAFETY: within the capacity, as just asserted.
            unsafe {
                let rest = self.words.add(self.initialised_words);
                std::ptr::write_bytes(rest, 0, end - self.initialised_words);
            }
            self.initialised_words = end;
        }
        // SAFETY: within the capacity, initialised above, aligned as Python allocates (16 bytes), and nobody else's.
        unsafe { &mut *self.words.add(self.used_words).cast::<Place>() }
    }

    /// Makes the record of so many words in [`Self::place`] a row of the shape. What a row has behind it is zeroed: the
    /// queue left there what it had.
    #[inline(always)]
    pub(crate) fn finish_row(&mut self, words: usize, shape: Shape) {
        let row_words = shape.row_words();
        if words < row_words {
            self.place()[words..row_words].fill(0);
        }
        self.used_words += row_words;
        self.count += 1;
    }

    /// The rows as an array.
    pub(crate) fn into_array(self, py: Python<'_>, shape: Shape) -> PyResult<Py<PyAny>> {
        static FROM_BUFFER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let from_buffer = FROM_BUFFER.import(py, "numpy", "frombuffer")?;
        let memory = self.memory.into_bound(py);
        // Shrinks where it is.
        memory.resize(self.used_words * 8)?;
        Ok(from_buffer.call1((memory, shape.dtype(py)?))?.unbind())
    }
}
