//! Passwords of snapshot servers: read once, at start, and shown nowhere.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tracing::warn;

use crate::config::model::PasswordSource;

/// Bytes of a file that may hold a password and white space.
const FILE_BYTES_MAX: u64 = 1_024;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// The file.
    #[error("password_file {}: {source}; give a file that the gateway's user can read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More than any password.
    #[error("password_file {} has {bytes} bytes: it shall hold the password and nothing else", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The environment.
    #[error(
        "password_env: the environment has no variable {name}, or no text in it; set it where the gateway is started"
    )]
    NotSet {
        /// The variable.
        name: String,
    },
}

/// Where a password is, for messages about it.
impl fmt::Display for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "password_file {}", path.display()),
            Self::Environment(name) => write!(f, "password_env {name}"),
        }
    }
}

/// Reads a password. White space around it is not part of it.
///
/// # Errors
/// [`PasswordError`].
pub(crate) fn read_password(source: &PasswordSource) -> Result<String, PasswordError> {
    let text = match source {
        PasswordSource::Environment(name) => {
            let variable = std::env::var(name);
            variable.map_err(|_| PasswordError::NotSet { name: name.clone() })?
        }
        PasswordSource::File(path) => {
            let unreadable = |source| PasswordError::Unreadable {
                path: path.clone(),
                source,
            };
            let about = std::fs::metadata(path).map_err(unreadable)?;
            if about.len() > FILE_BYTES_MAX {
                return Err(PasswordError::TooLong {
                    path: path.clone(),
                    bytes: about.len(),
                });
            }
            if about.permissions().mode() & 0o004 != 0 {
                let file = path.display();
                warn!(%file, "every user of this host can read the password: `chmod o-r` it");
            }
            std::fs::read_to_string(path).map_err(unreadable)?
        }
    };
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_password_is_what_stands_between_white_space() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let source = PasswordSource::File(path.clone());
        let missing = read_password(&source).unwrap_err().to_string();
        assert!(missing.contains("No such file"), "{missing}");
        std::fs::write(&path, " se cret\n").unwrap();
        assert_eq!(read_password(&source).unwrap(), "se cret");
        std::fs::write(&path, [b'x'; 2_000]).unwrap();
        let long = read_password(&source).unwrap_err().to_string();
        assert!(long.contains("2000 bytes"), "{long}");
        let unset = PasswordSource::Environment("GATEWAY_NO_SUCH_VARIABLE".to_owned());
        let unset = read_password(&unset).unwrap_err().to_string();
        assert!(unset.contains("GATEWAY_NO_SUCH_VARIABLE"), "{unset}");
    }
}
