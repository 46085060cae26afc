//! The examples of every language on the same queues: what they print is true, and the same.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use gateway_client::Clock;
use gateway_test_clients::flow::{Flow, LIMIT};
use gateway_test_clients::programs;
use gateway_test_clients::stage::{SLOTS, Stage, order};
use gateway_test_harness::Running;
use gateway_test_harness::config::Queue;

/// What `program` prints of `queue` from its oldest record to its end.
fn output_of(flow: &Flow, program: &str, queue: &str) -> String {
    let queues = vec![Queue::all("all"), Queue::all("native").of("native")];
    let played = flow.play(queues).unwrap();
    let mut command = Command::new(programs::rust_examples().unwrap().join(program));
    command.arg(played.gateway.socket()).args([queue, "oldest"]);
    let mut running = Running::spawn(program, &mut command).unwrap();
    played.await_drained(program).unwrap();
    played.stop().unwrap();
    let status = running.wait(LIMIT).unwrap();
    assert!(status.success(), "{}", running.output());
    let output = running.stdout();
    assert_eq!(output.lines().last(), Some("the gateway stopped"));
    output
}

fn count(output: &str, start: &str) -> usize {
    output
        .lines()
        .filter(|line| line.starts_with(start))
        .count()
}

/// The number behind `word` in each line that starts with `start`, summed.
fn sum(output: &str, start: &str, word: &str) -> u64 {
    let number = |line: &str| -> Option<u64> {
        let mut words = line.split_whitespace().skip_while(|&each| each != word);
        words.nth(1)?.parse().ok()
    };
    output
        .lines()
        .filter(|line| line.starts_with(start))
        .map(|line| number(line).unwrap())
        .sum()
}

#[test]
fn tail_prints_every_record() {
    let flow = Flow::generate().unwrap();
    let output = output_of(&flow, "tail", "all");
    assert_eq!(count(&output, "lost"), 0);
    assert_eq!(
        sum(&output, "control gap", "count"),
        flow.report.lost_on_both.messages
    );
    assert_eq!(count(&output, "control session-start"), 1);
    assert_eq!(count(&output, "control session-end"), 1);
    assert!(count(&output, "definition") > 0);

    let output = output_of(&flow, "tail", "native");
    assert_eq!(
        count(&output, "native") as u64,
        flow.report.messages - flow.report.lost_on_both.messages
    );
}

#[test]
fn best_bid_ask_prints_prices_that_do_not_cross() {
    let flow = Flow::generate().unwrap();
    let output = output_of(&flow, "best_bid_ask", "all");
    let mut both = 0;
    for line in output.lines().filter(|line| line.contains(" bid ")) {
        let price = |side: &str| -> Option<f64> {
            let (_, level) = line.split_once(&format!(" {side} ")).unwrap();
            let (_, price) = level.split_once(" @ ")?;
            let before_next = level.starts_with('-');
            (!before_next).then(|| price.split_whitespace().next().unwrap().parse().unwrap())
        };
        if let (Some(bid), Some(ask)) = (price("bid"), price("ask")) {
            both += 1;
            assert!(bid < ask, "{line}");
        }
    }
    assert!(both > 1_000, "{both} lines with both prices");
    assert!(count(&output, "gap of") > 0);
}

#[test]
fn latency_counts_every_record() {
    const RECORDS: u64 = 20_000;
    let mut stage = Stage::open().unwrap();
    let mut command = Command::new(programs::rust_examples().unwrap().join("latency"));
    command.arg(stage.socket()).arg("all");
    let mut running = Running::spawn("latency", &mut command).unwrap();
    stage.await_reader("latency").unwrap();
    let clock = Clock::global();
    for id in 0..RECORDS {
        stage.publish(&order(id, clock.now()));
        // Never further ahead than the queue is long, whoever has the core meanwhile.
        if id % (SLOTS / 4) == 0 {
            stage.await_drained("latency").unwrap();
        }
    }
    stage.close();
    let status = running.wait(LIMIT).unwrap();
    assert!(status.success(), "{}", running.output());
    let output = running.stdout();
    let last = output.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("{RECORDS} records, 0 slots lost, p50 ")),
        "{output}"
    );
}
