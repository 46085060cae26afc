//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng): sections, interfaces, packets.

use std::io::Read;

use pcap_parser::{
    Block, InterfaceDescriptionBlock, OptionCode, PcapNGOption, parse_block_be, parse_block_le,
    parse_sectionheaderblock,
};

use crate::buffer::StreamBuffer;
use crate::reader::Record;
use crate::{CaptureError, INTERFACES_MAX, LinkType};

/// Type and length, which start every block.
pub(crate) const BLOCK_HEADER_BYTES: usize = 8;
/// The shortest block: its header and the length repeated at its end.
const BLOCK_BYTES_MIN: u32 = 12;
/// A section header says its byte order in the four bytes behind its length.
const BYTE_ORDER_END: usize = 12;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET_OBSOLETE: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Where the frame starts within its block.
const ENHANCED_FRAME_START: usize = 28;
const SIMPLE_FRAME_START: usize = 12;

const NANOS: u128 = 1_000_000_000;

/// What the blocks of a section refer to: byte order and interfaces.
#[derive(Debug, Default)]
pub(crate) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Most bytes captured of a frame; 0 for no limit.
    snap_len: u32,
    /// `if_tsresol`: a negative power of ten, or of two with the top bit set.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset_s: i64,
}

impl Section {
    /// Reads up to the next packet block and leaves it whole at the start of the buffer.
    pub(crate) fn advance<R: Read>(
        &mut self,
        stream: &mut StreamBuffer<R>,
    ) -> Result<Option<Record>, CaptureError> {
        while stream.require_or_end(BLOCK_HEADER_BYTES)? {
            let kind = self.word(stream.data(), 0);
            if kind == SECTION_HEADER {
                self.start(stream)?;
                continue;
            }
            let length = self.block_len(stream)?;
            match kind {
                INTERFACE_DESCRIPTION => {
                    stream.require(length as usize)?;
                    self.describe(stream, length as usize)?;
                    stream.consume(length as usize);
                }
                ENHANCED_PACKET | SIMPLE_PACKET | PACKET_OBSOLETE => {
                    stream.require(length as usize)?;
                    return self.packet(stream, kind, length as usize).map(Some);
                }
                // Names, statistics, secrets, custom blocks: of any length, and never held in memory.
                _ => stream.skip(u64::from(length))?,
            }
        }
        Ok(None)
    }

    /// A section header: byte order anew, interfaces from the start.
    fn start<R: Read>(&mut self, stream: &mut StreamBuffer<R>) -> Result<(), CaptureError> {
        stream.require(BYTE_ORDER_END)?;
        self.big_endian = stream.data()[8..12] == [0x1a, 0x2b, 0x3c, 0x4d];
        self.interfaces.clear();
        let length = self.block_len(stream)? as usize;
        stream.require(length)?;
        let (_, header) = parse_sectionheaderblock(&stream.data()[..length])
            .map_err(|_| stream.damaged("a section header that cannot be read"))?;
        if header.major_version != 1 {
            return Err(stream.damaged("a pcapng section of another major version than 1"));
        }
        stream.consume(length);
        Ok(())
    }

    fn describe<R: Read>(
        &mut self,
        stream: &StreamBuffer<R>,
        length: usize,
    ) -> Result<(), CaptureError> {
        if self.interfaces.len() == INTERFACES_MAX {
            return Err(stream.damaged("more interfaces in one section than any capture has"));
        }
        match self.block(&stream.data()[..length]) {
            Some(Block::InterfaceDescription(block)) => {
                let interface = self.interface(&block);
                self.interfaces.push(interface);
                Ok(())
            }
            _ => Err(stream.damaged("an interface description that cannot be read")),
        }
    }

    fn interface(&self, block: &InterfaceDescriptionBlock<'_>) -> Interface {
        let option = |code| block.options.iter().find(|option| option.code == code);
        let offset_s = option(OptionCode::IfTsoffset)
            .and_then(|option| self.signed(option))
            .unwrap_or(0);
        let resolution = option(OptionCode::IfTsresol)
            .and_then(|option| option.value.first().copied())
            .unwrap_or(6);
        Interface {
            link: LinkType::new(block.linktype.0 as u16),
            snap_len: block.snaplen,
            resolution,
            offset_s,
        }
    }

    fn signed(&self, option: &PcapNGOption<'_>) -> Option<i64> {
        let bytes = *option.value.first_chunk::<8>()?;
        Some(if self.big_endian {
            i64::from_be_bytes(bytes)
        } else {
            i64::from_le_bytes(bytes)
        })
    }

    fn packet<R: Read>(
        &self,
        stream: &StreamBuffer<R>,
        kind: u32,
        length: usize,
    ) -> Result<Record, CaptureError> {
        let data = stream.data();
        let block = self
            .block(&data[..length])
            .ok_or_else(|| stream.damaged("a packet block that cannot be read"))?;
        let (interface, ticks, frame_start, frame_len, original_len) = match &block {
            Block::EnhancedPacket(packet) => {
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                (
                    packet.if_id,
                    Some(ticks),
                    ENHANCED_FRAME_START,
                    packet.caplen as usize,
                    packet.origlen,
                )
            }
            Block::SimplePacket(packet) => {
                let limit = self
                    .interfaces
                    .first()
                    .map_or(0, |interface| interface.snap_len);
                let limit = if limit == 0 { u32::MAX } else { limit };
                let captured = packet.origlen.min(limit) as usize;
                (
                    0,
                    None,
                    SIMPLE_FRAME_START,
                    captured.min(packet.data.len()),
                    packet.origlen,
                )
            }
            // The obsolete packet block: as the enhanced one, with a 16-bit interface and a drop count.
            Block::Unknown(_) if kind == PACKET_OBSOLETE && length >= ENHANCED_FRAME_START + 4 => {
                let halves = [data[8], data[9]];
                let interface = if self.big_endian {
                    u16::from_be_bytes(halves)
                } else {
                    u16::from_le_bytes(halves)
                };
                let ticks = u64::from(self.word(data, 12)) << 32 | u64::from(self.word(data, 16));
                let captured = self.word(data, 20) as usize;
                (
                    u32::from(interface),
                    Some(ticks),
                    ENHANCED_FRAME_START,
                    captured,
                    self.word(data, 24),
                )
            }
            _ => return Err(stream.damaged("a packet block that cannot be read")),
        };
        // The block ends with its length repeated.
        if frame_len > length - 4 - frame_start {
            return Err(stream.damaged("a packet longer than its block"));
        }
        let Some(from) = self.interfaces.get(interface as usize) else {
            return Err(
                stream.damaged("a packet of an interface that the section does not describe")
            );
        };
        let timestamp_ns = match ticks {
            Some(ticks) => from.nanoseconds(ticks).ok_or_else(|| {
                stream.damaged("an interface whose time resolution is beyond any clock's")
            })?,
            None => 0,
        };
        Ok(Record {
            record_len: length,
            frame_start,
            frame_len,
            timestamp_ns,
            link: from.link,
            original_len,
            interface,
        })
    }

    fn block<'a>(&self, data: &'a [u8]) -> Option<Block<'a>> {
        let parsed = if self.big_endian {
            parse_block_be(data)
        } else {
            parse_block_le(data)
        };
        parsed.ok().map(|(_, block)| block)
    }

    fn block_len<R: Read>(&self, stream: &StreamBuffer<R>) -> Result<u32, CaptureError> {
        let length = self.word(stream.data(), 4);
        if length < BLOCK_BYTES_MIN || !length.is_multiple_of(4) {
            return Err(
                stream.damaged("a block length that is no multiple of 4 or shorter than 12")
            );
        }
        Ok(length)
    }

    /// The 32-bit number at `at`, which the caller has made sure is buffered.
    fn word(&self, data: &[u8], at: usize) -> u32 {
        let bytes = [data[at], data[at + 1], data[at + 2], data[at + 3]];
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

impl Interface {
    /// `ticks` of this interface's clock as nanoseconds since the epoch, `None` where the resolution is absurd.
    fn nanoseconds(&self, ticks: u64) -> Option<u64> {
        let exponent = u32::from(self.resolution & 0x7f);
        let per_second = if self.resolution & 0x80 == 0 {
            10_u128.checked_pow(exponent).filter(|_| exponent <= 19)?
        } else {
            1_u128.checked_shl(exponent).filter(|_| exponent <= 64)?
        };
        let since = i128::try_from(u128::from(ticks) * NANOS / per_second).ok()?;
        let shifted = since + i128::from(self.offset_s) * NANOS as i128;
        Some(shifted.clamp(0, i128::from(u64::MAX)) as u64)
    }
}
