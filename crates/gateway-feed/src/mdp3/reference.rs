//! Definitions and states: rare records, built as DBN structs.

use std::ffi::c_char;

use dbn::{InstrumentClass, Side, StatusAction, StatusReason, TradingEvent, TriState};

use super::book::completes;
use super::decoder::{Incoming, Mdp3Decoder};
use super::sbe::{Group, Text};
use super::schema::{
    EventEntry, FeedTypeEntry, Future, InstAttribEntry, LegEntry, LotTypeEntry, OptionDefinition,
    OtherDefinition, SecurityStatus, Spread, UnderlyingEntry,
};
use crate::itch50::copy_text;
use crate::record::v3;
use crate::sink::{InstrumentId, RecordSink};

/// What there is to know of an instrument, but for its place in the channel.
pub(super) struct Definition<'a> {
    record: v3::InstrumentDefMsg,
    security_id: i32,
    symbol: Text<20>,
    group: Text<6>,
    asset: Text<6>,
    underlyings: Option<Group<'a, UnderlyingEntry<'a>>>,
    legs: Option<Group<'a, LegEntry<'a>>>,
}

/// A message that defines an instrument.
pub(super) trait Define {
    fn define(&self, incoming: &Incoming<'_>) -> Definition<'_>;
}

/// What all definitions have, from their root and the groups that they share.
macro_rules! common {
    ($view:ident, $incoming:ident, $class:expr) => {{
        let root = &$view.root;
        let price = |price| $incoming.price(price);
        let (activation, expiration) = events($view.events);
        let (market_depth, market_depth_implied) = depths($view.feed_types);
        let mut record = v3::InstrumentDefMsg {
            ts_recv: $incoming.context.ts_recv,
            min_price_increment: price(root.min_price_increment().into()),
            display_factor: price(Some(root.display_factor())),
            activation,
            expiration,
            high_limit_price: price(root.high_limit_price()),
            low_limit_price: price(root.low_limit_price()),
            raw_instrument_id: u64::from(root.security_id().cast_unsigned()),
            inst_attrib_value: attributes($view.attributes),
            market_depth,
            market_depth_implied,
            market_segment_id: root.market_segment_id().into(),
            max_trade_vol: root.max_trade_vol(),
            min_trade_vol: root.min_trade_vol(),
            appl_id: root.appl_id(),
            maturity_year: root.maturity_year().unwrap_or(u16::MAX),
            maturity_month: root.maturity_month().unwrap_or(u8::MAX),
            maturity_day: root.maturity_day().unwrap_or(u8::MAX),
            maturity_week: root.maturity_week().unwrap_or(u8::MAX),
            instrument_class: $class as c_char,
            match_algorithm: root.match_algorithm().cast_signed(),
            main_fraction: root.main_fraction().unwrap_or(u8::MAX),
            sub_fraction: root.sub_fraction().unwrap_or(u8::MAX),
            price_display_format: root.price_display_format().unwrap_or(u8::MAX),
            security_update_action: root.security_update_action().cast_signed(),
            user_defined_instrument: root.user_defined_instrument().cast_signed(),
            ..Default::default()
        };
        record.hd = v3::RecordHeader::new::<v3::InstrumentDefMsg>(
            dbn::rtype::INSTRUMENT_DEF,
            0,
            0,
            root.last_update_time(),
        );
        lots($view.lot_types, &mut record);
        copy_text(&mut record.raw_symbol, root.symbol().trimmed());
        copy_text(&mut record.group, root.security_group().trimmed());
        copy_text(&mut record.exchange, root.security_exchange().trimmed());
        copy_text(&mut record.asset, root.asset().trimmed());
        copy_text(&mut record.cfi, root.cfi_code().trimmed());
        copy_text(&mut record.security_type, root.security_type().trimmed());
        copy_text(&mut record.currency, root.currency().trimmed());
        copy_text(
            &mut record.unit_of_measure,
            root.unit_of_measure().trimmed(),
        );
        Definition {
            record,
            security_id: root.security_id(),
            symbol: root.symbol(),
            group: root.security_group(),
            asset: root.asset(),
            underlyings: None,
            legs: None,
        }
    }};
}

impl Define for Future<'_> {
    fn define(&self, incoming: &Incoming<'_>) -> Definition<'_> {
        let mut definition = common!(self, incoming, InstrumentClass::Future);
        let (root, record) = (&self.root, &mut definition.record);
        record.max_price_variation = incoming.price(root.max_price_variation());
        record.unit_of_measure_qty = incoming.price(root.unit_of_measure_qty());
        record.min_price_increment_amount = incoming.price(root.min_price_increment_amount());
        record.contract_multiplier = root.contract_multiplier().unwrap_or(i32::MAX);
        record.contract_multiplier_unit = root.contract_multiplier_unit().unwrap_or(i8::MAX);
        record.flow_schedule_type = root.flow_schedule_type().unwrap_or(i8::MAX);
        record.decay_quantity = root.decay_quantity().unwrap_or(i32::MAX);
        record.decay_start_date = root.decay_start_date().unwrap_or(u16::MAX);
        record.original_contract_size = root.original_contract_size().unwrap_or(i32::MAX);
        record.underlying_product = root.underlying_product();
        copy_text(&mut record.settl_currency, root.settl_currency().trimmed());
        definition
    }
}

impl Define for OptionDefinition<'_> {
    fn define(&self, incoming: &Incoming<'_>) -> Definition<'_> {
        let class = match self.root.put_or_call() {
            0 => InstrumentClass::Put,
            _ => InstrumentClass::Call,
        };
        let mut definition = common!(self, incoming, class);
        let (root, record) = (&self.root, &mut definition.record);
        record.strike_price = incoming.price(root.strike_price());
        record.unit_of_measure_qty = incoming.price(root.unit_of_measure_qty());
        record.min_price_increment_amount = incoming.price(root.min_price_increment_amount());
        record.tick_rule = tick_rule(root.tick_rule());
        record.underlying_product = root.underlying_product();
        copy_text(&mut record.settl_currency, root.settl_currency().trimmed());
        copy_text(
            &mut record.strike_price_currency,
            root.strike_currency().trimmed(),
        );
        definition.underlyings = Some(self.underlyings);
        definition
    }
}

impl Define for Spread<'_> {
    fn define(&self, incoming: &Incoming<'_>) -> Definition<'_> {
        let class = match self.root.security_type().trimmed() {
            b"FUT" => InstrumentClass::FutureSpread,
            b"OOF" | b"OOC" => InstrumentClass::OptionSpread,
            _ => InstrumentClass::MixedSpread,
        };
        let mut definition = common!(self, incoming, class);
        let (root, record) = (&self.root, &mut definition.record);
        record.max_price_variation = incoming.price(root.max_price_variation());
        record.price_ratio = incoming.price(root.price_ratio());
        record.tick_rule = tick_rule(root.tick_rule());
        record.underlying_product = root.underlying_product().unwrap_or(u8::MAX);
        copy_text(&mut record.secsubtype, root.security_sub_type().trimmed());
        definition.legs = Some(self.legs);
        definition
    }
}

fn tick_rule(rule: Option<i8>) -> u8 {
    rule.and_then(|rule| u8::try_from(rule).ok())
        .unwrap_or(u8::MAX)
}

/// When the instrument begins (5) and when it is last traded (7).
fn events(events: Group<'_, EventEntry<'_>>) -> (u64, u64) {
    let time_of = |kind| {
        let event = events.into_iter().find(|event| event.event_type() == kind);
        event.map_or(dbn::UNDEF_TIMESTAMP, |event| event.event_time())
    };
    (time_of(5), time_of(7))
}

/// How deep the book is, and the implied one.
fn depths(feed_types: Group<'_, FeedTypeEntry<'_>>) -> (i32, i32) {
    let depth_of = |name: &[u8]| {
        let of_name = |feed: &FeedTypeEntry<'_>| feed.feed_type().trimmed() == name;
        let feed = feed_types.into_iter().find(of_name);
        feed.map_or(i32::MAX, |feed| feed.market_depth().into())
    };
    (depth_of(b"GBX"), depth_of(b"GBI"))
}

fn attributes(attributes: Group<'_, InstAttribEntry<'_>>) -> i32 {
    let first = attributes.into_iter().next();
    first.map_or(i32::MAX, |attribute| attribute.value().cast_signed())
}

/// Least quantities by lot type: 1 odd lot, 2 round lot, 3 block. They have four decimals; only whole ones fit.
fn lots(lot_types: Group<'_, LotTypeEntry<'_>>, record: &mut v3::InstrumentDefMsg) {
    for lot in lot_types {
        let whole = lot
            .min_lot_size()
            .filter(|size| size % 10_000 == 0)
            .map_or(i32::MAX, |size| size / 10_000);
        match lot.lot_type() {
            1 => record.min_lot_size = whole,
            2 => record.min_lot_size_round_lot = whole,
            3 => record.min_lot_size_block = whole,
            _ => {}
        }
    }
}

impl Mdp3Decoder {
    /// 27, 29, 41, 54, 55, 56: one record, or one for each leg.
    pub(super) fn definition<V: Define, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &V,
        sink: &mut S,
    ) {
        let Definition {
            mut record,
            security_id,
            symbol,
            group,
            asset,
            underlyings,
            legs,
        } = view.define(incoming);
        let Some(place) = self.directory.find(security_id) else {
            return self.unmapped(incoming, InstrumentId(0), sink);
        };
        self.directory
            .learn(place, symbol, (group, asset), &mut self.counters, sink);
        let instrument = self.directory.instrument(place);
        self.native(incoming, instrument, sink);
        record.hd.publisher_id = self.publisher_id;
        record.hd.instrument_id = instrument.0;
        record.channel_id = self.channel_id.into();
        if let Some(underlying) = underlyings.and_then(|group| group.get(0)) {
            record.underlying_id = self.directory.number_of(underlying.security_id());
            copy_text(&mut record.underlying, underlying.symbol().trimmed());
        }
        let legs = legs.filter(|legs| !legs.is_empty());
        let Some(legs) = legs else {
            return self.reference(instrument, &record, sink);
        };
        record.leg_count = legs.len() as u16;
        for (index, leg) in (0..).zip(legs) {
            record.leg_index = index;
            record.leg_instrument_id = self.directory.number_of(leg.security_id());
            record.leg_raw_symbol.fill(0);
            let (_, symbol) = self.directory.look_up(leg.security_id());
            copy_text(&mut record.leg_raw_symbol, symbol);
            record.leg_ratio_qty_numerator = leg.ratio_quantity().into();
            record.leg_ratio_qty_denominator = 1;
            record.leg_price = incoming.price(leg.price());
            // Four decimals.
            record.leg_delta = leg
                .option_delta()
                .map_or(dbn::UNDEF_PRICE, |delta| i64::from(delta) * 100_000);
            record.leg_side = match leg.side() {
                1 => Side::Bid as c_char,
                2 => Side::Ask as c_char,
                _ => Side::None as c_char,
            };
            self.reference(instrument, &record, sink);
        }
    }

    /// 57, 58, 63: the symbol is learnt; the message goes out as it is.
    pub(super) fn other_definition<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &OtherDefinition<'_>,
        sink: &mut S,
    ) {
        let root = &view.root;
        let Some(place) = self.directory.find(root.security_id()) else {
            return self.unmapped(incoming, InstrumentId(0), sink);
        };
        let names = (root.security_group(), root.asset());
        self.directory
            .learn(place, root.symbol(), names, &mut self.counters, sink);
        let instrument = self.directory.instrument(place);
        self.unmapped(incoming, instrument, sink);
    }

    /// 30: of an instrument, or of all that are known of a group (and an asset of it).
    pub(super) fn security_status<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &SecurityStatus<'_>,
        sink: &mut S,
    ) {
        let root = &view.root;
        let one = root.security_id();
        let instrument = match one {
            Some(id) => InstrumentId(self.directory.number_of(id)),
            None => InstrumentId(0),
        };
        self.native(incoming, instrument, sink);
        let mut record = status(incoming, view);
        record.hd.publisher_id = self.publisher_id;
        if one.is_some() {
            record.hd.instrument_id = instrument.0;
            if instrument.0 == 0 {
                self.unmapped_too(incoming, instrument, sink);
            } else {
                self.reference(instrument, &record, sink);
            }
        } else {
            let asset = root.asset();
            let mut number = self.directory.first_of_group(&root.security_group());
            let mut told = false;
            while number != 0 {
                let (next, of_asset) = self.directory.next_of_group(number);
                if asset.trimmed().is_empty() || asset == of_asset {
                    record.hd.instrument_id = number;
                    self.reference(InstrumentId(number), &record, sink);
                    told = true;
                }
                number = next;
            }
            if !told {
                self.unmapped_too(incoming, instrument, sink);
            }
        }
        if completes(root.match_event_indicator()) {
            self.close_event(incoming.context, root.transact_time(), sink);
        }
    }
}

fn status(incoming: &Incoming<'_>, view: &SecurityStatus<'_>) -> v3::StatusMsg {
    let root = &view.root;
    let (action, trading, quoting) = match root.security_trading_status() {
        Some(2) => (StatusAction::Halt, TriState::No, TriState::No),
        Some(4) => (StatusAction::Close, TriState::No, TriState::No),
        Some(15) => (
            StatusAction::NewPriceIndication,
            TriState::No,
            TriState::Yes,
        ),
        Some(17) => (StatusAction::Trading, TriState::Yes, TriState::Yes),
        Some(18) => (
            StatusAction::NotAvailableForTrading,
            TriState::No,
            TriState::No,
        ),
        Some(21) => (StatusAction::PreOpen, TriState::No, TriState::Yes),
        Some(24) => (StatusAction::PreCross, TriState::No, TriState::Yes),
        Some(25) => (StatusAction::Cross, TriState::No, TriState::Yes),
        Some(26) => (StatusAction::PostClose, TriState::No, TriState::No),
        _ => (
            StatusAction::None,
            TriState::NotAvailable,
            TriState::NotAvailable,
        ),
    };
    let reason = match root.halt_reason() {
        0 => StatusReason::Scheduled,
        1 => StatusReason::SurveillanceIntervention,
        2 => StatusReason::MarketEvent,
        3 => StatusReason::InstrumentActivation,
        4 => StatusReason::InstrumentExpiration,
        6 => StatusReason::RecoveryInProcess,
        _ => StatusReason::None,
    };
    let event = match root.security_trading_event() {
        1 => TradingEvent::NoCancel,
        4 => TradingEvent::ChangeTradingSession,
        5 => TradingEvent::ImpliedMatchingOn,
        6 => TradingEvent::ImpliedMatchingOff,
        _ => TradingEvent::None,
    };
    v3::StatusMsg {
        hd: v3::RecordHeader::new::<v3::StatusMsg>(dbn::rtype::STATUS, 0, 0, root.transact_time()),
        ts_recv: incoming.context.ts_recv,
        action: action as u16,
        reason: reason as u16,
        trading_event: event as u16,
        is_trading: trading as c_char,
        is_quoting: quoting as c_char,
        is_short_sell_restricted: TriState::NotAvailable as c_char,
        _reserved: [0; 7],
    }
}
