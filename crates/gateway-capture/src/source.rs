//! An opened file, decompressed on the way, that knows how far it has been read.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::CaptureError;

/// The first bytes of a gzip file (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How much compressed data is read at once, in bytes.
const COMPRESSED_BYTES: usize = 64 << 10;

/// The bytes of a file, decompressed where it is gzip (several members in a row included).
#[derive(Debug)]
pub struct FileSource {
    input: Input,
    bytes_total: Option<u64>,
}

/// The file behind the bytes that were read from it to see what it is.
type Rewound = Chain<Cursor<Vec<u8>>, Counted>;

#[derive(Debug)]
enum Input {
    Plain(Rewound),
    Gzip(Box<MultiGzDecoder<BufReader<Rewound>>>),
}

#[derive(Debug)]
struct Counted {
    file: File,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

impl FileSource {
    /// Opens `path`, which may also be a pipe.
    ///
    /// # Errors
    /// [`CaptureError::Open`] where it cannot be opened or its first bytes cannot be read (a directory).
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::open_file(path).map_err(|source| CaptureError::Open {
            name: path.display().to_string(),
            source,
        })
    }

    fn open_file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let bytes_total = metadata.is_file().then_some(metadata.len());
        let mut counted = Counted { file, bytes: 0 };
        let mut start = Vec::with_capacity(GZIP_MAGIC.len());
        (&mut counted)
            .take(GZIP_MAGIC.len() as u64)
            .read_to_end(&mut start)?;
        let gzip = start == GZIP_MAGIC;
        let rewound = Cursor::new(start).chain(counted);
        let input = if gzip {
            Input::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                COMPRESSED_BYTES,
                rewound,
            ))))
        } else {
            Input::Plain(rewound)
        };
        Ok(Self { input, bytes_total })
    }

    /// Bytes read of the file as it lies on disk, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.input {
            Input::Plain(file) => file.get_ref().1.bytes,
            Input::Gzip(decoder) => decoder.get_ref().get_ref().get_ref().1.bytes,
        }
    }

    /// Size of the file on disk in bytes; `None` for a pipe.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }
}

impl Read for FileSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.input {
            Input::Plain(file) => file.read(buffer),
            Input::Gzip(decoder) => decoder.read(buffer),
        }
    }
}
