//! Which lines may have the same group and port: those of different units, since each packet's header names its unit.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::super::model::{Feed, Input, Venue};

/// The lines so far, by group, port and input; the first one of each first.
#[derive(Debug, Default)]
pub(super) struct Sharing(HashMap<(Ipv4Addr, u16, InputKey), Vec<SharedLine>>);

type InputKey = (bool, usize);

/// What of a line decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SharedLine {
    /// The line of the file that it is written on.
    pub(super) written: usize,
    /// What its channel carries.
    pub(super) feed: (Feed, Venue),
    /// Of PITCH: its channel's unit.
    pub(super) unit: Option<u8>,
    /// Whether it carries answers.
    pub(super) answers: bool,
    /// The senders allowed.
    pub(super) sources: Vec<Ipv4Addr>,
}

impl Sharing {
    /// Takes `line` of `group` and `port` on `input`; says why it cannot have them beside another one, and what to do.
    pub(super) fn admit(
        &mut self,
        (group, port, input): (Ipv4Addr, u16, Input),
        line: SharedLine,
    ) -> Option<(String, &'static str)> {
        let key = match input {
            Input::Interface(index) => (false, index),
            Input::Capture(index) => (true, index),
        };
        let others = self.0.entry((group, port, key)).or_default();
        let refused = others.iter().find_map(|first| line.refused_beside(first));
        others.push(line);
        refused.map(|(what, remedy)| (format!("{group}:{port} {what}"), remedy))
    }
}

impl SharedLine {
    const fn lacks_unit(&self) -> bool {
        self.feed.0.pitch_market().is_some() && self.unit.is_none()
    }

    fn refused_beside(&self, first: &Self) -> Option<(String, &'static str)> {
        let on = first.written;
        if self.lacks_unit() || first.lacks_unit() {
            // Which is reported already.
            return None;
        }
        let (Some(unit), Some(of_first)) = (self.unit, first.unit) else {
            return Some((
                format!("is a line already, on line {on}"),
                "each group and port carries one line, but for units of PITCH; correct one of them, or tell them apart by `input`",
            ));
        };
        if unit == of_first {
            Some((
                format!("is a line already, of unit {unit} on line {on}"),
                "channels that share a group and port are each another unit: correct the unit, or the group and port",
            ))
        } else if self.feed != first.feed {
            Some((
                format!("is a line of another feed or venue, on line {on}"),
                "units that share a group and port are of one feed and venue; correct one of them, as the venue lists them",
            ))
        } else if self.answers != first.answers {
            Some((
                format!("is a line of a stream and one of gap responses, on line {on}"),
                "a group and port carries either; correct one of them, as the venue lists them",
            ))
        } else if self.sources != first.sources {
            Some((
                format!("has other sources on line {on}"),
                "give each line of this group and port the same sources: it is received once for all units",
            ))
        } else {
            None
        }
    }
}
