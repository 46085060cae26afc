//! What must hold of any input, for property tests and fuzz targets alike.
#![allow(
    unreachable_pub,
    reason = "each program that includes this is a crate of its own"
)]

use gateway_capture::{CaptureReader, ItchFileReader};

/// Reads all there is and checks what must hold of any input.
pub fn exhaust(data: &[u8]) -> usize {
    let Ok(mut reader) = CaptureReader::from_reader("test", data) else {
        return 0;
    };
    let mut packets = 0;
    let mut last_end = 0;
    while let Ok(Some(packet)) = reader.next() {
        let end = packet.offset + packet.frame.len() as u64;
        assert!(packet.offset >= last_end, "records do not overlap");
        assert!(end <= data.len() as u64, "a frame lies within the file");
        last_end = end;
        packets += 1;
    }
    assert!(matches!(reader.next(), Ok(None)));
    packets
}

/// The same of a raw message file.
pub fn exhaust_messages(data: &[u8]) {
    let mut reader = ItchFileReader::from_reader("test", data);
    let mut next = 0;
    while let Ok(Some((offset, message))) = reader.next() {
        assert_eq!(offset, next);
        assert_eq!(message, &data[offset as usize + 2..][..message.len()]);
        next = offset + 2 + message.len() as u64;
    }
}
