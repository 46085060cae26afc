/* gateway.h: the C interface of libgateway_client.
 *
 * Generated from the sources of crates/gateway-client-c; not to be edited. To make it anew:
 *
 *     GATEWAY_WRITE_HEADER=1 cargo test -p gateway-client-c header
 *
 * docs/clients.md tells how to link, wait, and treat losses and restarts.
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Version of this interface: the major half changes when programs must be compiled again, the minor half when
// something is added.
#define GATEWAY_ABI_VERSION 5

// How a call went. Negative ones are errors; `gateway_last_error` has the words.
typedef enum gateway_status {
    // It did what was asked.
    GATEWAY_OK = 0,
    // An argument is null or out of range: the words name it. Nothing was done.
    GATEWAY_ERROR_ARGUMENT = -1,
    // The library failed within itself. Close the handle, and report it.
    GATEWAY_ERROR_INTERNAL = -2,
    // Nobody answers at the socket's path.
    GATEWAY_ERROR_CONNECT = -3,
    // The connection broke, or the gateway took longer than five seconds to answer.
    GATEWAY_ERROR_BROKEN = -4,
    // The gateway's answer makes no sense: library and gateway are of different generations.
    GATEWAY_ERROR_PROTOCOL = -5,
    // The queue cannot be attached: another layout, damaged, or the kernel refuses the memory.
    GATEWAY_ERROR_QUEUE = -6,
    // The gateway refused, for a reason of its own.
    GATEWAY_ERROR_REFUSED = -7,
    // The gateway refused: there is no such queue.
    GATEWAY_ERROR_UNKNOWN_QUEUE = -8,
    // The gateway refused: it has as many clients as it allows.
    GATEWAY_ERROR_BUSY = -9,
    // The gateway refused: this user may not read the queue.
    GATEWAY_ERROR_NOT_ENTITLED = -10,
    // The gateway refused: there is no such book.
    GATEWAY_ERROR_UNKNOWN_BOOK = -11,
    // The book has no such instrument.
    GATEWAY_ERROR_UNKNOWN_INSTRUMENT = -12,
    // The book table ended: the gateway stopped or was restarted, or this user may not read it any longer.
    GATEWAY_ERROR_CLOSED = -13,
    // Nothing is wrong: do the same again.
    GATEWAY_ERROR_AGAIN = -14,
    // The gateway refused: the instrument's book cannot be trusted at the moment. Ask again later.
    GATEWAY_ERROR_NOT_VALID = -15,
    // The gateway refused: too much was asked for lately. Ask again later.
    GATEWAY_ERROR_LATER = -16,
} gateway_status;

// What a poll brought.
typedef enum gateway_event_kind {
    // Nothing new.
    GATEWAY_EVENT_EMPTY = 0,
    // A record.
    GATEWAY_EVENT_RECORD = 1,
    // This reader was overtaken and lost records.
    GATEWAY_EVENT_LOST = 2,
    // The queue ended, and everything in it was read.
    GATEWAY_EVENT_CLOSED = 3,
} gateway_event_kind;

// Which record an event brought.
typedef enum gateway_record_type {
    // None, or of a type that this library does not know: `record.other` has its header and `record_bytes` its length.
    GATEWAY_RECORD_OTHER = 0,
    // `record.mbo`: an order message, fill or trade.
    GATEWAY_RECORD_MBO = 160,
    // `record.mbp1`: best prices, of a conflated queue.
    GATEWAY_RECORD_MBP1 = 1,
    // `record.mbp10`: ten levels, of a conflated queue.
    GATEWAY_RECORD_MBP10 = 10,
    // `record.trade`: a trade, of a venue that publishes no orders. The `rtype` of its header is 0.
    GATEWAY_RECORD_TRADE = 256,
    // `record.definition`: an instrument.
    GATEWAY_RECORD_DEFINITION = 19,
    // `record.trading_status`: a trading status.
    GATEWAY_RECORD_TRADING_STATUS = 18,
    // `record.imbalance`: an auction imbalance.
    GATEWAY_RECORD_IMBALANCE = 20,
    // `record.statistics`: a statistic of the venue.
    GATEWAY_RECORD_STATISTICS = 24,
    // `record.control`: a gap, a reset, a session's begin or end.
    GATEWAY_RECORD_CONTROL = 240,
    // `record.native`: a message as the exchange sent it.
    GATEWAY_RECORD_NATIVE = 241,
} gateway_record_type;

// What was possible of where a reader asked to begin.
typedef enum gateway_join_outcome {
    // It begins where it asked.
    GATEWAY_JOINED_AS_ASKED = 0,
    // Slots from the place asked for are overwritten; the first poll reports them as lost.
    GATEWAY_JOINED_LATER = 1,
    // The position is yet to come: it begins at the next slot to be published.
    GATEWAY_JOINED_NOT_YET = 2,
    // The position belongs to another run of the gateway: it begins at the oldest record of this one.
    GATEWAY_JOINED_OTHER_RUN = 3,
} gateway_join_outcome;

// Where a reader begins.
typedef enum gateway_start {
    // With the next record published.
    GATEWAY_START_HEAD = 0,
    // With the oldest record that the queue still holds.
    GATEWAY_START_OLDEST = 1,
    // At `start_position`: at the oldest record (and the difference reported lost) where it is gone, with the next
    // one where it is yet to come.
    GATEWAY_START_AT = 2,
    // Where state can be rebuilt: with the last session start, reset or snapshot that the queue's channel has told, or with
    // the first record where it told none. At the oldest record (and the difference reported lost) where that is gone.
    GATEWAY_START_RESYNC = 3,
} gateway_start;

// Where a reader that was overtaken goes on.
typedef enum gateway_on_lapped {
    // At the oldest record that the queue still holds: smallest loss.
    GATEWAY_ON_LAPPED_OLDEST = 0,
    // At the newest record: lowest latency, largest loss.
    GATEWAY_ON_LAPPED_LATEST = 1,
    // At the last session start, reset or snapshot, from which state can be rebuilt; at the oldest record where that is
    // overwritten, and in a queue of several channels.
    GATEWAY_ON_LAPPED_RESYNC = 2,
} gateway_on_lapped;

// What `gateway_subscription_wait` does while there is no record.
typedef enum gateway_wait {
    // Polls without pause: lowest latency, one core.
    GATEWAY_WAIT_SPIN = 0,
    // Lets others run between polls: a core shared with other work.
    GATEWAY_WAIT_YIELD = 1,
    // Sleeps `sleep_ns` between polls: next to no processor time.
    GATEWAY_WAIT_SLEEP = 2,
    // Sleeps in the kernel until the gateway rings: no processor time while nothing comes.
    GATEWAY_WAIT_BLOCK = 3,
} gateway_wait;

// Why a queue gives no more records.
typedef enum gateway_closed {
    // The gateway stopped in order.
    GATEWAY_CLOSED_STOPPED = 0,
    // The gateway (or the queue) was restarted: there is a queue of the same name, `epoch` in the event.
    GATEWAY_CLOSED_RESTARTED = 1,
    // The gateway hung up: killed, crashed, or it ended this reader's connection.
    GATEWAY_CLOSED_HUNG_UP = 2,
    // The user of this reader may not read the queue any longer.
    GATEWAY_CLOSED_REVOKED = 3,
} gateway_closed;

// What a `gateway_control` tells.
typedef enum gateway_control_kind {
    // Messages `sequence` to `sequence + count - 1` are lost for good, for every reader.
    GATEWAY_CONTROL_GAP = 1,
    // The transport's sequence restarted within the session; `sequence` is the next one expected.
    GATEWAY_CONTROL_RESET = 2,
    // A session begins; `sequence` is its first delivered message.
    GATEWAY_CONTROL_SESSION_START = 3,
    // The venue ended the session; `sequence` is the one after its last message.
    GATEWAY_CONTROL_SESSION_END = 4,
    // Messages `sequence` to `sequence + count - 1` are missing and asked for; what follows them waits.
    GATEWAY_CONTROL_RECOVERING = 5,
    // Nothing is waited for any longer; the stream goes on at `sequence`.
    GATEWAY_CONTROL_RECOVERED = 6,
    // A snapshot begins, valid before message `sequence`: Clear records, then what there is. Nothing up to its end
    // happened now.
    GATEWAY_CONTROL_SNAPSHOT_BEGIN = 7,
    // The snapshot is complete and valid before message `sequence`; its last `count` messages had been delivered before.
    GATEWAY_CONTROL_SNAPSHOT_END = 8,
    // No line brought anything for longer than the venue is ever silent.
    GATEWAY_CONTROL_STALE = 9,
    // A line brought something again.
    GATEWAY_CONTROL_LIVE = 10,
} gateway_control_kind;

// The books that a gateway had when it was asked.
typedef struct gateway_book_list gateway_book_list;

// A book table that is read. One thread at a time may use it.
typedef struct gateway_books gateway_books;

// A connection to a gateway. Any number of threads may use it at the same time.
typedef struct gateway_client gateway_client;

// A queue's instruments, as of the last `gateway_instruments_update`. One thread at a time.
typedef struct gateway_instruments gateway_instruments;

// Reads several queues, each in its own order and in no order between them. Fair: after an event of one queue all others
// are asked before it is asked again. One thread at a time may use it; which one may change.
typedef struct gateway_multi_subscriber gateway_multi_subscriber;

// Orders that rested at a position of a queue. Never changes: any number of threads may use it.
typedef struct gateway_orders gateway_orders;

// The queues that a gateway had when it was asked.
typedef struct gateway_queues gateway_queues;

// A reader of one queue. One thread at a time may use it; which one may change.
typedef struct gateway_subscription gateway_subscription;

// A text that the library made.
typedef struct gateway_text gateway_text;

// A book in a list.
typedef struct gateway_book_info {
    // Its name, that of its table and of its conflated queue where it has one; valid as long as the list.
    const char *name;
    // The queue that it is built from, whose positions its entries count; valid as long as the list.
    const char *queue;
    // When its table was made, nanoseconds since the Unix epoch.
    uint64_t epoch;
    // Slots of that queue below which the books have everything, counted since the gateway started.
    uint64_t applied;
    // Instruments that it has.
    uint32_t instruments;
    // Instruments there is room for.
    uint32_t instruments_max;
} gateway_book_info;

// An instrument's place in one table; found by `gateway_books_find`. Look for it again after a restart of the gateway.
typedef struct gateway_instrument {
    // The instrument, as records name it.
    uint32_t id;
    // Its entry in the table.
    uint32_t entry;
} gateway_instrument;

// Where a reader is, in a form that outlives it: a strategy that keeps it goes on there after a restart of its own, by
// `start_run` and `start_position` of its options.
typedef struct gateway_checkpoint {
    // The gateway's run that `position` belongs to.
    uint64_t run;
    // The next slot to be read, counted since that run began.
    uint64_t position;
} gateway_checkpoint;

// Signs of life of the worker that publishes a queue.
typedef struct gateway_health {
    // Its last heartbeat, nanoseconds since the Unix epoch (compare `gateway_clock_now_ns`); 0 before the first.
    uint64_t heartbeat_ns;
    // Whether the queue is still being written.
    bool live;
} gateway_health;

// A price level of both sides: DBN's `BidAskPair`.
typedef struct gateway_level {
    // Bid price in units of 1e-9; `INT64_MAX` where there is no such level.
    int64_t bid_px;
    // Ask price, likewise.
    int64_t ask_px;
    // Size bid.
    uint32_t bid_sz;
    // Size offered.
    uint32_t ask_sz;
    // Orders that bid.
    uint32_t bid_ct;
    // Orders that offer.
    uint32_t ask_ct;
} gateway_level;

// Best bid and ask of an instrument.
typedef struct gateway_best {
    // Records of the queue below this position are in it.
    uint64_t position;
    // When the venue changed it last, in nanoseconds since the Unix epoch; 0 before the first time.
    uint64_t ts_event;
    // The best prices.
    struct gateway_level level;
    // The instrument.
    uint32_t instrument_id;
    // 0 where it shows what rests at the venue; otherwise the number of a reason, see `gateway_book_state_name`.
    uint32_t state;
} gateway_best;

// An instrument's book.
typedef struct gateway_book {
    // Records of the queue below this position are in it.
    uint64_t position;
    // The position at which `state` began.
    uint64_t state_since;
    // When the venue changed it last, in nanoseconds since the Unix epoch; 0 before the first time.
    uint64_t ts_event;
    // When the gateway received that.
    uint64_t ts_recv;
    // Ten levels, best first.
    struct gateway_level levels[10];
    // Price of the last trade in units of 1e-9; meaningless where its size is 0.
    int64_t last_trade_price;
    // Time of the last trade.
    uint64_t last_trade_ts_event;
    // Time of the last status; 0 where there was none.
    uint64_t status_ts_event;
    // The instrument.
    uint32_t instrument_id;
    // As in `gateway_best`.
    uint32_t state;
    // Levels of the bid side, those beyond ten too.
    uint32_t bid_levels;
    // Levels of the ask side, those beyond ten too.
    uint32_t ask_levels;
    // Size of the last trade; 0 where there was none.
    uint32_t last_trade_size;
    // The lower 32 bits of the channel's sequence.
    uint32_t sequence;
    // DBN's `StatusAction` of the last status.
    uint16_t status_action;
    // DBN's `StatusReason` of the last status.
    uint16_t status_reason;
    // The side that initiated the last trade: `'A'`, `'B'` or `'N'`.
    char last_trade_side;
    // Whether it trades: `'Y'`, `'N'` or `'~'`.
    char is_trading;
    // Whether it is quoted: `'Y'`, `'N'` or `'~'`.
    char is_quoting;
    // The symbol, up to 32 bytes, terminated by zero; empty while it is not known.
    char symbol[33];
} gateway_book;

// A queue.
typedef struct gateway_queue {
    // Its name, valid as long as the list.
    const char *name;
    // When it was made, nanoseconds since the Unix epoch.
    uint64_t epoch;
    // Its capacity in slots of 56 bytes of records.
    uint64_t slots;
    // Slots published so far.
    uint64_t head;
    // Its largest record in bytes.
    uint32_t record_bytes_max;
    // Version of its records' schema.
    uint32_t schema_version;
    // What its records are.
    uint64_t schema_id;
} gateway_queue;

// What each DBN record begins with.
typedef struct gateway_record_header {
    // Length of the record in 32-bit words.
    uint8_t length;
    // Record type: one of `gateway_record_type` for those of this header.
    uint8_t rtype;
    // DBN's number of the venue and its dataset.
    uint16_t publisher_id;
    // The instrument: for Nasdaq ITCH the day's stock locate.
    uint32_t instrument_id;
    // When the venue's matching engine processed the message, in nanoseconds since the Unix epoch.
    uint64_t ts_event;
} gateway_record_header;

// An instrument: DBN's `InstrumentDefMsg`. 520 bytes.
typedef struct gateway_definition {
    // The common header.
    struct gateway_record_header hd;
    // The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The minimum constant tick for the instrument in units of 1e-9.
    int64_t min_price_increment;
    // The multiplier to convert the venue's display price to the conventional price in units of 1e-9.
    int64_t display_factor;
    // The last eligible trade time in nanoseconds since the Unix epoch. Will be `UNDEF_TIMESTAMP` when null, such
    // as for equities. Some publishers only provide date-level granularity.
    uint64_t expiration;
    // The time of instrument activation in nanoseconds since the Unix epoch. Will be `UNDEF_TIMESTAMP` when null,
    // such as for equities. Some publishers only provide date-level granularity.
    uint64_t activation;
    // The allowable high limit price for the trading day in units of 1e-9.
    int64_t high_limit_price;
    // The allowable low limit price for the trading day in units of 1e-9.
    int64_t low_limit_price;
    // The differential value for price banding in units of 1e-9.
    int64_t max_price_variation;
    // The contract size for each instrument, in combination with `unit_of_measure`, in units of 1e-9.
    int64_t unit_of_measure_qty;
    // The minimum price increment amount disseminated by the venue in units of 1e-9.
    int64_t min_price_increment_amount;
    // The value used for price calculation in spread and leg pricing in units of 1e-9.
    int64_t price_ratio;
    // The strike price of the option in units of 1e-9.
    int64_t strike_price;
    // The instrument ID assigned by the publisher. May be the same as `instrument_id`.
    uint64_t raw_instrument_id;
    // The tied price (if any) of the leg.
    int64_t leg_price;
    // The associated delta (if any) of the leg.
    int64_t leg_delta;
    // Venue-specific instrument attributes.  Refer to the `venue-specific documentation`.
    int32_t inst_attrib_value;
    // The `instrument_id` of the first underlying instrument.
    uint32_t underlying_id;
    // The implied book depth on the price level data feed.
    int32_t market_depth_implied;
    // The (outright) book depth on the price level data feed.
    int32_t market_depth;
    // The market segment of the instrument.
    uint32_t market_segment_id;
    // The maximum trading volume for the instrument.
    uint32_t max_trade_vol;
    // The minimum order entry quantity for the instrument.
    int32_t min_lot_size;
    // The minimum quantity required for a block trade of the instrument.
    int32_t min_lot_size_block;
    // The minimum quantity required for a round lot of the instrument. Multiples of this quantity are also round
    // lots.
    int32_t min_lot_size_round_lot;
    // The minimum trading volume for the instrument.
    uint32_t min_trade_vol;
    // The number of deliverables per instrument, i.e. peak days.
    int32_t contract_multiplier;
    // The quantity that a contract will decay daily, after `decay_start_date` has been reached.
    int32_t decay_quantity;
    // The fixed contract value assigned to each instrument.
    int32_t original_contract_size;
    // The numeric ID assigned to the leg instrument.
    uint32_t leg_instrument_id;
    // The numerator of the price ratio of the leg within the spread.
    int32_t leg_ratio_price_numerator;
    // The denominator of the price ratio of the leg within the spread.
    int32_t leg_ratio_price_denominator;
    // The numerator of the quantity ratio of the leg within the spread.
    int32_t leg_ratio_qty_numerator;
    // The denominator of the quantity ratio of the leg within the spread.
    int32_t leg_ratio_qty_denominator;
    // The numeric ID of the leg instrument's underlying instrument.
    uint32_t leg_underlying_id;
    // The channel ID assigned at the venue.
    int16_t appl_id;
    // The calendar year reflected in the instrument symbol.
    uint16_t maturity_year;
    // The date at which a contract will begin to decay.
    uint16_t decay_start_date;
    // The id of the channel that the record comes from.
    uint16_t channel_id;
    // The number of legs in the strategy or spread. Will be 0 for outrights.
    uint16_t leg_count;
    // The 0-based index of the leg.
    uint16_t leg_index;
    // The currency used for price fields.
    char currency[4];
    // The currency used for settlement, if different from `currency`.
    char settl_currency[4];
    // The strategy type of the spread.
    char secsubtype[6];
    // The instrument raw symbol assigned by the publisher.
    char raw_symbol[71];
    // The security group code of the instrument.
    char group[21];
    // The exchange used to identify the instrument.
    char exchange[5];
    // The underlying asset code (product code) of the instrument.
    char asset[11];
    // The ISO standard instrument categorization code.
    char cfi[7];
    // The security type of the instrument, e.g. FUT for future or future spread.
    char security_type[7];
    // The unit of measure for the instrument’s original contract size, e.g. USD or LBS.
    char unit_of_measure[31];
    // The symbol of the first underlying instrument.
    char underlying[21];
    // The currency of `strike_price`.
    char strike_price_currency[4];
    // The leg instrument's raw symbol assigned by the publisher.
    char leg_raw_symbol[71];
    // The classification of the instrument.
    char instrument_class;
    // The matching algorithm used for the instrument, typically FIFO.
    char match_algorithm;
    // The price denominator of the main fraction.
    uint8_t main_fraction;
    // The number of digits to the right of the tick mark, to display fractional prices.
    uint8_t price_display_format;
    // The price denominator of the sub fraction.
    uint8_t sub_fraction;
    // The product complex of the instrument.
    uint8_t underlying_product;
    // Indicates if the instrument definition has been added, modified, or deleted.
    char security_update_action;
    // The calendar month reflected in the instrument symbol.
    uint8_t maturity_month;
    // The calendar day reflected in the instrument symbol, or 0.
    uint8_t maturity_day;
    // The calendar week reflected in the instrument symbol, or 0.
    uint8_t maturity_week;
    // Indicates if the instrument is user defined: Yes or No.
    char user_defined_instrument;
    // The type of `contract_multiplier`. Either `1` for hours, or `2` for days.
    int8_t contract_multiplier_unit;
    // The schedule for delivering electricity.
    int8_t flow_schedule_type;
    // The tick rule of the spread.
    uint8_t tick_rule;
    // The classification of the leg instrument.
    char leg_instrument_class;
    // The side taken for the leg when purchasing the spread.
    char leg_side;
    // Reserved.
    uint8_t _reserved[17];
} gateway_definition;

// A trading status: DBN's `StatusMsg`. 40 bytes.
typedef struct gateway_trading_status {
    // The common header.
    struct gateway_record_header hd;
    // The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The type of status change.
    uint16_t action;
    // Additional details about the cause of the status change.
    uint16_t reason;
    // Further information about the status change and its effect on trading.
    uint16_t trading_event;
    // The best-efforts state of trading in the instrument, either `Y`, `N` or `~`.
    char is_trading;
    // The best-efforts state of quoting in the instrument, either `Y`, `N` or `~`.
    char is_quoting;
    // The best-efforts state of short sell restrictions for the instrument (if applicable), either `Y`, `N` or `~`.
    char is_short_sell_restricted;
    // Reserved.
    uint8_t _reserved[7];
} gateway_trading_status;

// An instrument as it was last defined. What it points to is valid until the directory's next update, or its end.
typedef struct gateway_instrument_definition {
    // Its definition: the tick is `min_price_increment`, the lot `min_lot_size_round_lot`, the multiplier
    // `contract_multiplier` and `unit_of_measure_qty`. Of a spread that of its first leg.
    const struct gateway_definition *definition;
    // The definitions of a spread's legs, `legs_count` of them, in the order of their `leg_index`: all of them are there once
    // there are as many as its `leg_count` says. Null where it has none.
    const struct gateway_definition *legs;
    // How many definitions of legs there are.
    size_t legs_count;
    // Its trading status; null before the first, and where the queue has none.
    const struct gateway_trading_status *status;
    // Position of its last definition's record in the queue, counted since the gateway started.
    uint64_t position;
} gateway_instrument_definition;

// An order message, fill or trade: DBN's `MboMsg`. 56 bytes.
typedef struct gateway_mbo {
    // The common header.
    struct gateway_record_header hd;
    // The order ID assigned at the venue.
    uint64_t order_id;
    // The order price in units of 1e-9.
    int64_t price;
    // The order quantity.
    uint32_t size;
    // A bit field indicating event end, message characteristics, and data quality.
    uint8_t flags;
    // The id of the channel that the record comes from.
    uint8_t channel_id;
    // The event action. `'A'`dd, `'C'`ancel, `'M'`odify, clea`'R'` book, `'T'`rade, `'F'`ill or `'N'`one.
    char action;
    // The side that initiates the event. `'A'`sk for a sell order (or sell aggressor in a
    // trade), `'B'`id for a buy order (or buy aggressor in a trade), `'N'`one where no side is specified.
    char side;
    // The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    int32_t ts_in_delta;
    // The message sequence number assigned at the venue.
    uint32_t sequence;
} gateway_mbo;

// Best bid and ask of an instrument's book: DBN's `Mbp1Msg`. 80 bytes.
typedef struct gateway_mbp1 {
    // The common header.
    struct gateway_record_header hd;
    // `UNDEF_PRICE` (`INT64_MAX`): the record tells of no single event.
    int64_t price;
    // 0, likewise.
    uint32_t size;
    // `'N'`, likewise.
    char action;
    // `'N'`, likewise.
    char side;
    // A bit field; bit 2 (`F_MAYBE_BAD_BOOK`) says that the book cannot be trusted.
    uint8_t flags;
    // 0: the best level.
    uint8_t depth;
    // The time at which the gateway received what changed the book last, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    int32_t ts_in_delta;
    // The message sequence number of that, assigned at the venue.
    uint32_t sequence;
    // The best level.
    struct gateway_level levels[1];
} gateway_mbp1;

// The ten best levels of an instrument's book: DBN's `Mbp10Msg`. 368 bytes.
typedef struct gateway_mbp10 {
    // The common header.
    struct gateway_record_header hd;
    // `UNDEF_PRICE` (`INT64_MAX`): the record tells of no single event.
    int64_t price;
    // 0, likewise.
    uint32_t size;
    // `'N'`, likewise.
    char action;
    // `'N'`, likewise.
    char side;
    // A bit field; bit 2 (`F_MAYBE_BAD_BOOK`) says that the book cannot be trusted.
    uint8_t flags;
    // 0.
    uint8_t depth;
    // The time at which the gateway received what changed the book last, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    int32_t ts_in_delta;
    // The message sequence number of that, assigned at the venue.
    uint32_t sequence;
    // Best first; `INT64_MAX` as a price where there is no such level.
    struct gateway_level levels[10];
} gateway_mbp10;

// A trade, of a venue that publishes no orders: DBN's `TradeMsg`. 48 bytes.
typedef struct gateway_trade {
    // The common header.
    struct gateway_record_header hd;
    // The price, in units of 1e-9.
    int64_t price;
    // The quantity.
    uint32_t size;
    // Always `'T'`.
    char action;
    // The side that initiated the trade: `'A'` sell, `'B'` buy, `'N'` where none is specified.
    char side;
    // A bit field of event end, message characteristics and data quality: the `F_` flags of DBN.
    uint8_t flags;
    // The book level where the trade occurred.
    uint8_t depth;
    // The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    int32_t ts_in_delta;
    // The message sequence number assigned at the venue.
    uint32_t sequence;
} gateway_trade;

// An auction imbalance: DBN's `ImbalanceMsg`. 112 bytes.
typedef struct gateway_imbalance {
    // The common header.
    struct gateway_record_header hd;
    // The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The price at which the imbalance shares are calculated, in units of 1e-9. Will be `UNDEF_PRICE` when unused.
    int64_t ref_price;
    // Projected auction timestamp in nanoseconds since the Unix epoch. Will be `UNDEF_TIMESTAMP` when unused.
    uint64_t auction_time;
    // The hypothetical auction-clearing price for both cross and continuous orders in units of 1e-9. Will be
    // `UNDEF_PRICE` when unused.
    int64_t cont_book_clr_price;
    // The hypothetical auction-clearing price for cross orders only in units of 1e-9. Will be `UNDEF_PRICE` when
    // unused.
    int64_t auct_interest_clr_price;
    // The price at which sell short interest will be filed if a sell short restriction is in effect, in units of
    // 1e-9. Will be `UNDEF_PRICE` when unused.
    int64_t ssr_filling_price;
    // The price at which the highest number of shares would trade, subject to auction collars, in units of 1e-9.
    // Will be `UNDEF_PRICE` when unused.
    int64_t ind_match_price;
    // Upper limit of the auction collar, in units of 1e-9. Will be `UNDEF_PRICE` when unused.
    int64_t upper_collar;
    // Lower limit of the auction collar, in units of 1e-9. Will be `UNDEF_PRICE` when unused.
    int64_t lower_collar;
    // The quantity of shares that are eligible to be matched at `ref_price`. Will be `UNDEF_ORDER_SIZE` when unused.
    uint32_t paired_qty;
    // The quantity of shares that are not paired at `ref_price`. Will be `UNDEF_ORDER_SIZE` when not used.
    uint32_t total_imbalance_qty;
    // The total market order imbalance quantity at the `ref_price`. Will be `UNDEF_ORDER_SIZE` when unused.
    uint32_t market_imbalance_qty;
    // During the Closing Auction, the number of unpaired shares priced at or better than the `ref_price`. Will be
    // `UNDEF_ORDER_SIZE` when unused.
    uint32_t unpaired_qty;
    // Venue-specific character code indicating the auction type. Will be `~` when unused.  Refer to the `venue-
    // specific documentation`.
    char auction_type;
    // The market side of the `total_imbalance_qty`. Can be Ask, Bid, or None.
    char side;
    // Venue-specific status code.  Refer to the `venue-specific documentation`.
    uint8_t auction_status;
    // Venue-specific status code.  Refer to the `venue-specific documentation`.
    uint8_t freeze_status;
    // The number of times the halt period has been extended.
    uint8_t num_extensions;
    // The side of the `unpaired_qty`. Can be Ask, Bid, or None. Will be None when unused or not applicable.
    char unpaired_side;
    // Venue-specific character code. For Nasdaq, contains the raw Price Variation Indicator.  Refer to the `venue-
    // specific documentation`.
    char significant_imbalance;
    // Reserved.
    uint8_t _reserved[1];
} gateway_imbalance;

// A statistic of the venue, such as a settlement price or open interest: DBN's `StatMsg`. 80 bytes.
typedef struct gateway_statistics {
    // The common header.
    struct gateway_record_header hd;
    // The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The time that the statistic is about, in nanoseconds since the Unix epoch; `UINT64_MAX` when unused.
    uint64_t ts_ref;
    // The value of a price statistic, in units of 1e-9; `INT64_MAX` when unused.
    int64_t price;
    // The value of any other statistic; `INT64_MAX` when unused.
    int64_t quantity;
    // The message sequence number assigned at the venue.
    uint32_t sequence;
    // The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    int32_t ts_in_delta;
    // What it is a statistic of: DBN's `StatType`.
    uint16_t stat_type;
    // The channel's number.
    uint16_t channel_id;
    // 1: newly added; 2: deleted.
    uint8_t update_action;
    // More about some types of statistics.
    uint8_t stat_flags;
    // Reserved.
    uint8_t _reserved[18];
} gateway_statistics;

// Something about a channel rather than about an instrument. 56 bytes; never part of a `.dbn` file.
typedef struct gateway_control {
    // Length of the record in 32-bit words.
    uint8_t length;
    // `GATEWAY_RECORD_CONTROL`.
    uint8_t rtype;
    // DBN's number of the venue and its dataset.
    uint16_t publisher_id;
    // 0: it concerns the channel. Another number: this instrument alone, where a feed recovers instrument by instrument
    // (MDP 3.0).
    uint32_t instrument_id;
    // The venue's time where it is known, else that of `ts_recv`; nanoseconds since the Unix epoch.
    uint64_t ts_event;
    // A `gateway_control_kind`; later gateways may have more.
    uint16_t kind;
    // The channel's id.
    uint8_t channel_id;
    // Reserved.
    uint8_t reserved[5];
    // First sequence concerned, full 64 bits.
    uint64_t sequence;
    // How many messages are concerned (gap, recovering, snapshot begin and end), else 0.
    uint64_t count;
    // When the gateway knew; nanoseconds since the Unix epoch.
    uint64_t ts_recv;
    // The first eight bytes of the session's name, as the wire has them: not terminated.
    uint8_t session[8];
} gateway_control;

// What stands in front of a message as the exchange sent it; `gateway_native_message` gives the message. 16 bytes;
// never part of a `.dbn` file.
typedef struct gateway_native {
    // Length of the record, header and padding included, in 32-bit words.
    uint8_t length;
    // `GATEWAY_RECORD_NATIVE`.
    uint8_t rtype;
    // Exact length of the message behind the header, in bytes.
    uint16_t message_length;
    // Instrument where the message names one, else 0.
    uint32_t instrument_id;
    // When the gateway received the packet; nanoseconds since the Unix epoch.
    uint64_t ts_recv;
} gateway_native;

// A record by its type, in the subscription's buffer: valid until the subscription's next call.
typedef union gateway_record {
    // Of `GATEWAY_RECORD_MBO`.
    const struct gateway_mbo *mbo;
    // Of `GATEWAY_RECORD_MBP1`.
    const struct gateway_mbp1 *mbp1;
    // Of `GATEWAY_RECORD_MBP10`.
    const struct gateway_mbp10 *mbp10;
    // Of `GATEWAY_RECORD_TRADE`.
    const struct gateway_trade *trade;
    // Of `GATEWAY_RECORD_DEFINITION`.
    const struct gateway_definition *definition;
    // Of `GATEWAY_RECORD_TRADING_STATUS`.
    const struct gateway_trading_status *trading_status;
    // Of `GATEWAY_RECORD_IMBALANCE`.
    const struct gateway_imbalance *imbalance;
    // Of `GATEWAY_RECORD_STATISTICS`.
    const struct gateway_statistics *statistics;
    // Of `GATEWAY_RECORD_CONTROL`.
    const struct gateway_control *control;
    // Of `GATEWAY_RECORD_NATIVE`.
    const struct gateway_native *native;
    // Of any other; readable for `record_bytes` bytes.
    const struct gateway_record_header *other;
} gateway_record;

// What a poll brought. The caller's memory; a poll writes all of it.
typedef struct gateway_event {
    // The same as the call returned.
    enum gateway_event_kind kind;
    // Which member of `record` counts.
    enum gateway_record_type record_type;
    // The record; null unless there is one.
    union gateway_record record;
    // Its length in bytes, a multiple of 8; 0 unless there is one.
    uint32_t record_bytes;
    // Why the queue ended; 0 unless it has.
    uint32_t closed;
    // Of a record, the position of its first slot; else of the slot to be read next. Positions count the queue's slots
    // since the gateway started.
    uint64_t position;
    // Slots lost just now; 0 unless `GATEWAY_EVENT_LOST`. A record takes one slot for each 56 bytes begun.
    uint64_t lost_slots;
    // Epoch of the queue that took this one's place; 0 unless `GATEWAY_CLOSED_RESTARTED`.
    uint64_t successor_epoch;
} gateway_event;

// What a snapshot of orders is, beside its records.
typedef struct gateway_orders_summary {
    // Where in the queue a reader goes on, by `start_run` and `start_position` of its options: records of the queue below
    // this position are in the snapshot, none from there on.
    struct gateway_checkpoint checkpoint;
    // How many instruments it has.
    uint32_t instruments;
    // How many it lacks because their books could not be trusted.
    uint32_t invalid;
} gateway_orders_summary;

// How to read a queue. Zeros are the defaults; `struct_bytes` must be `sizeof(gateway_subscribe_options)`, by which
// the library knows the fields that the program knew when it was compiled.
typedef struct gateway_subscribe_options {
    // `sizeof(gateway_subscribe_options)`.
    uint32_t struct_bytes;
    // A `gateway_start`.
    uint32_t start;
    // Position to start at, of `GATEWAY_START_AT`: slots of the queue since the gateway started.
    uint64_t start_position;
    // The gateway's run that `start_position` belongs to, of a `gateway_checkpoint`: in any other run the reader begins
    // with the oldest record. 0 for the present run.
    uint64_t start_run;
    // A `gateway_on_lapped`.
    uint32_t on_lapped;
    // A `gateway_wait`.
    uint32_t wait;
    // Nanoseconds between two polls, of `GATEWAY_WAIT_SLEEP`; 0 stands for 50,000.
    uint64_t sleep_ns;
    // What the reader calls itself in the gateway's metrics and status, up to 31 bytes; null for `unnamed`.
    const char *name;
} gateway_subscribe_options;

// What became of the wish to begin at a certain place.
typedef struct gateway_joined {
    // The first slot that will be read, counted since the gateway started.
    uint64_t position;
    // The next slot to be published at that moment.
    uint64_t head;
    // Slots that are overwritten, of `GATEWAY_JOINED_LATER`; else 0.
    uint64_t lost_slots;
    // What was possible.
    enum gateway_join_outcome outcome;
} gateway_joined;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library's interface, to be compared with `GATEWAY_ABI_VERSION`: where its upper 16 bits are the
// program's and its lower 16 bits at least the program's, everything that the program knows is there.
uint32_t gateway_client_abi_version(void);

// A word for the `state` of a book: `valid`, or why it cannot be trusted.
const char *gateway_book_state_name(uint32_t state);

// Asks which books there are that this user may read. `*books` is the list, or null after a failure; end it with
// `gateway_book_list_free`.
//
// Fails with `GATEWAY_ERROR_BROKEN` where the gateway is gone.
//
// What the caller must see to:
// `client` is an open connection and `books` may be written; each may be null, which is refused.
enum gateway_status gateway_client_book_list(const struct gateway_client *client,
                                             struct gateway_book_list **books);

// How many books are in the list; 0 where `books` is null.
//
// What the caller must see to:
// `books` is null or a list.
size_t gateway_book_list_count(const struct gateway_book_list *books);

// The book with that index, valid as long as the list; null behind the last.
//
// What the caller must see to:
// `books` is null or a list.
const struct gateway_book_info *gateway_book_list_at(const struct gateway_book_list *books, size_t index);

// Ends the list; null is nothing.
//
// What the caller must see to:
// `books` is null or a list, and nobody uses it or its entries any more.
void gateway_book_list_free(struct gateway_book_list *books);

// Begins to read the table of `book` under the name `reader`. `*books` is the table, or null after a failure; end it
// with `gateway_books_close`.
//
// Fails as `gateway_subscribe`, with `GATEWAY_ERROR_UNKNOWN_BOOK` where there is no such book.
//
// What the caller must see to:
// `client` is an open connection, `book` and `reader` are zero-terminated texts and `books` may be written; each may be
// null, which is refused.
enum gateway_status gateway_books_open(const struct gateway_client *client,
                                       const char *book,
                                       const char *reader,
                                       struct gateway_books **books);

// Ends a table's reader; null is nothing.
//
// What the caller must see to:
// `books` is null or came from `gateway_books_open`, and nobody uses it any more.
void gateway_books_close(struct gateway_books *books);

// Opens the table of the same name again, after `GATEWAY_ERROR_CLOSED`. Instruments found before are of another table.
//
// Fails as `gateway_books_open`; the table is unchanged then.
//
// What the caller must see to:
// `books` is an open table that nobody else uses, or null, which is refused.
enum gateway_status gateway_books_reattach(struct gateway_books *books);

// Finds the instrument of that symbol. Fails with `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where it was not announced yet.
//
// What the caller must see to:
// `books` is an open table that nobody else uses, `symbol` a zero-terminated text and `instrument` may be written; each
// may be null, which is refused.
enum gateway_status gateway_books_find(struct gateway_books *books,
                                       const char *symbol,
                                       struct gateway_instrument *instrument);

// Finds the instrument that records name so. Fails as `gateway_books_find`.
//
// What the caller must see to:
// `books` is an open table that nobody else uses and `instrument` may be written; each may be null, which is refused.
enum gateway_status gateway_books_find_id(struct gateway_books *books,
                                          uint32_t id,
                                          struct gateway_instrument *instrument);

// How many entries the table has, each of which is an instrument's; 0 where `books` is null.
//
// What the caller must see to:
// `books` is null or an open table that nobody else uses.
size_t gateway_books_count(const struct gateway_books *books);

// The instrument of an entry, by its index from 0 on. Fails as `gateway_books_find`.
//
// What the caller must see to:
// `books` is an open table that nobody else uses and `instrument` may be written; each may be null, which is refused.
enum gateway_status gateway_books_at(const struct gateway_books *books,
                                     size_t index,
                                     struct gateway_instrument *instrument);

// The place in the queue where a reader goes on that reads books now, by `start_run` and `start_position` of its options:
// every book that is read after this call has all records below it, and tells by its `position` how much more it has.
//
// What the caller must see to:
// `books` is an open table that nobody else uses and `checkpoint` may be written; each may be null, which is refused.
enum gateway_status gateway_books_checkpoint(const struct gateway_books *books,
                                             struct gateway_checkpoint *checkpoint);

// The builder's signs of life: its heartbeat is written every 10 ms, and one that is older than 100 ms is that of a builder
// that is stuck. `live` is false once an error said that the table ended.
//
// What the caller must see to:
// `books` is an open table that nobody else uses and `health` may be written; each may be null, which is refused.
enum gateway_status gateway_books_health(const struct gateway_books *books,
                                         struct gateway_health *health);

// Copies an instrument's best bid and ask: whole, of one moment.
//
// Fails with `GATEWAY_ERROR_CLOSED` where the table ended, `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where the instrument is of
// another table, `GATEWAY_ERROR_AGAIN` where it was replaced during every attempt; `*best` is unchanged then.
//
// What the caller must see to:
// `books` is an open table that nobody else uses and `best` may be written; each may be null, which is refused.
enum gateway_status gateway_books_best(struct gateway_books *books,
                                       struct gateway_instrument instrument,
                                       struct gateway_best *best);

// Copies an instrument's book: whole, of one moment. Fails as `gateway_books_best`.
//
// What the caller must see to:
// `books` is an open table that nobody else uses and `book` may be written; each may be null, which is refused.
enum gateway_status gateway_books_read(struct gateway_books *books,
                                       struct gateway_instrument instrument,
                                       struct gateway_book *book);

// Connects to the broker's socket at `path` (`/run/gateway/broker.sock`) and sees that a gateway of this protocol
// answers. `*client` is the connection, or null after a failure; end it with `gateway_client_close`.
//
// Fails with `GATEWAY_ERROR_CONNECT`, `GATEWAY_ERROR_BROKEN`, `GATEWAY_ERROR_BUSY` or `GATEWAY_ERROR_PROTOCOL`.
//
// What the caller must see to:
// `path` is a zero-terminated text and `client` may be written; each may be null, which is refused.
enum gateway_status gateway_client_connect(const char *path,
                                           struct gateway_client **client);

// Ends the connection; null is nothing. Its subscriptions live on: each has a connection of its own.
//
// What the caller must see to:
// `client` is null or came from `gateway_client_connect`, and nobody uses it any more.
void gateway_client_close(struct gateway_client *client);

// The gateway's process id, in its own namespace; 0 where `client` is null.
//
// What the caller must see to:
// `client` is null or an open connection.
uint32_t gateway_client_gateway_pid(const struct gateway_client *client);

// Asks which queues there are. `*queues` is the list, or null after a failure; end it with `gateway_queues_free`.
//
// Fails with `GATEWAY_ERROR_BROKEN` where the gateway is gone.
//
// What the caller must see to:
// `client` is an open connection and `queues` may be written; each may be null, which is refused.
enum gateway_status gateway_client_queues(const struct gateway_client *client,
                                          struct gateway_queues **queues);

// How many queues are in the list; 0 where `queues` is null.
//
// What the caller must see to:
// `queues` is null or a list.
size_t gateway_queues_count(const struct gateway_queues *queues);

// The queue with that index, valid as long as the list; null behind the last.
//
// What the caller must see to:
// `queues` is null or a list.
const struct gateway_queue *gateway_queues_at(const struct gateway_queues *queues, size_t index);

// Ends the list; null is nothing.
//
// What the caller must see to:
// `queues` is null or a list, and nobody uses it or its entries any more.
void gateway_queues_free(struct gateway_queues *queues);

// Asks for the gateway's status, a JSON object. `*status` is the text, or null after a failure; end it with
// `gateway_text_free`.
//
// Fails with `GATEWAY_ERROR_BROKEN` where the gateway is gone.
//
// What the caller must see to:
// `client` is an open connection and `status` may be written; each may be null, which is refused.
enum gateway_status gateway_client_status(const struct gateway_client *client, struct gateway_text **status);

// The text's bytes, zero-terminated, valid as long as the text; empty where `text` is null.
//
// What the caller must see to:
// `text` is null or a text of the library.
const char *gateway_text_bytes(const struct gateway_text *text);

// Ends the text; null is nothing.
//
// What the caller must see to:
// `text` is null or a text of the library, and nobody uses it any more.
void gateway_text_free(struct gateway_text *text);

// Words for a `gateway_closed`.
const char *gateway_closed_text(uint32_t closed);

// Begins to read what `queue` defines, from its oldest record on, under the name `reader`; best of a queue with
// `classes = ["definitions", "status"]`, which has nothing else to read through. `*instruments` has what the queue has by
// now, or is null after a failure; end it with `gateway_instruments_free`.
//
// Fails as `gateway_client_subscribe` does.
//
// What the caller must see to:
// `client` is an open connection, `queue` and `reader` are zero-terminated texts, and `instruments` may be written; each may
// be null, which is refused.
enum gateway_status gateway_client_instruments(const struct gateway_client *client,
                                               const char *queue,
                                               const char *reader,
                                               struct gateway_instruments **instruments);

// Takes what the queue has had since the last update, but nothing that comes meanwhile; where that is nothing, waits for it no
// longer than `timeout_ns` nanoseconds, asleep in the kernel. A loss is no failure: see `gateway_instruments_is_whole`.
//
// Fails with `GATEWAY_ERROR_CLOSED` once the queue has ended: what is known stays readable; begin to read it again.
//
// What the caller must see to:
// `instruments` is a directory or null, which is refused.
enum gateway_status gateway_instruments_update(struct gateway_instruments *instruments,
                                               uint64_t timeout_ns);

// How many instruments there are; 0 where `instruments` is null.
//
// What the caller must see to:
// `instruments` is null or a directory.
size_t gateway_instruments_count(const struct gateway_instruments *instruments);

// Whether nothing can be missing. False for good where records were overwritten before this reader came, or lost since:
// nobody knows of which channels. False as well where the gateway joined a channel's session after its first message, or
// lost some of it, until that channel's next session. Of channels that have sent nothing so far it says nothing. False where
// `instruments` is null.
//
// What the caller must see to:
// `instruments` is null or a directory.
bool gateway_instruments_is_whole(const struct gateway_instruments *instruments);

// How often something was defined, taken back or changed its status: the same number means that all is as it was. 0 where
// `instruments` is null.
//
// What the caller must see to:
// `instruments` is null or a directory.
uint64_t gateway_instruments_changes(const struct gateway_instruments *instruments);

// The instrument of that symbol.
//
// Fails with `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where there is none, or where several venues or channels have one.
//
// What the caller must see to:
// `instruments` is a directory, `symbol` a zero-terminated text, and `found` may be written; each may be null, which is
// refused.
enum gateway_status gateway_instruments_find(const struct gateway_instruments *instruments,
                                             const char *symbol,
                                             struct gateway_instrument_definition *found);

// The instrument that records of a venue call so.
//
// Fails with `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where there is none, or where several channels of the venue number theirs
// alike.
//
// What the caller must see to:
// `instruments` is a directory and `found` may be written; each may be null, which is refused.
enum gateway_status gateway_instruments_find_id(const struct gateway_instruments *instruments,
                                                uint16_t publisher_id,
                                                uint32_t instrument_id,
                                                struct gateway_instrument_definition *found);

// Goes through all instruments, between two updates: the first where `after` is null, else the next behind that one. False
// behind the last, where nothing is written.
//
// What the caller must see to:
// `instruments` is null or a directory, `after` null or one of its instruments since whose finding there was no update (what it
// points to is read), and `found` null or may be written; it may be `after`.
bool gateway_instruments_next(const struct gateway_instruments *instruments,
                              const struct gateway_instrument_definition *after,
                              struct gateway_instrument_definition *found);

// Ends the directory; null is nothing.
//
// What the caller must see to:
// `instruments` is null or a directory, and nobody uses it or what it points to any more.
void gateway_instruments_free(struct gateway_instruments *instruments);

// Makes one that reads no queue yet. `wait` is a `gateway_wait`, which counts for all its queues, whatever the options of
// the subscriptions say; `sleep_ns` the nanoseconds between two polls of `GATEWAY_WAIT_SLEEP`, 0 for 50,000.
// `*queues` is the result, or null after a failure; end it with `gateway_multi_subscriber_close`.
//
// Fails with `GATEWAY_ERROR_ARGUMENT`.
//
// What the caller must see to:
// `queues` may be written, or is null, which is refused.
enum gateway_status gateway_multi_subscriber_open(uint32_t wait,
                                                  uint64_t sleep_ns,
                                                  struct gateway_multi_subscriber **queues);

// Ends it and all its subscriptions; null is nothing.
//
// What the caller must see to:
// `queues` is null or an open one, and nobody uses it, a subscription or a record of it any more.
void gateway_multi_subscriber_close(struct gateway_multi_subscriber *queues);

// Reads one more queue, whose events come under the number `*queue`: 0 for the first, and so on. The subscription is
// the multi-subscriber's from then on, and the caller's handle is closed; after a failure it is the caller's still.
//
// Fails with `GATEWAY_ERROR_ARGUMENT` where a pointer is null; only `queue` may be.
//
// What the caller must see to:
// `queues` and `subscription` are open and nobody else uses them, `subscription` came from `gateway_client_subscribe`,
// and `queue` is null or may be written.
enum gateway_status gateway_multi_subscriber_add(struct gateway_multi_subscriber *queues,
                                                 struct gateway_subscription *subscription,
                                                 size_t *queue);

// Takes the next event of any queue, and the queue's number, and returns at once. A queue's end is told once.
//
// Returns a `gateway_event_kind`, `GATEWAY_EVENT_EMPTY` where no queue has anything, with `*queue` 0; or a negative
// `gateway_status`, after which `*queue` and `*event` are unchanged.
//
// What the caller must see to:
// `queues` is an open one that no other thread uses meanwhile, `queue` and `event` may be written; each may be null,
// which is refused.
int32_t gateway_multi_subscriber_poll(struct gateway_multi_subscriber *queues,
                                      size_t *queue,
                                      struct gateway_event *event);

// Waits for the next event of any queue, no longer than `timeout_ns` nanoseconds, after which it is
// `GATEWAY_EVENT_EMPTY`.
//
// Returns as `gateway_multi_subscriber_poll` does.
//
// What the caller must see to:
// As of `gateway_multi_subscriber_poll`.
int32_t gateway_multi_subscriber_wait(struct gateway_multi_subscriber *queues,
                                      uint64_t timeout_ns,
                                      size_t *queue,
                                      struct gateway_event *event);

// Whether every queue has ended, and every end was told. Without any queue it is; where `queues` is null, too.
//
// What the caller must see to:
// `queues` is null or an open one that no other thread uses meanwhile.
bool gateway_multi_subscriber_is_over(const struct gateway_multi_subscriber *queues);

// How many queues there are, ended ones too; 0 where `queues` is null.
//
// What the caller must see to:
// `queues` is null or an open one that no other thread uses meanwhile.
size_t gateway_multi_subscriber_count(const struct gateway_multi_subscriber *queues);

// The subscription of that number: to ask it for its position, losses or checkpoint, and to re-attach it after its end;
// null behind the last. It is the multi-subscriber's and must not be closed; the pointer is valid until the next
// `gateway_multi_subscriber_add` or `_close`.
//
// What the caller must see to:
// `queues` is null or an open one that no other thread uses meanwhile.
struct gateway_subscription *gateway_multi_subscriber_at(struct gateway_multi_subscriber *queues,
                                                         size_t queue);

// Asks for every order that rests in `book`: of all instruments where `symbol` is null, else of that one. `*orders` are
// the orders, or null after a failure; end them with `gateway_orders_free`.
//
// To go on from there, subscribe to the book's queue at the summary's checkpoint. If that begins later
// (`GATEWAY_JOINED_LATER`), the queue has overwritten what lies between: ask again.
//
// Fails with `GATEWAY_ERROR_UNKNOWN_BOOK`, `GATEWAY_ERROR_UNKNOWN_INSTRUMENT`, `GATEWAY_ERROR_NOT_ENTITLED`,
// `GATEWAY_ERROR_NOT_VALID` where the instrument's book cannot be trusted at the moment, `GATEWAY_ERROR_LATER` where too
// much was asked for lately, or `GATEWAY_ERROR_BROKEN`.
//
// What the caller must see to:
// `client` is an open connection, `book` a zero-terminated text, `symbol` null or one, and `orders` may be written; what
// must not be null is refused where it is.
enum gateway_status gateway_client_orders(const struct gateway_client *client,
                                          const char *book,
                                          const char *symbol,
                                          struct gateway_orders **orders);

// As `gateway_client_orders`, of the instrument that records name so.
//
// What the caller must see to:
// `client` is an open connection, `book` a zero-terminated text and `orders` may be written; each may be null, which is
// refused.
enum gateway_status gateway_client_orders_of_id(const struct gateway_client *client,
                                                const char *book,
                                                uint32_t instrument_id,
                                                struct gateway_orders **orders);

// What the snapshot is.
//
// What the caller must see to:
// `orders` is a snapshot and `summary` may be written; each may be null, which is refused.
enum gateway_status gateway_orders_summarise(const struct gateway_orders *orders,
                                             struct gateway_orders_summary *summary);

// How many records the snapshot has; 0 where `orders` is null.
//
// What the caller must see to:
// `orders` is null or a snapshot.
size_t gateway_orders_count(const struct gateway_orders *orders);

// The snapshot's records side by side, `gateway_orders_count` of them, valid as long as the snapshot: for each instrument a
// Clear, then an Add for each order, bids first, best price first, oldest first, all flagged as a snapshot's. Null where
// there are none.
//
// What the caller must see to:
// `orders` is null or a snapshot.
const struct gateway_mbo *gateway_orders_records(const struct gateway_orders *orders);

// Ends the snapshot; null is nothing.
//
// What the caller must see to:
// `orders` is null or a snapshot, and nobody uses it or its records any more.
void gateway_orders_free(struct gateway_orders *orders);

// What went wrong in the last call of this thread that failed, with what to do about it; empty before the first.
//
// The text is valid until the next call of this thread that fails.
const char *gateway_last_error(void);

// Begins to read the queue called `queue`. `options` may be null for the defaults. `*subscription` is the reader, or
// null after a failure; end it with `gateway_subscription_close`.
//
// Fails with `GATEWAY_ERROR_UNKNOWN_QUEUE`, `GATEWAY_ERROR_NOT_ENTITLED`, `GATEWAY_ERROR_BUSY`,
// `GATEWAY_ERROR_REFUSED`, `GATEWAY_ERROR_QUEUE`, `GATEWAY_ERROR_CONNECT` or `GATEWAY_ERROR_BROKEN`.
//
// What the caller must see to:
// `client` is an open connection, `queue` a zero-terminated text, `options` as its first field says, `subscription`
// may be written; what must not be null is refused where it is.
enum gateway_status gateway_client_subscribe(const struct gateway_client *client,
                                             const char *queue,
                                             const struct gateway_subscribe_options *options,
                                             struct gateway_subscription **subscription);

// Ends the subscription; null is nothing. Its last record is gone with it.
//
// What the caller must see to:
// `subscription` is null or an open one, and nobody uses it or its record any more.
void gateway_subscription_close(struct gateway_subscription *subscription);

// Takes the next record, if there is one, and returns at once. No system call while records arrive.
//
// Returns a `gateway_event_kind`, or a negative `gateway_status`, after which `*event` is unchanged.
//
// What the caller must see to:
// `subscription` is an open one that no other thread uses meanwhile, and `event` may be written; each may be null,
// which is refused.
int32_t gateway_subscription_poll(struct gateway_subscription *subscription,
                                  struct gateway_event *event);

// Waits for the next event as the subscription's options say, no longer than `timeout_ns` nanoseconds, after which
// it is `GATEWAY_EVENT_EMPTY`.
//
// Returns a `gateway_event_kind`, or a negative `gateway_status`, after which `*event` is unchanged.
//
// What the caller must see to:
// As of `gateway_subscription_poll`.
int32_t gateway_subscription_wait(struct gateway_subscription *subscription,
                                  uint64_t timeout_ns,
                                  struct gateway_event *event);

// Subscribes to the queue of the same name again, after `GATEWAY_EVENT_CLOSED`: after the last record read where the
// gateway is still the same, else from the first record of its successor. What is overwritten by then is reported as
// lost.
//
// Fails as `gateway_client_subscribe` does; the subscription is unchanged then, and the caller may try again later.
//
// What the caller must see to:
// `subscription` is an open one that no other thread uses meanwhile, or null, which is refused.
enum gateway_status gateway_subscription_reattach(struct gateway_subscription *subscription);

// Says where the reader is.
//
// What the caller must see to:
// `subscription` is an open one that no other thread uses meanwhile and `checkpoint` may be written; each may be null,
// which is refused.
enum gateway_status gateway_subscription_checkpoint(const struct gateway_subscription *subscription,
                                                    struct gateway_checkpoint *checkpoint);

// Says where the reader began when it subscribed or last re-attached, and what was possible.
//
// What the caller must see to:
// `subscription` is an open one that no other thread uses meanwhile and `joined` may be written; each may be null,
// which is refused.
enum gateway_status gateway_subscription_joined(const struct gateway_subscription *subscription,
                                                struct gateway_joined *joined);

// Position of the next slot to be read, counted since the gateway started; 0 where `subscription` is null.
//
// What the caller must see to:
// `subscription` is null or an open one that no other thread uses meanwhile.
uint64_t gateway_subscription_position(const struct gateway_subscription *subscription);

// Slots lost so far; 0 where `subscription` is null.
//
// What the caller must see to:
// `subscription` is null or an open one that no other thread uses meanwhile.
uint64_t gateway_subscription_lost_slots(const struct gateway_subscription *subscription);

// When the queue was made, nanoseconds since the Unix epoch; 0 where `subscription` is null. A queue that took
// another's place has a later epoch.
//
// What the caller must see to:
// `subscription` is null or an open one that no other thread uses meanwhile.
uint64_t gateway_subscription_epoch(const struct gateway_subscription *subscription);

// Looks for the publisher's signs of life: a worker that is stuck has an old heartbeat while its gateway is
// connected.
//
// What the caller must see to:
// `subscription` is an open one that no other thread uses meanwhile and `health` may be written; each may be null,
// which is refused.
enum gateway_status gateway_subscription_health(const struct gateway_subscription *subscription,
                                                struct gateway_health *health);

// Nanoseconds since the Unix epoch by the gateway's clock, without a system call: what `ts_recv` is to be compared
// with. The first call of a process takes about 20 ms; a subscription makes it.
uint64_t gateway_clock_now_ns(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* The message of a native record, as the exchange sent it: `record->message_length` bytes. */
static inline const uint8_t *gateway_native_message(const gateway_native *record) {
    return (const uint8_t *)record + sizeof(gateway_native);
}

/* The records have the layout of DBN version 3, and a poll writes what this header describes. */
static_assert(sizeof(gateway_mbo) == 56, "gateway_mbo");
static_assert(offsetof(gateway_mbo, hd) == 0, "gateway_mbo.hd");
static_assert(offsetof(gateway_mbo, order_id) == 16, "gateway_mbo.order_id");
static_assert(offsetof(gateway_mbo, price) == 24, "gateway_mbo.price");
static_assert(offsetof(gateway_mbo, size) == 32, "gateway_mbo.size");
static_assert(offsetof(gateway_mbo, flags) == 36, "gateway_mbo.flags");
static_assert(offsetof(gateway_mbo, channel_id) == 37, "gateway_mbo.channel_id");
static_assert(offsetof(gateway_mbo, action) == 38, "gateway_mbo.action");
static_assert(offsetof(gateway_mbo, side) == 39, "gateway_mbo.side");
static_assert(offsetof(gateway_mbo, ts_recv) == 40, "gateway_mbo.ts_recv");
static_assert(offsetof(gateway_mbo, ts_in_delta) == 48, "gateway_mbo.ts_in_delta");
static_assert(offsetof(gateway_mbo, sequence) == 52, "gateway_mbo.sequence");
static_assert(sizeof(gateway_level) == 32, "gateway_level");
static_assert(offsetof(gateway_level, bid_px) == 0, "gateway_level.bid_px");
static_assert(offsetof(gateway_level, ask_px) == 8, "gateway_level.ask_px");
static_assert(offsetof(gateway_level, bid_sz) == 16, "gateway_level.bid_sz");
static_assert(offsetof(gateway_level, ask_sz) == 20, "gateway_level.ask_sz");
static_assert(offsetof(gateway_level, bid_ct) == 24, "gateway_level.bid_ct");
static_assert(offsetof(gateway_level, ask_ct) == 28, "gateway_level.ask_ct");
static_assert(sizeof(gateway_mbp1) == 80, "gateway_mbp1");
static_assert(offsetof(gateway_mbp1, hd) == 0, "gateway_mbp1.hd");
static_assert(offsetof(gateway_mbp1, price) == 16, "gateway_mbp1.price");
static_assert(offsetof(gateway_mbp1, size) == 24, "gateway_mbp1.size");
static_assert(offsetof(gateway_mbp1, action) == 28, "gateway_mbp1.action");
static_assert(offsetof(gateway_mbp1, side) == 29, "gateway_mbp1.side");
static_assert(offsetof(gateway_mbp1, flags) == 30, "gateway_mbp1.flags");
static_assert(offsetof(gateway_mbp1, depth) == 31, "gateway_mbp1.depth");
static_assert(offsetof(gateway_mbp1, ts_recv) == 32, "gateway_mbp1.ts_recv");
static_assert(offsetof(gateway_mbp1, ts_in_delta) == 40, "gateway_mbp1.ts_in_delta");
static_assert(offsetof(gateway_mbp1, sequence) == 44, "gateway_mbp1.sequence");
static_assert(offsetof(gateway_mbp1, levels) == 48, "gateway_mbp1.levels");
static_assert(sizeof(gateway_mbp10) == 368, "gateway_mbp10");
static_assert(offsetof(gateway_mbp10, hd) == 0, "gateway_mbp10.hd");
static_assert(offsetof(gateway_mbp10, price) == 16, "gateway_mbp10.price");
static_assert(offsetof(gateway_mbp10, size) == 24, "gateway_mbp10.size");
static_assert(offsetof(gateway_mbp10, action) == 28, "gateway_mbp10.action");
static_assert(offsetof(gateway_mbp10, side) == 29, "gateway_mbp10.side");
static_assert(offsetof(gateway_mbp10, flags) == 30, "gateway_mbp10.flags");
static_assert(offsetof(gateway_mbp10, depth) == 31, "gateway_mbp10.depth");
static_assert(offsetof(gateway_mbp10, ts_recv) == 32, "gateway_mbp10.ts_recv");
static_assert(offsetof(gateway_mbp10, ts_in_delta) == 40, "gateway_mbp10.ts_in_delta");
static_assert(offsetof(gateway_mbp10, sequence) == 44, "gateway_mbp10.sequence");
static_assert(offsetof(gateway_mbp10, levels) == 48, "gateway_mbp10.levels");
static_assert(sizeof(gateway_definition) == 520, "gateway_definition");
static_assert(offsetof(gateway_definition, hd) == 0, "gateway_definition.hd");
static_assert(offsetof(gateway_definition, ts_recv) == 16, "gateway_definition.ts_recv");
static_assert(offsetof(gateway_definition, min_price_increment) == 24, "gateway_definition.min_price_increment");
static_assert(offsetof(gateway_definition, display_factor) == 32, "gateway_definition.display_factor");
static_assert(offsetof(gateway_definition, expiration) == 40, "gateway_definition.expiration");
static_assert(offsetof(gateway_definition, activation) == 48, "gateway_definition.activation");
static_assert(offsetof(gateway_definition, high_limit_price) == 56, "gateway_definition.high_limit_price");
static_assert(offsetof(gateway_definition, low_limit_price) == 64, "gateway_definition.low_limit_price");
static_assert(offsetof(gateway_definition, max_price_variation) == 72, "gateway_definition.max_price_variation");
static_assert(offsetof(gateway_definition, unit_of_measure_qty) == 80, "gateway_definition.unit_of_measure_qty");
static_assert(offsetof(gateway_definition, min_price_increment_amount) == 88, "gateway_definition.min_price_increment_amount");
static_assert(offsetof(gateway_definition, price_ratio) == 96, "gateway_definition.price_ratio");
static_assert(offsetof(gateway_definition, strike_price) == 104, "gateway_definition.strike_price");
static_assert(offsetof(gateway_definition, raw_instrument_id) == 112, "gateway_definition.raw_instrument_id");
static_assert(offsetof(gateway_definition, leg_price) == 120, "gateway_definition.leg_price");
static_assert(offsetof(gateway_definition, leg_delta) == 128, "gateway_definition.leg_delta");
static_assert(offsetof(gateway_definition, inst_attrib_value) == 136, "gateway_definition.inst_attrib_value");
static_assert(offsetof(gateway_definition, underlying_id) == 140, "gateway_definition.underlying_id");
static_assert(offsetof(gateway_definition, market_depth_implied) == 144, "gateway_definition.market_depth_implied");
static_assert(offsetof(gateway_definition, market_depth) == 148, "gateway_definition.market_depth");
static_assert(offsetof(gateway_definition, market_segment_id) == 152, "gateway_definition.market_segment_id");
static_assert(offsetof(gateway_definition, max_trade_vol) == 156, "gateway_definition.max_trade_vol");
static_assert(offsetof(gateway_definition, min_lot_size) == 160, "gateway_definition.min_lot_size");
static_assert(offsetof(gateway_definition, min_lot_size_block) == 164, "gateway_definition.min_lot_size_block");
static_assert(offsetof(gateway_definition, min_lot_size_round_lot) == 168, "gateway_definition.min_lot_size_round_lot");
static_assert(offsetof(gateway_definition, min_trade_vol) == 172, "gateway_definition.min_trade_vol");
static_assert(offsetof(gateway_definition, contract_multiplier) == 176, "gateway_definition.contract_multiplier");
static_assert(offsetof(gateway_definition, decay_quantity) == 180, "gateway_definition.decay_quantity");
static_assert(offsetof(gateway_definition, original_contract_size) == 184, "gateway_definition.original_contract_size");
static_assert(offsetof(gateway_definition, leg_instrument_id) == 188, "gateway_definition.leg_instrument_id");
static_assert(offsetof(gateway_definition, leg_ratio_price_numerator) == 192, "gateway_definition.leg_ratio_price_numerator");
static_assert(offsetof(gateway_definition, leg_ratio_price_denominator) == 196, "gateway_definition.leg_ratio_price_denominator");
static_assert(offsetof(gateway_definition, leg_ratio_qty_numerator) == 200, "gateway_definition.leg_ratio_qty_numerator");
static_assert(offsetof(gateway_definition, leg_ratio_qty_denominator) == 204, "gateway_definition.leg_ratio_qty_denominator");
static_assert(offsetof(gateway_definition, leg_underlying_id) == 208, "gateway_definition.leg_underlying_id");
static_assert(offsetof(gateway_definition, appl_id) == 212, "gateway_definition.appl_id");
static_assert(offsetof(gateway_definition, maturity_year) == 214, "gateway_definition.maturity_year");
static_assert(offsetof(gateway_definition, decay_start_date) == 216, "gateway_definition.decay_start_date");
static_assert(offsetof(gateway_definition, channel_id) == 218, "gateway_definition.channel_id");
static_assert(offsetof(gateway_definition, leg_count) == 220, "gateway_definition.leg_count");
static_assert(offsetof(gateway_definition, leg_index) == 222, "gateway_definition.leg_index");
static_assert(offsetof(gateway_definition, currency) == 224, "gateway_definition.currency");
static_assert(offsetof(gateway_definition, settl_currency) == 228, "gateway_definition.settl_currency");
static_assert(offsetof(gateway_definition, secsubtype) == 232, "gateway_definition.secsubtype");
static_assert(offsetof(gateway_definition, raw_symbol) == 238, "gateway_definition.raw_symbol");
static_assert(offsetof(gateway_definition, group) == 309, "gateway_definition.group");
static_assert(offsetof(gateway_definition, exchange) == 330, "gateway_definition.exchange");
static_assert(offsetof(gateway_definition, asset) == 335, "gateway_definition.asset");
static_assert(offsetof(gateway_definition, cfi) == 346, "gateway_definition.cfi");
static_assert(offsetof(gateway_definition, security_type) == 353, "gateway_definition.security_type");
static_assert(offsetof(gateway_definition, unit_of_measure) == 360, "gateway_definition.unit_of_measure");
static_assert(offsetof(gateway_definition, underlying) == 391, "gateway_definition.underlying");
static_assert(offsetof(gateway_definition, strike_price_currency) == 412, "gateway_definition.strike_price_currency");
static_assert(offsetof(gateway_definition, leg_raw_symbol) == 416, "gateway_definition.leg_raw_symbol");
static_assert(offsetof(gateway_definition, instrument_class) == 487, "gateway_definition.instrument_class");
static_assert(offsetof(gateway_definition, match_algorithm) == 488, "gateway_definition.match_algorithm");
static_assert(offsetof(gateway_definition, main_fraction) == 489, "gateway_definition.main_fraction");
static_assert(offsetof(gateway_definition, price_display_format) == 490, "gateway_definition.price_display_format");
static_assert(offsetof(gateway_definition, sub_fraction) == 491, "gateway_definition.sub_fraction");
static_assert(offsetof(gateway_definition, underlying_product) == 492, "gateway_definition.underlying_product");
static_assert(offsetof(gateway_definition, security_update_action) == 493, "gateway_definition.security_update_action");
static_assert(offsetof(gateway_definition, maturity_month) == 494, "gateway_definition.maturity_month");
static_assert(offsetof(gateway_definition, maturity_day) == 495, "gateway_definition.maturity_day");
static_assert(offsetof(gateway_definition, maturity_week) == 496, "gateway_definition.maturity_week");
static_assert(offsetof(gateway_definition, user_defined_instrument) == 497, "gateway_definition.user_defined_instrument");
static_assert(offsetof(gateway_definition, contract_multiplier_unit) == 498, "gateway_definition.contract_multiplier_unit");
static_assert(offsetof(gateway_definition, flow_schedule_type) == 499, "gateway_definition.flow_schedule_type");
static_assert(offsetof(gateway_definition, tick_rule) == 500, "gateway_definition.tick_rule");
static_assert(offsetof(gateway_definition, leg_instrument_class) == 501, "gateway_definition.leg_instrument_class");
static_assert(offsetof(gateway_definition, leg_side) == 502, "gateway_definition.leg_side");
static_assert(offsetof(gateway_definition, _reserved) == 503, "gateway_definition._reserved");
static_assert(sizeof(gateway_trade) == 48, "gateway_trade");
static_assert(offsetof(gateway_trade, hd) == 0, "gateway_trade.hd");
static_assert(offsetof(gateway_trade, price) == 16, "gateway_trade.price");
static_assert(offsetof(gateway_trade, size) == 24, "gateway_trade.size");
static_assert(offsetof(gateway_trade, action) == 28, "gateway_trade.action");
static_assert(offsetof(gateway_trade, side) == 29, "gateway_trade.side");
static_assert(offsetof(gateway_trade, flags) == 30, "gateway_trade.flags");
static_assert(offsetof(gateway_trade, depth) == 31, "gateway_trade.depth");
static_assert(offsetof(gateway_trade, ts_recv) == 32, "gateway_trade.ts_recv");
static_assert(offsetof(gateway_trade, ts_in_delta) == 40, "gateway_trade.ts_in_delta");
static_assert(offsetof(gateway_trade, sequence) == 44, "gateway_trade.sequence");
static_assert(sizeof(gateway_trading_status) == 40, "gateway_trading_status");
static_assert(offsetof(gateway_trading_status, hd) == 0, "gateway_trading_status.hd");
static_assert(offsetof(gateway_trading_status, ts_recv) == 16, "gateway_trading_status.ts_recv");
static_assert(offsetof(gateway_trading_status, action) == 24, "gateway_trading_status.action");
static_assert(offsetof(gateway_trading_status, reason) == 26, "gateway_trading_status.reason");
static_assert(offsetof(gateway_trading_status, trading_event) == 28, "gateway_trading_status.trading_event");
static_assert(offsetof(gateway_trading_status, is_trading) == 30, "gateway_trading_status.is_trading");
static_assert(offsetof(gateway_trading_status, is_quoting) == 31, "gateway_trading_status.is_quoting");
static_assert(offsetof(gateway_trading_status, is_short_sell_restricted) == 32, "gateway_trading_status.is_short_sell_restricted");
static_assert(offsetof(gateway_trading_status, _reserved) == 33, "gateway_trading_status._reserved");
static_assert(sizeof(gateway_imbalance) == 112, "gateway_imbalance");
static_assert(offsetof(gateway_imbalance, hd) == 0, "gateway_imbalance.hd");
static_assert(offsetof(gateway_imbalance, ts_recv) == 16, "gateway_imbalance.ts_recv");
static_assert(offsetof(gateway_imbalance, ref_price) == 24, "gateway_imbalance.ref_price");
static_assert(offsetof(gateway_imbalance, auction_time) == 32, "gateway_imbalance.auction_time");
static_assert(offsetof(gateway_imbalance, cont_book_clr_price) == 40, "gateway_imbalance.cont_book_clr_price");
static_assert(offsetof(gateway_imbalance, auct_interest_clr_price) == 48, "gateway_imbalance.auct_interest_clr_price");
static_assert(offsetof(gateway_imbalance, ssr_filling_price) == 56, "gateway_imbalance.ssr_filling_price");
static_assert(offsetof(gateway_imbalance, ind_match_price) == 64, "gateway_imbalance.ind_match_price");
static_assert(offsetof(gateway_imbalance, upper_collar) == 72, "gateway_imbalance.upper_collar");
static_assert(offsetof(gateway_imbalance, lower_collar) == 80, "gateway_imbalance.lower_collar");
static_assert(offsetof(gateway_imbalance, paired_qty) == 88, "gateway_imbalance.paired_qty");
static_assert(offsetof(gateway_imbalance, total_imbalance_qty) == 92, "gateway_imbalance.total_imbalance_qty");
static_assert(offsetof(gateway_imbalance, market_imbalance_qty) == 96, "gateway_imbalance.market_imbalance_qty");
static_assert(offsetof(gateway_imbalance, unpaired_qty) == 100, "gateway_imbalance.unpaired_qty");
static_assert(offsetof(gateway_imbalance, auction_type) == 104, "gateway_imbalance.auction_type");
static_assert(offsetof(gateway_imbalance, side) == 105, "gateway_imbalance.side");
static_assert(offsetof(gateway_imbalance, auction_status) == 106, "gateway_imbalance.auction_status");
static_assert(offsetof(gateway_imbalance, freeze_status) == 107, "gateway_imbalance.freeze_status");
static_assert(offsetof(gateway_imbalance, num_extensions) == 108, "gateway_imbalance.num_extensions");
static_assert(offsetof(gateway_imbalance, unpaired_side) == 109, "gateway_imbalance.unpaired_side");
static_assert(offsetof(gateway_imbalance, significant_imbalance) == 110, "gateway_imbalance.significant_imbalance");
static_assert(offsetof(gateway_imbalance, _reserved) == 111, "gateway_imbalance._reserved");
static_assert(sizeof(gateway_statistics) == 80, "gateway_statistics");
static_assert(offsetof(gateway_statistics, hd) == 0, "gateway_statistics.hd");
static_assert(offsetof(gateway_statistics, ts_recv) == 16, "gateway_statistics.ts_recv");
static_assert(offsetof(gateway_statistics, ts_ref) == 24, "gateway_statistics.ts_ref");
static_assert(offsetof(gateway_statistics, price) == 32, "gateway_statistics.price");
static_assert(offsetof(gateway_statistics, quantity) == 40, "gateway_statistics.quantity");
static_assert(offsetof(gateway_statistics, sequence) == 48, "gateway_statistics.sequence");
static_assert(offsetof(gateway_statistics, ts_in_delta) == 52, "gateway_statistics.ts_in_delta");
static_assert(offsetof(gateway_statistics, stat_type) == 56, "gateway_statistics.stat_type");
static_assert(offsetof(gateway_statistics, channel_id) == 58, "gateway_statistics.channel_id");
static_assert(offsetof(gateway_statistics, update_action) == 60, "gateway_statistics.update_action");
static_assert(offsetof(gateway_statistics, stat_flags) == 61, "gateway_statistics.stat_flags");
static_assert(offsetof(gateway_statistics, _reserved) == 62, "gateway_statistics._reserved");
static_assert(sizeof(gateway_control) == 56, "gateway_control");
static_assert(offsetof(gateway_control, length) == 0, "gateway_control.length");
static_assert(offsetof(gateway_control, rtype) == 1, "gateway_control.rtype");
static_assert(offsetof(gateway_control, publisher_id) == 2, "gateway_control.publisher_id");
static_assert(offsetof(gateway_control, instrument_id) == 4, "gateway_control.instrument_id");
static_assert(offsetof(gateway_control, ts_event) == 8, "gateway_control.ts_event");
static_assert(offsetof(gateway_control, kind) == 16, "gateway_control.kind");
static_assert(offsetof(gateway_control, channel_id) == 18, "gateway_control.channel_id");
static_assert(offsetof(gateway_control, reserved) == 19, "gateway_control.reserved");
static_assert(offsetof(gateway_control, sequence) == 24, "gateway_control.sequence");
static_assert(offsetof(gateway_control, count) == 32, "gateway_control.count");
static_assert(offsetof(gateway_control, ts_recv) == 40, "gateway_control.ts_recv");
static_assert(offsetof(gateway_control, session) == 48, "gateway_control.session");
static_assert(sizeof(gateway_native) == 16, "gateway_native");
static_assert(offsetof(gateway_native, length) == 0, "gateway_native.length");
static_assert(offsetof(gateway_native, rtype) == 1, "gateway_native.rtype");
static_assert(offsetof(gateway_native, message_length) == 2, "gateway_native.message_length");
static_assert(offsetof(gateway_native, instrument_id) == 4, "gateway_native.instrument_id");
static_assert(offsetof(gateway_native, ts_recv) == 8, "gateway_native.ts_recv");
static_assert(sizeof(gateway_event) == 48, "gateway_event");

#endif /* GATEWAY_H */
