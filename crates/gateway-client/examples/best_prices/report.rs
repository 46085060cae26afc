//! What this strategy counted, as one JSON object.

use std::collections::HashMap;

use gateway_client::dbn::flags;
use gateway_client::{ControlKind, ControlRecord, Record};
use serde_json::{Value, json};

use crate::book::Books;
use crate::histogram::Histogram;

/// Everything counted since the start.
pub(crate) struct State {
    name: String,
    queue: String,
    records: u64,
    messages: u64,
    lost_slots: u64,
    gaps: Vec<(u64, u64)>,
    gap_messages: u64,
    session_ended: bool,
    symbols: HashMap<u32, String>,
    books: Books,
    /// From the gateway's receive stamp to here.
    latency: Histogram,
}

impl State {
    pub(crate) fn new(name: &str, queue: &str) -> Self {
        Self {
            name: name.to_owned(),
            queue: queue.to_owned(),
            records: 0,
            messages: 0,
            lost_slots: 0,
            gaps: Vec::new(),
            gap_messages: 0,
            session_ended: false,
            symbols: HashMap::new(),
            books: Books::default(),
            latency: Histogram::new(),
        }
    }

    /// Takes a record that was read at `now_ns`.
    pub(crate) fn record(&mut self, record: &Record<'_>, now_ns: u64) {
        self.records += 1;
        let ts_recv = match record {
            Record::Mbo(mbo) => {
                // One message may become several records: the last is marked.
                self.messages += u64::from(mbo.flags.raw() & flags::LAST != 0);
                self.books.apply(mbo);
                mbo.ts_recv
            }
            Record::Definition(definition) => {
                self.messages += 1;
                if let Ok(symbol) = definition.raw_symbol() {
                    self.symbols
                        .insert(definition.hd.instrument_id, symbol.to_owned());
                }
                definition.ts_recv
            }
            Record::Control(control) => {
                self.control(control);
                return;
            }
            _ => {
                self.messages += 1;
                return;
            }
        };
        self.latency.record(now_ns.saturating_sub(ts_recv));
    }

    /// Takes the news that this reader was too slow.
    pub(crate) fn lost(&mut self, slots: u64) {
        self.lost_slots += slots;
        self.books.forget();
    }

    fn control(&mut self, control: &ControlRecord) {
        match ControlKind::from_number(control.kind) {
            // What recovery could not make up for of one instrument was told as the channel's when it was lost.
            Some(ControlKind::Gap) if control.instrument_id == 0 => {
                self.gaps
                    .push((control.sequence, control.sequence + control.count - 1));
                self.gap_messages += control.count;
            }
            Some(ControlKind::SessionStart | ControlKind::Reset) => self.books.forget(),
            Some(ControlKind::SessionEnd) => self.session_ended = true,
            _ => {}
        }
    }

    /// The state as one line.
    pub(crate) fn line(&self, watch: usize, last: bool) -> String {
        let price = |price: i64| price as f64 / 1e9;
        let best: Vec<Value> = self
            .books
            .busiest(watch)
            .into_iter()
            .map(|(instrument, bid, ask)| {
                let symbol = self
                    .symbols
                    .get(&instrument)
                    .map(|symbol| symbol.trim_end().to_owned());
                let symbol = symbol.unwrap_or_else(|| format!("#{instrument}"));
                json!({ "symbol": symbol, "bid": bid.map(price), "ask": ask.map(price) })
            })
            .collect();
        json!({
            "name": self.name,
            "queue": self.queue,
            "last": last,
            "records": self.records,
            "messages": self.messages,
            "lost_slots": self.lost_slots,
            "gaps": self.gaps,
            "gap_messages": self.gap_messages,
            "session_ended": self.session_ended,
            "latency_ns": {
                "count": self.latency.count(),
                "p50": self.latency.quantile(0.5),
                "p99": self.latency.quantile(0.99),
                "p999": self.latency.quantile(0.999),
                "max": self.latency.max(),
            },
            "best": best,
        })
        .to_string()
    }
}
