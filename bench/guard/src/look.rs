//! A sink that keeps nothing.

use std::hint::black_box;

use gateway_feed::record::ControlRecord;
use gateway_feed::sink::{InstrumentId, Output, Outputs, RecordSink};

/// Makes the compiler build each record, and counts them.
#[derive(Debug)]
pub struct Look {
    wants: Outputs,
    /// How many there were.
    pub records: u64,
}

impl Look {
    /// Asks for records of `output`.
    #[must_use]
    pub const fn new(output: Output) -> Self {
        Self {
            wants: Outputs::NONE.with(output),
            records: 0,
        }
    }
}

impl RecordSink for Look {
    #[inline]
    fn wants(&self, _: InstrumentId) -> Outputs {
        self.wants
    }

    #[inline]
    fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
        black_box(words);
        self.records += 1;
    }

    fn control(&mut self, _: &ControlRecord) {}

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}
