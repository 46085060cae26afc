//! What a process may not do any more as a whole: be dumped or traced, and gain privileges by executing.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::set_no_new_privs;

use super::Answer;

/// Nobody but root traces it or reads its memory, and it leaves no core dump with the passwords of its servers.
pub(super) fn forbid_dumps() -> Answer {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(None)
}

/// No file's set-user-ID bit or capabilities give it anything. Other threads get this by seccomp.
pub(super) fn forbid_new_privileges() -> Answer {
    set_no_new_privs(true)?;
    Ok(None)
}
