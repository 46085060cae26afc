//! `gateway decode`

mod protocol;
mod reading;
mod table;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gateway_capture::CaptureError;
use gateway_feed::itch50::OrderIndexConfig;
use gateway_feed::order_index::ORDERS_MAX;
use gateway_feed::session_time::SessionDate;
use gateway_feed::sink::{Output, Outputs};

use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::output;
use crate::config::model::Venue;
use crate::decode::export::{Compression, Export, OutputError, Schema, Target};
use crate::decode::{
    self, DecodeError, DetectError, Detected, Protocol, Request, Summary, Symbols,
};
use protocol::ProtocolChoice;
use reading::{JsonLines, Purpose, Reading, Scan, Watch};

/// Options of `gateway decode`.
#[derive(Debug, Args)]
pub(super) struct Decode {
    /// A file of ITCH messages, or a pcap or pcapng capture; .gz too
    file: PathBuf,
    /// What it holds
    #[arg(long, value_enum)]
    protocol: ProtocolChoice,
    /// What to make of it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the records to this file; by default to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output file if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// Which records a file of csv, dbn or dbn.zst takes; the summary tells how many others there were
    ///
    /// By default mbo: most tools want a file of one schema.
    #[arg(long, value_enum)]
    schema: Option<Schema>,
    /// How messages become records
    #[arg(long, value_enum, default_value_t)]
    records: Records,
    /// The most orders that rest at a time, remembered for full records, and for any of Cboe PITCH; 40 bytes each, taken at the start
    #[arg(long, value_name = "ORDERS", default_value_t = OrderIndexConfig::default().orders_max,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(ORDERS_MAX)))]
    orders_max: u32,
    /// Whose messages they are: it decides publisher and dataset
    ///
    /// By default the first venue of the protocol: nasdaq, iex, bzx, c1-options, cfe, cme.
    #[arg(long, value_enum)]
    venue: Option<Venue>,
    /// Print the summary as one JSON object
    ///
    /// Keys: packets, messages, by_type, heartbeats, gaps (list of [first, last]), duplicates, resets, records,
    /// errors (list of {offset, reason}), and more.
    #[arg(long)]
    json: bool,
    /// The trading day, YYYY-MM-DD; by default that of a capture's packets or of a file's name (12302019.…)
    #[arg(long)]
    date: Option<jiff::civil::Date>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Counts by message type, gaps and errors
    #[default]
    Summary,
    /// One record a line, as a JSON object; all records
    Json,
    /// One record a line, in Databento's columns and the symbol behind them
    Csv,
    /// Databento's binary encoding, version 3
    Dbn,
    /// The same, compressed by Zstandard
    #[value(name = "dbn.zst")]
    DbnZst,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Records {
    /// Completed from an index of the resting orders, as Databento publishes them
    #[default]
    Full,
    /// From each message alone: what it leaves out is undefined and flagged
    Plain,
}

impl Format {
    /// Whether it is one that other tools read, which takes the records of a schema.
    const fn is_export(self) -> bool {
        matches!(self, Self::Csv | Self::Dbn | Self::DbnZst)
    }
}

impl Decode {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.check_options()?;
        let (protocol, detected) = self.protocol()?;
        let request = Request {
            path: &self.file,
            protocol,
            date: self.date.map_or(SessionDate::Auto, SessionDate::Fixed),
            publisher: protocol.feed().publisher(self.venue(protocol)?),
            orders: self.orders(protocol),
        };
        if self.format.is_export() {
            self.check_input(&request)?;
        }
        let interrupt = Interrupt::watch()?;
        let bar = reading::progress_bar(self.shows_progress());
        let watch = Watch::new(&interrupt, &bar);

        let (purpose, symbols) = self.purpose(&request, &watch)?;
        let mut reading = Reading::new(purpose, self.outputs(), watch);
        let (mut summary, result) = decode::file(&request, &mut reading);
        bar.finish_and_clear();
        summary.records = reading.end().map_err(output_failure)?;
        summary.symbols = symbols;
        summary.detected = detected;
        self.print(&summary, &result)?;
        if summary.interrupted {
            return Err(self.interrupted(&summary));
        }
        result.map_err(input_failure)
    }

    /// What the options contradict each other in.
    fn check_options(&self) -> Result<(), Failure> {
        let wrong = |message: &str| Err(Failure::new(Exit::Usage, message));
        if self.output.is_some() && self.format == Format::Summary {
            return wrong("a summary has no records for --output; choose another --format");
        }
        if self.schema.is_some() && !self.format.is_export() {
            return wrong("--schema is for --format csv, dbn and dbn.zst");
        }
        if self.schema == Some(Schema::All) && self.format == Format::Csv {
            return wrong(
                "records of several schemas have different columns; choose one --schema for csv, or another format",
            );
        }
        Ok(())
    }

    /// What the file is read as; where that is to be found out, also why, which is told.
    fn protocol(&self) -> Result<(Protocol, Option<Detected>), Failure> {
        let ProtocolChoice::Named(protocol) = self.protocol else {
            let (protocol, found) = decode::detect(&self.file, self.venue).map_err(undetected)?;
            output::tell(table::detected(&found));
            return Ok((protocol, Some(found)));
        };
        Ok((protocol, None))
    }

    /// Whose messages they are.
    fn venue(&self, protocol: Protocol) -> Result<Venue, Failure> {
        let venues = protocol.venues();
        match self.venue {
            None => Ok(venues[0]),
            Some(venue) if venues.contains(&venue) => Ok(venue),
            Some(venue) => {
                let names: Vec<&str> = venues.iter().map(|venue| venue.name()).collect();
                Err(Failure::new(
                    Exit::Usage,
                    format!(
                        "--venue {} does not publish {}; its venues are: {}",
                        venue.name(),
                        protocol.name(),
                        names.join(", ")
                    ),
                ))
            }
        }
    }

    /// What an archive needs to know of its input, and what would be wrong for good without it.
    fn check_input(&self, request: &Request<'_>) -> Result<(), Failure> {
        decode::check(request).map_err(input_failure)?;
        let has_dataset = request.protocol != Protocol::NasdaqBbo
            || request.publisher == dbn::Publisher::XnasQbboXnas;
        if !has_dataset && matches!(self.format, Format::Dbn | Format::DbnZst) {
            let message = "DBN has no dataset for the BBO of BX and PSX, and that of their TotalView would be another \
                           one's; use --format csv or json";
            return Err(Failure::new(Exit::Usage, message.to_owned()));
        }
        if request.protocol == Protocol::Itch50 && decode::known_date(request).is_none() {
            let message = format!(
                "{}: messages tell the time of day only, and the name does not tell the day (as 12302019.… does); give \
                 it with --date YYYY-MM-DD",
                self.file.display()
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let is_pipe = self.file.metadata().is_ok_and(|of| !of.is_file());
        if is_pipe && self.format != Format::Csv {
            let message = format!(
                "{}: a file of DBN begins with its symbols, so the input is read twice, which a pipe cannot be; save \
                 it to a file first, or use --format csv",
                self.file.display()
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(())
    }

    /// What the file is read for; for DBN this reads it a first time.
    fn purpose(
        &self,
        request: &Request<'_>,
        watch: &Watch<'_>,
    ) -> Result<(Purpose, Option<Symbols>), Failure> {
        let schema = self.schema.unwrap_or_default();
        let compression = match self.format {
            Format::Summary => return Ok((Purpose::Count, None)),
            Format::Json => return Ok((Purpose::Json(JsonLines::new(self.target(false)?)), None)),
            Format::Csv => {
                let export = Export::csv(self.target(false)?, schema).map_err(output_failure)?;
                return Ok((Purpose::Export(Box::new(export)), None));
            }
            Format::Dbn => Compression::None,
            Format::DbnZst => Compression::Zstd,
        };
        // Before the first reading, so that a wrong path is told at once.
        let target = self.target(true)?;
        let mut scan = Scan::new(watch.clone());
        // What is wrong with the file, the second reading finds at the same place and reports.
        let scanned = Request {
            orders: None,
            ..*request
        };
        let _ = decode::file(&scanned, &mut scan);
        let (header, ambiguous) = scan.contents.header(request.publisher, schema);
        let symbols = Symbols {
            mapped: header.mappings.len() as u64,
            ambiguous,
            renumbered: header.numbering.moved(),
        };
        let export = Export::dbn(target, &header, compression).map_err(output_failure)?;
        Ok((Purpose::Export(Box::new(export)), Some(symbols)))
    }

    fn outputs(&self) -> Outputs {
        Outputs::NONE.with(match self.records {
            Records::Plain => Output::Plain,
            Records::Full => Output::Full,
        })
    }

    /// The index of orders, where there are records to be completed, or to be found the instrument of.
    fn orders(&self, protocol: Protocol) -> Option<OrderIndexConfig> {
        let of_pitch = protocol.feed().pitch_market().is_some();
        let wanted = self.format != Format::Summary && (self.records == Records::Full || of_pitch);
        wanted.then(|| OrderIndexConfig {
            orders_max: self.orders_max,
            ..OrderIndexConfig::default()
        })
    }

    /// Where records go.
    fn target(&self, binary: bool) -> Result<Target, Failure> {
        match &self.output {
            Some(path) => Target::create(path, &self.file, self.force),
            None => Target::standard_output(binary),
        }
        .map_err(output_failure)
    }

    /// Whether records go to standard output.
    fn fills_stdout(&self) -> bool {
        self.format != Format::Summary && self.output.is_none()
    }

    /// Only where somebody looks, and not among records that scroll by.
    fn shows_progress(&self) -> bool {
        let among_records = self.fills_stdout() && std::io::stdout().is_terminal();
        std::io::stderr().is_terminal() && !among_records
    }

    /// Prints the summary where it does not get among the records.
    fn print(&self, summary: &Summary, result: &Result<(), DecodeError>) -> Result<(), Failure> {
        let nothing_read = matches!(
            result,
            Err(DecodeError::WrongKind { .. } | DecodeError::Date(_) | DecodeError::Orders(_))
        );
        // A table of zeros would only bury the one message that says why.
        let not_opened = matches!(
            result,
            Err(DecodeError::File(CaptureError::Open { .. })) if !self.json
        );
        // Lines of JSON tell all there is.
        if nothing_read || not_opened || (self.format == Format::Json && self.fills_stdout()) {
            return Ok(());
        }
        let text = if self.json {
            serde_json::to_string(summary).map_err(|error| Failure::new(Exit::Internal, error))?
        } else {
            table::table(summary)
        };
        let text = text.trim_end();
        if self.fills_stdout() {
            output::tell(text);
            return Ok(());
        }
        output::print_line(text)
    }

    fn interrupted(&self, summary: &Summary) -> Failure {
        let mut message = format!("interrupted after {} messages", summary.messages);
        if let Some(path) = &self.output {
            let rest = format!("; {} is whole and holds what they gave", path.display());
            message.push_str(&rest);
        }
        Failure::new(Exit::Interrupted, message)
    }
}

fn undetected(error: DetectError) -> Failure {
    let exit = match &error {
        DetectError::File(_) => Exit::InputFile,
        DetectError::Pipe { .. } | DetectError::Undecided { .. } => Exit::Usage,
    };
    Failure::new(exit, error)
}

fn input_failure(error: DecodeError) -> Failure {
    let exit = match &error {
        DecodeError::File(_) => Exit::InputFile,
        DecodeError::WrongKind { .. } | DecodeError::Date(_) | DecodeError::Orders(_) => {
            Exit::Usage
        }
    };
    Failure::new(exit, error)
}

fn output_failure(error: OutputError) -> Failure {
    let exit = match &error {
        OutputError::Terminal => Exit::Usage,
        OutputError::Format { .. } => Exit::Internal,
        _ => Exit::Output,
    };
    Failure::new(exit, error)
}
