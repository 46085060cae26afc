//! Raw samples: the latency of every packet of every run, kept as files for whoever wants to look at them otherwise than
//! by quantiles.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::arrivals::Latencies;

/// In a file: a packet that never came. The longest latency that is told apart is one less, 4.3 s.
const LOST: u32 = u32::MAX;

/// Latencies of one measurement in nanoseconds, in the order in which the packets were sent; `None`: the packet never came.
#[derive(Default)]
pub(super) struct Raw(Vec<Option<u64>>);

impl Raw {
    /// Room for so many.
    pub(super) fn with_capacity(packets: usize) -> Self {
        Self(Vec::with_capacity(packets))
    }

    /// The next packet's.
    pub(super) fn push(&mut self, nanos: Option<u64>) {
        self.0.push(nanos);
    }

    /// What rows are made of.
    pub(super) fn latencies(&self) -> Latencies {
        let came: Vec<u64> = self.0.iter().copied().flatten().collect();
        let lost = self.0.len() - came.len();
        Latencies::of(came, lost as u64)
    }

    /// As 32-bit little-endian words.
    fn bytes(&self) -> Vec<u8> {
        let word = |nanos: Option<u64>| {
            nanos.map_or(LOST, |nanos| {
                u32::try_from(nanos).unwrap_or(LOST).min(LOST - 1)
            })
        };
        self.0
            .iter()
            .flat_map(|nanos| word(*nanos).to_le_bytes())
            .collect()
    }
}

/// Where the samples of one bench go: `target/bench/raw/BENCH/CASE.RUN.u32`.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// An empty one: what an earlier measurement left there is removed.
    ///
    /// # Errors
    /// It cannot be emptied or made.
    pub(super) fn emptied(bench: &str) -> Result<Self> {
        let program = std::env::current_exe().context("this program has no path")?;
        let target = program.parent().and_then(|folder| folder.parent());
        let folder = target.context("no target folder")?.join("bench/raw");
        Self::emptied_at(folder.join(bench))
    }

    fn emptied_at(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// Keeps the samples of `case` in its run `run`, counted from 0.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn keep(&self, case: &str, run: usize, raw: &Raw) -> Result<()> {
        let path = self.0.join(format!("{}.{run}.u32", file_name(case)));
        // Two cases of one name would be one of them.
        let mut file = fs::File::create_new(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        file.write_all(&raw.bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// `case` in letters, digits and hyphens.
fn file_name(case: &str) -> String {
    let parts: Vec<String> = case
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn samples_are_kept_in_order_and_what_was_lost_is_told_apart() {
        let folder = std::env::temp_dir().join(format!("gateway-bench-raw-{}", std::process::id()));
        let kept = Folder::emptied_at(folder.clone()).unwrap();
        let mut raw = Raw::with_capacity(3);
        for nanos in [Some(1_000), None, Some(u64::MAX)] {
            raw.push(nanos);
        }
        kept.keep("1000 packets/s: gateway, copy tier", 2, &raw)
            .unwrap();
        let path = folder.join("1000-packets-s-gateway-copy-tier.2.u32");
        let expected: Vec<u8> = [1_000, LOST, LOST - 1]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        assert_eq!(fs::read(&path).unwrap(), expected);
        let latencies = raw.latencies();
        assert_eq!((latencies.packets(), latencies.lost), (3, 1));
        assert_eq!(latencies.quantile(0.3), 1_000.0);
        Folder::emptied_at(folder.clone()).unwrap();
        assert!(!path.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
