//! Statistics: volume, settlement, open interest, opening price, highs and lows, limits.

use dbn::{StatType, StatUpdateAction, UNDEF_PRICE, UNDEF_STAT_QUANTITY, UNDEF_TIMESTAMP};

use super::book::completes;
use super::decoder::{Incoming, Mdp3Decoder};
use super::schema::{
    DailyStatistics, Limits, LongSessionStatistics, LongVolume, SessionStatistics, Volume,
};
use crate::record::v3;
use crate::sink::{InstrumentId, MessageContext, Nanos, RecordSink};

const DAY_NS: u64 = 86_400 * 1_000_000_000;

/// A statistic of an instrument.
#[derive(Clone, Copy)]
pub(super) struct Statistic {
    pub(super) kind: StatType,
    /// In units of 1e-9.
    pub(super) price: i64,
    pub(super) quantity: Option<i64>,
    /// Days since the Unix epoch.
    pub(super) reference_day: Option<u16>,
    pub(super) flags: u8,
    pub(super) deleted: bool,
}

impl Statistic {
    /// The statistic of an entry type; `None` where DBN has none for it.
    pub(super) const fn of(entry_type: u8, open_close_settl_flag: Option<u8>) -> Option<Self> {
        let kind = match (entry_type, open_close_settl_flag) {
            (b'4', Some(5)) => StatType::IndicativeOpeningPrice,
            (b'4', _) => StatType::OpeningPrice,
            (b'6', _) => StatType::SettlementPrice,
            (b'7', _) => StatType::TradingSessionHighPrice,
            (b'8', _) => StatType::TradingSessionLowPrice,
            (b'9', _) => StatType::Vwap,
            (b'B', _) => StatType::ClearedVolume,
            (b'C', _) => StatType::OpenInterest,
            (b'N', _) => StatType::HighestBid,
            (b'O', _) => StatType::LowestOffer,
            (b'W', _) => StatType::FixingPrice,
            // Traded on Globex in the session so far.
            (b'e', _) => StatType::VenueSpecificVolume1,
            _ => return None,
        };
        Some(Self::new(kind))
    }

    const fn new(kind: StatType) -> Self {
        Self {
            kind,
            price: UNDEF_PRICE,
            quantity: None,
            reference_day: None,
            flags: 0,
            deleted: false,
        }
    }

    const fn updated_by(mut self, update_action: u8) -> Self {
        self.deleted = update_action == 2;
        self
    }
}

/// A message of statistics.
pub(super) trait Statistics {
    fn root(&self) -> (u64, u8);
    /// The instruments of its entries, and where each stands in its instrument's reports.
    fn reports(&self) -> impl Iterator<Item = (i32, u32)>;
    /// Its statistics, with the instrument of each; `None` where DBN has none for an entry.
    fn statistics(&self, incoming: &Incoming<'_>)
    -> impl Iterator<Item = (i32, Option<Statistic>)>;
}

macro_rules! statistics {
    ($view:ident, |$incoming:ident, $entry:ident| $($statistic:expr),+) => {
        impl Statistics for $view<'_> {
            fn root(&self) -> (u64, u8) {
                (self.root.transact_time(), self.root.match_event_indicator())
            }

            fn reports(&self) -> impl Iterator<Item = (i32, u32)> {
                self.entries.iter().map(|entry| (entry.security_id(), entry.rpt_seq()))
            }

            fn statistics(&self, $incoming: &Incoming<'_>) -> impl Iterator<Item = (i32, Option<Statistic>)> {
                self.entries.iter().flat_map(|$entry| [$( ($entry.security_id(), $statistic) ),+])
            }
        }
    };
}

statistics!(Volume, |_incoming, entry| Statistic::of(b'e', None).map(
    |statistic| Statistic {
        quantity: Some(entry.size().into()),
        ..statistic.updated_by(entry.update_action())
    }
));
statistics!(LongVolume, |_incoming, entry| Statistic::of(b'e', None)
    .map(|statistic| Statistic {
        quantity: i64::try_from(entry.size()).ok(),
        ..statistic.updated_by(entry.update_action())
    }));
statistics!(DailyStatistics, |incoming, entry| Statistic::of(
    entry.entry_type(),
    None
)
.map(|statistic| Statistic {
    price: incoming.price(entry.price()),
    quantity: entry.size().map(i64::from),
    reference_day: entry.trading_reference_date(),
    flags: entry.settl_price_type(),
    ..statistic.updated_by(entry.update_action())
}));
statistics!(SessionStatistics, |incoming, entry| Statistic::of(
    entry.entry_type(),
    entry.open_close_settl_flag(),
)
.map(|statistic| Statistic {
    price: incoming.price(Some(entry.price())),
    quantity: entry.size().flatten().map(i64::from),
    ..statistic.updated_by(entry.update_action())
}));
statistics!(LongSessionStatistics, |incoming, entry| Statistic::of(
    entry.entry_type(),
    entry.open_close_settl_flag(),
)
.map(|statistic| Statistic {
    price: incoming.price(Some(entry.price())),
    quantity: entry.size().and_then(|size| i64::try_from(size).ok()),
    ..statistic.updated_by(entry.update_action())
}));
statistics!(
    Limits,
    |incoming, entry| limit(
        StatType::UpperPriceLimit,
        incoming,
        entry.high_limit_price()
    ),
    limit(StatType::LowerPriceLimit, incoming, entry.low_limit_price())
);

/// A limit that is not given is deleted.
fn limit(kind: StatType, incoming: &Incoming<'_>, price: Option<i64>) -> Option<Statistic> {
    Some(Statistic {
        price: incoming.price(price),
        deleted: price.is_none(),
        ..Statistic::new(kind)
    })
}

impl Mdp3Decoder {
    /// 33, 34, 35, 37, 49, 50, 51, 66, 67.
    pub(super) fn statistics<V: Statistics, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &V,
        sink: &mut S,
    ) {
        let (time, indicator) = view.root();
        let about = self.about(view.reports().map(|(security_id, _)| security_id));
        self.native(incoming, about, sink);
        for (security_id, rpt_seq) in view.reports() {
            if let Some(place) = self.directory.find(security_id) {
                self.report(place, [rpt_seq; 2]);
            }
        }
        let mut mapped = true;
        for (security_id, statistic) in view.statistics(incoming) {
            let place = self.directory.find(security_id);
            let (Some(place), Some(statistic)) = (place, statistic) else {
                mapped = false;
                continue;
            };
            let instrument = self.directory.instrument(place);
            let record = self.statistic(instrument, time, incoming.context, &statistic);
            self.reference(instrument, &record, sink);
        }
        if !mapped {
            self.unmapped_too(incoming, about, sink);
        }
        if completes(indicator) {
            self.close_event(incoming.context, time, sink);
        }
    }

    pub(super) fn statistic(
        &self,
        instrument: InstrumentId,
        time: Nanos,
        context: &MessageContext,
        statistic: &Statistic,
    ) -> v3::StatMsg {
        let delta = context.ts_recv.wrapping_sub(time).cast_signed();
        let action = if statistic.deleted {
            StatUpdateAction::Delete
        } else {
            StatUpdateAction::New
        };
        v3::StatMsg {
            hd: v3::RecordHeader::new::<v3::StatMsg>(
                dbn::rtype::STATISTICS,
                self.publisher_id,
                instrument.0,
                time,
            ),
            ts_recv: context.ts_recv,
            ts_ref: statistic
                .reference_day
                .map_or(UNDEF_TIMESTAMP, |day| u64::from(day) * DAY_NS),
            price: statistic.price,
            quantity: statistic.quantity.unwrap_or(UNDEF_STAT_QUANTITY),
            sequence: context.sequence as u32,
            ts_in_delta: delta.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            stat_type: statistic.kind as u16,
            channel_id: self.channel_id.into(),
            update_action: action as u8,
            stat_flags: statistic.flags,
            ..Default::default()
        }
    }
}
