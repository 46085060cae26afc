//! Whether the XDP program can be built here: the builder's own detection, so that both tell the same story.

use gateway_ebpf_builder::{Detection, Missing, Piece, detect};

use super::install::Remedy;
use super::needs::{ALL, Need};

/// The toolchain for BPF as one need, or one for each kind of piece that it lacks.
pub(crate) fn needs() -> Vec<Need> {
    from(&detect())
}

fn from(detection: &Detection) -> Vec<Need> {
    if let Some(toolchain) = &detection.usable {
        let found = match &detection.other {
            Some(other) => format!("{toolchain}; the other way is complete too: {other}"),
            None => toolchain.to_string(),
        };
        return vec![Need {
            name: "BPF toolchain",
            purpose: PURPOSE,
            found: Ok(found),
            remedy: Remedy::BpfCompiler,
            tasks: ALL,
            optional: false,
        }];
    }
    let of = |piece: Piece, name: &'static str, remedy: Remedy| {
        let lacks: Vec<&str> = detection
            .missing
            .iter()
            .filter(|lack| lack.piece == piece)
            .map(|lack: &Missing| lack.what)
            .collect();
        let found = Err(lacks.join(", "));
        (!lacks.is_empty()).then_some(Need {
            name,
            purpose: PURPOSE,
            found,
            remedy,
            tasks: ALL,
            optional: false,
        })
    };
    // The linker of the build machine is a need of the whole project.
    [
        of(Piece::Compiler, "BPF rustc", Remedy::BpfCompiler),
        of(Piece::BpfLinker, "bpf-linker", Remedy::BpfLinker),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const PURPOSE: &str = "the XDP program";
