//! What the messages of an MDP 3.0 channel lead to: the levels of each instrument, and the orders that rest.

use std::collections::BTreeMap;

use gateway_feed::mdp3::MessageBuilder;
use gateway_feed::mdp3::sbe::Header;
use gateway_feed::mdp3::schema::{
    Book, Future, OrderBook, SecurityStatus, Trades, WriteOrderSnapshotEntry,
    WriteOrderSnapshotRoot, WriteSnapshotEntry, WriteSnapshotRoot,
};

use crate::flow::{MDP3_VERSION, MIDNIGHT_NS};

/// Levels that are published of each side.
const DEPTH: usize = 10;
/// Orders of one message of a snapshot.
const ORDERS_PER_CHUNK: usize = 40;

/// A level as it is published: price in units of 1e-9, quantity, orders.
pub type PublishedLevel = (i64, i32, i32);
/// An order: whether it is a bid, its price in units of 1e-9, its quantity.
pub type PublishedOrder = (bool, i64, i32);

/// The state after the messages so far.
#[derive(Debug, Default)]
pub struct Mdp3State {
    instruments: BTreeMap<i32, Instrument>,
    /// The last definition of each.
    definitions: BTreeMap<i32, Vec<u8>>,
    /// The number of the last packet.
    last_packet: u32,
    transact_time: u64,
}

/// An instrument as it is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instrument {
    /// "RptSeq" of the last entry about it.
    pub rpt_seq: u32,
    /// Bids, the best first.
    pub bids: Vec<PublishedLevel>,
    /// Offers, the best first.
    pub offers: Vec<PublishedLevel>,
    /// Orders by their number.
    pub orders: BTreeMap<u64, PublishedOrder>,
    status: Option<u8>,
}

impl Instrument {
    fn side(&mut self, entry_type: u8) -> Option<&mut Vec<PublishedLevel>> {
        match entry_type {
            b'0' => Some(&mut self.bids),
            b'1' => Some(&mut self.offers),
            _ => None,
        }
    }

    fn order(&mut self, update_action: u8, order_id: u64, order: PublishedOrder) {
        if update_action == 2 {
            self.orders.remove(&order_id);
        } else {
            self.orders.insert(order_id, order);
        }
    }
}

impl Mdp3State {
    /// Takes a message of packet `packet`. What is none of those that change the state changes nothing.
    pub fn apply(&mut self, packet: u64, message: &[u8]) {
        self.last_packet = packet as u32;
        let Some((header, body)) = Header::split(message) else {
            return;
        };
        match header.template_id {
            46 => self.book(&header, body),
            47 => self.order_book(&header, body),
            4 => {
                for instrument in self.instruments.values_mut() {
                    *instrument = Instrument {
                        status: instrument.status,
                        ..Instrument::default()
                    };
                }
            }
            48 => {
                for trade in Trades::parse(&header, body)
                    .iter()
                    .flat_map(|view| view.entries)
                {
                    self.about(trade.security_id()).rpt_seq = trade.rpt_seq();
                }
            }
            54 => {
                if let Some(future) = Future::parse(&header, body) {
                    let security_id = future.root.security_id();
                    self.about(security_id);
                    self.definitions.insert(security_id, message.to_vec());
                }
            }
            30 => {
                let status = SecurityStatus::parse(&header, body).map(|view| view.root);
                if let Some((id, root)) = status.and_then(|root| Some((root.security_id()?, root)))
                {
                    self.about(id).status = root.security_trading_status();
                }
            }
            _ => {}
        }
    }

    /// The instruments by their security ids.
    #[must_use]
    pub const fn instruments(&self) -> &BTreeMap<i32, Instrument> {
        &self.instruments
    }

    /// When the last event was.
    #[must_use]
    pub fn transact_time(&self) -> u64 {
        self.transact_time.max(MIDNIGHT_NS)
    }

    /// What a snapshot loop tells of all instruments as they are now: "SnapshotFullRefresh" and
    /// "SnapshotFullRefreshOrderBook" of each; of one without levels an entry says that the book is empty (`J`).
    #[must_use]
    pub fn snapshots(&self) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for (id, instrument) in &self.instruments {
            messages.push(self.levels(*id, instrument));
            self.orders(*id, instrument, &mut messages);
        }
        messages
    }

    /// What a loop of the instrument feed tells: the definition of each instrument.
    #[must_use]
    pub fn definitions(&self) -> Vec<Vec<u8>> {
        let total = (self.definitions.len() as u32).to_le_bytes();
        let mut messages: Vec<_> = self.definitions.values().cloned().collect();
        for message in &mut messages {
            // "TotNumReports", behind the header and "MatchEventIndicator".
            if let Some(place) = message.get_mut(Header::BYTES + 1..Header::BYTES + 5) {
                place.copy_from_slice(&total);
            }
        }
        messages
    }

    fn levels(&self, security_id: i32, instrument: &Instrument) -> Vec<u8> {
        let root = WriteSnapshotRoot {
            last_msg_seq_num_processed: self.last_packet,
            tot_num_reports: self.instruments.len() as u32,
            security_id,
            rpt_seq: instrument.rpt_seq,
            transact_time: self.transact_time(),
            last_update_time: self.transact_time(),
            md_security_trading_status: instrument.status,
            ..WriteSnapshotRoot::default()
        };
        let sides = [(b'0', &instrument.bids), (b'1', &instrument.offers)];
        let entries: Vec<_> = sides
            .into_iter()
            .flat_map(|(entry_type, levels)| {
                (1..)
                    .zip(levels)
                    .map(move |(place, (price, size, orders))| WriteSnapshotEntry {
                        price: Some(*price),
                        size: Some(*size),
                        number_of_orders: Some(*orders),
                        price_level: Some(place),
                        entry_type,
                        ..WriteSnapshotEntry::default()
                    })
            })
            .collect();
        let empty = WriteSnapshotEntry {
            entry_type: b'J',
            ..WriteSnapshotEntry::default()
        };
        let entries = if entries.is_empty() {
            vec![empty]
        } else {
            entries
        };
        MessageBuilder::new(52, MDP3_VERSION, &root)
            .group(&entries)
            .finish()
    }

    fn orders(&self, security_id: i32, instrument: &Instrument, messages: &mut Vec<Vec<u8>>) {
        let entries: Vec<_> = instrument
            .orders
            .iter()
            .map(
                |(order_id, (is_bid, price, size))| WriteOrderSnapshotEntry {
                    order_id: *order_id,
                    order_priority: Some(*order_id),
                    price: *price,
                    display_quantity: *size,
                    entry_type: if *is_bid { b'0' } else { b'1' },
                },
            )
            .collect();
        let chunks = entries.len().div_ceil(ORDERS_PER_CHUNK).max(1);
        for number in 0..chunks {
            let root = WriteOrderSnapshotRoot {
                last_msg_seq_num_processed: self.last_packet,
                tot_num_reports: self.instruments.len() as u32,
                security_id,
                no_chunks: chunks as u32,
                current_chunk: number as u32 + 1,
                transact_time: self.transact_time(),
            };
            let chunk = entries
                .chunks(ORDERS_PER_CHUNK)
                .nth(number)
                .unwrap_or_default();
            let message = MessageBuilder::new(53, MDP3_VERSION, &root).group(chunk);
            messages.push(message.finish());
        }
    }

    fn about(&mut self, security_id: i32) -> &mut Instrument {
        self.instruments.entry(security_id).or_default()
    }

    fn book(&mut self, header: &Header, body: &[u8]) {
        let Some(book) = Book::parse(header, body) else {
            return;
        };
        self.transact_time = book.root.transact_time();
        for entry in book.entries {
            let instrument = self.about(entry.security_id());
            instrument.rpt_seq = entry.rpt_seq();
            let Some(side) = instrument.side(entry.entry_type()) else {
                continue;
            };
            let place = usize::from(entry.price_level())
                .saturating_sub(1)
                .min(side.len());
            let level = (
                entry.price().unwrap_or_default(),
                entry.size().unwrap_or_default(),
                entry.number_of_orders().unwrap_or_default(),
            );
            match entry.update_action() {
                0 => {
                    side.insert(place, level);
                    side.truncate(DEPTH);
                }
                1 if place < side.len() => side[place] = level,
                2 if place < side.len() => {
                    side.remove(place);
                }
                _ => {}
            }
        }
        for order in book.orders {
            let index = order
                .reference_id()
                .map(|id| usize::from(id).wrapping_sub(1));
            let Some(entry) = index.and_then(|index| book.entries.get(index)) else {
                continue;
            };
            let resting = (
                entry.entry_type() == b'0',
                entry.price().unwrap_or_default(),
                order.display_quantity().unwrap_or_default(),
            );
            let instrument = self.about(entry.security_id());
            instrument.order(order.update_action(), order.order_id(), resting);
        }
    }

    fn order_book(&mut self, header: &Header, body: &[u8]) {
        let Some(book) = OrderBook::parse(header, body) else {
            return;
        };
        self.transact_time = book.root.transact_time();
        for entry in book.entries {
            let resting = (
                entry.entry_type() == b'0',
                entry.price().unwrap_or_default(),
                entry.display_quantity().unwrap_or_default(),
            );
            let order_id = entry.order_id().unwrap_or_default();
            let instrument = self.about(entry.security_id());
            instrument.order(entry.update_action(), order_id, resting);
        }
    }
}
