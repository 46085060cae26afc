//! Whatever the bytes, the decoder keeps its promises.

use gateway_feed::pitch::harness::exercise;
use gateway_feed::pitch::layout::{Lengths, TYPES};
use gateway_feed::pitch::{Market, PacketBuilder};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
    }

    /// Messages of the right length with any content, about few orders and symbols, in a packet.
    #[test]
    fn any_messages(
        choice in any::<u8>(),
        drawn in prop::collection::vec(
            (prop::sample::select(TYPES), prop::collection::vec(any::<u8>(), 128), 0..5_u8), 0..30,
        ),
    ) {
        let market = Market::ALL[usize::from(choice) % 4];
        let mut builder = PacketBuilder::new(1, 1, 8_000);
        for ((kind, length), mut bytes, few) in drawn {
            let usual = Lengths::of(market).usual(kind);
            bytes.truncate(usize::from(if usual == 0 { length } else { usual }) - 1);
            bytes[0] = kind;
            // Few orders and symbols, so that they come again.
            if let (Some(place), 1..) = (bytes.get_mut(5..13), few) {
                place.fill(few);
            }
            for at in [16, 18] {
                if let (Some(place), 1..) = (bytes.get_mut(at..at + 6), few) {
                    place.copy_from_slice(&[b'A' + few, b' ', b' ', b' ', b' ', b' ']);
                }
            }
            builder.push(&bytes).unwrap();
        }
        builder.finish(|packet| exercise(&[&[choice], packet].concat()));
    }
}
