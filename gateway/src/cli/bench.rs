//! `gateway bench`

mod scenarios;

use clap::{Args, Subcommand};

use super::exit::Failure;

/// Options of `gateway bench`.
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure request and reply between two machines: kernel sockets beside the gateway's way in
    ///
    /// Start `respond` on one machine, `measure` on the other, once for each kind of link; `report` puts the files that
    /// `measure` wrote into one table. Needs no running gateway.
    Scenarios(scenarios::Scenarios),
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Scenarios(scenarios) => scenarios.run(),
        }
    }
}
