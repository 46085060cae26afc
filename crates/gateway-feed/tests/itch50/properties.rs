//! What holds for any bytes.

use gateway_feed::itch50::encode;
use gateway_feed::itch50::harness::exercise;
use gateway_feed::itch50::messages::{LENGTHS, Message, TYPES};
use proptest::prelude::*;

/// Encodes what was read from a message: every field of every type.
macro_rules! reencode {
    ($message:expr; $($name:ident)*) => {
        match $message {
            $( Message::$name(view) => encode::$name::from(view).encode().to_vec(), )*
        }
    };
}

fn reencode(message: Message<'_>) -> Vec<u8> {
    reencode!(message;
        SystemEvent StockDirectory StockTradingAction RegShoRestriction MarketParticipantPosition MwcbDeclineLevel
        MwcbStatus QuotingPeriodUpdate LuldAuctionCollar OperationalHalt AddOrder AddOrderAttributed OrderExecuted
        OrderExecutedWithPrice OrderCancel OrderDelete OrderReplace Trade CrossTrade BrokenTrade NetOrderImbalance
        RetailInterest DirectListingPriceDiscovery)
}

/// A message of a known type and its length, whose fields are anything.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let of_type = |message_type: u8| {
        let length = usize::from(LENGTHS[usize::from(message_type)]);
        proptest::collection::vec(any::<u8>(), length).prop_map(move |mut bytes| {
            bytes[0] = message_type;
            bytes
        })
    };
    proptest::sample::select(TYPES).prop_flat_map(of_type)
}

/// What a line may deliver: mostly messages, some cut or lengthened, some of no known type.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => any_message(),
        1 => (any_message(), any::<proptest::sample::Index>())
            .prop_map(|(message, at)| message[..at.index(message.len())].to_vec()),
        1 => (any_message(), 1..9_usize).prop_map(|(mut message, more)| {
            message.resize(message.len() + more, 0);
            message
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ]
}

proptest! {
    #[test]
    fn a_message_read_and_written_again_is_the_same(bytes in any_message()) {
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.message_type(), bytes[0]);
        prop_assert_eq!(reencode(message), bytes);
    }

    #[test]
    fn no_bytes_panic_the_decoder(input in proptest::collection::vec(any::<u8>(), 0..600)) {
        exercise(&input);
    }

    #[test]
    fn rows_of_damaged_messages_are_counted_and_the_others_decoded(
        messages in proptest::collection::vec(nearly_a_message(), 1..20)
    ) {
        let framed: Vec<u8> = messages
            .iter()
            .flat_map(|message| std::iter::once(u8::try_from(message.len()).unwrap()).chain(message.iter().copied()))
            .collect();
        exercise(&framed);
    }
}
