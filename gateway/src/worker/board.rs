//! What a worker shows: counters that the control plane reads without the worker executing anything for it.
//!
//! The worker counts in plain structs and copies them here every millisecond. Each word has one writer, so the copy is
//! a plain load and store. A reader may see one counter a moment older than another; each by itself is exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use gateway_feed::arbitration::{
    ChannelCounters, FrameErrorCounters, LineCounters, RecoveryCounters, SOURCES_MAX,
};
use gateway_feed::decoder::{DecoderCounters, OrderCounters, RefreshCounters};

use gateway_wire::shared::Verdict;

use crate::ingest::IngestCounters;
use crate::metrics::histogram::Histogram;

/// Defines a struct of atomics with the fields of a struct of counters.
///
/// All loads and stores are relaxed: each counter is read for itself, and no other memory is read on its strength.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $source:ident { $($field:ident),+ $(,)? }
     $(arrays { $($array:ident: $length:expr),+ })? $(skip { $($skipped:ident),+ })?) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name { $($field: AtomicU64,)+ $($($array: [AtomicU64; $length],)+)? }

        impl $name {
            fn show(&self, counters: &$source) {
                $(self.$field.store(counters.$field, Ordering::Relaxed);)+
                $($(
                    for (word, count) in self.$array.iter().zip(counters.$array) {
                        word.store(count, Ordering::Relaxed);
                    }
                )+)?
            }

            /// The counters as last shown.
            #[must_use]
            pub fn read(&self) -> $source {
                $source {
                    $($field: self.$field.load(Ordering::Relaxed),)+
                    $($($array: self.$array.each_ref().map(|word| word.load(Ordering::Relaxed)),)+)?
                    $($($skipped: Default::default(),)+)?
                }
            }
        }
    };
}

mirror! {
    /// [`IngestCounters`] on show.
    InputBoard of IngestCounters {
        packets, bytes, unknown_stream, source_filtered, oversized, header_checksum_dropped, checksum_dropped,
        checksum_wrong, checksum_absent, bad_descriptors, stamped_by_card, stamped_by_kernel, unstamped, kicks,
        kicks_refused, empty_polls,
    } arrays { rejected: Verdict::COUNT }
}

mirror! {
    /// [`LineCounters`] on show.
    LineBoard of LineCounters {
        packets, bytes, last_packet_ns, heartbeats, ends_of_session, wins, messages, delivered, duplicates, late,
        before_start, stale, implausible, refused, truncated, holding, out_of_order, gaps, gap_messages, skew_packets, skew_sum_ns,
        skew_max_ns, trailing_bytes, silent, silences,
    }
}

mirror! {
    /// [`FrameErrorCounters`] on show.
    FrameErrorBoard of FrameErrorCounters {
        short_header, sequence_overflow, foreign, truncated, trailing_bytes, unknown_line,
    }
}

mirror! {
    /// [`ChannelCounters`] on show, but for what has a board of its own.
    TotalsBoard of ChannelCounters {
        next_sequence, messages, unsequenced, gaps, gap_messages, heartbeats, sessions, session_changes,
        session_ends, resets, held, holding, holding_max, hold_overflows, hold_oversized, implausible,
        sessions_refused, other_units,
    } skip { lines, frame_errors, recovery }
}

mirror! {
    /// [`RecoveryCounters`] on show.
    RecoveryBoard of RecoveryCounters {
        state, holes_open, missing, holes, hole_messages, holes_closed, holes_lost, timeouts, recoveries,
        duration_sum_ns, duration_max_ns, demands_delayed, supplies, refused_epoch, refused_session,
        refused_no_messages, refused_not_wanted, refused_no_room, refused_too_old, refused_too_far_ahead, snapshots,
        snapshot_messages, replayed, refreshes, stales, retained, retained_lost,
    }
}

mirror! {
    /// [`RefreshCounters`] on show.
    RefreshBoard of RefreshCounters {
        stale_levels, stale_orders, withheld, contained, snapshots, replayed, refreshed, given_up, timed_out, early,
        too_old, too_far_ahead, not_snapshots, out_of_order, repeated, no_room, loops, overflows,
    }
}

/// [`DecoderCounters`] on show.
#[derive(Debug)]
pub struct DecoderBoard {
    by_type: [AtomicU64; 256],
    unknown_types: AtomicU64,
    too_short: AtomicU64,
    too_long: AtomicU64,
    empty: AtomicU64,
    unmapped: AtomicU64,
    instruments: AtomicU64,
    symbols_refused: AtomicU64,
    events_overflowed: AtomicU64,
    orders_live: AtomicU64,
    orders_unknown: AtomicU64,
    orders_overflowed: AtomicU64,
    orders_duplicate: AtomicU64,
    orders_inconsistent: AtomicU64,
    refresh: RefreshBoard,
}

impl Default for DecoderBoard {
    fn default() -> Self {
        Self {
            by_type: [const { AtomicU64::new(0) }; 256],
            unknown_types: AtomicU64::new(0),
            too_short: AtomicU64::new(0),
            too_long: AtomicU64::new(0),
            empty: AtomicU64::new(0),
            unmapped: AtomicU64::new(0),
            instruments: AtomicU64::new(0),
            symbols_refused: AtomicU64::new(0),
            events_overflowed: AtomicU64::new(0),
            orders_live: AtomicU64::new(0),
            orders_unknown: AtomicU64::new(0),
            orders_overflowed: AtomicU64::new(0),
            orders_duplicate: AtomicU64::new(0),
            orders_inconsistent: AtomicU64::new(0),
            refresh: RefreshBoard::default(),
        }
    }
}

impl DecoderBoard {
    fn show(&self, counters: &DecoderCounters) {
        for (word, count) in self.by_type.iter().zip(&counters.by_type) {
            // A feed has some twenty types: the lines of the others stay as readers left them.
            if word.load(Ordering::Relaxed) != *count {
                word.store(*count, Ordering::Relaxed);
            }
        }
        for (word, count) in [
            (&self.unknown_types, counters.unknown_types),
            (&self.too_short, counters.too_short),
            (&self.too_long, counters.too_long),
            (&self.empty, counters.empty),
            (&self.unmapped, counters.unmapped),
            (&self.instruments, counters.instruments),
            (&self.symbols_refused, counters.symbols_refused),
            (&self.events_overflowed, counters.events_overflowed),
            (&self.orders_live, counters.orders.live),
            (&self.orders_unknown, counters.orders.unknown),
            (&self.orders_overflowed, counters.orders.overflowed),
            (&self.orders_duplicate, counters.orders.duplicate),
            (&self.orders_inconsistent, counters.orders.inconsistent),
        ] {
            word.store(count, Ordering::Relaxed);
        }
        self.refresh.show(&counters.refresh);
    }

    /// The counters as last shown.
    #[must_use]
    pub fn read(&self) -> DecoderCounters {
        let mut counters = DecoderCounters::new();
        for (count, word) in counters.by_type.iter_mut().zip(&self.by_type) {
            *count = word.load(Ordering::Relaxed);
        }
        counters.unknown_types = self.unknown_types.load(Ordering::Relaxed);
        counters.too_short = self.too_short.load(Ordering::Relaxed);
        counters.too_long = self.too_long.load(Ordering::Relaxed);
        counters.empty = self.empty.load(Ordering::Relaxed);
        counters.unmapped = self.unmapped.load(Ordering::Relaxed);
        counters.instruments = self.instruments.load(Ordering::Relaxed);
        counters.symbols_refused = self.symbols_refused.load(Ordering::Relaxed);
        counters.events_overflowed = self.events_overflowed.load(Ordering::Relaxed);
        counters.orders = OrderCounters {
            live: self.orders_live.load(Ordering::Relaxed),
            unknown: self.orders_unknown.load(Ordering::Relaxed),
            overflowed: self.orders_overflowed.load(Ordering::Relaxed),
            duplicate: self.orders_duplicate.load(Ordering::Relaxed),
            inconsistent: self.orders_inconsistent.load(Ordering::Relaxed),
        };
        counters.refresh = self.refresh.read();
        counters
    }
}

/// Numbers of packets that a poll's buckets end with; the last one is a whole batch.
pub const BURSTS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
const _: () = assert!(BURSTS[BURSTS.len() - 1] == crate::ingest::BATCH as u64);

/// How many packets the polls of an input brought, written by the worker as it polls.
#[derive(Debug, Default)]
pub struct BurstBoard {
    counts: [AtomicU64; BURSTS.len()],
    packets: AtomicU64,
}

impl BurstBoard {
    /// Counts a poll that brought something.
    #[inline]
    pub(super) fn record(&self, packets: usize) {
        // 1, 2, 3 to 4, 5 to 8, …: one writer, counts only.
        let bucket = packets.next_power_of_two().ilog2() as usize;
        let count = &self.counts[bucket.min(BURSTS.len() - 1)];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let sum = self.packets.load(Ordering::Relaxed) + packets as u64;
        self.packets.store(sum, Ordering::Relaxed);
    }

    /// Polls by the packets that they brought, as [`BURSTS`] has them, and all packets.
    #[must_use]
    pub fn read(&self) -> ([u64; BURSTS.len()], u64) {
        let counts = self.counts.each_ref();
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        (counts, self.packets.load(Ordering::Relaxed))
    }
}

/// How a worker that never sleeps spends its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Nanoseconds of rounds that had packets.
    pub busy_ns: u64,
    /// Rounds longer than [`STALLS_NS`]' first …
    pub stalls: u64,
    /// … and than its second.
    pub long_stalls: u64,
    /// The longest of these in nanoseconds.
    pub longest_ns: u64,
}

/// What a round of a worker's loop is a stall from: 100 µs and 1 ms.
pub const STALLS_NS: [u64; 2] = [100_000, 1_000_000];

mirror! {
    /// [`Rounds`] on show.
    RoundBoard of Rounds { busy_ns, stalls, long_stalls, longest_ns }
}

/// One channel on show.
#[derive(Debug, Default)]
pub struct ChannelBoard {
    /// From taking a burst off its ring until a packet's last record is published; nanoseconds of one clock.
    pub ring_to_publish: Histogram,
    /// From the XDP program's stamp until the worker took the packet off its ring; nanoseconds of two clocks.
    pub xdp_to_ring: Histogram,
    /// From the card's stamp to the XDP program's; nanoseconds of two clocks.
    pub nic_to_xdp: Histogram,
    /// From the card's stamp to the kernel's (socket tier); nanoseconds of two clocks.
    pub nic_to_kernel: Histogram,
    /// From the kernel's stamp until the worker took the packet off its socket; nanoseconds of two clocks.
    pub kernel_to_ring: Histogram,
    totals: TotalsBoard,
    lines: [LineBoard; SOURCES_MAX],
    frame_errors: FrameErrorBoard,
    recovery: RecoveryBoard,
    decoder: DecoderBoard,
    unresolved: AtomicU64,
}

impl ChannelBoard {
    pub(super) fn show(
        &self,
        counters: &ChannelCounters,
        decoder: &DecoderCounters,
        unresolved: u64,
    ) {
        self.totals.show(counters);
        for (board, line) in self.lines.iter().zip(&counters.lines) {
            board.show(line);
        }
        self.frame_errors.show(&counters.frame_errors);
        self.recovery.show(&counters.recovery);
        self.decoder.show(decoder);
        self.unresolved.store(unresolved, Ordering::Relaxed);
    }

    /// What the channel did.
    #[must_use]
    pub fn channel(&self) -> ChannelCounters {
        let mut counters = self.totals.read();
        for (line, board) in counters.lines.iter_mut().zip(&self.lines) {
            *line = board.read();
        }
        counters.frame_errors = self.frame_errors.read();
        counters.recovery = self.recovery.read();
        counters
    }

    /// What its decoder did.
    #[must_use]
    pub fn decoder(&self) -> DecoderCounters {
        self.decoder.read()
    }

    /// Messages about instruments of unknown symbol, while a queue asks for symbols.
    #[must_use]
    pub fn unresolved(&self) -> u64 {
        self.unresolved.load(Ordering::Relaxed)
    }
}

/// All that one worker shows.
#[derive(Debug)]
pub struct WorkerBoard {
    /// By input, in the order of the worker's providers.
    pub inputs: Vec<InputBoard>,
    /// By channel, in the order of the worker's channels.
    pub channels: Vec<ChannelBoard>,
    /// Records published, by queue, in the order of the worker's queues.
    records: Vec<AtomicU64>,
    refused: Vec<AtomicU64>,
    /// By input: how many packets its polls brought.
    pub bursts: Vec<BurstBoard>,
    rounds: RoundBoard,
    /// When the worker last showed its counters, by the steady time in nanoseconds.
    shown_ns: AtomicU64,
    /// The worker's thread, as the kernel numbers it; 0 before it runs, and after.
    thread: AtomicU32,
}

impl WorkerBoard {
    pub(super) fn new(inputs: usize, channels: usize, queues: usize) -> Self {
        Self {
            inputs: (0..inputs).map(|_| InputBoard::default()).collect(),
            channels: (0..channels).map(|_| ChannelBoard::default()).collect(),
            records: (0..queues).map(|_| AtomicU64::new(0)).collect(),
            refused: (0..queues).map(|_| AtomicU64::new(0)).collect(),
            bursts: (0..inputs).map(|_| BurstBoard::default()).collect(),
            rounds: RoundBoard::default(),
            shown_ns: AtomicU64::new(0),
            thread: AtomicU32::new(0),
        }
    }

    /// The worker's thread, as the kernel numbers it; 0 before it runs, and after: the kernel gives the number anew.
    #[must_use]
    pub fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    pub(super) fn show_input(&self, index: usize, counters: &IngestCounters) {
        self.inputs[index].show(counters);
    }

    pub(super) fn show_records(&self, queue: usize, records: u64, refused: u64) {
        self.records[queue].store(records, Ordering::Relaxed);
        self.refused[queue].store(refused, Ordering::Relaxed);
    }

    pub(super) fn show_rounds(&self, rounds: &Rounds) {
        self.rounds.show(rounds);
    }

    /// How the worker spends its time, as last shown; all 0 where it may sleep.
    #[must_use]
    pub fn rounds(&self) -> Rounds {
        self.rounds.read()
    }

    pub(super) fn show_time(&self, now_ns: u64) {
        // Release: whoever acquires this time in `shown_ns` reads counts that are at least as new.
        self.shown_ns.store(now_ns, Ordering::Release);
    }

    /// Records published into a queue.
    #[must_use]
    pub fn records(&self, queue: usize) -> u64 {
        self.records
            .get(queue)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Records too long for a queue.
    #[must_use]
    pub fn refused(&self, queue: usize) -> u64 {
        self.refused
            .get(queue)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// When the worker last showed its counters, by the steady time of [`Clock`](gateway_queue::clock::Clock); 0 before the
    /// first time.
    #[must_use]
    pub fn shown_ns(&self) -> u64 {
        // Acquire: pairs with the release in `show_time`.
        self.shown_ns.load(Ordering::Acquire)
    }
}

/// Says on a worker's board which thread is the worker's, until it is dropped: also by a panic.
#[derive(Debug)]
pub(super) struct ShownThread(Arc<WorkerBoard>);

impl ShownThread {
    /// The calling thread is the worker's.
    pub(super) fn new(board: Arc<WorkerBoard>) -> Self {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        // Relaxed: a number for itself.
        board
            .thread
            .store(thread.cast_unsigned(), Ordering::Relaxed);
        Self(board)
    }
}

impl Drop for ShownThread {
    fn drop(&mut self) {
        // Relaxed: a number for itself.
        self.0.thread.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_s_thread_is_shown_while_it_runs() {
        let board = Arc::new(WorkerBoard::new(0, 0, 0));
        assert_eq!(board.thread(), 0);
        let shown = ShownThread::new(Arc::clone(&board));
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        assert_eq!(board.thread(), own.cast_unsigned());
        drop(shown);
        assert_eq!(board.thread(), 0);
    }

    #[test]
    fn polls_count_in_the_bucket_that_they_fit_in() {
        let board = BurstBoard::default();
        for packets in [1, 1, 2, 3, 4, 5, 64, 63, 33, 65] {
            board.record(packets);
        }
        assert_eq!(board.read(), ([2, 1, 2, 1, 0, 0, 4], 241));
    }
}
