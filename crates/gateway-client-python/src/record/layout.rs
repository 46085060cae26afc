//! Records as words, bytes and NumPy types.

use std::borrow::Cow;

use gateway_client::RECORD_WORDS_MAX;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Records whose every bit pattern is a value, which consist of whole 64-bit words and have no padding.
///
/// # Safety
/// The implementor is such a type.
pub(crate) unsafe trait Plain: Sized + 'static {}

/// Words of a record.
pub(crate) const fn words_of<T>() -> usize {
    assert!(size_of::<T>().is_multiple_of(size_of::<u64>()));
    size_of::<T>() / size_of::<u64>()
}

/// The record in `words`, if that is exactly how long they are.
#[inline(always)]
pub(crate) fn from_words<T: Plain>(words: &[u64]) -> Option<T> {
    const { assert!(align_of::<T>() <= align_of::<u64>()) };
    // SAFETY: as long as just compared, aligned as asserted above, and `Plain` vouches for any content.
    (words.len() == words_of::<T>()).then(|| unsafe { words.as_ptr().cast::<T>().read() })
}

/// The bytes of a record.
pub(crate) fn bytes_of<T: Plain>(record: &T) -> &[u8] {
    // SAFETY: every byte of a type without padding is initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(record).cast(), size_of::<T>()) }
}

/// Bytes as words, no more of them than a record has; what is missing in the last word is zero.
pub(crate) fn words_from(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    bytes.chunks(8).take(RECORD_WORDS_MAX).map(word).collect()
}

/// Words as bytes.
pub(crate) fn bytes_from(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Bytes that are not a record of the class.
#[cold]
pub(crate) fn wrong_bytes(class: &str, size: usize, words: &[u64]) -> PyErr {
    let rtype = words.first().map_or(0, |word| word.to_le_bytes()[1]);
    let bytes = words.len() * 8;
    PyValueError::new_err(format!(
        "{bytes} bytes of record type {rtype:#04x} are no {class}: pass the {size} bytes that bytes(record) gives"
    ))
}

/// The size of the field that `_field` names.
pub(crate) const fn size_of_field<T, F>(_field: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// What every record begins with.
pub(crate) const HEADER_BYTES: usize = 16;

/// What every record begins with, but those of the exchange's own bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) rtype: u8,
    pub(crate) publisher_id: u16,
    pub(crate) instrument_id: u32,
    pub(crate) ts_event: u64,
}

impl Header {
    /// The header in front of a record.
    #[inline(always)]
    pub(crate) fn of(record: &[u8]) -> Self {
        let Some(&[_, rtype, p0, p1, i0, i1, i2, i3, ref ts_event @ ..]) =
            record.first_chunk::<HEADER_BYTES>()
        else {
            return Self {
                rtype: 0,
                publisher_id: 0,
                instrument_id: 0,
                ts_event: 0,
            };
        };
        Self {
            rtype,
            publisher_id: u16::from_le_bytes([p0, p1]),
            instrument_id: u32::from_le_bytes([i0, i1, i2, i3]),
            ts_event: u64::from_le_bytes(*ts_event),
        }
    }

    /// The begin of a `repr`.
    pub(crate) fn begin(&self, class: &str) -> String {
        let Self {
            rtype,
            publisher_id,
            instrument_id,
            ts_event,
        } = self;
        format!(
            "{class}(rtype={rtype:#04x}, publisher_id={publisher_id}, instrument_id={instrument_id}, \
             ts_event={ts_event}"
        )
    }
}

/// Where a field lies.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Cow<'static, str>,
    pub(crate) code: String,
    pub(crate) offset: usize,
}

/// The fields of [`Header`].
pub(crate) fn header_fields() -> Vec<Field> {
    let field = |(name, code, offset): (&'static str, &str, _)| Field {
        name: name.into(),
        code: code.to_owned(),
        offset,
    };
    [
        ("length", "u1", 0),
        ("rtype", "u1", 1),
        ("publisher_id", "u2", 2),
        ("instrument_id", "u4", 4),
        ("ts_event", "u8", 8),
    ]
    .map(field)
    .to_vec()
}

/// The NumPy type with these fields.
pub(crate) fn dtype(py: Python<'_>, mut fields: Vec<Field>, bytes: usize) -> PyResult<Py<PyAny>> {
    fields.sort_by_key(|field| field.offset);
    let spec = PyDict::new(py);
    spec.set_item(
        "names",
        PyList::new(py, fields.iter().map(|field| &*field.name))?,
    )?;
    spec.set_item(
        "formats",
        PyList::new(py, fields.iter().map(|field| &field.code))?,
    )?;
    spec.set_item(
        "offsets",
        PyList::new(py, fields.iter().map(|field| field.offset))?,
    )?;
    spec.set_item("itemsize", bytes)?;
    Ok(py
        .import("numpy")?
        .getattr("dtype")?
        .call1((spec,))?
        .unbind())
}
