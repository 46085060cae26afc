//! Instrument records.

use std::ffi::c_char;

use client::InstrumentDefMsg;

use super::{gateway_record_header, mirrors};

/// An instrument: DBN's `InstrumentDefMsg`. 520 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_definition {
    /// The common header.
    pub hd: gateway_record_header,
    /// The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The minimum constant tick for the instrument in units of 1e-9.
    pub min_price_increment: i64,
    /// The multiplier to convert the venue's display price to the conventional price in units of 1e-9.
    pub display_factor: i64,
    /// The last eligible trade time in nanoseconds since the Unix epoch. Will be `UNDEF_TIMESTAMP` when null, such
    /// as for equities. Some publishers only provide date-level granularity.
    pub expiration: u64,
    /// The time of instrument activation in nanoseconds since the Unix epoch. Will be `UNDEF_TIMESTAMP` when null,
    /// such as for equities. Some publishers only provide date-level granularity.
    pub activation: u64,
    /// The allowable high limit price for the trading day in units of 1e-9.
    pub high_limit_price: i64,
    /// The allowable low limit price for the trading day in units of 1e-9.
    pub low_limit_price: i64,
    /// The differential value for price banding in units of 1e-9.
    pub max_price_variation: i64,
    /// The contract size for each instrument, in combination with `unit_of_measure`, in units of 1e-9.
    pub unit_of_measure_qty: i64,
    /// The minimum price increment amount disseminated by the venue in units of 1e-9.
    pub min_price_increment_amount: i64,
    /// The value used for price calculation in spread and leg pricing in units of 1e-9.
    pub price_ratio: i64,
    /// The strike price of the option in units of 1e-9.
    pub strike_price: i64,
    /// The instrument ID assigned by the publisher. May be the same as `instrument_id`.
    pub raw_instrument_id: u64,
    /// The tied price (if any) of the leg.
    pub leg_price: i64,
    /// The associated delta (if any) of the leg.
    pub leg_delta: i64,
    /// Venue-specific instrument attributes.  Refer to the `venue-specific documentation`.
    pub inst_attrib_value: i32,
    /// The `instrument_id` of the first underlying instrument.
    pub underlying_id: u32,
    /// The implied book depth on the price level data feed.
    pub market_depth_implied: i32,
    /// The (outright) book depth on the price level data feed.
    pub market_depth: i32,
    /// The market segment of the instrument.
    pub market_segment_id: u32,
    /// The maximum trading volume for the instrument.
    pub max_trade_vol: u32,
    /// The minimum order entry quantity for the instrument.
    pub min_lot_size: i32,
    /// The minimum quantity required for a block trade of the instrument.
    pub min_lot_size_block: i32,
    /// The minimum quantity required for a round lot of the instrument. Multiples of this quantity are also round
    /// lots.
    pub min_lot_size_round_lot: i32,
    /// The minimum trading volume for the instrument.
    pub min_trade_vol: u32,
    /// The number of deliverables per instrument, i.e. peak days.
    pub contract_multiplier: i32,
    /// The quantity that a contract will decay daily, after `decay_start_date` has been reached.
    pub decay_quantity: i32,
    /// The fixed contract value assigned to each instrument.
    pub original_contract_size: i32,
    /// The numeric ID assigned to the leg instrument.
    pub leg_instrument_id: u32,
    /// The numerator of the price ratio of the leg within the spread.
    pub leg_ratio_price_numerator: i32,
    /// The denominator of the price ratio of the leg within the spread.
    pub leg_ratio_price_denominator: i32,
    /// The numerator of the quantity ratio of the leg within the spread.
    pub leg_ratio_qty_numerator: i32,
    /// The denominator of the quantity ratio of the leg within the spread.
    pub leg_ratio_qty_denominator: i32,
    /// The numeric ID of the leg instrument's underlying instrument.
    pub leg_underlying_id: u32,
    /// The channel ID assigned at the venue.
    pub appl_id: i16,
    /// The calendar year reflected in the instrument symbol.
    pub maturity_year: u16,
    /// The date at which a contract will begin to decay.
    pub decay_start_date: u16,
    /// The id of the channel that the record comes from.
    pub channel_id: u16,
    /// The number of legs in the strategy or spread. Will be 0 for outrights.
    pub leg_count: u16,
    /// The 0-based index of the leg.
    pub leg_index: u16,
    /// The currency used for price fields.
    pub currency: [c_char; 4],
    /// The currency used for settlement, if different from `currency`.
    pub settl_currency: [c_char; 4],
    /// The strategy type of the spread.
    pub secsubtype: [c_char; 6],
    /// The instrument raw symbol assigned by the publisher.
    pub raw_symbol: [c_char; 71],
    /// The security group code of the instrument.
    pub group: [c_char; 21],
    /// The exchange used to identify the instrument.
    pub exchange: [c_char; 5],
    /// The underlying asset code (product code) of the instrument.
    pub asset: [c_char; 11],
    /// The ISO standard instrument categorization code.
    pub cfi: [c_char; 7],
    /// The security type of the instrument, e.g. FUT for future or future spread.
    pub security_type: [c_char; 7],
    /// The unit of measure for the instrument’s original contract size, e.g. USD or LBS.
    pub unit_of_measure: [c_char; 31],
    /// The symbol of the first underlying instrument.
    pub underlying: [c_char; 21],
    /// The currency of `strike_price`.
    pub strike_price_currency: [c_char; 4],
    /// The leg instrument's raw symbol assigned by the publisher.
    pub leg_raw_symbol: [c_char; 71],
    /// The classification of the instrument.
    pub instrument_class: c_char,
    /// The matching algorithm used for the instrument, typically FIFO.
    pub match_algorithm: c_char,
    /// The price denominator of the main fraction.
    pub main_fraction: u8,
    /// The number of digits to the right of the tick mark, to display fractional prices.
    pub price_display_format: u8,
    /// The price denominator of the sub fraction.
    pub sub_fraction: u8,
    /// The product complex of the instrument.
    pub underlying_product: u8,
    /// Indicates if the instrument definition has been added, modified, or deleted.
    pub security_update_action: c_char,
    /// The calendar month reflected in the instrument symbol.
    pub maturity_month: u8,
    /// The calendar day reflected in the instrument symbol, or 0.
    pub maturity_day: u8,
    /// The calendar week reflected in the instrument symbol, or 0.
    pub maturity_week: u8,
    /// Indicates if the instrument is user defined: Yes or No.
    pub user_defined_instrument: c_char,
    /// The type of `contract_multiplier`. Either `1` for hours, or `2` for days.
    pub contract_multiplier_unit: i8,
    /// The schedule for delivering electricity.
    pub flow_schedule_type: i8,
    /// The tick rule of the spread.
    pub tick_rule: u8,
    /// The classification of the leg instrument.
    pub leg_instrument_class: c_char,
    /// The side taken for the leg when purchasing the spread.
    pub leg_side: c_char,
    /// Reserved.
    pub _reserved: [u8; 17],
}

mirrors!(
    gateway_definition = InstrumentDefMsg {
        hd,
        ts_recv,
        min_price_increment,
        display_factor,
        expiration,
        activation,
        high_limit_price,
        low_limit_price,
        max_price_variation,
        unit_of_measure_qty,
        min_price_increment_amount,
        price_ratio,
        strike_price,
        raw_instrument_id,
        leg_price,
        leg_delta,
        inst_attrib_value,
        underlying_id,
        market_depth_implied,
        market_depth,
        market_segment_id,
        max_trade_vol,
        min_lot_size,
        min_lot_size_block,
        min_lot_size_round_lot,
        min_trade_vol,
        contract_multiplier,
        decay_quantity,
        original_contract_size,
        leg_instrument_id,
        leg_ratio_price_numerator,
        leg_ratio_price_denominator,
        leg_ratio_qty_numerator,
        leg_ratio_qty_denominator,
        leg_underlying_id,
        appl_id,
        maturity_year,
        decay_start_date,
        channel_id,
        leg_count,
        leg_index,
        currency,
        settl_currency,
        secsubtype,
        raw_symbol,
        group,
        exchange,
        asset,
        cfi,
        security_type,
        unit_of_measure,
        underlying,
        strike_price_currency,
        leg_raw_symbol,
        instrument_class,
        match_algorithm,
        main_fraction,
        price_display_format,
        sub_fraction,
        underlying_product,
        security_update_action,
        maturity_month,
        maturity_day,
        maturity_week,
        user_defined_instrument,
        contract_multiplier_unit,
        flow_schedule_type,
        tick_rule,
        leg_instrument_class,
        leg_side,
        _reserved
    }
);
