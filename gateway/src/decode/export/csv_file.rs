//! CSV with Databento's columns, and the symbol as the last of them.

use std::collections::HashMap;
use std::io::BufWriter;

use dbn::encode::{CsvEncoder, EncodeRecordTextExt};
use gateway_feed::sink::InstrumentId;

use super::BUFFER_BYTES;
use super::schema::{Entry, Schema};
use super::target::{OutputError, Target};

pub(super) struct CsvWriter {
    encoder: CsvEncoder<BufWriter<Target>>,
    name: String,
    /// By session and the instrument's number in the file: a CSV file has no header to tell symbols in.
    symbols: HashMap<(usize, u32), String>,
}

impl CsvWriter {
    pub(super) fn new(target: Target, schema: Schema) -> Result<Self, OutputError> {
        let name = target.name().to_owned();
        let encoder = CsvEncoder::builder(BufWriter::with_capacity(BUFFER_BYTES, target))
            .schema(schema.in_dbn())
            .with_symbol(true)
            .build()
            .map_err(|error| OutputError::encode(&name, error))?;
        Ok(Self {
            encoder,
            name,
            symbols: HashMap::new(),
        })
    }

    pub(super) fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]) {
        let key = (session, instrument.0);
        if symbol.is_empty() {
            self.symbols.remove(&key);
        } else {
            let symbol = String::from_utf8_lossy(symbol).into_owned();
            self.symbols.insert(key, symbol);
        }
    }

    pub(super) fn write(&mut self, session: usize, entry: &Entry<'_>) -> Result<(), OutputError> {
        let symbol = |instrument: u32| self.symbols.get(&(session, instrument)).map(String::as_str);
        let encoder = &mut self.encoder;
        let result = match entry {
            Entry::Mbo(order) => {
                encoder.encode_record_with_sym(*order, symbol(order.hd.instrument_id))
            }
            Entry::Mbp1(quote) => {
                encoder.encode_record_with_sym(*quote, symbol(quote.hd.instrument_id))
            }
            Entry::Trade(trade) => {
                encoder.encode_record_with_sym(trade, symbol(trade.hd.instrument_id))
            }
            Entry::Definition(definition) => {
                encoder.encode_record_with_sym(*definition, symbol(definition.hd.instrument_id))
            }
            Entry::Status(status) => {
                encoder.encode_record_with_sym(*status, symbol(status.hd.instrument_id))
            }
            Entry::Imbalance(imbalance) => {
                encoder.encode_record_with_sym(*imbalance, symbol(imbalance.hd.instrument_id))
            }
            Entry::Statistics(statistic) => {
                encoder.encode_record_with_sym(*statistic, symbol(statistic.hd.instrument_id))
            }
        };
        result.map_err(|error| OutputError::encode(&self.name, error))
    }

    pub(super) fn finish(self) -> Result<(), OutputError> {
        let failed = |error| OutputError::encode(&self.name, error);
        let buffer = self.encoder.into_inner().map_err(failed)?;
        buffer
            .into_inner()
            .map(|_| ())
            .map_err(|error| OutputError::write(&self.name, error.into_error()))
    }
}
