//! A channel of whatever feed, as its worker sees it.
//!
//! One `match` a packet leads into code that is compiled for the feed's own transport and decoder; a message costs no
//! virtual call. A new feed adds a variant here and a name in the configuration.

use gateway_feed::arbitration::LineId;
use gateway_feed::channel::Channel;
use gateway_feed::decoder::Decoder;
use gateway_feed::iex::{self, IexDecoder, IexTp};
use gateway_feed::itch50::ItchDecoder;
pub use gateway_feed::itch50::decoder::TIME_ZONE as ITCH_TIME_ZONE;
use gateway_feed::mdp3::{Mdp3, Mdp3Recoverer};
use gateway_feed::moldudp64::MoldUdp64;
use gateway_feed::nasdaq_bbo::BboDecoder;
use gateway_feed::pitch::{PitchDecoder, PitchUnit};
use gateway_feed::recovery::{Demand, Supply, SupplyError};
use gateway_feed::sink::{Nanos, RecordSink};

use super::board::ChannelBoard;

/// Names each feed's channel, and makes what a worker does with any of them out of what it does with one.
macro_rules! feeds {
    ($( $(#[$doc:meta])* $name:ident($decoder:ty, $transport:ty), )*) => {
        /// A channel of any feed.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum FeedChannel {
            $( $(#[$doc])* $name(Box<Channel<$decoder, $transport>>), )*
        }

        /// `$call` of whichever channel it is.
        macro_rules! each {
            ($feed:expr, $channel:ident => $call:expr) => {
                match $feed {
                    $( FeedChannel::$name($channel) => $call, )*
                }
            };
        }
    };
}

feeds! {
    /// Nasdaq TotalView-ITCH 5.0 over MoldUDP64.
    NasdaqItch50(ItchDecoder, MoldUdp64),
    /// Nasdaq BBO 2.1 over MoldUDP64.
    NasdaqBbo(BboDecoder, MoldUdp64),
    /// IEX TOPS 1.6.
    IexTops(IexDecoder, IexTp<{ iex::TOPS }>),
    /// IEX DEEP 1.0.
    IexDeep(IexDecoder, IexTp<{ iex::DEEP }>),
    /// IEX DEEP+.
    IexDeepPlus(IexDecoder, IexTp<{ iex::DEEP_PLUS }>),
    /// CME MDP 3.0.
    CmeMdp3(Mdp3Recoverer, Mdp3),
    /// A unit of Cboe PITCH, of whichever market.
    CboePitch(PitchDecoder, PitchUnit),
}

impl FeedChannel {
    #[inline]
    pub(super) fn on_packet<S: RecordSink>(
        &mut self,
        line: LineId,
        received: Nanos,
        payload: &[u8],
        sink: &mut S,
    ) {
        // A defect is counted by the channel; only tools that read files want to know where it was.
        each!(self, channel => {
            let _ = channel.on_packet(line, received, payload, sink);
        });
    }

    pub(super) fn on_time<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) {
        each!(self, channel => channel.on_time(now, sink));
    }

    /// By how much records' stamps are ahead of the time that the channel is told.
    #[cold]
    pub(super) const fn set_wall_offset_ns(&mut self, offset_ns: i64) {
        each!(self, channel => channel.set_wall_offset_ns(offset_ns));
    }

    /// Lets go what is held: no packet will come any more.
    pub(super) fn finish<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) {
        each!(self, channel => channel.finish(now, sink));
    }

    /// Takes what was had from elsewhere than the lines.
    #[cold]
    pub(super) fn supply<S: RecordSink>(
        &mut self,
        now: Nanos,
        supply: &Supply,
        sink: &mut S,
    ) -> Result<(), SupplyError> {
        each!(self, channel => channel.supply(now, supply, sink))
    }

    /// Wants a snapshot although nothing is missing; nothing comes of it where no server has any.
    #[cold]
    pub(super) fn refresh<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) {
        each!(self, channel => {
            let _ = channel.refresh(now, sink);
        });
    }

    /// Hands what the channel wants from elsewhere to `take`, if that has changed.
    pub(super) fn tell_demand(&mut self, take: impl FnOnce(&Demand) -> bool) {
        each!(self, channel => channel.tell_demand(take));
    }

    /// Whether a snapshot is being taken.
    pub(super) const fn takes_snapshot(&self) -> bool {
        each!(self, channel => channel.takes_snapshot())
    }

    /// Looks whether lines have fallen silent, or speak again; whether one does.
    pub(super) fn watch<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) -> bool {
        each!(self, channel => channel.watch(now, sink))
    }

    /// When [`on_time`](Self::on_time) has something to do; [`Nanos::MAX`] for never.
    #[inline]
    pub(super) fn deadline(&self) -> Nanos {
        each!(self, channel => channel.next_deadline().unwrap_or(Nanos::MAX))
    }

    pub(super) fn show(&self, board: &ChannelBoard, unresolved: u64) {
        each!(self, channel => {
            board.show(channel.counters(), channel.decoder().counters(), unresolved);
        });
    }
}
