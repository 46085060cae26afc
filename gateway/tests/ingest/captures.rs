//! The capture provider on real captures, where the machine has them (`GATEWAY_TEST_DATA`). Its unit tests do the same
//! on captures of our own making.

use gateway::ingest::{Ingest, IngestCounters, Pace, PcapIngest, Stream, UdpChecksum};
use gateway_test_support::data;

/// Plays `file` to its end and returns the counters and how many packets each stream had.
fn play(
    file: &str,
    streams: &[Stream],
    udp_checksum: UdpChecksum,
) -> Option<(IngestCounters, Vec<u64>)> {
    let path = data::find_or_skip(file)?;
    let mut ingest =
        PcapIngest::open(&path, streams, Pace::AsFastAsPossible, udp_checksum).unwrap();
    let mut packets = vec![0; streams.len()];
    while !ingest.finished() {
        ingest
            .poll(&mut |datagram| {
                packets[datagram.stream.0 as usize] += 1;
                assert!(datagram.stamps.capture_ns.is_some());
            })
            .unwrap();
    }
    Some((*ingest.counters(), packets))
}

fn stream(group: [u8; 4], port: u16) -> Stream {
    Stream {
        group: group.into(),
        port,
        sources: vec![],
    }
}

/// IEX ships wrong UDP checksums; the feed is nevertheless whole.
#[test]
fn tops_comes_through_although_its_udp_checksums_are_wrong() {
    let streams = [stream([224, 67, 0, 199], 16642)];
    let Some((counters, packets)) = play("iex/TOPS16.pcap.gz", &streams, UdpChecksum::Count) else {
        return;
    };
    assert_eq!((packets[0], counters.packets), (13_022, 13_022));
    // One fits by chance.
    assert_eq!(counters.checksum_wrong, 13_021, "{counters:?}");
    assert_eq!(counters.rejected.iter().sum::<u64>(), 0);
}

#[test]
fn both_lines_of_a_capture_are_told_apart_behind_a_vlan_tag_too() {
    let streams = [
        stream([233, 54, 12, 111], 26477),
        stream([233, 49, 196, 111], 26477),
    ];
    for (file, expected) in [
        ("nasdaq-moldudp64-ab/AB_merged_by_time.pcap", [159, 159]),
        ("nasdaq-moldudp64-ab/lineA.pcap", [159, 0]),
        (
            "nasdaq-moldudp64-ab/lineA_vlan141_dup_reorder.pcap",
            [163, 0],
        ),
    ] {
        let Some((counters, packets)) = play(file, &streams, UdpChecksum::Drop) else {
            return;
        };
        assert_eq!(packets, expected, "{file}");
        assert_eq!(
            (counters.checksum_wrong, counters.checksum_absent),
            (0, 0),
            "{file}"
        );
    }
}
