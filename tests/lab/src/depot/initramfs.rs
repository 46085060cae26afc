//! The guest's first file system: one static program, the modules, and a script that starts the agent.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::System;
use super::kernel::Kernel;

/// What the kernel starts.
const INIT: &str = include_str!("init.sh");
/// The same where that only prepares a whole system.
const INIT_DEBIAN: &str = include_str!("init-debian.sh");

/// Writes an archive for `kernel` to `file`, in the format that the kernel unpacks (Documentation/driver-api/early-userspace
/// /buffer-format.rst, "newc").
pub(super) fn write(file: &Path, kernel: &Kernel, system: System, busybox: &Path) -> Result<()> {
    let mut archive = Cpio::default();
    for folder in [
        "bin", "dev", "etc", "guest", "modules", "proc", "root", "run", "sys", "tmp",
    ] {
        archive.entry(folder, 0o040_755, &[]);
    }
    archive.entry("etc/passwd", 0o100_644, b"root:x:0:0:root:/root:/bin/sh\n");
    archive.entry("etc/group", 0o100_644, b"root:x:0:\n");
    let program = fs::read(busybox).context("no busybox")?;
    archive.entry("bin/busybox", 0o100_755, &program);
    let init = match system {
        System::Bare => INIT,
        System::Debian => INIT_DEBIAN,
    };
    archive.entry("init", 0o100_755, init.as_bytes());
    for (number, module) in kernel.modules.iter().enumerate() {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        let bytes =
            fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        archive.entry(&format!("modules/{number:02}-{name}"), 0o100_644, &bytes);
    }
    archive.entry("TRAILER!!!", 0, &[]);
    fs::write(file, archive.0).with_context(|| format!("cannot write {}", file.display()))
}

#[derive(Default)]
struct Cpio(Vec<u8>);

impl Cpio {
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        // Inode, mode, owner, group, links, time, size, device twice by two numbers, length of the name, checksum.
        let fields = [
            0,
            mode,
            0,
            0,
            1,
            0,
            content.len() as u32,
            0,
            0,
            0,
            0,
            name.len() as u32 + 1,
            0,
        ];
        self.0.extend(b"070701");
        for field in fields {
            self.0.extend(format!("{field:08x}").bytes());
        }
        self.0.extend(name.bytes());
        self.0.push(0);
        self.align();
        self.0.extend(content);
        self.align();
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_name_their_length() {
        let mut archive = Cpio::default();
        archive.entry("a", 0o100_644, b"hello");
        let text = String::from_utf8_lossy(&archive.0);
        assert!(
            text.starts_with("070701") && text.contains("000081a4"),
            "{text}"
        );
        // 6 + 13 * 8 bytes of header, "a" and its zero: aligned to 112; 5 bytes of content to 8.
        assert_eq!(archive.0.len(), 120);
        assert_eq!(&archive.0[112..117], b"hello");
    }
}
