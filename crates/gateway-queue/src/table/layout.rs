//! The memory layout of a table: a static page, a page the writer writes, the entries.
//!
//! Everything is little-endian and naturally aligned. An entry begins on a pair of cache lines of its own: its version
//! and nothing else on the first pair, then its two copies.

use super::{ENTRIES_MAX, ENTRY_WORDS, Entry};
use crate::QueueError;
use crate::layout::{NAME_BYTES_MAX, PAGE, array_at};
use crate::mapping::Mapping;
use crate::sync::AtomicU64;

/// First word of every table, stored last: `GWTABLE` and a zero byte.
pub const MAGIC: u64 = u64::from_le_bytes(*b"GWTABLE\0");
/// Layout that this build writes and the only major version it reads.
pub const LAYOUT_MAJOR: u16 = 1;
/// Additions within the major version.
pub const LAYOUT_MINOR: u16 = 0;

/// Bytes in front of the entries: the static page and the writer's.
pub const HEADER_BYTES: usize = 2 * PAGE;
/// Bytes of an entry: its version on a pair of lines, and two copies.
pub const ENTRY_BYTES: usize = VERSION_BYTES + 2 * ENTRY_WORDS * 8;
const VERSION_BYTES: usize = 128;

/// Offsets of the words that change, each on a pair of cache lines of its own.
pub(crate) const DIRECTORY: usize = PAGE;
pub(crate) const APPLIED: usize = PAGE + 128;
pub(crate) const HEARTBEAT: usize = PAGE + 256;
pub(crate) const STATE: usize = PAGE + 384;
pub(crate) const SUCCESSOR: usize = STATE + 8;

/// Bytes of the static page that mean something; the rest is zero.
pub const STATIC_BYTES: usize = 512;
const NAME: usize = 0x80;
const SOURCE: usize = 0xC0;
const CRC: usize = 0x1FC;

/// What the static page of a table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableHeader {
    /// Minor version of the layout.
    pub layout_minor: u16,
    /// Bytes of the file.
    pub total_bytes: u64,
    /// Where the entries begin, in bytes.
    pub entries_offset: u64,
    /// Entries there is room for.
    pub entries_max: u32,
    /// What the entries are: the reader's to interpret.
    pub schema_id: u64,
    /// Version of that.
    pub schema_version: u32,
    /// When the table was made, nanoseconds since the Unix epoch; each is later than the last.
    pub epoch: u64,
    /// The boot in which it was made, 0 where unknown.
    pub boot_id: [u8; 16],
    /// Process id of the writer in its own namespace.
    pub writer_pid: u32,
    /// Its start, in clock ticks since boot, 0 where unknown.
    pub writer_start_ticks: u64,
    /// Name of the table.
    pub name: String,
    /// Name of the queue whose positions the entries and `applied` count.
    pub source: String,
}

impl TableHeader {
    /// The static page, magic and checksum included.
    #[must_use]
    pub fn encode(&self) -> [u8; STATIC_BYTES] {
        let mut page = [0_u8; STATIC_BYTES];
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x00, &MAGIC.to_le_bytes());
        put(0x08, &LAYOUT_MAJOR.to_le_bytes());
        put(0x0A, &self.layout_minor.to_le_bytes());
        put(0x0C, &(HEADER_BYTES as u32).to_le_bytes());
        put(0x10, &self.total_bytes.to_le_bytes());
        put(0x18, &self.entries_offset.to_le_bytes());
        put(0x20, &(ENTRY_BYTES as u32).to_le_bytes());
        put(0x24, &(ENTRY_WORDS as u32).to_le_bytes());
        put(0x28, &self.entries_max.to_le_bytes());
        put(0x30, &self.schema_id.to_le_bytes());
        put(0x38, &self.schema_version.to_le_bytes());
        put(0x3C, &self.writer_pid.to_le_bytes());
        put(0x40, &self.epoch.to_le_bytes());
        put(0x48, &self.writer_start_ticks.to_le_bytes());
        put(0x50, &self.boot_id);
        put(NAME, cut(&self.name));
        put(SOURCE, cut(&self.source));
        let crc = crc32c::crc32c(&page[8..CRC]);
        page[CRC..].copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// Reads and validates a static page of a file of `file_bytes` bytes.
    ///
    /// # Errors
    /// [`QueueError::NotATable`], [`QueueError::UnsupportedLayout`] or [`QueueError::Damaged`]; never a panic, whatever
    /// the bytes are.
    pub fn decode(page: &[u8; STATIC_BYTES], file_bytes: u64) -> Result<Self, QueueError> {
        let magic = u64_at(page, 0);
        if magic != MAGIC {
            return Err(QueueError::NotATable { magic });
        }
        let (major, minor) = (
            u16::from_le_bytes(array_at(page, 0x08)),
            u16::from_le_bytes(array_at(page, 0x0A)),
        );
        if major != LAYOUT_MAJOR {
            return Err(QueueError::UnsupportedLayout {
                major,
                minor,
                supported: LAYOUT_MAJOR,
            });
        }
        let (stored, computed) = (u32_at(page, CRC), crc32c::crc32c(&page[8..CRC]));
        check(stored == computed, || {
            format!("checksum {stored:#010x}, computed {computed:#010x}")
        })?;
        for (at, expected, what) in [
            (0x0C, HEADER_BYTES, "bytes of header"),
            (0x20, ENTRY_BYTES, "bytes an entry"),
            (0x24, ENTRY_WORDS, "words an entry"),
        ] {
            let found = u32_at(page, at);
            check(found as usize == expected, || {
                format!("{found} {what}, not {expected}")
            })?;
        }
        let header = Self {
            layout_minor: minor,
            total_bytes: u64_at(page, 0x10),
            entries_offset: u64_at(page, 0x18),
            entries_max: u32_at(page, 0x28),
            schema_id: u64_at(page, 0x30),
            schema_version: u32_at(page, 0x38),
            epoch: u64_at(page, 0x40),
            boot_id: array_at(page, 0x50),
            writer_pid: u32_at(page, 0x3C),
            writer_start_ticks: u64_at(page, 0x48),
            name: text(&page[NAME..SOURCE]),
            source: text(&page[SOURCE..SOURCE + NAME_BYTES_MAX + 1]),
        };
        header.validate(file_bytes)?;
        Ok(header)
    }

    fn validate(&self, file_bytes: u64) -> Result<(), QueueError> {
        let entries = self.entries_max;
        check((1..=ENTRIES_MAX).contains(&entries), || {
            format!("{entries} entries")
        })?;
        let offset = self.entries_offset;
        check(
            offset >= HEADER_BYTES as u64 && offset.is_multiple_of(VERSION_BYTES as u64),
            || format!("the entries begin at byte {offset}"),
        )?;
        let total = self.total_bytes;
        check(total == file_bytes, || {
            format!("{total} bytes announced, the file has {file_bytes}")
        })?;
        let end = offset.checked_add(u64::from(entries) * ENTRY_BYTES as u64);
        check(end.is_some_and(|end| end <= total), || {
            format!("{entries} entries from byte {offset} exceed {total} bytes")
        })
    }

    /// The entry of that index in a mapping of the whole file, whose length the header was validated against.
    ///
    /// # Panics
    /// Where there is no room for such an entry.
    #[inline]
    pub(crate) fn entry<'a>(&self, mapping: &'a Mapping, index: u32) -> Entry<'a> {
        assert!(index < self.entries_max);
        let first = self.entries_offset as usize + index as usize * ENTRY_BYTES;
        let copy = |number: usize| -> &'a [AtomicU64] {
            mapping.words(
                first + VERSION_BYTES + number * ENTRY_WORDS * 8,
                ENTRY_WORDS,
            )
        };
        Entry {
            version: mapping.word(first),
            copies: [copy(0), copy(1)],
        }
    }
}

fn cut(name: &str) -> &[u8] {
    &name.as_bytes()[..name.len().min(NAME_BYTES_MAX)]
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
}

fn check(sound: bool, what: impl FnOnce() -> String) -> Result<(), QueueError> {
    if sound {
        Ok(())
    } else {
        Err(QueueError::Damaged { what: what() })
    }
}

fn u32_at(page: &[u8; STATIC_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(array_at(page, at))
}

fn u64_at(page: &[u8; STATIC_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(array_at(page, at))
}
