//! The crate's error.

use std::io;

/// Why a queue could not be made or attached.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// An option is outside its range.
    #[error("queue option `{option}` is {value}: {remedy}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        remedy: String,
    },
    /// The descriptor is no queue at all.
    #[error(
        "not a queue: its first word is {magic:#018x}; attach a descriptor that the gateway's broker passed"
    )]
    NotAQueue {
        /// What stands where the magic should.
        magic: u64,
    },
    /// The descriptor is no table at all.
    #[error(
        "not a table: its first word is {magic:#018x}; attach a descriptor that the gateway's broker passed"
    )]
    NotATable {
        /// What stands where the magic should.
        magic: u64,
    },
    /// Another generation of gateway made the queue or table.
    #[error(
        "the shared memory has layout {major}.{minor}, this client reads layout {supported}.x: \
         use a client and a gateway of the same generation"
    )]
    UnsupportedLayout {
        /// Major version found.
        major: u16,
        /// Minor version found.
        minor: u16,
        /// Major version that this build reads.
        supported: u16,
    },
    /// The header contradicts itself or the file.
    #[error(
        "the shared memory's header is damaged: {what}; attach again, and report it if it persists"
    )]
    Damaged {
        /// Which field, and how.
        what: String,
    },
    /// The file could change under its readers.
    #[error(
        "the memory file lacks the seals {missing}: it was not made by a gateway; do not trust it"
    )]
    NotSealed {
        /// The seals that are missing.
        missing: String,
    },
    /// The kernel refused.
    #[error("{operation}: {source}{}", remedy_for(.operation, .source))]
    System {
        /// What was tried.
        operation: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl QueueError {
    pub(crate) fn system(operation: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::System {
            operation,
            source: errno.into(),
        }
    }
}

fn remedy_for(operation: &str, source: &io::Error) -> &'static str {
    if operation.contains("/proc") {
        return "; mount /proc";
    }
    match source
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
    {
        Some(rustix::io::Errno::NOMEM) => {
            "; give the machine more memory or the queue fewer slots, the table fewer entries"
        }
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
            "; raise the limit of open files"
        }
        _ => "",
    }
}
