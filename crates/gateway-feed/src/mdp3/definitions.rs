//! The instrument feed ("Instrument Definition"): definitions of all instruments, over and over, on lines of their own.
//!
//! Whoever starts late learns from it what there is. Every line repeats all definitions in each of its loops, so what comes
//! is told apart by what it says: the first line to bring a definition that is news wins, and what says nothing new is
//! counted and goes no further.

use super::directory::Directory;
use super::sbe::Header;
use super::schema::{Future, OptionDefinition, OtherDefinition, SCHEMA_ID, Spread};

/// Bytes at the start of each definition that say nothing of its instrument: "MatchEventIndicator" and "TotNumReports".
const OF_THE_LOOP: usize = 5;
/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a message of these lines is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A definition that was not told so before.
    News,
    /// One that was.
    Again,
    /// One of an instrument that there is no room for.
    NoRoom,
    /// None that can be read.
    NoDefinition,
}

/// What was told of each instrument last.
#[derive(Debug)]
pub(super) struct Definitions {
    /// A fingerprint of its definition by the instrument's number; 0: there was none.
    prints: Box<[u64]>,
}

impl Definitions {
    /// Room for instruments with numbers up to `instruments_max`.
    pub(super) fn new(instruments_max: u16) -> Self {
        Self {
            prints: vec![0; usize::from(instruments_max) + 1].into_boxed_slice(),
        }
    }

    /// Takes note of a message, and says what it is. An instrument that is new is numbered while less than half of the
    /// numbers is taken: what is left is for those that have books.
    pub(super) fn judge(&mut self, directory: &mut Directory, message: &[u8]) -> Told {
        let split = Header::split(message).filter(|(header, _)| header.schema_id == SCHEMA_ID);
        let Some((header, body)) = split else {
            return Told::NoDefinition;
        };
        let security_id = match header.template_id {
            27 | 54 => Future::parse(&header, body).map(|view| view.root.security_id()),
            41 | 55 => OptionDefinition::parse(&header, body).map(|view| view.root.security_id()),
            29 | 56 => Spread::parse(&header, body).map(|view| view.root.security_id()),
            57 | 58 | 63 => {
                OtherDefinition::parse(&header, body).map(|view| view.root.security_id())
            }
            _ => None,
        };
        let (Some(security_id), Some(body)) = (security_id, body.get(OF_THE_LOOP..)) else {
            return Told::NoDefinition;
        };
        let number = directory.number_of(security_id);
        let Some(before) = self.prints.get_mut(number as usize).filter(|_| number > 0) else {
            return Told::NoRoom;
        };
        let now = print(header.template_id, body);
        if std::mem::replace(before, now) == now {
            Told::Again
        } else {
            Told::News
        }
    }

    /// Instruments are numbered anew.
    pub(super) fn forget(&mut self) {
        self.prints.fill(0);
    }
}

/// A fingerprint, which is not 0.
fn print(template_id: u16, bytes: &[u8]) -> u64 {
    let mix = |print: u64, word: u64| (print ^ word).wrapping_mul(GOLDEN).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let begin = mix(template_id.into(), bytes.len() as u64);
    let words = words.iter().chain(std::iter::once(&last));
    words
        .fold(begin, |print, word| mix(print, u64::from_le_bytes(*word)))
        .max(1)
}
