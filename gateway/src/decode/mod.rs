//! Reads a file from end to end and tells what is in it: `gateway decode`.
//!
//! The same transport, arbitration and decoder as live, with the file's own time. Memory is constant whatever the
//! file's size: the lists of gaps and errors are cut at [`LIST_MAX`] entries, their totals are not.

mod packets;
mod raw;
mod summary;

use std::path::Path;

use gateway_capture::{CaptureError, FileKind, sniff};
use gateway_feed::record::ControlRecord;
use gateway_feed::session_time::SessionDate;
use gateway_feed::sink::{InstrumentId, Output, Outputs, RecordSink};

pub use summary::{FileError, Summary};

/// The most gaps, and the most errors, that are listed.
pub const LIST_MAX: usize = 100_000;

/// What a file is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Nasdaq TotalView-ITCH 5.0 messages, each behind a 2-byte length: the files that Nasdaq publishes
    Itch50,
    /// ITCH 5.0 in MoldUDP64 in UDP packets: pcap and pcapng
    #[value(name = "moldudp64-itch50")]
    Moldudp64Itch50,
}

/// Why a file could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is unreadable, cut or damaged. What came before was read.
    #[error(transparent)]
    File(#[from] CaptureError),
    /// The file is of another kind than the protocol.
    #[error("{path} is {found}; {remedy}")]
    WrongKind {
        /// The file.
        path: String,
        /// What it looks like.
        found: &'static str,
        /// Which protocol to choose.
        remedy: &'static str,
    },
    /// The date cannot be used.
    #[error("the session date cannot be used: {0}; give another one with --date YYYY-MM-DD")]
    Date(String),
}

/// Takes what is decoded, and hears how far the reading is.
pub trait Observer {
    /// Whether records are wanted at all; without them only counts are kept, which is much faster.
    fn wants_records(&self) -> bool;

    /// Takes one record. `false` ends the reading.
    fn record(&mut self, words: &[u64]) -> bool;

    /// Hears how many bytes of how many (0: unknown) are read. Called now and then.
    fn progress(&mut self, read: u64, total: u64);
}

/// Reads the file at `path` as `protocol`.
///
/// The summary is right for what was read, also where the result is an error.
pub fn file(
    path: &Path,
    protocol: Protocol,
    date: SessionDate,
    observer: &mut impl Observer,
) -> (Summary, Result<(), DecodeError>) {
    let mut summary = Summary::default();
    let result = check_kind(path, protocol).and_then(|()| match protocol {
        Protocol::Itch50 => raw::read(path, date, observer, &mut summary),
        Protocol::Moldudp64Itch50 => packets::read(path, date, observer, &mut summary),
    });
    if let Err(DecodeError::File(error)) = &result {
        summary.error(error.offset().unwrap_or(0), error.to_string());
    }
    (summary, result)
}

fn check_kind(path: &Path, protocol: Protocol) -> Result<(), DecodeError> {
    let (found, remedy) = match (sniff(path)?, protocol) {
        (FileKind::Pcap | FileKind::Pcapng, Protocol::Itch50) => (
            "a packet capture",
            "read it with --protocol moldudp64-itch50",
        ),
        (FileKind::LengthPrefixed, Protocol::Moldudp64Itch50) => (
            "a file of messages without packets",
            "read it with --protocol itch50",
        ),
        _ => return Ok(()),
    };
    Err(DecodeError::WrongKind {
        path: path.display().to_string(),
        found,
        remedy,
    })
}

/// Stands where a worker's queues stand live.
struct Sink<'a, O> {
    observer: &'a mut O,
    wants: Outputs,
    /// Whether the observer has had enough.
    enough: bool,
    summary: &'a mut Summary,
}

impl<'a, O: Observer> Sink<'a, O> {
    fn new(observer: &'a mut O, summary: &'a mut Summary) -> Self {
        let wants = if observer.wants_records() {
            Outputs::NONE.with(Output::Plain)
        } else {
            Outputs::NONE
        };
        Self {
            observer,
            wants,
            enough: false,
            summary,
        }
    }

    fn give(&mut self, words: &[u64]) {
        self.enough = self.enough || !self.observer.record(words);
    }
}

impl<O: Observer> RecordSink for Sink<'_, O> {
    fn wants(&self, _: InstrumentId) -> Outputs {
        self.wants
    }

    fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
        self.give(words);
    }

    fn control(&mut self, record: &ControlRecord) {
        self.summary.control(record);
        if !self.wants.is_empty() {
            self.give(&record.words());
        }
    }

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}
