//! One script for the clients of every language: the same commands at the same moments, and answers that are to be the
//! same. `CONFORMANCE.md` has the programs' interface.

mod answer;
mod language;
mod program;
mod world;

use anyhow::{Result, ensure};

pub use answer::{Answer, Event};
pub use language::Language;
use program::Program;
pub use world::World;

/// A program of each language, all of which do the same.
#[derive(Debug)]
pub struct Cast {
    programs: Vec<Program>,
}

impl Cast {
    /// Starts the programs of those `languages` that this machine has, as `user` where one is named, and has them
    /// connect. The first is what the others are compared with.
    ///
    /// # Errors
    /// Where one cannot be built or started.
    pub fn start(languages: &[Language], world: &World, user: Option<u32>) -> Result<Self> {
        let mut programs = Vec::new();
        for language in languages {
            if let Some(command) = language.command()? {
                programs.push(Program::start(
                    &language.to_string(),
                    command,
                    &world.socket(),
                    user,
                )?);
            }
        }
        ensure!(programs.len() > 1, "nothing to compare");
        let mut cast = Self { programs };
        cast.ask("connect")?.fine()?;
        Ok(cast)
    }

    /// Has every program run `command`, and returns their common answer.
    ///
    /// # Errors
    /// Where answers differ, or one does not come.
    pub fn ask(&mut self, command: &str) -> Result<Answer> {
        self.begin(command)?;
        self.end(command)
    }

    /// Has every program begin with `command`, and does not wait.
    ///
    /// # Errors
    /// Where a program is gone.
    pub fn begin(&mut self, command: &str) -> Result<()> {
        let mut programs = self.programs.iter_mut();
        programs.try_for_each(|program| program.send(command))
    }

    /// The programs' common answer to `command`, with which they began.
    ///
    /// # Errors
    /// Where answers differ, or one does not come.
    pub fn end(&mut self, command: &str) -> Result<Answer> {
        let mut expected: Option<(&str, Answer)> = None;
        for program in &mut self.programs {
            let found = program.receive(command)?;
            match &expected {
                None => expected = Some((program.name(), found)),
                Some((name, expected)) => found.compare(program.name(), expected, name, command)?,
            }
        }
        expected.map_or_else(
            || Err(anyhow::anyhow!("there is no program")),
            |(_, answer)| Ok(answer),
        )
    }

    /// Ends the programs.
    ///
    /// # Errors
    /// Where one does not end well: its sanitizer has found something, or it did not take the end of its input.
    pub fn leave(self) -> Result<()> {
        self.programs.into_iter().try_for_each(Program::leave)
    }
}
