//! Captures as they come from exchanges: `GATEWAY_TEST_DATA`, or `../shared/data` beside the workspace.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use gateway_capture::{CaptureReader, FileKind, ItchFileReader, sniff};
use gateway_test_support::data::find_or_skip;

/// Frames and UDP datagrams of a capture, which must end cleanly.
fn count(path: &Path) -> (usize, usize) {
    let mut reader = CaptureReader::open(path).unwrap();
    let (mut frames, mut datagrams) = (0, 0);
    while let Some(packet) = reader.next().unwrap() {
        frames += 1;
        datagrams += usize::from(packet.udp().is_ok());
    }
    assert_eq!(Some(reader.bytes_read()), reader.bytes_total());
    (frames, datagrams)
}

#[test]
fn tops_capture_is_read_whole() {
    let Some(path) = find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    assert_eq!(sniff(&path).unwrap(), FileKind::Pcap);
    assert_eq!(count(&path), (13_022, 13_022));
}

#[test]
fn moldudp64_captures_are_read_whole() {
    let Some(folder) = find_or_skip("nasdaq-moldudp64-ab") else {
        return;
    };
    assert_eq!(
        count(&folder.join("ref_lossless.pcap")).0,
        count(&folder.join("ref_lossless.pcap")).1
    );
    for (name, packets) in [("ref_lossless", 169), ("lineA", 159), ("lineB", 159)] {
        assert_eq!(
            count(&folder.join(format!("{name}.pcap"))),
            (packets, packets),
            "{name}"
        );
    }
}

#[test]
fn every_small_capture_is_read_whole() {
    let Some(root) = find_or_skip("omi") else {
        return;
    };
    let mut folders = vec![root];
    let (mut files, mut frames) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "pcap")
            {
                files += 1;
                frames += count(&path).0;
            }
        }
    }
    assert_eq!((files, frames), (222, 319));
}

#[test]
fn raw_itch_files_give_the_counts_of_the_manifest() {
    let Some(root) = find_or_skip("") else { return };
    let by_type = |path: &Path| {
        assert_eq!(sniff(path).unwrap(), FileKind::LengthPrefixed);
        let mut reader = ItchFileReader::open(path).unwrap();
        let mut counts = BTreeMap::new();
        while let Some((_, message)) = reader.next().unwrap() {
            *counts.entry(message[0] as char).or_insert(0) += 1;
        }
        counts
    };
    let expected = |text: &str| -> BTreeMap<char, i32> {
        text.split(' ')
            .map(|part| (part.chars().next().unwrap(), part[1..].parse().unwrap()))
            .collect()
    };
    assert_eq!(
        by_type(&root.join("nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50")),
        expected("A367 U225 F193 D167 E28 X6 I4 P4 Q4 S1 C1")
    );
    assert_eq!(
        by_type(&root.join("ritch-itch50/ex20101224.lenprefixed.itch50")),
        expected("P5000 A4997 D1745 E198 X45 U12 S6 R3 H3 F3")
    );
    let mut broken =
        ItchFileReader::open(root.join("ritch-itch50/ex20101224.TEST_ITCH_50")).unwrap();
    assert_eq!(broken.next().unwrap_err().offset(), Some(0));
}
