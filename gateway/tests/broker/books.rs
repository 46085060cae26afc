//! Book tables and orders over real sockets; the tests play the builder of the books.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use gateway::broker::{
    Broker, Desk, Draft, Entitlements, Limits, OfferedBook, Orders, OrdersRefusal, OrdersRequest,
    Rule,
};
use gateway_client::protocol::{ErrorCode, OrdersOf};
use gateway_client::{
    BookEntry, BookError, BookState, BookSymbol, Client, ClientError, Closed, Level, Record,
};
use gateway_queue::Ending;
use gateway_queue::table::{TableOptions, TableWriter};

use crate::rig::{Running, eventually, queue, run, start, start_with};
use crate::users::{as_user, can_become_others};

struct Book {
    writer: TableWriter,
    offered: OfferedBook,
    requests: Receiver<OrdersRequest>,
}

fn book(name: &str) -> Book {
    let (writer, table) = TableWriter::create(&TableOptions {
        name: name.into(),
        source: "all".into(),
        entries_max: 8,
        schema_id: gateway_feed::record::book::SCHEMA_ID,
        schema_version: gateway_feed::record::book::SCHEMA_VERSION,
        lock_memory: false,
        ..Default::default()
    })
    .unwrap();
    let (desk, requests) = Desk::new();
    Book {
        writer,
        offered: OfferedBook { table, desk },
        requests,
    }
}

fn offer(gateway: &Running, book: &Book) {
    let offered = book.offered.clone();
    gateway
        .catalogue
        .change(|offer| offer.books = vec![offered]);
}

fn entry(id: u32, symbol: &str, bid: i64) -> BookEntry {
    let mut entry = BookEntry {
        position: bid.unsigned_abs(),
        state: BookState::Valid,
        symbol: BookSymbol::new(symbol).unwrap(),
        ..BookEntry::unknown(id)
    };
    entry.levels[0] = Level {
        bid_px: bid,
        bid_sz: 100,
        bid_ct: 1,
        ..Level::EMPTY
    };
    entry
}

#[test]
fn a_client_lists_opens_finds_and_reads_books() {
    let gateway = start(vec![queue("all").1], 8);
    let mut book = book("itch");
    offer(&gateway, &book);
    book.writer.add(&entry(7, "", 10).words()).unwrap();
    book.writer.set_applied(5);
    let client = Client::connect(&gateway.path).unwrap();
    let list = client.book_list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (list[0].name.as_str(), list[0].queue.as_str()),
        ("itch", "all")
    );
    assert_eq!((list[0].instruments, list[0].instruments_max), (1, 8));
    assert_eq!(list[0].applied, 5);
    let mut table = client.books("itch", "test").unwrap();
    assert_eq!(book.offered.desk.readers(), 1);
    assert_eq!(table.checkpoint().position, 5);
    // It has no symbol yet, and is found by its number.
    assert_eq!(table.find("AAPL"), None);
    let seven = table.find_id(7).unwrap();
    assert_eq!(table.best(seven).unwrap(), entry(7, "", 10).best());
    book.writer.rename(0, &entry(7, "AAPL", 11).words());
    book.writer.add(&entry(9, "MSFT", 12).words()).unwrap();
    assert_eq!(table.find("AAPL"), Some(seven));
    assert_eq!(table.read(seven).unwrap(), entry(7, "AAPL", 11));
    let nine = table.find("MSFT").unwrap();
    assert_eq!(nine.id, 9);
    book.writer.store(1, &entry(9, "MSFT", 13).words());
    assert_eq!(table.best(nine).unwrap().best.bid_px, 13);
    assert_eq!(table.instruments().collect::<Vec<_>>(), [seven, nine]);
    drop(table);
    eventually("the reader's end", || book.offered.desk.readers() == 0);
    assert_eq!(gateway.registry.counters().tables, 1);
    gateway.stop();
}

#[test]
fn what_is_not_there_or_not_allowed_is_refused_with_its_reason() {
    let gateway = start_with(
        vec![queue("all").1],
        Limits::default(),
        vec![Rule {
            name: "desk".to_owned(),
            users: vec![1001],
            groups: Vec::new(),
            queues: vec!["all".to_owned()],
        }],
    );
    let book = book("itch");
    offer(&gateway, &book);
    let client = Client::connect(&gateway.path).unwrap();
    let Err(ClientError::Refused { code, text }) = client.books("itsch", "test") else {
        panic!()
    };
    assert_eq!(code, ErrorCode::UnknownBook);
    assert_eq!(text, "there is no book \"itsch\"; there are: itch");
    let refused = client.orders("nothing", OrdersOf::All);
    assert!(matches!(
        refused,
        Err(ClientError::Refused {
            code: ErrorCode::UnknownBook,
            ..
        })
    ));
    if !can_become_others() {
        return;
    }
    eventually("the socket to open", || {
        as_user(1001, 1, &[], || Client::connect(&gateway.path)).is_ok()
    });
    // Entitled to the queue, not to its book.
    as_user(1001, 1, &[], || {
        let client = Client::connect(&gateway.path).unwrap();
        assert_eq!(client.queues().unwrap().len(), 1);
        assert!(client.book_list().unwrap().is_empty());
        for refused in [
            client.books("itch", "test").err(),
            client.orders("itch", OrdersOf::All).err(),
        ] {
            assert!(matches!(
                refused,
                Some(ClientError::Refused {
                    code: ErrorCode::NotEntitled,
                    ..
                })
            ));
        }
    });
    assert_eq!(gateway.registry.counters().refused_no_rule, 2);
    gateway.stop();
}

/// Answers requests until told to stop.
fn answering<T>(
    requests: &Receiver<OrdersRequest>,
    answer: impl Fn(&OrdersOf) -> Result<Orders, OrdersRefusal> + Sync,
    work: impl FnOnce() -> T,
) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A flag: nothing is passed on by it.
            while !stop.load(Ordering::Relaxed) {
                if let Ok(request) = requests.recv_timeout(Duration::from_millis(5)) {
                    let orders = answer(&request.of);
                    let _ = request
                        .answer
                        .send(orders.map(|orders| Draft::new(move || orders)));
                }
            }
        });
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn order(id: u64) -> [u64; 7] {
    [14 | 0xA0 << 8 | 2 << 16 | 7 << 32, 1, id, 2, 3, 4, 5]
}

#[test]
fn orders_come_with_their_position_and_their_memory_goes_back() {
    let gateway = start(vec![queue("all").1], 8);
    let book = book("itch");
    offer(&gateway, &book);
    let client = Client::connect(&gateway.path).unwrap();
    let answer = |of: &OrdersOf| match of {
        OrdersOf::All => Ok(Orders {
            position: 99,
            words: (0..20_000).flat_map(order).collect(),
            instruments: 3,
            invalid: 1,
        }),
        OrdersOf::Id(7) => Ok(Orders {
            position: 100,
            words: order(1).to_vec(),
            instruments: 1,
            invalid: 0,
        }),
        OrdersOf::Id(_) => Err(OrdersRefusal::UnknownInstrument),
        OrdersOf::Symbol(_) => Err(OrdersRefusal::NotValid { state: "gap" }),
    };
    answering(&book.requests, answer, || {
        let all = client.orders("itch", OrdersOf::All).unwrap();
        assert_eq!((all.instruments, all.invalid), (3, 1));
        assert_eq!(all.checkpoint().position, 99);
        assert!(all.has(98) && !all.has(99));
        assert_eq!(all.records().len(), 20_000);
        for (record, id) in all.records().zip(0..) {
            let Record::Mbo(order) = record else { panic!() };
            assert_eq!((order.order_id, order.hd.instrument_id), (id, 7));
        }
        let one = client.orders("itch", OrdersOf::Id(7)).unwrap();
        assert_eq!(one.records().len(), 1);
        for (of, expected) in [
            (OrdersOf::Id(8), ErrorCode::UnknownInstrument),
            (OrdersOf::Symbol("AAPL".into()), ErrorCode::NotValid),
        ] {
            let Err(ClientError::Refused { code, text }) = client.orders("itch", of) else {
                panic!()
            };
            assert_eq!(code, expected, "{text}");
        }
    });
    let counters = gateway.registry.counters();
    assert_eq!((counters.snapshots, counters.refused_snapshots), (2, 2));
    // Nobody answers any more.
    drop(book.requests);
    let refused = client.orders("itch", OrdersOf::All);
    assert!(matches!(
        refused,
        Err(ClientError::Refused {
            code: ErrorCode::Later,
            ..
        })
    ));
    gateway.stop();
}

#[test]
fn a_table_that_goes_on_elsewhere_is_followed_and_a_second_one_is_refused() {
    let gateway = start(vec![queue("all").1], 8);
    let mut old = book("itch");
    old.writer.add(&entry(7, "AAPL", 10).words()).unwrap();
    offer(&gateway, &old);
    let client = Client::connect(&gateway.path).unwrap();
    let mut table = client.books("itch", "test").unwrap();
    let instrument = table.find("AAPL").unwrap();
    let mut new = book("itch");
    new.writer.add(&entry(7, "AAPL", 20).words()).unwrap();
    let successor_epoch = new.offered.table.epoch();
    offer(&gateway, &new);
    old.writer.close(Ending::Superseded { successor_epoch });
    assert_eq!(table.best(instrument).unwrap().best.bid_px, 20);
    assert_eq!(table.header().epoch, successor_epoch);
    assert_eq!(gateway.registry.counters().tables, 2);
    // The gateway is another one now, in which that instrument is another.
    let path = gateway.path.clone();
    let directory = gateway.stop();
    eventually("the end", || {
        matches!(
            table.best(instrument),
            Err(BookError::Closed(Closed::HungUp))
        )
    });
    assert_eq!(table.closed(), Some(Closed::HungUp));
    let gateway = run(Broker::bind(&path).unwrap(), vec![], path, directory);
    let mut third = book("itch");
    third.writer.add(&entry(8, "MSFT", 30).words()).unwrap();
    offer(&gateway, &third);
    table.reattach().unwrap();
    assert_eq!(table.best(instrument), Err(BookError::NoInstrument));
    assert_eq!(table.find("AAPL"), None);
    let instrument = table.find("MSFT").unwrap();
    assert_eq!(table.best(instrument).unwrap().best.bid_px, 30);
    third.writer.close(Ending::Closed);
    assert_eq!(
        table.best(instrument),
        Err(BookError::Closed(Closed::Stopped))
    );
    gateway.stop();
}

#[test]
fn a_table_of_a_restarted_gateway_says_so() {
    let gateway = start(vec![], 8);
    let mut old = book("itch");
    old.writer.add(&entry(7, "AAPL", 10).words()).unwrap();
    offer(&gateway, &old);
    let client = Client::connect(&gateway.path).unwrap();
    let mut table = client.books("itch", "test").unwrap();
    let instrument = table.find("AAPL").unwrap();
    let path = gateway.path.clone();
    let directory = gateway.stop();
    let gateway = run(Broker::bind(&path).unwrap(), vec![], path, directory);
    let new = book("itch");
    offer(&gateway, &new);
    let epoch = new.offered.table.epoch();
    let restarted = Err(BookError::Closed(Closed::Restarted { epoch }));
    eventually("the end", || table.best(instrument) == restarted);
    assert_eq!(table.read(instrument).err(), restarted.err());
    gateway.stop();
}

#[test]
fn whoever_loses_the_entitlement_is_told() {
    if !can_become_others() {
        return;
    }
    let rules = |users: &[u32]| {
        vec![Rule {
            name: "desk".to_owned(),
            users: users.to_vec(),
            groups: Vec::new(),
            queues: vec!["itch".to_owned()],
        }]
    };
    let gateway = start_with(vec![], Limits::default(), rules(&[1001]));
    let mut book = book("itch");
    book.writer.add(&entry(7, "AAPL", 10).words()).unwrap();
    offer(&gateway, &book);
    let mut table = None;
    eventually("the socket to open", || {
        table = as_user(1001, 1, &[], || {
            Client::connect(&gateway.path)?.books("itch", "test")
        })
        .ok();
        table.is_some()
    });
    let mut table = table.unwrap();
    let instrument = table.find("AAPL").unwrap();
    assert!(table.best(instrument).is_ok());
    gateway
        .catalogue
        .change(|offer| offer.entitlements = Entitlements::default());
    eventually("the end", || {
        table.best(instrument) == Err(BookError::Closed(Closed::Revoked))
    });
    assert_eq!(gateway.registry.counters().revoked, 1);
    gateway.stop();
}
