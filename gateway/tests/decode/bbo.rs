//! Captures of Nasdaq BBO.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use dbn::v3::Mbp1Msg;
use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_feed::nasdaq_bbo::messages::Quotation;
use gateway_sim::flow::{BboFlow, FlowOptions, OrderFlow};
use gateway_sim::source::Source;
use gateway_test_support::data::find_or_skip;
use gateway_wire::build::UdpFrame;
use tempfile::tempdir;

use crate::input::{run, summary};
use crate::reader;

/// 2026-11-20 14:30 UTC: half past nine in New York.
const START_NS: u64 = 1_795_185_000_000_000_000;
/// Midnight of that day in New York.
const MIDNIGHT_NS: u64 = 1_795_150_800_000_000_000;

fn decode(file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("decode").arg(file).args(arguments);
    command
}

/// A day of the simulated exchange in a capture; the quotations in it.
fn write_day(path: &Path) -> Vec<Vec<u8>> {
    let mut flow = BboFlow::new(OrderFlow::new(FlowOptions {
        messages: 3_000,
        symbols: 8,
        ..FlowOptions::default()
    }));
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let mut builder = PacketBuilder::new(Session(*b"20261120B "), 1, 1_400);
    let (mut quotations, mut time) = (Vec::new(), START_NS);
    while let Some(message) = flow.next().unwrap() {
        if Quotation::parse(message.bytes).is_some() {
            quotations.push(message.bytes.to_vec());
        }
        builder.push(message.bytes).unwrap();
        builder.finish(|payload| {
            let mut frame = [0; 512];
            let length = UdpFrame {
                destination: [233, 54, 12, 64],
                destination_port: 26_400,
                payload,
                ..UdpFrame::default()
            }
            .write(&mut frame)
            .unwrap();
            time += 1_000;
            writer.write(time, &frame[..length]).unwrap();
        });
    }
    writer.finish().unwrap();
    quotations
}

#[test]
fn a_day_is_found_and_its_quotations_are_a_file_of_mbp_1() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("bbo.pcap");
    let quotations = write_day(&file);
    assert!(quotations.len() > 500, "{}", quotations.len());
    let json = summary(&run(&mut decode(&file, &["--protocol", "auto", "--json"])));
    assert_eq!(json["detected"]["protocol"], "nasdaq-bbo");
    assert_eq!(json["by_type"]["Q"], quotations.len());
    assert_eq!(
        (&json["errors_total"], &json["lost"]),
        (&0.into(), &0.into())
    );

    // DBN knows the quotations of Nasdaq alone.
    let refused = decode(
        &file,
        &[
            "--protocol",
            "nasdaq-bbo",
            "--venue",
            "bx",
            "--format",
            "dbn",
        ],
    )
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("no dataset"), "{said}");

    let dbn = folder.path().join("bbo.dbn.zst");
    let to = dbn.to_str().unwrap();
    run(&mut decode(
        &file,
        &[
            "--protocol",
            "nasdaq-bbo",
            "--schema",
            "mbp-1",
            "--format",
            "dbn.zst",
            "--output",
            to,
        ],
    ));
    let read = reader::read(&dbn);
    assert_eq!(read.metadata.dataset, "XNAS.QBBO");
    assert_eq!(read.metadata.mappings.len(), 8);
    let quotes = read.of_type::<Mbp1Msg>();
    assert_eq!(quotes.len(), quotations.len());
    for (quote, bytes) in quotes.iter().zip(&quotations) {
        let number = |at: std::ops::Range<usize>| {
            bytes[at]
                .iter()
                .fold(0, |n: u64, byte| n << 8 | u64::from(*byte))
        };
        let price = |units: u64| match units {
            0 => dbn::UNDEF_PRICE,
            units => units as i64 * 100_000,
        };
        let level = &quote.levels[0];
        assert_eq!(level.bid_px, price(number(18..22)));
        assert_eq!(u64::from(level.bid_sz), number(22..26));
        assert_eq!(level.ask_px, price(number(26..30)));
        assert_eq!(u64::from(level.ask_sz), number(30..34));
        assert_eq!(quote.hd.ts_event, MIDNIGHT_NS + number(3..9));
        assert_eq!(quote.hd.publisher_id, 46);
    }
}

#[test]
fn every_captured_packet_decodes() {
    let Some(folder) = find_or_skip("omi/Nasdaq/Nasdaq.Equities.Bbo.Itch.v2.1.20241105") else {
        return;
    };
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let json = summary(&run(&mut decode(&file, &["--protocol", "auto", "--json"])));
        assert_eq!(json["detected"]["protocol"], "nasdaq-bbo", "{file:?}");
        assert_eq!(
            (&json["packets"], &json["errors_total"]),
            (&5.into(), &0.into())
        );
        assert_eq!(json["unknown_types"], 0, "{file:?}");
        files += 1;
    }
    assert_eq!(files, 3);
}
