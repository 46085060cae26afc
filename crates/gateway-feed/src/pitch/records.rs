//! Records about an instrument rather than an order: definition, status, auction. They are rare, so they are built as DBN
//! structs, from defaults that say "undefined".

use std::ffi::c_char;

use dbn::{InstrumentClass, Side, StatusAction, StatusReason, TriState, UNDEF_PRICE};

use super::layout::{
    ComplexDefinition, FUTURES_LEG_BYTES, FuturesDefinition, Price4, Symbol6, SymbolMapping,
};
use super::time::UNDEFINED;
use crate::itch50::copy_text;
use crate::itch50::fields::Symbol;
use crate::little_endian::Field;
use crate::record::v3;
use crate::session_time::SessionClock;
use crate::sink::{MessageContext, Nanos};

/// What the reference records of a channel have in common.
#[derive(Clone, Debug)]
pub(super) struct ReferenceRecords {
    publisher_id: u16,
    channel_id: u8,
    /// Market identifier code of the publisher's venue; empty where the publisher is unknown.
    venue: &'static str,
}

/// A trading status, as the market means it.
pub(super) struct StatusOf {
    pub(super) ts_event: Nanos,
    pub(super) status: u8,
    /// Where the message has one.
    pub(super) reg_sho_action: Option<u8>,
    /// Whether `Q` is "queuing" rather than "quoting".
    pub(super) queues: bool,
}

/// An auction to come, of equities or options.
pub(super) struct Auction {
    pub(super) ts_event: Nanos,
    pub(super) auction_type: u8,
    pub(super) reference_price: Price4,
    /// Bought and sold.
    pub(super) quantities: (u32, u32),
    pub(super) indicative_price: Price4,
    pub(super) auction_only_price: Price4,
}

impl ReferenceRecords {
    pub(super) fn new(publisher_id: u16, channel_id: u8) -> Self {
        let publisher = dbn::Publisher::try_from(publisher_id).ok();
        Self {
            publisher_id,
            channel_id,
            venue: publisher.map_or("", |publisher| publisher.venue().as_str()),
        }
    }

    fn header<R: v3::HasRType>(
        &self,
        rtype: u8,
        instrument: u16,
        ts_event: Nanos,
    ) -> v3::RecordHeader {
        v3::RecordHeader::new::<R>(rtype, self.publisher_id, instrument.into(), ts_event)
    }

    /// 31.
    pub(super) fn status(
        &self,
        instrument: u16,
        context: &MessageContext,
        of: &StatusOf,
    ) -> v3::StatusMsg {
        let (action, trading, quoting) = match of.status {
            b'A' => (StatusAction::PreOpen, TriState::No, TriState::Yes),
            b'Q' if of.queues => (StatusAction::PreOpen, TriState::No, TriState::Yes),
            b'Q' => (StatusAction::Quoting, TriState::No, TriState::Yes),
            b'H' => (StatusAction::Halt, TriState::No, TriState::No),
            b'S' => (StatusAction::Suspend, TriState::No, TriState::No),
            b'R' => (StatusAction::Rotation, TriState::No, TriState::Yes),
            b'T' | b'L' => (StatusAction::Trading, TriState::Yes, TriState::Yes),
            _ => (
                StatusAction::None,
                TriState::NotAvailable,
                TriState::NotAvailable,
            ),
        };
        let restricted = match of.reg_sho_action {
            Some(b'0') => TriState::No,
            Some(b'1') => TriState::Yes,
            _ => TriState::NotAvailable,
        };
        v3::StatusMsg {
            hd: self.header::<v3::StatusMsg>(dbn::rtype::STATUS, instrument, of.ts_event),
            ts_recv: context.ts_recv,
            action: action as u16,
            reason: StatusReason::None as u16,
            trading_event: 0,
            is_trading: trading as c_char,
            is_quoting: quoting as c_char,
            is_short_sell_restricted: restricted as c_char,
            _reserved: [0; 7],
        }
    }

    /// 95, D1. Prices of 0 say "none".
    pub(super) fn auction(
        &self,
        instrument: u16,
        context: &MessageContext,
        auction: &Auction,
    ) -> v3::ImbalanceMsg {
        let (buy, sell) = auction.quantities;
        let side = match buy.cmp(&sell) {
            std::cmp::Ordering::Greater => Side::Bid,
            std::cmp::Ordering::Less => Side::Ask,
            std::cmp::Ordering::Equal => Side::None,
        };
        v3::ImbalanceMsg {
            hd: self.header::<v3::ImbalanceMsg>(
                dbn::rtype::IMBALANCE,
                instrument,
                auction.ts_event,
            ),
            ts_recv: context.ts_recv,
            ref_price: price_or_undefined(auction.reference_price),
            cont_book_clr_price: price_or_undefined(auction.indicative_price),
            auct_interest_clr_price: price_or_undefined(auction.auction_only_price),
            paired_qty: buy.min(sell),
            total_imbalance_qty: buy.abs_diff(sell),
            auction_type: auction.auction_type.cast_signed(),
            side: side as c_char,
            ..Default::default()
        }
    }

    fn definition(
        &self,
        instrument: u16,
        context: &MessageContext,
        ts_event: Nanos,
        class: InstrumentClass,
    ) -> v3::InstrumentDefMsg {
        let mut record = v3::InstrumentDefMsg {
            hd: self.header::<v3::InstrumentDefMsg>(
                dbn::rtype::INSTRUMENT_DEF,
                instrument,
                ts_event,
            ),
            ts_recv: context.ts_recv,
            display_factor: 1_000_000_000,
            raw_instrument_id: instrument.into(),
            channel_id: self.channel_id.into(),
            instrument_class: class as c_char,
            ..Default::default()
        };
        copy_text(&mut record.exchange, self.venue.as_bytes());
        copy_text(&mut record.currency, b"USD");
        record
    }

    /// 2E: a series of options; `None` where its symbol is none. The message has no time.
    pub(super) fn option(
        &self,
        instrument: u16,
        context: &MessageContext,
        mapping: &SymbolMapping<'_>,
        clock: &SessionClock,
    ) -> Option<v3::InstrumentDefMsg> {
        let osi = mapping.osi_symbol();
        let root = osi[..6].trim_ascii();
        let class = match osi[12] {
            b'C' => InstrumentClass::Call,
            b'P' => InstrumentClass::Put,
            _ => return None,
        };
        let date = number(&osi[6..12])?;
        let strike = number(&osi[13..])?;
        if root.is_empty() || !root.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let expiration = clock.midnight_of_day(20_000_000 + date)?;
        let mut record = self.definition(instrument, context, UNDEFINED, class);
        record.expiration = expiration;
        record.strike_price = i64::from(strike) * 1_000_000;
        record.maturity_year = (2_000 + date / 10_000) as u16;
        record.maturity_month = (date / 100 % 100) as u8;
        record.maturity_day = (date % 100) as u8;
        copy_text(&mut record.raw_symbol, &osi);
        copy_text(&mut record.asset, root);
        copy_text(
            &mut record.underlying,
            mapping.underlying().trim_ascii_end(),
        );
        copy_text(&mut record.strike_price_currency, b"USD");
        Some(record)
    }

    /// 9A, without its legs.
    pub(super) fn complex(
        &self,
        instrument: u16,
        context: &MessageContext,
        definition: &ComplexDefinition<'_>,
    ) -> v3::InstrumentDefMsg {
        let class = match definition.instrument_type()[0] {
            b'E' => InstrumentClass::MixedSpread,
            _ => InstrumentClass::OptionSpread,
        };
        let mut record = self.definition(instrument, context, UNDEFINED, class);
        copy_text(
            &mut record.raw_symbol,
            definition.symbol().0.trim_ascii_end(),
        );
        copy_text(
            &mut record.underlying,
            definition.underlying().trim_ascii_end(),
        );
        record
    }

    /// BB, without its legs. It has its own second, so that it may be sent again at any time.
    pub(super) fn future(
        &self,
        instrument: u16,
        context: &MessageContext,
        definition: &FuturesDefinition<'_>,
        clock: &SessionClock,
    ) -> v3::InstrumentDefMsg {
        let second = Nanos::from(definition.unit_timestamp()) * 1_000_000_000;
        let ts_event = second + Nanos::from(definition.time_offset());
        let class = match definition.legs() {
            0 => InstrumentClass::Future,
            _ => InstrumentClass::FutureSpread,
        };
        let mut record = self.definition(instrument, context, ts_event, class);
        let date = definition.expiration_date();
        if let Some(expiration) = clock.midnight_of_day(date) {
            record.expiration = expiration;
            record.maturity_year = (date / 10_000) as u16;
            record.maturity_month = (date / 100 % 100) as u8;
            record.maturity_day = (date % 100) as u8;
        }
        record.min_price_increment = price_or_undefined(definition.price_increment());
        if definition.contract_size() != 0 {
            record.contract_multiplier = definition.contract_size().into();
        }
        copy_text(
            &mut record.raw_symbol,
            definition.symbol().0.trim_ascii_end(),
        );
        copy_text(
            &mut record.asset,
            definition.report_symbol().trim_ascii_end(),
        );
        record
    }
}

/// The legs of an instrument, as they lie in its message.
pub(super) struct Legs<'a> {
    bytes: &'a [u8],
    leg_bytes: usize,
    count: u16,
    next: u16,
}

impl<'a> Legs<'a> {
    /// Those of a 9A: symbol (8), ratio (4), `O` option or `E` equity.
    pub(super) fn complex(message: &'a [u8], definition: &ComplexDefinition<'_>) -> Self {
        Self {
            bytes: message
                .get(ComplexDefinition::LENGTH - 1..)
                .unwrap_or_default(),
            leg_bytes: 13,
            count: definition.legs().into(),
            next: 0,
        }
    }

    /// Those of a BB: ratio (4), symbol (6).
    pub(super) fn futures(message: &'a [u8], definition: &FuturesDefinition<'_>) -> Self {
        let at = usize::from(definition.leg_offset());
        let legs = at.checked_sub(1).and_then(|at| message.get(at..));
        Self {
            bytes: legs.unwrap_or_default(),
            leg_bytes: FUTURES_LEG_BYTES,
            count: definition.legs().into(),
            next: 0,
        }
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.len() < self.leg_bytes || self.count == 0
    }
}

/// One leg.
pub(super) struct Leg {
    symbol: Symbol,
    ratio: i32,
    class: Option<InstrumentClass>,
    index: u16,
    count: u16,
}

impl Iterator for Legs<'_> {
    type Item = Leg;

    fn next(&mut self) -> Option<Leg> {
        if self.next == self.count {
            return None;
        }
        let (leg, behind) = self.bytes.split_at_checked(self.leg_bytes)?;
        self.bytes = behind;
        let index = self.next;
        self.next += 1;
        let (symbol, ratio, class) = if self.leg_bytes == FUTURES_LEG_BYTES {
            let symbol = Symbol6::read(&leg[4..10]).padded();
            (symbol, i32::read(&leg[..4]), Some(InstrumentClass::Future))
        } else {
            // Whether an option is a call or a put is told by its own definition.
            let class = (leg[12] == b'E').then_some(InstrumentClass::Stock);
            (Symbol::read(&leg[..8]), i32::read(&leg[8..12]), class)
        };
        Some(Leg {
            symbol,
            ratio,
            class,
            index,
            count: self.count,
        })
    }
}

impl Leg {
    pub(super) const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// Writes the leg into a definition; `number` is its instrument's.
    pub(super) fn describe(&self, record: &mut v3::InstrumentDefMsg, number: Option<u16>) {
        let side = match self.ratio.signum() {
            1 => Side::Bid,
            -1 => Side::Ask,
            _ => Side::None,
        };
        record.leg_count = self.count;
        record.leg_index = self.index;
        record.leg_instrument_id = number.map_or(0, u32::from);
        record.leg_ratio_qty_numerator = self.ratio.saturating_abs();
        record.leg_ratio_qty_denominator = 1;
        record.leg_side = side as c_char;
        record.leg_instrument_class = self.class.map_or(0, |class| class as c_char);
        record.leg_raw_symbol.fill(0);
        copy_text(&mut record.leg_raw_symbol, self.symbol.trimmed());
    }
}

/// A price in units of 1e-9; undefined where the message says 0 for "none".
fn price_or_undefined(price: Price4) -> i64 {
    match price.0 {
        0 => UNDEF_PRICE,
        _ => price.to_nano(),
    }
}

/// A number in decimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
