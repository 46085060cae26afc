//! Records about an instrument rather than an order: definition, status, imbalance.
//!
//! They are rare (a few per instrument and day, an imbalance every few seconds before a cross), so they are built as
//! DBN structs, field by field, from defaults that say "undefined". Each builder gives `None` where the message has no
//! counterpart.

use dbn::{Side, StatusAction, StatusReason, TriState, UNDEF_ORDER_SIZE, UNDEF_PRICE};
use std::ffi::c_char;

use super::fields::Price4;
use super::messages::{
    NetOrderImbalance, OperationalHalt, RegShoRestriction, StockDirectory, StockTradingAction,
};
use crate::record::v3;
use crate::sink::{MessageContext, Nanos};

/// What the reference records of a channel have in common.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceRecords {
    publisher_id: u16,
    channel_id: u8,
    /// Market identifier code of the publisher's venue, zero-padded; all zero where the publisher is unknown.
    venue: [u8; 4],
    /// The code by which operational halts name the publisher's own market.
    market_code: u8,
}

impl ReferenceRecords {
    pub(crate) fn new(publisher_id: u16, channel_id: u8) -> Self {
        let publisher = dbn::Publisher::try_from(publisher_id).ok();
        let mut venue = [0; 4];
        let code = publisher.map_or("", |publisher| publisher.venue().as_str());
        for (to, from) in venue.iter_mut().zip(code.bytes()) {
            *to = from;
        }
        let market_code = match publisher {
            Some(dbn::Publisher::XbosItchXbos) => b'B',
            Some(dbn::Publisher::XpsxItchXpsx) => b'X',
            _ => b'Q',
        };
        Self {
            publisher_id,
            channel_id,
            venue,
            market_code,
        }
    }

    fn header<R: v3::HasRType>(&self, rtype: u8, locate: u16, ts_event: Nanos) -> v3::RecordHeader {
        v3::RecordHeader::new::<R>(rtype, self.publisher_id, locate.into(), ts_event)
    }

    /// R: what DBN has a field for; the rest (IPO, LULD tier, ETP, …) is in the native record only.
    pub(crate) fn definition(
        &self,
        message: &StockDirectory<'_>,
        context: &MessageContext,
        ts_event: Nanos,
    ) -> Option<v3::InstrumentDefMsg> {
        let locate = message.stock_locate();
        let round_lot = i32::try_from(message.round_lot_size()).unwrap_or(i32::MAX);
        let mut record = v3::InstrumentDefMsg {
            hd: self.header::<v3::InstrumentDefMsg>(dbn::rtype::INSTRUMENT_DEF, locate, ts_event),
            ts_recv: context.ts_recv,
            display_factor: 1_000_000_000,
            raw_instrument_id: locate.into(),
            min_lot_size: if message.round_lots_only() == b'Y' {
                round_lot
            } else {
                1
            },
            min_lot_size_round_lot: round_lot,
            channel_id: self.channel_id.into(),
            instrument_class: dbn::InstrumentClass::Stock as c_char,
            ..Default::default()
        };
        copy_text(&mut record.raw_symbol, message.stock().trimmed());
        copy_text(&mut record.exchange, &self.venue);
        copy_text(&mut record.currency, b"USD");
        copy_text(&mut record.group, &[message.market_category()]);
        copy_text(&mut record.security_type, &[message.issue_classification()]);
        copy_text(
            &mut record.secsubtype,
            message.issue_sub_type().trim_ascii_end(),
        );
        Some(record)
    }

    /// H: the instrument's state at this venue.
    pub(crate) fn trading_action(
        &self,
        message: &StockTradingAction<'_>,
        context: &MessageContext,
        ts_event: Nanos,
    ) -> Option<v3::StatusMsg> {
        let (action, trading, quoting) = match message.trading_state() {
            b'H' => (StatusAction::Halt, TriState::No, TriState::No),
            b'P' => (StatusAction::Pause, TriState::No, TriState::No),
            b'Q' => (StatusAction::Quoting, TriState::No, TriState::Yes),
            b'T' => (StatusAction::Trading, TriState::Yes, TriState::Yes),
            _ => (
                StatusAction::None,
                TriState::NotAvailable,
                TriState::NotAvailable,
            ),
        };
        let mut record = self.status(
            message.stock_locate(),
            context,
            ts_event,
            action,
            halt_reason(message.reason()),
        );
        record.is_trading = trading as c_char;
        record.is_quoting = quoting as c_char;
        Some(record)
    }

    /// h: `None` if it concerns another market centre, whose state is not that of the instrument here.
    pub(crate) fn operational_halt(
        &self,
        message: &OperationalHalt<'_>,
        context: &MessageContext,
        ts_event: Nanos,
    ) -> Option<v3::StatusMsg> {
        if message.market_code() != self.market_code {
            return None;
        }
        let (action, trading) = match message.halt_action() {
            b'H' => (StatusAction::Halt, TriState::No),
            b'T' => (StatusAction::Trading, TriState::Yes),
            _ => return None,
        };
        let mut record = self.status(
            message.stock_locate(),
            context,
            ts_event,
            action,
            StatusReason::Operational,
        );
        record.is_trading = trading as c_char;
        record.is_quoting = trading as c_char;
        Some(record)
    }

    /// Y: short-sale restriction.
    pub(crate) fn short_sale_restriction(
        &self,
        message: &RegShoRestriction<'_>,
        context: &MessageContext,
        ts_event: Nanos,
    ) -> Option<v3::StatusMsg> {
        let (restricted, reason) = match message.reg_sho_action() {
            b'0' => (TriState::No, StatusReason::None),
            b'1' => (TriState::Yes, StatusReason::MarketEvent),
            b'2' => (TriState::Yes, StatusReason::None),
            _ => (TriState::NotAvailable, StatusReason::None),
        };
        let mut record = self.status(
            message.stock_locate(),
            context,
            ts_event,
            StatusAction::SsrChange,
            reason,
        );
        record.is_short_sell_restricted = restricted as c_char;
        Some(record)
    }

    fn status(
        &self,
        locate: u16,
        context: &MessageContext,
        ts_event: Nanos,
        action: StatusAction,
        reason: StatusReason,
    ) -> v3::StatusMsg {
        v3::StatusMsg {
            hd: self.header::<v3::StatusMsg>(dbn::rtype::STATUS, locate, ts_event),
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

    /// I: net order imbalance. Prices of 0 say "none" on this feed.
    pub(crate) fn imbalance(
        &self,
        message: &NetOrderImbalance<'_>,
        context: &MessageContext,
        ts_event: Nanos,
    ) -> Option<v3::ImbalanceMsg> {
        let side = match message.imbalance_direction() {
            b'B' => Side::Bid,
            b'S' => Side::Ask,
            _ => Side::None,
        };
        Some(v3::ImbalanceMsg {
            hd: self.header::<v3::ImbalanceMsg>(
                dbn::rtype::IMBALANCE,
                message.stock_locate(),
                ts_event,
            ),
            ts_recv: context.ts_recv,
            ref_price: price_or_undefined(message.reference_price()),
            cont_book_clr_price: price_or_undefined(message.near_price()),
            auct_interest_clr_price: price_or_undefined(message.far_price()),
            paired_qty: size_or_undefined(message.paired_shares()),
            total_imbalance_qty: size_or_undefined(message.imbalance_shares()),
            auction_type: message.cross_type().cast_signed(),
            side: side as c_char,
            significant_imbalance: message.price_variation().cast_signed(),
            ..Default::default()
        })
    }
}

/// A price in units of 1e-9; undefined where the message says 0 for "none".
pub(crate) fn price_or_undefined(price: Price4) -> i64 {
    if price.0 == 0 {
        UNDEF_PRICE
    } else {
        price.to_nano()
    }
}

/// A number of shares; undefined where 32 bits cannot hold it (above 4,294,967,294).
pub(crate) fn size_or_undefined(shares: u64) -> u32 {
    u32::try_from(shares).unwrap_or(UNDEF_ORDER_SIZE)
}

/// Copies `text` into a field that a zero byte ends; a longer text is cut.
pub(crate) fn copy_text<const N: usize>(field: &mut [c_char; N], text: &[u8]) {
    for (to, from) in field[..N - 1].iter_mut().zip(text) {
        *to = from.cast_signed();
    }
}

/// The trading action reason codes of the specification's appendix.
fn halt_reason(code: [u8; 4]) -> StatusReason {
    match code.trim_ascii() {
        b"T1" => StatusReason::NewsPending,
        b"T2" => StatusReason::NewsReleased,
        b"T3" => StatusReason::NewsAndResumptionTimes,
        b"T5" | b"T6" | b"T7" => StatusReason::MarketEvent,
        b"T8" => StatusReason::Etf,
        b"T12" => StatusReason::AdditionalInformationRequested,
        b"H4" => StatusReason::NonCompliance,
        b"H9" => StatusReason::FilingsNotCurrent,
        b"H10" => StatusReason::SecTradingSuspension,
        b"H11" | b"C11" => StatusReason::Regulatory,
        b"O1" => StatusReason::Operational,
        b"LUDP" | b"LUDS" => StatusReason::LuldPause,
        b"MWC0" => StatusReason::MarketWideHaltCarryover,
        b"MWC1" => StatusReason::MarketWideHaltLevel1,
        b"MWC2" => StatusReason::MarketWideHaltLevel2,
        b"MWC3" => StatusReason::MarketWideHaltLevel3,
        b"MWCQ" => StatusReason::MarketWideHaltResumption,
        b"IPO1" | b"IPOQ" | b"IPOE" => StatusReason::NewSecurityOffering,
        b"M1" => StatusReason::CorporateAction,
        b"M2" => StatusReason::QuotationNotAvailable,
        b"R1" => StatusReason::NewIssue,
        b"R2" => StatusReason::IssueAvailable,
        b"R4" => StatusReason::IssuesReviewed,
        b"R9" | b"C4" | b"C9" => StatusReason::FilingReqsSatisfied,
        b"C3" => StatusReason::NewsNotForthcoming,
        _ => StatusReason::None,
    }
}
