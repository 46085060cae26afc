//! Memory that records are copied into and NumPy takes over, or has lent.
//!
//! What is made here is a Python `bytearray`, which `numpy.frombuffer` makes an array of without a copy: no binding to
//! NumPy's own interface, which changes with its versions, is needed for that. The kernel clears each page of fresh memory as
//! it is touched first; memory whose arrays the program has let go of is used again, without that.

use gateway_client::RECORD_WORDS_MAX;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyByteArray;
use pyo3::{ffi, intern};

use crate::record::{RecordType, Shape};
use crate::source::Place;

/// Words of a slot's record.
const SLOT_WORDS: usize = 7;
/// So many arrays' memory is kept for when the program has let go of them: one that it looks at, one that it looked at
/// before, and one that is being filled.
const KEPT_MAX: usize = 3;

/// Rows of records in memory of a fixed length.
pub(crate) struct Sheet {
    words: *mut u64,
    capacity_words: usize,
    /// Words of finished rows.
    used_words: usize,
    count: usize,
}

// SAFETY: the memory is this struct's alone, wherever it goes, as its makers see to.
unsafe impl Send for Sheet {}

impl Sheet {
    /// How many rows are finished.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// How many slots the finished rows are long.
    pub(crate) const fn slots(&self) -> usize {
        self.used_words.div_ceil(SLOT_WORDS)
    }

    /// Whether there is no room for another record of any length.
    #[inline(always)]
    pub(crate) const fn is_full(&self) -> bool {
        self.used_words + RECORD_WORDS_MAX > self.capacity_words
    }

    /// Room for the next record; only while it is not full.
    #[inline(always)]
    pub(crate) fn place(&mut self) -> &mut Place {
        assert!(!self.is_full(), "no room for a record");
        // SAFETY: within the capacity, as just asserted, aligned as its makers saw to, and nobody else's. It was written
        // before, or its content is Python's, whose memory holds a value for the compiler, whatever it is.
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
        self.finish_words(row_words);
    }

    /// Makes so many words in [`Self::place`] a row.
    #[inline(always)]
    pub(crate) const fn finish_words(&mut self, row_words: usize) {
        self.used_words += row_words;
        self.count += 1;
    }

    /// Whether there is room for so many words.
    pub(crate) const fn has_room(&self, words: usize) -> bool {
        self.used_words + words <= self.capacity_words
    }

    /// Copies a record into the next row, where there is room for just that; whether there was.
    pub(crate) fn push(&mut self, record: &[u64]) -> bool {
        if !self.has_room(record.len()) {
            return false;
        }
        // SAFETY: within the capacity, as just seen; the record is not in it.
        unsafe {
            let row = self.words.add(self.used_words);
            std::ptr::copy_nonoverlapping(record.as_ptr(), row, record.len());
        }
        self.finish_words(record.len());
        true
    }
}

/// Rows in memory of Python's, to become an array.
pub(crate) struct Rows {
    memory: Py<PyByteArray>,
    pub(crate) sheet: Sheet,
}

impl Rows {
    fn words_for(slots: usize) -> usize {
        slots
            .saturating_mul(SLOT_WORDS)
            .saturating_add(RECORD_WORDS_MAX)
    }

    fn make(py: Python<'_>, capacity_words: usize) -> PyResult<Self> {
        let bytes = isize::try_from(capacity_words.saturating_mul(8)).unwrap_or(isize::MAX);
        // SAFETY: a null source leaves the content as Python's allocator gave it.
        let memory = unsafe {
            let object = ffi::PyByteArray_FromStringAndSize(std::ptr::null(), bytes);
            Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyByteArray>()
        };
        Ok(Self::of(memory, capacity_words))
    }

    /// Empty rows in `memory`, which is as long and nobody else's.
    fn of(memory: Bound<'_, PyByteArray>, capacity_words: usize) -> Self {
        Self {
            sheet: Sheet {
                words: memory.data().cast(),
                capacity_words,
                used_words: 0,
                count: 0,
            },
            memory: memory.unbind(),
        }
    }
}

/// Memory of arrays that were given out.
#[derive(Default)]
pub(crate) struct Kept {
    memory: Vec<Py<PyByteArray>>,
}

impl Kept {
    /// Memory for records of so many slots in all, and one of any length more: such that is free again, or new.
    pub(crate) fn rows(&mut self, py: Python<'_>, slots: usize) -> PyResult<Rows> {
        let wanted = Rows::words_for(slots);
        let mut index = 0;
        while index < self.memory.len() {
            let memory = self.memory[index].bind(py);
            // SAFETY: a live object; the interpreter is attached.
            if unsafe { ffi::Py_REFCNT(memory.as_ptr()) } != 1 {
                index += 1;
                continue;
            }
            // Nobody has it but this: no array, no view, no name. Length and place are what the program may have made of it.
            let memory = self.memory.swap_remove(index).into_bound(py);
            let words = memory.len() / 8;
            let is_aligned = (memory.data() as usize).is_multiple_of(align_of::<u64>());
            if is_aligned && (wanted..=wanted.saturating_mul(4)).contains(&words) {
                return Ok(Rows::of(memory, words));
            }
        }
        Rows::make(py, wanted)
    }

    /// The rows as an array. Their memory comes back when the program has let go of the array.
    pub(crate) fn array(
        &mut self,
        py: Python<'_>,
        rows: Rows,
        shape: Shape,
    ) -> PyResult<Py<PyAny>> {
        let (memory, sheet) = (rows.memory.into_bound(py), rows.sheet);
        if sheet.used_words < sheet.capacity_words / 2 {
            // Mostly empty: the array takes no more than it has. It is an array of its own then.
            memory.resize(sheet.used_words * 8)?;
        } else {
            if self.memory.len() == KEPT_MAX {
                // The program keeps its array.
                self.memory.remove(0);
            }
            self.memory.push(memory.clone().unbind());
        }
        from_buffer(py, memory, shape.dtype(py)?, sheet.count)
    }
}

/// An array of `count` rows in `memory`.
fn from_buffer(
    py: Python<'_>,
    memory: Bound<'_, PyByteArray>,
    dtype: Py<PyAny>,
    count: usize,
) -> PyResult<Py<PyAny>> {
    static FROM_BUFFER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_buffer = FROM_BUFFER.import(py, "numpy", "frombuffer")?;
    Ok(from_buffer.call1((memory, dtype, count))?.unbind())
}

/// An array of these bytes, which are copied.
pub(crate) fn of_bytes(py: Python<'_>, bytes: &[u8], dtype: Py<PyAny>) -> PyResult<Py<PyAny>> {
    let row_bytes: usize = dtype.bind(py).getattr("itemsize")?.extract()?;
    let memory = PyByteArray::new(py, bytes);
    if bytes.is_empty() {
        // `frombuffer` takes no empty memory.
        static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let empty = EMPTY.import(py, "numpy", "empty")?;
        return Ok(empty.call1((0, dtype))?.unbind());
    }
    from_buffer(py, memory, dtype, bytes.len() / row_bytes)
}

/// An array of the program's, to be filled.
pub(crate) struct Lent<'py> {
    /// Holds the memory as long as it is written.
    _array: Bound<'py, PyAny>,
    pub(crate) of: &'static RecordType,
    pub(crate) sheet: Sheet,
}

impl<'py> Lent<'py> {
    /// The rows of `array`, if it is one of records, in one dimension, without gaps, and may be written.
    pub(crate) fn of(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = array.py();
        let dtype = array.getattr(intern!(py, "dtype"));
        let interface = array.getattr(intern!(py, "__array_interface__"));
        let (Ok(dtype), Ok(interface)) = (dtype, interface) else {
            return Err(PyTypeError::new_err(format!(
                "{} is no array: make one with numpy.empty(rows, MBOMsg.dtype)",
                array.repr()?
            )));
        };
        let item = |name| interface.get_item(name);
        let Some(of) = RecordType::of_dtype(py, &dtype)? else {
            return Err(PyTypeError::new_err(format!(
                "the array's dtype is {dtype}: use that of a class of records, such as MBOMsg.dtype"
            )));
        };
        let (address, read_only): (usize, bool) = item("data")?.extract()?;
        let refused = |what: &str| {
            PyValueError::new_err(format!(
                "the array {what}: make one with numpy.empty(rows, MBOMsg.dtype)"
            ))
        };
        let shape = item("shape")?;
        let Ok((rows,)) = shape.extract::<(usize,)>() else {
            return Err(refused("has not one dimension"));
        };
        if read_only {
            return Err(refused("cannot be written"));
        }
        if !item("strides")?.is_none() {
            return Err(refused("has gaps between its rows"));
        }
        if rows == 0 {
            return Err(refused("has no rows"));
        }
        if !address.is_multiple_of(align_of::<u64>()) {
            return Err(refused("is not aligned to 8 bytes"));
        }
        Ok(Self {
            _array: array.clone(),
            of,
            sheet: Sheet {
                words: std::ptr::with_exposed_provenance_mut(address),
                capacity_words: rows * of.words,
                used_words: 0,
                count: 0,
            },
        })
    }
}
