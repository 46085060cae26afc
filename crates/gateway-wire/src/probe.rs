//! Numbered packets, by which a receiver knows what did not arrive.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | `GWpr` |
//! | 4 | 4 | version, 1 |
//! | 8 | 8 | the run: another one for each start of a sender |
//! | 16 | 8 | number within the run, from 0 |
//!
//! All numbers are little-endian. What follows is of no meaning.

/// Bytes of a packet's head.
pub const NUMBERED_BYTES: usize = 24;

const MAGIC: [u8; 4] = *b"GWpr";
const VERSION: u32 = 1;

/// The head of a numbered packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// The run it belongs to.
    pub run: u64,
    /// Its number within the run.
    pub number: u64,
}

impl Numbered {
    /// Reads a payload's head; `None` where it is none of ours.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let head = payload.first_chunk::<NUMBERED_BYTES>()?;
        let (magic, rest) = head.split_first_chunk::<4>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (run, number) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC || u32::from_le_bytes(*version) != VERSION {
            return None;
        }
        Some(Self {
            run: u64::from_le_bytes(*run),
            number: u64::from_le_bytes(*number.first_chunk()?),
        })
    }

    /// The payload.
    #[must_use]
    pub fn encode(&self) -> [u8; NUMBERED_BYTES] {
        let mut payload = [0; NUMBERED_BYTES];
        let words = [
            u64::from_le_bytes([
                MAGIC[0],
                MAGIC[1],
                MAGIC[2],
                MAGIC[3],
                VERSION as u8,
                0,
                0,
                0,
            ]),
            self.run,
            self.number,
        ];
        for (bytes, word) in payload.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_as_it_was_written_and_others_are_not() {
        let packet = Numbered {
            run: 0x0102_0304_0506_0708,
            number: u64::MAX - 1,
        };
        let mut bytes = packet.encode();
        assert_eq!(&bytes[..8], b"GWpr\x01\0\0\0");
        assert_eq!(Numbered::decode(&bytes), Some(packet));
        for length in 0..NUMBERED_BYTES {
            assert_eq!(Numbered::decode(&bytes[..length]), None);
        }
        bytes[4] = 2;
        assert_eq!(Numbered::decode(&bytes), None);
        bytes[4] = 1;
        bytes[0] = b'X';
        assert_eq!(Numbered::decode(&bytes), None);
    }
}
