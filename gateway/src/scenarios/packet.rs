//! Requests and replies: a header of our own, and zeros up to the size that is measured.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | `GWsc` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | 1 request, 2 reply |
//! | 6 | 2 | zero |
//! | 8 | 8 | token of the run, so that strays of another one are known |
//! | 16 | 8 | sequence within the measurement, from 0 |
//! | 24 | 8 | when the request was sent, or should have been (requester's clock, ns) |
//! | 32 | 8 | when the responder had it (its clock, ns); zero in a request |
//!
//! All numbers are little-endian.

/// Bytes of the header: the smallest payload.
pub const PACKET_BYTES_MIN: usize = 40;
/// The largest payload: what an Ethernet frame of 1,500 bytes carries by IPv4 and UDP.
pub const PACKET_BYTES_MAX: usize = 1_472;

const MAGIC: [u8; 4] = *b"GWsc";
const VERSION: u8 = 1;

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// To the responder.
    Request = 1,
    /// Back.
    Reply = 2,
}

/// The header of a request or reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Which way it goes.
    pub kind: Kind,
    /// The run it belongs to.
    pub token: u64,
    /// Its number within the measurement.
    pub sequence: u64,
    /// When it was sent, or should have been, nanoseconds of the requester's clock.
    pub sent_ns: u64,
    /// When the responder had it, nanoseconds of its clock; 0 in a request.
    pub received_ns: u64,
}

impl Packet {
    /// Reads the header of `payload`; `None` where it is none of ours.
    #[inline]
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let header = payload.first_chunk::<PACKET_BYTES_MIN>()?;
        if header[..4] != MAGIC || header[4] != VERSION {
            return None;
        }
        let kind = match header[5] {
            1 => Kind::Request,
            2 => Kind::Reply,
            _ => return None,
        };
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        Some(Self {
            kind,
            token: word(8),
            sequence: word(16),
            sent_ns: word(24),
            received_ns: word(32),
        })
    }

    /// Writes the header to the start of `payload`, which must have room for it.
    ///
    /// # Panics
    /// When `payload` is shorter than [`PACKET_BYTES_MIN`].
    #[inline]
    pub fn encode(&self, payload: &mut [u8]) {
        let header = &mut payload[..PACKET_BYTES_MIN];
        header[..4].copy_from_slice(&MAGIC);
        header[4] = VERSION;
        header[5] = self.kind as u8;
        header[6..8].fill(0);
        let words = [self.token, self.sequence, self.sent_ns, self.received_ns];
        for (bytes, word) in header[8..].chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPLY: Packet = Packet {
        kind: Kind::Reply,
        token: 0x1122_3344_5566_7788,
        sequence: 7,
        sent_ns: u64::MAX,
        received_ns: 1,
    };

    #[test]
    fn what_is_written_is_read_back() {
        let mut payload = [0xff; 64];
        REPLY.encode(&mut payload);
        assert_eq!(&payload[..8], b"GWsc\x01\x02\x00\x00");
        assert_eq!(payload[8], 0x88, "little-endian");
        assert_eq!(Packet::decode(&payload), Some(REPLY));
    }

    #[test]
    fn others_are_refused() {
        let mut payload = [0; PACKET_BYTES_MIN];
        REPLY.encode(&mut payload);
        assert_eq!(Packet::decode(&payload[..PACKET_BYTES_MIN - 1]), None);
        for (at, value) in [(0, b'g'), (4, 2), (5, 0), (5, 3)] {
            let mut other = payload;
            other[at] = value;
            assert_eq!(Packet::decode(&other), None, "byte {at} = {value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            if let Some(packet) = Packet::decode(&bytes) {
                let mut again = [0; PACKET_BYTES_MIN];
                packet.encode(&mut again);
                prop_assert_eq!(Packet::decode(&again), Some(packet));
            }
        }
    }
}
