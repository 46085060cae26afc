//! `wire`: a closed loop. One packet is sent, the strategy waits for it, and only then comes the next.

use anyhow::{Result, bail};
use gateway_queue::clock::Clock;

use super::arrivals::Latencies;
use super::contender::{Seen, Way};
use super::link::{Bench, pin};
use super::packets::Sender;
use super::raw::{Folder, Raw};
use super::{RX_ENTRIES, alternating, quantile_rows};
use crate::report::{Goal, Row, Samples};

const BENCH: &str = "wire";
/// Packets that are measured in a run …
const PACKETS: usize = 40_000;
/// … behind so many that are not.
const WARM_UP: usize = 4_000;
/// A packet that has not come after so long is lost.
const LOST_NS: u64 = 20_000_000;
/// So many lost one after the other: nothing will come any more.
const LOST_IN_A_ROW_MAX: u32 = 100;
/// From one packet's arrival to the next one's sending: not a period that anything could fall into step with.
const PAUSE_NS: std::ops::Range<u64> = 5_000..15_000;
/// Polls between two looks at the clock.
const POLLS: u32 = 256;

const WAYS: [Way; 8] = [
    Way::Bare { busy_poll: false },
    Way::Bare { busy_poll: true },
    Way::Gateway {
        tier: "copy",
        busy_poll: false,
    },
    Way::Gateway {
        tier: "copy",
        busy_poll: true,
    },
    RECV,
    Way::Recvmmsg,
    Way::Gateway {
        tier: "socket",
        busy_poll: false,
    },
    Way::Blocking,
];
const RECV: Way = Way::Recv;

/// Measures every way once a run, every other run in reverse order.
pub(super) fn run(runs: usize, bench: &Bench) -> Result<Vec<Row>> {
    let (ways, refused) = bench.able(&WAYS, BENCH);
    let mut measured: Vec<Vec<Measured>> = ways.iter().map(|_| Vec::new()).collect();
    let folder = Folder::emptied(BENCH)?;
    for (run, order) in alternating(runs, ways.len()).enumerate() {
        for index in order {
            let (result, raw) = measure(ways[index], bench)?;
            folder.keep(&ways[index].name(), run, &raw)?;
            measured[index].push(result);
        }
    }
    let mut rows = rows(&ways, &measured);
    rows.extend(refused);
    Ok(rows)
}

/// What one run of a way gave, all from before `send` is called.
struct Measured {
    /// Until the packet was with the strategy.
    latencies: Latencies,
    /// Until the sender's core knew, by the queue or by a cache line that the receiver's core wrote.
    handed: Latencies,
    /// Until `send` returned.
    calls: Latencies,
}

fn measure(way: Way, bench: &Bench) -> Result<(Measured, Raw)> {
    let seen = Seen::of(WARM_UP + PACKETS, 1, RX_ENTRIES);
    let mut sender = Sender::new(bench.exchange_socket()?, 1)?;
    std::thread::scope(|scope| {
        let mut contender = way.start(bench, scope, &seen)?;
        pin(bench.sender_core)?;
        let clock = Clock::global();
        let mut calls = Vec::with_capacity(PACKETS);
        let mut handed = Vec::with_capacity(PACKETS);
        let mut raw = Raw::with_capacity(PACKETS);
        let mut in_a_row = 0;
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for packet in 0..WARM_UP + PACKETS {
            let start = clock.steady_now();
            sender.send()?;
            let returned = clock.steady_now();
            let mut polls = 0;
            let arrival = loop {
                contender.look(&seen, clock)?;
                if let Some(arrival) = seen.arrivals.get(packet as u64) {
                    break Some(arrival);
                }
                polls += 1;
                if polls % POLLS == 0 && clock.steady_now() - start > LOST_NS {
                    break None;
                }
            };
            let now = clock.steady_now();
            if packet >= WARM_UP {
                calls.push(returned - start);
                raw.push(arrival.map(|arrival| arrival.saturating_sub(start)));
                handed.extend(arrival.map(|_| now - start));
            }
            in_a_row = if arrival.is_some() { 0 } else { in_a_row + 1 };
            if in_a_row == LOST_IN_A_ROW_MAX || contender.has_ended() {
                contender.finish()?;
                bail!("{}: nothing comes any longer", way.name());
            }
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let pause = PAUSE_NS.start + (state >> 33) % (PAUSE_NS.end - PAUSE_NS.start);
            let end = clock.steady_now() + pause;
            while clock.steady_now() < end {
                contender.look(&seen, clock)?;
            }
        }
        contender.finish()?;
        let latencies = raw.latencies();
        let measured = Measured {
            handed: Latencies::of(handed, latencies.lost),
            latencies,
            calls: Latencies::of(calls, 0),
        };
        Ok((measured, raw))
    })
}

fn rows(ways: &[Way], measured: &[Vec<Measured>]) -> Vec<Row> {
    let of = |what: fn(&Measured) -> &Latencies| -> Vec<(String, Vec<Latencies>)> {
        let each = ways.iter().zip(measured);
        each.map(|(way, runs)| (way.name(), runs.iter().map(what).cloned().collect()))
            .collect()
    };
    let results = of(|measured| &measured.latencies);
    let place = |way| ways.iter().position(|each| *each == way);
    let mut rows = quantile_rows(BENCH, &results, place(RECV), &|way, quantile| {
        let gateway = matches!(ways[way], Way::Gateway { tier: "copy", .. });
        (gateway && quantile == "p50").then_some(Goal::RatioAtMost(0.85))
    });
    for (way, runs) in &results {
        let lost: u64 = runs.iter().map(|run| run.lost).sum();
        if lost > 0 {
            let case = format!("{way}: {lost} packets lost");
            rows.push(Row::not_measured(BENCH, case, "packets"));
        }
    }
    // The same strategy for all: another thread or process, on the sender's core.
    let handed = of(|measured| &measured.handed);
    for (way, (name, runs)) in ways.iter().zip(handed) {
        if !matches!(way, Way::Gateway { .. }) {
            let case = (format!("{name}, handed to the sender's core"), runs);
            rows.extend(
                quantile_rows(BENCH, &[case], None, &|_, _| None)
                    .into_iter()
                    .take(2),
            );
        }
    }
    for (name, runs) in of(|measured| &measured.calls) {
        let case = (format!("{name}: `send` itself"), runs);
        rows.extend(
            quantile_rows(BENCH, &[case], None, &|_, _| None)
                .into_iter()
                .take(2),
        );
    }
    // Beside the floor of the same kind.
    for busy_poll in [false, true] {
        let gateway = place(Way::Gateway {
            tier: "copy",
            busy_poll,
        });
        let floor = place(Way::Bare { busy_poll });
        if let (Some(gateway), Some(floor)) = (gateway, floor) {
            rows.extend(above(&results[gateway], &results[floor]));
        }
    }
    rows
}

/// By how much the median is above the floor's, and the 99th percentile beside the floor's.
fn above(
    (name, runs): &(String, Vec<Latencies>),
    (floor, floor_runs): &(String, Vec<Latencies>),
) -> [Row; 2] {
    let of = |runs: &[Latencies], q| runs.iter().map(|run| run.quantile(q)).collect::<Vec<_>>();
    let medians = of(runs, 0.5).into_iter().zip(of(floor_runs, 0.5));
    let distance = Samples {
        case: format!("{name}: p50 minus that of {floor}"),
        unit: "ns",
        values: medians.map(|(ours, floor)| ours - floor).collect(),
    };
    let samples = |name: &str, runs: &[Latencies]| Samples {
        case: format!("{name}, p99"),
        unit: "ns",
        values: of(runs, 0.99),
    };
    let (own, beside) = (samples(name, runs), samples(floor, floor_runs));
    [
        Row::new(BENCH, &distance, None, Some(Goal::ValueAtMost(300.0))),
        Row::new(BENCH, &own, Some(&beside), Some(Goal::RatioAtMost(1.1))),
    ]
}
