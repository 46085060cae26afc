//! `gateway run`

use clap::Args;

use super::ConfigFile;
use super::exit::Failure;
use crate::config;
use crate::service::{self, log};

/// Options of `gateway run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = config::load(&self.file.config)?;
        log::start(config.gateway.log);
        Ok(service::run(config, &self.file.config)?)
    }
}
