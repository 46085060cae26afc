//! Huge pages for packet memory that is mapped by somebody else's code, which takes reserved ones only.

use std::fs;

const RESERVED: &str = "/proc/sys/vm/nr_hugepages";
/// Bytes of a huge page.
pub(super) const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Huge pages that this process had the kernel reserve, given back on drop.
#[derive(Debug)]
pub(super) struct HugePages {
    before: usize,
}

impl HugePages {
    /// Has the kernel reserve as many pages of 2 MiB as `bytes` want and are not free already. `None` where these are free, or
    /// cannot be had: who maps them finds out.
    pub(super) fn reserve(bytes: usize) -> Option<Self> {
        let information = fs::read_to_string("/proc/meminfo").ok()?;
        let free = field(&information, "HugePages_Free:")?;
        let size_kib = field(&information, "Hugepagesize:")?;
        if size_kib * 1024 != HUGE_PAGE_BYTES {
            return None;
        }
        let missing = bytes.div_ceil(HUGE_PAGE_BYTES).saturating_sub(free);
        if missing == 0 {
            return None;
        }
        let before: usize = fs::read_to_string(RESERVED).ok()?.trim().parse().ok()?;
        fs::write(RESERVED, (before + missing).to_string()).ok()?;
        Some(Self { before })
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        if let Err(error) = fs::write(RESERVED, self.before.to_string()) {
            eprintln!("wire: {RESERVED} stays above {}: {error}", self.before);
        }
    }
}

/// The number behind a name in `/proc/meminfo`.
fn field(information: &str, name: &str) -> Option<usize> {
    let line = information
        .lines()
        .find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "MemFree:  5 kB\nHugePages_Total:       9\nHugePages_Free:        7\nHugepagesize:       2048 kB\n";
        assert_eq!(field(text, "HugePages_Free:"), Some(7));
        assert_eq!(field(text, "Hugepagesize:"), Some(2048));
        assert_eq!(field(text, "HugePages_Rsvd:"), None);
    }
}
