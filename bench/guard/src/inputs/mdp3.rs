//! Books of CME MDP 3.0.

use gateway_feed::mdp3::MessageBuilder;
use gateway_feed::mdp3::schema::{WriteBookEntry, WriteBookOrder, WriteIncremental};

use super::{Draws, Messages};

/// "MDIncrementalRefreshBook" of schema version 9.
const TEMPLATE: u16 = 46;
const VERSION: u16 = 9;
/// Levels of a book.
const DEPTH: u8 = 10;
/// The event is complete, and these were its last quotes.
const COMPLETE: u8 = 0x84;
/// 2019-12-30 14:30:00 UTC in nanoseconds.
const OPENS: u64 = 1_577_716_200_000_000_000;
const NEW: u8 = 0;
const CHANGE: u8 = 1;
const DELETE: u8 = 2;

/// Updates of books.
#[derive(Clone, Debug)]
pub struct BookUpdates {
    /// Each a whole event of one instrument, of one to four entries.
    pub messages: Messages,
    /// Entries of all of them.
    pub entries: usize,
}

/// `messages` updates of the books by price of `instruments` instruments, each consistent with those before: half of the
/// entries change a level, the others add and delete one.
#[must_use]
pub fn book_updates(instruments: u32, messages: usize) -> BookUpdates {
    let mut draws = Draws::new();
    // Levels of both sides.
    let mut depths = vec![[0_u8; 2]; instruments as usize];
    // Each one's reports so far.
    let mut reports = vec![0_u32; instruments as usize];
    let mut drawn = BookUpdates {
        messages: Messages::default(),
        entries: 0,
    };
    for number in 0..messages {
        let instrument = draws.below(instruments);
        let entries: Vec<WriteBookEntry> = (0..=draws.below(4))
            .map(|_| {
                let rpt_seq = &mut reports[instrument as usize];
                *rpt_seq += 1;
                WriteBookEntry {
                    rpt_seq: *rpt_seq,
                    ..entry(&mut draws, instrument, &mut depths[instrument as usize])
                }
            })
            .collect();
        drawn.entries += entries.len();
        let root = WriteIncremental {
            transact_time: OPENS + number as u64 * 20_000,
            match_event_indicator: COMPLETE,
        };
        let message = MessageBuilder::new(TEMPLATE, VERSION, &root)
            .group(&entries)
            .group_8::<WriteBookOrder>(&[]);
        drawn.messages.push(&message.finish());
    }
    drawn
}

fn entry(draws: &mut Draws, instrument: u32, depths: &mut [u8; 2]) -> WriteBookEntry {
    let side = draws.below(2) as usize;
    let depth = &mut depths[side];
    let update_action = match draws.below(4) {
        _ if *depth == 0 => NEW,
        0 if *depth < DEPTH => NEW,
        0 | 1 if *depth > 1 => DELETE,
        _ => CHANGE,
    };
    let levels = *depth + u8::from(update_action == NEW);
    let price_level = 1 + draws.below(u32::from(levels)) as u8;
    match update_action {
        NEW => *depth += 1,
        DELETE => *depth -= 1,
        _ => {}
    }
    let away = i64::from(price_level) * 250_000_000;
    let middle = 3_000_000_000_000;
    WriteBookEntry {
        price: Some(if side == 0 {
            middle - away
        } else {
            middle + away
        }),
        size: Some(1 + draws.below(200) as i32),
        security_id: 10_000 + instrument as i32,
        number_of_orders: Some(1 + draws.below(30) as i32),
        price_level,
        update_action,
        entry_type: b'0' + side as u8,
        ..WriteBookEntry::default()
    }
}
