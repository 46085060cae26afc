//! The gateway's metrics in Prometheus' text format, drawn from a [`Status`].

mod channels;
mod clock;
mod latency;

use std::time::Instant;

use super::host::Host;
use super::page::Page;
use super::table;
use crate::ingest::Stamper;
use crate::service::LinkState;
use crate::service::status::{InterfaceStatus, Status};
use crate::worker::board::BURSTS;

/// Every value that `gateway_xdp_mode` can have.
const MODES: [&str; 5] = ["zero-copy", "copy", "skb", "socket", "capture"];

/// The text of a scrape; `since` is when it began.
///
/// # Errors
/// The library refuses what is here; a test shows that it does not.
pub fn render(status: &Status, since: Instant) -> Result<String, prometheus::Error> {
    let mut page = Page::default();
    gateway(&mut page, status);
    for interface in &status.interfaces {
        inputs(&mut page, interface);
    }
    for channel in &status.channels {
        channels::channel(&mut page, channel);
    }
    for group in &status.groups {
        page.gauge(
            &table::inputs::GROUP_JOINED,
            &[
                ("group", &group.group),
                ("interface", &group.interface),
                ("source", &group.source),
            ],
            f64::from(u8::from(group.joined)),
        );
    }
    queues(&mut page, status);
    for book in &status.books {
        super::books::book(&mut page, book);
    }
    broker(&mut page, status);
    super::web::web(&mut page, &status.web);
    latency::stages(&mut page, status);
    latency::readers(&mut page, status);
    clock::clock(&mut page, &status.clock);
    host(&mut page, status);
    page.gauge(
        &table::service::SCRAPE_DURATION_SECONDS,
        &[],
        since.elapsed().as_secs_f64(),
    );
    page.text()
}

fn gateway(page: &mut Page, status: &Status) {
    page.gauge(
        &table::service::BUILD_INFO,
        &[
            ("version", &status.version),
            ("name", &status.name),
            ("kernel", &kernel()),
        ],
        1.0,
    );
    page.gauge(&table::service::UP, &[], 1.0);
    page.gauge(
        &table::service::READY,
        &[],
        f64::from(u8::from(status.ready)),
    );
    for (result, count) in [
        ("applied", status.reloads.applied),
        ("refused", status.reloads.refused),
    ] {
        page.counter(&table::service::RELOADS_TOTAL, &[("result", result)], count);
    }
    page.gauge(
        &table::service::RELOAD_WAITING,
        &[],
        status.reloads.waiting.len() as f64,
    );
    for mechanism in &status.confinement {
        page.gauge(
            &table::service::CONFINED,
            &[("mechanism", &mechanism.name)],
            f64::from(u8::from(mechanism.in_force)),
        );
    }
    if let Some(up) = status.helper_up {
        let up = f64::from(u8::from(up));
        page.gauge(&table::service::HELPER_UP, &[], up);
    }
    for check in &status.doctor {
        if let Some(level) = check.verdict.level() {
            page.gauge(
                &table::service::DOCTOR_CHECK,
                &[("check", &check.check), ("interface", &check.interface)],
                f64::from(level),
            );
        }
    }
    for (level, count) in crate::service::log::written() {
        page.counter(
            &table::service::LOG_MESSAGES_TOTAL,
            &[("level", level)],
            count,
        );
    }
    for worker in &status.workers {
        page.gauge(
            &table::service::WORKER_SHOWN_AGE_SECONDS,
            &[("worker", &worker.name)],
            worker.shown_age_s,
        );
    }
}

/// The kernel's release.
fn kernel() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

fn inputs(page: &mut Page, interface: &InterfaceStatus) {
    let name = ("interface", interface.name.as_str());
    page.gauge(
        &table::inputs::INTERFACE_INFO,
        &[name, ("driver", &interface.driver)],
        1.0,
    );
    if interface.tier != "capture" {
        for state in LinkState::ALL {
            page.gauge(
                &table::inputs::LINK_STATE,
                &[name, ("state", state.name())],
                f64::from(u8::from(state.name() == interface.state)),
            );
        }
        page.counter(
            &table::inputs::LINK_REOPENED_TOTAL,
            &[name],
            interface.reopened,
        );
        page.counter(
            &table::inputs::GROUP_REJOINS_TOTAL,
            &[name],
            interface.rejoins,
        );
    }
    if interface.tier != "capture" {
        page.gauge(
            &table::inputs::MULTICAST_GROUPS,
            &[name],
            interface.multicast_addresses as f64,
        );
    }
    if let Some(max) = interface.multicast_addresses_max {
        page.gauge(
            &table::inputs::MULTICAST_GROUPS_MAX,
            &[name],
            f64::from(max),
        );
    }
    if !interface.verdicts.is_empty() {
        page.counter(
            &table::inputs::XDP_LOST_IN_REDIRECT_TOTAL,
            &[name],
            interface.lost_in_redirect,
        );
    }
    for verdict in &interface.verdicts {
        page.counter(
            &table::inputs::XDP_VERDICTS_TOTAL,
            &[
                name,
                ("verdict", &verdict.verdict),
                ("reason", &verdict.reason),
            ],
            verdict.frames,
        );
    }
    for drop in &interface.nic_drops {
        page.counter(
            &table::inputs::NIC_DROPPED_TOTAL,
            &[name, ("counter", &drop.reason)],
            drop.count,
        );
    }
    for stage in &interface.stages {
        page.gauge(
            &table::latency::STAGE_AVAILABLE,
            &[
                name,
                ("stage", stage.stage.name()),
                ("reason", &stage.reason),
            ],
            f64::from(u8::from(stage.reason.is_empty())),
        );
    }
    if let Some(stamping) = &interface.stamping {
        for by in Stamper::ALL.map(Stamper::name) {
            page.gauge(
                &table::inputs::STAMPING,
                &[name, ("by", by)],
                f64::from(u8::from(by == stamping.by)),
            );
        }
        for of_card in &stamping.of_card {
            page.counter(
                &table::inputs::XDP_CARD_STAMPS_TOTAL,
                &[name, ("result", &of_card.reason)],
                of_card.count,
            );
        }
    }
    for input in &interface.queues {
        let labels = [name, ("queue", input.queue.as_str())];
        for mode in MODES {
            page.gauge(
                &table::inputs::XDP_MODE,
                &[labels[0], labels[1], ("mode", mode)],
                f64::from(u8::from(mode == interface.tier)),
            );
        }
        if matches!(interface.tier.as_str(), "zero-copy" | "copy" | "skb") {
            page.gauge(
                &table::inputs::BUSY_POLL,
                &labels,
                f64::from(u8::from(input.busy_poll == "polls")),
            );
        }
        page.counter(&table::inputs::RX_PACKETS_TOTAL, &labels, input.packets);
        page.counter(&table::inputs::RX_BYTES_TOTAL, &labels, input.bytes);
        page.counter(
            &table::inputs::RX_CHECKSUM_WRONG_TOTAL,
            &labels,
            input.checksum_wrong,
        );
        page.counter(
            &table::inputs::XSK_WAKEUPS_TOTAL,
            &[labels[0], labels[1], ("direction", "rx")],
            input.kicks,
        );
        page.buckets(
            &table::inputs::BURST_PACKETS,
            &labels,
            BURSTS.map(|packets| packets as f64).as_slice(),
            &input.bursts.polls,
            input.bursts.packets as f64,
        );
        for stamped in &input.stamped {
            page.counter(
                &table::inputs::RX_STAMPED_TOTAL,
                &[labels[0], labels[1], ("by", &stamped.reason)],
                stamped.count,
            );
        }
        for refused in &input.refused {
            page.counter(
                &table::inputs::RX_REFUSED_TOTAL,
                &[labels[0], labels[1], ("reason", &refused.reason)],
                refused.count,
            );
        }
        for drop in &input.kernel_drops {
            page.counter(
                &table::inputs::XSK_RX_DROPPED_TOTAL,
                &[labels[0], labels[1], ("reason", &drop.reason)],
                drop.count,
            );
        }
    }
}

fn queues(page: &mut Page, status: &Status) {
    for queue in &status.queues {
        let labels = [("queue", queue.name.as_str())];
        page.counter(
            &table::queues::QUEUE_RECORDS_TOTAL,
            &labels,
            queue.published,
        );
        page.counter(&table::queues::QUEUE_SLOTS_TOTAL, &labels, queue.head);
        page.counter(&table::queues::QUEUE_REFUSED_TOTAL, &labels, queue.refused);
        page.counter(
            &table::queues::QUEUE_ROTATIONS_TOTAL,
            &labels,
            queue.rotations,
        );
    }
    for reader in &status.readers {
        // There are at most `max_clients` readers at a time, and one that comes again has the labels that it had: none says
        // which process or subscription it is. The status does.
        let (uid, number) = (reader.uid.to_string(), reader.number.to_string());
        let labels = [
            ("consumer", reader.consumer.as_str()),
            ("uid", uid.as_str()),
            ("queue", reader.queue.as_str()),
            ("reader", number.as_str()),
        ];
        page.gauge(&table::queues::CONSUMER_ATTACHED, &labels, 1.0);
        page.gauge(
            &table::queues::CONSUMER_LAG_FRAMES,
            &labels,
            reader.lag as f64,
        );
        page.counter(
            &table::queues::CONSUMER_LOST_FRAMES_TOTAL,
            &labels,
            reader.lost,
        );
        page.counter(
            &table::queues::CONSUMER_OVERRUNS_TOTAL,
            &labels,
            reader.overruns,
        );
        if let Some(age) = reader.last_poll_age_s {
            page.gauge(&table::queues::CONSUMER_LAST_POLL_AGE_SECONDS, &labels, age);
        }
    }
}

fn broker(page: &mut Page, status: &Status) {
    let counters = &status.broker;
    page.gauge(&table::queues::BROKER_CLIENTS, &[], counters.clients as f64);
    for (family, value) in [
        (
            &table::queues::BROKER_CONNECTIONS_TOTAL,
            counters.connections,
        ),
        (
            &table::queues::BROKER_SUBSCRIPTIONS_TOTAL,
            counters.subscriptions,
        ),
        (&table::queues::BROKER_TABLES_TOTAL, counters.tables),
        (&table::queues::BROKER_SNAPSHOTS_TOTAL, counters.snapshots),
        (&table::queues::BROKER_THROTTLED_TOTAL, counters.throttled),
        (&table::queues::BROKER_SILENT_TOTAL, counters.silent),
        (&table::queues::BROKER_STUCK_TOTAL, counters.stuck),
    ] {
        page.counter(family, &[], value);
    }
    for (reason, count) in counters.refusals() {
        page.counter(
            &table::queues::BROKER_REFUSED_TOTAL,
            &[("reason", reason)],
            count,
        );
    }
}

fn host(page: &mut Page, status: &Status) {
    for worker in &status.workers {
        let Some(rounds) = worker.rounds else {
            continue;
        };
        let thread = ("thread", worker.name.as_str());
        page.counter_of(
            &table::host::POLL_LOOP_BUSY_SECONDS_TOTAL,
            &[thread],
            rounds.busy_s,
        );
        for (threshold, count) in [("0.0001", rounds.stalls), ("0.001", rounds.long_stalls)] {
            page.counter(
                &table::host::POLL_LOOP_STALLS_TOTAL,
                &[thread, ("threshold", threshold)],
                count,
            );
        }
        page.gauge(
            &table::host::POLL_LOOP_MAX_SECONDS,
            &[thread],
            rounds.longest_s,
        );
    }
    for switches in &status.switches {
        for (kind, count) in [
            ("voluntary", switches.voluntary),
            ("involuntary", switches.involuntary),
        ] {
            page.counter(
                &table::host::THREAD_CONTEXT_SWITCHES_TOTAL,
                &[("thread", &switches.thread), ("type", kind)],
                count,
            );
        }
    }
    for (cpu, seconds) in &Host::read().steal {
        page.counter_of(&table::host::STEAL_SECONDS_TOTAL, &[("cpu", cpu)], *seconds);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    use crate::clock::{ClockStatus, OtherClock};
    use crate::metrics::histogram;
    use crate::metrics::latency::{
        Availability, ErrorBound, Measured, ReaderChannelSeries, ReaderSeries, ReaderWorth, Stage,
        StageBounds, StageSeries,
    };
    use crate::metrics::threads::ThreadSwitches;
    use crate::service::status::{
        BookStatus, ChannelStatus, Count, InputStatus, LineStatus, QueueStatus, ReaderStatus,
        RecoveryStatus, RefreshStatus, ServerStatus, StampingStatus,
    };

    fn reader_series(reader: &str) -> ReaderSeries {
        ReaderSeries {
            consumer: "a\"b\n".into(),
            uid: "1001".into(),
            queue: "all".into(),
            reader: reader.into(),
            instance: 0,
        }
    }

    #[test]
    fn a_page_has_every_family_once_and_hostile_labels_are_escaped() {
        let latencies = histogram::Histogram::new();
        latencies.record(150);
        latencies.record(5_000);
        let short = histogram::Histogram::new();
        short.record(150);
        let status = Status {
            ready: true,
            interfaces: vec![InterfaceStatus {
                name: "eth1".into(),
                tier: "copy".into(),
                queues: vec![InputStatus {
                    queue: "0".into(),
                    packets: 7,
                    stamped: vec![Count::new("software", 12)],
                    ..InputStatus::default()
                }],
                stamping: Some(StampingStatus {
                    by: "software".into(),
                    of_card: vec![Count::new("unstamped", 5)],
                    ..StampingStatus::default()
                }),
                stages: vec![Availability {
                    stage: Stage::NicToKernel,
                    reason: "no card".into(),
                }],
                ..InterfaceStatus::default()
            }],
            channels: vec![ChannelStatus {
                name: "itch".into(),
                lines: ["A", "B"]
                    .map(|name| LineStatus {
                        name: name.into(),
                        skew_packets: 5,
                        skew_sum_ns: 2_500,
                        ..LineStatus::default()
                    })
                    .into(),
                state: "recovering".into(),
                recovery: Some(RecoveryStatus {
                    servers: [1, 2]
                        .map(|port| ServerStatus {
                            kind: "rerequest".into(),
                            address: format!("10.0.0.1:{port}"),
                            requests: 7,
                            ..ServerStatus::default()
                        })
                        .into(),
                    ..RecoveryStatus::default()
                }),
                refresh: Some(RefreshStatus {
                    refused: vec![Count::new("early", 1)],
                    ..RefreshStatus::default()
                }),
                ..ChannelStatus::default()
            }],
            queues: vec![QueueStatus::default()],
            books: vec![BookStatus {
                irregular: vec![Count::new("crossed", 1)],
                heartbeat_age_s: Some(0.5),
                ..BookStatus::default()
            }],
            readers: [0, 1]
                .map(|number| ReaderStatus {
                    consumer: "a\"b\n".into(),
                    number,
                    uid: 1_001,
                    last_poll_age_s: Some(0.25),
                    ..ReaderStatus::default()
                })
                .into(),
            measured_stages: vec![Measured {
                series: StageSeries {
                    stage: Stage::RingToPublish,
                    feed: "f".into(),
                    channel: "itch".into(),
                },
                whole: latencies.snapshot(),
                window: Some(latencies.snapshot().since(&short.snapshot())),
            }],
            measured_readers: ["0", "1"]
                .map(|reader| Measured {
                    series: ReaderChannelSeries {
                        reader: reader_series(reader),
                        channel: "itch".into(),
                    },
                    whole: latencies.snapshot(),
                    window: None,
                })
                .into(),
            measured_published: vec![Measured {
                series: ReaderChannelSeries {
                    reader: reader_series("1"),
                    channel: "itch".into(),
                },
                whole: latencies.snapshot(),
                window: Some(latencies.snapshot()),
            }],
            reader_worths: vec![ReaderWorth {
                series: reader_series("1"),
                clock: "tsc",
                bound: Some(ErrorBound {
                    whole_ns: 900,
                    window_ns: Some(200),
                }),
            }],
            stage_bounds: StageBounds {
                xdp: ErrorBound {
                    whole_ns: 2_000,
                    window_ns: None,
                },
                card_to_kernel: Some(ErrorBound {
                    whole_ns: 7_000,
                    window_ns: Some(3_000),
                }),
                card_to_xdp: Some(ErrorBound {
                    whole_ns: 6_000,
                    window_ns: None,
                }),
                ..StageBounds::default()
            },
            switches: vec![ThreadSwitches {
                thread: "a worker of a long name".into(),
                voluntary: 5,
                involuntary: 0,
            }],
            clock: ClockStatus {
                source: "tsc".into(),
                synchronized: Some(true),
                utc_error_bound_s: Some(5e-5),
                others: vec![OtherClock {
                    kind: "phc".into(),
                    device: "ptp0".into(),
                    offset_s: -2e-6,
                    error_bound_s: 1e-7,
                }],
                ..ClockStatus::default()
            },
            ..Status::default()
        };
        let page = render(&status, Instant::now()).unwrap();
        for expected in [
            "gateway_ready 1\n",
            "gateway_xdp_mode{interface=\"eth1\",queue=\"0\",mode=\"copy\"} 1\n",
            "gateway_xdp_mode{interface=\"eth1\",queue=\"0\",mode=\"zero-copy\"} 0\n",
            "gateway_stage_latency_seconds_bucket{stage=\"ring_pub\",feed=\"f\",channel=\"itch\",le=\"0.0000002\"} 1\n",
            "gateway_stage_latency_seconds_count{stage=\"ring_pub\",feed=\"f\",channel=\"itch\"} 2\n",
            "gateway_latency_quantile_seconds{stage=\"ring_pub\",feed=\"f\",channel=\"itch\",quantile=\"0.5\",window=\"start\"} 0.00000015\n",
            "gateway_latency_quantile_seconds{stage=\"ring_pub\",feed=\"f\",channel=\"itch\",quantile=\"0.99999\",window=\"10s\"} 0.000005\n",
            "gateway_tick_to_strategy_seconds_count{consumer=\"a\\\"b\\n\",uid=\"1001\",queue=\"all\",reader=\"1\",channel=\"itch\",clock=\"tsc\"} 2\n",
            "gateway_clock_offset_seconds{clock=\"phc\",device=\"ptp0\"} -0.000002\n",
            "gateway_clock_error_bound_seconds{clock=\"utc\",device=\"\"} 0.00005\n",
            "gateway_clock_disruptions_total{source=\"counter\"} 0\n",
            "gateway_stage_error_bound_seconds{stage=\"ring_pub\",window=\"start\"} 0\n",
            "gateway_stage_error_bound_seconds{stage=\"xdp_ring\",window=\"start\"} 0.000002\n",
            "gateway_stage_error_bound_seconds{stage=\"nic_kernel\",window=\"10s\"} 0.000003\n",
            "gateway_stage_error_bound_seconds{stage=\"nic_xdp\",window=\"start\"} 0.000006\n",
            "gateway_xdp_card_stamps_total{interface=\"eth1\",result=\"unstamped\"} 5\n",
            "gateway_stamping{interface=\"eth1\",by=\"hardware\"} 0\n",
            "gateway_stamping{interface=\"eth1\",by=\"software\"} 1\n",
            "gateway_rx_stamped_total{interface=\"eth1\",queue=\"0\",by=\"software\"} 12\n",
            "gateway_stage_available{interface=\"eth1\",stage=\"nic_kernel\",reason=\"no card\"} 0\n",
            "gateway_publish_to_read_seconds_count{consumer=\"a\\\"b\\n\",uid=\"1001\",queue=\"all\",reader=\"1\",channel=\"itch\"} 2\n",
            "gateway_publish_to_read_max_seconds{consumer=\"a\\\"b\\n\",uid=\"1001\",queue=\"all\",reader=\"1\",channel=\"itch\",window=\"10s\"} 0.000005\n",
            "gateway_tick_to_strategy_error_bound_seconds{consumer=\"a\\\"b\\n\",uid=\"1001\",queue=\"all\",reader=\"1\",window=\"10s\"} 0.0000002\n",
            "gateway_thread_context_switches_total{thread=\"a worker of a long name\",type=\"voluntary\"} 5\n",
            "gateway_burst_packets_bucket{interface=\"eth1\",queue=\"0\",le=\"64\"} 0\n",
            "consumer=\"a\\\"b\\n\"",
            "gateway_consumer_last_poll_age_seconds{consumer=\"a\\\"b\\n\",uid=\"1001\",queue=\"\",reader=\"1\"} 0.25\n",
            "# TYPE gateway_rx_packets_total counter\n",
            "# TYPE gateway_line_skew_seconds summary\n",
            "gateway_line_skew_seconds_sum{feed=\"\",channel=\"itch\",line=\"B\"} 0.0000025\n",
            "gateway_channel_state{feed=\"\",channel=\"itch\",state=\"recovering\"} 1\n",
            "gateway_channel_state{feed=\"\",channel=\"itch\",state=\"live\"} 0\n",
            "gateway_recovery_server_requests_total{feed=\"\",channel=\"itch\",kind=\"rerequest\",server=\"10.0.0.1:2\"} 7\n",
            "gateway_line_skew_seconds_count{feed=\"\",channel=\"itch\",line=\"B\"} 5\n",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        // Two readers of one process may have the same name; two lines of a page may not have the same labels.
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        let series: Vec<_> = samples
            .filter_map(|line| Some(line.rsplit_once(' ')?.0))
            .collect();
        let unique: std::collections::HashSet<_> = series.iter().collect();
        assert_eq!(series.len(), unique.len(), "{page}");
        let types: Vec<&str> = page.lines().filter(|l| l.starts_with("# TYPE")).collect();
        let mut unique = types.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(types.len(), unique.len());
    }
}
