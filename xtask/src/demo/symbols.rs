//! Names of instruments in a recording that starts in mid-day, after the exchange's directory messages.
//!
//! The gateway learns them from the order messages, which name the symbol; a `plain` record has the number only. So
//! that people see names, the demo looks into the recording itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How much of a recording is looked at.
const BYTES_MAX: u64 = 64 << 20;
/// Bytes of a stock symbol in ITCH 5.0, padded with spaces.
const SYMBOL_BYTES: usize = 8;

/// Names by stock locate, from a file of length-prefixed ITCH 5.0 messages; none from any other file.
pub(crate) fn of_recording(file: &Path) -> HashMap<u32, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    if read.is_err() {
        // The simulator will say what is wrong with it.
        return HashMap::new();
    }
    let mut names = HashMap::new();
    let mut rest = bytes.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let Some((message, next)) = after.split_at_checked(u16::from_be_bytes(*length).into())
        else {
            break;
        };
        rest = next;
        let symbol_at = match message.first() {
            // Sections 1.3 and 1.5.1 of the specification: add order, trade; 1.2.1: stock directory.
            Some(b'A' | b'F' | b'P') => 24,
            Some(b'R') => 11,
            _ => continue,
        };
        let (Some(locate), Some(symbol)) = (
            message.get(1..3),
            message.get(symbol_at..symbol_at + SYMBOL_BYTES),
        ) else {
            break;
        };
        let locate = u32::from(u16::from_be_bytes([locate[0], locate[1]]));
        names
            .entry(locate)
            .or_insert_with(|| String::from_utf8_lossy(symbol).trim_end().to_owned());
    }
    names
}
