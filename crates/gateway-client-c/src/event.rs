//! What a poll brings, as C sees it.

use std::ffi::c_char;

use client::{Closed, Event, Record, Subscription};

use crate::record::{
    gateway_control, gateway_definition, gateway_imbalance, gateway_mbo, gateway_mbp1,
    gateway_mbp10, gateway_native, gateway_record_header, gateway_statistics, gateway_trade,
    gateway_trading_status,
};

/// What a poll brought.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gateway_event_kind {
    /// Nothing new.
    GATEWAY_EVENT_EMPTY = 0,
    /// A record.
    GATEWAY_EVENT_RECORD = 1,
    /// This reader was overtaken and lost records.
    GATEWAY_EVENT_LOST = 2,
    /// The queue ended, and everything in it was read.
    GATEWAY_EVENT_CLOSED = 3,
}

/// Which record an event brought.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gateway_record_type {
    /// None, or of a type that this library does not know: `record.other` has its header and `record_bytes` its length.
    GATEWAY_RECORD_OTHER = 0,
    /// `record.mbo`: an order message, fill or trade.
    GATEWAY_RECORD_MBO = 0xA0,
    /// `record.mbp1`: best prices, of a conflated queue.
    GATEWAY_RECORD_MBP1 = 0x01,
    /// `record.mbp10`: ten levels, of a conflated queue.
    GATEWAY_RECORD_MBP10 = 0x0A,
    /// `record.trade`: a trade, of a venue that publishes no orders. The `rtype` of its header is 0.
    GATEWAY_RECORD_TRADE = 0x100,
    /// `record.definition`: an instrument.
    GATEWAY_RECORD_DEFINITION = 0x13,
    /// `record.trading_status`: a trading status.
    GATEWAY_RECORD_TRADING_STATUS = 0x12,
    /// `record.imbalance`: an auction imbalance.
    GATEWAY_RECORD_IMBALANCE = 0x14,
    /// `record.statistics`: a statistic of the venue.
    GATEWAY_RECORD_STATISTICS = 0x18,
    /// `record.control`: a gap, a reset, a session's begin or end.
    GATEWAY_RECORD_CONTROL = 0xF0,
    /// `record.native`: a message as the exchange sent it.
    GATEWAY_RECORD_NATIVE = 0xF1,
}

// The numbers are those of the records' own headers, but for trades, whose 0 stands for none.
const _: () = {
    use client::dbn::rtype;
    use gateway_record_type as kind;
    assert!(kind::GATEWAY_RECORD_MBO as u8 == rtype::MBO);
    assert!(kind::GATEWAY_RECORD_MBP1 as u8 == rtype::MBP_1);
    assert!(kind::GATEWAY_RECORD_MBP10 as u8 == rtype::MBP_10);
    assert!(kind::GATEWAY_RECORD_DEFINITION as u8 == rtype::INSTRUMENT_DEF);
    assert!(kind::GATEWAY_RECORD_TRADING_STATUS as u8 == rtype::STATUS);
    assert!(kind::GATEWAY_RECORD_IMBALANCE as u8 == rtype::IMBALANCE);
    assert!(kind::GATEWAY_RECORD_STATISTICS as u8 == rtype::STATISTICS);
};

/// Why a queue gives no more records.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gateway_closed {
    /// The gateway stopped in order.
    GATEWAY_CLOSED_STOPPED = 0,
    /// The gateway (or the queue) was restarted: there is a queue of the same name, `epoch` in the event.
    GATEWAY_CLOSED_RESTARTED = 1,
    /// The gateway hung up: killed, crashed, or it ended this reader's connection.
    GATEWAY_CLOSED_HUNG_UP = 2,
    /// The user of this reader may not read the queue any longer.
    GATEWAY_CLOSED_REVOKED = 3,
}

/// A record by its type, in the subscription's buffer: valid until the subscription's next call.
#[repr(C)]
#[derive(Clone, Copy)]
pub union gateway_record {
    /// Of `GATEWAY_RECORD_MBO`.
    pub mbo: *const gateway_mbo,
    /// Of `GATEWAY_RECORD_MBP1`.
    pub mbp1: *const gateway_mbp1,
    /// Of `GATEWAY_RECORD_MBP10`.
    pub mbp10: *const gateway_mbp10,
    /// Of `GATEWAY_RECORD_TRADE`.
    pub trade: *const gateway_trade,
    /// Of `GATEWAY_RECORD_DEFINITION`.
    pub definition: *const gateway_definition,
    /// Of `GATEWAY_RECORD_TRADING_STATUS`.
    pub trading_status: *const gateway_trading_status,
    /// Of `GATEWAY_RECORD_IMBALANCE`.
    pub imbalance: *const gateway_imbalance,
    /// Of `GATEWAY_RECORD_STATISTICS`.
    pub statistics: *const gateway_statistics,
    /// Of `GATEWAY_RECORD_CONTROL`.
    pub control: *const gateway_control,
    /// Of `GATEWAY_RECORD_NATIVE`.
    pub native: *const gateway_native,
    /// Of any other; readable for `record_bytes` bytes.
    pub other: *const gateway_record_header,
}

/// What a poll brought. The caller's memory; a poll writes all of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gateway_event {
    /// The same as the call returned.
    pub kind: gateway_event_kind,
    /// Which member of `record` counts.
    pub record_type: gateway_record_type,
    /// The record; null unless there is one.
    pub record: gateway_record,
    /// Its length in bytes, a multiple of 8; 0 unless there is one.
    pub record_bytes: u32,
    /// Why the queue ended; 0 unless it has.
    pub closed: u32,
    /// Of a record, the position of its first slot; else of the slot to be read next. Positions count the queue's slots
    /// since the gateway started.
    pub position: u64,
    /// Slots lost just now; 0 unless `GATEWAY_EVENT_LOST`. A record takes one slot for each 56 bytes begun.
    pub lost_slots: u64,
    /// Epoch of the queue that took this one's place; 0 unless `GATEWAY_CLOSED_RESTARTED`.
    pub successor_epoch: u64,
}

/// An [`Event`] whose record is not borrowed any more: it lies in the subscription's buffer.
pub(crate) enum Step {
    Empty,
    Record {
        record: gateway_record,
        record_type: gateway_record_type,
    },
    Lost(u64),
    Closed(Closed),
}

impl Step {
    #[inline(always)]
    pub(crate) fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Record(record) => {
                let (record, record_type) = pointer(record);
                Self::Record {
                    record,
                    record_type,
                }
            }
            Event::Empty => Self::Empty,
            Event::Lost(slots) => Self::Lost(*slots),
            Event::Closed(reason) => Self::Closed(*reason),
        }
    }
}

/// Where the record lies. Each struct of this crate has the layout of the client's, which `record` asserts.
#[inline(always)]
fn pointer(record: &Record<'_>) -> (gateway_record, gateway_record_type) {
    use gateway_record_type as kind;
    match *record {
        Record::Mbo(record) => {
            let mbo = std::ptr::from_ref(record).cast();
            (gateway_record { mbo }, kind::GATEWAY_RECORD_MBO)
        }
        Record::Definition(record) => {
            let definition = std::ptr::from_ref(record).cast();
            let record = gateway_record { definition };
            (record, kind::GATEWAY_RECORD_DEFINITION)
        }
        Record::Status(record) => {
            let trading_status = std::ptr::from_ref(record).cast();
            let record = gateway_record { trading_status };
            (record, kind::GATEWAY_RECORD_TRADING_STATUS)
        }
        Record::Imbalance(record) => {
            let imbalance = std::ptr::from_ref(record).cast();
            let record = gateway_record { imbalance };
            (record, kind::GATEWAY_RECORD_IMBALANCE)
        }
        Record::Trade(record) => {
            let trade = std::ptr::from_ref(record).cast();
            (gateway_record { trade }, kind::GATEWAY_RECORD_TRADE)
        }
        Record::Statistics(record) => {
            let statistics = std::ptr::from_ref(record).cast();
            let record = gateway_record { statistics };
            (record, kind::GATEWAY_RECORD_STATISTICS)
        }
        Record::Control(record) => {
            let control = std::ptr::from_ref(record).cast();
            (gateway_record { control }, kind::GATEWAY_RECORD_CONTROL)
        }
        Record::Native { header, .. } => {
            let native = std::ptr::from_ref(header).cast();
            (gateway_record { native }, kind::GATEWAY_RECORD_NATIVE)
        }
        Record::Mbp1(record) => {
            let mbp1 = std::ptr::from_ref(record).cast();
            (gateway_record { mbp1 }, kind::GATEWAY_RECORD_MBP1)
        }
        Record::Mbp10(record) => {
            let mbp10 = std::ptr::from_ref(record).cast();
            (gateway_record { mbp10 }, kind::GATEWAY_RECORD_MBP10)
        }
        Record::Other(record) => {
            let other = record.words.as_ptr().cast();
            (gateway_record { other }, kind::GATEWAY_RECORD_OTHER)
        }
    }
}

impl gateway_event {
    /// Nothing new, of no queue.
    pub(crate) const EMPTY: Self = Self {
        kind: gateway_event_kind::GATEWAY_EVENT_EMPTY,
        record_type: gateway_record_type::GATEWAY_RECORD_OTHER,
        record: gateway_record {
            other: std::ptr::null(),
        },
        record_bytes: 0,
        closed: 0,
        position: 0,
        lost_slots: 0,
        successor_epoch: 0,
    };

    /// The event of a step of `subscription`.
    #[inline(always)]
    pub(crate) fn new(step: Step, subscription: &Subscription) -> Self {
        use gateway_event_kind as kind;
        let event = Self {
            position: subscription.position(),
            ..Self::EMPTY
        };
        match step {
            Step::Empty => event,
            Step::Record {
                record,
                record_type,
            } => {
                let current = subscription.current();
                Self {
                    kind: kind::GATEWAY_EVENT_RECORD,
                    record_type,
                    record,
                    record_bytes: size_of_val(current.words) as u32,
                    position: current.position,
                    ..event
                }
            }
            Step::Lost(lost_slots) => Self {
                kind: kind::GATEWAY_EVENT_LOST,
                lost_slots,
                ..event
            },
            Step::Closed(reason) => {
                let (closed, successor_epoch) = closed(reason);
                Self {
                    kind: kind::GATEWAY_EVENT_CLOSED,
                    closed: closed as u32,
                    successor_epoch,
                    ..event
                }
            }
        }
    }
}

/// Words for a `gateway_closed`.
#[unsafe(no_mangle)]
pub extern "C" fn gateway_closed_text(closed: u32) -> *const c_char {
    let text = match closed {
        0 => c"the gateway stopped",
        1 => c"the gateway was restarted: subscribe again",
        2 => c"the gateway hung up",
        3 => c"this user may not read it any longer: ask for an [[entitlement]]",
        _ => c"the queue ended for a reason that this library does not know",
    };
    text.as_ptr()
}

fn closed(reason: Closed) -> (gateway_closed, u64) {
    match reason {
        Closed::Stopped => (gateway_closed::GATEWAY_CLOSED_STOPPED, 0),
        Closed::Restarted { epoch } => (gateway_closed::GATEWAY_CLOSED_RESTARTED, epoch),
        Closed::HungUp => (gateway_closed::GATEWAY_CLOSED_HUNG_UP, 0),
        Closed::Revoked => (gateway_closed::GATEWAY_CLOSED_REVOKED, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn the_words_for_an_end_are_those_of_the_rust_client() {
        for reason in [
            Closed::Stopped,
            Closed::Restarted { epoch: 1 },
            Closed::HungUp,
            Closed::Revoked,
        ] {
            // SAFETY: a literal.
            let text = unsafe { CStr::from_ptr(gateway_closed_text(closed(reason).0 as u32)) };
            assert_eq!(text.to_string_lossy(), reason.to_string());
        }
    }
}
