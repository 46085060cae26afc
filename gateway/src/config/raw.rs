//! The configuration as written: right types, nothing checked against anything else yet.

use gateway_feed::arbitration::OnGap;
use serde::Deserialize;

use super::document::{Document, Field, Findings, Place, Section};
use super::model::{Confine, ConflatedRecords, LogFormat, Wait};
use crate::ingest::{Mode, Pace, SocketWait, Tier, UdpChecksum};

/// The file.
#[derive(Debug)]
pub(crate) struct RawConfig {
    pub(crate) gateway: RawGateway,
    pub(crate) interfaces: Vec<RawInterface>,
    pub(crate) captures: Vec<RawCapture>,
    pub(crate) workers: Vec<RawWorker>,
    pub(crate) channels: Vec<RawChannel>,
    pub(crate) queues: Vec<RawQueue>,
    pub(crate) books: Vec<RawBook>,
    pub(crate) entitlements: Vec<RawEntitlement>,
}

/// `[gateway]`
#[derive(Debug, Default)]
pub(crate) struct RawGateway {
    pub(crate) name: Option<Field<String>>,
    pub(crate) broker_socket: Option<Field<String>>,
    pub(crate) max_clients: Option<Field<u32>>,
    pub(crate) max_clients_per_user: Option<Field<u32>>,
    pub(crate) metrics_listen: Option<Field<String>>,
    pub(crate) metrics_detail_max: Option<Field<u32>>,
    pub(crate) log: Option<Field<LogFormat>>,
    pub(crate) housekeeping_core: Option<Field<u32>>,
    pub(crate) confine: Option<Field<Confine>>,
    pub(crate) checks_interval_s: Option<Field<u32>>,
}

/// `[[interface]]`
#[derive(Debug)]
pub(crate) struct RawInterface {
    pub(crate) name: Option<Field<String>>,
    pub(crate) mode: Option<Field<RawMode>>,
    pub(crate) lowest_tier: Option<Field<RawTier>>,
    pub(crate) require: Option<Field<RawTier>>,
    pub(crate) membership_interface: Option<Field<String>>,
    pub(crate) busy_poll: Option<Field<bool>>,
    pub(crate) pin_link: Option<Field<bool>>,
    pub(crate) rx_ring: Option<Field<u32>>,
    pub(crate) queues: Option<Field<RawNicQueues>>,
    pub(crate) udp_checksum: Option<Field<RawUdpChecksum>>,
    pub(crate) socket_wait: Option<Field<RawSocketWait>>,
    pub(crate) hardware_timestamps: Option<Field<bool>>,
    pub(crate) force: Option<Field<bool>>,
}

/// Defines an enum of the words that a key may have, and what each stands for.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident -> $target:ty { $($word:ident => $value:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum $name { $($word),+ }

        impl From<$name> for $target {
            fn from(word: $name) -> Self {
                match word { $($name::$word => $value),+ }
            }
        }
    };
}

words! {
    /// `lowest_tier`, `require`
    RawTier -> Tier {
        ZeroCopy => Tier::ZeroCopy,
        Copy => Tier::Copy,
        Skb => Tier::Skb,
        Socket => Tier::Socket,
    }
}

words! {
    /// `mode`
    RawMode -> Mode {
        Auto => Mode::Auto,
        ZeroCopy => Mode::Exactly(Tier::ZeroCopy),
        Copy => Mode::Exactly(Tier::Copy),
        Skb => Mode::Exactly(Tier::Skb),
        Socket => Mode::Exactly(Tier::Socket),
    }
}

words! {
    /// `socket_wait`
    RawSocketWait -> SocketWait {
        Spin => SocketWait::Spin,
        Block => SocketWait::Block,
    }
}

words! {
    /// `pace`
    RawPace -> Pace {
        Asap => Pace::AsFastAsPossible,
        Capture => Pace::Capture,
    }
}

words! {
    /// `udp_checksum`
    RawUdpChecksum -> UdpChecksum {
        Count => UdpChecksum::Count,
        Ignore => UdpChecksum::Ignore,
        Drop => UdpChecksum::Drop,
    }
}

words! {
    /// `on_gap`
    RawOnGap -> OnGap {
        Continue => OnGap::Continue,
        Recover => OnGap::Recover,
    }
}

mod recovery;

pub(crate) use recovery::{RawGlimpse, RawRecovery, RawSession};

/// `queues = "all"` or a list of receive queues.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawNicQueues {
    Word(String),
    List(Vec<u32>),
}

/// `[[capture]]`
#[derive(Debug)]
pub(crate) struct RawCapture {
    pub(crate) name: Option<Field<String>>,
    pub(crate) file: Option<Field<String>>,
    pub(crate) pace: Option<Field<RawPace>>,
}

/// `[[worker]]`
#[derive(Debug)]
pub(crate) struct RawWorker {
    pub(crate) name: Option<Field<String>>,
    pub(crate) core: Option<Field<u32>>,
    pub(crate) inputs: Option<Field<Vec<String>>>,
    pub(crate) wait: Option<Field<Wait>>,
}

/// `[[channel]]`
#[derive(Debug)]
pub(crate) struct RawChannel {
    pub(crate) place: Place,
    pub(crate) name: Option<Field<String>>,
    pub(crate) feed: Option<Field<String>>,
    pub(crate) venue: Option<Field<String>>,
    pub(crate) worker: Option<Field<String>>,
    pub(crate) session_date: Option<Field<String>>,
    pub(crate) unit: Option<Field<u64>>,
    pub(crate) lines: Vec<RawLine>,
    pub(crate) hold_timeout_us: Option<Field<u64>>,
    pub(crate) hold_packets_max: Option<Field<u64>>,
    pub(crate) on_gap: Option<Field<RawOnGap>>,
    pub(crate) recover_timeout_ms: Option<Field<u64>>,
    pub(crate) recover_packets_max: Option<Field<u64>>,
    pub(crate) stale_after_ms: Option<Field<u64>>,
    pub(crate) recovery: Option<RawRecovery>,
    pub(crate) symbols_file: Option<Field<String>>,
    pub(crate) orders_max: Option<Field<u64>>,
}

/// One of `channel.lines`
#[derive(Debug)]
pub(crate) struct RawLine {
    pub(crate) place: Place,
    pub(crate) name: Option<Field<String>>,
    pub(crate) group: Option<Field<String>>,
    pub(crate) port: Option<Field<u16>>,
    pub(crate) sources: Option<Field<Vec<String>>>,
    pub(crate) input: Option<Field<String>>,
}

/// `[[queue]]`
#[derive(Debug)]
pub(crate) struct RawQueue {
    pub(crate) name: Option<Field<String>>,
    pub(crate) channels: Option<Field<Vec<String>>>,
    pub(crate) slots: Option<Field<u64>>,
    pub(crate) records: Option<Field<String>>,
    pub(crate) symbols: Option<Field<Vec<String>>>,
    pub(crate) classes: Option<Field<Vec<String>>>,
    pub(crate) huge_pages: Option<Field<bool>>,
}

/// `[[book]]`
#[derive(Debug)]
pub(crate) struct RawBook {
    pub(crate) name: Option<Field<String>>,
    pub(crate) queue: Option<Field<String>>,
    pub(crate) instruments_max: Option<Field<u64>>,
    pub(crate) orders_max: Option<Field<u64>>,
    pub(crate) levels_max: Option<Field<u64>>,
    pub(crate) core: Option<Field<u32>>,
    pub(crate) wait: Option<Field<Wait>>,
    pub(crate) conflated: Option<Field<RawConflated>>,
    pub(crate) conflation_interval_us: Option<Field<u64>>,
    pub(crate) conflated_slots: Option<Field<u64>>,
}

/// `conflated`
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum RawConflated {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "mbp-1")]
    Mbp1,
    #[serde(rename = "mbp-10")]
    Mbp10,
}

impl From<RawConflated> for Option<ConflatedRecords> {
    fn from(word: RawConflated) -> Self {
        match word {
            RawConflated::None => None,
            RawConflated::Mbp1 => Some(ConflatedRecords::Mbp1),
            RawConflated::Mbp10 => Some(ConflatedRecords::Mbp10),
        }
    }
}

/// `[[entitlement]]`
#[derive(Debug)]
pub(crate) struct RawEntitlement {
    pub(crate) place: Place,
    pub(crate) name: Option<Field<String>>,
    pub(crate) users: Option<Field<Vec<RawAccount>>>,
    pub(crate) groups: Option<Field<Vec<RawAccount>>>,
    pub(crate) queues: Option<Field<Vec<String>>>,
    /// Whether accounts were written that could not be read, which was reported.
    pub(crate) unreadable: bool,
}

/// A user or a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "neither a name nor a number")]
pub(crate) enum RawAccount {
    Id(u32),
    Name(String),
}

const TIERS: &str = "\"zero-copy\", \"copy\", \"skb\" or \"socket\"";

impl RawConfig {
    /// Reads all of `document`.
    pub(crate) fn read(document: &Document<'_>, findings: &Findings) -> Self {
        let mut root = document.section(findings);
        let gateway = root.table("gateway").map(read_gateway).unwrap_or_default();
        let config = Self {
            gateway,
            interfaces: each(&mut root, "interface", read_interface),
            captures: each(&mut root, "capture", read_capture),
            workers: each(&mut root, "worker", read_worker),
            channels: each(&mut root, "channel", read_channel),
            queues: each(&mut root, "queue", read_queue),
            books: each(&mut root, "book", read_book),
            entitlements: each(&mut root, "entitlement", read_entitlement),
        };
        root.finish();
        config
    }
}

fn each<'d, 'i, T>(
    root: &mut Section<'d, 'i>,
    key: &'static str,
    read: impl Fn(Section<'d, 'i>) -> T,
) -> Vec<T> {
    root.tables(key).into_iter().map(read).collect()
}

fn read_gateway(mut section: Section<'_, '_>) -> RawGateway {
    let raw = RawGateway {
        name: section.take("name", "a name, in quotes"),
        broker_socket: section.take("broker_socket", "a path, in quotes"),
        max_clients: section.take("max_clients", "a whole number"),
        max_clients_per_user: section.take("max_clients_per_user", "a whole number"),
        metrics_listen: section.take(
            "metrics_listen",
            "\"address:port\", \"unix:PATH\", or \"\" for none",
        ),
        metrics_detail_max: section.take("metrics_detail_max", "a whole number"),
        log: section.take("log", "\"auto\", \"human\" or \"json\""),
        housekeeping_core: section.take("housekeeping_core", "a CPU number"),
        confine: section.take("confine", "\"full\" or \"off\""),
        checks_interval_s: section.take("checks_interval_s", "a whole number of seconds"),
    };
    section.finish();
    raw
}

fn read_interface(mut section: Section<'_, '_>) -> RawInterface {
    let raw = RawInterface {
        name: section.require("name", "the network interface, in quotes"),
        mode: section.take("mode", &format!("\"auto\", {TIERS}")),
        lowest_tier: section.take("lowest_tier", TIERS),
        require: section.take("require", TIERS),
        membership_interface: section
            .take("membership_interface", "a network interface, in quotes"),
        busy_poll: section.take("busy_poll", "true or false"),
        pin_link: section.take("pin_link", "true or false"),
        rx_ring: section.take("rx_ring", "a power of two"),
        queues: section.take(
            "queues",
            "\"all\" or a list of receive queues such as [0, 1]",
        ),
        udp_checksum: section.take("udp_checksum", "\"count\", \"ignore\" or \"drop\""),
        socket_wait: section.take("socket_wait", "\"spin\" or \"block\""),
        hardware_timestamps: section.take("hardware_timestamps", "true or false"),
        force: section.take("force", "true or false"),
    };
    section.finish();
    raw
}

fn read_capture(mut section: Section<'_, '_>) -> RawCapture {
    let raw = RawCapture {
        name: section.require("name", "a name for this input, in quotes"),
        file: section.require(
            "file",
            "the path of a pcap or pcapng file (.gz too), in quotes",
        ),
        pace: section.take("pace", "\"asap\" or \"capture\""),
    };
    section.finish();
    raw
}

fn read_worker(mut section: Section<'_, '_>) -> RawWorker {
    let raw = RawWorker {
        name: section.require("name", "a name, in quotes"),
        core: section.take("core", "a CPU number"),
        inputs: section.require(
            "inputs",
            "the names of interfaces or of one capture, in a list",
        ),
        wait: section.take("wait", "\"spin\", \"yield\" or \"sleep\""),
    };
    section.finish();
    raw
}

fn read_channel(mut section: Section<'_, '_>) -> RawChannel {
    let raw = RawChannel {
        place: section.place.clone(),
        name: section.require("name", "a name, in quotes"),
        feed: section.require("feed", "the feed's protocol, such as \"nasdaq-itch50\""),
        venue: section.take("venue", "a venue of the feed, such as \"nasdaq\""),
        worker: section.require("worker", "the name of a [[worker]]"),
        session_date: section.take("session_date", "\"auto\" or \"YYYY-MM-DD\""),
        unit: section.take("unit", "the number of a PITCH unit"),
        lines: section.tables("lines").into_iter().map(read_line).collect(),
        hold_timeout_us: section.take("hold_timeout_us", "a whole number of microseconds"),
        hold_packets_max: section.take("hold_packets_max", "a whole number of packets"),
        on_gap: section.take("on_gap", "\"continue\" or \"recover\""),
        recover_timeout_ms: section.take("recover_timeout_ms", "a whole number of milliseconds"),
        recover_packets_max: section.take("recover_packets_max", "a whole number of packets"),
        stale_after_ms: section.take("stale_after_ms", "a whole number of milliseconds"),
        recovery: section.table("recovery").map(recovery::read),
        symbols_file: section.take("symbols_file", "a path, in quotes"),
        orders_max: section.take("orders_max", "a whole number of orders"),
    };
    section.finish();
    raw
}

fn read_line(mut section: Section<'_, '_>) -> RawLine {
    let raw = RawLine {
        place: section.place.clone(),
        name: section.take("name", "a name such as \"A\""),
        group: section.require("group", "an IPv4 multicast group, in quotes"),
        port: section.require("port", "a UDP port, 1 to 65535"),
        sources: section.take("sources", "a list of IPv4 addresses"),
        input: section.take("input", "the name of one of the worker's inputs"),
    };
    section.finish();
    raw
}

fn read_queue(mut section: Section<'_, '_>) -> RawQueue {
    let raw = RawQueue {
        name: section.require("name", "a name, in quotes"),
        channels: section.require("channels", "a list of channel names"),
        slots: section.take("slots", "a power of two"),
        records: section.take("records", "\"full\", \"plain\" or \"native\""),
        symbols: section.take(
            "symbols",
            "a list of symbols and globs such as [\"AAPL\", \"SP*\"]",
        ),
        classes: section.take(
            "classes",
            "a list of classes such as [\"orders\", \"trades\"]",
        ),
        huge_pages: section.take("huge_pages", "true or false"),
    };
    section.finish();
    raw
}

fn read_book(mut section: Section<'_, '_>) -> RawBook {
    let raw = RawBook {
        name: section.require("name", "a name, in quotes"),
        queue: section.require("queue", "the name of a [[queue]] of full records"),
        instruments_max: section.take("instruments_max", "a whole number of instruments"),
        orders_max: section.take("orders_max", "a whole number of orders"),
        levels_max: section.take("levels_max", "a whole number of price levels"),
        core: section.take("core", "a CPU number"),
        wait: section.take("wait", "\"spin\", \"yield\" or \"sleep\""),
        conflated: section.take("conflated", "\"none\", \"mbp-1\" or \"mbp-10\""),
        conflation_interval_us: section
            .take("conflation_interval_us", "a whole number of microseconds"),
        conflated_slots: section.take("conflated_slots", "a power of two"),
    };
    section.finish();
    raw
}

fn read_entitlement(mut section: Section<'_, '_>) -> RawEntitlement {
    let accounts = "a list of names and numbers such as [\"alice\", 1001]";
    let users = section.take("users", accounts);
    let groups = section.take("groups", accounts);
    let raw = RawEntitlement {
        place: section.place.clone(),
        name: section.require("name", "a name, in quotes"),
        unreadable: (users.is_none() && section.has("users"))
            || (groups.is_none() && section.has("groups")),
        users,
        groups,
        queues: section.require(
            "queues",
            "a list of names of queues and books, or [\"*\"] for all",
        ),
    };
    section.finish();
    raw
}
