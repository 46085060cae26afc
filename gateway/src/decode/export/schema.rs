//! Which records a file takes.

use std::ffi::c_char;

use dbn::Action;
use gateway_client::Record;
use gateway_feed::record::v3::{
    ImbalanceMsg, InstrumentDefMsg, MboMsg, Mbp1Msg, RecordHeader, StatMsg, StatusMsg, TradeMsg,
};
use serde::Serialize;

/// Which records a file takes: one of Databento's schemas, or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Schema {
    /// Every event of every order, and trades
    #[default]
    Mbo,
    /// Best bids and asks, of feeds that send those
    #[serde(rename = "mbp-1")]
    #[value(name = "mbp-1")]
    Mbp1,
    /// Trades only
    Trades,
    /// Instruments
    Definition,
    /// Halts and resumptions of trading, short-sale restrictions
    Status,
    /// Auction imbalances
    Imbalance,
    /// Settlement prices, volumes, open interest and the like
    Statistics,
    /// mbo, mbp-1, definition, status, imbalance and statistics in one file, in the order in which they came
    All,
}

/// A record as a file has it.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    Mbo(&'a MboMsg),
    Mbp1(&'a Mbp1Msg),
    Trade(TradeMsg),
    Definition(&'a InstrumentDefMsg),
    Status(&'a StatusMsg),
    Imbalance(&'a ImbalanceMsg),
    Statistics(&'a StatMsg),
}

impl Schema {
    /// As DBN numbers it; `None` where a file holds several.
    #[must_use]
    pub const fn in_dbn(self) -> Option<dbn::Schema> {
        match self {
            Self::Mbo => Some(dbn::Schema::Mbo),
            Self::Mbp1 => Some(dbn::Schema::Mbp1),
            Self::Trades => Some(dbn::Schema::Trades),
            Self::Definition => Some(dbn::Schema::Definition),
            Self::Status => Some(dbn::Schema::Status),
            Self::Imbalance => Some(dbn::Schema::Imbalance),
            Self::Statistics => Some(dbn::Schema::Statistics),
            Self::All => None,
        }
    }

    /// `record` as a file of this schema has it; `None` where it does not take it.
    pub(super) fn entry<'a>(self, record: &Record<'a>) -> Option<Entry<'a>> {
        match (*record, self) {
            (Record::Mbo(order), Self::Mbo | Self::All) => Some(Entry::Mbo(order)),
            (Record::Mbp1(quote), Self::Mbp1 | Self::All) => Some(Entry::Mbp1(quote)),
            (Record::Mbo(order), Self::Trades) if is_trade(order) => {
                Some(Entry::Trade(trade(order)))
            }
            (Record::Definition(definition), Self::Definition | Self::All) => {
                Some(Entry::Definition(definition))
            }
            (Record::Trade(trade), Self::Trades | Self::All) => Some(Entry::Trade(trade.clone())),
            (Record::Status(status), Self::Status | Self::All) => Some(Entry::Status(status)),
            (Record::Imbalance(imbalance), Self::Imbalance | Self::All) => {
                Some(Entry::Imbalance(imbalance))
            }
            (Record::Statistics(statistic), Self::Statistics | Self::All) => {
                Some(Entry::Statistics(statistic))
            }
            _ => None,
        }
    }
}

const fn is_trade(order: &MboMsg) -> bool {
    order.action.cast_unsigned() == Action::Trade as u8
}

/// The trade that an order record of action `T` tells, as the schema `trades` has it.
fn trade(order: &MboMsg) -> TradeMsg {
    TradeMsg {
        hd: RecordHeader::new::<TradeMsg>(
            dbn::rtype::MBP_0,
            order.hd.publisher_id,
            order.hd.instrument_id,
            order.hd.ts_event,
        ),
        price: order.price,
        size: order.size,
        action: Action::Trade as c_char,
        side: order.side,
        flags: order.flags,
        depth: 0,
        ts_recv: order.ts_recv,
        ts_in_delta: order.ts_in_delta,
        sequence: order.sequence,
    }
}

/// What became of the records that were decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordCounts {
    /// Which records the file takes.
    pub schema: Schema,
    /// How many were written.
    pub written: u64,
    /// How many were not.
    pub left_out: LeftOut,
}

/// Records that a file does not take, by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Order records; in a file of trades all but those.
    pub mbo: u64,
    /// Best bids and asks.
    #[serde(rename = "mbp-1")]
    pub mbp1: u64,
    /// Instruments.
    pub definition: u64,
    /// Trading statuses.
    pub status: u64,
    /// Auction imbalances.
    pub imbalance: u64,
    /// Statistics of the venue.
    pub statistics: u64,
    /// Gaps, resets, session starts and ends: DBN has no such records.
    pub control: u64,
    /// Messages without a counterpart in DBN.
    pub native: u64,
    /// Records of types that this version does not know.
    pub unknown: u64,
}

impl RecordCounts {
    pub(super) fn new(schema: Schema) -> Self {
        Self {
            schema,
            written: 0,
            left_out: LeftOut::default(),
        }
    }
}

impl LeftOut {
    pub(super) fn count(&mut self, record: &Record<'_>) {
        let counter = match record {
            Record::Mbo(_) => &mut self.mbo,
            Record::Mbp1(_) => &mut self.mbp1,
            Record::Definition(_) => &mut self.definition,
            Record::Status(_) => &mut self.status,
            Record::Imbalance(_) => &mut self.imbalance,
            Record::Statistics(_) => &mut self.statistics,
            Record::Control(_) => &mut self.control,
            Record::Native { .. } => &mut self.native,
            // What no feed decodes to yet: books are of conflated queues, trades come as order records.
            Record::Mbp10(_) | Record::Trade(_) | Record::Other(_) => &mut self.unknown,
        };
        *counter += 1;
    }

    /// Each counter with its name.
    #[must_use]
    pub const fn by_name(&self) -> [(&'static str, u64); 9] {
        [
            ("mbo", self.mbo),
            ("mbp-1", self.mbp1),
            ("definition", self.definition),
            ("status", self.status),
            ("imbalance", self.imbalance),
            ("statistics", self.statistics),
            ("control", self.control),
            ("native", self.native),
            ("unknown", self.unknown),
        ]
    }
}
