//! What one reading of a file is for, and how far it is.

use std::io::{BufWriter, Write};

use gateway_client::{Record, RecordRef};
use gateway_feed::sink::{InstrumentId, Nanos, Outputs};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::interrupt::Interrupt;
use crate::cli::record;
use crate::decode::Observer;
use crate::decode::export::{Contents, Export, OutputError, RecordCounts, Target};

/// How far a reading is, and whether it is to end.
#[derive(Clone)]
pub(super) struct Watch<'a> {
    interrupt: &'a Interrupt,
    bar: &'a ProgressBar,
}

impl<'a> Watch<'a> {
    pub(super) const fn new(interrupt: &'a Interrupt, bar: &'a ProgressBar) -> Self {
        Self { interrupt, bar }
    }

    fn start(&self, what: &'static str) {
        self.bar.set_message(what);
        self.bar.reset();
    }

    fn progress(&self, read: u64, total: Option<u64>) {
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(read);
    }
}

/// The bar of a reading; `shown` where somebody may be looking.
pub(super) fn progress_bar(shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let template = "{msg:8} {bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} to go";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

/// A first reading, for what a header has to tell.
pub(super) struct Scan<'a> {
    pub(super) contents: Contents,
    watch: Watch<'a>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(watch: Watch<'a>) -> Self {
        watch.start("symbols");
        Self {
            contents: Contents::default(),
            watch,
        }
    }
}

impl Observer for Scan<'_> {
    fn wants(&self) -> Outputs {
        Outputs::NONE
    }

    fn record(&mut self, _: usize, _: &[u64]) {}

    fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]) {
        self.contents.instrument(session, instrument, symbol);
    }

    fn time(&mut self, session: usize, ts_recv: Nanos) {
        self.contents.time(session, ts_recv);
    }

    fn progress(&mut self, read: u64, total: Option<u64>) {
        self.watch.progress(read, total);
    }

    fn enough(&self) -> bool {
        self.watch.interrupt.is_noted()
    }
}

/// What a reading is for.
pub(super) enum Purpose {
    /// The summary alone.
    Count,
    /// Records as lines of JSON.
    Json(JsonLines),
    /// Records in a file of another format.
    Export(Box<Export>),
}

/// The reading whose summary is told.
pub(super) struct Reading<'a> {
    purpose: Purpose,
    outputs: Outputs,
    watch: Watch<'a>,
    /// Why nothing more can be written.
    failed: Option<OutputError>,
}

impl<'a> Reading<'a> {
    /// `outputs` is how messages become records, where any are written.
    pub(super) fn new(purpose: Purpose, outputs: Outputs, watch: Watch<'a>) -> Self {
        let (what, outputs) = match purpose {
            Purpose::Count => ("messages", Outputs::NONE),
            Purpose::Json(_) | Purpose::Export(_) => ("records", outputs),
        };
        watch.start(what);
        Self {
            purpose,
            outputs,
            watch,
            failed: None,
        }
    }

    /// Completes what was written, and tells how much that is where it is not everything.
    pub(super) fn end(self) -> Result<Option<RecordCounts>, OutputError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.purpose {
            Purpose::Count => Ok(None),
            Purpose::Json(lines) => lines.finish().map(|()| None),
            Purpose::Export(export) => export.finish().map(Some),
        }
    }
}

impl Observer for Reading<'_> {
    fn wants(&self) -> Outputs {
        self.outputs
    }

    fn record(&mut self, session: usize, words: &[u64]) {
        if self.failed.is_some() {
            return;
        }
        let written = match &mut self.purpose {
            Purpose::Count => Ok(()),
            Purpose::Json(lines) => lines.write(words),
            Purpose::Export(export) => export.record(session, words),
        };
        self.failed = written.err();
    }

    fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]) {
        if let Purpose::Export(export) = &mut self.purpose {
            export.instrument(session, instrument, symbol);
        }
    }

    fn time(&mut self, _: usize, ts_recv: Nanos) {
        if let Purpose::Export(export) = &mut self.purpose {
            export.time(ts_recv);
        }
    }

    fn progress(&mut self, read: u64, total: Option<u64>) {
        self.watch.progress(read, total);
    }

    fn enough(&self) -> bool {
        self.failed.is_some() || self.watch.interrupt.is_noted()
    }
}

/// Records as JSON objects, one a line.
pub(super) struct JsonLines {
    out: BufWriter<Target>,
}

impl JsonLines {
    pub(super) fn new(target: Target) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, target),
        }
    }

    fn write(&mut self, words: &[u64]) -> Result<(), OutputError> {
        let record = Record::from_words(RecordRef { position: 0, words });
        writeln!(self.out, "{}", record::json(&record)).map_err(|error| self.failed(error))
    }

    pub(super) fn finish(mut self) -> Result<(), OutputError> {
        self.out.flush().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: std::io::Error) -> OutputError {
        OutputError::write(self.out.get_ref().name(), error)
    }
}
