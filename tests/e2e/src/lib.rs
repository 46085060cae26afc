//! What the end-to-end tests share: the programs, a network of their own, and what a strategy saw.
//!
//! The tests run the programs that users run. They need root for network namespaces and XDP, and say
//! `skipped: no root` without it.

use anyhow::Result;
use gateway_test_harness::{Binaries, Network, unprivileged};

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
}
