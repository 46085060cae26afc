//! Reads a file from end to end and tells what is in it: `gateway decode`.
//!
//! The same transport, arbitration and decoder as live, with the file's own time. Memory is constant whatever the
//! file's size: the lists of gaps and errors are cut at [`LIST_MAX`] entries, their totals are not.

mod detect;
pub mod export;
mod packets;
mod raw;
mod summary;

use std::path::Path;

use gateway_capture::{CaptureError, FileKind, sniff};
use gateway_feed::iex::{self, IexConfig, IexDecoder, IexTp};
use gateway_feed::itch50::{ItchConfig, ItchConfigError, ItchDecoder, OrderIndexConfig};
use gateway_feed::mdp3::{Mdp3, Mdp3Config, Mdp3Decoder};
use gateway_feed::moldudp64::MoldUdp64;
use gateway_feed::nasdaq_bbo::{BboConfig, BboConfigError, BboDecoder};
use gateway_feed::order_index::OrderIndexError;
use gateway_feed::pitch::{Market, PitchConfig, PitchConfigError, PitchDecoder, PitchUnit};
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_feed::session_time::{SessionClock, SessionDate, SessionTimeError};
use gateway_feed::sink::{InstrumentId, Nanos, Output, Outputs, RecordSink};
use jiff::civil::Date;

use crate::config::model::{Feed, Venue};
use crate::worker::feed::ITCH_TIME_ZONE;

pub use detect::{DetectError, Detected, detect};
pub use summary::{FileError, Orders, Summary, Symbols};

/// The most gaps, and the most errors, that are listed.
pub const LIST_MAX: usize = 100_000;

/// The most sessions that are told apart where streams begin anew; beyond, a stream stays in its last one.
const SESSIONS_TOLD_MAX: usize = 1_024;

/// What a file is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// ITCH 5.0 messages, each behind a 2-byte length.
    Itch50,
    /// ITCH 5.0 in MoldUDP64.
    Moldudp64Itch50,
    /// Nasdaq BBO 2.1 in MoldUDP64.
    NasdaqBbo,
    /// TOPS 1.6 in IEX-TP.
    IexTops,
    /// DEEP 1.0 in IEX-TP.
    IexDeep,
    /// DEEP+ in IEX-TP.
    IexDeepPlus,
    /// PITCH of US equities.
    CboePitchEquities,
    /// PITCH of US options.
    CboePitchOptions,
    /// PITCH of the complex books of US options.
    CboePitchComplex,
    /// PITCH of futures.
    CboePitchFutures,
    /// CME MDP 3.0.
    CmeMdp3,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Itch50,
        Self::Moldudp64Itch50,
        Self::NasdaqBbo,
        Self::IexTops,
        Self::IexDeep,
        Self::IexDeepPlus,
        Self::CboePitchEquities,
        Self::CboePitchOptions,
        Self::CboePitchComplex,
        Self::CboePitchFutures,
        Self::CmeMdp3,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Itch50 => "itch50",
            Self::Moldudp64Itch50 => "moldudp64-itch50",
            Self::NasdaqBbo => "nasdaq-bbo",
            Self::IexTops => "iex-tops",
            Self::IexDeep => "iex-deep",
            Self::IexDeepPlus => "iex-deep-plus",
            Self::CboePitchEquities => "cboe-pitch-equities",
            Self::CboePitchOptions => "cboe-pitch-options",
            Self::CboePitchComplex => "cboe-pitch-complex",
            Self::CboePitchFutures => "cboe-pitch-futures",
            Self::CmeMdp3 => "cme-mdp3",
        }
    }

    /// What it is, in a line.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Itch50 => {
                "Nasdaq TotalView-ITCH 5.0 messages, each behind a 2-byte length: the files that Nasdaq publishes"
            }
            Self::Moldudp64Itch50 => "ITCH 5.0 in MoldUDP64 in UDP packets: pcap and pcapng",
            Self::NasdaqBbo => {
                "Nasdaq, BX or PSX BBO 2.1 (best bid and offer) in MoldUDP64 in UDP packets"
            }
            Self::IexTops => "IEX TOPS 1.6 in IEX-TP in UDP packets",
            Self::IexDeep => "IEX DEEP 1.0 in IEX-TP in UDP packets",
            Self::IexDeepPlus => "IEX DEEP+ in IEX-TP in UDP packets",
            Self::CboePitchEquities => {
                "Cboe PITCH of US equities (BZX, BYX, EDGX, EDGA) in UDP packets"
            }
            Self::CboePitchOptions => "Cboe PITCH of US options (C1, BZX, C2, EDGX) in UDP packets",
            Self::CboePitchComplex => {
                "Cboe PITCH of the complex books of US options in UDP packets"
            }
            Self::CboePitchFutures => "Cboe PITCH of futures (CFE) in UDP packets",
            Self::CmeMdp3 => {
                "CME MDP 3.0 in UDP packets; each group and port is read as a channel of its own"
            }
        }
    }

    /// The venues that publish it; the first one is meant where none is named.
    #[must_use]
    pub const fn venues(self) -> &'static [Venue] {
        self.feed().venues()
    }

    /// The feed whose messages they are.
    #[must_use]
    pub const fn feed(self) -> Feed {
        match self {
            Self::Itch50 | Self::Moldudp64Itch50 => Feed::NasdaqItch50,
            Self::NasdaqBbo => Feed::NasdaqBbo,
            Self::IexTops => Feed::IexTops,
            Self::IexDeep => Feed::IexDeep,
            Self::IexDeepPlus => Feed::IexDeepPlus,
            Self::CboePitchEquities => Feed::CboePitchEquities,
            Self::CboePitchOptions => Feed::CboePitchOptions,
            Self::CboePitchComplex => Feed::CboePitchComplex,
            Self::CboePitchFutures => Feed::CboePitchFutures,
            Self::CmeMdp3 => Feed::CmeMdp3,
        }
    }
}

/// What is to be read, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The file.
    pub path: &'a Path,
    /// What it holds.
    pub protocol: Protocol,
    /// The trading day; [`SessionDate::Auto`] takes it from a capture's packets or the name of a file of messages.
    pub date: SessionDate,
    /// The venue that published it, which is named in each record.
    pub publisher: dbn::Publisher,
    /// The index of resting orders that records of [`Output::Full`] want.
    pub orders: Option<OrderIndexConfig>,
}

impl Request<'_> {
    /// What decodes a session of ITCH.
    fn itch_decoder(&self, session_date: SessionDate) -> Result<ItchDecoder, DecodeError> {
        let config = ItchConfig {
            session_date,
            publisher_id: self.publisher as u16,
            orders: self.orders,
            ..ItchConfig::default()
        };
        ItchDecoder::new(&config).map_err(|error| match error {
            ItchConfigError::SessionTime(error) => DecodeError::Date(error),
            ItchConfigError::OrderIndex(error) => DecodeError::Orders(error),
            ItchConfigError::Symbol { .. } => unreachable!("no symbols are given"),
        })
    }

    /// What decodes a session of Nasdaq BBO.
    fn bbo_decoder(&self) -> Result<BboDecoder, DecodeError> {
        let config = BboConfig {
            publisher_id: self.publisher as u16,
            session_date: self.date,
            ..BboConfig::default()
        };
        BboDecoder::new(&config).map_err(|error| match error {
            BboConfigError::SessionTime(error) => DecodeError::Date(error),
            BboConfigError::Symbol { .. } => unreachable!("no symbols are given"),
        })
    }

    /// What decodes a session of one of IEX's feeds.
    fn iex_decoder(&self) -> Result<IexDecoder, DecodeError> {
        let config = IexConfig {
            publisher_id: self.publisher as u16,
            ..IexConfig::default()
        };
        match IexDecoder::new(&config) {
            Ok(decoder) => Ok(decoder),
            Err(_) => unreachable!("no symbols are given"),
        }
    }
}

impl Request<'_> {
    /// The same without an index of orders, of which the feed has no use: there may be as many sessions as there are.
    fn without_index(&self) -> Self {
        Self {
            orders: None,
            ..*self
        }
    }

    /// What decodes a channel of MDP 3.0.
    fn mdp3_decoder(&self) -> Result<Mdp3Decoder, DecodeError> {
        let config = Mdp3Config {
            publisher_id: self.publisher as u16,
            ..Mdp3Config::default()
        };
        match Mdp3Decoder::new(&config) {
            Ok(decoder) => Ok(decoder),
            Err(_) => unreachable!("no symbols are given"),
        }
    }

    /// What decodes a unit of PITCH.
    fn pitch_decoder(&self, market: Market) -> Result<PitchDecoder, DecodeError> {
        let config = PitchConfig {
            publisher_id: self.publisher as u16,
            session_date: self.date,
            orders: self.orders,
            ..PitchConfig::new(market)
        };
        PitchDecoder::new(&config).map_err(|error| match error {
            PitchConfigError::SessionTime(error) => DecodeError::Date(error),
            PitchConfigError::OrderIndex(error) => DecodeError::Orders(error),
            PitchConfigError::Symbol { .. } => unreachable!("no symbols are given"),
        })
    }
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
    Date(SessionTimeError),
    /// There is no memory for an index of orders.
    #[error("{0} (--orders-max), or --records plain")]
    Orders(OrderIndexError),
}

/// Takes what is decoded, and hears how far the reading is.
///
/// A file may hold several sessions, whose instruments are numbered each for itself: `session` numbers them from 0 in
/// the order in which they begin. A stream whose numbers begin anew, as a unit of PITCH each day, is another session then.
pub trait Observer {
    /// How messages are wanted as records; with none only counts are kept, which is much faster.
    fn wants(&self) -> Outputs;

    /// Takes one record.
    fn record(&mut self, session: usize, words: &[u64]);

    /// Learns that `instrument` is `symbol` from the next record on; an empty one: not known any longer.
    fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]);

    /// Hears when something of a session was received. Called at least once a packet that brought messages.
    fn time(&mut self, session: usize, ts_recv: Nanos);

    /// Hears how many bytes of how many (`None`: unknown) are read. Called now and then.
    fn progress(&mut self, read: u64, total: Option<u64>);

    /// Whether the reading is to end before the next message or packet; records of one message stay together.
    fn enough(&self) -> bool;
}

/// Whether the file can be read as what `request` says, as far as its first bytes and the request itself tell.
///
/// # Errors
/// All but those that only reading on can find.
pub fn check(request: &Request<'_>) -> Result<(), DecodeError> {
    check_kind(request.path, request.protocol)?;
    SessionClock::new(ITCH_TIME_ZONE, request.date)
        .map(|_| ())
        .map_err(DecodeError::Date)
}

/// The day that the file says it is of, before any of it is read: the one requested, or the one in its name.
#[must_use]
pub fn known_date(request: &Request<'_>) -> Option<Date> {
    match request.date {
        SessionDate::Fixed(date) => Some(date),
        SessionDate::Auto => raw::date_in_name(request.path),
    }
}

/// Reads a file as `request` says.
///
/// The summary is right for what was read, also where the result is an error or `observer` had enough.
pub fn file(
    request: &Request<'_>,
    observer: &mut impl Observer,
) -> (Summary, Result<(), DecodeError>) {
    let mut summary = Summary::default();
    let result = check(request).and_then(|()| match request.protocol {
        Protocol::Itch50 => raw::read(request, observer, &mut summary),
        Protocol::Moldudp64Itch50 => {
            let decoder = || request.itch_decoder(request.date);
            packets::read::<_, MoldUdp64>(request, decoder, observer, &mut summary)
        }
        Protocol::NasdaqBbo => {
            let decoder = || request.bbo_decoder();
            packets::read::<_, MoldUdp64>(&request.without_index(), decoder, observer, &mut summary)
        }
        Protocol::IexTops => {
            let decoder = || request.iex_decoder();
            packets::read::<_, IexTp<{ iex::TOPS }>>(
                &request.without_index(),
                decoder,
                observer,
                &mut summary,
            )
        }
        Protocol::IexDeep => {
            let decoder = || request.iex_decoder();
            packets::read::<_, IexTp<{ iex::DEEP }>>(
                &request.without_index(),
                decoder,
                observer,
                &mut summary,
            )
        }
        Protocol::IexDeepPlus => {
            let decoder = || request.iex_decoder();
            packets::read::<_, IexTp<{ iex::DEEP_PLUS }>>(
                &request.without_index(),
                decoder,
                observer,
                &mut summary,
            )
        }
        Protocol::CboePitchEquities
        | Protocol::CboePitchOptions
        | Protocol::CboePitchComplex
        | Protocol::CboePitchFutures => {
            let market = request.protocol.feed().pitch_market();
            let market = market.unwrap_or(Market::Equities);
            // What is done to an order names the order alone: any record needs the index for its instrument.
            let orders = (!observer.wants().is_empty()).then(OrderIndexConfig::default);
            let request = &Request {
                orders: request.orders.or(orders),
                ..*request
            };
            let decoder = || request.pitch_decoder(market);
            packets::read::<_, PitchUnit>(request, decoder, observer, &mut summary)
        }
        Protocol::CmeMdp3 => {
            let decoder = || request.mdp3_decoder();
            packets::read::<_, Mdp3>(&request.without_index(), decoder, observer, &mut summary)
        }
    });
    if let Err(DecodeError::File(error)) = &result {
        summary.error(error.offset().unwrap_or(0), error.to_string());
    }
    (summary, result)
}

fn check_kind(path: &Path, protocol: Protocol) -> Result<(), DecodeError> {
    // What is read of a pipe to look at it is gone. A file that is missing is reported by who opens it.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Ok(());
    }
    let (found, remedy) = match (sniff(path)?, protocol) {
        (FileKind::Pcap | FileKind::Pcapng, Protocol::Itch50) => (
            "a packet capture",
            "read it with --protocol moldudp64-itch50",
        ),
        (FileKind::Pcap | FileKind::Pcapng, _) => return Ok(()),
        (FileKind::LengthPrefixed, protocol) if protocol != Protocol::Itch50 => (
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

/// Numbers the sessions that an [`Observer`] hears of.
#[derive(Debug, Default)]
struct SessionNumbers {
    next: usize,
}

/// A stream's number for an [`Observer`], which is another one once the stream has begun anew.
#[derive(Debug)]
struct Place {
    session: usize,
    has_begun: bool,
    /// When the first of the packets came that brought nothing since the last one that did: they may be the next
    /// session's, whose numbers are not believed yet.
    silent_since: Option<Nanos>,
}

impl Place {
    /// Tells `observer` of what came until `now`.
    fn tell_time(&mut self, now: Nanos, observer: &mut impl Observer) {
        for time in [self.silent_since.take(), Some(now)].into_iter().flatten() {
            observer.time(self.session, time);
        }
    }
}

impl SessionNumbers {
    fn place(&mut self) -> Place {
        Place {
            session: self.take(),
            has_begun: false,
            silent_since: None,
        }
    }

    /// The number of the session behind `session`: its own where there were so many that no more are told apart.
    const fn next_of(&mut self, session: usize) -> usize {
        if self.next < SESSIONS_TOLD_MAX {
            self.take()
        } else {
            session
        }
    }

    const fn take(&mut self) -> usize {
        let number = self.next;
        self.next += 1;
        number
    }
}

/// Stands where a worker's queues stand live.
struct Sink<'a, O> {
    observer: &'a mut O,
    place: &'a mut Place,
    numbers: &'a mut SessionNumbers,
    wants: Outputs,
    summary: &'a mut Summary,
}

impl<'a, O: Observer> Sink<'a, O> {
    fn new(
        observer: &'a mut O,
        place: &'a mut Place,
        numbers: &'a mut SessionNumbers,
        summary: &'a mut Summary,
    ) -> Self {
        Self {
            wants: observer.wants(),
            observer,
            place,
            numbers,
            summary,
        }
    }
}

impl<O: Observer> RecordSink for Sink<'_, O> {
    fn wants(&self, _: InstrumentId) -> Outputs {
        self.wants
    }

    fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
        self.observer.record(self.place.session, words);
    }

    fn control(&mut self, record: &ControlRecord) {
        self.summary.control(record);
        // A unit's new day, say: instruments are numbered anew.
        if ControlKind::from_number(record.kind) == Some(ControlKind::SessionStart) {
            if self.place.has_begun {
                self.place.session = self.numbers.next_of(self.place.session);
                // What was silent before was the former session's.
                self.place.silent_since = Some(record.ts_recv);
            }
            self.place.has_begun = true;
        }
        if !self.wants.is_empty() {
            self.observer.record(self.place.session, &record.words());
        }
    }

    fn instrument(&mut self, instrument: InstrumentId, symbol: &[u8]) {
        self.observer
            .instrument(self.place.session, instrument, symbol);
    }
}
