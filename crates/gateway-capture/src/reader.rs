//! Captured frames, one after the other, from pcap or pcapng.

use std::io::Read;
use std::path::Path;

use pcap_parser::{
    PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use crate::buffer::StreamBuffer;
use crate::pcapng::{BLOCK_HEADER_BYTES, Section};
use crate::{CaptureError, FileSource, LinkType, RECORD_BYTES_MAX};

/// Bytes of a classic pcap file header.
const FILE_HEADER_BYTES: usize = 24;
/// Bytes of a classic pcap record header.
const RECORD_HEADER_BYTES: usize = 16;
/// Bytes of a record header in the "modified" format of old Linux systems.
const RECORD_HEADER_MODIFIED_BYTES: usize = 24;
/// The first four bytes of a pcapng file, the same in both byte orders.
pub(crate) const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// One frame as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedPacket<'a> {
    /// When it was captured, in nanoseconds since the Unix epoch; 0 where the format has no time (simple blocks).
    pub timestamp_ns: u64,
    /// What the frame starts with.
    pub link: LinkType,
    /// The bytes that were captured.
    pub frame: &'a [u8],
    /// Length of the frame on the wire in bytes; more than `frame` holds where the capture was limited.
    pub original_len: u32,
    /// Where its record starts in the file's (uncompressed) data.
    pub offset: u64,
    /// Index of the capturing interface within its section; 0 in classic pcap.
    pub interface: u32,
}

/// Reads frames in the order of the file.
#[derive(Debug)]
pub struct CaptureReader<R> {
    stream: StreamBuffer<R>,
    format: Format,
    /// Bytes of the record handed out last, consumed before the next.
    pending: usize,
    ended: bool,
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    Pcapng(Section),
}

#[derive(Clone, Copy, Debug)]
struct Classic {
    link: LinkType,
    big_endian: bool,
    modified: bool,
    nanoseconds: bool,
}

impl CaptureReader<FileSource> {
    /// Opens the capture at `path`, plain or gzip-compressed.
    ///
    /// # Errors
    /// [`CaptureError::Open`], [`CaptureError::NotACapture`], or what [`Self::next`] returns, for the file's header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        Self::from_reader(path.display().to_string(), FileSource::open(path)?)
    }

    /// Bytes read of the file as it lies on disk, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.stream.reader().bytes_read()
    }

    /// Size of the file on disk in bytes; `None` for a pipe.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.stream.reader().bytes_total()
    }
}

impl<R: Read> CaptureReader<R> {
    /// Reads uncompressed data from `reader`; errors call it `name`.
    ///
    /// # Errors
    /// As [`CaptureReader::open`], but for opening.
    pub fn from_reader(name: impl Into<String>, reader: R) -> Result<Self, CaptureError> {
        let mut stream = StreamBuffer::new(name.into(), reader);
        let format = if stream.fill(PCAPNG_MAGIC.len())? && stream.data().starts_with(&PCAPNG_MAGIC)
        {
            Format::Pcapng(Section::default())
        } else {
            Format::Classic(Classic::read(&mut stream)?)
        };
        Ok(Self {
            stream,
            format,
            pending: 0,
            ended: false,
        })
    }

    /// The next frame; `None` at the end and after an error.
    ///
    /// # Errors
    /// [`CaptureError::Truncated`], [`CaptureError::TooLong`], [`CaptureError::Damaged`], [`CaptureError::Read`]: all
    /// frames before the offset they name were delivered.
    #[allow(
        clippy::should_implement_trait,
        reason = "lends the buffer, which Iterator cannot express"
    )]
    pub fn next(&mut self) -> Result<Option<CapturedPacket<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        match self.advance() {
            Ok(Some(record)) => {
                self.pending = record.record_len;
                let frame =
                    &self.stream.data()[record.frame_start..record.frame_start + record.frame_len];
                Ok(Some(CapturedPacket {
                    timestamp_ns: record.timestamp_ns,
                    link: record.link,
                    frame,
                    original_len: record.original_len,
                    offset: self.stream.offset(),
                    interface: record.interface,
                }))
            }
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Record>, CaptureError> {
        self.stream.consume(std::mem::take(&mut self.pending));
        match &mut self.format {
            Format::Classic(classic) => classic.advance(&mut self.stream),
            Format::Pcapng(section) => section.advance(&mut self.stream),
        }
    }
}

/// A record that lies whole at the start of the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) record_len: usize,
    pub(crate) frame_start: usize,
    pub(crate) frame_len: usize,
    pub(crate) timestamp_ns: u64,
    pub(crate) link: LinkType,
    pub(crate) original_len: u32,
    pub(crate) interface: u32,
}

impl Classic {
    fn read<R: Read>(stream: &mut StreamBuffer<R>) -> Result<Self, CaptureError> {
        let whole = stream.fill(FILE_HEADER_BYTES)?;
        match parse_pcap_header(stream.data()) {
            Ok((_, header)) => {
                stream.consume(FILE_HEADER_BYTES);
                Ok(Self::new(&header))
            }
            Err(_) if !whole && is_classic(stream.data()) => {
                Err(stream.truncated(FILE_HEADER_BYTES as u64))
            }
            Err(_) => Err(CaptureError::NotACapture {
                name: stream.name().to_owned(),
                start: first_bytes(stream.data()),
            }),
        }
    }

    fn new(header: &PcapHeader) -> Self {
        Self {
            // The upper half of the field tells the length of the frame check sequence.
            link: LinkType::new(header.network.0 as u16),
            big_endian: header.is_bigendian(),
            modified: header.is_modified_format(),
            nanoseconds: header.is_nanosecond_precision(),
        }
    }

    fn advance<R: Read>(
        &self,
        stream: &mut StreamBuffer<R>,
    ) -> Result<Option<Record>, CaptureError> {
        let header_len = if self.modified {
            RECORD_HEADER_MODIFIED_BYTES
        } else {
            RECORD_HEADER_BYTES
        };
        if !stream.require_or_end(header_len)? {
            return Ok(None);
        }
        let data = stream.data();
        let captured = [data[8], data[9], data[10], data[11]];
        let captured = if self.big_endian {
            u32::from_be_bytes(captured)
        } else {
            u32::from_le_bytes(captured)
        };
        if captured as usize > RECORD_BYTES_MAX - header_len {
            return Err(stream.too_long(u64::from(captured)));
        }
        let record_len = header_len + captured as usize;
        stream.require(record_len)?;
        let parse = match (self.modified, self.big_endian) {
            (true, _) => parse_pcap_frame_modified,
            (false, true) => parse_pcap_frame_be,
            (false, false) => parse_pcap_frame,
        };
        let (_, block) = parse(stream.data())
            .map_err(|_| stream.damaged("a record header that cannot be read"))?;
        let fraction_ns = u64::from(block.ts_usec) * if self.nanoseconds { 1 } else { 1_000 };
        Ok(Some(Record {
            record_len,
            frame_start: header_len,
            frame_len: captured as usize,
            timestamp_ns: u64::from(block.ts_sec) * 1_000_000_000 + fraction_ns,
            link: self.link,
            original_len: block.origlen,
            interface: 0,
        }))
    }
}

/// Whether the first bytes are those of a classic pcap file.
pub(crate) fn is_classic(start: &[u8]) -> bool {
    start.first_chunk::<4>().is_some_and(|magic| {
        matches!(
            u32::from_le_bytes(*magic),
            0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 | 0xd4c3_b2a1 | 0x4d3c_b2a1
        )
    })
}

fn first_bytes(data: &[u8]) -> String {
    if data.is_empty() {
        return "nothing (the file is empty)".to_owned();
    }
    let shown = &data[..data.len().min(8)];
    shown
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}

const _: () = assert!(BLOCK_HEADER_BYTES < RECORD_BYTES_MAX);
