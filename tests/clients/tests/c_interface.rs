//! The C interface from C and C++: what it answers, and what the sanitizers make of it.
//!
//! Compilers instrument the programs, not the library. What is covered: every access of a program to memory that the
//! library gave it, whose allocations and frees the sanitizers see (a record read after its subscription was closed,
//! a handle that is not closed), and every race between a program's own accesses. Not covered: the library's inside,
//! which is safe Rust and the queue that loom models.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use gateway_test_clients::compilers::{Compiler, Linking};
use gateway_test_clients::examples::compare;
use gateway_test_clients::sanitizer::Sanitizer;
use gateway_test_clients::stage::{Stage, order};

fn stage(records: u64) -> Stage {
    let mut stage = Stage::open().unwrap();
    for id in 0..records {
        stage.publish(&order(42 + id, 1));
    }
    stage
}

fn run(command: &mut Command, stage: &Stage, words: &[&str]) -> Output {
    command.arg(stage.socket()).args(words).output().unwrap()
}

/// Asserts that it ended well and returns what it printed.
fn printed(output: &Output) -> String {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{}\n{stdout}{stderr}",
        output.status
    );
    stdout
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn calls_are_answered_as_the_header_says() {
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        if !compiler.is_there() {
            continue;
        }
        for linking in [Linking::Shared, Linking::Static] {
            let program = compiler.program("abi", linking, Sanitizer::None).unwrap();
            let output = run(&mut Command::new(program), &stage(1), &[]);
            assert_eq!(printed(&output), "done\n");
        }
    }
}

#[test]
fn the_cpp_wrapper_owns_throws_and_iterates() {
    for compiler in [Compiler::Gxx, Compiler::ClangXx] {
        if !compiler.is_there() {
            continue;
        }
        let linking = Linking::Shared;
        let program = compiler
            .program("wrapper", linking, Sanitizer::None)
            .unwrap();
        let output = run(&mut Command::new(program), &stage(2_000), &[]);
        assert_eq!(printed(&output), "done\n");
    }
}

#[test]
fn address_sanitizer_finds_nothing_in_the_cpp_wrapper() {
    let Some(watch) = Sanitizer::Address.with(Compiler::Gxx).unwrap() else {
        return;
    };
    let output = run(&mut watch.program("wrapper").unwrap(), &stage(2_000), &[]);
    assert_eq!(printed(&output), "done\n");
}

#[test]
fn thread_sanitizer_finds_nothing_in_the_cpp_wrapper() {
    let Some(watch) = Sanitizer::Thread.with(Compiler::ClangXx).unwrap() else {
        return;
    };
    let output = run(&mut watch.program("wrapper").unwrap(), &stage(2_000), &[]);
    assert_eq!(printed(&output), "done\n");
}

#[test]
fn the_cpp_wrapper_compiles_without_exceptions() {
    for compiler in [Compiler::Gxx, Compiler::ClangXx] {
        if compiler.is_there() {
            compiler
                .compiles("no_exceptions", &["-fno-exceptions", "-fno-rtti"])
                .unwrap();
        }
    }
}

#[test]
fn address_sanitizer_finds_nothing_in_wrong_and_right_calls() {
    let Some(watch) = Sanitizer::Address.with(Compiler::Clang).unwrap() else {
        return;
    };
    let output = run(&mut watch.program("abi").unwrap(), &stage(1), &[]);
    assert_eq!(printed(&output), "done\n");
}

#[test]
fn address_sanitizer_finds_a_record_that_is_read_after_its_subscription_was_closed() {
    let Some(watch) = Sanitizer::Address.with(Compiler::Gcc).unwrap() else {
        return;
    };
    let output = run(
        &mut watch.program("use_after_close").unwrap(),
        &stage(1),
        &[],
    );
    assert!(!output.status.success());
    let stderr = text(&output.stderr);
    assert!(stderr.contains("heap-use-after-free"), "{stderr}");
}

#[test]
fn thread_sanitizer_finds_nothing_in_readers_that_share_a_connection() {
    let Some(watch) = Sanitizer::Thread.with(Compiler::Gcc).unwrap() else {
        return;
    };
    let output = run(&mut watch.program("threads").unwrap(), &stage(500), &[]);
    assert_eq!(printed(&output), "500 500\n");
}

#[test]
fn thread_sanitizer_finds_a_race_between_two_readers() {
    let Some(watch) = Sanitizer::Thread.with(Compiler::Clang).unwrap() else {
        return;
    };
    let output = run(
        &mut watch.program("threads").unwrap(),
        &stage(500),
        &["race"],
    );
    assert!(!output.status.success());
    let stderr = text(&output.stderr);
    assert!(stderr.contains("data race"), "{stderr}");
}

fn examples_print_the_same(sanitizer: Sanitizer, compilers: [Compiler; 2]) {
    for compiler in compilers {
        if let Some(watch) = sanitizer.with(compiler).unwrap() {
            compare(&|name| watch.example(name)).unwrap();
        }
    }
}

#[test]
fn c_examples_print_the_same_under_address_sanitizer() {
    examples_print_the_same(Sanitizer::Address, [Compiler::Gcc, Compiler::Clang]);
}

#[test]
fn c_examples_print_the_same_under_thread_sanitizer() {
    examples_print_the_same(Sanitizer::Thread, [Compiler::Gcc, Compiler::Clang]);
}

#[test]
fn cpp_examples_print_the_same_under_address_sanitizer() {
    examples_print_the_same(Sanitizer::Address, [Compiler::Gxx, Compiler::ClangXx]);
}

#[test]
fn cpp_examples_print_the_same_under_thread_sanitizer() {
    examples_print_the_same(Sanitizer::Thread, [Compiler::Gxx, Compiler::ClangXx]);
}
