//! A picture out of two looks.

use std::collections::HashMap;
use std::hash::Hash;

use super::picture::{
    BookRow, ChannelRow, CheckRow, InterfaceRow, LineRow, Picture, QueueRow, ReaderRow, RefusalRow,
    StageRow, Totals, WorkerRow,
};
use super::text::clean;
use crate::doctor::Verdict;
use crate::service::status::{
    ChannelStatus, InterfaceStatus, LineStatus, QueueStatus, ReaderStatus, StageStatus, Status,
};

/// The picture of `now`, with rates since `before`.
#[must_use]
pub fn picture(before: Option<&Status>, now: &Status) -> Picture {
    let since = Since::new(before, now);
    let interfaces = interfaces(&since, now);
    let channels = channels(&since, now);
    let queues: Vec<QueueRow> = {
        let earlier = by(since.before, |s| &s.queues, |queue| queue.name.clone());
        let row = |queue: &QueueStatus| QueueRow {
            name: clean(&queue.name),
            records: clean(&queue.records),
            records_per_s: since.rate(
                earlier.get(&queue.name).map(|q| q.published),
                queue.published,
            ),
            published: queue.published,
            slots: queue.slots,
            readers: queue.readers,
        };
        now.queues.iter().map(row).collect()
    };
    let readers = readers(&since, now);
    Picture {
        name: clean(&now.name),
        version: clean(&now.version),
        pid: now.pid,
        uptime_s: now.uptime_s,
        interval_s: since.seconds,
        not_ready: (!now.ready).then(|| clean(now.not_ready.as_deref().unwrap_or("unknown"))),
        totals: totals(&since, now, &interfaces, &channels, &queues, &readers),
        interfaces,
        channels,
        workers: workers(now),
        queues,
        books: books(now),
        readers,
        stages: stages(&since, now),
        refusals: refusals(&since, now),
        checks: checks(now),
    }
}

/// The look before, if the gateway has not begun anew since.
struct Since<'a> {
    before: Option<&'a Status>,
    seconds: Option<f64>,
}

impl<'a> Since<'a> {
    fn new(before: Option<&'a Status>, now: &Status) -> Self {
        let before = before.filter(|b| b.pid == now.pid && b.uptime_s < now.uptime_s);
        Self {
            before,
            seconds: before.map(|before| now.uptime_s - before.uptime_s),
        }
    }

    /// What came in between. A count that went back counts something else now.
    fn more(&self, before: Option<u64>, now: u64) -> Option<u64> {
        self.before?;
        now.checked_sub(before?)
    }

    fn rate(&self, before: Option<u64>, now: u64) -> Option<f64> {
        Some(self.more(before, now)? as f64 / self.seconds?)
    }
}

/// The rows of the look before by what tells them apart.
fn by<'a, T, K: Eq + Hash>(
    before: Option<&'a Status>,
    rows: impl Fn(&'a Status) -> &'a Vec<T>,
    key: impl Fn(&T) -> K,
) -> HashMap<K, &'a T> {
    let rows = before.map(rows).into_iter().flatten();
    rows.map(|row| (key(row), row)).collect()
}

/// Adds without overflow: what a gateway tells is not trusted.
fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::saturating_add)
}

/// Adds rates; `None` where none is known.
fn sum_of_rates(rates: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    rates
        .flatten()
        .fold(None, |all, rate| Some(all.unwrap_or(0.0) + rate))
}

/// The same of counts.
fn sum_of_counts(counts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    counts.flatten().fold(None, |all: Option<u64>, count| {
        Some(all.unwrap_or(0).saturating_add(count))
    })
}

fn totals(
    since: &Since<'_>,
    now: &Status,
    interfaces: &[InterfaceRow],
    channels: &[ChannelRow],
    queues: &[QueueRow],
    readers: &[ReaderRow],
) -> Totals {
    Totals {
        packets_per_s: sum_of_rates(interfaces.iter().map(|i| i.packets_per_s)),
        bits_per_s: sum_of_rates(interfaces.iter().map(|i| i.bits_per_s)),
        messages_per_s: sum_of_rates(channels.iter().map(|c| c.messages_per_s)),
        records_per_s: sum_of_rates(queues.iter().map(|q| q.records_per_s)),
        lost: sum(channels.iter().map(|c| c.lost)),
        lost_now: sum_of_counts(channels.iter().map(|c| c.lost_now)),
        gaps: sum(channels.iter().map(|c| c.gaps)),
        dropped: sum(interfaces.iter().map(|i| i.dropped)),
        dropped_now: sum_of_counts(interfaces.iter().map(|i| i.dropped_now)),
        reader_lost: sum(readers.iter().map(|r| r.lost)),
        // A reader that has just come has lost nothing before.
        reader_lost_now: since
            .before
            .map(|_| sum(readers.iter().filter_map(|r| r.lost_now)))
            .filter(|_| !now.queues.is_empty()),
    }
}

/// Packets of an interface that were not handed over, for whatever reason.
fn dropped(interface: &InterfaceStatus) -> u64 {
    let refused = interface.queues.iter().flat_map(|queue| &queue.refused);
    let kernel = interface
        .queues
        .iter()
        .flat_map(|queue| &queue.kernel_drops);
    let counted = sum(refused.chain(kernel).map(|count| count.count));
    counted.saturating_add(interface.lost_in_redirect)
}

fn interfaces(since: &Since<'_>, now: &Status) -> Vec<InterfaceRow> {
    let earlier = by(since.before, |s| &s.interfaces, |i| i.name.clone());
    let row = |interface: &InterfaceStatus| {
        let before = earlier.get(&interface.name);
        let packets = |i: &InterfaceStatus| sum(i.queues.iter().map(|queue| queue.packets));
        let bytes = |i: &InterfaceStatus| sum(i.queues.iter().map(|queue| queue.bytes));
        let note = match (&interface.waiting_for, interface.steps.last()) {
            (Some(cause), _) => format!("not open: {cause}"),
            (None, Some(step)) => format!("not {}: {}", step.tier, step.reason),
            (None, None) => String::new(),
        };
        InterfaceRow {
            name: clean(&interface.name),
            tier: clean(&interface.tier),
            state: clean(&interface.state),
            driver: clean(&interface.driver),
            queues: interface.queues.len(),
            packets_per_s: since.rate(before.map(|i| packets(i)), packets(interface)),
            bits_per_s: since
                .rate(before.map(|i| bytes(i)), bytes(interface))
                .map(|rate| rate * 8.0),
            packets: packets(interface),
            dropped: dropped(interface),
            dropped_now: since.more(before.map(|i| dropped(i)), dropped(interface)),
            note: clean(&note),
        }
    };
    now.interfaces.iter().map(row).collect()
}

fn channels(since: &Since<'_>, now: &Status) -> Vec<ChannelRow> {
    let earlier = by(since.before, |s| &s.channels, |c| c.name.clone());
    let row = |channel: &ChannelStatus| {
        let before = earlier.get(&channel.name).copied();
        let recovery = channel.recovery.as_ref();
        ChannelRow {
            name: clean(&channel.name),
            feed: clean(&channel.feed),
            state: clean(&channel.state),
            messages_per_s: since.rate(before.map(|c| c.messages), channel.messages),
            messages: channel.messages,
            next_sequence: channel.next_sequence,
            gaps: channel.gaps,
            lost: channel.lost,
            lost_now: since.more(before.map(|c| c.lost), channel.lost),
            holes: recovery.map_or(0, |r| r.holes_open),
            missing: recovery.map_or(0, |r| r.missing),
            holding: channel.holding,
            recovered: recovery.map_or(0, |r| r.delivered.saturating_add(r.snapshot_messages)),
            errors: sum(channel.errors.iter().map(|count| count.count)),
            instruments: channel.instruments,
            lines: lines(since, before, channel),
        }
    };
    now.channels.iter().map(row).collect()
}

/// Lines keep their order; their names are the channel's own.
fn lines(since: &Since<'_>, before: Option<&ChannelStatus>, now: &ChannelStatus) -> Vec<LineRow> {
    let earlier = |line: &LineStatus| {
        let lines = before.map(|channel| &channel.lines)?;
        lines.iter().find(|earlier| earlier.name == line.name)
    };
    let wins: Vec<Option<u64>> = now
        .lines
        .iter()
        .map(|line| since.more(earlier(line).map(|l| l.wins), line.wins))
        .collect();
    let all = sum(wins.iter().flatten().copied());
    let ratio = |index: usize, line: &LineStatus| match (wins[index], all) {
        (Some(wins), 1..) => wins as f64 / all as f64,
        _ => line.win_ratio,
    };
    let best = now
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| ratio(index, line))
        .fold(0.0, f64::max);
    let row = |(index, line): (usize, &LineStatus)| {
        let before = earlier(line);
        let copies = since.more(before.map(|l| l.skew_packets), line.skew_packets);
        let later = since.more(before.map(|l| l.skew_sum_ns), line.skew_sum_ns);
        let skew_ns = match (copies, later) {
            (Some(copies @ 1..), Some(later)) => Some(later / copies),
            _ => line.skew_sum_ns.checked_div(line.skew_packets),
        };
        let win_ratio = ratio(index, line);
        LineRow {
            name: clean(&line.name),
            address: clean(&line.address),
            packets_per_s: since.rate(before.map(|l| l.packets), line.packets),
            packets: line.packets,
            silent: line.silent,
            win_ratio,
            winner: best > 0.0 && win_ratio >= best,
            skew_ns,
            skew_max_ns: line.skew_max_ns,
            gaps: line.gaps,
            gap_messages: line.gap_messages,
        }
    };
    now.lines.iter().enumerate().map(row).collect()
}

fn workers(now: &Status) -> Vec<WorkerRow> {
    let workers = now.workers.iter().map(|worker| WorkerRow {
        name: clean(&worker.name),
        core: worker.core,
        running: worker.running,
        shown_age_s: worker.shown_age_s,
    });
    workers.collect()
}

fn books(now: &Status) -> Vec<BookRow> {
    let books = now.books.iter().map(|book| BookRow {
        name: clean(&book.name),
        queue: clean(&book.queue),
        running: book.running,
        instruments: book.instruments,
        valid: book.valid,
        orders: book.orders,
        lag: book.lag,
        lost: book.lost,
    });
    books.collect()
}

fn readers(since: &Since<'_>, now: &Status) -> Vec<ReaderRow> {
    let earlier = by(since.before, |s| &s.readers, |reader| reader.id);
    let row = |reader: &ReaderStatus| {
        let queue = now.queues.iter().find(|queue| queue.name == reader.queue);
        let slots = queue.map(|queue| queue.slots).filter(|slots| *slots > 0);
        ReaderRow {
            id: reader.id,
            name: clean(&reader.name),
            pid: reader.pid,
            uid: reader.uid,
            queue: clean(&reader.queue),
            lag: reader.lag,
            fill: slots.map(|slots| (reader.lag as f64 / slots as f64).min(1.0)),
            lost: reader.lost,
            lost_now: since.more(earlier.get(&reader.id).map(|r| r.lost), reader.lost),
            overruns: reader.overruns,
            last_poll_age_s: reader.last_poll_age_s,
        }
    };
    now.readers.iter().map(row).collect()
}

fn stages(since: &Since<'_>, now: &Status) -> Vec<StageRow> {
    let key = |stage: &StageStatus| (stage.stage.clone(), stage.of.clone());
    let earlier = by(since.before, |s| &s.stages, key);
    let row = |stage: &StageStatus| {
        let before = earlier.get(&key(stage));
        let bands = before.map_or_else(Default::default, |b| stage.bands.since(&b.bands));
        let quantile = |quantile| bands.quantile_ns(quantile);
        let now = quantile(0.5).zip(quantile(0.99)).zip(quantile(0.999));
        StageRow {
            stage: clean(&stage.stage),
            of: clean(&stage.of),
            per_s: since.rate(before.map(|b| b.latency.count), stage.latency.count),
            p50: stage.latency.p50,
            p99: stage.latency.p99,
            p999: stage.latency.p999,
            max: stage.latency.max,
            now: now.map(|((p50, p99), p999)| [p50, p99, p999]),
            bands,
        }
    };
    now.stages.iter().map(row).collect()
}

fn refusals(since: &Since<'_>, now: &Status) -> Vec<RefusalRow> {
    let before = since.before.map(|before| before.broker.refusals());
    let all = now.broker.refusals().into_iter().enumerate();
    all.filter(|(_, (_, count))| *count > 0)
        .map(|(index, (reason, count))| RefusalRow {
            reason: reason.to_owned(),
            count,
            now: since.more(before.map(|before| before[index].1), count),
        })
        .collect()
}

fn checks(now: &Status) -> Vec<CheckRow> {
    let wrong = |verdict| matches!(verdict, Verdict::Warn | Verdict::Fail);
    let checks = now.doctor.iter().filter(|check| wrong(check.verdict));
    checks
        .map(|check| CheckRow {
            check: clean(&check.check),
            interface: clean(&check.interface),
            fails: check.verdict == Verdict::Fail,
            found: clean(&check.found),
        })
        .collect()
}

#[cfg(test)]
mod tests;
