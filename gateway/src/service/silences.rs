//! Log lines about lines that fall silent and speak again: one each.

use tracing::{info, warn};

use super::state::State;

/// What was seen of a line at the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    silent: bool,
    silences: u64,
}

/// What is to be told of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Silent,
    Back,
    /// It was silent for a moment between two looks.
    Both,
}

/// All lines of all channels.
#[derive(Debug, Default)]
pub(super) struct Silences {
    lines: Vec<Vec<Seen>>,
}

impl Silences {
    /// Compares with the last look, and logs what is new.
    pub(super) fn look(&mut self, state: &State) {
        self.lines.resize_with(state.channels.len(), Vec::new);
        let channels = state.config.channels.iter().zip(&state.channels);
        for ((channel, seat), before) in channels.zip(&mut self.lines) {
            if channel.stale_after.is_zero() {
                continue;
            }
            before.resize(channel.lines.len(), Seen::default());
            let board = &state.workers[seat.worker].board.channels[seat.index];
            let counters = board.channel();
            for ((line, before), of_line) in channel.lines.iter().zip(before).zip(&counters.lines) {
                let now = Seen {
                    silent: of_line.silent != 0,
                    silences: of_line.silences,
                };
                let told = told(*before, now);
                *before = now;
                let (channel_name, line) = (channel.name.as_str(), line.name.as_str());
                if matches!(told, Some(Told::Silent | Told::Both)) {
                    let ms = channel.stale_after.as_millis();
                    warn!(
                        channel = channel_name,
                        line, "no packet for {ms} ms: the line is silent"
                    );
                }
                if matches!(told, Some(Told::Back | Told::Both)) {
                    info!(channel = channel_name, line, "the line speaks again");
                }
            }
        }
    }
}

fn told(before: Seen, now: Seen) -> Option<Told> {
    match (before.silent, now.silent) {
        (false, true) => Some(Told::Silent),
        (true, false) => Some(Told::Back),
        (_, silent) if now.silences == before.silences || silent => None,
        _ => Some(Told::Both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_silence_is_told_once_and_its_end_once() {
        let seen = |silent, silences| Seen { silent, silences };
        assert_eq!(told(seen(false, 0), seen(false, 0)), None);
        assert_eq!(told(seen(false, 0), seen(true, 1)), Some(Told::Silent));
        assert_eq!(told(seen(true, 1), seen(true, 1)), None);
        assert_eq!(told(seen(true, 1), seen(false, 1)), Some(Told::Back));
        assert_eq!(told(seen(false, 1), seen(false, 2)), Some(Told::Both));
        // It spoke between two looks, and is silent again.
        assert_eq!(told(seen(true, 2), seen(true, 3)), None);
    }
}
