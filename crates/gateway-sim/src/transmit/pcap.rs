//! Packets into a capture file instead of onto a network.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddrV4;
use std::path::Path;
use std::rc::Rc;

use gateway_capture::{LinkType, PcapWriter};
use gateway_wire::build::UdpFrame;

use super::{Outgoing, Transmit};

/// Source address of the frames that are written.
const SOURCE: [u8; 4] = [192, 0, 2, 1];
/// Ethernet, IPv4 and UDP headers in front of a payload.
const HEADER_BYTES: usize = 42;

/// A capture that the lines of a publisher write to.
#[derive(Clone)]
pub struct PcapFile {
    output: Rc<RefCell<Output>>,
}

struct Output {
    writer: PcapWriter<BufWriter<Box<dyn Write>>>,
    start_ns: u64,
    last_ns: u64,
    frame: Vec<u8>,
}

impl PcapFile {
    /// Creates the file at `path`; time stamps count from `start_ns` (nanoseconds since the Unix epoch).
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path, start_ns: u64) -> io::Result<Self> {
        Self::new(Box::new(File::create(path)?), start_ns)
    }

    /// Writes to `output`; time stamps count from `start_ns` (nanoseconds since the Unix epoch).
    ///
    /// # Errors
    /// The system's.
    pub fn new(output: Box<dyn Write>, start_ns: u64) -> io::Result<Self> {
        let writer = PcapWriter::new(BufWriter::new(output), LinkType::Ethernet)?;
        let output = Output {
            writer,
            start_ns,
            last_ns: start_ns,
            frame: Vec::new(),
        };
        Ok(Self {
            output: Rc::new(RefCell::new(output)),
        })
    }

    /// The line to `destination`.
    #[must_use]
    pub fn line(&self, destination: SocketAddrV4) -> PcapLine {
        PcapLine {
            file: self.clone(),
            destination,
        }
    }

    fn write(&self, destination: SocketAddrV4, packet: &Outgoing) -> io::Result<()> {
        let output = &mut *self.output.borrow_mut();
        let frame = UdpFrame {
            source: SOURCE,
            source_port: destination.port(),
            destination: destination.ip().octets(),
            destination_port: destination.port(),
            payload: &packet.payload,
            ..UdpFrame::default()
        };
        output.frame.resize(HEADER_BYTES + packet.payload.len(), 0);
        let length = frame
            .write(&mut output.frame)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        // Time never runs backwards in a capture, and no two frames come at once.
        output.last_ns = (output.start_ns + packet.at_ns).max(output.last_ns + 1);
        output.writer.write(output.last_ns, &output.frame[..length])
    }

    /// Writes what is buffered. Without it the file's end may be missing.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&self) -> io::Result<()> {
        self.output.borrow_mut().writer.flush()
    }
}

/// One line of a [`PcapFile`].
pub struct PcapLine {
    file: PcapFile,
    destination: SocketAddrV4,
}

impl Transmit for PcapLine {
    fn send(&mut self, packets: &[Outgoing]) -> (usize, io::Result<()>) {
        for (written, packet) in packets.iter().enumerate() {
            if let Err(error) = self.file.write(self.destination, packet) {
                return (written, Err(error));
            }
        }
        (packets.len(), Ok(()))
    }
}
