//! What the packets of a flow, and of several, say together.

use super::fits::{fit, is_itch50};
use super::{Candidate, Candidates};

/// What was seen of a flow: the packets to one group and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEvidence {
    packets: u64,
    fitting: u64,
    messages: u64,
    of_all: Candidates,
    of_any: Candidates,
}

impl Default for FlowEvidence {
    fn default() -> Self {
        Self {
            packets: 0,
            fitting: 0,
            messages: 0,
            of_all: Candidates::ALL,
            of_any: Candidates::NONE,
        }
    }
}

impl FlowEvidence {
    /// Looks at the payload of the next packet.
    pub fn packet(&mut self, payload: &[u8]) {
        let fit = fit(payload);
        self.add(fit.candidates, fit.messages);
    }

    /// Looks at the next message of a file of messages without packets, for those of ITCH 5.0.
    pub fn message(&mut self, message: &[u8]) {
        if is_itch50(message) {
            self.add(Candidates::only(Candidate::Moldudp64Itch50), 1);
        } else {
            self.add(Candidates::NONE, 0);
        }
    }

    fn add(&mut self, candidates: Candidates, messages: u32) {
        self.packets += 1;
        if candidates.is_empty() {
            return;
        }
        self.fitting += 1;
        self.messages += u64::from(messages);
        self.of_all = self.of_all.and(candidates);
        self.of_any = self.of_any.or(candidates);
    }

    /// Packets that were looked at.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Of these, those that fit some feed.
    #[must_use]
    pub const fn fitting(&self) -> u64 {
        self.fitting
    }

    /// The feeds that all packets fit which fit any; where its packets contradict each other, those that any fits.
    #[must_use]
    pub const fn fits(&self) -> Candidates {
        if self.of_all.is_empty() || self.fitting == 0 {
            self.of_any
        } else {
            self.of_all
        }
    }

    /// The feeds that each packet fits that fits any; none where the flow is of no feed that is known, that is, where more
    /// than a quarter of its packets fit none.
    #[must_use]
    pub const fn candidates(&self) -> Candidates {
        if self.is_known() {
            self.of_all
        } else {
            Candidates::NONE
        }
    }

    /// Whether enough of its packets fit a feed.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.fitting > 0 && self.fitting * 4 >= self.packets * 3
    }

    /// Whether what fits is more than headers that several feeds may share.
    fn is_proof(&self) -> bool {
        let named = self.of_all.iter().all(Candidate::is_named_by_header);
        self.messages > 0 || named
    }
}

/// Of which feed several flows are, where they are to be read as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One feed is left that all packets fit.
    One(Candidate),
    /// Several are left; nothing that was seen tells them apart.
    Ambiguous(Candidates),
    /// The flows are of different feeds, or the packets of one flow are.
    Different(Candidates),
    /// Packets fit the headers of these feeds, but carry no message.
    Heartbeats(Candidates),
    /// No flow fits any feed.
    Unknown,
}

/// Judges flows together. Those that fit no feed have no say: a capture may hold other traffic.
#[must_use]
pub fn verdict<'a>(flows: impl IntoIterator<Item = &'a FlowEvidence>) -> Verdict {
    let (mut left, mut any, mut is_proof) = (Candidates::ALL, Candidates::NONE, false);
    for flow in flows.into_iter().filter(|flow| flow.is_known()) {
        left = left.and(flow.of_all);
        any = any.or(flow.fits());
        is_proof |= flow.is_proof();
    }
    match (any.is_empty(), left.single()) {
        (true, _) => Verdict::Unknown,
        (false, _) if left.is_empty() => Verdict::Different(any),
        (false, _) if !is_proof => Verdict::Heartbeats(left),
        (false, Some(one)) => Verdict::One(one),
        (false, None) => Verdict::Ambiguous(left),
    }
}
