use super::*;
use crate::service::status::{Count, InputStatus, Latency};
use crate::view::Bands;

fn interface(packets: u64, bytes: u64) -> InterfaceStatus {
    InterfaceStatus {
        name: "eth1".to_owned(),
        tier: "copy".to_owned(),
        queues: vec![InputStatus {
            packets,
            bytes,
            refused: vec![Count::new("not_udp", packets / 100)],
            ..InputStatus::default()
        }],
        ..InterfaceStatus::default()
    }
}

fn line(name: &str, wins: u64, skew: (u64, u64)) -> LineStatus {
    LineStatus {
        name: name.to_owned(),
        wins,
        skew_packets: skew.0,
        skew_sum_ns: skew.1,
        ..LineStatus::default()
    }
}

fn status(uptime_s: f64) -> Status {
    Status {
        pid: 7,
        uptime_s,
        ready: true,
        ..Status::default()
    }
}

#[test]
fn rates_are_by_the_gateways_own_clock() {
    let before = Status {
        interfaces: vec![interface(1_000, 100_000)],
        ..status(10.0)
    };
    let now = Status {
        interfaces: vec![interface(3_000, 400_000)],
        ..status(12.0)
    };
    let picture = picture(Some(&before), &now);
    assert_eq!(picture.interval_s, Some(2.0));
    assert_eq!(picture.totals.packets_per_s, Some(1_000.0));
    assert_eq!(picture.totals.bits_per_s, Some(1_200_000.0));
    assert_eq!(picture.interfaces[0].dropped_now, Some(20));
    assert_eq!(
        (picture.totals.dropped, picture.totals.dropped_now),
        (30, Some(20))
    );
}

#[test]
fn the_first_look_has_no_rates_and_neither_has_one_after_a_restart() {
    let earlier = Status {
        interfaces: vec![interface(5_000, 0)],
        ..status(100.0)
    };
    let now = Status {
        interfaces: vec![interface(10, 0)],
        ..status(0.5)
    };
    let other_process = Status {
        pid: 8,
        ..Status {
            interfaces: vec![interface(9_000, 0)],
            ..status(101.0)
        }
    };
    for picture in [
        picture(None, &now),
        picture(Some(&earlier), &now),
        picture(Some(&earlier), &other_process),
    ] {
        assert_eq!(picture.interval_s, None);
        assert_eq!(picture.totals.packets_per_s, None);
        assert_eq!(picture.interfaces[0].dropped_now, None);
    }
}

#[test]
fn a_row_that_is_new_has_no_rate_yet_and_the_others_have() {
    let mut now = status(2.0);
    now.interfaces = vec![interface(100, 0), {
        let mut other = interface(50, 0);
        other.name = "eth2".to_owned();
        other
    }];
    let before = Status {
        interfaces: vec![interface(0, 0)],
        ..status(1.0)
    };
    let picture = picture(Some(&before), &now);
    assert_eq!(picture.interfaces[0].packets_per_s, Some(100.0));
    assert_eq!(picture.interfaces[1].packets_per_s, None);
    assert_eq!(picture.totals.packets_per_s, Some(100.0));
}

#[test]
fn the_winner_is_who_won_since_the_look_before() {
    let channel = |lines: Vec<LineStatus>| ChannelStatus {
        name: "itch".to_owned(),
        lines,
        ..ChannelStatus::default()
    };
    let before = Status {
        channels: vec![channel(vec![
            line("A", 9_000, (100, 5_000)),
            line("B", 10, (900, 9_000_000)),
        ])],
        ..status(1.0)
    };
    let now = Status {
        channels: vec![channel(vec![
            line("A", 9_010, (190, 95_000)),
            line("B", 100, (900, 9_000_000)),
        ])],
        ..status(2.0)
    };
    let drawn = picture(Some(&before), &now);
    let lines = &drawn.channels[0].lines;
    assert_eq!((lines[0].winner, lines[1].winner), (false, true));
    assert_eq!(lines[1].win_ratio, 0.9);
    assert_eq!(lines[0].skew_ns, Some(1_000));
    // Nothing in between: the mean since the start.
    assert_eq!(lines[1].skew_ns, Some(10_000));
    assert_eq!(
        picture(None, &before).channels[0].lines[0].skew_ns,
        Some(50)
    );
}

#[test]
fn latency_now_is_of_what_was_measured_since() {
    let stage = |count, first| StageStatus {
        stage: "ring_pub".to_owned(),
        of: String::new(),
        latency: Latency {
            count,
            max: 9,
            ..Latency::default()
        },
        bands: Bands {
            first,
            counts: vec![count],
        },
    };
    let before = Status {
        stages: vec![stage(100, 8)],
        ..status(1.0)
    };
    let mut after = stage(100, 8);
    after.latency.count = 150;
    after.bands.counts = vec![100, 0, 0, 0, 50];
    let now = Status {
        stages: vec![after],
        ..status(2.0)
    };
    let drawn = picture(Some(&before), &now);
    let row = &drawn.stages[0];
    assert_eq!((row.per_s, row.bands.total()), (Some(50.0), 50));
    assert_eq!(row.bands.first, 12);
    assert_eq!(row.now.map(|[p50, ..]| p50), row.now.map(|[.., p999]| p999));
    assert_eq!(picture(None, &now).stages[0].now, None);
}

#[test]
fn names_from_outside_are_harmless_in_every_row() {
    let evil = "x\x1b]0;owned\x07\n\u{202e}";
    let mut now = status(1.0);
    now.name = evil.to_owned();
    now.ready = false;
    now.not_ready = Some(evil.to_owned());
    now.readers = vec![ReaderStatus {
        name: evil.to_owned(),
        queue: evil.to_owned(),
        ..ReaderStatus::default()
    }];
    now.channels = vec![ChannelStatus {
        name: evil.to_owned(),
        lines: vec![line(evil, 0, (0, 0))],
        ..ChannelStatus::default()
    }];
    now.interfaces = vec![InterfaceStatus {
        name: evil.to_owned(),
        waiting_for: Some(evil.to_owned()),
        ..InterfaceStatus::default()
    }];
    let text = format!("{:?}", picture(None, &now));
    assert!(text.contains("owned"));
    // In the debug format a control character is escaped once, and one that is written out already twice.
    assert!(!text.replace("\\\\", "").contains("\\u{1b}"), "{text}");
    assert!(!text.replace("\\\\", "").contains("\\n"), "{text}");
    assert!(!text.chars().any(char::is_control), "{text}");
}

#[test]
fn counts_that_no_gateway_has_do_not_overflow() {
    let mut now = status(2.0);
    now.interfaces = vec![interface(u64::MAX, u64::MAX), interface(u64::MAX, 1)];
    now.channels = vec![
        ChannelStatus {
            lost: u64::MAX,
            messages: u64::MAX,
            ..ChannelStatus::default()
        };
        2
    ];
    let drawn = picture(Some(&status(1.0)), &now);
    assert_eq!(drawn.totals.lost, u64::MAX);
}
