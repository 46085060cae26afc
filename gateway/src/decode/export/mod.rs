//! Records in files that other tools read: CSV and Databento's DBN.
//!
//! A file holds records of one [`Schema`], as these tools expect. What a file does not take is counted, never dropped
//! unseen: records of other schemas, and the control and native records that no such file can hold.

mod csv_file;
mod dbn_file;
mod schema;
mod symbols;
mod target;

use gateway_client::{Record, RecordRef};
use gateway_feed::sink::{InstrumentId, Nanos};

pub use dbn_file::{Compression, Header};
pub use schema::{LeftOut, RecordCounts, Schema};
pub use symbols::Contents;
pub use target::{OutputError, Target};

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A file being written.
pub struct Export {
    schema: Schema,
    counts: RecordCounts,
    writer: Writer,
    last_ns: Nanos,
}

enum Writer {
    Csv(Box<csv_file::CsvWriter>),
    Dbn(Box<dbn_file::DbnWriter>),
}

impl Export {
    /// CSV of `schema` (but [`Schema::All`], whose columns would differ from line to line), its head line first.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn csv(target: Target, schema: Schema) -> Result<Self, OutputError> {
        let writer = csv_file::CsvWriter::new(target, schema)?;
        Ok(Self::new(schema, Writer::Csv(Box::new(writer))))
    }

    /// DBN of `header`'s schema, its header first.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn dbn(
        target: Target,
        header: &Header,
        compression: Compression,
    ) -> Result<Self, OutputError> {
        let writer = dbn_file::DbnWriter::new(target, header, compression)?;
        Ok(Self::new(header.schema, Writer::Dbn(Box::new(writer))))
    }

    fn new(schema: Schema, writer: Writer) -> Self {
        Self {
            schema,
            counts: RecordCounts::new(schema),
            writer,
            last_ns: 0,
        }
    }

    /// Writes a record, or counts why not.
    ///
    /// # Errors
    /// The target cannot be written. The file is not whole then.
    pub fn record(&mut self, session: usize, words: &[u64]) -> Result<(), OutputError> {
        let record = Record::from_words(RecordRef { position: 0, words });
        let Some(entry) = self.schema.entry(&record) else {
            self.counts.left_out.count(&record);
            return Ok(());
        };
        match &mut self.writer {
            Writer::Csv(writer) => writer.write(session, &entry)?,
            Writer::Dbn(writer) => writer.write(&entry)?,
        }
        self.counts.written += 1;
        Ok(())
    }

    /// Takes note of a symbol, for the records to come.
    pub fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]) {
        if let Writer::Csv(writer) = &mut self.writer {
            writer.instrument(session, instrument, symbol);
        }
    }

    /// Takes note of how far the input was read, in its own time.
    pub fn time(&mut self, ts_recv: Nanos) {
        self.last_ns = self.last_ns.max(ts_recv);
    }

    /// Completes the file, as what was read of the input makes it.
    ///
    /// # Errors
    /// The target cannot be written. The file is not whole then.
    pub fn finish(self) -> Result<RecordCounts, OutputError> {
        match self.writer {
            Writer::Csv(writer) => writer.finish()?,
            Writer::Dbn(writer) => writer.finish(self.last_ns)?,
        }
        Ok(self.counts)
    }
}
