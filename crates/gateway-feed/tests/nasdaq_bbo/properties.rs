//! Whatever the bytes, the decoder keeps its promises.

use gateway_feed::nasdaq_bbo::harness::exercise;
use gateway_feed::nasdaq_bbo::messages::{LENGTHS, TYPES};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
    }

    /// Messages of the right length with any content.
    #[test]
    fn any_messages(
        drawn in prop::collection::vec(
            (prop::sample::select(TYPES), prop::collection::vec(any::<u8>(), 64), 0..5_u8), 0..30,
        ),
    ) {
        let mut row = Vec::new();
        for (kind, mut bytes, symbol) in drawn {
            bytes.truncate(LENGTHS[usize::from(kind)].into());
            bytes[0] = kind;
            // Few symbols, so that they come again; some of them none.
            if let (Some(place), 1..) = (bytes.get_mut(9..17), symbol) {
                place.copy_from_slice(&[b'A' + symbol, b' ', b' ', b' ', b' ', b' ', b' ', b' ']);
            }
            row.push(bytes.len() as u8);
            row.extend(bytes);
        }
        exercise(&row);
    }
}
