//! Numbers of users and groups, as the system's name service tells them.

use nix::unistd::{Group, User};

/// Looks up users and groups. The system's, but for tests.
pub(crate) trait Accounts {
    /// The number of the user of that name, if there is one.
    ///
    /// # Errors
    /// What the name service said.
    fn user(&self, name: &str) -> Result<Option<u32>, String>;

    /// The number of the group of that name, if there is one.
    ///
    /// # Errors
    /// What the name service said.
    fn group(&self, name: &str) -> Result<Option<u32>, String>;

    /// The user that this process runs as.
    fn own_user(&self) -> u32;
}

/// The name service of this machine: files, directories, whatever `/etc/nsswitch.conf` says.
#[derive(Debug)]
pub(crate) struct SystemAccounts;

impl Accounts for SystemAccounts {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        let found = User::from_name(name).map_err(|errno| errno.to_string())?;
        Ok(found.map(|user| user.uid.as_raw()))
    }

    fn group(&self, name: &str) -> Result<Option<u32>, String> {
        let found = Group::from_name(name).map_err(|errno| errno.to_string())?;
        Ok(found.map(|group| group.gid.as_raw()))
    }

    fn own_user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }
}
