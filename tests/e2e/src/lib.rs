//! What the end-to-end tests share: the programs, a network of their own, and what a strategy saw.
//!
//! The tests run the programs that users run. Most need root for network namespaces and XDP, and say
//! `skipped: no root` without it.

pub mod browser;
pub mod capture;
mod observer;
pub mod oracle;
pub mod prometheus;
pub mod rehearsal;

use std::path::Path;

use anyhow::Result;
use gateway_test_harness::network::{EXCHANGE_ADDRESS, EXCHANGE_INTERFACE};
use gateway_test_harness::simulator::line_arguments;
use gateway_test_harness::{Binaries, Config, Gateway, Network, Simulator, unprivileged};

pub use observer::{Observer, Seen};

/// The programs under test and a network for one test.
#[derive(Debug)]
pub struct Lab {
    /// The programs, built.
    pub binaries: Binaries,
    /// An exchange and a gateway on one link.
    pub network: Network,
}

impl Lab {
    /// A lab, or `None` after saying why there can be none.
    pub fn open() -> Result<Option<Self>> {
        if !unprivileged::is_true_root() {
            println!("skipped: no root");
            return Ok(None);
        }
        Ok(Some(Self {
            binaries: Binaries::of_this_build()?,
            network: Network::new()?,
        }))
    }

    /// Starts a gateway in this lab and waits until it is ready.
    pub fn gateway(&self, config: &Config) -> Result<Gateway> {
        Gateway::start(&self.binaries, &self.network.gateway, config)
    }

    /// Starts `gateway-sim scenario` with `file`, so many times as fast, its servers at the exchange's address.
    pub fn scenario(&self, file: &Path, speed: u32) -> Result<Simulator> {
        let address = EXCHANGE_ADDRESS.to_string();
        let speed = speed.to_string();
        let words = [
            "--json",
            "--interface",
            EXCHANGE_INTERFACE,
            "--listen",
            &address,
            "--speed",
            &speed,
        ];
        let mut all = vec!["scenario".to_owned(), file.display().to_string()];
        all.extend(words.map(str::to_owned));
        Simulator::start(&self.binaries, &self.network, &all)
    }

    /// Starts `gateway-sim` with the words of `arguments`, the lines of `config`, and a report at the end.
    pub fn simulator(&self, config: &Config, arguments: &str) -> Result<Simulator> {
        let mut all: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        all.extend(line_arguments(&config.lines));
        Simulator::start(&self.binaries, &self.network, &all)
    }
}
