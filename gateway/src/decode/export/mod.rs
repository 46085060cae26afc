//! Records in files that other tools read: CSV and Databento's DBN.
//!
//! A file holds records of one [`Schema`], as these tools expect. What a file does not take is counted, never dropped
//! unseen: records of other schemas, and the control and native records that no such file can hold.

mod csv_file;
mod dbn_file;
mod numbering;
mod schema;
mod symbols;
mod target;

use gateway_client::{Record, RecordRef};
use gateway_feed::sink::{InstrumentId, Nanos};
use numbering::Claims;

pub use dbn_file::{Compression, Header};
pub use numbering::Numbering;
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
    numbering: Numbering,
    /// A record with other numbers in it.
    scratch: Vec<u64>,
}

enum Writer {
    Csv(Box<csv_file::CsvWriter>, Claims),
    Dbn(Box<dbn_file::DbnWriter>),
}

impl Export {
    /// CSV of `schema` (but [`Schema::All`], whose columns would differ from line to line), its head line first.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn csv(target: Target, schema: Schema) -> Result<Self, OutputError> {
        let writer = csv_file::CsvWriter::new(target, schema)?;
        Ok(Self::new(
            schema,
            Writer::Csv(Box::new(writer), Claims::default()),
            Numbering::default(),
        ))
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
        Ok(Self::new(
            header.schema,
            Writer::Dbn(Box::new(writer)),
            header.numbering.clone(),
        ))
    }

    fn new(schema: Schema, writer: Writer, numbering: Numbering) -> Self {
        Self {
            schema,
            counts: RecordCounts::new(schema),
            writer,
            last_ns: 0,
            numbering,
            scratch: Vec::new(),
        }
    }

    /// Writes a record, or counts why not.
    ///
    /// # Errors
    /// The target cannot be written. The file is not whole then.
    pub fn record(&mut self, session: usize, words: &[u64]) -> Result<(), OutputError> {
        let words = self.numbering.apply(session, words, &mut self.scratch);
        let record = Record::from_words(RecordRef { position: 0, words });
        let Some(entry) = self.schema.entry(&record) else {
            self.counts.left_out.count(&record);
            return Ok(());
        };
        match &mut self.writer {
            Writer::Csv(writer, _) => writer.write(session, &entry)?,
            Writer::Dbn(writer) => writer.write(&entry)?,
        }
        self.counts.written += 1;
        Ok(())
    }

    /// Takes note of a symbol, for the records to come.
    pub fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]) {
        // The header of a DBN file names them all.
        if let Writer::Csv(writer, claims) = &mut self.writer {
            if !symbol.is_empty() {
                let name = String::from_utf8_lossy(symbol);
                claims.claim(&mut self.numbering, session, instrument.0, &name);
            }
            let number = InstrumentId(self.numbering.of(session, instrument.0));
            writer.instrument(session, number, symbol);
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
            Writer::Csv(writer, _) => writer.finish()?,
            Writer::Dbn(writer) => writer.finish(self.last_ns)?,
        }
        Ok(self.counts)
    }
}
