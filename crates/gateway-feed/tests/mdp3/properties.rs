//! Whatever the bytes, the decoder keeps its promises; what is written is read back.

use gateway_feed::mdp3::harness::exercise;
use gateway_feed::mdp3::schema::{
    TEMPLATES, WriteBookEntry, WriteBookOrder, WriteIncremental, WriteTradeEntry, WriteTradeOrder,
};
use gateway_feed::mdp3::{MessageBuilder, PacketBuilder};
use proptest::prelude::*;

use crate::{decode, decoder, everything, lines};

/// A message of a template with blocks of the right length, or a little shorter or longer, of any content.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let header = (
        prop::sample::select(TEMPLATES),
        3..16_u16,
        0..6_usize,
        0..4_u8,
    );
    (header, prop::collection::vec(any::<u8>(), 4_096)).prop_map(
        |((spec, version, lengthen, count), noise)| {
            let mut noise = noise.into_iter();
            let mut message = Vec::new();
            let length = (spec.root.length(version) + lengthen).saturating_sub(2);
            for field in [length as u16, spec.id, 1, version] {
                message.extend(field.to_le_bytes());
            }
            let mut block = |message: &mut Vec<u8>, length: usize| {
                let start = message.len();
                message.extend(noise.by_ref().take(length));
                message.resize(start + length, 0);
            };
            block(&mut message, length);
            for group in spec.groups {
                let length = (group.entry.length(version) + lengthen).saturating_sub(2);
                let start = message.len();
                message.extend((length as u16).to_le_bytes());
                message.resize(start + group.header - 1, 0);
                message.push(count);
                for _ in 0..count {
                    block(&mut message, length);
                }
            }
            message
        },
    )
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
    }

    #[test]
    fn any_messages(messages in prop::collection::vec((any_message(), 0..64_usize), 0..12)) {
        let mut builder = PacketBuilder::new(1, 60_000);
        for (mut message, cut) in messages {
            // Some are cut.
            if cut < 8 {
                message.truncate((message.len() - cut).max(8));
            }
            builder.push(&message).unwrap();
        }
        builder.finish(1, exercise);
    }

    /// Levels and orders of few instruments, in any version: each is one record, in order, with its own values.
    #[test]
    fn levels_and_orders_are_read_back(
        version in 9..15_u16,
        extra in 0..9_usize,
        levels in prop::collection::vec((1..4_i32, -9_000..9_000_i64, 0..1_000_i32, 1..11_u8, 0..3_u8, any::<bool>()), 1..8),
        orders in prop::collection::vec((any::<u64>(), 0..50_i32, 0..3_u8, any::<prop::sample::Index>()), 0..8),
    ) {
        let entries: Vec<WriteBookEntry> = levels
            .iter()
            .map(|&(security_id, price, size, price_level, update_action, bid)| WriteBookEntry {
                price: Some(price),
                size: Some(size),
                security_id,
                price_level,
                update_action,
                entry_type: if bid { b'0' } else { b'1' },
                ..WriteBookEntry::default()
            })
            .collect();
        let behind: Vec<WriteBookOrder> = orders
            .iter()
            .map(|(order_id, quantity, update_action, level)| WriteBookOrder {
                order_id: *order_id,
                display_quantity: Some(*quantity),
                reference_id: Some(level.index(levels.len()) as u8 + 1),
                update_action: *update_action,
                ..WriteBookOrder::default()
            })
            .collect();
        let root = WriteIncremental { transact_time: 1, match_event_indicator: 0 };
        let message = MessageBuilder::extended(46, version, extra, &root)
            .group(&entries)
            .group_8(&behind)
            .finish();
        let (mut decoder, mut sink) = (decoder(), everything());
        decode(&mut decoder, &mut sink, &message);
        let mut numbers: Vec<i32> = Vec::new();
        let mut number = |id: i32| match numbers.iter().position(|known| *known == id) {
            Some(at) => at + 1,
            None => {
                numbers.push(id);
                numbers.len()
            }
        };
        let letter = |action: u8| ['A', 'M', 'C'][usize::from(action)];
        let side = |entry: &WriteBookEntry| if entry.entry_type == b'0' { 'B' } else { 'A' };
        let mut expected = Vec::new();
        for entry in &entries {
            expected.push(format!(
                "{} {} #{} order {:#x} {} x {} M",
                letter(entry.update_action), side(entry), number(entry.security_id), entry.price_level,
                entry.price.unwrap(), entry.size.unwrap(),
            ));
        }
        for order in &behind {
            let entry = &entries[usize::from(order.reference_id.unwrap()) - 1];
            expected.push(format!(
                "{} {} #{} order {:#x} {} x {}",
                letter(order.update_action), side(entry), number(entry.security_id), order.order_id,
                entry.price.unwrap(), order.display_quantity.unwrap(),
            ));
        }
        prop_assert_eq!(lines(&sink), expected);
    }

    #[test]
    fn trades_are_read_back(
        version in 9..15_u16,
        trades in prop::collection::vec((-9_000..9_000_i64, 1..1_000_i32, any::<u32>(), 0..4_usize), 1..6),
    ) {
        let entries: Vec<WriteTradeEntry> = trades
            .iter()
            .map(|&(price, size, id, orders)| WriteTradeEntry {
                price,
                size,
                security_id: 7,
                number_of_orders: Some(orders as i32),
                aggressor_side: Some(1),
                trade_entry_id: Some(id),
                ..WriteTradeEntry::default()
            })
            .collect();
        let count: usize = trades.iter().map(|trade| trade.3).sum();
        let orders: Vec<WriteTradeOrder> = (1..=count as u64)
            .map(|order_id| WriteTradeOrder { order_id, last_quantity: 1 })
            .collect();
        let root = WriteIncremental { transact_time: 1, match_event_indicator: 0 };
        let message = MessageBuilder::new(48, version, &root).group(&entries).group_8(&orders).finish();
        let (mut decoder, mut sink) = (decoder(), everything());
        decode(&mut decoder, &mut sink, &message);
        let mut expected = Vec::new();
        let mut next = 0;
        for (price, size, id, orders) in trades {
            // The highest number says that there is none.
            let id = if id == u32::MAX { 0 } else { id };
            expected.push(format!("T B #1 order {id:#x} {price} x {size}"));
            for first in 0..orders {
                next += 1;
                let side = if first == 0 { 'B' } else { 'A' };
                expected.push(format!("F {side} #1 order {next:#x} {price} x 1"));
            }
        }
        prop_assert_eq!(lines(&sink), expected);
    }
}
