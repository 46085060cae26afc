//! The program that reads the card's stamps, by what a driver may answer.
#![allow(clippy::unwrap_used, missing_docs)]

use gateway_test_xdp::card::{CardProgram, DriverAnswer};
use gateway_test_xdp::fixtures::{bytes, ours};
use gateway_test_xdp::kernel::{XDP_REDIRECT, load};
use gateway_test_xdp::namespace::{index, with_veth};
use gateway_test_xdp::socket::XdpSocket;
use gateway_wire::shared::{CARD_METADATA_LEN, CardMetadata};

#[test]
fn whatever_the_driver_answers_the_packet_comes_and_the_answer_is_counted() {
    with_veth(|| {
        // Says why where this process may not.
        if load().is_none() {
            return;
        }
        let frame = bytes(ours());
        let socket = XdpSocket::bind(index("feed1"), 0);
        for (result, stamp, counted) in [
            (0, 77, "card_stamped"),
            (0, -1, "card_stamped"),
            (0, 0, "card_unstamped"),
            (-libc::ENODATA, 0, "card_unstamped"),
            // What was written before the error is none.
            (-libc::ENODATA, 77, "card_unstamped"),
            (-libc::EOPNOTSUPP, 0, "card_unsupported"),
            (-libc::EINVAL, 77, "card_failed"),
            (1, 77, "card_failed"),
        ] {
            let answer = DriverAnswer { result, stamp };
            let program = CardProgram::load(answer, &socket);
            let outcome = program.run(&frame);
            assert_eq!(outcome.action, XDP_REDIRECT, "{answer:?}");
            assert_eq!(outcome.packet, frame, "{answer:?}");
            assert_eq!(program.notes(), [(counted, 1)], "{answer:?}");
            let front: [u8; CARD_METADATA_LEN] = outcome.front.as_slice().try_into().unwrap();
            let metadata = outcome.metadata().unwrap();
            assert!(metadata.hook_ns().is_some(), "{answer:?}");
            let card_ns = CardMetadata::card_ns(&front);
            let stamped = counted == "card_stamped";
            assert_eq!(metadata.has_card_stamp(), stamped, "{answer:?}");
            let expected = if stamped {
                i64::from(stamp).cast_unsigned()
            } else {
                0
            };
            assert_eq!(card_ns, expected, "{answer:?}");
        }
    });
}
