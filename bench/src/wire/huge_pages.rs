//! Huge pages for packet memory that is mapped by somebody else's code, which takes reserved ones only.

use std::fs;

const RESERVED: &str = "/proc/sys/vm/nr_hugepages";
/// How often pages are asked for.
const TRIES: usize = 5;
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
        let wanted = bytes.div_ceil(HUGE_PAGE_BYTES);
        let mut own: Option<Self> = None;
        // Pages of a socket that was just closed stay in use for a while, and count as reserved anew though they are not free:
        // so once more for what is missing still.
        for _ in 0..TRIES {
            let information = fs::read_to_string("/proc/meminfo").ok()?;
            if field(&information, "Hugepagesize:")? * 1024 != HUGE_PAGE_BYTES {
                return None;
            }
            let missing = wanted.saturating_sub(field(&information, "HugePages_Free:")?);
            if missing == 0 {
                break;
            }
            let reserved: usize = fs::read_to_string(RESERVED).ok()?.trim().parse().ok()?;
            let own = own.get_or_insert(Self { before: reserved });
            if fs::write(RESERVED, (reserved + missing).to_string()).is_err() {
                eprintln!(
                    "wire: cannot reserve {missing} huge pages beside {}",
                    own.before
                );
                break;
            }
        }
        own
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
