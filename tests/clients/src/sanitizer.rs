//! AddressSanitizer and ThreadSanitizer, where compiler and kernel allow them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::compilers::{Compiler, Linking};
use crate::programs::find_program;

/// What watches a program while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitizer {
    /// Nothing.
    None,
    /// AddressSanitizer with its leak checker, and UndefinedBehaviorSanitizer.
    Address,
    /// ThreadSanitizer.
    Thread,
}

/// How programs under a sanitizer are started on this machine.
#[derive(Clone, Debug)]
pub struct Watch {
    compiler: Compiler,
    sanitizer: Sanitizer,
    /// A program that starts the other with its addresses not randomised, where it needs that.
    launcher: Option<PathBuf>,
}

impl Sanitizer {
    pub(crate) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Address => &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
            Self::Thread => &["-fsanitize=thread"],
        }
    }

    /// How to run what `compiler` makes under this sanitizer, or `None` after saying why it cannot be.
    ///
    /// # Errors
    /// Where files cannot be written.
    pub fn with(self, compiler: Compiler) -> Result<Option<Watch>> {
        if !compiler.is_there() {
            return Ok(None);
        }
        let folder = tempfile::tempdir().context("no temporary folder")?;
        // Either language takes it.
        let source = folder.path().join("probe.c");
        std::fs::write(&source, "int main() { return 0; }\n")?;
        let probe = folder.path().join("probe");
        let mut command = compiler.command_for(self);
        let language = if compiler.is_cpp() { "c++" } else { "c" };
        let compiled = command
            .args(["-x", language])
            .arg(&source)
            .arg("-o")
            .arg(&probe)
            .output()?;
        if !compiled.status.success() {
            println!("skipped: {compiler:?} has no runtime of {self:?}Sanitizer");
            return Ok(None);
        }
        // Older runtimes cannot place their shadow memory where the kernel randomises addresses by more than 28 bits.
        for launcher in [None, find_program("setarch")] {
            let watch = Watch {
                compiler,
                sanitizer: self,
                launcher,
            };
            let output = watch.command(probe.clone()).output()?;
            if output.status.success() {
                return Ok(Some(watch));
            }
        }
        println!("skipped: a program under {self:?}Sanitizer does not start on this kernel");
        Ok(None)
    }
}

impl Watch {
    /// The command that runs `program`.
    pub fn command(&self, program: PathBuf) -> Command {
        match &self.launcher {
            None => Command::new(program),
            Some(setarch) => {
                let mut command = Command::new(setarch);
                command.arg("--addr-no-randomize").arg(program);
                command
            }
        }
    }

    /// The command that runs an example.
    ///
    /// # Errors
    /// The compiler's messages.
    pub fn example(&self, name: &str) -> Result<Command> {
        let program = self
            .compiler
            .example(name, Linking::Shared, self.sanitizer)?;
        Ok(self.command(program))
    }

    /// The command that runs a program of the tests.
    ///
    /// # Errors
    /// The compiler's messages.
    pub fn program(&self, name: &str) -> Result<Command> {
        let program = self
            .compiler
            .program(name, Linking::Static, self.sanitizer)?;
        Ok(self.command(program))
    }
}
