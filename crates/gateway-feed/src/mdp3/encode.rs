//! Writes messages: what simulators publish and tests feed.

use super::sbe::{GROUP, GROUP_8, Header, WriteBlock};
use super::schema::SCHEMA_ID;

/// Builds a message block by block: header and root, then each group in order.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    bytes: Vec<u8>,
    version: u16,
    extra: usize,
}

impl MessageBuilder {
    /// Begins a message of that template as schema `version` has it.
    #[must_use]
    pub fn new<W: WriteBlock>(template_id: u16, version: u16, root: &W) -> Self {
        Self::extended(template_id, version, 0, root)
    }

    /// The same, with `extra` bytes behind each block: as a later version would have that added fields.
    #[must_use]
    pub fn extended<W: WriteBlock>(template_id: u16, version: u16, extra: usize, root: &W) -> Self {
        let header = Header {
            block_length: length_of::<W>(version, extra) as u16,
            template_id,
            schema_id: SCHEMA_ID,
            version,
        };
        let mut builder = Self {
            bytes: header.bytes().to_vec(),
            version,
            extra,
        };
        builder.block(root);
        builder
    }

    /// Adds a group whose header has 3 bytes. No more than 255 entries are taken.
    #[must_use]
    pub fn group<W: WriteBlock>(self, entries: &[W]) -> Self {
        self.any_group::<W, GROUP>(entries)
    }

    /// Adds a group whose header has 8 bytes. No more than 255 entries are taken.
    #[must_use]
    pub fn group_8<W: WriteBlock>(self, entries: &[W]) -> Self {
        self.any_group::<W, GROUP_8>(entries)
    }

    fn any_group<W: WriteBlock, const HEADER: usize>(mut self, entries: &[W]) -> Self {
        let count = u8::try_from(entries.len()).unwrap_or(u8::MAX);
        let mut header = [0; HEADER];
        header[..2]
            .copy_from_slice(&(length_of::<W>(self.version, self.extra) as u16).to_le_bytes());
        header[HEADER - 1] = count;
        self.bytes.extend_from_slice(&header);
        for entry in &entries[..usize::from(count)] {
            self.block(entry);
        }
        self
    }

    fn block<W: WriteBlock>(&mut self, block: &W) {
        let start = self.bytes.len();
        let length = length_of::<W>(self.version, 0);
        self.bytes.resize(start + length, 0);
        block.write(self.version, &mut self.bytes[start..]);
        // Anything but zeros, so that a test sees whether they are read.
        self.bytes.resize(start + length + self.extra, 0xA5);
    }

    /// The message, without the length that a packet has in front of it.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn length_of<W: WriteBlock>(version: u16, extra: usize) -> usize {
    (W::SPEC.length(version) + extra).min(usize::from(u16::MAX))
}
