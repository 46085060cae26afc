//! Aeron's media driver in the folder that the argument names, until it is killed. Its threads are as the environment
//! says, in Aeron's own variables.

use std::time::Duration;

use anyhow::{Context, Result};
use rusteron_media_driver::{AeronDriver, AeronDriverContext, IntoCString};

fn main() -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let folder = std::env::args().nth(1).context("in which folder?")?;
    let context = AeronDriverContext::new()?;
    context.set_dir(&folder.into_c_string())?;
    context.set_dir_delete_on_start(true)?;
    // What is touched for the first time while it is measured would be measured.
    context.set_term_buffer_sparse_file(false)?;
    let driver = AeronDriver::new(&context)?;
    driver.start(false)?;
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
