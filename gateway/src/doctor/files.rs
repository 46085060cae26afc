//! Files of `/proc` and `/sys`, and where they are.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read; those that are looked at have some kilobytes.
const BYTES_MAX: u64 = 8 << 20;

/// Reads files by their absolute paths.
pub trait Files {
    /// The content.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    fn bytes(&self, path: &str) -> io::Result<Vec<u8>>;

    /// Names in a directory, in order.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// The last part of what a symbolic link points to.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    fn target(&self, path: &str) -> io::Result<String>;
}

/// Files below a directory.
#[derive(Clone, Debug)]
pub struct RootFiles {
    root: PathBuf,
}

impl RootFiles {
    /// This machine's own.
    #[must_use]
    pub fn machine() -> Self {
        Self::below("/")
    }

    /// Those below a directory that stands for `/`.
    #[must_use]
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Files for RootFiles {
    fn bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(path))?
            .take(BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = std::fs::read_dir(self.path(path))?
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn target(&self, path: &str) -> io::Result<String> {
        let target = std::fs::read_link(self.path(path))?;
        let last = target.file_name().unwrap_or(Path::new("").as_os_str());
        Ok(last.to_string_lossy().into_owned())
    }
}
