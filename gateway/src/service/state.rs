//! What the control plane holds of a running gateway, and the picture it can draw of it at any time.
//!
//! Drawing reads shared counters and asks the kernel; the workers execute nothing for it.

mod channels;
mod rows;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gateway_queue::HugePages;
use gateway_queue::clock::Clock;
use gateway_wire::shared::{Note, Verdict};

use super::checkup::Checks;
use super::http::Desk as WebDesk;
use super::inputs::{InputSeat, InterfaceState};
use super::latency::Latencies;
use super::readiness::Readiness;
use super::status::{
    BookStatus, Count, Difference, GroupStatus, InputStatus, InterfaceStatus, LastReload,
    QueueStatus, ReaderStatus, ReloadStatus, StampingStatus, Status, StepStatus, VerdictStatus,
    WorkerStatus,
};
use crate::books::BookBoard;
use crate::broker::{Catalogue, Offer, Registry};
use crate::clock::ClockStatus;
use crate::config::Config;
use crate::config::model::{ConflatedRecords, Input, Line, Records, Wait};
use crate::confine::Confinement;
use crate::helper::Helper;
use crate::ingest::filter_table::filter_table;
use crate::ingest::interrupts;
use crate::ingest::netdev::KernelVersion;
use crate::ingest::{IngestCounters, Mode, Obstacle, Stamper, VerdictCounts, why_not_from_card};
use crate::metrics::threads::Threads;
use crate::recovery::Desk;
use crate::worker::board::WorkerBoard;
use rows::stage_rows;

/// Where something is among the boards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// Index of the worker.
    pub(crate) worker: usize,
    /// Index on its board.
    pub(crate) index: usize,
}

/// A worker as the control plane knows it.
#[derive(Debug)]
pub(crate) struct WorkerState {
    pub(crate) board: Arc<WorkerBoard>,
    pub(crate) running: AtomicBool,
}

/// A book as the control plane knows it.
#[derive(Debug)]
pub(crate) struct BookState {
    pub(crate) board: Arc<BookBoard>,
    pub(crate) running: AtomicBool,
}

/// What became of new configurations since the start.
#[derive(Debug, Default)]
pub(crate) struct Reloads(Mutex<ReloadStatus>);

impl Reloads {
    /// One was applied, but for what waits for a restart.
    pub(crate) fn apply(&self, waiting: Vec<String>, differences: Vec<Difference>) {
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        status.applied += 1;
        status.waiting = waiting;
        status.last = Some(LastReload {
            error: None,
            differences,
        });
    }

    /// One had mistakes, or could not be applied.
    pub(crate) fn refuse(&self, cause: &str) {
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        status.refused += 1;
        status.last = Some(LastReload {
            error: Some(cause.to_owned()),
            differences: Vec::new(),
        });
    }

    fn status(&self) -> ReloadStatus {
        let status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        status.clone()
    }
}

/// Everything that can be told about a running gateway.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) started: Instant,
    pub(crate) readiness: Readiness,
    pub(crate) interfaces: Vec<InterfaceState>,
    pub(crate) workers: Vec<WorkerState>,
    /// By channel of the configuration.
    pub(crate) channels: Vec<Seat>,
    /// By channel of the configuration: its lines as they are now.
    pub(crate) lines: Mutex<Vec<Vec<Line>>>,
    /// By channel of the configuration: what the recovery of those that have one shows.
    pub(crate) recoveries: Vec<Option<Arc<Desk>>>,
    /// By book of the configuration.
    pub(crate) books: Vec<BookState>,
    /// By queue of the configuration.
    pub(crate) queues: Vec<Seat>,
    /// How often each was rotated, by queue of the configuration.
    pub(crate) rotations: Vec<AtomicU64>,
    /// What clients of the metrics server share.
    pub(crate) web: Arc<WebDesk>,
    /// What became of new configurations.
    pub(crate) reloads: Reloads,
    /// What confines this process.
    pub(crate) confinement: Confinement,
    /// Who opens interfaces, where this process may not.
    pub(crate) helper: Option<Arc<Helper>>,
    /// What the doctor found.
    pub(crate) checks: Arc<Checks>,
    /// How long packets and records take.
    pub(crate) latencies: Latencies,
    /// How often the kernel took threads from their processors.
    pub(crate) threads: Threads,
    /// How good the gateway's time is.
    pub(crate) clock: Mutex<ClockStatus>,
    /// The queues themselves, by queue of the configuration too, then those of books; the books; and who may read them.
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) readers: Arc<Registry>,
}

#[cfg(test)]
use {
    crate::broker::Offered, crate::config::model::Capture, crate::ingest::Tier,
    gateway_queue::QueueHandle,
};

#[cfg(test)]
impl State {
    /// Of a worker alone that reads a capture, has the channels and queues of `config`, and shows them on `board`.
    pub(crate) fn of_worker(
        config: Config,
        board: Arc<WorkerBoard>,
        queues: Vec<QueueHandle>,
    ) -> Self {
        let seats = |number| (0..number).map(|index| Seat { worker: 0, index }).collect();
        let catalogue = Arc::<Catalogue>::default();
        catalogue.change(|offer| {
            offer.queues = queues.into_iter().map(Offered::first).collect();
        });
        let capture = |capture: &Capture| InterfaceState::new(&capture.name, Tier::Capture);
        Self {
            started: Instant::now(),
            readiness: Readiness::default(),
            interfaces: config.captures.iter().map(capture).collect(),
            workers: vec![WorkerState {
                board,
                running: AtomicBool::new(true),
            }],
            channels: seats(config.channels.len()),
            lines: Mutex::new(config.channels.iter().map(|c| c.lines.clone()).collect()),
            recoveries: vec![None; config.channels.len()],
            books: Vec::new(),
            queues: seats(config.queues.len()),
            rotations: config.queues.iter().map(|_| AtomicU64::new(0)).collect(),
            web: Arc::default(),
            reloads: Reloads::default(),
            confinement: Confinement::off(),
            helper: None,
            checks: Arc::default(),
            latencies: Latencies::default(),
            threads: Threads::default(),
            clock: Mutex::default(),
            readers: Arc::new(Registry::new(Arc::clone(&catalogue))),
            catalogue,
            config,
        }
    }
}

impl State {
    /// The first thing that is not as it should be; `None` when the gateway is ready.
    pub(crate) fn not_ready(&self) -> Option<String> {
        let running = |worker: &WorkerState| worker.running.load(Ordering::Relaxed);
        let names = self
            .config
            .workers
            .iter()
            .map(|worker| worker.name.as_str());
        let workers = names.zip(self.workers.iter().map(running));
        let books = self.config.books.iter().zip(&self.books);
        let books = books.map(|(book, state)| {
            let running = state.running.load(Ordering::Relaxed);
            (book.name.as_str(), running)
        });
        self.readiness.obstacle(workers, books, &self.interfaces)
    }

    fn clock(&self) -> ClockStatus {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.clone()
    }

    /// The picture now.
    pub(crate) fn status(&self) -> Status {
        let now_ns = Clock::global().now();
        let not_ready = self.not_ready();
        let (measured_stages, measured) = (self.stages(), self.reader_latencies());
        let offer = self.catalogue.now();
        let readers: Vec<ReaderStatus> = self.readers.readers().into_iter().map(reader).collect();
        let names = self.config.workers.iter().map(|worker| worker.name.clone());
        let threads = self.workers.iter().map(|worker| worker.board.thread());
        Status {
            name: self.config.gateway.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            ready: not_ready.is_none(),
            not_ready,
            interfaces: self.interfaces.iter().map(|i| self.interface(i)).collect(),
            workers: self.workers_status(),
            channels: (0..self.channels.len()).map(|i| self.channel(i)).collect(),
            queues: (0..self.queues.len())
                .map(|index| self.queue(index, now_ns, &offer, &readers))
                .collect(),
            books: (0..self.books.len())
                .map(|index| self.book(index, now_ns, &offer, &readers))
                .collect(),
            groups: self.groups(),
            readers,
            broker: self.readers.counters(),
            web: self.web.status(),
            reloads: self.reloads.status(),
            doctor: self.checks.status(),
            confinement: self.confinement.mechanisms().to_vec(),
            helper_up: self.helper.as_ref().map(|helper| helper.lives()),
            stages: stage_rows(&measured_stages, &measured),
            measured_stages,
            measured_readers: measured.readers,
            measured_published: measured.published,
            reader_worths: measured.worths,
            stage_bounds: self.stage_bounds(),
            switches: self.threads.look(&threads.zip(names).collect()),
            clock: self.clock(),
        }
    }

    fn interface(&self, interface: &InterfaceState) -> InterfaceStatus {
        let way = interface.way();
        let kernel = way.facts.kernel_version();
        let (counts, present) = (way.verdicts(), way.verdicts_now());
        let verdicts = counts.map_or_else(Vec::new, |counts| {
            Verdict::ALL
                .into_iter()
                .map(|verdict| VerdictStatus {
                    reason: verdict.name().to_owned(),
                    verdict: match verdict {
                        Verdict::Redirected => "redirect".to_owned(),
                        _ => "pass".to_owned(),
                    },
                    frames: counts.get(verdict),
                })
                .collect()
        });
        InterfaceStatus {
            name: interface.name.clone(),
            tier: way.tier.name().to_owned(),
            steps: way
                .steps
                .iter()
                .map(|step| StepStatus {
                    tier: step.tier.name().to_owned(),
                    reason: step.reason.clone(),
                    remedy: step.remedy.clone(),
                })
                .collect(),
            mode: self.mode(&interface.name),
            driver: way.facts.driver.clone(),
            state: interface.state_name().to_owned(),
            waiting_for: way.waiting_for,
            rejoins: interface.membership.rejoins(),
            reopened: interface.reopened(),
            lost_in_redirect: interface.lost_in_redirect(),
            multicast_addresses: interface.multicast_addresses(),
            multicast_addresses_max: filter_table(&way.facts.driver)
                .and_then(|table| table.addresses_max),
            facts: way.facts,
            worker: interface.inputs.first().map_or_else(String::new, |seat| {
                self.config.workers[seat.seat.worker].name.clone()
            }),
            queues: interface
                .inputs
                .iter()
                .filter_map(|i| self.input(i, kernel))
                .collect(),
            verdicts,
            nic_drops: nic_drops(&interface.name, interface.is_capture()),
            stamping: way.stamping.map(|stamping| {
                let by = stamping.by_now(present.as_ref());
                let reason = why_not_from_card(way.tier, Some(&stamping), present.as_ref());
                let obstacle = stamping.obstacle.unwrap_or_else(|| Obstacle::new("", ""));
                StampingStatus {
                    by: by.name().to_owned(),
                    reason,
                    remedy: obstacle.remedy,
                    clock: stamping.clock.map(|clock| clock.device().to_owned()),
                    of_card: counts.as_ref().map_or_else(Vec::new, card_stamps),
                }
            }),
            stages: Self::availability(interface),
        }
    }

    /// The mode that the configuration asks of an interface; empty for a capture.
    fn mode(&self, interface: &str) -> String {
        let config = self.config.interfaces.iter().find(|i| i.name == interface);
        config.map_or_else(String::new, |interface| match interface.mode {
            Mode::Auto => "auto".to_owned(),
            Mode::Exactly(tier) => tier.name().to_owned(),
        })
    }

    /// Of an input that is there, or was.
    fn input(&self, input: &InputSeat, kernel: KernelVersion) -> Option<InputStatus> {
        let counters = self.workers[input.seat.worker].board.inputs[input.seat.index].read();
        let plugged = input.plugged()?;
        let napi = input.napi();
        let busy_poll = input.busy_polling(kernel, counters.packets);
        let kernel_drops = input.drops().map_or_else(Vec::new, |drops| {
            vec![
                Count::new("rx_dropped", drops.rx_dropped),
                Count::new("rx_ring_full", drops.rx_ring_full),
                Count::new("fill_ring_empty", drops.fill_ring_empty),
                Count::new("invalid_desc", drops.rx_invalid_descs),
                Count::new("socket_buffer_full", drops.socket_buffer_full),
            ]
        });
        Some(InputStatus {
            queue: plugged
                .queue
                .map_or_else(|| "all".to_owned(), |queue| queue.to_string()),
            huge_pages: plugged.huge_pages,
            busy_poll: busy_poll.name().to_owned(),
            busy_poll_reason: busy_poll.reason().map(str::to_owned),
            irq_cpus: napi.and_then(|napi| interrupts::cpus(napi.irq?)),
            napi,
            packets: counters.packets,
            bytes: counters.bytes,
            refused: refused(&counters),
            checksum_wrong: counters.checksum_wrong,
            stamped: occurred(&[
                (Stamper::Hardware.name(), counters.stamped_by_card),
                (Stamper::Software.name(), counters.stamped_by_kernel),
                (Stamper::None.name(), counters.unstamped),
            ]),
            kicks: counters.kicks,
            kernel_drops,
            bursts: self.workers[input.seat.worker].board.bursts[input.seat.index]
                .read()
                .into(),
        })
    }

    fn workers_status(&self) -> Vec<WorkerStatus> {
        let steady_ns = Clock::global().steady_now();
        self.config
            .workers
            .iter()
            .zip(&self.workers)
            .map(|(config, worker)| WorkerStatus {
                name: config.name.clone(),
                core: config.core,
                running: worker.running.load(Ordering::Relaxed),
                shown_age_s: age(steady_ns, worker.board.shown_ns()).unwrap_or_default(),
                rounds: (config.wait == Wait::Spin).then(|| worker.board.rounds().into()),
            })
            .collect()
    }

    /// The memberships, as they were found at the last look.
    fn groups(&self) -> Vec<GroupStatus> {
        let mut groups = Vec::new();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.iter().flatten() {
            for input in &line.inputs {
                let Input::Interface(index) = *input else {
                    continue;
                };
                let interface = &self.config.interfaces[index];
                let joined = self
                    .interfaces
                    .iter()
                    .find(|state| state.name == interface.name)
                    .is_some_and(|state| state.membership.is_joined());
                let on = interface
                    .membership_interface
                    .as_ref()
                    .unwrap_or(&interface.name);
                let mut add = |source: String| {
                    groups.push(GroupStatus {
                        group: line.group.to_string(),
                        interface: on.clone(),
                        source,
                        joined,
                    });
                };
                if line.sources.is_empty() {
                    add(String::new());
                }
                line.sources
                    .iter()
                    .for_each(|source| add(source.to_string()));
            }
        }
        // Lines that differ in their port only share a membership.
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    fn queue(
        &self,
        index: usize,
        now_ns: u64,
        offer: &Offer,
        readers: &[ReaderStatus],
    ) -> QueueStatus {
        let config = &self.config.queues[index];
        let (seat, offered) = (self.queues[index], &offer.queues[index]);
        let handle = &offered.handle;
        let board = &self.workers[seat.worker].board;
        QueueStatus {
            name: config.name.clone(),
            worker: self.config.workers[config.worker].name.clone(),
            records: match config.records {
                Records::Full => "full".to_owned(),
                Records::Plain => "plain".to_owned(),
                Records::Native => "native".to_owned(),
            },
            slots: config.slots,
            memory_bytes: handle.memory().bytes,
            huge_pages: handle.memory().huge_pages == HugePages::Used,
            epoch: handle.epoch(),
            rotations: self.rotations[index].load(Ordering::Relaxed),
            head: offered.published(),
            published: board.records(seat.index),
            refused: board.refused(seat.index),
            heartbeat_age_s: age(now_ns, handle.heartbeat_ns()),
            readers: readers.iter().filter(|r| r.queue == config.name).count(),
        }
    }
}

impl State {
    fn book(
        &self,
        index: usize,
        now_ns: u64,
        offer: &Offer,
        readers: &[ReaderStatus],
    ) -> BookStatus {
        let config = &self.config.books[index];
        let queue = &self.config.queues[config.queue];
        let shown = self.books[index].board.read();
        let met = &shown.books;
        let (offered, source) = (offer.find_book(&config.name), offer.find(&queue.name));
        let table = offered.map(|book| &book.table);
        BookStatus {
            name: config.name.clone(),
            queue: queue.name.clone(),
            running: self.books[index].running.load(Ordering::Relaxed),
            instruments: met.instruments,
            instruments_max: config.instruments_max.into(),
            valid: shown.valid,
            orders: met.orders,
            orders_max: config.orders_max.into(),
            levels: met.levels,
            levels_max: config.levels_max.into(),
            records: met.records,
            lag: source.map_or(0, |queue| queue.published().saturating_sub(shown.position)),
            lost: shown.lost,
            laps: shown.laps,
            gaps: met.gaps,
            snapshots_taken: met.snapshots,
            irregular: occurred(&[
                ("malformed", met.malformed),
                ("foreign", met.foreign),
                ("unknown_orders", met.unknown_orders),
                ("duplicate_orders", met.duplicate_orders),
                ("overdrawn", met.overdrawn),
                ("contradictions", met.contradictions),
                ("incomplete", met.incomplete),
                ("orders_overflowed", met.orders_overflowed),
                ("levels_overflowed", met.levels_overflowed),
                ("instruments_overflowed", met.instruments_overflowed),
                ("crossed", met.crossed),
                ("symbols_refused", shown.symbols_refused),
            ]),
            conflated_records: config.conflated.map(|conflated| match conflated.records {
                ConflatedRecords::Mbp1 => "mbp-1".to_owned(),
                ConflatedRecords::Mbp10 => "mbp-10".to_owned(),
            }),
            published: shown.published,
            conflated: shown.conflated,
            orders_served: shown.snapshots,
            table_readers: offered.map_or(0, |book| book.desk.readers()),
            conflated_readers: readers.iter().filter(|r| r.queue == config.name).count(),
            table_bytes: table.map_or(0, |table| table.memory().bytes),
            epoch: table.map_or(0, gateway_queue::table::TableHandle::epoch),
            rotations: shown.rotations,
            heartbeat_age_s: table.and_then(|table| age(now_ns, table.heartbeat_ns())),
        }
    }
}

/// What became of asking for the card's stamp, where the XDP program did.
fn card_stamps(counts: &VerdictCounts) -> Vec<Count> {
    const RESULTS: [&str; Note::OF_CARD.len()] = ["stamped", "unstamped", "unsupported", "failed"];
    let all = RESULTS.into_iter().zip(Note::OF_CARD);
    let counts = all.map(|(result, note)| Count::new(result, counts.note(note)));
    counts.filter(|of| of.count > 0).collect()
}

/// What the card and its driver dropped or found damaged, as the kernel has it under the same names for every driver.
fn nic_drops(interface: &str, is_capture: bool) -> Vec<Count> {
    const COUNTERS: [&str; 7] = [
        "rx_dropped",
        "rx_missed_errors",
        "rx_fifo_errors",
        "rx_over_errors",
        "rx_crc_errors",
        "rx_frame_errors",
        "rx_length_errors",
    ];
    if is_capture {
        return Vec::new();
    }
    let folder = Path::new("/sys/class/net")
        .join(interface)
        .join("statistics");
    let read = |counter: &str| {
        let text = std::fs::read_to_string(folder.join(counter)).ok()?;
        Some(Count::new(counter, text.trim().parse().ok()?))
    };
    COUNTERS.into_iter().filter_map(read).collect()
}

/// Why datagrams and frames were not handed to the worker; only reasons that occurred.
fn refused(counters: &IngestCounters) -> Vec<Count> {
    let mut reasons = vec![
        ("unknown_stream", counters.unknown_stream),
        ("source_filtered", counters.source_filtered),
        ("oversized", counters.oversized),
        ("header_checksum", counters.header_checksum_dropped),
        ("checksum", counters.checksum_dropped),
    ];
    for (verdict, count) in Verdict::ALL.into_iter().zip(counters.rejected) {
        reasons.push((verdict.name(), count));
    }
    reasons.push(("bad_descriptor", counters.bad_descriptors));
    occurred(&reasons)
}

fn occurred(reasons: &[(&str, u64)]) -> Vec<Count> {
    reasons
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| Count::new(reason, *count))
        .collect()
}

fn reader(reader: crate::broker::ReaderStatus) -> ReaderStatus {
    ReaderStatus {
        id: reader.id,
        name: reader.name,
        consumer: reader.consumer,
        number: reader.number,
        pid: reader.pid,
        uid: reader.uid,
        queue: reader.queue,
        lag: reader.lag,
        lost: reader.lost,
        overruns: reader.overruns,
        last_poll_age_s: reader.last_poll_age_ns.map(|age| age as f64 / 1e9),
    }
}

/// Seconds between `then` and now; `None` where `then` is 0, never.
fn age(now_ns: u64, then: u64) -> Option<f64> {
    (then != 0).then(|| now_ns.saturating_sub(then) as f64 / 1e9)
}
