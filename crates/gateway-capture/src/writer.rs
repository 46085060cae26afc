//! Writes classic pcap with nanosecond time stamps: for tests, and for what the simulator records.

use std::io::{self, Write};

use crate::{LinkType, RECORD_BYTES_MAX};

/// Little-endian nanosecond pcap.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// libpcap's largest frame.
const SNAP_LEN: u32 = 262_144;

/// Writes frames to a capture that tcpdump, Wireshark and [`crate::CaptureReader`] read.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    output: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header. Give a buffered `output`: each frame is two small writes.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn new(mut output: W, link: LinkType) -> io::Result<Self> {
        output.write_all(&MAGIC_NANOSECONDS.to_le_bytes())?;
        output.write_all(&2_u16.to_le_bytes())?;
        output.write_all(&4_u16.to_le_bytes())?;
        output.write_all(&[0; 8])?;
        output.write_all(&SNAP_LEN.to_le_bytes())?;
        output.write_all(&u32::from(link.number()).to_le_bytes())?;
        Ok(Self { output })
    }

    /// Writes one frame, captured at `timestamp_ns` since the Unix epoch (the format ends in 2106).
    ///
    /// # Errors
    /// Those of the output; `InvalidInput` for a time or a frame that the format cannot hold.
    pub fn write(&mut self, timestamp_ns: u64, frame: &[u8]) -> io::Result<()> {
        let seconds = u32::try_from(timestamp_ns / 1_000_000_000).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a pcap time stamp ends in the year 2106",
            )
        })?;
        if frame.len() > RECORD_BYTES_MAX - 16 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a frame longer than a capture may hold",
            ));
        }
        let length = (frame.len() as u32).to_le_bytes();
        self.output.write_all(&seconds.to_le_bytes())?;
        self.output
            .write_all(&((timestamp_ns % 1_000_000_000) as u32).to_le_bytes())?;
        self.output.write_all(&length)?;
        self.output.write_all(&length)?;
        self.output.write_all(frame)
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Flushes and gives the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}
