//! Three exchanges share a feed: what a channel's venue changes in its records.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Running, toml, write_messages};
use gateway_client::{Event, Record, Start, SubscribeOptions, WaitStrategy};
use gateway_feed::itch50::encode::{AddOrder, OperationalHalt, StockDirectory};
use gateway_feed::itch50::fields::Symbol;

const LOCATE: u16 = 13;

/// A halt of the instrument at the market centre of that code.
fn halt(market_code: u8) -> Vec<u8> {
    let halt = OperationalHalt {
        stock_locate: LOCATE,
        stock: Symbol::new("AAPL").unwrap(),
        market_code,
        halt_action: b'H',
        ..OperationalHalt::default()
    };
    halt.encode().to_vec()
}

/// A definition, an order and a halt at each of Nasdaq, BX and PSX, as a channel of `venue` publishes them: one line a
/// record, with its publisher.
fn published(folder: &Path, venue: &str) -> Vec<String> {
    let stock = Symbol::new("AAPL").unwrap();
    let directory = StockDirectory {
        stock_locate: LOCATE,
        stock,
        ..StockDirectory::default()
    };
    let order = AddOrder {
        stock_locate: LOCATE,
        stock,
        ..AddOrder::default()
    };
    let [at_nasdaq, at_bx, at_psx] = [b'Q', b'B', b'X'].map(halt);
    let file = folder.join("venue.pcap");
    write_messages(
        &file,
        &[
            &directory.encode(),
            &order.encode(),
            &at_nasdaq,
            &at_bx,
            &at_psx,
        ],
    );

    let text = toml(folder, &file, "asap", "", "").replacen(
        "[[channel]]",
        &format!("[[channel]]\n{venue}"),
        1,
    );
    let mut gateway = Running::start(gateway::config::parse(&text, folder).unwrap());
    let options = SubscribeOptions {
        start: Start::Oldest,
        wait: WaitStrategy::Sleep(Duration::from_millis(1)),
        ..SubscribeOptions::named("test")
    };
    let mut subscription = gateway.client().subscribe("all", &options).unwrap();
    let mut records = Vec::new();
    while records.len() < 7 {
        records.push(match subscription.wait(Duration::from_secs(10)) {
            Event::Record(Record::Definition(definition)) => format!(
                "definition of {}, publisher {}",
                definition.exchange().unwrap(),
                definition.hd.publisher_id
            ),
            Event::Record(Record::Mbo(order)) => {
                format!("order, publisher {}", order.hd.publisher_id)
            }
            Event::Record(Record::Status(status)) => format!(
                "{:?}, publisher {}",
                status.action().unwrap(),
                status.hd.publisher_id
            ),
            Event::Record(Record::Native { bytes, .. }) => {
                format!("as it is: a halt at {}", bytes[19] as char)
            }
            Event::Record(Record::Control(control)) => {
                format!("control, publisher {}", control.publisher_id)
            }
            other => panic!("{other:?}"),
        });
    }
    gateway.stop().unwrap();
    records
}

#[test]
fn records_name_the_venue_and_its_own_halts_alone_are_statuses() {
    for (venue, exchange, publisher, market_code) in [
        ("", "XNAS", 2, 'Q'),
        ("venue = \"nasdaq\"", "XNAS", 2, 'Q'),
        ("venue = \"bx\"", "XBOS", 3, 'B'),
        ("venue = \"psx\"", "XPSX", 4, 'X'),
    ] {
        let halts = ['Q', 'B', 'X'].map(|at| {
            if at == market_code {
                format!("Halt, publisher {publisher}")
            } else {
                format!("as it is: a halt at {at}")
            }
        });
        let expected = [
            vec![
                format!("control, publisher {publisher}"),
                format!("definition of {exchange}, publisher {publisher}"),
                format!("order, publisher {publisher}"),
            ],
            halts.to_vec(),
            vec![format!("control, publisher {publisher}")],
        ]
        .concat();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(published(folder.path(), venue), expected, "{venue}");
    }
}
