//! The examples of every language on the same queues: what they print is true, and the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use gateway_test_clients::compilers::{Compiler, Linking};
use gateway_test_clients::examples::{
    a_gap_of_one_instrument_is_its_own, compare, latency_counts_every_record, outputs_of, program,
    tail_prints_every_type,
};
use gateway_test_clients::flow::Flow;
use gateway_test_clients::sanitizer::Sanitizer;
use gateway_test_clients::{programs, python};

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
fn tail_prints_every_type_of_record() {
    tail_prints_every_type(&rust).unwrap();
}

#[test]
fn a_gap_of_one_instrument_is_no_gap_of_the_channel() {
    a_gap_of_one_instrument_is_its_own(&rust).unwrap();
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

fn python_example(python: &Path, name: &str) -> Command {
    let mut command = program(python.to_owned());
    command.arg(python::examples().join(format!("{name}.py")));
    command
}

#[test]
fn python_examples_print_the_same() {
    if let Some(python) = python::with_wheel().unwrap() {
        compare(&|name| Ok(python_example(&python, name))).unwrap();
    }
}

/// What `activity` counts of a symbol: adds, cancels, fills, trades, and the size that was traded.
type Counts = [u64; 5];

/// The same of what `tail` printed.
fn counted(tail: &str) -> BTreeMap<String, Counts> {
    let mut symbols = BTreeMap::new();
    let mut counts = BTreeMap::<&str, Counts>::new();
    for line in tail.lines() {
        match *line.split_whitespace().collect::<Vec<_>>() {
            ["definition", instrument, symbol] => {
                symbols.insert(instrument, symbol.to_owned());
            }
            [
                "mbo",
                instrument,
                kind,
                "order",
                _,
                "price",
                price,
                "size",
                size,
                ..,
            ] => {
                let counts = counts.entry(instrument).or_default();
                let Some(column) = "ACFT".find(&kind[..1]) else {
                    continue;
                };
                counts[column] += 1;
                if &kind[..1] == "T" && price != "-" {
                    counts[4] += size.parse::<u64>().unwrap();
                }
            }
            _ => {}
        }
    }
    let named = |(instrument, counts)| (symbols[instrument].clone(), counts);
    counts.into_iter().map(named).collect()
}

#[test]
fn the_pandas_example_counts_what_there_is() {
    let Some(python) = python::with_wheel().unwrap() else {
        return;
    };
    let flow = Flow::generate().unwrap();
    let tail = outputs_of(&flow, "tail", "full", &[&rust]).unwrap();
    let start = |name: &str| Ok(python_example(&python, name));
    let output = &outputs_of(&flow, "activity", "full", &[&start]).unwrap()[0];
    let lines: Vec<&str> = output.lines().collect();
    let header = "adds cancels fills trades volume vwap";
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
        header
    );
    let gaps = flow.report.lost_on_both.messages;
    let losses = format!("{gaps} messages lost by the venue's lines, 0 slots by this program");
    assert_eq!(lines[lines.len() - 2], losses);
    // Behind the header comes a line with the name of the index.
    let table: BTreeMap<String, Counts> = lines[2..lines.len() - 2]
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let vwap: f64 = words[6].parse().unwrap();
            assert_eq!(vwap.is_nan(), words[5] == "0", "{line}");
            let number = |index: usize| words[index].parse().unwrap();
            let counts = [number(1), number(2), number(3), number(4), number(5)];
            (words[0].to_owned(), counts)
        })
        .collect();
    let expected = counted(&tail[0]);
    assert!(expected.len() > 10 && expected.values().any(|counts| counts[4] > 0));
    assert_eq!(table, expected);
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
