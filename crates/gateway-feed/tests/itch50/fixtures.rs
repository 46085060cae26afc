//! One fixture a message type: the bytes as the specification lays them out, and the records they become.
//!
//! All are of stock locate 13 (`000d`), tracking number 2 and 09:30:00.000000001.

use gateway_feed::sink::Output;

use crate::support::{EVENT, bytes, decode, decode_for};

/// Decodes the message of `type_and_locate`, the common rest of the header, and `body`.
fn message(type_and_locate: &str, body: &str) -> Vec<u8> {
    bytes(&format!("{type_and_locate} 0002 {EVENT:012x} {body}"))
}

#[track_caller]
fn plain(type_and_locate: &str, body: &str, expected: &[&str]) {
    assert_eq!(
        decode(Output::Plain, &message(type_and_locate, body)),
        expected
    );
}

#[track_caller]
fn unmapped(type_and_locate: &str, body: &str, length: usize) {
    let message = message(type_and_locate, body);
    assert_eq!(message.len(), length);
    let (kind, instrument) = (message[0] as char, message[2]);
    let record =
        |output: Output| format!("{output:?} {length} bytes of {kind}, instrument {instrument}");
    assert_eq!(decode(Output::Plain, &message), [record(Output::Plain)]);
    assert_eq!(decode(Output::Native, &message), [record(Output::Native)]);
}

#[test]
fn a_add_order() {
    let body = "000000000000002a 'B' 00000064 'AAPL    ' 0012d687";
    plain(
        "'A' 000d",
        body,
        &["A B order=42 price=123.456700000 size=100 flags=last"],
    );
    let body = "000000000000002b 'S' 0000012c 'AAPL    ' 00000001";
    plain(
        "'A' 000d",
        body,
        &["A A order=43 price=0.000100000 size=300 flags=last"],
    );
    // A code that the specification does not list is no side.
    let body = "000000000000002b '?' 0000012c 'AAPL    ' 7fffffff";
    plain(
        "'A' 000d",
        body,
        &["A N order=43 price=214748.364700000 size=300 flags=last"],
    );
}

#[test]
fn f_add_order_with_attribution() {
    let body = "000000000000002a 'S' 00000064 'AAPL    ' 0012d687 'LEHM'";
    plain(
        "'F' 000d",
        body,
        &["A A order=42 price=123.456700000 size=100 flags=last"],
    );
}

#[test]
fn e_order_executed() {
    plain(
        "'E' 000d",
        "000000000000002a 00000064 0000000000000309",
        &[
            "T N order=0 price=- size=100 flags=incomplete",
            "F N order=42 price=- size=100 flags=incomplete",
            "C N order=42 price=- size=100 flags=last+incomplete",
        ],
    );
}

#[test]
fn c_order_executed_with_price() {
    plain(
        "'C' 000d",
        "000000000000002a 00000064 0000000000000309 'Y' 0012d687",
        &[
            "T N order=0 price=123.456700000 size=100 flags=incomplete",
            "F N order=42 price=123.456700000 size=100 flags=incomplete",
            "C N order=42 price=- size=100 flags=last+incomplete",
        ],
    );
    // Not printable: a later cross trade counts the shares.
    plain(
        "'C' 000d",
        "000000000000002a 00000064 0000000000000309 'N' 0012d687",
        &[
            "F N order=42 price=123.456700000 size=100 flags=incomplete",
            "C N order=42 price=- size=100 flags=last+incomplete",
        ],
    );
}

#[test]
fn x_order_cancel() {
    plain(
        "'X' 000d",
        "000000000000002a 00000064",
        &["C N order=42 price=- size=100 flags=last+incomplete"],
    );
}

#[test]
fn d_order_delete() {
    plain(
        "'D' 000d",
        "000000000000002a",
        &["C N order=42 price=- size=- flags=last+incomplete"],
    );
}

#[test]
fn u_order_replace() {
    plain(
        "'U' 000d",
        "000000000000002a 000000000000002b 00000064 0012d687",
        &[
            "C N order=42 price=- size=- flags=incomplete",
            "A N order=43 price=123.456700000 size=100 flags=last+incomplete",
        ],
    );
}

#[test]
fn p_trade() {
    let body = "0000000000000000 'B' 00000064 'AAPL    ' 0012d687 0000000000000309";
    plain(
        "'P' 000d",
        body,
        &["T N order=0 price=123.456700000 size=100 flags=last"],
    );
}

#[test]
fn q_cross_trade() {
    let body = "0000000000000064 'AAPL    ' 0012d687 0000000000000309 'O'";
    plain(
        "'Q' 000d",
        body,
        &["T N order=0 price=123.456700000 size=100 flags=last"],
    );
    // Nothing crossed.
    let body = "0000000000000000 'AAPL    ' 00000000 0000000000000309 'C'";
    plain("'Q' 000d", body, &["T N order=0 price=- size=0 flags=last"]);
    // More shares than 32 bits hold.
    let body = "0000000100000000 'AAPL    ' 0012d687 0000000000000309 'C'";
    plain(
        "'Q' 000d",
        body,
        &["T N order=0 price=123.456700000 size=- flags=last"],
    );
}

#[test]
fn r_stock_directory() {
    let rest = "'C' 'Z ' 'P' 'N' 'N' '1' 'N' 00000000 'N'";
    plain(
        "'R' 000d",
        &format!("'AAPL    ' 'Q' 'N' 00000064 'N' {rest}"),
        &["definition AAPL at XNAS in USD class=K group=Q type=C subtype=Z lot=1 round-lot=100"],
    );
    plain(
        "'R' 000d",
        &format!("'BRK.A   ' 'N' 'N' 00000001 'Y' {rest}"),
        &["definition BRK.A at XNAS in USD class=K group=N type=C subtype=Z lot=1 round-lot=1"],
    );
}

#[test]
fn h_stock_trading_action() {
    let state = |state: &str, reason: &str| {
        let records = decode(
            Output::Plain,
            &message("'H' 000d", &format!("'AAPL    ' '{state}' ' ' '{reason}'")),
        );
        records.join("\n")
    };
    assert_eq!(
        state("T", "    "),
        "Trading because None; trading Y quoting Y short-sale restricted ~"
    );
    assert_eq!(
        state("H", "T1  "),
        "Halt because NewsPending; trading N quoting N short-sale restricted ~"
    );
    assert_eq!(
        state("P", "LUDP"),
        "Pause because LuldPause; trading N quoting N short-sale restricted ~"
    );
    assert_eq!(
        state("Q", "MWCQ"),
        "Quoting because MarketWideHaltResumption; trading N quoting Y short-sale restricted ~"
    );
    assert_eq!(
        state("H", "H10 "),
        "Halt because SecTradingSuspension; trading N quoting N short-sale restricted ~"
    );
    assert_eq!(
        state("?", "????"),
        "None because None; trading ~ quoting ~ short-sale restricted ~"
    );
}

#[test]
fn h_operational_halt() {
    let halted = "Halt because Operational; trading N quoting N short-sale restricted ~";
    plain("'h' 000d", "'AAPL    ' 'Q' 'H'", &[halted]);
    let resumed = "Trading because Operational; trading Y quoting Y short-sale restricted ~";
    plain("'h' 000d", "'AAPL    ' 'Q' 'T'", &[resumed]);
    // A halt at BX is no halt at Nasdaq.
    unmapped("'h' 000d", "'AAPL    ' 'B' 'H'", 21);
    let at_bx = message("'h' 000d", "'AAPL    ' 'Q' 'H'");
    assert_eq!(
        decode_for(3, Output::Plain, &at_bx),
        ["Plain 21 bytes of h, instrument 13"]
    );
}

#[test]
fn y_reg_sho_restriction() {
    let restricted = "SsrChange because MarketEvent; trading ~ quoting ~ short-sale restricted Y";
    plain("'Y' 000d", "'AAPL    ' '1'", &[restricted]);
    let still = "SsrChange because None; trading ~ quoting ~ short-sale restricted Y";
    plain("'Y' 000d", "'AAPL    ' '2'", &[still]);
    let none = "SsrChange because None; trading ~ quoting ~ short-sale restricted N";
    plain("'Y' 000d", "'AAPL    ' '0'", &[none]);
}

#[test]
fn i_net_order_imbalance() {
    let body =
        "0000000000000bb8 00000000000003e8 'B' 'AAPL    ' 0012d688 0012d689 0012d687 'C' 'L'";
    plain(
        "'I' 000d",
        body,
        &[
            "imbalance B auction=C reference=123.456700000 near=123.456900000 far=123.456800000 paired=3000 total=1000 \
           variation=L",
        ],
    );
    // Too few orders for a price; more shares than 32 bits hold.
    let body =
        "0000000100000000 0000000000000000 'O' 'AAPL    ' 00000000 00000000 00000000 'O' ' '";
    plain(
        "'I' 000d",
        body,
        &["imbalance N auction=O reference=- near=- far=- paired=4294967295 total=0 variation= "],
    );
}

#[test]
fn messages_without_a_counterpart_go_out_as_they_are() {
    unmapped("'S' 0000", "'O'", 12);
    unmapped(
        "'V' 0000",
        "0000004642bd1c00 000000438c1c6400 0000003c2e7dd500",
        35,
    );
    unmapped("'W' 0000", "'1'", 12);
    unmapped("'L' 000d", "'LEHM' 'AAPL    ' 'Y' 'N' 'A'", 26);
    unmapped("'K' 000d", "'AAPL    ' 00008ca0 'A' 0012d687", 28);
    unmapped(
        "'J' 000d",
        "'AAPL    ' 0012d687 0012d688 0012d686 00000001",
        35,
    );
    unmapped("'B' 000d", "0000000000000309", 19);
    unmapped("'N' 000d", "'AAPL    ' 'A'", 20);
    unmapped(
        "'O' 000d",
        "'AAPL    ' 'Y' 00000001 00000002 00000003 00001f1ad5be2001 00000004 00000005",
        48,
    );
}

#[test]
fn native_records_hold_the_exchange_s_bytes() {
    let add = message(
        "'A' 000d",
        "000000000000002a 'B' 00000064 'AAPL    ' 0012d687",
    );
    assert_eq!(
        decode(Output::Native, &add),
        ["Native 36 bytes of A, instrument 13"]
    );
    let delete = message("'D' 000d", "000000000000002a");
    assert_eq!(
        decode(Output::Native, &delete),
        ["Native 19 bytes of D, instrument 13"]
    );
    let trade = message(
        "'P' 000d",
        "0000000000000000 'B' 00000064 'AAPL    ' 0012d687 0000000000000309",
    );
    assert_eq!(
        decode(Output::Native, &trade),
        ["Native 44 bytes of P, instrument 13"]
    );
}
