//! The examples of every language on the same queues: what they print is true, and the same.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use anyhow::Result;
use gateway_test_clients::compilers::{Compiler, Linking};
use gateway_test_clients::examples::{compare, latency_counts_every_record, outputs_of, program};
use gateway_test_clients::flow::Flow;
use gateway_test_clients::programs;
use gateway_test_clients::sanitizer::Sanitizer;

fn rust(name: &str) -> Result<Command> {
    Ok(program(programs::rust_example(name)?))
}

fn count(output: &str, start: &str) -> u64 {
    output
        .lines()
        .filter(|line| line.starts_with(start))
        .count() as u64
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
    let output = &outputs_of(&flow, "tail", "all", &[&rust]).unwrap()[0];
    assert_eq!(count(output, "lost"), 0);
    assert_eq!(
        sum(output, "control gap", "count"),
        flow.report.lost_on_both.messages
    );
    assert_eq!(count(output, "control session-start"), 1);
    assert_eq!(count(output, "control session-end"), 1);
    assert!(count(output, "definition") > 0);

    let output = &outputs_of(&flow, "tail", "native", &[&rust]).unwrap()[0];
    assert_eq!(
        count(output, "native"),
        flow.report.messages - flow.report.lost_on_both.messages
    );
}

#[test]
fn best_bid_ask_prints_prices_that_do_not_cross() {
    let flow = Flow::generate().unwrap();
    for queue in ["all", "full"] {
        let output = &outputs_of(&flow, "best_bid_ask", queue, &[&rust]).unwrap()[0];
        let mut both = 0;
        for line in output.lines().filter(|line| line.contains(" bid ")) {
            let (_, levels) = line.split_once(" bid ").unwrap();
            let (bid, ask) = levels.split_once(" ask ").unwrap();
            let price = |level: &str| -> Option<f64> { level.split_once(" @ ")?.1.parse().ok() };
            if let (Some(bid), Some(ask)) = (price(bid), price(ask)) {
                both += 1;
                assert!(bid < ask, "{line}");
            }
        }
        assert!(both > 1_000, "{both} lines with both prices");
        assert!(count(output, "gap of") > 0);
    }
}

#[test]
fn latency_measures_every_record() {
    latency_counts_every_record(&rust).unwrap();
}

fn compiled(compiler: Compiler, linking: Linking) {
    if compiler.is_there() {
        compare(&|name| Ok(program(compiler.example(name, linking, Sanitizer::None)?))).unwrap();
    }
}

#[test]
fn c_examples_of_gcc_with_the_shared_library_print_the_same() {
    compiled(Compiler::Gcc, Linking::Shared);
}

#[test]
fn cpp_examples_of_gcc_with_the_static_library_print_the_same() {
    compiled(Compiler::Gxx, Linking::Static);
}

#[test]
fn cpp_examples_of_clang_with_the_shared_library_print_the_same() {
    compiled(Compiler::ClangXx, Linking::Shared);
}

#[test]
fn c_examples_of_clang_with_the_static_library_print_the_same() {
    compiled(Compiler::Clang, Linking::Static);
}
