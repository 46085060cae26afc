//! Records as people and machines read them: one line each.

use std::fmt::Write as _;

use dbn::{BidAskPair, FlagSet, RecordHeader, UNDEF_ORDER_SIZE, UNDEF_PRICE};
use gateway_client::Record;
use gateway_feed::record::{ControlKind, ControlRecord};
use serde_json::{Map, Value, json};

/// How records are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LineFormat {
    /// Columns for people
    #[default]
    Text,
    /// One JSON object a line; prices and times are whole numbers (1e-9 of a currency unit, nanoseconds since 1970)
    Json,
}

/// `record` as one line, without its end.
pub(super) fn line(record: &Record<'_>, format: LineFormat) -> String {
    match format {
        LineFormat::Text => text(record),
        LineFormat::Json => json(record).to_string(),
    }
}

/// `record` as an object; undefined fields are null.
pub(super) fn json(record: &Record<'_>) -> Value {
    match record {
        Record::Mbo(order) => json!({
            "record": "mbo",
            "publisher_id": order.hd.publisher_id,
            "instrument_id": order.hd.instrument_id,
            "ts_event": order.hd.ts_event,
            "ts_recv": order.ts_recv,
            "ts_in_delta": order.ts_in_delta,
            "channel_id": order.channel_id,
            "sequence": order.sequence,
            "action": letter(order.action),
            "side": letter(order.side),
            "order_id": order.order_id,
            "price": known_price(order.price),
            "size": (order.size != UNDEF_ORDER_SIZE).then_some(order.size),
            "flags": order.flags.raw(),
        }),
        Record::Mbp1(best) => levels_json(
            "mbp1",
            &best.hd,
            best.ts_recv,
            best.sequence,
            best.flags,
            &best.levels,
        ),
        Record::Mbp10(ten) => levels_json(
            "mbp10",
            &ten.hd,
            ten.ts_recv,
            ten.sequence,
            ten.flags,
            &ten.levels,
        ),
        Record::Definition(definition) => json!({
            "record": "definition",
            "publisher_id": definition.hd.publisher_id,
            "instrument_id": definition.hd.instrument_id,
            "ts_event": definition.hd.ts_event,
            "ts_recv": definition.ts_recv,
            "channel_id": definition.channel_id,
            "raw_symbol": definition.raw_symbol().unwrap_or_default(),
            "instrument_class": letter(definition.instrument_class),
            "min_lot_size_round_lot": definition.min_lot_size_round_lot,
        }),
        Record::Status(status) => json!({
            "record": "status",
            "publisher_id": status.hd.publisher_id,
            "instrument_id": status.hd.instrument_id,
            "ts_event": status.hd.ts_event,
            "ts_recv": status.ts_recv,
            "action": status.action,
            "reason": status.reason,
            "trading_event": status.trading_event,
            "is_trading": letter(status.is_trading),
            "is_quoting": letter(status.is_quoting),
            "is_short_sell_restricted": letter(status.is_short_sell_restricted),
        }),
        Record::Imbalance(imbalance) => json!({
            "record": "imbalance",
            "publisher_id": imbalance.hd.publisher_id,
            "instrument_id": imbalance.hd.instrument_id,
            "ts_event": imbalance.hd.ts_event,
            "ts_recv": imbalance.ts_recv,
            "ref_price": known_price(imbalance.ref_price),
            "cont_book_clr_price": known_price(imbalance.cont_book_clr_price),
            "auct_interest_clr_price": known_price(imbalance.auct_interest_clr_price),
            "paired_qty": imbalance.paired_qty,
            "total_imbalance_qty": imbalance.total_imbalance_qty,
            "auction_type": letter(imbalance.auction_type),
            "side": letter(imbalance.side),
        }),
        Record::Trade(trade) => json!({
            "record": "trade",
            "publisher_id": trade.hd.publisher_id,
            "instrument_id": trade.hd.instrument_id,
            "ts_event": trade.hd.ts_event,
            "ts_recv": trade.ts_recv,
            "sequence": trade.sequence,
            "side": letter(trade.side),
            "price": known_price(trade.price),
            "size": trade.size,
            "flags": trade.flags.raw(),
        }),
        Record::Statistics(statistic) => json!({
            "record": "statistic",
            "publisher_id": statistic.hd.publisher_id,
            "instrument_id": statistic.hd.instrument_id,
            "ts_event": statistic.hd.ts_event,
            "ts_recv": statistic.ts_recv,
            "sequence": statistic.sequence,
            "stat_type": statistic.stat_type,
            "update_action": statistic.update_action,
            "price": known_price(statistic.price),
            "quantity": statistic.quantity,
        }),
        Record::Control(control) => json!({
            "record": "control",
            "kind": kind(control),
            "publisher_id": control.publisher_id,
            "channel_id": control.channel_id,
            "ts_event": control.ts_event,
            "ts_recv": control.ts_recv,
            "sequence": control.sequence,
            "count": control.count,
            "session": session(control),
        }),
        Record::Native { header, bytes } => json!({
            "record": "native",
            "instrument_id": header.instrument_id,
            "ts_recv": header.ts_recv,
            "type": bytes.first().map(|byte| byte.escape_ascii().to_string()),
            "bytes": hex(bytes),
        }),
        Record::Other(record) => {
            let mut object = Map::new();
            object.insert("record".to_owned(), "unknown".into());
            object.insert("words".to_owned(), record.words.into());
            Value::Object(object)
        }
    }
}

fn text(record: &Record<'_>) -> String {
    match record {
        Record::Mbo(order) => {
            let size = if order.size == UNDEF_ORDER_SIZE {
                "-".to_owned()
            } else {
                order.size.to_string()
            };
            format!(
                "{} {:>10} {:<6} {:<1} {:>9} {:>14} id={} order={}",
                time(order.hd.ts_event),
                order.sequence,
                action(order.action),
                letter(order.side),
                size,
                price(order.price),
                order.hd.instrument_id,
                order.order_id,
            )
        }
        Record::Mbp1(best) => levels_text(&best.hd, best.sequence, &best.levels),
        Record::Mbp10(ten) => levels_text(&ten.hd, ten.sequence, &ten.levels),
        Record::Definition(definition) => format!(
            "{} {:>10} DEFINE {} id={} lot={}",
            time(definition.hd.ts_event),
            "",
            definition.raw_symbol().unwrap_or("?"),
            definition.hd.instrument_id,
            definition.min_lot_size_round_lot,
        ),
        Record::Status(status) => format!(
            "{} {:>10} STATUS action={} reason={} id={}",
            time(status.hd.ts_event),
            "",
            status.action,
            status.reason,
            status.hd.instrument_id,
        ),
        Record::Imbalance(imbalance) => format!(
            "{} {:>10} CROSS  {} paired={} imbalance={} ref={} id={}",
            time(imbalance.hd.ts_event),
            "",
            letter(imbalance.side),
            imbalance.paired_qty,
            imbalance.total_imbalance_qty,
            price(imbalance.ref_price),
            imbalance.hd.instrument_id,
        ),
        Record::Trade(trade) => format!(
            "{} {:>10} TRADE  {:<1} {:>9} {:>14} id={}",
            time(trade.hd.ts_event),
            trade.sequence,
            letter(trade.side),
            trade.size,
            price(trade.price),
            trade.hd.instrument_id,
        ),
        Record::Statistics(statistic) => format!(
            "{} {:>10} STAT   type={} price={} quantity={} id={}",
            time(statistic.hd.ts_event),
            statistic.sequence,
            statistic.stat_type,
            price(statistic.price),
            statistic.quantity,
            statistic.hd.instrument_id,
        ),
        Record::Control(control) => {
            let what = match ControlKind::from_number(control.kind) {
                Some(kind) if control.instrument_id != 0 => format!(
                    "{kind:?} of instrument {} at {}, {} messages",
                    control.instrument_id, control.sequence, control.count
                ),
                Some(ControlKind::Gap) => format!(
                    "GAP    {}..={} ({} messages lost)",
                    control.sequence,
                    control
                        .sequence
                        .saturating_add(control.count)
                        .saturating_sub(1),
                    control.count
                ),
                Some(ControlKind::Recovering) => format!(
                    "RECOVERING {} messages from {} on",
                    control.count, control.sequence
                ),
                _ => format!(
                    "{} session={} next={}",
                    kind(control).to_uppercase(),
                    session(control),
                    control.sequence
                ),
            };
            format!("{} {:>10} {what}", time(control.ts_recv), "")
        }
        Record::Native { header, bytes } => format!(
            "{} {:>10} NATIVE {} {} bytes id={} {}",
            time(header.ts_recv),
            "",
            bytes.first().unwrap_or(&b'?').escape_ascii(),
            bytes.len(),
            header.instrument_id,
            hex(bytes),
        ),
        Record::Other(record) => format!("unknown record of {} words", record.words.len()),
    }
}

/// The levels of a conflated book record.
fn levels_json(
    kind: &str,
    header: &RecordHeader,
    ts_recv: u64,
    sequence: u32,
    flags: FlagSet,
    levels: &[BidAskPair],
) -> Value {
    let levels: Vec<_> = levels
        .iter()
        .map(|level| {
            json!({
                "bid_price": known_price(level.bid_px),
                "bid_size": level.bid_sz,
                "bid_orders": level.bid_ct,
                "ask_price": known_price(level.ask_px),
                "ask_size": level.ask_sz,
                "ask_orders": level.ask_ct,
            })
        })
        .collect();
    json!({
        "record": kind,
        "publisher_id": header.publisher_id,
        "instrument_id": header.instrument_id,
        "ts_event": header.ts_event,
        "ts_recv": ts_recv,
        "sequence": sequence,
        "flags": flags.raw(),
        "levels": levels,
    })
}

/// Those that there are, best first.
fn levels_text(header: &RecordHeader, sequence: u32, levels: &[BidAskPair]) -> String {
    let mut text = format!(
        "{} {sequence:>10} LEVELS id={}",
        time(header.ts_event),
        header.instrument_id
    );
    for level in levels {
        if level.bid_px == UNDEF_PRICE && level.ask_px == UNDEF_PRICE {
            break;
        }
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "  {}x{} / {}x{}",
            level.bid_sz,
            price(level.bid_px),
            price(level.ask_px),
            level.ask_sz
        );
    }
    text
}

/// A price in currency units with the digits it has, at least two; "-" where it is undefined.
pub(super) fn price(price: i64) -> String {
    if price == UNDEF_PRICE {
        return "-".to_owned();
    }
    let sign = if price < 0 { "-" } else { "" };
    let nanos = price.unsigned_abs();
    let mut text = format!(
        "{sign}{}.{:09}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    );
    while text.ends_with('0') && !text.ends_with(".00") && text.as_bytes()[text.len() - 3] != b'.' {
        text.pop();
    }
    text
}

fn known_price(price: i64) -> Option<i64> {
    (price != UNDEF_PRICE).then_some(price)
}

/// A time of day, UTC, to the nanosecond.
pub(super) fn time(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    format!(
        "{:02}:{:02}:{:02}.{:09}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        nanos % 1_000_000_000
    )
}

pub(super) fn letter(character: std::ffi::c_char) -> String {
    letter_of(character.cast_unsigned())
}

/// A letter that may be anything; nothing for 0.
pub(super) fn letter_of(byte: u8) -> String {
    match byte {
        0 => String::new(),
        byte => byte.escape_ascii().to_string(),
    }
}

fn action(character: std::ffi::c_char) -> &'static str {
    match character.cast_unsigned() {
        b'A' => "ADD",
        b'C' => "CANCEL",
        b'M' => "MODIFY",
        b'R' => "CLEAR",
        b'T' => "TRADE",
        b'F' => "FILL",
        _ => "NONE",
    }
}

fn kind(control: &ControlRecord) -> &'static str {
    match ControlKind::from_number(control.kind) {
        Some(ControlKind::Gap) => "gap",
        Some(ControlKind::Reset) => "reset",
        Some(ControlKind::SessionStart) => "session_start",
        Some(ControlKind::SessionEnd) => "session_end",
        Some(ControlKind::Recovering) => "recovering",
        Some(ControlKind::Recovered) => "recovered",
        Some(ControlKind::SnapshotBegin) => "snapshot_begin",
        Some(ControlKind::SnapshotEnd) => "snapshot_end",
        Some(ControlKind::Stale) => "stale",
        Some(ControlKind::Live) => "live",
        None => "unknown",
    }
}

fn session(control: &ControlRecord) -> String {
    let end = control
        .session
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    control.session[..end].escape_ascii().to_string()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_keep_their_digits() {
        for (value, expected) in [
            (123_450_000_000, "123.45"),
            (123_456_700_000, "123.4567"),
            (5_000_000_000, "5.00"),
            (-1, "-0.000000001"),
            (UNDEF_PRICE, "-"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(price(value), expected);
        }
    }

    #[test]
    fn times_are_of_day() {
        assert_eq!(time(1_577_716_200_000_000_001), "14:30:00.000000001");
    }
}
