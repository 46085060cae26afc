//! What a command line tells of itself, as files: a manual page for it and for each of its subcommands, and completions for
//! shells. All of it comes from the definition that parses the arguments, so it cannot say something else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::{Shell, generate_to};

/// The shells that completions are written for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Options of the command that writes them.
#[derive(Debug, clap::Args)]
pub struct Manual {
    /// Where to write; made if it is not there
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Manual {
    /// Writes the pages and completions of `command`: `NAME.1`, `NAME-SUBCOMMAND.1` and so on, `NAME.bash`, `_NAME` and
    /// `NAME.fish`. Files of these names are replaced.
    ///
    /// # Errors
    /// The directory or a file in it cannot be written.
    pub fn write(&self, command: Command) -> io::Result<()> {
        write(command, &self.directory)
    }

    /// Where they are written.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

fn write(mut command: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(without_help(command.clone()), directory)?;
    let name = command.get_name().to_owned();
    for shell in SHELLS {
        generate_to(shell, &mut command, &name, directory)?;
    }
    Ok(())
}

/// Without the subcommands that print help: what they print is each command's own page.
fn without_help(command: Command) -> Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn pages() -> (tempfile::TempDir, Vec<String>) {
        let command = Command::new("tool")
            .version("1.2")
            .about("Does it")
            .subcommand(
                Command::new("bench")
                    .about("Measures")
                    .subcommand(Command::new("latency").about("How long")),
            );
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("new");
        write(command, &place).unwrap();
        let mut names: Vec<String> = fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        (directory, names)
    }

    #[test]
    fn every_subcommand_has_a_page_and_every_shell_its_completions() {
        let (directory, names) = pages();
        assert_eq!(
            names,
            [
                "_tool",
                "tool-bench-latency.1",
                "tool-bench.1",
                "tool.1",
                "tool.bash",
                "tool.fish"
            ]
        );
        let page = fs::read_to_string(directory.path().join("new/tool-bench-latency.1")).unwrap();
        assert!(page.contains("How long"), "{page}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = write(Command::new("tool"), &file.path().join("below")).unwrap_err();
        assert!(error.raw_os_error().is_some(), "{error}");
    }
}
