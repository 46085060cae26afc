//! What leaves the channel: messages as they are, order records, and when each came.

use gateway_feed::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use gateway_feed::harness::{Echo, Item, Log, Witness};
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::record::ControlRecord;
use gateway_feed::sink::{InstrumentId, MessageContext, Output, Outputs, RecordSink};

use super::book::Mbo;

/// The decoder of the product, and one that passes each message on as it is.
#[derive(Debug)]
pub(crate) struct Both {
    echo: Echo,
    itch: Option<ItchDecoder>,
}

impl Both {
    /// With the product's one only where it `decodes`: it takes as much time as all the rest.
    pub(crate) fn new(decodes: bool) -> Self {
        let config = ItchConfig {
            orders: Some(OrderIndexConfig {
                orders_max: 512,
                prefetch: true,
            }),
            ..ItchConfig::default()
        };
        let itch = || ItchDecoder::new(&config).expect("a small index can be had");
        Self {
            echo: Echo::default(),
            itch: decodes.then(itch),
        }
    }
}

impl Decoder for Both {
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        self.echo.message(context, message, sink);
        if let Some(itch) = &mut self.itch {
            itch.message(context, message, sink);
        }
    }

    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    ) {
        self.echo.discontinuity(kind, context, sink);
        if let Some(itch) = &mut self.itch {
            itch.discontinuity(kind, context, sink);
        }
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        if let Some(itch) = &mut self.itch {
            itch.snapshot(part);
        }
    }

    fn prefetches(&self) -> bool {
        self.itch.is_some()
    }

    fn prefetch(&self, message: &[u8]) {
        if let Some(itch) = &self.itch {
            itch.prefetch(message);
        }
    }

    fn counters(&self) -> &DecoderCounters {
        self.echo.counters()
    }
}

impl Witness for Both {
    fn sessions_changed(&self) -> u64 {
        self.echo.sessions_changed()
    }
}

/// Keeps everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) log: Log,
    /// When each item of the log came, by true time.
    pub(crate) times: Vec<u64>,
    /// The first eight bytes of the sessions that began.
    pub(crate) sessions: Vec<[u8; 8]>,
    /// Order records, each with the number of items of the log at its time.
    pub(crate) orders: Vec<(usize, Mbo)>,
    /// True time.
    pub(crate) now: u64,
}

impl RecordSink for Record {
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE.with(Output::Full)
    }

    fn publish(&mut self, output: Output, instrument: InstrumentId, words: &[u64]) {
        if output == Output::Native {
            self.log.publish(output, instrument, words);
            self.times.push(self.now);
        } else if let Some(record) = Mbo::read(words) {
            self.orders.push((self.log.items.len(), record));
        }
    }

    fn control(&mut self, record: &ControlRecord) {
        self.log.control(record);
        self.times.push(self.now);
        if let Some(Item::SessionStart(_)) = self.log.items.last() {
            self.sessions.push(record.session);
        }
    }

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}
