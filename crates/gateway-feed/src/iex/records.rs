//! Records that are built as DBN structs, because they are rare: definition, status, auction.

use std::ffi::c_char;

use dbn::{Side, StatusAction, StatusReason, TriState, UNDEF_PRICE};

use super::messages::{
    AuctionInformation, OperationalHaltStatus, Price4, SecurityDirectory, ShortSalePriceTestStatus,
    TradingStatus,
};
use crate::itch50::copy_text;
use crate::record::v3;
use crate::sink::{InstrumentId, MessageContext};

/// What the reference records of a channel have in common.
#[derive(Clone, Debug)]
pub(super) struct ReferenceRecords {
    pub(super) publisher_id: u16,
    pub(super) channel_id: u8,
}

impl ReferenceRecords {
    fn header<R: v3::HasRType>(
        &self,
        rtype: u8,
        instrument: InstrumentId,
        ts_event: u64,
    ) -> v3::RecordHeader {
        v3::RecordHeader::new::<R>(rtype, self.publisher_id, instrument.0, ts_event)
    }

    /// D: what DBN has a field for; the rest (the day's reference price, LULD tier, flags) is in the native record only.
    pub(super) fn definition(
        &self,
        instrument: InstrumentId,
        message: &SecurityDirectory<'_>,
        context: &MessageContext,
    ) -> v3::InstrumentDefMsg {
        let round_lot = i32::try_from(message.round_lot_size()).unwrap_or(i32::MAX);
        let mut record = v3::InstrumentDefMsg {
            hd: self.header::<v3::InstrumentDefMsg>(
                dbn::rtype::INSTRUMENT_DEF,
                instrument,
                message.timestamp(),
            ),
            ts_recv: context.ts_recv,
            display_factor: 1_000_000_000,
            raw_instrument_id: instrument.0.into(),
            min_lot_size: 1,
            min_lot_size_round_lot: round_lot,
            channel_id: self.channel_id.into(),
            instrument_class: dbn::InstrumentClass::Stock as c_char,
            ..Default::default()
        };
        copy_text(&mut record.raw_symbol, message.symbol().trimmed());
        copy_text(&mut record.exchange, b"IEXG");
        copy_text(&mut record.currency, b"USD");
        record
    }

    /// H: the instrument's state. Orders are accepted, but do not trade, while it is paused with status `O`.
    pub(super) fn trading_status(
        &self,
        instrument: InstrumentId,
        message: &TradingStatus<'_>,
        context: &MessageContext,
    ) -> v3::StatusMsg {
        let (action, trading, quoting) = match message.status() {
            b'H' => (StatusAction::Halt, TriState::No, TriState::No),
            b'O' => (StatusAction::PreOpen, TriState::No, TriState::Yes),
            b'P' => (StatusAction::Pause, TriState::No, TriState::No),
            b'T' => (StatusAction::Trading, TriState::Yes, TriState::Yes),
            _ => (
                StatusAction::None,
                TriState::NotAvailable,
                TriState::NotAvailable,
            ),
        };
        let reason = reason_of(message.reason());
        v3::StatusMsg {
            is_trading: trading as c_char,
            is_quoting: quoting as c_char,
            ..self.status(instrument, message.timestamp(), context, action, reason)
        }
    }

    /// O: IEX's own halt.
    pub(super) fn operational_halt(
        &self,
        instrument: InstrumentId,
        message: &OperationalHaltStatus<'_>,
        context: &MessageContext,
    ) -> v3::StatusMsg {
        let (action, trading) = match message.status() {
            b'O' => (StatusAction::Halt, TriState::No),
            b'N' => (StatusAction::Trading, TriState::Yes),
            _ => (StatusAction::None, TriState::NotAvailable),
        };
        let reason = StatusReason::Operational;
        v3::StatusMsg {
            is_trading: trading as c_char,
            is_quoting: trading as c_char,
            ..self.status(instrument, message.timestamp(), context, action, reason)
        }
    }

    /// P: short-sale restriction.
    pub(super) fn short_sale_restriction(
        &self,
        instrument: InstrumentId,
        message: &ShortSalePriceTestStatus<'_>,
        context: &MessageContext,
    ) -> v3::StatusMsg {
        let restricted = match message.status() {
            0 => TriState::No,
            1 => TriState::Yes,
            _ => TriState::NotAvailable,
        };
        let reason = match message.detail() {
            b'A' => StatusReason::MarketEvent,
            _ => StatusReason::None,
        };
        let action = StatusAction::SsrChange;
        v3::StatusMsg {
            is_short_sell_restricted: restricted as c_char,
            ..self.status(instrument, message.timestamp(), context, action, reason)
        }
    }

    fn status(
        &self,
        instrument: InstrumentId,
        ts_event: u64,
        context: &MessageContext,
        action: StatusAction,
        reason: StatusReason,
    ) -> v3::StatusMsg {
        v3::StatusMsg {
            hd: self.header::<v3::StatusMsg>(dbn::rtype::STATUS, instrument, ts_event),
            ts_recv: context.ts_recv,
            action: action as u16,
            reason: reason as u16,
            trading_event: 0,
            is_trading: TriState::NotAvailable as c_char,
            is_quoting: TriState::NotAvailable as c_char,
            is_short_sell_restricted: TriState::NotAvailable as c_char,
            _reserved: [0; 7],
        }
    }

    /// A: an auction to come. Prices of 0 say "none".
    pub(super) fn auction(
        &self,
        instrument: InstrumentId,
        message: &AuctionInformation<'_>,
        context: &MessageContext,
    ) -> v3::ImbalanceMsg {
        let side = match message.imbalance_side() {
            b'B' => Side::Bid,
            b'S' => Side::Ask,
            _ => Side::None,
        };
        v3::ImbalanceMsg {
            hd: self.header::<v3::ImbalanceMsg>(
                dbn::rtype::IMBALANCE,
                instrument,
                message.timestamp(),
            ),
            ts_recv: context.ts_recv,
            ref_price: price_or_undefined(message.reference_price()),
            auction_time: u64::from(message.scheduled_auction_time()) * 1_000_000_000,
            cont_book_clr_price: price_or_undefined(message.indicative_clearing_price()),
            auct_interest_clr_price: price_or_undefined(message.auction_book_clearing_price()),
            upper_collar: price_or_undefined(message.upper_collar()),
            lower_collar: price_or_undefined(message.lower_collar()),
            paired_qty: message.paired_shares(),
            total_imbalance_qty: message.imbalance_shares(),
            num_extensions: message.extension_number(),
            auction_type: message.auction_type().cast_signed(),
            side: side as c_char,
            ..Default::default()
        }
    }
}

/// A price in units of 1e-9; undefined where the message says 0 for "none", and where it does not fit.
#[inline(always)]
pub(super) fn price_or_undefined(price: Price4) -> i64 {
    match (price.0, price.to_nano()) {
        (0, _) | (_, None) => UNDEF_PRICE,
        (_, Some(nano)) => nano,
    }
}

/// The reasons of "Trading Status".
fn reason_of(code: [u8; 4]) -> StatusReason {
    match code.trim_ascii() {
        b"T1" => StatusReason::NewsPending,
        b"IPO1" | b"IPOD" => StatusReason::NewSecurityOffering,
        b"MCB3" => StatusReason::MarketWideHaltLevel3,
        b"O1" => StatusReason::Operational,
        b"R" => StatusReason::NewIssue,
        b"IPO2" | b"IPO3" => StatusReason::NewSecurityOffering,
        b"MCB1" => StatusReason::MarketWideHaltLevel1,
        b"MCB2" => StatusReason::MarketWideHaltLevel2,
        _ => StatusReason::None,
    }
}
