//! What a field of a record is: how NumPy calls it, and what Python sees of it.

use std::ffi::c_char;
use std::fmt::Write;

use gateway_client::dbn::{BidAskPair, FlagSet};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::layout::Field;
use crate::values;

/// How a field is seen.
pub(crate) trait Kind {
    /// What the struct has.
    type Field;
    /// What the attribute holds.
    type Seen;
    /// NumPy's code for it.
    fn code() -> String;
    /// Its columns in NumPy, where it lies at `offset`.
    fn columns(name: &'static str, offset: usize) -> Vec<Field> {
        let (name, code) = (name.into(), Self::code());
        vec![Field { name, code, offset }]
    }
    /// Its value.
    fn see(field: &Self::Field) -> Self::Seen;
    /// The value as `repr` has it.
    fn show(seen: &Self::Seen, out: &mut String);
}

macro_rules! numbers {
    ($($number:ty => $code:literal),*) => {$(
        impl Kind for $number {
            type Field = Self;
            type Seen = Self;

            fn code() -> String {
                $code.to_owned()
            }

            #[inline(always)]
            fn see(field: &Self) -> Self {
                *field
            }

            fn show(seen: &Self, out: &mut String) {
                // Writing to a string cannot fail.
                let _ = write!(out, "{seen}");
            }
        }
    )*};
}

numbers!(u8 => "u1", i8 => "i1", u16 => "u2", i16 => "i2", u32 => "u4", i32 => "i4", u64 => "u8", i64 => "i8");

impl Kind for FlagSet {
    type Field = Self;
    type Seen = u8;

    fn code() -> String {
        u8::code()
    }

    #[inline(always)]
    fn see(field: &Self) -> u8 {
        field.raw()
    }

    fn show(seen: &u8, out: &mut String) {
        u8::show(seen, out);
    }
}

/// A character as the venue or DBN has it: one byte; zero is no character, as in NumPy.
pub(crate) struct Char;

pub(crate) struct Letter(u8);

impl Letter {
    fn text(&self) -> String {
        match self.0 {
            0 => String::new(),
            byte => char::from(byte).to_string(),
        }
    }
}

impl<'py> IntoPyObject<'py> for Letter {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        let letter = [self.0];
        // Python keeps the strings of one character: nothing is allocated.
        Ok(match std::str::from_utf8(&letter) {
            Ok(text) if self.0 != 0 => PyString::new(py, text),
            _ => PyString::new(py, &self.text()),
        })
    }
}

impl Kind for Char {
    type Field = c_char;
    type Seen = Letter;

    fn code() -> String {
        "S1".to_owned()
    }

    #[inline(always)]
    fn see(field: &c_char) -> Letter {
        Letter(*field as u8)
    }

    fn show(seen: &Letter, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{:?}", seen.text());
    }
}

/// Text, padded with zeros.
pub(crate) struct Text<const N: usize>;

impl<const N: usize> Kind for Text<N> {
    type Field = [c_char; N];
    type Seen = String;

    fn code() -> String {
        format!("S{N}")
    }

    fn see(field: &[c_char; N]) -> String {
        let bytes: Vec<u8> = field
            .iter()
            .map(|&byte| byte as u8)
            .take_while(|&byte| byte != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn show(seen: &String, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{seen:?}");
    }
}

/// Bytes as the wire has them, padded with zeros.
pub(crate) struct Wire<const N: usize>;

impl<const N: usize> Kind for Wire<N> {
    type Field = [u8; N];
    type Seen = Vec<u8>;

    fn code() -> String {
        format!("S{N}")
    }

    fn see(field: &[u8; N]) -> Vec<u8> {
        let end = field
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1);
        field[..end].to_vec()
    }

    fn show(seen: &Vec<u8>, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "b'{}'", seen.escape_ascii());
    }
}

/// Price levels, best first.
pub(crate) struct Levels<const N: usize>;

pub(crate) struct Pairs<const N: usize>([BidAskPair; N]);

impl<'py, const N: usize> IntoPyObject<'py> for Pairs<N> {
    type Target = PyList;
    type Output = Bound<'py, PyList>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        let levels = self.0.iter().map(|level| values::level(py, level));
        PyList::new(py, levels.collect::<PyResult<Vec<_>>>()?)
    }
}

impl<const N: usize> Kind for Levels<N> {
    type Field = [BidAskPair; N];
    type Seen = Pairs<N>;

    fn code() -> String {
        format!("({N},)V{}", size_of::<BidAskPair>())
    }

    fn columns(_name: &'static str, offset: usize) -> Vec<Field> {
        level_columns(N, offset)
    }

    fn see(field: &[BidAskPair; N]) -> Pairs<N> {
        Pairs(field.clone())
    }

    fn show(seen: &Pairs<N>, out: &mut String) {
        for (index, level) in seen.0.iter().enumerate() {
            let before = if index == 0 { "[" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(
                out,
                "{before}BidAskPair(bid_px={}, ask_px={}, bid_sz={}, ask_sz={}, bid_ct={}, ask_ct={})",
                level.bid_px, level.ask_px, level.bid_sz, level.ask_sz, level.bid_ct, level.ask_ct
            );
        }
        out.push(']');
    }
}

/// The columns of so many levels, as Databento's library calls them: six for each.
pub(crate) fn level_columns(levels: usize, offset: usize) -> Vec<Field> {
    use std::mem::offset_of;
    let columns = [
        ("bid_px", "i8", offset_of!(BidAskPair, bid_px)),
        ("ask_px", "i8", offset_of!(BidAskPair, ask_px)),
        ("bid_sz", "u4", offset_of!(BidAskPair, bid_sz)),
        ("ask_sz", "u4", offset_of!(BidAskPair, ask_sz)),
        ("bid_ct", "u4", offset_of!(BidAskPair, bid_ct)),
        ("ask_ct", "u4", offset_of!(BidAskPair, ask_ct)),
    ];
    let of_level = |level: usize| {
        columns.map(|(name, code, within)| Field {
            name: format!("{name}_{level:02}").into(),
            code: code.to_owned(),
            offset: offset + level * size_of::<BidAskPair>() + within,
        })
    };
    (0..levels).flat_map(of_level).collect()
}
