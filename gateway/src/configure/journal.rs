//! What `init` has changed, in a file: written before each change, so that `fini` can undo whatever was done, however it
//! was interrupted.
//!
//! The file is replaced whole (written beside it, flushed, renamed). It holds kinds of settings and values, no paths; and
//! one that others than its reader may write is refused, because `fini` runs as root.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::setting::Setting;

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("state file {}: cannot {action}: {source}; run it as root, or name another with --state", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could have written it.
    #[error(
        "state file {}: {what}; what it says is not done. Look at it, and remove it or make it yours (`chown root`, `chmod 600`)", path.display()
    )]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is not what this program wrote.
    #[error(
        "state file {}: {what}; nothing was changed. Remove it if what it remembers is of no use any more", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another `configure` is at work.
    #[error("state file {}: another `gateway configure` is at work; wait for its end", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The stage that made it.
    pub stage: String,
    /// What was changed.
    pub setting: Setting,
    /// Its value before the first change: what `fini` puts back.
    pub before: String,
    /// What was asked for.
    pub wanted: String,
    /// What it became; none while the change is being made. Drivers round.
    pub became: Option<String>,
}

const VERSION: u32 = 1;
/// Longer files are not ours.
const BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// Settings do not outlive the boot that they were made in.
    boot: String,
    records: Vec<Record>,
}

/// The file, locked as long as this lives.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    boot: String,
    records: Vec<Record>,
    /// Whether the file is of an earlier boot, whose changes went with it.
    outdated: bool,
    /// Held; none where nothing is going to be written.
    _lock: Option<File>,
}

impl Journal {
    /// Opens the file at `path`, which need not exist, in the boot of this name.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(path: &Path, boot: String) -> Result<Self, JournalError> {
        let lock = lock(path)?;
        Self::load(Self {
            _lock: Some(lock),
            ..Self::empty(path, boot)
        })
    }

    /// Reads the file at `path`, which need not exist, to look at only: nobody is kept from writing it.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn view(path: &Path, boot: String) -> Result<Self, JournalError> {
        Self::load(Self::empty(path, boot))
    }

    /// One that remembers nothing.
    #[must_use]
    pub fn empty(path: &Path, boot: String) -> Self {
        Self {
            path: path.to_owned(),
            boot,
            records: Vec::new(),
            outdated: false,
            _lock: None,
        }
    }

    fn load(mut journal: Self) -> Result<Self, JournalError> {
        if let Some(content) = journal.read()? {
            journal.outdated = content.boot != journal.boot;
            if !journal.outdated {
                journal.records = content.records;
            }
        }
        Ok(journal)
    }

    /// The changes, in the order in which they were made.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether what was in the file went with an earlier boot.
    #[must_use]
    pub const fn was_outdated(&self) -> bool {
        self.outdated
    }

    /// The change of a setting.
    #[must_use]
    pub fn find(&self, setting: &Setting) -> Option<&Record> {
        self.records.iter().find(|r| r.setting == *setting)
    }

    /// Puts a change in the place of the one of the same setting, or behind the others, and saves all.
    ///
    /// # Errors
    /// [`JournalError::System`].
    pub fn put(&mut self, record: Record) -> Result<(), JournalError> {
        let same = |r: &&mut Record| r.setting == record.setting;
        match self.records.iter_mut().find(same) {
            Some(place) => *place = record,
            None => self.records.push(record),
        }
        self.save()
    }

    /// Forgets a change that was not made, or was undone, and saves the rest; without any the file goes.
    ///
    /// # Errors
    /// [`JournalError::System`].
    pub fn forget(&mut self, setting: &Setting) -> Result<(), JournalError> {
        self.records.retain(|r| r.setting != *setting);
        self.save()
    }

    /// Keeps these changes only, and saves them.
    ///
    /// # Errors
    /// [`JournalError::System`].
    pub fn keep(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        self.records = records;
        self.save()
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = self.path.clone();
        move |source| JournalError::System {
            path,
            action,
            source,
        }
    }

    fn read(&self) -> Result<Option<Content>, JournalError> {
        let path = || self.path.clone();
        let mut options = fs::OpenOptions::new();
        options
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(self.failed("open it"))?,
        };
        let facts = file.metadata().map_err(self.failed("look at it"))?;
        let user = rustix::process::geteuid().as_raw();
        let untrusted = |what| JournalError::Untrusted { path: path(), what };
        if !facts.is_file() {
            return Err(untrusted("it is no ordinary file".to_owned()));
        }
        if facts.uid() != user {
            let owner = facts.uid();
            return Err(untrusted(format!(
                "it belongs to user {owner}, not to {user}"
            )));
        }
        if facts.permissions().mode() & 0o022 != 0 {
            return Err(untrusted("others may write it".to_owned()));
        }
        let damaged = |what| JournalError::Damaged { path: path(), what };
        if facts.len() > BYTES_MAX {
            return Err(damaged(format!("it has {} bytes", facts.len())));
        }
        let text = io::read_to_string(file).map_err(self.failed("read it"))?;
        let content: Content =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if content.version != VERSION {
            let version = content.version;
            return Err(damaged(format!(
                "it is of version {version}, not {VERSION}"
            )));
        }
        if let Some(record) = content.records.iter().find(|r| !r.setting.is_sound()) {
            let setting = record.setting.to_string();
            return Err(damaged(format!(
                "it names something impossible: {setting:?}"
            )));
        }
        Ok(Some(content))
    }

    fn save(&mut self) -> Result<(), JournalError> {
        if self.records.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(self.failed("remove it")(error))
                }
                _ => Ok(()),
            };
        }
        let content = Content {
            version: VERSION,
            boot: self.boot.clone(),
            records: self.records.clone(),
        };
        let text = serde_json::to_string_pretty(&content).map_err(|error| {
            self.failed("write it")(io::Error::new(io::ErrorKind::InvalidData, error))
        })?;
        replace(&self.path, &text).map_err(self.failed("write it"))
    }
}

/// Takes the lock beside the file, which is never removed: whoever waits for it would wait for another file.
fn lock(path: &Path) -> Result<File, JournalError> {
    let failed = |action| {
        let path = path.to_owned();
        move |source| JournalError::System {
            path,
            action,
            source,
        }
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(failed("make its folder"))?;
    }
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW);
    let file = options
        .open(beside(path, ".lock"))
        .map_err(failed("make the lock beside it"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Locked {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed("lock it")(error.into())),
    }
}

/// Replaces a file whole: whoever reads it, after whatever interruption, finds the old or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, ".new");
    // What an interrupted run left, or somebody put there.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn record(interrupt: u32) -> Record {
        Record {
            stage: "interrupts".into(),
            setting: Setting::InterruptCpus { interrupt },
            before: "0-3".into(),
            wanted: "2".into(),
            became: None,
        }
    }

    #[test]
    fn what_was_put_is_there_in_the_same_boot_only_and_without_any_the_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.json");
        let open = |boot: &str| Journal::open(&path, boot.to_owned()).unwrap();
        let mut journal = open("a");
        journal.put(record(1)).unwrap();
        journal.put(record(2)).unwrap();
        drop(journal);
        assert!(open("b").records().is_empty() && open("b").was_outdated());
        let mut journal = open("a");
        assert_eq!(journal.records(), [record(1), record(2)]);
        journal.forget(&record(1).setting).unwrap();
        assert!(path.exists());
        journal.forget(&record(2).setting).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn two_at_a_time_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let first = Journal::open(&path, String::new()).unwrap();
        let second = Journal::open(&path, String::new());
        assert!(matches!(second, Err(JournalError::Locked { .. })));
        drop(first);
        assert!(Journal::open(&path, String::new()).is_ok());
    }

    #[test]
    fn a_file_that_others_may_write_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let open = || Journal::open(&path, String::new()).map(|_| ());
        let mut journal = Journal::open(&path, String::new()).unwrap();
        journal.put(record(1)).unwrap();
        drop(journal);
        let good = fs::read_to_string(&path).unwrap();

        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(open(), Err(JournalError::Untrusted { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(open().is_ok());

        for text in [
            "",
            "{",
            &good[..good.len() / 2],
            &good.replace("\"version\": 1", "\"version\": 2"),
            &good.replace("interrupt-cpus", "shell-command"),
            &good.replace(
                r#""kind": "interrupt-cpus""#,
                r#""kind": "gro-flush-timeout", "interface": "../../../etc""#,
            ),
        ] {
            fs::write(&path, text).unwrap();
            assert!(
                matches!(open(), Err(JournalError::Damaged { .. })),
                "{text}"
            );
        }

        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(open().is_err());
    }
}
