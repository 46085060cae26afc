//! How the program of each language is built.

use std::fmt;
use std::process::Command;

use anyhow::Result;

use crate::compilers::{Compiler, Linking};
use crate::programs::conformance_in_rust;
use crate::python;
use crate::sanitizer::Sanitizer;

/// A language, or a way to compile and watch one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// What the others are compared with.
    Rust,
    /// Python, with the wheel installed.
    Python,
    /// C or C++, as the compiler has it.
    Compiled(Compiler, Linking, Sanitizer),
}

impl Language {
    /// Every language, by every compiler.
    pub const ALL: [Self; 6] = [
        Self::Rust,
        Self::Python,
        Self::Compiled(Compiler::Gcc, Linking::Shared, Sanitizer::None),
        Self::Compiled(Compiler::Clang, Linking::Static, Sanitizer::None),
        Self::Compiled(Compiler::Gxx, Linking::Static, Sanitizer::None),
        Self::Compiled(Compiler::ClangXx, Linking::Shared, Sanitizer::None),
    ];

    /// C and C++ under each sanitizer.
    pub const WATCHED: [Self; 5] = [
        Self::Rust,
        Self::Compiled(Compiler::Gcc, Linking::Static, Sanitizer::Address),
        Self::Compiled(Compiler::Gxx, Linking::Static, Sanitizer::Address),
        Self::Compiled(Compiler::Gcc, Linking::Static, Sanitizer::Thread),
        Self::Compiled(Compiler::Gxx, Linking::Static, Sanitizer::Thread),
    ];

    /// The command that runs the program, or `None` after saying why there is none.
    ///
    /// # Errors
    /// The compiler's messages.
    pub fn command(self) -> Result<Option<Command>> {
        match self {
            Self::Rust => Ok(Some(Command::new(conformance_in_rust()?))),
            Self::Python => {
                let Some(python) = python::with_wheel()? else {
                    return Ok(None);
                };
                let mut command = Command::new(python);
                command.arg(python::program("conformance.py"));
                Ok(Some(command))
            }
            Self::Compiled(compiler, linking, Sanitizer::None) => {
                if !compiler.is_there() {
                    return Ok(None);
                }
                let program = compiler.program("conformance", linking, Sanitizer::None)?;
                Ok(Some(Command::new(program)))
            }
            Self::Compiled(compiler, _, sanitizer) => {
                let watch = sanitizer.with(compiler)?;
                watch.map(|watch| watch.program("conformance")).transpose()
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rust => f.write_str("Rust"),
            Self::Python => f.write_str("Python"),
            Self::Compiled(compiler, _, Sanitizer::None) => write!(f, "{compiler:?}"),
            Self::Compiled(compiler, _, sanitizer) => {
                write!(f, "{compiler:?} with {sanitizer:?}Sanitizer")
            }
        }
    }
}
