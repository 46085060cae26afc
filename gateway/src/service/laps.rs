//! Builders of books that were overtaken: a snapshot of the channel makes their books right again.
//!
//! A builder says which channels' books it has lost, and goes on saying so until they begin anew. So nothing need be
//! remembered of a snapshot that was asked for: where it does not come, or overtakes the builder once more, another is
//! asked for after a pause that grows. Nobody is asked where the channel has no Glimpse server; that is told.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::state::State;
use crate::config::model::{Channel, Recovery};
use crate::worker::WorkerHandle;

/// The pause after a channel's first snapshot, before another one is asked for; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is to be done about a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Ask for a snapshot; told, if it is the first since the books were lost.
    Ask { first: bool },
    /// Tell that there is no server that has one.
    NoServer,
    /// Tell that the books begin anew.
    Over,
}

/// A channel of which some builder has lost records, or not.
#[derive(Clone, Copy, Debug)]
struct Lapse {
    lapped: bool,
    asked: bool,
    pause: Duration,
    /// Not before then.
    ask_at: Option<Instant>,
}

impl Default for Lapse {
    fn default() -> Self {
        Self {
            lapped: false,
            asked: false,
            pause: PAUSE_MIN,
            ask_at: None,
        }
    }
}

impl Lapse {
    fn look(&mut self, now: Instant, lapped: bool, has_server: bool) -> Option<Step> {
        let news = self.lapped != lapped;
        self.lapped = lapped;
        let pauses = self.ask_at.is_some_and(|ask_at| now < ask_at);
        if !lapped {
            self.asked = false;
            if !pauses {
                self.pause = PAUSE_MIN;
            }
            return news.then_some(Step::Over);
        }
        if !has_server {
            return news.then_some(Step::NoServer);
        }
        if pauses {
            return None;
        }
        self.ask_at = Some(now + self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        let first = !std::mem::replace(&mut self.asked, true);
        Some(Step::Ask { first })
    }
}

/// All channels.
#[derive(Debug, Default)]
pub(super) struct Laps {
    channels: Vec<Lapse>,
}

impl Laps {
    /// Looks what builders have lost, and asks for what makes it good.
    pub(super) fn look(&mut self, state: &State, workers: &[WorkerHandle]) {
        let channels = &state.config.channels;
        self.channels.resize_with(channels.len(), Lapse::default);
        let shown: Vec<_> = state.books.iter().map(|book| book.board.read()).collect();
        for ((index, channel), lapse) in channels.iter().enumerate().zip(&mut self.channels) {
            // The configuration allows at most 255 channels.
            let id = u8::try_from(index).unwrap_or(u8::MAX);
            let book = shown.iter().position(|shown| shown.lapped.contains(id));
            let step = lapse.look(Instant::now(), book.is_some(), has_server(channel));
            let book = book.map(|book| state.config.books[book].name.as_str());
            let name = channel.name.as_str();
            match step {
                None => {}
                Some(Step::Ask { first }) => {
                    if first {
                        info!(
                            channel = name,
                            book, "books have lost records: a snapshot of the channel is asked for"
                        );
                    }
                    let seat = state.channels[index];
                    if let Err(cause) = workers[seat.worker].refresh(seat.index) {
                        warn!(channel = name, %cause, "the snapshot is asked for again later");
                    }
                }
                Some(Step::NoServer) => warn!(
                    channel = name,
                    book,
                    "books have lost records and stay invalid until the venue clears them or another session begins: \
                     with a Glimpse or spin server in `[channel.recovery]` a snapshot would make them right"
                ),
                Some(Step::Over) => info!(channel = name, "books that had lost records begin anew"),
            }
        }
    }
}

fn has_server(channel: &Channel) -> bool {
    let recovery = channel.recovery.as_ref();
    recovery.is_some_and(Recovery::has_snapshots)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Option<Step> = Some(Step::Ask { first: false });

    #[test]
    fn a_snapshot_is_asked_for_until_the_books_begin_anew_and_less_and_less_often() {
        let (mut lapse, start) = (Lapse::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(lapse.look(at(0), false, true), None);
        assert_eq!(
            lapse.look(at(0), true, true),
            Some(Step::Ask { first: true })
        );
        let asked: Vec<u64> = (0..300)
            .filter(|second| lapse.look(at(*second), true, true) == ASK)
            .collect();
        assert_eq!(asked, [1, 3, 7, 15, 31, 63, 123, 183, 243]);
        assert_eq!(lapse.look(at(300), false, true), Some(Step::Over));
        assert_eq!(lapse.look(at(300), false, true), None);
    }

    #[test]
    fn a_snapshot_that_overtakes_the_builder_again_is_no_reason_to_ask_at_once() {
        let (mut lapse, start) = (Lapse::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let first = Some(Step::Ask { first: true });
        assert_eq!(lapse.look(at(0), true, true), first);
        assert_eq!(lapse.look(at(0), false, true), Some(Step::Over));
        assert_eq!(lapse.look(at(0), true, true), None);
        assert_eq!(lapse.look(at(1), true, true), first);
        assert_eq!(lapse.look(at(2), true, true), None);
        // After a time of calm all is as at the start.
        assert_eq!(lapse.look(at(3), false, true), Some(Step::Over));
        assert_eq!(lapse.look(at(4), true, true), first);
        assert_eq!(lapse.look(at(5), true, true), ASK);
    }

    #[test]
    fn where_no_server_has_snapshots_that_is_told_once() {
        let (mut lapse, now) = (Lapse::default(), Instant::now());
        assert_eq!(lapse.look(now, true, false), Some(Step::NoServer));
        assert_eq!(lapse.look(now, true, false), None);
        assert_eq!(lapse.look(now, false, false), Some(Step::Over));
        assert_eq!(lapse.look(now, true, false), Some(Step::NoServer));
    }
}
