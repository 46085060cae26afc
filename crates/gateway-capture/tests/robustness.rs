//! Whatever the bytes are: no panic, an end, and no frame that the file does not hold.
#![allow(clippy::unwrap_used)]

use gateway_capture::ItchFileReader;
use proptest::prelude::*;

#[path = "common/build.rs"]
mod build;
#[path = "common/exhaust.rs"]
mod exhaust;
use build::{Order, classic, enhanced, interface, obsolete, section, simple};
use exhaust::{exhaust, exhaust_messages};

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Little), Just(Order::Big)]
}

fn capture() -> impl Strategy<Value = Vec<u8>> {
    let frames = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6);
    (order(), any::<bool>(), frames).prop_map(|(order, pcapng, frames)| {
        if !pcapng {
            let frames: Vec<_> = frames
                .iter()
                .map(|frame| (1, 2, frame.as_slice()))
                .collect();
            return classic(order, true, 1, &frames);
        }
        let mut file = [
            section(order),
            interface(order, 1, 64, &[(9, &[9]), (14, &[0; 8])]),
        ]
        .concat();
        for (index, frame) in frames.iter().enumerate() {
            file.extend(match index % 3 {
                0 => enhanced(order, 0, 5, frame, 100),
                1 => simple(order, frame),
                _ => obsolete(order, 0, 5, frame),
            });
        }
        file
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes(data in prop::collection::vec(any::<u8>(), 0..600)) {
        exhaust(&data);
        exhaust_messages(&data);
    }

    #[test]
    fn damaged_captures(
        mut data in capture(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let whole = exhaust(&data);
        prop_assert!(whole <= 6);
        exhaust(&data[..keep.index(data.len())]);
        for (place, value) in damage {
            let place = place.index(data.len());
            data[place] = value;
        }
        exhaust(&data);
    }

    #[test]
    fn messages_come_back_as_written(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..40)) {
        let file: Vec<u8> = messages.iter().flat_map(|message| {
            (message.len() as u16).to_be_bytes().into_iter().chain(message.iter().copied())
        }).collect();
        exhaust_messages(&file);
        let mut reader = ItchFileReader::from_reader("test", file.as_slice());
        for message in &messages {
            prop_assert_eq!(reader.next().unwrap().unwrap().1, message.as_slice());
        }
        prop_assert!(reader.next().unwrap().is_none());
    }
}
