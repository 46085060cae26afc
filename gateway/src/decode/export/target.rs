//! Where a file is written to, and how that fails.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// It exists, and nobody said that it may be replaced.
    #[error("{name} exists; give another --output, or replace it with --force")]
    Exists {
        /// The file.
        name: String,
    },
    /// It is the file that is read.
    #[error("{name} is the file that is to be read; give another --output")]
    IsInput {
        /// The file.
        name: String,
    },
    /// It cannot be opened.
    #[error("{name}: cannot create: {source}; check that its folder exists and is writable")]
    Create {
        /// The file.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output is a terminal, which binary data would upset.
    #[error(
        "this format is no text for a terminal; write it to a file with --output, or into a pipe"
    )]
    Terminal,
    /// Whoever read a pipe ended before all was written.
    #[error("{name}: its reader closed it before everything was written")]
    ReaderGone {
        /// The pipe.
        name: String,
    },
    /// Writing failed, a full disk included. What is in the file is not whole.
    #[error("{name}: cannot write: {source}; what is in it is not whole. {remedy}")]
    Write {
        /// The file.
        name: String,
        /// The system's reason.
        source: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A record does not fit the format, which no record of a decoder should.
    #[error("{name}: {reason}; this is a mistake of the gateway: report it with the file")]
    Format {
        /// The file.
        name: String,
        /// What does not fit.
        reason: String,
    },
}

/// A file or a pipe that is open for writing.
#[derive(Debug)]
pub struct Target {
    file: File,
    name: String,
    /// Whether bytes that were written can be corrected: an ordinary file that we opened.
    correctable: bool,
}

impl Target {
    /// Creates `path`, or with `force` empties the file that is there. Devices and named pipes are taken as they are.
    ///
    /// # Errors
    /// It exists, it is `input`, or it cannot be created.
    pub fn create(path: &Path, input: &Path, force: bool) -> Result<Self, OutputError> {
        let name = path.display().to_string();
        let create = |source| OutputError::Create {
            name: path.display().to_string(),
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true);
        let new = options.clone().create_new(true).open(path);
        let file = match new {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // A link to nothing exists as a name, but not as a file.
                let is_file = path.metadata().map_err(create)?.is_file();
                if is_file && !force {
                    return Err(OutputError::Exists { name });
                }
                let file = options.open(path).map_err(create)?;
                if is_same(&file, input) {
                    return Err(OutputError::IsInput { name });
                }
                if is_file {
                    file.set_len(0).map_err(create)?;
                }
                file
            }
            other => other.map_err(create)?,
        };
        let correctable = file.metadata().map_err(create)?.is_file();
        Ok(Self {
            file,
            name,
            correctable,
        })
    }

    /// Standard output; `binary` data is refused to a terminal.
    ///
    /// # Errors
    /// It is a terminal, or closed.
    pub fn standard_output(binary: bool) -> Result<Self, OutputError> {
        let name = "standard output".to_owned();
        let stdout = io::stdout();
        if binary && stdout.is_terminal() {
            return Err(OutputError::Terminal);
        }
        match stdout.as_fd().try_clone_to_owned() {
            Ok(descriptor) => Ok(Self {
                file: File::from(descriptor),
                name,
                // It may be in the middle of a file, or opened for appending.
                correctable: false,
            }),
            Err(source) => Err(OutputError::Create { name, source }),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether what was written can be corrected in place.
    #[must_use]
    pub const fn is_correctable(&self) -> bool {
        self.correctable
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Whether `file` is the one at `path`.
fn is_same(file: &File, path: &Path) -> bool {
    let (Ok(of_file), Ok(of_path)) = (file.metadata(), path.metadata()) else {
        return false;
    };
    of_file.is_file() && (of_file.dev(), of_file.ino()) == (of_path.dev(), of_path.ino())
}

impl OutputError {
    /// What a failed write to `name` means.
    #[must_use]
    pub fn write(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        let remedy = match source.kind() {
            ErrorKind::BrokenPipe => return Self::ReaderGone { name },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "Make room, or write to another file system"
            }
            ErrorKind::FileTooLarge => "Raise the limit of file sizes (ulimit -f)",
            _ => "Try another place",
        };
        Self::Write {
            name,
            source,
            remedy,
        }
    }

    /// What an encoder's error about `name` means.
    pub(super) fn encode(name: &str, error: dbn::Error) -> Self {
        match error {
            dbn::Error::Io { source, .. } => Self::write(name, source),
            error => Self::Format {
                name: name.to_owned(),
                reason: error.to_string(),
            },
        }
    }
}
