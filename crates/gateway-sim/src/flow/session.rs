//! The day around the market phase: system events, the directory, the clock.

use gateway_feed::itch50::encode::{
    MarketParticipantPosition, RegShoRestriction, StockDirectory, StockTradingAction, SystemEvent,
};

use super::listing::locate;
use super::{DIRECTORY_MESSAGES, OrderFlow};

/// One second before the market opens: the hours of silence before are left out.
pub(super) const DAY_START_NS: u64 = OPEN_NS - 1_000_000_000;
/// 09:30, start of market hours.
const OPEN_NS: u64 = (9 * 3600 + 30 * 60) * 1_000_000_000;
/// The last time stamp of a day.
const DAY_END_NS: u64 = 24 * 3600 * 1_000_000_000 - 1;
/// Time between two messages of the opening, in nanoseconds: all securities fit into its second.
const OPENING_INTERVAL_NS: u64 = 3_000;
/// Time between two messages of the closing.
const CLOSING_INTERVAL_NS: u64 = 1_000_000;

impl OrderFlow {
    pub(super) fn opening_message(&mut self, position: u64) {
        self.timestamp = DAY_START_NS + position * OPENING_INTERVAL_NS;
        let directory = DIRECTORY_MESSAGES * u64::from(self.listing.len());
        match position.checked_sub(1) {
            None => self.system_event(b'O'),
            Some(index) if index < directory => {
                self.directory_message(
                    (index / DIRECTORY_MESSAGES) as u16,
                    index % DIRECTORY_MESSAGES,
                );
            }
            Some(index) if index == directory => self.system_event(b'S'),
            Some(_) => {
                self.timestamp = OPEN_NS;
                self.system_event(b'Q');
            }
        }
    }

    pub(super) fn closing_message(&mut self, position: u64) {
        self.advance(CLOSING_INTERVAL_NS);
        self.system_event([b'M', b'E', b'C'][position as usize]);
    }

    /// Messages come in bursts: three of four follow within a tenth of the mean interval, the fourth keeps the mean.
    pub(super) fn pass_time(&mut self) {
        let mean = self.options.interval_ns;
        let within = if self.random.chance(3, 4) {
            mean / 5
        } else {
            mean * 37 / 5
        };
        let step = 1 + self.random.below_u64(within);
        self.advance(step);
    }

    fn advance(&mut self, step: u64) {
        self.timestamp = self.timestamp.saturating_add(step).min(DAY_END_NS);
    }

    fn system_event(&mut self, event_code: u8) {
        let message = SystemEvent {
            timestamp: self.timestamp,
            event_code,
            ..SystemEvent::default()
        };
        self.put(&message.encode());
    }

    fn directory_message(&mut self, security: u16, part: u64) {
        let (stock_locate, timestamp) = (locate(security), self.timestamp);
        let stock = self.listing.get(security).symbol;
        match part {
            0 => self.put(
                &StockDirectory {
                    stock_locate,
                    timestamp,
                    stock,
                    market_category: b'Q',
                    financial_status: b'N',
                    round_lot_size: 100,
                    round_lots_only: b'N',
                    issue_classification: b'C',
                    issue_sub_type: *b"Z ",
                    // A test security: no reader takes it for a listed one.
                    authenticity: b'T',
                    short_sale_threshold: b'N',
                    ipo_flag: b'N',
                    luld_reference_price_tier: b'1',
                    etp_flag: b'N',
                    inverse_indicator: b'N',
                    ..StockDirectory::default()
                }
                .encode(),
            ),
            1 => self.put(
                &StockTradingAction {
                    stock_locate,
                    timestamp,
                    stock,
                    trading_state: b'T',
                    reserved: b' ',
                    reason: *b"    ",
                    ..StockTradingAction::default()
                }
                .encode(),
            ),
            2 => self.put(
                &RegShoRestriction {
                    stock_locate,
                    timestamp,
                    stock,
                    reg_sho_action: b'0',
                    ..RegShoRestriction::default()
                }
                .encode(),
            ),
            _ => {
                let mpid = self.maker();
                self.put(
                    &MarketParticipantPosition {
                        stock_locate,
                        timestamp,
                        mpid,
                        stock,
                        primary_market_maker: b'Y',
                        market_maker_mode: b'N',
                        participant_state: b'A',
                        ..MarketParticipantPosition::default()
                    }
                    .encode(),
                );
            }
        }
    }
}
