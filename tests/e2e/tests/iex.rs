//! IEX over a real link: TOPS as it was captured, with the wrong checksums that it came with and with right ones, and a
//! twin of our own encoder.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::BufWriter;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway_capture::{CaptureReader, LinkType, PcapWriter};
use gateway_client::{Client, Event, Record, Start, SubscribeOptions};
use gateway_e2e::Lab;
use gateway_feed::iex::messages::{WriteQuoteUpdate, WriteSecurityDirectory, WriteTradeReport};
use gateway_feed::iex::{PacketBuilder, TOPS};
use gateway_feed::itch50::fields::Symbol;
use gateway_test_harness::config::{Input, Line};
use gateway_test_harness::network::EXCHANGE_INTERFACE;
use gateway_test_harness::{Config, Simulator, wait};
use gateway_test_support::data;
use gateway_wire::build::UdpFrame;

const LIMIT: Duration = Duration::from_secs(30);
/// Where the captured stream was sent to.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 67, 0, 199);
const PORT: u16 = 16_642;

fn config(tier: &str) -> Config {
    Config {
        feed: "iex-tops",
        lines: vec![Line {
            name: "A",
            group: GROUP,
            port: PORT,
        }],
        ..Config::new(Input::tier(tier))
    }
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    messages: u64,
    lost: u64,
    quotes: u64,
    /// Of the records of trades: how many, and their shares.
    trades: (u64, u64),
}

/// Replays `file` frame by frame and waits for `messages`.
fn replay(lab: &Lab, tier: &str, file: &Path, messages: u64) -> Outcome {
    let gateway = lab.gateway(&config(tier)).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("iex")
    };
    let mut subscription = client.subscribe("all", &options).unwrap();
    let reader = std::thread::spawn(move || {
        let (mut quotes, mut trades, mut empty) = (0, (0, 0), 0);
        // The simulator's end is waited for below: nothing more comes a while after that.
        while empty < 3_000 {
            match subscription.poll() {
                Event::Record(Record::Mbp1(_)) => quotes += 1,
                Event::Record(Record::Mbo(order)) if order.action as u8 == b'T' => {
                    trades.0 += 1;
                    trades.1 += u64::from(order.size);
                }
                Event::Lost(slots) => panic!("the test's reader lost {slots} slots"),
                Event::Empty if quotes > 0 => {
                    empty += 1;
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Event::Empty => std::thread::sleep(Duration::from_millis(1)),
                _ => {}
            }
            empty = 0;
        }
        (quotes, trades)
    });
    let arguments = [
        "replay",
        file.to_str().unwrap(),
        "--raw",
        "--interface",
        EXCHANGE_INTERFACE,
        "--pace",
        "rate=12000",
        "--json",
    ];
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let mut simulator = Simulator::start(&lab.binaries, &lab.network, &arguments).unwrap();
    let ended = simulator.process.wait(LIMIT).unwrap();
    assert!(ended.success(), "{}", simulator.process.output());
    let counted = |name: &str| -> u64 {
        let metrics = gateway.metrics().unwrap();
        metrics.sum(name, &[]).unwrap_or_default() as u64
    };
    wait::until("every message", LIMIT, || {
        Ok((counted("gateway_messages_total") >= messages).then_some(()))
    })
    .unwrap();
    let (quotes, trades) = reader.join().unwrap();
    Outcome {
        messages: counted("gateway_messages_total"),
        lost: counted("gateway_messages_lost_total"),
        quotes,
        trades,
    }
}

/// Writes `payloads` as frames with right checksums.
fn write(folder: &Path, payloads: &[Vec<u8>]) -> PathBuf {
    let path = folder.join("repaired.pcap");
    let file = BufWriter::new(File::create(&path).unwrap());
    let mut writer = PcapWriter::new(file, LinkType::Ethernet).unwrap();
    for (number, payload) in (0..).zip(payloads) {
        let mut frame = [0; 2_048];
        let length = UdpFrame {
            destination: GROUP.octets(),
            destination_port: PORT,
            payload,
            ..UdpFrame::default()
        }
        .write(&mut frame)
        .unwrap();
        writer.write(number * 1_000_000, &frame[..length]).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// What TOPS16 holds.
const TOPS16: Outcome = Outcome {
    messages: 57_674,
    lost: 0,
    quotes: 27_217,
    trades: (6_390, 0),
};

fn assert_is_tops16(outcome: &Outcome) {
    assert_eq!(
        (
            outcome.messages,
            outcome.lost,
            outcome.quotes,
            outcome.trades.0
        ),
        (TOPS16.messages, TOPS16.lost, TOPS16.quotes, TOPS16.trades.0)
    );
}

#[test]
fn captured_tops_with_wrong_checksums_comes_through_af_xdp() {
    let Some(file) = data::find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    assert_is_tops16(&replay(&lab, "copy", &file, TOPS16.messages));
}

#[test]
fn captured_tops_with_right_checksums_comes_through_kernel_sockets() {
    let Some(file) = data::find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut reader = CaptureReader::open(&file).unwrap();
    let mut payloads = Vec::new();
    while let Some(captured) = reader.next().unwrap() {
        let udp = gateway_wire::parse(captured.frame).unwrap();
        payloads.push(udp.payload(captured.frame).unwrap().to_vec());
    }
    let folder = tempfile::tempdir().unwrap();
    let repaired = write(folder.path(), &payloads);
    assert_is_tops16(&replay(&lab, "socket", &repaired, TOPS16.messages));
}

/// A small day of our own encoder: always there.
#[test]
fn quotes_and_trades_of_our_own_encoder_come_through() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut builder = PacketBuilder::new(TOPS, 1, 0x4e1d_0000, 1, 1_400);
    let mut payloads = Vec::new();
    let symbols = ["AAPL", "IBM", "ZIEXT"].map(|text| Symbol::new(text).unwrap());
    let (mut messages, mut shares) = (0, 0);
    for turn in 0..300_u32 {
        let symbol = symbols[turn as usize % 3];
        let mut add = |message: &[u8]| {
            builder.push(message).unwrap();
            messages += 1;
        };
        if turn < 3 {
            let directory = WriteSecurityDirectory {
                symbol,
                round_lot_size: 100,
                ..WriteSecurityDirectory::default()
            };
            add(&directory.encode());
        }
        let quote = WriteQuoteUpdate {
            symbol,
            bid_size: 100 + turn,
            ask_size: 200,
            ..WriteQuoteUpdate::default()
        };
        add(&quote.encode());
        let trade = WriteTradeReport {
            symbol,
            size: turn,
            trade_id: turn.into(),
            ..WriteTradeReport::default()
        };
        add(&trade.encode());
        shares += u64::from(turn);
        payloads.push(builder.finish(0, <[u8]>::to_vec));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &payloads);
    let outcome = replay(&lab, "copy", &file, messages);
    let expected = Outcome {
        messages,
        lost: 0,
        quotes: 300,
        trades: (300, shares),
    };
    assert_eq!(outcome, expected);
}
