//! Whatever the bytes, the decoder keeps its promises.

use gateway_feed::iex::harness::exercise;
use gateway_feed::iex::messages::{LENGTHS, TYPES};
use gateway_feed::iex::{PacketBuilder, TOPS};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
    }

    /// Messages of the right length with any content, in a segment.
    #[test]
    fn any_messages(
        drawn in prop::collection::vec(
            (prop::sample::select(TYPES), prop::collection::vec(any::<u8>(), 128), 0..5_u8), 0..30,
        ),
    ) {
        let mut builder = PacketBuilder::new(TOPS, 1, 1, 1, 8_000);
        for (kind, mut bytes, symbol) in drawn {
            bytes.truncate(LENGTHS[usize::from(kind)].into());
            bytes[0] = kind;
            // Few symbols, so that they come again; some of them none.
            if let (Some(place), 1..) = (bytes.get_mut(10..18), symbol) {
                place.copy_from_slice(&[b'A' + symbol, b' ', b' ', b' ', b' ', b' ', b' ', b' ']);
            }
            builder.push(&bytes).unwrap();
        }
        builder.finish(1, exercise);
    }
}
