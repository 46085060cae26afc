//! A configuration that holds together: references resolved, ranges checked, one worker a queue.
//!
//! Only [`load`](super::load) and [`parse`](super::parse) make one. References are indices into its lists.

mod recovery;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use gateway_feed::arbitration::OnGap;
use gateway_feed::class::Classes;
use gateway_feed::pitch::Market;
use gateway_feed::session_time::SessionDate;

pub use self::recovery::{GlimpseServer, PasswordSource, Recovery, SessionServer};
use super::Problem;
use crate::ingest::{Mode, Pace, Queues, SocketWait, Tier, UdpChecksum};

/// A checked configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The service itself.
    pub gateway: Gateway,
    /// Network interfaces that packets arrive on.
    pub interfaces: Vec<Interface>,
    /// Capture files that packets are read from.
    pub captures: Vec<Capture>,
    /// Busy-polling threads.
    pub workers: Vec<Worker>,
    /// Sequenced streams of the venues.
    pub channels: Vec<Channel>,
    /// Shared-memory queues of records.
    pub queues: Vec<Queue>,
    /// Order books built from queues.
    pub books: Vec<Book>,
    /// Who may read them, besides the gateway's own user.
    pub entitlements: Vec<Entitlement>,
    /// What works and had better be otherwise.
    pub warnings: Vec<Problem>,
    /// The file as it was written, to tell what another one changes.
    pub written: toml::Table,
}

/// The service itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Name in logs, status and metrics.
    pub name: String,
    /// Unix socket that strategies connect to.
    pub broker_socket: PathBuf,
    /// Strategies connected at the same time.
    pub max_clients: usize,
    /// Of these, clients of one user.
    pub max_clients_per_user: usize,
    /// Where the metrics server listens, if there is one.
    pub metrics_listen: Option<MetricsListen>,
    /// Channels, and readers, that have latency series of their own.
    pub metrics_detail_max: usize,
    /// How log lines look.
    pub log: LogFormat,
    /// CPU of everything but the workers, if it is pinned.
    pub housekeeping_core: Option<usize>,
    /// What the service gives up once it is started.
    pub confine: Confine,
    /// Time from one look of the doctor at the machine to the next, if there is more than the look at the start.
    pub checks_interval: Option<Duration>,
}

/// Where the metrics server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// At an address and port.
    Tcp(SocketAddr),
    /// At a Unix socket, which its owner and group may connect to.
    Unix(PathBuf),
}

impl fmt::Display for MetricsListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What the service gives up once it is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confine {
    /// All that it does not need.
    #[default]
    Full,
    /// Nothing.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// [`Human`](Self::Human) on a terminal, [`Json`](Self::Json) elsewhere.
    #[default]
    Auto,
    /// Text for people.
    Human,
    /// One JSON object a line.
    Json,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name in the kernel.
    pub name: String,
    /// Which tiers may be tried.
    pub mode: Mode,
    /// Where [`Mode::Auto`] stops stepping down.
    pub lowest_tier: Tier,
    /// Below this tier the gateway refuses to run.
    pub require: Option<Tier>,
    /// Where groups are joined, if not here.
    pub membership_interface: Option<String>,
    /// Whether the kernel's receive path runs on the worker's core.
    pub busy_poll: bool,
    /// Whether the XDP program stays attached when the gateway ends.
    pub pin_link: bool,
    /// Entries of each receive ring, a power of two.
    pub rx_ring: u32,
    /// Which receive queues are polled.
    pub queues: Queues,
    /// What is done about UDP checksums that no kernel has checked.
    pub udp_checksum: UdpChecksum,
    /// How the socket tier waits.
    pub socket_wait: SocketWait,
    /// Whether the card is to stamp every packet, and the XDP program to read its stamps.
    pub hardware_timestamps: bool,
    /// Whether the drivers and kernels known to lose packets are tried all the same.
    pub force: bool,
}

/// A capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Name that workers refer to.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// How fast it is read.
    pub pace: Pace,
}

/// Something a worker polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Index in [`Config::interfaces`].
    Interface(usize),
    /// Index in [`Config::captures`].
    Capture(usize),
}

/// What a worker does when there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// Looks again at once.
    #[default]
    Spin,
    /// Offers its core to others, then looks again.
    Yield,
    /// Sleeps for some tens of microseconds.
    Sleep,
}

/// A busy-polling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// The CPU it is pinned to, if any.
    pub core: Option<usize>,
    /// What it polls: interfaces, or a single capture.
    pub inputs: Vec<Input>,
    /// What it does when idle.
    pub wait: Wait,
}

/// The protocol of a venue's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Nasdaq TotalView-ITCH 5.0 over MoldUDP64.
    NasdaqItch50,
    /// Nasdaq BBO 2.1 over MoldUDP64.
    NasdaqBbo,
    /// IEX TOPS 1.6 over IEX-TP.
    IexTops,
    /// IEX DEEP 1.0 over IEX-TP.
    IexDeep,
    /// IEX DEEP+ over IEX-TP.
    IexDeepPlus,
    /// Cboe PITCH of a unit of US equities.
    CboePitchEquities,
    /// Cboe PITCH of a unit of US options.
    CboePitchOptions,
    /// Cboe PITCH of a unit of the complex books of US options.
    CboePitchComplex,
    /// Cboe PITCH of a unit of futures.
    CboePitchFutures,
    /// CME MDP 3.0.
    CmeMdp3,
}

impl Feed {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NasdaqItch50,
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

    /// Its name in configuration and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NasdaqItch50 => "nasdaq-itch50",
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

    /// The venues that publish it; the first one is meant where none is named.
    #[must_use]
    pub const fn venues(self) -> &'static [Venue] {
        match self {
            Self::NasdaqItch50 | Self::NasdaqBbo => &[Venue::Nasdaq, Venue::Bx, Venue::Psx],
            Self::IexTops | Self::IexDeep | Self::IexDeepPlus => &[Venue::Iex],
            Self::CboePitchEquities => &[Venue::Bzx, Venue::Byx, Venue::Edgx, Venue::Edga],
            Self::CboePitchOptions | Self::CboePitchComplex => &[
                Venue::C1Options,
                Venue::BzxOptions,
                Venue::C2Options,
                Venue::EdgxOptions,
            ],
            Self::CboePitchFutures => &[Venue::Cfe],
            Self::CmeMdp3 => &[Venue::Cme],
        }
    }

    /// Whose messages its decoder reads, where it is one of PITCH: such a channel is a unit.
    #[must_use]
    pub const fn pitch_market(self) -> Option<Market> {
        match self {
            Self::CboePitchEquities => Some(Market::Equities),
            Self::CboePitchOptions => Some(Market::Options),
            Self::CboePitchComplex => Some(Market::ComplexOptions),
            Self::CboePitchFutures => Some(Market::Futures),
            Self::NasdaqItch50
            | Self::NasdaqBbo
            | Self::IexTops
            | Self::IexDeep
            | Self::IexDeepPlus
            | Self::CmeMdp3 => None,
        }
    }

    /// DBN's publisher of its records, of those of `venue`.
    #[must_use]
    pub const fn publisher(self, venue: Venue) -> dbn::Publisher {
        match (self, venue) {
            // DBN has none for the BBO of BX and PSX.
            (Self::NasdaqBbo, Venue::Nasdaq) => dbn::Publisher::XnasQbboXnas,
            (_, venue) => venue.publisher(),
        }
    }

    /// How a message type is called: by its letter, or, where types are numbers, as the specification writes them: by two
    /// hexadecimal digits (PITCH), or in decimal (MDP 3.0).
    #[must_use]
    pub fn type_name(self, message_type: u8) -> String {
        match (self, self.pitch_market()) {
            (_, Some(_)) => format!("{message_type:02X}"),
            (Self::CmeMdp3, None) => message_type.to_string(),
            (_, None) => message_type.escape_ascii().to_string(),
        }
    }

    /// Whether lost messages can be had from servers.
    #[must_use]
    pub const fn recovers(self) -> bool {
        matches!(self, Self::NasdaqItch50) || self.pitch_market().is_some()
    }
}

/// Where what a channel tells happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Venue {
    /// The Nasdaq Stock Market.
    Nasdaq,
    /// Nasdaq BX, lately called Nasdaq Texas.
    Bx,
    /// Nasdaq PSX.
    Psx,
    /// IEX.
    Iex,
    /// Cboe BZX.
    Bzx,
    /// Cboe BYX.
    Byx,
    /// Cboe EDGX.
    Edgx,
    /// Cboe EDGA.
    Edga,
    /// Cboe Options.
    C1Options,
    /// Cboe BZX Options.
    BzxOptions,
    /// Cboe C2 Options.
    C2Options,
    /// Cboe EDGX Options.
    EdgxOptions,
    /// Cboe Futures Exchange.
    Cfe,
    /// CME Group: CME, CBOT, NYMEX, COMEX.
    Cme,
}

impl Venue {
    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nasdaq => "nasdaq",
            Self::Bx => "bx",
            Self::Psx => "psx",
            Self::Iex => "iex",
            Self::Bzx => "bzx",
            Self::Byx => "byx",
            Self::Edgx => "edgx",
            Self::Edga => "edga",
            Self::C1Options => "c1-options",
            Self::BzxOptions => "bzx-options",
            Self::C2Options => "c2-options",
            Self::EdgxOptions => "edgx-options",
            Self::Cfe => "cfe",
            Self::Cme => "cme",
        }
    }

    /// DBN's publisher of its records, unless its [feed](Feed::publisher) has another.
    #[must_use]
    const fn publisher(self) -> dbn::Publisher {
        match self {
            Self::Nasdaq => dbn::Publisher::XnasItchXnas,
            Self::Bx => dbn::Publisher::XbosItchXbos,
            Self::Psx => dbn::Publisher::XpsxItchXpsx,
            // DBN has no publisher for DEEP and DEEP+.
            Self::Iex => dbn::Publisher::IexgTopsIexg,
            Self::Bzx => dbn::Publisher::BatsPitchBats,
            Self::Byx => dbn::Publisher::BatyPitchBaty,
            Self::Edgx => dbn::Publisher::EdgxPitchEdgx,
            Self::Edga => dbn::Publisher::EdgaPitchEdga,
            // DBN knows the options markets by what OPRA sends of them only.
            Self::C1Options => dbn::Publisher::OpraPillarXcbo,
            Self::BzxOptions => dbn::Publisher::OpraPillarBato,
            Self::C2Options => dbn::Publisher::OpraPillarC2Ox,
            Self::EdgxOptions => dbn::Publisher::OpraPillarEdgo,
            Self::Cfe => dbn::Publisher::XcbfPitchXcbf,
            Self::Cme => dbn::Publisher::GlbxMdp3Glbx,
        }
    }
}

/// A sequenced stream of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub feed: Feed,
    /// Its venue, one of the feed's.
    pub venue: Venue,
    /// Index in [`Config::workers`].
    pub worker: usize,
    /// The trading day.
    pub session_date: SessionDate,
    /// The unit that it is, where the feed has units; its lines may carry others too.
    pub unit: Option<u8>,
    /// One to four lines: those that carry the same packets, then those of what was asked for again.
    pub lines: Vec<Line>,
    /// How long a packet waits for the one before it.
    pub hold_timeout: Duration,
    /// How many packets may wait.
    pub hold_packets_max: usize,
    /// What is done about a gap.
    pub on_gap: OnGap,
    /// How long a hole that is asked for is waited for.
    pub recover_timeout: Duration,
    /// How many packets may wait behind it, and be retained until a snapshot comes.
    pub recover_packets_max: usize,
    /// How long a book of MDP 3.0 may wait for its snapshot; then it is given up.
    pub market_recovery_timeout: Duration,
    /// After how long a silence a line counts as stale; zero: never.
    pub stale_after: Duration,
    /// Servers that have what the lines have lost.
    pub recovery: Option<Recovery>,
    /// Symbols known before the venue tells them.
    pub symbols_file: Option<PathBuf>,
    /// The most orders that are remembered at a time, for `full` records.
    pub orders_max: u32,
}

impl Channel {
    /// DBN's publisher of its records.
    #[must_use]
    pub const fn publisher(&self) -> dbn::Publisher {
        self.feed.publisher(self.venue)
    }
}

/// A multicast group and port that carries a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name, such as `A`.
    pub name: String,
    /// The group.
    pub group: Ipv4Addr,
    /// The UDP port.
    pub port: u16,
    /// The sources allowed; empty for any.
    pub sources: Vec<Ipv4Addr>,
    /// The worker's inputs it arrives on.
    pub inputs: Vec<Input>,
    /// Whether it does not carry the stream: it has what somebody has asked for again, or snapshots over and over.
    pub answers: bool,
}

/// How messages are expressed in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Records {
    /// DBN records completed from the index of resting orders.
    #[default]
    Full,
    /// DBN records from the message alone.
    Plain,
    /// The exchange's bytes behind a 16-byte header.
    Native,
}

/// A shared-memory queue of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Indices in [`Config::channels`]; all of one worker.
    pub channels: Vec<usize>,
    /// Index in [`Config::workers`].
    pub worker: usize,
    /// Slots of 64 bytes, a power of two.
    pub slots: u64,
    /// How messages are expressed.
    pub records: Records,
    /// Symbols and globs; `*` is everything.
    pub symbols: Vec<String>,
    /// Classes of records.
    pub classes: Classes,
    /// Whether it lies in huge pages.
    pub huge_pages: bool,
}

/// Order books of a queue's instruments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Its name: that of its table, and of its conflated queue. No queue has it.
    pub name: String,
    /// Index in [`Config::queues`] of the queue of `full` records that it is built from.
    pub queue: usize,
    /// The most instruments.
    pub instruments_max: u32,
    /// The most orders that rest at a time.
    pub orders_max: u32,
    /// The most price levels that there are at a time.
    pub levels_max: u32,
    /// The CPU its thread is pinned to, if any.
    pub core: Option<usize>,
    /// What that does when idle.
    pub wait: Wait,
    /// The conflated queue, if there is one.
    pub conflated: Option<Conflated>,
}

/// A queue of books as they are once in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflated {
    /// What its records are.
    pub records: ConflatedRecords,
    /// How often a book is told at most.
    pub interval: Duration,
    /// Slots of 64 bytes, a power of two.
    pub slots: u64,
}

/// What the records of a conflated queue are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflatedRecords {
    /// DBN's `mbp-1`: best bid and ask.
    #[serde(rename = "mbp-1")]
    Mbp1,
    /// DBN's `mbp-10`: ten levels.
    #[serde(rename = "mbp-10")]
    Mbp10,
}

/// Users and groups that may read some queues and books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// Its name in logs and refusals.
    pub name: String,
    /// User ids.
    pub users: Vec<u32>,
    /// Group ids.
    pub groups: Vec<u32>,
    /// Indices in [`Config::queues`].
    pub queues: Vec<usize>,
    /// Indices in [`Config::books`].
    pub books: Vec<usize>,
}
