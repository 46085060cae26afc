//! The memory layout: a static page, a page the publisher writes, the ring.
//!
//! Everything is little-endian and naturally aligned. A reader copies the static page once, validates the copy and
//! uses nothing else of it. The major version changes when an old reader would misread a new queue; the minor one when
//! it may ignore what was added.

use crate::clock::Source;
use crate::ring::Geometry;
pub use crate::ring::State;
use crate::stamps::STAMPS_KEPT;
use crate::{QueueError, RECORD_WORDS_MAX, SLOT_PAYLOAD_WORDS};

/// First word of every queue, stored last: `GWQUEUE` and a zero byte.
pub const MAGIC: u64 = u64::from_le_bytes(*b"GWQUEUE\0");
/// Layout that this build writes and the only major version it reads.
pub const LAYOUT_MAJOR: u16 = 1;
/// Additions within the major version.
pub const LAYOUT_MINOR: u16 = 1;

/// Bytes in front of the ring: the static page and the publisher's.
pub const HEADER_BYTES: usize = 2 * PAGE;
/// Bytes of a slot: one cache line.
pub const SLOT_BYTES: usize = 64;
/// Fewest slots of a queue.
pub const SLOTS_MIN: u64 = 64;
/// Most slots of a queue (64 GiB of ring).
pub const SLOTS_MAX: u64 = 1 << 30;
/// A block that the writer reserves is this part of the ring.
pub const BLOCKS_PER_RING: u64 = 16;
/// Longest name of a queue in bytes.
pub const NAME_BYTES_MAX: usize = 63;

pub(crate) const PAGE: usize = 4096;
/// Offsets of the words that change, each on a pair of cache lines of its own: the prefetcher fetches pairs.
pub(crate) const HEAD: usize = PAGE;
pub(crate) const RESERVED: usize = PAGE + 128;
pub(crate) const HEARTBEAT: usize = PAGE + 256;
pub(crate) const STATE: usize = HEARTBEAT + 8;
pub(crate) const SUCCESSOR: usize = HEARTBEAT + 16;
/// A word of 32 bits, the futex on which readers sleep.
pub(crate) const BELL: usize = PAGE + 384;
pub(crate) const RESYNC: usize = PAGE + 512;
/// When records were published, of one in 1,024 slots; since minor version 1.
pub(crate) const STAMPS: usize = PAGE + 1024;
const _: () = assert!(STAMPS + STAMPS_KEPT as usize * 8 <= HEADER_BYTES);

/// Bytes of the static page that mean something; the rest is zero.
pub const STATIC_BYTES: usize = 256;
const CRC: usize = 0xFC;

/// Flag: the file lies on huge pages.
pub const FLAG_HUGE_PAGES: u64 = 1;

/// What the static page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticHeader {
    /// Minor version of the layout.
    pub layout_minor: u16,
    /// Bytes of the file.
    pub total_bytes: u64,
    /// Where the ring begins, in bytes.
    pub ring_offset: u64,
    /// Slots reserved at a time.
    pub block: u32,
    /// Number of slots, a power of two.
    pub slots: u64,
    /// Flags, see [`FLAG_HUGE_PAGES`].
    pub flags: u64,
    /// What the records are.
    pub schema_id: u64,
    /// Version of that.
    pub schema_version: u32,
    /// Largest record in bytes.
    pub record_bytes_max: u32,
    /// When the queue was made, nanoseconds since the Unix epoch; each is later than the last.
    pub epoch: u64,
    /// The boot in which it was made, 0 where unknown.
    pub boot_id: [u8; 16],
    /// Process id of the publisher in its own namespace.
    pub producer_pid: u32,
    /// Its start, in clock ticks since boot, 0 where unknown.
    pub producer_start_ticks: u64,
    /// Frequency of the publisher's counter in ticks a second, 0 where it is the system's steady clock.
    pub tsc_hz: u64,
    /// A reading of that clock …
    pub tsc0: u64,
    /// … and the nanoseconds since the Unix epoch at that reading.
    pub realtime0: u64,
    /// Name of the queue.
    pub name: String,
}

impl StaticHeader {
    /// Whether records are stamped when they are published, by a counter of that source.
    #[must_use]
    pub fn is_stamped_by(&self, source: Source) -> bool {
        let by = match self.tsc_hz {
            0 => Source::System,
            _ => Source::Tsc,
        };
        self.layout_minor >= 1 && source == by
    }

    /// The shape of the ring.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        Geometry {
            slots: self.slots,
            block: self.block as u64,
            record_words_max: (self.record_bytes_max as usize).div_ceil(8),
        }
    }

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
        put(0x18, &self.ring_offset.to_le_bytes());
        put(0x20, &(SLOT_BYTES as u32).to_le_bytes());
        put(0x24, &self.block.to_le_bytes());
        put(0x28, &self.slots.to_le_bytes());
        put(0x30, &self.flags.to_le_bytes());
        put(0x38, &self.schema_id.to_le_bytes());
        put(0x40, &self.schema_version.to_le_bytes());
        put(0x44, &self.record_bytes_max.to_le_bytes());
        put(0x48, &self.epoch.to_le_bytes());
        put(0x50, &self.boot_id);
        put(0x60, &self.producer_pid.to_le_bytes());
        put(0x68, &self.producer_start_ticks.to_le_bytes());
        put(0x70, &self.tsc_hz.to_le_bytes());
        put(0x78, &self.tsc0.to_le_bytes());
        put(0x80, &self.realtime0.to_le_bytes());
        let name = &self.name.as_bytes()[..self.name.len().min(NAME_BYTES_MAX)];
        put(0x90, name);
        let crc = crc32c::crc32c(&page[8..CRC]);
        page[CRC..].copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// Reads and validates a static page of a file of `file_bytes` bytes.
    ///
    /// # Errors
    /// [`QueueError::NotAQueue`], [`QueueError::UnsupportedLayout`] or [`QueueError::Damaged`]; never a panic, whatever
    /// the bytes are.
    pub fn decode(page: &[u8; STATIC_BYTES], file_bytes: u64) -> Result<Self, QueueError> {
        let magic = u64_at(page, 0);
        if magic != MAGIC {
            return Err(QueueError::NotAQueue { magic });
        }
        let (major, minor) = (u16_at(page, 0x08), u16_at(page, 0x0A));
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
        let header_bytes = u32_at(page, 0x0C);
        check(header_bytes as usize == HEADER_BYTES, || {
            format!("header of {header_bytes} bytes")
        })?;
        let slot_bytes = u32_at(page, 0x20);
        check(slot_bytes as usize == SLOT_BYTES, || {
            format!("slots of {slot_bytes} bytes")
        })?;
        let name = &page[0x90..0x90 + NAME_BYTES_MAX + 1];
        let end = name
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(name.len());
        let mut boot_id = [0; 16];
        boot_id.copy_from_slice(&page[0x50..0x60]);
        let header = Self {
            layout_minor: minor,
            total_bytes: u64_at(page, 0x10),
            ring_offset: u64_at(page, 0x18),
            block: u32_at(page, 0x24),
            slots: u64_at(page, 0x28),
            flags: u64_at(page, 0x30),
            schema_id: u64_at(page, 0x38),
            schema_version: u32_at(page, 0x40),
            record_bytes_max: u32_at(page, 0x44),
            epoch: u64_at(page, 0x48),
            boot_id,
            producer_pid: u32_at(page, 0x60),
            producer_start_ticks: u64_at(page, 0x68),
            tsc_hz: u64_at(page, 0x70),
            tsc0: u64_at(page, 0x78),
            realtime0: u64_at(page, 0x80),
            name: String::from_utf8_lossy(&name[..end]).into_owned(),
        };
        header.validate(file_bytes)?;
        Ok(header)
    }

    fn validate(&self, file_bytes: u64) -> Result<(), QueueError> {
        let slots = self.slots;
        check(
            slots.is_power_of_two() && (SLOTS_MIN..=SLOTS_MAX).contains(&slots),
            || format!("{slots} slots"),
        )?;
        let block = u64::from(self.block);
        check(block == slots / BLOCKS_PER_RING, || {
            format!("a block of {block} slots in a ring of {slots}")
        })?;
        let offset = self.ring_offset;
        check(
            offset >= HEADER_BYTES as u64 && offset.is_multiple_of(SLOT_BYTES as u64),
            || format!("the ring begins at byte {offset}"),
        )?;
        let total = self.total_bytes;
        check(total == file_bytes, || {
            format!("{total} bytes announced, the file has {file_bytes}")
        })?;
        let end = offset.checked_add(slots * SLOT_BYTES as u64);
        check(end.is_some_and(|end| end <= total), || {
            format!("{slots} slots from byte {offset} exceed {total} bytes")
        })?;
        let words = self.geometry().record_words_max;
        check(
            (1..=RECORD_WORDS_MAX).contains(&words)
                && words.div_ceil(SLOT_PAYLOAD_WORDS) as u64 <= block,
            || {
                format!(
                    "records of up to {} bytes in blocks of {block} slots",
                    self.record_bytes_max
                )
            },
        )
    }
}

fn check(sound: bool, what: impl FnOnce() -> String) -> Result<(), QueueError> {
    if sound {
        Ok(())
    } else {
        Err(QueueError::Damaged { what: what() })
    }
}

/// The bytes at that place of a static page.
pub(crate) fn array_at<const N: usize>(page: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&page[at..at + N]);
    bytes
}

fn u16_at(page: &[u8; STATIC_BYTES], at: usize) -> u16 {
    u16::from_le_bytes(array_at(page, at))
}

fn u32_at(page: &[u8; STATIC_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(array_at(page, at))
}

fn u64_at(page: &[u8; STATIC_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(array_at(page, at))
}
