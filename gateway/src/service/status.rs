//! What the gateway knows of itself at one moment: the object behind `gateway status` and the metrics.

mod recovery;
mod stages;
mod web;

use serde::{Deserialize, Serialize};

pub use recovery::{RecoveryStatus, RefreshStatus, ServerStatus};
pub use stages::StageStatus;
pub use web::WebStatus;

use crate::broker::BrokerCounters;
use crate::clock::ClockStatus;
use crate::confine::Mechanism;
use crate::doctor::Verdict;
use crate::ingest::Facts;
use crate::ingest::netdev::Napi;
use crate::metrics::histogram::Snapshot;
use crate::metrics::latency::{
    Availability, Measured, ReaderChannelSeries, ReaderWorth, StageBounds, StageSeries,
};
use crate::metrics::threads::ThreadSwitches;
use crate::worker::board::{BURSTS, Rounds};

/// The whole gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Its name in the configuration.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: f64,
    /// Whether every worker runs, no input has failed, all groups are joined, and broker and metrics answer.
    pub ready: bool,
    /// Why it is not ready.
    pub not_ready: Option<String>,
    /// Interfaces and captures.
    pub interfaces: Vec<InterfaceStatus>,
    /// Workers.
    pub workers: Vec<WorkerStatus>,
    /// Channels.
    pub channels: Vec<ChannelStatus>,
    /// Queues.
    pub queues: Vec<QueueStatus>,
    /// Order books.
    #[serde(default)]
    pub books: Vec<BookStatus>,
    /// Memberships of multicast groups.
    pub groups: Vec<GroupStatus>,
    /// Readers of the queues.
    pub readers: Vec<ReaderStatus>,
    /// What clients did at the broker.
    pub broker: BrokerCounters,
    /// What clients did at the metrics server.
    #[serde(default)]
    pub web: WebStatus,
    /// What became of new configurations (SIGHUP).
    pub reloads: ReloadStatus,
    /// What the doctor's checks found last, but for those that were skipped; nothing before the first look.
    #[serde(default)]
    pub doctor: Vec<CheckStatus>,
    /// What confines the service.
    #[serde(default)]
    pub confinement: Vec<Mechanism>,
    /// Whether the helper process is there; nothing where there is none.
    #[serde(default)]
    pub helper_up: Option<bool>,
    /// Latency by stage: of all channels, of each of several, and of readers.
    #[serde(default)]
    pub stages: Vec<StageStatus>,
    /// How good the gateway's time is.
    #[serde(default)]
    pub clock: ClockStatus,
    /// Latency by stage and channel, as it is measured.
    #[serde(skip)]
    pub measured_stages: Vec<Measured<StageSeries>>,
    /// How late readers have their records, by channel, as they say.
    #[serde(skip)]
    pub measured_readers: Vec<Measured<ReaderChannelSeries>>,
    /// From the publication of records until readers had them, by channel, as they say.
    #[serde(skip)]
    pub measured_published: Vec<Measured<ReaderChannelSeries>>,
    /// What is worth what readers say of the worker's stamp.
    #[serde(skip)]
    pub reader_worths: Vec<ReaderWorth>,
    /// How wrong stages may be that two clocks measure.
    #[serde(skip)]
    pub stage_bounds: StageBounds,
    /// How often the kernel took threads from their processors.
    #[serde(skip)]
    pub switches: Vec<ThreadSwitches>,
}

/// A check of the doctor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStatus {
    /// Its id.
    pub check: String,
    /// The interface; empty for the machine.
    pub interface: String,
    /// How it went.
    pub verdict: Verdict,
    /// What is wrong; empty where nothing is.
    pub found: String,
}

/// A stage's latency in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// How many packets were measured; of a reader, how many records.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// 999 of 1000 took no longer.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl From<&Snapshot> for Latency {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            count: snapshot.count,
            p50: snapshot.quantile_ns(0.5),
            p99: snapshot.quantile_ns(0.99),
            p999: snapshot.quantile_ns(0.999),
            max: snapshot.max_ns,
        }
    }
}

/// An interface or capture.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// `zero-copy`, `copy`, `skb`, `socket` or `capture`.
    pub tier: String,
    /// Why it is not a better tier.
    pub steps: Vec<StepStatus>,
    /// The mode that the configuration asks for: `auto` or a tier; empty for a capture.
    #[serde(default)]
    pub mode: String,
    /// The driver, where there is one.
    pub driver: String,
    /// What the kernel said of it before it was opened.
    #[serde(default)]
    pub facts: Facts,
    /// Of an interface: `absent`, `down`, `attaching`, `live` or `degraded` (at a lower tier than at the start). Of a
    /// capture: `running`, `finished` (at its end) or `failed`.
    pub state: String,
    /// Why it is not open, where it could not be opened again.
    pub waiting_for: Option<String>,
    /// How many times its groups were joined again, after the kernel had dropped the memberships.
    pub rejoins: u64,
    /// How many times it was opened again: the device was made anew, its sockets failed, or a better tier was tried.
    pub reopened: u64,
    /// Frames that the XDP program redirected and that neither arrived nor were counted as dropped by their socket: at
    /// least so many.
    #[serde(default)]
    pub lost_in_redirect: u64,
    /// Addresses in its multicast filter: those of the joined groups (32 groups share one) and the kernel's own.
    #[serde(default)]
    pub multicast_addresses: u64,
    /// How many the filter holds; `None` where no limit is known.
    #[serde(default)]
    pub multicast_addresses_max: Option<u32>,
    /// The worker that polls it.
    #[serde(default)]
    pub worker: String,
    /// By provider: one for each receive queue.
    pub queues: Vec<InputStatus>,
    /// Frames by verdict of the XDP program; empty where there is none.
    pub verdicts: Vec<VerdictStatus>,
    /// What card and driver dropped or found damaged, since the device is there.
    #[serde(default)]
    pub nic_drops: Vec<Count>,
    /// By what its packets are stamped; none of a capture.
    #[serde(default)]
    pub stamping: Option<StampingStatus>,
    /// Which stages' latency is measured here.
    #[serde(skip)]
    pub stages: Vec<Availability>,
}

/// By what an interface's packets are stamped before the gateway sees them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StampingStatus {
    /// What stamps them first: `hardware` (the card), `software` (the kernel), `xdp` (the XDP program) or `none`.
    pub by: String,
    /// Why nothing is measured from the card on; empty where it is.
    pub reason: String,
    /// What would have the card do it.
    pub remedy: String,
    /// The card's clock, such as `ptp0`, where the card stamps and has one.
    pub clock: Option<String>,
    /// Packets for which the XDP program asked the driver for the card's stamp, by what it said: `stamped`, `unstamped` (it has none
    /// of this one), `unsupported` (it lends none to programs), `failed`. Nothing where none was asked for.
    #[serde(default)]
    pub of_card: Vec<Count>,
}

/// A tier that is not used, and why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StepStatus {
    /// The tier.
    pub tier: String,
    /// Why not.
    pub reason: String,
    /// What would have it used.
    #[serde(default)]
    pub remedy: String,
}

/// Frames with one verdict.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VerdictStatus {
    /// The verdict.
    pub reason: String,
    /// `redirect` or `pass`.
    pub verdict: String,
    /// How many.
    pub frames: u64,
}

/// One provider.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InputStatus {
    /// The receive queue; `all` where the kernel hides it.
    pub queue: String,
    /// Whether its packet memory lies on huge pages.
    pub huge_pages: bool,
    /// Whether the worker drives the receive queue itself: `polls`, `unknown` (before the first packet), `off` (not asked
    /// for), `refused` (known not to work here) or `in_vain` (the kernel took the wish and does not follow it).
    #[serde(default)]
    pub busy_poll: String,
    /// Why busy polling was refused, or is in vain.
    #[serde(default)]
    pub busy_poll_reason: Option<String>,
    /// What takes packets off the receive queue, where the kernel names it.
    #[serde(default)]
    pub napi: Option<Napi>,
    /// CPUs that its interrupt may go to, such as `0-3`, where the kernel tells.
    #[serde(default)]
    pub irq_cpus: Option<String>,
    /// Datagrams handed to the worker.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Datagrams and frames not handed over, by reason; only reasons that occurred.
    pub refused: Vec<Count>,
    /// Wrong UDP checksums seen.
    pub checksum_wrong: u64,
    /// Datagrams by what stamped them first: `hardware`, `software`, `none`; nothing but in the socket tier.
    #[serde(default)]
    pub stamped: Vec<Count>,
    /// System calls that asked for packets.
    pub kicks: u64,
    /// Dropped by the kernel before they came here, by reason.
    pub kernel_drops: Vec<Count>,
    /// How many packets its polls brought.
    #[serde(skip)]
    pub bursts: Bursts,
}

/// Polls by how many packets they brought.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bursts {
    /// Polls, as [`BURSTS`] has them.
    pub polls: [u64; BURSTS.len()],
    /// All packets.
    pub packets: u64,
}

impl From<([u64; BURSTS.len()], u64)> for Bursts {
    fn from((polls, packets): ([u64; BURSTS.len()], u64)) -> Self {
        Self { polls, packets }
    }
}

/// A membership of a multicast group.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupStatus {
    /// The group.
    pub group: String,
    /// The interface it is joined on.
    pub interface: String,
    /// The source; empty for any.
    pub source: String,
    /// Whether the gateway is a member now.
    pub joined: bool,
}

/// A count under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The name.
    pub reason: String,
    /// How many.
    pub count: u64,
}

impl Count {
    /// `count` under `reason`.
    pub fn new(reason: &str, count: u64) -> Self {
        Self {
            reason: reason.to_owned(),
            count,
        }
    }
}

/// A worker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// The CPU it is pinned to.
    pub core: Option<usize>,
    /// Whether its thread runs.
    pub running: bool,
    /// Seconds since it last showed its counters: a stuck worker looks stuck.
    pub shown_age_s: f64,
    /// How it spends its time; none where it may sleep.
    #[serde(default)]
    pub rounds: Option<RoundStatus>,
}

/// How a worker that never sleeps spends its time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RoundStatus {
    /// Seconds of rounds that had packets.
    pub busy_s: f64,
    /// Rounds longer than 100 µs.
    pub stalls: u64,
    /// Rounds longer than 1 ms.
    pub long_stalls: u64,
    /// The longest of these, in seconds.
    pub longest_s: f64,
}

impl From<Rounds> for RoundStatus {
    fn from(rounds: Rounds) -> Self {
        Self {
            busy_s: rounds.busy_ns as f64 / 1e9,
            stalls: rounds.stalls,
            long_stalls: rounds.long_stalls,
            longest_s: rounds.longest_ns as f64 / 1e9,
        }
    }
}

/// A channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// Its name.
    pub name: String,
    /// Its feed.
    pub feed: String,
    /// Its venue.
    pub venue: String,
    /// The worker it lives on.
    pub worker: String,
    /// `live`, `holding` (packets wait for another line), `recovering` (they wait for what was asked for), `snapshot`
    /// (one is wanted or being taken) or `stale` (no line speaks).
    pub state: String,
    /// The next sequence expected; 0 before the first packet.
    pub next_sequence: u64,
    /// Messages delivered to the decoder.
    pub messages: u64,
    /// Holes declared, after arbitration.
    pub gaps: u64,
    /// Messages lost in them.
    pub lost: u64,
    /// Heartbeats of all lines.
    pub heartbeats: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Restarts of the numbers within a session.
    pub resets: u64,
    /// How often all lines were silent for longer than `stale_after_ms`.
    pub stales: u64,
    /// Packets held at this moment.
    pub holding: u64,
    /// Packets for which holes were given up early because too much was held.
    pub hold_overflows: u64,
    /// Packets for which holes were given up early because they are too long to be held.
    pub hold_oversized: u64,
    /// Packets thrown away because they were numbered far ahead of a stream that went on where it was.
    pub implausible: u64,
    /// Packets of another session thrown away because the current one went on.
    pub sessions_refused: u64,
    /// Packets of other units on the channel's lines.
    #[serde(default)]
    pub other_units: u64,
    /// Instruments whose symbol is known.
    pub instruments: u64,
    /// Messages about instruments of unknown symbol, while a queue asks for symbols.
    pub unresolved: u64,
    /// Messages without a counterpart among normalised records.
    pub unmapped: u64,
    /// The index of resting orders; none where no queue wants `full` records.
    pub orders: Option<OrdersStatus>,
    /// Messages by type.
    pub by_type: Vec<Count>,
    /// What could not be decoded, by reason; only reasons that occurred.
    pub errors: Vec<Count>,
    /// Its lines.
    pub lines: Vec<LineStatus>,
    /// What is had from elsewhere than the lines; none where no server is configured.
    pub recovery: Option<RecoveryStatus>,
    /// What is had of the snapshot loop; none where the channel has none.
    #[serde(default)]
    pub refresh: Option<RefreshStatus>,
}

/// A channel's index of resting orders.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct OrdersStatus {
    /// Orders that rest.
    pub live: u64,
    /// The most that can.
    pub max: u64,
    /// Messages about an order that is not known: their records are as `plain` ones are.
    pub unknown: u64,
    /// Orders that were not remembered because the index was full.
    pub overflowed: u64,
    /// Orders whose reference one that rested had already.
    pub duplicate: u64,
    /// Messages that name an order of another instrument, or take more off an order than is left.
    pub inconsistent: u64,
}

/// A line of a channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LineStatus {
    /// Its name.
    pub name: String,
    /// Group and port.
    pub address: String,
    /// Packets received.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last one came, nanoseconds since 1970-01-01; 0 before the first.
    pub last_packet_ns: u64,
    /// Whether it is silent for longer than `stale_after_ms`.
    pub silent: bool,
    /// How often it fell silent.
    pub silences: u64,
    /// Packets that were the first to bring something new.
    pub wins: u64,
    /// The part of all packets with something new that it was the first to bring; 0 before the first.
    pub win_ratio: f64,
    /// Messages announced by its packets: the sum of `delivered`, `duplicates`, `late`, `before_start`, `stale`,
    /// `implausible`, `refused`, `truncated` and `holding`.
    pub messages: u64,
    /// Messages delivered from it.
    pub delivered: u64,
    /// Messages that had been delivered before.
    pub duplicates: u64,
    /// Messages that came after their gap was declared.
    pub late: u64,
    /// Messages numbered before the first one that the channel took.
    pub before_start: u64,
    /// Messages of a session or numbering that the channel has left.
    pub stale: u64,
    /// Messages numbered far ahead of a stream that went on where it was.
    pub implausible: u64,
    /// Of a gap response line, messages that were of no use: neither missing nor delivered before, or given up before they
    /// came, or without room until their turn.
    #[serde(default)]
    pub refused: u64,
    /// Messages announced, but not whole in their packet.
    pub truncated: u64,
    /// Messages held at this moment.
    pub holding: u64,
    /// Packets behind their turn.
    pub out_of_order: u64,
    /// Copies of packets that another line had brought before.
    pub skew_packets: u64,
    /// By how many nanoseconds they came later, all together.
    pub skew_sum_ns: u64,
    /// By how many nanoseconds one came later at most.
    pub skew_max_ns: u64,
    /// Holes in its own numbers.
    pub gaps: u64,
    /// Messages in those holes.
    pub gap_messages: u64,
}

/// What became of new configurations since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReloadStatus {
    /// How many were applied.
    pub applied: u64,
    /// How many had mistakes and changed nothing.
    pub refused: u64,
    /// What the last one that was applied changes at the next start only.
    pub waiting: Vec<String>,
    /// The last one, applied or refused.
    #[serde(default)]
    pub last: Option<LastReload>,
}

/// What became of a new configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReload {
    /// Why it was refused; `None` where it was applied.
    pub error: Option<String>,
    /// What it changed of the one before.
    pub differences: Vec<Difference>,
}

/// Something that one configuration has otherwise than another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The item, such as `queue "all"`.
    pub item: String,
    /// What happened to it.
    pub kind: DifferenceKind,
    /// The key; empty where the whole item was added or removed.
    pub key: String,
    /// What was written before; `None` where nothing was.
    pub old: Option<String>,
    /// What is written now; `None` where nothing is.
    pub new: Option<String>,
    /// Whether it takes effect at the next start only.
    pub at_restart: bool,
    /// Why, where the key alone does not tell.
    pub why: Option<String>,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// A key of it is otherwise.
    #[default]
    Changed,
}

impl Difference {
    /// When it takes effect, in words.
    #[must_use]
    pub const fn when(&self) -> &'static str {
        if self.at_restart {
            "at the next start"
        } else {
            "now"
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unset = "not set";
        match self.kind {
            DifferenceKind::Added => write!(f, "{}: added", self.item),
            DifferenceKind::Removed => write!(f, "{}: removed", self.item),
            DifferenceKind::Changed => write!(
                f,
                "{}: {}: {} → {}",
                self.item,
                self.key,
                self.old.as_deref().unwrap_or(unset),
                self.new.as_deref().unwrap_or(unset)
            ),
        }
    }
}

/// A queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Its name.
    pub name: String,
    /// The worker that feeds it.
    pub worker: String,
    /// `plain` or `native`.
    pub records: String,
    /// Its length in slots.
    pub slots: u64,
    /// Its memory in bytes.
    pub memory_bytes: u64,
    /// Whether that lies on huge pages.
    pub huge_pages: bool,
    /// When its present memory was made, nanoseconds since the Unix epoch: later each time it is rotated.
    pub epoch: u64,
    /// How often it was rotated.
    pub rotations: u64,
    /// Slots published.
    pub head: u64,
    /// Records published.
    pub published: u64,
    /// Records too long for it.
    pub refused: u64,
    /// Seconds since its worker's last sign of life; absent before the first.
    pub heartbeat_age_s: Option<f64>,
    /// Readers attached.
    pub readers: usize,
}

/// Order books of a queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BookStatus {
    /// Their name.
    pub name: String,
    /// The queue that they are built from.
    pub queue: String,
    /// Whether their thread runs.
    pub running: bool,
    /// Instruments that have a book.
    pub instruments: u64,
    /// The most that can.
    pub instruments_max: u64,
    /// Instruments whose book can be trusted.
    pub valid: u64,
    /// Orders that rest.
    pub orders: u64,
    /// The most that can.
    pub orders_max: u64,
    /// Price levels that there are.
    pub levels: u64,
    /// The most that there can be.
    pub levels_max: u64,
    /// Records read.
    pub records: u64,
    /// Slots of the queue that are not read yet, as of a moment ago.
    pub lag: u64,
    /// Slots of the queue that were lost.
    pub lost: u64,
    /// How often the builder was overtaken.
    pub laps: u64,
    /// How often a channel told of lost messages.
    pub gaps: u64,
    /// Snapshots of a channel that were taken whole.
    pub snapshots_taken: u64,
    /// Records that contradict the books or found no room, by reason; only reasons that occurred.
    pub irregular: Vec<Count>,
    /// What the records of the conflated queue are: `mbp-1`, `mbp-10`; none where there is no such queue.
    pub conflated_records: Option<String>,
    /// Records in the conflated queue.
    pub published: u64,
    /// Changes that were merged with a later one.
    pub conflated: u64,
    /// Requests for orders that were answered with orders.
    pub orders_served: u64,
    /// Clients that read the table.
    pub table_readers: u64,
    /// Readers of the conflated queue.
    pub conflated_readers: usize,
    /// The table's memory in bytes.
    pub table_bytes: u64,
    /// When the table was made, nanoseconds since the Unix epoch.
    pub epoch: u64,
    /// How often table and conflated queue went on in other memory.
    pub rotations: u64,
    /// Seconds since the builder's last sign of life; absent before the first.
    pub heartbeat_age_s: Option<f64>,
}

/// A reader.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReaderStatus {
    /// Number of the subscription: no two since the gateway started share one.
    pub id: u64,
    /// What it calls itself.
    pub name: String,
    /// What it is called in metrics: its name, or `other` after very many names.
    pub consumer: String,
    /// Its label `reader` in metrics, which tells readers of one name, user and queue apart.
    pub number: usize,
    /// Its process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its queue.
    pub queue: String,
    /// Slots published that it has not read.
    pub lag: u64,
    /// Slots it lost.
    pub lost: u64,
    /// How many times the queue overran it.
    pub overruns: u64,
    /// Seconds since its last poll; absent before the first.
    pub last_poll_age_s: Option<f64>,
}
