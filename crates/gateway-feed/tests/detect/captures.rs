//! Real packets, where there are any: of feeds that are known, and of many that are not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gateway_capture::CaptureReader;
use gateway_feed::detect::{Candidate, Candidates, FlowEvidence, Verdict, verdict};
use gateway_test_support::data::find_or_skip;

/// The verdict over all flows of a capture.
fn of_capture(path: &Path) -> Verdict {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut flows: BTreeMap<([u8; 4], u16), FlowEvidence> = BTreeMap::new();
    while let Some(packet) = reader.next().unwrap() {
        let Ok(udp) = packet.udp() else {
            continue;
        };
        let address = (udp.destination, udp.destination_port);
        let end = udp.payload_offset + udp.payload_len;
        let payload = &packet.frame[udp.payload_offset..end.min(packet.frame.len())];
        flows.entry(address).or_default().packet(payload);
    }
    verdict(flows.values())
}

/// Whose packets the folder of that name has.
fn expected(folder: &str) -> Option<Candidate> {
    let begins = [
        (
            "Nasdaq.Equities.TotalView.Itch.v5.0",
            Candidate::Moldudp64Itch50,
        ),
        (
            "Bx.Equities.TotalView.Itch.v5.0",
            Candidate::Moldudp64Itch50,
        ),
        (
            "Psx.Equities.TotalView.Itch.v5.0",
            Candidate::Moldudp64Itch50,
        ),
        ("Nasdaq.Equities.Bbo.Itch.v2.1", Candidate::NasdaqBbo),
        ("Tops.IexTp", Candidate::IexTops),
        ("Deep.IexTp", Candidate::IexDeep),
        ("DeepPlus.IexTp", Candidate::IexDeepPlus),
        ("Byx.Equities.DepthOfBook.Pitch", Candidate::PitchEquities),
        ("Options.DepthOfBook.Pitch", Candidate::PitchOptions),
        ("Options.ComplexDepthOfBook.Pitch", Candidate::PitchComplex),
        ("Futures.DepthOfBook.Pitch", Candidate::PitchFutures),
        ("Mdp3.Sbe.v1.5", Candidate::Mdp3),
        ("Mdp3.Sbe.v1.9", Candidate::Mdp3),
    ];
    let found = begins.iter().find(|(name, _)| folder.starts_with(name));
    found.map(|(_, candidate)| *candidate)
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|of| of == "pcap") {
            found.push(path);
        }
    }
}

#[test]
fn packets_of_sixty_protocols_are_never_taken_for_what_they_are_not() {
    let Some(folder) = find_or_skip("omi") else {
        return;
    };
    let mut paths = Vec::new();
    captures(&folder, &mut paths);
    assert!(paths.len() > 200, "{}", paths.len());
    let (mut one, mut several) = (0, 0);
    for path in &paths {
        let name = path
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap();
        let found = of_capture(path);
        let misfiled = name.starts_with("Equities.MemiorDepth")
            && path.ends_with("StockTradingActionMessage.pcap");
        let expected = if misfiled {
            // A packet of Nasdaq's, by its group (233.54.12.111), its session and its message.
            Some(Candidate::Moldudp64Itch50)
        } else {
            expected(name)
        };
        let shown = path.display();
        match (expected, found) {
            (Some(expected), Verdict::One(found)) => {
                assert_eq!(found, expected, "{shown}");
                one += 1;
            }
            (Some(expected), Verdict::Ambiguous(found) | Verdict::Heartbeats(found)) => {
                assert!(found.contains(expected), "{shown}: {found:?}");
                several += 1;
            }
            // A heartbeat of MoldUDP64 is that of any feed in it.
            (None, Verdict::Unknown | Verdict::Heartbeats(_)) => {}
            (expected, found) => panic!("{shown}: {found:?}, expected {expected:?}"),
        }
    }
    println!(
        "one feed: {one}, several: {several}, of {} captures",
        paths.len()
    );
    assert!(one > 20, "{one}");
}

#[test]
fn captures_of_a_day_are_of_their_feeds() {
    let Some(folder) = find_or_skip("") else {
        return;
    };
    let tops = of_capture(&folder.join("iex/TOPS16.pcap.gz"));
    assert_eq!(tops, Verdict::One(Candidate::IexTops));
    for name in ["ref_lossless", "lineA", "AB_merged_by_time"] {
        let path = folder.join(format!("nasdaq-moldudp64-ab/{name}.pcap"));
        assert_eq!(
            of_capture(&path),
            Verdict::One(Candidate::Moldudp64Itch50),
            "{name}"
        );
    }
    let text = std::fs::read_to_string(folder.join("cme-mdp3/vectors.tsv")).unwrap();
    let mut flow = FlowEvidence::default();
    let hexadecimal = |field: &str| {
        let pair = |at: usize| u8::from_str_radix(field.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..field.len()).step_by(2).map(pair).collect();
        bytes.filter(|bytes| bytes.len() > 20)
    };
    for field in text.split_ascii_whitespace() {
        if let Some(packet) = hexadecimal(field) {
            flow.packet(&packet);
        }
    }
    assert!(flow.packets() >= 4);
    assert_eq!(verdict([&flow]), Verdict::One(Candidate::Mdp3));
    assert_eq!(flow.candidates(), Candidates::only(Candidate::Mdp3));
}
