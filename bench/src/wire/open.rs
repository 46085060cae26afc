//! `open-loop`: packets are sent when they are due, whatever became of those before.
//!
//! A latency counts from the moment at which its packet was to be sent: where sender or receiver fall behind, all packets
//! behind wait, and their waiting is in the figures (no coordinated omission). The gateway's strategy polls on the
//! sender's core between two packets: the higher the rate, the more of what it measures is the sender in its way.

use anyhow::Result;
use gateway_capture::CaptureReader;
use gateway_queue::clock::Clock;
use gateway_test_support::data;

use super::arrivals::Latencies;
use super::contender::{Seen, Way};
use super::link::{Bench, pin};
use super::packets::Sender;
use super::raw::{Folder, Raw};
use super::{RX_ENTRIES, alternating, quantile_rows};
use crate::report::{Row, Samples};

const BENCH: &str = "open-loop";
/// A measurement lasts so long at least, …
const DURATION_NS: u64 = 400_000_000;
/// … but has so many packets at most.
const PACKETS_MAX: usize = 100_000;
/// Packets sent back to back in a burst.
const BURST: u64 = 64;
/// What is not there so long after the last was due is lost.
const LATE_NS: u64 = 50_000_000;
/// A schedule is kept by a sender that is late by no more than this half of the time: one that is too slow falls behind
/// further and further.
const LATE_MAX_NS: f64 = 20_000.0;
/// Packets before those that count …
const WARM_UP: usize = 500;
/// … and the time from one to the next.
const WARM_UP_PERIOD_NS: u64 = 20_000;

const WAYS: [Way; 5] = [
    Way::Bare { busy_poll: false },
    Way::Gateway {
        tier: "copy",
        busy_poll: false,
    },
    Way::Gateway {
        tier: "copy",
        busy_poll: true,
    },
    Way::Recv,
    Way::Recvmmsg,
];

/// When packets are due, in nanoseconds from the first.
struct Schedule {
    name: String,
    due_ns: Vec<u64>,
}

/// Measures every way with every schedule once a run.
pub(super) fn run(runs: usize, bench: &Bench) -> Result<Vec<Row>> {
    let (ways, refused) = bench.able(&WAYS, BENCH);
    let mut rows = Vec::from_iter(refused);
    let mut schedules: Vec<Schedule> = [1_000, 10_000, 100_000, 250_000, 500_000]
        .map(constant)
        .into();
    schedules.extend([10_000, 100_000].map(bursts));
    match captured()? {
        Some(captured) => schedules.extend([1, 100].map(|speed| sped_up(&captured, speed))),
        None => rows.push(Row::not_measured(
            BENCH,
            "a capture's own timing: not measured: the folder of GATEWAY_TEST_DATA is not there"
                .into(),
            "ns",
        )),
    }
    let folder = Folder::emptied(BENCH)?;
    for schedule in &schedules {
        let mut measured: Vec<Vec<Measured>> = ways.iter().map(|_| Vec::new()).collect();
        for (run, order) in alternating(runs, ways.len()).enumerate() {
            for index in order {
                let way = ways[index];
                let (result, raw) = measure(way, schedule, bench)?;
                folder.keep(&format!("{}: {}", schedule.name, way.name()), run, &raw)?;
                measured[index].push(result);
            }
        }
        rows.extend(rows_of(&ways, schedule, &measured));
    }
    Ok(rows)
}

/// What one measurement gave.
struct Measured {
    latencies: Latencies,
    /// By how much the sender was late with each packet, or the first of each burst.
    late: Latencies,
}

fn measure(way: Way, schedule: &Schedule, bench: &Bench) -> Result<(Measured, Raw)> {
    let seen = Seen::of(WARM_UP + schedule.due_ns.len(), 1, RX_ENTRIES);
    let mut sender = Sender::new(bench.exchange_socket()?, 1)?;
    std::thread::scope(|scope| {
        let mut contender = way.start(bench, scope, &seen)?;
        pin(bench.sender_core)?;
        let clock = Clock::global();
        for _ in 0..WARM_UP {
            sender.send()?;
            let end = clock.steady_now() + WARM_UP_PERIOD_NS;
            while clock.steady_now() < end {
                contender.look(&seen, clock)?;
            }
        }
        let start = clock.steady_now() + 1_000_000;
        let (mut before, mut late) = (None, Vec::with_capacity(schedule.due_ns.len()));
        for due_ns in &schedule.due_ns {
            while clock.steady_now() < start + due_ns {
                contender.look(&seen, clock)?;
            }
            if before != Some(due_ns) {
                late.push(clock.steady_now() - (start + due_ns));
            }
            before = Some(due_ns);
            sender.send()?;
            // Once also where the next one is due already, or was.
            contender.look(&seen, clock)?;
        }
        let end = clock.steady_now() + LATE_NS;
        let last = sender.packet() - 1;
        while seen.arrivals.get(last).is_none() && clock.steady_now() < end {
            contender.look(&seen, clock)?;
        }
        contender.finish()?;
        let mut raw = Raw::with_capacity(schedule.due_ns.len());
        for (packet, due_ns) in schedule.due_ns.iter().enumerate() {
            let arrival = seen.arrivals.get((WARM_UP + packet) as u64);
            raw.push(arrival.map(|arrival| arrival.saturating_sub(start + due_ns)));
        }
        let measured = Measured {
            latencies: raw.latencies(),
            late: Latencies::of(late, 0),
        };
        Ok((measured, raw))
    })
}

fn rows_of(ways: &[Way], schedule: &Schedule, measured: &[Vec<Measured>]) -> Vec<Row> {
    let results: Vec<(String, Vec<Latencies>)> = ways
        .iter()
        .zip(measured)
        .map(|(way, runs)| {
            let late: Vec<f64> = runs.iter().map(|run| run.late.quantile(0.5)).collect();
            let kept = crate::report::median(&late) <= LATE_MAX_NS;
            let note = if kept {
                ""
            } else {
                " (the sender cannot keep this rate)"
            };
            let name = format!("{}: {}{note}", schedule.name, way.name());
            (name, runs.iter().map(|run| run.latencies.clone()).collect())
        })
        .collect();
    let mut rows = quantile_rows(BENCH, &results, Some(0), &|_, _| None);
    rows.extend(results.iter().map(|(name, runs)| {
        let lost = runs.iter().map(|run| run.lost as f64).collect();
        let samples = Samples {
            case: format!("{name}, lost of {}", schedule.due_ns.len()),
            unit: "packets",
            values: lost,
        };
        Row::new(BENCH, &samples, None, None)
    }));
    rows
}

fn constant(rate: u64) -> Schedule {
    let period = 1_000_000_000.0 / rate as f64;
    Schedule {
        name: format!("{rate} packets/s"),
        due_ns: (0..packets(rate))
            .map(|packet| (packet as f64 * period) as u64)
            .collect(),
    }
}

fn bursts(rate: u64) -> Schedule {
    let period = BURST * 1_000_000_000 / rate;
    Schedule {
        name: format!("bursts of {BURST}, {rate} packets/s"),
        due_ns: (0..packets(rate))
            .map(|packet| packet / BURST * period)
            .collect(),
    }
}

fn packets(rate: u64) -> u64 {
    (rate * DURATION_NS / 1_000_000_000).clamp(1_000, PACKETS_MAX as u64)
}

/// The moments at which a capture's packets came, if the data are at hand.
fn captured() -> Result<Option<Vec<u64>>> {
    let Some(path) = data::find("nasdaq-moldudp64-ab/ref_lossless.pcap") else {
        return Ok(None);
    };
    let mut reader = CaptureReader::open(&path)?;
    let mut times = Vec::new();
    while let Some(packet) = reader.next()? {
        times.push(packet.timestamp_ns);
    }
    let first = times.first().copied().unwrap_or(0);
    let since = |time: u64| time.saturating_sub(first);
    Ok(Some(times.into_iter().map(since).collect()))
}

/// The capture's own moments, so many times as fast, over and over until enough was sent.
fn sped_up(captured: &[u64], speed: u64) -> Schedule {
    let length = captured.last().copied().unwrap_or(0);
    // From the last packet to the first of the next time: as from one to the next on average.
    let lap = length + length / captured.len().max(1) as u64;
    let all = (0..).flat_map(|time| {
        captured
            .iter()
            .map(move |since| (time * lap + since) / speed)
    });
    Schedule {
        name: format!("a capture's own timing × {speed}"),
        due_ns: all
            .take_while(|due| *due < DURATION_NS)
            .take(PACKETS_MAX)
            .collect(),
    }
}
