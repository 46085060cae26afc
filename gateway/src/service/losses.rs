//! Log lines about what was lost: messages of a channel, slots of a reader; and about channels that wait for long.
//!
//! A loss is told at once, and what is lost after it once a second, all of it in one line: a line that loses every other
//! packet fills no disk, and the counts of the lines add up to those of the metrics, but for what a reader lost in its last second.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use gateway_feed::arbitration::ChannelState;
use tracing::{info, warn};

use super::state::State;
use crate::config::model::Channel;

/// The least time between two lines about the same.
const APART: Duration = Duration::from_secs(1);
/// How long a channel may wait for what was asked for before that is told.
const PATIENCE: Duration = Duration::from_secs(1);

/// A count of losses, and how much of it was told.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    told: u64,
    not_before: Option<Instant>,
}

impl Tally {
    /// What is to be told now that there are `lost`.
    fn news(&mut self, now: Instant, lost: u64) -> Option<u64> {
        let more = lost.checked_sub(self.told).filter(|more| *more > 0)?;
        if self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        self.told = lost;
        self.not_before = Some(now + APART);
        Some(more)
    }
}

/// Whether a channel waits, and whether that was told.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    since: Option<Instant>,
    told: bool,
}

/// What is to be told of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Waits,
    Over,
}

impl Wait {
    fn news(&mut self, now: Instant, waits: bool) -> Option<News> {
        if !waits {
            let told = std::mem::take(self).told;
            return told.then_some(News::Over);
        }
        let since = *self.since.get_or_insert(now);
        let long = now.saturating_duration_since(since) >= PATIENCE;
        (long && !std::mem::replace(&mut self.told, long)).then_some(News::Waits)
    }
}

#[derive(Debug, Default)]
struct OfChannel {
    lost: Tally,
    wait: Wait,
}

/// What was told of each.
#[derive(Debug, Default)]
pub(super) struct Losses {
    channels: Vec<OfChannel>,
    readers: HashMap<u64, Tally>,
    readers_at: Option<Instant>,
}

impl Losses {
    /// Logs what was held back, before the service ends.
    pub(super) fn look_last(&mut self, state: &State) {
        self.look(state, Instant::now() + APART);
    }

    /// Compares with the last look, and logs what is new.
    pub(super) fn look(&mut self, state: &State, now: Instant) {
        self.channels
            .resize_with(state.channels.len(), OfChannel::default);
        let channels = state.config.channels.iter().zip(&state.channels);
        for ((channel, seat), told) in channels.zip(&mut self.channels) {
            let board = &state.workers[seat.worker].board.channels[seat.index];
            let counters = board.channel();
            if let Some(messages) = told.lost.news(now, counters.gap_messages) {
                warn!(
                    channel = channel.name,
                    messages,
                    messages_total = counters.gap_messages,
                    gaps_total = counters.gaps,
                    next_sequence = counters.next_sequence,
                    "messages lost: no line brought them, and no server made up for them"
                );
            }
            let now_in = ChannelState::from_number(counters.recovery.state);
            tell_wait(&mut told.wait, now, channel, now_in);
        }
        if self.readers_at.is_none_or(|at| now >= at) {
            self.readers_at = Some(now + APART);
            self.look_at_readers(state, now);
        }
    }

    fn look_at_readers(&mut self, state: &State, now: Instant) {
        let readers = state.readers.readers();
        self.readers
            .retain(|id, _| readers.iter().any(|reader| reader.id == *id));
        for reader in readers {
            let tally = self.readers.entry(reader.id).or_default();
            if let Some(slots) = tally.news(now, reader.lost) {
                warn!(
                    reader = reader.name,
                    pid = reader.pid,
                    queue = reader.queue,
                    slots,
                    slots_total = reader.lost,
                    "a reader is too slow for its queue: it has lost slots"
                );
            }
        }
    }
}

fn tell_wait(wait: &mut Wait, now: Instant, channel: &Channel, state: ChannelState) {
    let waits = matches!(state, ChannelState::Recovering | ChannelState::Snapshot);
    match wait.news(now, waits) {
        Some(News::Waits) => warn!(
            channel = channel.name,
            state = state.name(),
            "the channel waits for what was asked for"
        ),
        Some(News::Over) => info!(
            channel = channel.name,
            state = state.name(),
            "the channel goes on"
        ),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_at_once_and_the_rest_once_a_second_with_every_count() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(tally.news(at(0), 0), None);
        assert_eq!(tally.news(at(0), 3), Some(3));
        let mut told = 3;
        let mut lines = 0;
        for ms in 1..10_000 {
            if let Some(more) = tally.news(at(ms), 3 + ms) {
                told += more;
                lines += 1;
            }
        }
        assert_eq!(lines, 9);
        // The last second's are told when it is over.
        told += tally.news(at(20_000), 10_002).unwrap_or_default();
        assert_eq!(told, 10_002);
        // A count that goes back belongs to something else.
        assert_eq!(tally.news(at(30_000), 5), None);
    }

    #[test]
    fn a_wait_is_told_once_where_it_is_long_and_its_end_once() {
        let (mut wait, start) = (Wait::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        // Short ones are what recovery is for.
        for ms in 0..500 {
            assert_eq!(wait.news(at(10 * ms), ms % 50 > 0), None);
        }
        assert_eq!(wait.news(at(9_000), false), None);
        assert_eq!(wait.news(at(10_000), true), None);
        assert_eq!(wait.news(at(11_000), true), Some(News::Waits));
        assert_eq!(wait.news(at(60_000), true), None);
        assert_eq!(wait.news(at(60_050), false), Some(News::Over));
        assert_eq!(wait.news(at(60_100), false), None);
    }
}
