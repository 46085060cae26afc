//! The templates of CME's schema "mktdata" (id 1), versions 5 to 13: which fields a message has, and where.
//!
//! This is a description of our own, not CME's file. Offsets count from the block's beginning; `since` names the version
//! that added a field or group, where that is later than 5. Generations of a template that differ in nothing but the
//! decimal places of their prices (7 before version 9) are one view; [`price_factor`] tells which is meant. Names are
//! those of the specification, shortened where a message leaves no doubt.

use super::sbe::{
    self, Block, BlockSpec, Field, FieldSpec, Group, GroupSpec, Header, Opt, TemplateSpec, Text,
    WriteBlock, blocks, getter, messages, required_end, since_or_zero,
};

/// The schema's id.
pub const SCHEMA_ID: u16 = 1;
/// The latest version that is described.
pub const VERSION: u16 = 13;
/// "AdminHeartbeat": no block.
pub const HEARTBEAT: u16 = 12;

blocks! {
    /// Root of a channel reset.
    ChannelResetRoot WriteChannelResetRoot: 9 {
        0 transact_time: u64,
        8 match_event_indicator: u8,
    }

    /// Entry of a channel reset.
    ChannelResetEntry WriteChannelResetEntry: 2 {
        0 appl_id: i16,
    }

    /// Root of the incremental refreshes.
    Incremental WriteIncremental: 11 {
        0 transact_time: u64,
        8 match_event_indicator: u8,
    }

    /// Entry of a book by price.
    BookEntry WriteBookEntry: 32 {
        0 price: Opt<i64>,
        8 size: Opt<i32>,
        12 security_id: i32,
        16 rpt_seq: u32,
        20 number_of_orders: Opt<i32>,
        24 price_level: u8,
        25 update_action: u8,
        26 entry_type: u8,
        27 tradeable_size: Opt<i32>; since 10,
    }

    /// Entry of a book by price, long quantities.
    LongBookEntry WriteLongBookEntry: 32 {
        0 price: Opt<i64>,
        8 size: Opt<u64>,
        16 security_id: i32,
        20 rpt_seq: u32,
        24 number_of_orders: Opt<i32>,
        28 price_level: u8,
        29 update_action: u8,
        30 entry_type: u8,
    }

    /// An order behind an entry of a book by price.
    BookOrder WriteBookOrder: 24 {
        0 order_id: u64,
        8 order_priority: Opt<u64>,
        16 display_quantity: Opt<i32>,
        20 reference_id: Opt<u8>,
        21 update_action: u8,
    }

    /// Entry of a book by order.
    OrderBookEntry WriteOrderBookEntry: 40 {
        0 order_id: Opt<u64>,
        8 order_priority: Opt<u64>,
        16 price: Opt<i64>,
        24 display_quantity: Opt<i32>,
        28 security_id: i32,
        32 update_action: u8,
        33 entry_type: u8,
    }

    /// A trade.
    TradeEntry WriteTradeEntry: 32 {
        0 price: i64,
        8 size: i32,
        12 security_id: i32,
        16 rpt_seq: u32,
        20 number_of_orders: Opt<i32>,
        24 aggressor_side: Opt<u8>,
        25 update_action: u8,
        26 trade_entry_id: Opt<u32>; since 7,
    }

    /// A trade, long quantity.
    LongTradeEntry WriteLongTradeEntry: 40 {
        0 price: i64,
        8 size: u64,
        16 security_id: i32,
        20 rpt_seq: u32,
        24 number_of_orders: i32,
        28 trade_entry_id: u32,
        32 aggressor_side: Opt<u8>,
        33 update_action: u8,
    }

    /// An order's part in a trade.
    TradeOrder WriteTradeOrder: 16 {
        0 order_id: u64,
        8 last_quantity: i32,
    }

    /// Cumulative volume.
    VolumeEntry WriteVolumeEntry: 16 {
        0 size: i32,
        4 security_id: i32,
        8 rpt_seq: u32,
        12 update_action: u8,
    }

    /// Cumulative volume, long quantity.
    LongVolumeEntry WriteLongVolumeEntry: 24 {
        0 size: u64,
        8 security_id: i32,
        12 rpt_seq: u32,
        16 update_action: u8,
    }

    /// Settlement, cleared volume, open interest, fixing.
    DailyStatisticsEntry WriteDailyStatisticsEntry: 32 {
        0 price: Opt<i64>,
        8 size: Opt<i32>,
        12 security_id: i32,
        16 rpt_seq: u32,
        20 trading_reference_date: Opt<u16>,
        22 settl_price_type: u8,
        23 update_action: u8,
        24 entry_type: u8,
    }

    /// Limits and price banding.
    LimitsEntry WriteLimitsEntry: 32 {
        0 high_limit_price: Opt<i64>,
        8 low_limit_price: Opt<i64>,
        16 max_price_variation: Opt<i64>,
        24 security_id: i32,
        28 rpt_seq: u32,
    }

    /// Opening price, high, low.
    SessionStatisticsEntry WriteSessionStatisticsEntry: 24 {
        0 price: i64,
        8 security_id: i32,
        12 rpt_seq: u32,
        16 open_close_settl_flag: Opt<u8>,
        17 update_action: u8,
        18 entry_type: u8,
        19 size: Opt<i32>; since 8,
    }

    /// Opening price, high, low, long quantity.
    LongSessionStatisticsEntry WriteLongSessionStatisticsEntry: 32 {
        0 price: i64,
        8 size: Opt<u64>,
        16 security_id: i32,
        20 rpt_seq: u32,
        24 open_close_settl_flag: Opt<u8>,
        25 update_action: u8,
        26 entry_type: u8,
    }

    /// Root of a snapshot.
    SnapshotRoot WriteSnapshotRoot: 59 {
        0 last_msg_seq_num_processed: u32,
        4 tot_num_reports: u32,
        8 security_id: i32,
        12 rpt_seq: u32,
        16 transact_time: u64,
        24 last_update_time: u64,
        32 trade_date: Opt<u16>,
        34 md_security_trading_status: Opt<u8>,
        35 high_limit_price: Opt<i64>,
        43 low_limit_price: Opt<i64>,
        51 max_price_variation: Opt<i64>,
    }

    /// Root of a snapshot over TCP.
    TcpSnapshotRoot WriteTcpSnapshotRoot: 37 {
        0 transact_time: u64,
        8 match_event_indicator: u8,
        9 security_id: i32,
        13 high_limit_price: Opt<i64>,
        21 low_limit_price: Opt<i64>,
        29 max_price_variation: Opt<i64>,
    }

    /// Entry of a snapshot.
    SnapshotEntry WriteSnapshotEntry: 22 {
        0 price: Opt<i64>,
        8 size: Opt<i32>,
        12 number_of_orders: Opt<i32>,
        16 price_level: Opt<i8>,
        17 trading_reference_date: Opt<u16>,
        19 open_close_settl_flag: Opt<u8>,
        20 settl_price_type: u8,
        21 entry_type: u8,
    }

    /// Entry of a snapshot over TCP.
    TcpSnapshotEntry WriteTcpSnapshotEntry: 26 {
        0 price: Opt<i64>,
        8 size: Opt<i32>,
        12 tradeable_size: Opt<i32>,
        16 number_of_orders: Opt<i32>,
        20 price_level: Opt<i8>,
        21 open_close_settl_flag: Opt<u8>,
        22 entry_type: u8,
        23 trading_reference_date: Opt<u16>,
        25 settl_price_type: u8,
    }

    /// Entry of a snapshot, long quantity.
    LongSnapshotEntry WriteLongSnapshotEntry: 23 {
        0 price: Opt<i64>,
        8 size: Opt<u64>,
        16 number_of_orders: Opt<i32>,
        20 price_level: Opt<u8>,
        21 open_close_settl_flag: Opt<u8>,
        22 entry_type: u8,
    }

    /// Root of a snapshot by order.
    OrderSnapshotRoot WriteOrderSnapshotRoot: 28 {
        0 last_msg_seq_num_processed: u32,
        4 tot_num_reports: u32,
        8 security_id: i32,
        12 no_chunks: u32,
        16 current_chunk: u32,
        20 transact_time: u64,
    }

    /// An order of a snapshot.
    OrderSnapshotEntry WriteOrderSnapshotEntry: 29 {
        0 order_id: u64,
        8 order_priority: Opt<u64>,
        16 price: i64,
        24 display_quantity: i32,
        28 entry_type: u8,
    }

    /// The status of an instrument, or of a group of them.
    SecurityStatusRoot WriteSecurityStatusRoot: 30 {
        0 transact_time: u64,
        8 security_group: Text<6>,
        14 asset: Text<6>,
        20 security_id: Opt<i32>,
        24 trade_date: Opt<u16>,
        26 match_event_indicator: u8,
        27 security_trading_status: Opt<u8>,
        28 halt_reason: u8,
        29 security_trading_event: u8,
    }

    /// What every definition begins with.
    DefinitionRoot WriteDefinitionRoot: 71 {
        0 match_event_indicator: u8,
        1 tot_num_reports: Opt<u32>,
        5 security_update_action: u8,
        6 last_update_time: u64,
        14 md_security_trading_status: Opt<u8>,
        15 appl_id: i16,
        17 market_segment_id: u8,
        18 underlying_product: Opt<u8>,
        19 security_exchange: Text<4>,
        23 security_group: Text<6>,
        29 asset: Text<6>,
        35 symbol: Text<20>,
        55 security_id: i32,
        59 security_type: Text<6>,
        65 cfi_code: Text<6>,
    }

    /// A future.
    FutureRoot WriteFutureRoot: 214, 216 since 6, 224 since 10 {
        0 match_event_indicator: u8,
        1 tot_num_reports: Opt<u32>,
        5 security_update_action: u8,
        6 last_update_time: u64,
        14 md_security_trading_status: Opt<u8>,
        15 appl_id: i16,
        17 market_segment_id: u8,
        18 underlying_product: u8,
        19 security_exchange: Text<4>,
        23 security_group: Text<6>,
        29 asset: Text<6>,
        35 symbol: Text<20>,
        55 security_id: i32,
        59 security_type: Text<6>,
        65 cfi_code: Text<6>,
        71 maturity_year: Opt<u16>,
        73 maturity_month: Opt<u8>,
        74 maturity_day: Opt<u8>,
        75 maturity_week: Opt<u8>,
        76 currency: Text<3>,
        79 settl_currency: Text<3>,
        82 match_algorithm: u8,
        83 min_trade_vol: u32,
        87 max_trade_vol: u32,
        91 min_price_increment: i64,
        99 display_factor: i64,
        107 main_fraction: Opt<u8>,
        108 sub_fraction: Opt<u8>,
        109 price_display_format: Opt<u8>,
        110 unit_of_measure: Text<30>,
        140 unit_of_measure_qty: Opt<i64>,
        148 trading_reference_price: Opt<i64>,
        156 settl_price_type: u8,
        157 open_interest_qty: Opt<i32>,
        161 cleared_volume: Opt<i32>,
        165 high_limit_price: Opt<i64>,
        173 low_limit_price: Opt<i64>,
        181 max_price_variation: Opt<i64>,
        189 decay_quantity: Opt<i32>,
        193 decay_start_date: Opt<u16>,
        195 original_contract_size: Opt<i32>,
        199 contract_multiplier: Opt<i32>,
        203 contract_multiplier_unit: Opt<i8>,
        204 flow_schedule_type: Opt<i8>,
        205 min_price_increment_amount: Opt<i64>,
        213 user_defined_instrument: u8,
        214 trading_reference_date: Opt<u16>; since 6,
        216 instrument_guid: Opt<u64>; since 10,
    }

    /// An option.
    OptionRoot WriteOptionRoot: 211, 213 since 6, 221 since 10 {
        0 match_event_indicator: u8,
        1 tot_num_reports: Opt<u32>,
        5 security_update_action: u8,
        6 last_update_time: u64,
        14 md_security_trading_status: Opt<u8>,
        15 appl_id: i16,
        17 market_segment_id: u8,
        18 underlying_product: u8,
        19 security_exchange: Text<4>,
        23 security_group: Text<6>,
        29 asset: Text<6>,
        35 symbol: Text<20>,
        55 security_id: i32,
        59 security_type: Text<6>,
        65 cfi_code: Text<6>,
        71 put_or_call: u8,
        72 maturity_year: Opt<u16>,
        74 maturity_month: Opt<u8>,
        75 maturity_day: Opt<u8>,
        76 maturity_week: Opt<u8>,
        77 currency: Text<3>,
        80 strike_price: Opt<i64>,
        88 strike_currency: Text<3>,
        91 settl_currency: Text<3>,
        94 min_cab_price: Opt<i64>,
        102 match_algorithm: u8,
        103 min_trade_vol: u32,
        107 max_trade_vol: u32,
        111 min_price_increment: Opt<i64>,
        119 min_price_increment_amount: Opt<i64>,
        127 display_factor: i64,
        135 tick_rule: Opt<i8>,
        136 main_fraction: Opt<u8>,
        137 sub_fraction: Opt<u8>,
        138 price_display_format: Opt<u8>,
        139 unit_of_measure: Text<30>,
        169 unit_of_measure_qty: Opt<i64>,
        177 trading_reference_price: Opt<i64>,
        185 settl_price_type: u8,
        186 cleared_volume: Opt<i32>,
        190 open_interest_qty: Opt<i32>,
        194 low_limit_price: Opt<i64>,
        202 high_limit_price: Opt<i64>,
        210 user_defined_instrument: u8,
        211 trading_reference_date: Opt<u16>; since 6,
        213 instrument_guid: Opt<u64>; since 10,
    }

    /// A spread.
    SpreadRoot WriteSpreadRoot: 193, 195 since 6, 255 since 10 {
        0 match_event_indicator: u8,
        1 tot_num_reports: Opt<u32>,
        5 security_update_action: u8,
        6 last_update_time: u64,
        14 md_security_trading_status: Opt<u8>,
        15 appl_id: i16,
        17 market_segment_id: u8,
        18 underlying_product: Opt<u8>,
        19 security_exchange: Text<4>,
        23 security_group: Text<6>,
        29 asset: Text<6>,
        35 symbol: Text<20>,
        55 security_id: i32,
        59 security_type: Text<6>,
        65 cfi_code: Text<6>,
        71 maturity_year: Opt<u16>,
        73 maturity_month: Opt<u8>,
        74 maturity_day: Opt<u8>,
        75 maturity_week: Opt<u8>,
        76 currency: Text<3>,
        79 security_sub_type: Text<5>,
        84 user_defined_instrument: u8,
        85 match_algorithm: u8,
        86 min_trade_vol: u32,
        90 max_trade_vol: u32,
        94 min_price_increment: Opt<i64>,
        102 display_factor: i64,
        110 price_display_format: Opt<u8>,
        111 price_ratio: Opt<i64>,
        119 tick_rule: Opt<i8>,
        120 unit_of_measure: Text<30>,
        150 trading_reference_price: Opt<i64>,
        158 settl_price_type: u8,
        159 open_interest_qty: Opt<i32>,
        163 cleared_volume: Opt<i32>,
        167 high_limit_price: Opt<i64>,
        175 low_limit_price: Opt<i64>,
        183 max_price_variation: Opt<i64>,
        191 main_fraction: Opt<u8>,
        192 sub_fraction: Opt<u8>,
        193 trading_reference_date: Opt<u16>; since 6,
        195 price_quote_method: Text<5>; since 10,
        200 risk_set: Text<6>; since 10,
        206 market_set: Text<6>; since 10,
        212 instrument_guid: Opt<u64>; since 10,
        220 financial_instrument_full_name: Text<35>; since 10,
    }

    /// When an instrument begins and ends.
    EventEntry WriteEventEntry: 9 {
        0 event_type: u8,
        1 event_time: u64,
    }

    /// How deep a book is published.
    FeedTypeEntry WriteFeedTypeEntry: 4 {
        0 feed_type: Text<3>,
        3 market_depth: i8,
    }

    /// Eligibility flags.
    InstAttribEntry WriteInstAttribEntry: 4 {
        0 value: u32,
    }

    /// Least quantities.
    LotTypeEntry WriteLotTypeEntry: 5 {
        0 lot_type: i8,
        1 min_lot_size: Opt<i32>,
    }

    /// An option's underlying.
    UnderlyingEntry WriteUnderlyingEntry: 24 {
        0 security_id: i32,
        4 symbol: Text<20>,
    }

    /// An instrument related to an option.
    RelatedEntry WriteRelatedEntry: 24 {
        0 security_id: i32,
        4 symbol: Text<20>,
    }

    /// A spread's leg.
    LegEntry WriteLegEntry: 18 {
        0 security_id: i32,
        4 side: u8,
        5 ratio_quantity: i8,
        6 price: Opt<i64>,
        14 option_delta: Opt<i32>,
    }
}

messages! {
    /// "Channel Reset": no order, level or statistic of the channel stands any more.
    ChannelReset: ChannelResetRoot { entries: ChannelResetEntry[GROUP], }
        = 4: 9;
    /// "MDIncrementalRefreshBook": price levels, and the orders behind them.
    Book: Incremental { entries: BookEntry[GROUP], orders: BookOrder[GROUP_8] since 7, }
        = 32: 7, 46: 9;
    /// "MDIncrementalRefreshBookLongQty".
    LongBook: Incremental { entries: LongBookEntry[GROUP], orders: BookOrder[GROUP_8], }
        = 64: 9;
    /// "MDIncrementalRefreshOrderBook": orders alone.
    OrderBook: Incremental { entries: OrderBookEntry[GROUP], }
        = 43: 7, 47: 9;
    /// "MDIncrementalRefreshTradeSummary".
    Trades: Incremental { entries: TradeEntry[GROUP], orders: TradeOrder[GROUP_8], }
        = 42: 7, 48: 9;
    /// "MDIncrementalRefreshTradeSummaryLongQty".
    LongTrades: Incremental { entries: LongTradeEntry[GROUP], orders: TradeOrder[GROUP_8], }
        = 65: 9;
    /// "MDIncrementalRefreshVolume".
    Volume: Incremental { entries: VolumeEntry[GROUP], }
        = 37: 9;
    /// "MDIncrementalRefreshVolumeLongQty".
    LongVolume: Incremental { entries: LongVolumeEntry[GROUP], }
        = 66: 9;
    /// "MDIncrementalRefreshDailyStatistics".
    DailyStatistics: Incremental { entries: DailyStatisticsEntry[GROUP], }
        = 33: 7, 49: 9;
    /// "MDIncrementalRefreshLimitsBanding".
    Limits: Incremental { entries: LimitsEntry[GROUP], }
        = 34: 7, 50: 9;
    /// "MDIncrementalRefreshSessionStatistics".
    SessionStatistics: Incremental { entries: SessionStatisticsEntry[GROUP], }
        = 35: 7, 51: 9;
    /// "MDIncrementalRefreshSessionStatisticsLongQty".
    LongSessionStatistics: Incremental { entries: LongSessionStatisticsEntry[GROUP], }
        = 67: 9;
    /// "SnapshotFullRefresh".
    Snapshot: SnapshotRoot { entries: SnapshotEntry[GROUP], }
        = 38: 7, 52: 9;
    /// "SnapshotFullRefreshLongQty".
    LongSnapshot: SnapshotRoot { entries: LongSnapshotEntry[GROUP], }
        = 69: 9;
    /// "SnapshotFullRefreshTCP".
    TcpSnapshot: TcpSnapshotRoot { entries: TcpSnapshotEntry[GROUP], }
        = 61: 9;
    /// "SnapshotFullRefreshTCPLongQty".
    LongTcpSnapshot: TcpSnapshotRoot { entries: LongSnapshotEntry[GROUP], }
        = 68: 9;
    /// "SnapshotFullRefreshOrderBook".
    OrderSnapshot: OrderSnapshotRoot { entries: OrderSnapshotEntry[GROUP], }
        = 44: 7, 53: 9;
    /// "Security Status".
    SecurityStatus: SecurityStatusRoot {}
        = 30: 9;
    /// "MDInstrumentDefinitionFuture".
    Future: FutureRoot {
        events: EventEntry[GROUP],
        feed_types: FeedTypeEntry[GROUP],
        attributes: InstAttribEntry[GROUP],
        lot_types: LotTypeEntry[GROUP],
    } = 27: 7, 54: 9;
    /// "MDInstrumentDefinitionOption".
    OptionDefinition: OptionRoot {
        events: EventEntry[GROUP],
        feed_types: FeedTypeEntry[GROUP],
        attributes: InstAttribEntry[GROUP],
        lot_types: LotTypeEntry[GROUP],
        underlyings: UnderlyingEntry[GROUP],
        related: RelatedEntry[GROUP] since 7,
    } = 41: 7, 55: 9;
    /// "MDInstrumentDefinitionSpread".
    Spread: SpreadRoot {
        events: EventEntry[GROUP],
        feed_types: FeedTypeEntry[GROUP],
        attributes: InstAttribEntry[GROUP],
        lot_types: LotTypeEntry[GROUP],
        legs: LegEntry[GROUP],
    } = 29: 7, 56: 9;
    /// The definitions of fixed income, repos and spot currencies: no more of them than all definitions have.
    OtherDefinition: DefinitionRoot {}
        = 57: 9, 58: 9, 63: 9;
}

/// Templates that are known and have no record of their own, and no view: login, logout, quote request, top orders, workup
/// status, collateral value.
pub const UNVIEWED: [u16; 6] = [15, 16, 39, 59, 60, 62];

/// What a template's prices are multiplied by to be in units of 1e-9.
#[must_use]
#[inline(always)]
pub const fn price_factor(template_id: u16) -> i64 {
    match template_id {
        27 | 29 | 32 | 33 | 34 | 35 | 38 | 41 | 42 | 43 | 44 => 100,
        _ => 1,
    }
}
