//! Captures of CME MDP 3.0.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::mdp3::sbe::Text;
use gateway_feed::mdp3::schema::{
    WriteBookEntry, WriteBookOrder, WriteEventEntry, WriteFutureRoot, WriteIncremental,
    WriteTradeEntry, WriteTradeOrder,
};
use gateway_feed::mdp3::{MessageBuilder, PacketBuilder};
use gateway_test_support::data::find_or_skip;
use gateway_wire::build::UdpFrame;
use tempfile::tempdir;

use crate::input::{run, summary};

/// 2026-11-20 14:30 UTC.
const START_NS: u64 = 1_795_185_000_000_000_000;

fn decode(file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .arg("decode")
        .arg(file)
        .args(["--protocol", "cme-mdp3"])
        .args(arguments);
    command
}

fn messages() -> [Vec<u8>; 3] {
    let future = WriteFutureRoot {
        security_id: 4_711_000,
        symbol: Text::new("ESZ6"),
        security_group: Text::new("ES"),
        ..WriteFutureRoot::default()
    };
    let root = WriteIncremental {
        transact_time: START_NS - 1_000,
        match_event_indicator: 0x84,
    };
    let level = WriteBookEntry {
        price: Some(6_001_250_000_000),
        size: Some(12),
        security_id: 4_711_000,
        price_level: 1,
        entry_type: b'0',
        ..WriteBookEntry::default()
    };
    let trade = WriteTradeEntry {
        price: 6_001_250_000_000,
        size: 3,
        security_id: 4_711_000,
        aggressor_side: Some(2),
        ..WriteTradeEntry::default()
    };
    [
        MessageBuilder::new(54, 13, &future)
            .group::<WriteEventEntry>(&[])
            .finish(),
        MessageBuilder::new(46, 13, &root)
            .group(&[level])
            .group_8::<WriteBookOrder>(&[])
            .finish(),
        MessageBuilder::new(48, 13, &root)
            .group(&[trade])
            .group_8::<WriteTradeOrder>(&[])
            .finish(),
    ]
}

/// Channels, each on a group and port of its own, with the same numbers; the second one loses a packet.
fn write_channels(channels: u8, path: &Path) {
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    for channel in 0..channels {
        let mut builder = PacketBuilder::new(1, 1_400);
        for (number, message) in messages().iter().enumerate() {
            builder.push(message).unwrap();
            builder.finish(START_NS, |payload| {
                if (channel, number) == (1, 1) {
                    return;
                }
                let mut frame = [0; 1_024];
                let length = UdpFrame {
                    destination: [224, 0, 31, channel],
                    destination_port: 14_310,
                    payload,
                    ..UdpFrame::default()
                }
                .write(&mut frame)
                .unwrap();
                let time = START_NS + 10_000 * number as u64;
                writer.write(time, &frame[..length]).unwrap();
            });
        }
    }
    writer.finish().unwrap();
}

#[test]
fn each_group_and_port_is_a_channel_and_types_are_template_numbers() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("two.pcap");
    write_channels(2, &file);
    let json = summary(&run(&mut decode(&file, &["--json"])));
    assert_eq!(json["packets"], 5);
    assert_eq!(json["messages"], 5);
    assert_eq!(
        (&json["sessions"], &json["duplicates"]),
        (&2.into(), &0.into())
    );
    assert_eq!(
        json["by_type"],
        serde_json::json!({"46": 1, "48": 2, "54": 2})
    );
    assert_eq!(json["gaps"], serde_json::json!([[2, 2]]));
}

#[test]
fn records_of_many_channels_are_read_as_no_index_of_orders_is_made_for_any() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("nine.pcap");
    write_channels(9, &file);
    let output = run(&mut decode(
        &file,
        &["--format", "csv", "--schema", "definition"],
    ));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1 + 9, "{text}");
}

#[test]
fn every_packet_of_the_captures_decodes() {
    let Some(folder) = find_or_skip("omi/Cme") else {
        return;
    };
    let mut files = 0;
    for version in ["Mdp3.Sbe.v1.5", "Mdp3.Sbe.v1.9"] {
        for entry in std::fs::read_dir(folder.join(version)).unwrap() {
            let json = summary(&run(&mut decode(&entry.unwrap().path(), &["--json"])));
            assert_eq!(json["errors"], serde_json::json!([]));
            assert_eq!(json["packets"], 1);
            files += 1;
        }
    }
    assert_eq!(files, 5);
}
