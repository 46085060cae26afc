//! The three examples that every language has, and what they print.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use gateway_client::Clock;
use gateway_client::dbn::v3;
use gateway_client::{ControlKind, ControlRecord};
use gateway_record::RTYPE_CONTROL;
use gateway_test_harness::Running;
use gateway_test_harness::config::Queue;

use crate::flow::{BOOK, Flow, LIMIT};
use crate::programs;
use crate::stage::{SLOTS, Stage, order};

/// How a language's example of that name is started.
pub type Start<'a> = &'a dyn Fn(&str) -> Result<Command>;

/// A program that is there already.
pub fn program(path: PathBuf) -> Command {
    Command::new(path)
}

/// What the Rust examples and those of another language print of the same queues.
///
/// # Errors
/// Where they do not print the same, or not what is true.
pub fn compare(start: Start<'_>) -> Result<()> {
    let rust = |name: &str| Ok(program(programs::rust_example(name)?));
    let flow = Flow::generate()?;
    for (example, queue) in [
        ("tail", "all"),
        ("tail", "native"),
        ("tail", BOOK),
        ("best_bid_ask", "all"),
    ] {
        let outputs = outputs_of(&flow, example, queue, &[&rust, start])?;
        for (index, (expected, found)) in outputs[0].lines().zip(outputs[1].lines()).enumerate() {
            ensure!(
                expected == found,
                "{example} of {queue}, line {}: expected `{expected}`, found `{found}`",
                index + 1
            );
        }
        ensure!(
            !outputs[0].is_empty() && outputs[0] == outputs[1],
            "{example} of {queue} is cut"
        );
    }
    tail_prints_every_type(start)?;
    a_gap_of_one_instrument_is_its_own(start)?;
    latency_counts_every_record(start)
}

/// Publishes one record of each type that no feed of the simulator has, and sees that `tail` prints what it tells.
///
/// # Errors
/// Where it does not.
pub fn tail_prints_every_type(start: Start<'_>) -> Result<()> {
    let mut stage = Stage::open()?;
    let mut trade = v3::TradeMsg {
        side: b'A' as c_char,
        price: 101_250_000_000,
        size: 300,
        sequence: 7,
        ..Default::default()
    };
    trade.hd.instrument_id = 11;
    let mut statistic = v3::StatMsg {
        stat_type: 3,
        price: 99_500_000_000,
        quantity: 1_234_567_890_123,
        ..Default::default()
    };
    statistic.hd.instrument_id = 12;
    let mut imbalance = v3::ImbalanceMsg {
        side: b'B' as c_char,
        ref_price: 100_000_000_000,
        paired_qty: 500,
        total_imbalance_qty: 20,
        ..Default::default()
    };
    imbalance.hd.instrument_id = 13;
    stage.publish(&trade);
    stage.publish(&statistic);
    stage.publish(&imbalance);
    let mut running = spawn(start, "tail", stage.socket(), &["all", "oldest"])?;
    stage.await_drained("tail")?;
    stage.close();
    let status = running.wait(LIMIT)?;
    ensure!(status.success(), "{status}\n{}", running.output());
    let output = running.stdout();
    let lines: Vec<&str> = output.lines().take(3).collect();
    let expected = [
        "trade 11 A price 101.2500 size 300 sequence 7",
        "statistic 12 type 3 price 99.5000 quantity 1234567890123",
        "imbalance 13 B reference 100.0000 paired 500 imbalance 20",
    ];
    ensure!(lines == expected, "{output}");
    Ok(())
}

/// Publishes orders of two instruments, a gap of one of them and then of the channel, and sees that `best_bid_ask` forgets
/// one book and then both, and that `tail` tells them apart.
///
/// # Errors
/// Where they do not.
pub fn a_gap_of_one_instrument_is_its_own(start: Start<'_>) -> Result<()> {
    let gap = |instrument_id, count| ControlRecord {
        length: (size_of::<ControlRecord>() / 4) as u8,
        rtype: RTYPE_CONTROL,
        publisher_id: 2,
        instrument_id,
        ts_event: 1,
        kind: ControlKind::Gap as u16,
        channel_id: 0,
        reserved: [0; 5],
        sequence: 90,
        count,
        ts_recv: 1,
        session: *b"SESSION ",
    };
    let bid = |instrument_id, order_id, price: i64| {
        let mut bid = order(order_id, 1);
        bid.hd.instrument_id = instrument_id;
        bid.price = price * 1_000_000_000;
        bid
    };
    let mut stage = Stage::open()?;
    for (instrument_id, order_id) in [(7, 1), (8, 2)] {
        stage.publish(&bid(instrument_id, order_id, 12));
    }
    stage.publish_words(&gap(7, 0).words());
    for (instrument_id, order_id) in [(7, 3), (8, 4)] {
        stage.publish(&bid(instrument_id, order_id, 11));
    }
    stage.publish_words(&gap(0, 5).words());
    stage.publish(&bid(8, 5, 10));
    let names = ["tail", "best_bid_ask"];
    let mut running = Vec::new();
    for name in names {
        running.push(spawn(start, name, stage.socket(), &["all", "oldest"])?);
        stage.await_drained(name)?;
    }
    stage.close();
    let mut outputs = Vec::new();
    for program in &mut running {
        let status = program.wait(LIMIT)?;
        ensure!(status.success(), "{status}\n{}", program.output());
        outputs.push(program.stdout());
    }
    let of_gaps: Vec<&str> = outputs[0]
        .lines()
        .filter(|line| line.starts_with("control"))
        .collect();
    let expected = [
        "control gap of 7 sequence 90 count 0",
        "control gap sequence 90 count 5",
    ];
    ensure!(of_gaps == expected, "{}", outputs[0]);
    let best: Vec<&str> = outputs[1].lines().take(6).collect();
    // The better order of 8 still rests behind the gap of 7: nothing has changed there.
    let expected = [
        "? bid 100 @ 12.0000 ask -",
        "? bid 100 @ 12.0000 ask -",
        "gap of ?: its book begins anew",
        "? bid 100 @ 11.0000 ask -",
        "gap of 5 messages: the books begin anew",
        "? bid 100 @ 10.0000 ask -",
    ];
    ensure!(best == expected, "{}", outputs[1]);
    Ok(())
}

/// What the programs called `example` print of `queue` from its oldest record to its end.
///
/// # Errors
/// Where one of them fails.
pub fn outputs_of(
    flow: &Flow,
    example: &str,
    queue: &str,
    starts: &[Start<'_>],
) -> Result<Vec<String>> {
    let queues = vec![
        Queue::all("all"),
        Queue::all("full").of("full"),
        Queue::all("native").of("native"),
    ];
    let played = flow.play_with_book(queues, "mbp-10")?;
    let socket = played.gateway.socket();
    let spawn = |start: &Start<'_>| spawn(*start, example, &socket, &[queue, "oldest"]);
    let mut running = starts.iter().map(spawn).collect::<Result<Vec<_>>>()?;
    played.await_drained(example, running.len())?;
    played.stop()?;
    let outputs = running.iter_mut().map(|running| {
        let status = running.wait(LIMIT)?;
        ensure!(status.success(), "{status}\n{}", running.output());
        let output = running.stdout();
        ensure!(
            output.lines().last() == Some("the gateway stopped"),
            "{}",
            running.output()
        );
        Ok(output)
    });
    outputs.collect()
}

fn spawn(start: Start<'_>, example: &str, socket: &Path, arguments: &[&str]) -> Result<Running> {
    let mut command = start(example)?;
    command.arg(socket).args(arguments);
    Running::spawn(example, &mut command)
}

/// Publishes records with the time and sees that `latency` counts each.
///
/// # Errors
/// Where it does not.
pub fn latency_counts_every_record(start: Start<'_>) -> Result<()> {
    const RECORDS: u64 = 20_000;
    let mut stage = Stage::open()?;
    let mut running = spawn(start, "latency", stage.socket(), &["all"])?;
    stage.await_reader("latency")?;
    let clock = Clock::global();
    for id in 0..RECORDS {
        stage.publish(&order(id, clock.now()));
        // Never further ahead than the queue is long, whoever has the core meanwhile.
        if id % (SLOTS / 4) == 0 {
            stage.await_drained("latency")?;
        }
    }
    stage.close();
    let status = running.wait(LIMIT)?;
    ensure!(status.success(), "{status}\n{}", running.output());
    let output = running.stdout();
    let expected = format!("{RECORDS} records, 0 slots lost, p50 ");
    let last = output.lines().last().unwrap_or_default();
    ensure!(last.starts_with(&expected), "{output}");
    Ok(())
}
