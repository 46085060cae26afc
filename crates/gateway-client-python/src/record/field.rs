//! What a field of a record is: how NumPy calls it, and what Python sees of it.

use std::ffi::c_char;
use std::fmt::Write;

use gateway_client::dbn::FlagSet;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// How a field is seen.
pub(crate) trait Kind {
    /// What the struct has.
    type Field;
    /// What the attribute holds.
    type Seen;
    /// NumPy's code for it.
    fn code() -> String;
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
