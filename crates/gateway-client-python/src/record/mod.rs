//! Records as Python sees them: one by one as objects, many as rows of NumPy arrays.
//!
//! Attributes and columns have the names of Databento's own Python library. What a record is follows from its type and
//! length together: one whose length contradicts its type is passed on unread, as [`other::OtherMsg`].

mod control;
mod definition;
mod field;
mod imbalance;
mod layout;
mod macros;
mod mbo;
mod mbp;
mod native;
mod other;
mod statistics;
mod status;
mod trade;

use std::hash::{DefaultHasher, Hash, Hasher};

use gateway_client::dbn::{FIXED_PRICE_SCALE, UNDEF_PRICE};
use pyo3::prelude::*;

pub(crate) use control::ControlMsg;
pub(crate) use definition::InstrumentDefMsg;
pub(crate) use field::level_columns;
pub(crate) use imbalance::ImbalanceMsg;
pub(crate) use layout::{Field, bytes_from, dtype as make_dtype};
pub(crate) use mbo::MBOMsg;
pub(crate) use mbp::{MBP1Msg, MBP10Msg};
pub(crate) use native::NativeMsg;
pub(crate) use other::OtherMsg;
pub(crate) use statistics::StatMsg;
pub(crate) use status::StatusMsg;
pub(crate) use trade::TradeMsg;

/// A type of records that has a class and a NumPy type of its own, always the same.
#[derive(Debug)]
pub(crate) struct RecordType {
    pub(crate) rtype: u8,
    pub(crate) words: usize,
    object: MakeObject,
    dtype: fn(Python<'_>) -> PyResult<Py<PyAny>>,
}

/// Makes the object of a record's words and its position in the queue.
type MakeObject = fn(Python<'_>, &[u64], Option<u64>) -> PyResult<Py<PyAny>>;

/// Orders first: nearly every record is one.
static TYPES: [RecordType; 9] = [
    MBOMsg::TYPE,
    MBP1Msg::TYPE,
    MBP10Msg::TYPE,
    TradeMsg::TYPE,
    ControlMsg::TYPE,
    InstrumentDefMsg::TYPE,
    StatusMsg::TYPE,
    ImbalanceMsg::TYPE,
    StatMsg::TYPE,
];

fn rtype_of(words: &[u64]) -> u8 {
    words.first().map_or(0, |word| word.to_le_bytes()[1])
}

impl RecordType {
    /// The type of a record; `None` for the exchange's own bytes and for what this client does not know.
    #[inline]
    pub(crate) fn of(words: &[u64]) -> Option<&'static Self> {
        let rtype = rtype_of(words);
        TYPES
            .iter()
            .find(|of| of.rtype == rtype && of.words == words.len())
    }
}

/// A record as an object.
pub(crate) fn object(py: Python<'_>, words: &[u64], position: u64) -> PyResult<Py<PyAny>> {
    match Shape::of(words) {
        Shape::Known(of) => (of.object)(py, words, Some(position)),
        Shape::Native { .. } => NativeMsg::object(py, words, Some(position)),
        Shape::Other { .. } => OtherMsg::object(py, words, Some(position)),
    }
}

impl RecordType {
    /// The type whose arrays have that NumPy type; `None` where there is none.
    pub(crate) fn of_dtype(
        py: Python<'_>,
        dtype: &Bound<'_, PyAny>,
    ) -> PyResult<Option<&'static Self>> {
        for of in &TYPES {
            let known = (of.dtype)(py)?;
            if known.is(dtype) || dtype.eq(known)? {
                return Ok(Some(of));
            }
        }
        Ok(None)
    }

    /// Whether the record is of this type.
    #[inline]
    pub(crate) fn is_of(&self, words: &[u64]) -> bool {
        words.len() == self.words && rtype_of(words) == self.rtype
    }

    /// The first two bytes of its records: length and type.
    pub(crate) const fn begin(&self) -> u16 {
        // No record is longer than its first byte counts words of 32 bits.
        (self.words as u16 * 2) | ((self.rtype as u16) << 8)
    }
}

/// What the rows of an array have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Known(&'static RecordType),
    /// The exchange's own bytes, in rows of so many words: messages differ in length.
    Native {
        row_words: usize,
    },
    /// What this client does not know.
    Other {
        rtype: u8,
        words: usize,
    },
}

impl Shape {
    /// The shape of an array that begins with this record.
    #[inline]
    pub(crate) fn of(words: &[u64]) -> Self {
        match RecordType::of(words) {
            Some(of) => Self::Known(of),
            None if native::is_one(words) => Self::Native {
                row_words: words.len().max(native::ROW_WORDS),
            },
            None => Self::Other {
                rtype: rtype_of(words),
                words: words.len().max(1),
            },
        }
    }

    /// Whether the record may be a row of an array of this shape.
    #[inline(always)]
    pub(crate) fn takes(self, words: &[u64]) -> bool {
        match self {
            Self::Known(of) => of.is_of(words),
            Self::Native { row_words } => words.len() <= row_words && native::is_one(words),
            Self::Other { rtype, words: len } => {
                rtype_of(words) == rtype && words.len() == len && !native::is_one(words)
            }
        }
    }

    /// Words of a row.
    #[inline(always)]
    pub(crate) const fn row_words(self) -> usize {
        match self {
            Self::Known(of) => of.words,
            Self::Native { row_words } => row_words,
            Self::Other { words, .. } => words,
        }
    }

    /// The NumPy type of a row.
    pub(crate) fn dtype(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Known(of) => (of.dtype)(py),
            Self::Native { row_words } => native::dtype(py, row_words),
            Self::Other { words, .. } => other::dtype(py, words),
        }
    }
}

/// A price in units of one; not a number where the record has none.
fn price(price: i64) -> f64 {
    if price == UNDEF_PRICE {
        f64::NAN
    } else {
        price as f64 / FIXED_PRICE_SCALE as f64
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// What `record!` uses.
mod prelude {
    pub(super) use gateway_client::dbn::{FlagSet, rtype};
    pub(super) use pyo3::IntoPyObjectExt;
    pub(super) use pyo3::prelude::*;
    pub(super) use pyo3::sync::PyOnceLock;
    pub(super) use pyo3::types::PyBytes;

    pub(super) use super::field::{Char, Kind, Levels, Text, Wire};
    pub(super) use super::layout::{
        Field, HEADER_BYTES, Header, Plain, bytes_of, dtype, from_words, header_fields,
        size_of_field, words_from, words_of, wrong_bytes,
    };
    pub(super) use super::macros::record;
    pub(super) use super::{RecordType, hash, price};
}
