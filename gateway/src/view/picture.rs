//! What a [`Picture`] has in it.

use serde::Serialize;

use super::Bands;

/// The gateway at one moment, with rates over the time since the look before.
///
/// Rates are `None` where there was no look before, or where the gateway began anew in between.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Picture {
    /// Its name in the configuration.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: f64,
    /// Seconds between the two looks, by the gateway's own clock.
    pub interval_s: Option<f64>,
    /// Why it is not ready; `None` where it is.
    pub not_ready: Option<String>,
    /// Of everything.
    pub totals: Totals,
    /// Interfaces and captures.
    pub interfaces: Vec<InterfaceRow>,
    /// Channels.
    pub channels: Vec<ChannelRow>,
    /// Workers.
    pub workers: Vec<WorkerRow>,
    /// Queues.
    pub queues: Vec<QueueRow>,
    /// Books.
    pub books: Vec<BookRow>,
    /// Readers.
    pub readers: Vec<ReaderRow>,
    /// Latency.
    pub stages: Vec<StageRow>,
    /// What was refused to clients; only reasons that occurred.
    pub refusals: Vec<RefusalRow>,
    /// What the doctor's checks found wrong.
    pub checks: Vec<CheckRow>,
}

/// Of all interfaces, channels and queues.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Packets taken by the workers a second.
    pub packets_per_s: Option<f64>,
    /// Payload bits of these a second.
    pub bits_per_s: Option<f64>,
    /// Messages delivered to decoders a second.
    pub messages_per_s: Option<f64>,
    /// Records published a second.
    pub records_per_s: Option<f64>,
    /// Messages lost since the start, after arbitration and recovery.
    pub lost: u64,
    /// Of these, since the look before.
    pub lost_now: Option<u64>,
    /// Gaps since the start.
    pub gaps: u64,
    /// Packets dropped before they were delivered, for whatever reason.
    pub dropped: u64,
    /// Of these, since the look before.
    pub dropped_now: Option<u64>,
    /// Slots that readers have lost.
    pub reader_lost: u64,
    /// Of these, since the look before.
    pub reader_lost_now: Option<u64>,
}

/// An interface or capture.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InterfaceRow {
    /// Its name.
    pub name: String,
    /// How packets come.
    pub tier: String,
    /// Its state.
    pub state: String,
    /// Its driver.
    pub driver: String,
    /// Receive queues.
    pub queues: usize,
    /// Packets a second.
    pub packets_per_s: Option<f64>,
    /// Payload bits a second.
    pub bits_per_s: Option<f64>,
    /// Packets since the start.
    pub packets: u64,
    /// Packets that were not handed over: refused by the gateway, dropped by the kernel, or lost between XDP program and
    /// sockets.
    pub dropped: u64,
    /// Of these, since the look before.
    pub dropped_now: Option<u64>,
    /// What there is to say: why it is not open, or why not at a better tier.
    pub note: String,
}

/// A channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChannelRow {
    /// Its name.
    pub name: String,
    /// Its feed.
    pub feed: String,
    /// Its state.
    pub state: String,
    /// Messages a second.
    pub messages_per_s: Option<f64>,
    /// Messages since the start.
    pub messages: u64,
    /// The next sequence expected.
    pub next_sequence: u64,
    /// Gaps declared.
    pub gaps: u64,
    /// Messages lost in them.
    pub lost: u64,
    /// Of these, since the look before.
    pub lost_now: Option<u64>,
    /// Holes that are asked for at this moment.
    pub holes: u64,
    /// Messages missing in them.
    pub missing: u64,
    /// Packets that wait for another line.
    pub holding: u64,
    /// Messages that recovery brought.
    pub recovered: u64,
    /// Messages that were not understood.
    pub errors: u64,
    /// Instruments whose symbol is known.
    pub instruments: u64,
    /// Its lines.
    pub lines: Vec<LineRow>,
}

/// A line of a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LineRow {
    /// Its name.
    pub name: String,
    /// Group and port.
    pub address: String,
    /// Packets a second.
    pub packets_per_s: Option<f64>,
    /// Packets since the start.
    pub packets: u64,
    /// Whether it is silent.
    pub silent: bool,
    /// Of the packets with something new since the look before, the share that it was first to bring; since the start
    /// where nothing came in between.
    pub win_ratio: f64,
    /// Whether no other line of the channel wins more.
    pub winner: bool,
    /// By how many nanoseconds its copies came after another line's on average, since the look before; since the start
    /// where there were none in between, `None` where there never was one.
    pub skew_ns: Option<u64>,
    /// The most since the start.
    pub skew_max_ns: u64,
    /// Holes in its own numbers.
    pub gaps: u64,
    /// Messages in them.
    pub gap_messages: u64,
}

/// A worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkerRow {
    /// Its name.
    pub name: String,
    /// The CPU it is pinned to.
    pub core: Option<usize>,
    /// Whether its thread runs.
    pub running: bool,
    /// Seconds since it last showed its counters.
    pub shown_age_s: f64,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QueueRow {
    /// Its name.
    pub name: String,
    /// What its records are.
    pub records: String,
    /// Records a second.
    pub records_per_s: Option<f64>,
    /// Records since the start.
    pub published: u64,
    /// Its length in slots.
    pub slots: u64,
    /// Readers attached.
    pub readers: usize,
}

/// A book.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BookRow {
    /// Its name.
    pub name: String,
    /// Its queue.
    pub queue: String,
    /// Whether its thread runs.
    pub running: bool,
    /// Instruments with a book.
    pub instruments: u64,
    /// Of these, ones that can be trusted.
    pub valid: u64,
    /// Orders that rest.
    pub orders: u64,
    /// Slots of the queue not read yet.
    pub lag: u64,
    /// Slots lost.
    pub lost: u64,
}

/// A reader.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReaderRow {
    /// Number of its subscription.
    pub id: u64,
    /// What it calls itself.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its queue.
    pub queue: String,
    /// Slots that it has not read.
    pub lag: u64,
    /// The share of the queue that these are, 0 to 1; `None` where the queue's length is not known.
    pub fill: Option<f64>,
    /// Slots lost.
    pub lost: u64,
    /// Of these, since the look before.
    pub lost_now: Option<u64>,
    /// How often it was overrun.
    pub overruns: u64,
    /// Seconds since its last poll; `None` before the first.
    pub last_poll_age_s: Option<f64>,
}

/// Latency of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StageRow {
    /// The stage, such as `ring_pub`.
    pub stage: String,
    /// The channel or reader; empty for all.
    pub of: String,
    /// Measured a second.
    pub per_s: Option<f64>,
    /// Since the start, nanoseconds: half took no longer.
    pub p50: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
    /// The same three since the look before; `None` where nothing was measured in between.
    pub now: Option<[u64; 3]>,
    /// What was measured since the look before, by band.
    pub bands: Bands,
}

/// What was refused to clients for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RefusalRow {
    /// The reason.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// Of these, since the look before.
    pub now: Option<u64>,
}

/// A check of the doctor that does not pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CheckRow {
    /// Its id.
    pub check: String,
    /// The interface; empty for the machine.
    pub interface: String,
    /// Whether it fails, or only warns.
    pub fails: bool,
    /// What is wrong.
    pub found: String,
}
