//! What the hot path of our queue is in machine code: read from the program that was measured.
//!
//! The two functions are followed into everything that they call. What a publisher loads has to come from its own
//! structure, its caller's record or its stack: it has no pointer to anything that a reader could write. What ends in a
//! panic, and the system's clock, which stands in where a processor has no usable counter, are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::rows::BENCH;
use crate::report::{Goal, Row, Samples};

/// The functions of the measuring program, and whether what they load is looked at.
const ROOTS: [(&str, &str, bool); 2] = [
    ("gateway_hot_publish", "publish", true),
    ("gateway_hot_poll", "poll", false),
];
/// Parts of names of functions that are not followed.
const NOT_FOLLOWED: [&str; 4] = ["panic", "_fail", "CLOCK_GETTIME", "init_clock_gettime"];
/// Registers of the first two arguments, and the stack's.
const OWN: [&str; 3] = ["%rdi", "%rsi", "%rsp"];

/// The rows; one that says why where there is no disassembler, or another processor.
pub(super) fn rows(program: &Path) -> Vec<Row> {
    if !cfg!(target_arch = "x86_64") {
        let case = "hot path: this is not x86-64".to_owned();
        return vec![Row::not_measured(BENCH, case, "instructions")];
    }
    match disassemble(program) {
        Ok(functions) => ROOTS
            .iter()
            .flat_map(|root| rows_of(&functions, *root))
            .collect(),
        Err(error) => {
            let case = format!("hot path: not disassembled: {error:#}");
            vec![Row::not_measured(BENCH, case, "instructions")]
        }
    }
}

fn rows_of(functions: &Functions, (root, name, loads): (&str, &str, bool)) -> Vec<Row> {
    let counts = count(functions, root);
    let mut all = vec![
        (
            "system calls, or calls that cannot be followed",
            counts.system_calls,
        ),
        ("locked instructions and full fences", counts.locked),
    ];
    if loads {
        all.push(("loads that are not of its own memory", counts.foreign_loads));
    }
    all.into_iter()
        .map(|(what, value)| {
            let samples = Samples {
                case: format!(
                    "hot path, {name} ({} instructions): {what}",
                    counts.instructions
                ),
                unit: "instructions",
                // A function that is not there proves nothing.
                values: if counts.instructions == 0 {
                    Vec::new()
                } else {
                    vec![value as f64]
                },
            };
            Row::new(BENCH, &samples, None, Some(Goal::ValueAtMost(0.0)))
        })
        .collect()
}

/// Instructions by function.
type Functions = BTreeMap<String, Vec<String>>;

fn disassemble(program: &Path) -> Result<Functions> {
    let output = Command::new("objdump")
        .args(["--disassemble", "--no-show-raw-insn", "--section=.text"])
        .arg(program)
        .output()
        .context("objdump (package binutils) does not run")?;
    ensure!(
        output.status.success(),
        "objdump ended with {}",
        output.status
    );
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(text: &str) -> Functions {
    let mut functions = Functions::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(symbol) = line
            .strip_suffix(">:")
            .and_then(|line| line.split_once(" <"))
        {
            name = Some(symbol.1.to_owned());
        } else if let (Some(name), Some((_, instruction))) = (&name, line.split_once(":\t")) {
            let instruction = instruction.split_whitespace().collect::<Vec<_>>().join(" ");
            functions.entry(name.clone()).or_default().push(instruction);
        }
    }
    functions
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    instructions: usize,
    system_calls: usize,
    locked: usize,
    foreign_loads: usize,
}

/// Counts over `root` and everything that it calls.
fn count(functions: &Functions, root: &str) -> Counts {
    let mut counts = Counts::default();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(name) = waiting.pop() {
        if !seen.insert(name.clone()) || NOT_FOLLOWED.iter().any(|part| name.contains(part)) {
            continue;
        }
        let Some(instructions) = functions.get(&name) else {
            counts.system_calls += usize::from(name != root);
            continue;
        };
        let mut own = OWN.map(str::to_owned).to_vec();
        for (index, instruction) in instructions.iter().enumerate() {
            let (mnemonic, operands) = instruction.split_once(' ').unwrap_or((instruction, ""));
            counts.instructions += 1;
            counts.system_calls += usize::from(is_system_call(mnemonic));
            counts.locked += usize::from(is_locked(mnemonic, operands));
            counts.foreign_loads += usize::from(is_foreign_load(mnemonic, operands, &own));
            follow_own(mnemonic, operands, &mut own);
            if mnemonic.starts_with("call") || mnemonic.starts_with('j') {
                match target(operands) {
                    Some(target) if target != name => waiting.push(target),
                    Some(_) => {}
                    None if is_known_call(&instructions[..index], operands) => {}
                    None => counts.system_calls += 1,
                }
            }
        }
    }
    counts
}

fn is_system_call(mnemonic: &str) -> bool {
    matches!(mnemonic, "syscall" | "sysenter" | "int")
}

fn is_locked(mnemonic: &str, operands: &str) -> bool {
    // `xchg` with memory locks without saying so.
    matches!(mnemonic, "lock" | "mfence") || mnemonic.starts_with("xchg") && operands.contains('(')
}

/// An indirect call or jump that is a copy of memory, or the system's clock.
fn is_known_call(before: &[String], operands: &str) -> bool {
    let clock = before
        .iter()
        .rev()
        .take(6)
        .any(|line| line.contains("CLOCK_GETTIME"));
    ["memcpy", "memmove", "memset", "memcmp"]
        .iter()
        .any(|name| operands.contains(name))
        || clock
}

/// The function that a direct call or jump leads to.
fn target(operands: &str) -> Option<String> {
    if operands.starts_with('*') {
        return None;
    }
    let (_, symbol) = operands.split_once('<')?;
    let symbol = symbol.split(['>', '+']).next()?;
    Some(symbol.to_owned())
}

/// Whether an instruction loads from memory whose address is not one of the function's own registers.
fn is_foreign_load(mnemonic: &str, operands: &str, own: &[String]) -> bool {
    if mnemonic.starts_with("lea")
        || mnemonic.starts_with("nop")
        || mnemonic.starts_with("prefetch")
    {
        return false;
    }
    let Some((before, rest)) = operands.split_once('(') else {
        return false;
    };
    let Some((address, after)) = rest.split_once(')') else {
        return false;
    };
    // In this notation the destination comes last: a plain move to memory loads nothing.
    let stores = after.is_empty() && before.contains(',') && mnemonic.starts_with("mov");
    let base = address.split(',').next().unwrap_or_default();
    !stores && base != "%rip" && !own.iter().any(|register| register == base)
}

/// Copies of the function's own pointers are its own, too; what else is written to a register is not.
fn follow_own(mnemonic: &str, operands: &str, own: &mut Vec<String>) {
    if let Some((from, to)) = operands.rsplit_once(',') {
        if !to.starts_with('%')
            || to == "%rsp"
            || mnemonic.starts_with("cmp")
            || mnemonic.starts_with("test")
        {
            return;
        }
        let copied = mnemonic == "mov" && own.iter().any(|register| register == from);
        // An address within what it owns.
        let within = mnemonic == "lea"
            && from.split_once('(').is_some_and(|(_, base)| {
                own.iter()
                    .any(|register| base.trim_end_matches(')') == register)
            });
        own.retain(|register| register != to);
        if copied || within {
            own.push(to.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(body: &str) -> Counts {
        let mut text = String::from("0000000000001000 <root>:\n");
        for (index, line) in body.lines().enumerate() {
            text += &format!("    {:x}:\t{}\n", 0x1000 + index, line.trim());
        }
        text +=
            "\n0000000000002000 <helper>:\n    2000:\tlock xadd %rax,(%rdi)\n    2004:\tsyscall\n";
        count(&parse(&text), "root")
    }

    #[test]
    fn a_publish_that_only_stores_passes() {
        let publish = "mov    0x28(%rdi),%r15
            mov    0x18(%rdi),%rax
            mov    %rdi,%r14
            mov    0x30(%r14),%rcx
            mov    (%rsi),%rcx
            mov    %rcx,0x38(%rax,%r15,1)
            mov    %rbx,(%rax)
            ret";
        let expected = Counts {
            instructions: 8,
            ..Counts::default()
        };
        assert_eq!(counts(publish), expected);
    }

    #[test]
    fn each_forbidden_instruction_is_found() {
        assert_eq!(counts("lock cmpxchg %rcx,(%rdi)").locked, 1);
        assert_eq!(counts("xchg   %rax,(%rdi)").locked, 1);
        assert_eq!(counts("mfence").locked, 1);
        assert_eq!(counts("xchg   %ax,%ax").locked, 0);
        assert_eq!(counts("syscall").system_calls, 1);
        assert_eq!(counts("call   *%rax").system_calls, 1);
        assert_eq!(
            counts("call   *0x1234(%rip) # 5678 <memcpy@GLIBC_2.14>").system_calls,
            0
        );
        let loads = "mov    0x8(%rdi),%rax
            mov    (%rax),%rcx
            cmp    %rcx,(%rax)
            add    %rcx,(%rax)";
        assert_eq!(counts(loads).foreign_loads, 3);
    }

    #[test]
    fn what_is_called_is_looked_at_too_and_what_is_unknown_counts() {
        let called = counts("call   2000 <helper>");
        assert_eq!((called.locked, called.system_calls), (1, 1));
        assert_eq!(counts("call   3000 <elsewhere>").system_calls, 1);
        assert_eq!(
            counts("call   3000 <core::panicking::panic>").system_calls,
            0
        );
        assert_eq!(counts("jne    1000 <root+0x0>").system_calls, 0);
    }
}
