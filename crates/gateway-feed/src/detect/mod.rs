//! Which feed's packets these are, told by what is in them alone.
//!
//! A packet *fits* a feed where the feed's transport reads its header, where its messages tile it to the last byte, and
//! where each of them is of a type and length that the feed has. That is stricter than what the decoders ask for, which
//! step over what is newer than they are. A packet may fit several feeds: the markets of PITCH share most messages.
//!
//! Guesses are not made. A flow is of the feeds that *all* its packets fit, of those that fit any: so a stream that is
//! whole is never taken for another feed's alone, because its own is always among them. Where several are left, the verdict
//! names them and is no decision.

mod fits;
mod flow;
#[cfg(any(test, feature = "harness"))]
pub mod harness;

use core::fmt;

pub use flow::{FlowEvidence, Verdict, verdict};

use crate::pitch::Market;

/// A feed that packets may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Candidate {
    /// ITCH 5.0 in MoldUDP64.
    Moldudp64Itch50,
    /// Nasdaq BBO 2.1 in MoldUDP64.
    NasdaqBbo,
    /// TOPS in IEX-TP.
    IexTops,
    /// DEEP in IEX-TP.
    IexDeep,
    /// DEEP+ in IEX-TP.
    IexDeepPlus,
    /// PITCH of US equities.
    PitchEquities,
    /// PITCH of US options.
    PitchOptions,
    /// PITCH of the complex books of US options.
    PitchComplex,
    /// PITCH of futures.
    PitchFutures,
    /// CME MDP 3.0.
    Mdp3,
}

impl Candidate {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Moldudp64Itch50,
        Self::NasdaqBbo,
        Self::IexTops,
        Self::IexDeep,
        Self::IexDeepPlus,
        Self::PitchEquities,
        Self::PitchOptions,
        Self::PitchComplex,
        Self::PitchFutures,
        Self::Mdp3,
    ];

    /// The market, of those of PITCH.
    #[must_use]
    pub const fn pitch_market(self) -> Option<Market> {
        match self {
            Self::PitchEquities => Some(Market::Equities),
            Self::PitchOptions => Some(Market::Options),
            Self::PitchComplex => Some(Market::ComplexOptions),
            Self::PitchFutures => Some(Market::Futures),
            _ => None,
        }
    }

    /// What a packet was checked for, so that it fits.
    #[must_use]
    pub const fn evidence(self) -> &'static str {
        match self {
            Self::Moldudp64Itch50 => {
                "MoldUDP64 headers, as many messages as they count, each of a type and length of ITCH 5.0"
            }
            Self::NasdaqBbo => {
                "MoldUDP64 headers, as many messages as they count, each of a type and length of Nasdaq BBO 2.1"
            }
            Self::IexTops => {
                "IEX-TP 1 headers of message protocol 0x8003, whose length and count are those of the messages"
            }
            Self::IexDeep => {
                "IEX-TP 1 headers of message protocol 0x8004, whose length and count are those of the messages"
            }
            Self::IexDeepPlus => {
                "IEX-TP 1 headers of message protocol 0x8005, whose length and count are those of the messages"
            }
            Self::PitchEquities | Self::PitchOptions | Self::PitchComplex | Self::PitchFutures => {
                "sequenced unit headers whose length and count are those of the messages, each of a type and length \
                 of the market"
            }
            Self::Mdp3 => {
                "packet headers with a sending time, messages that fill the packet, each of a template of schema 1"
            }
        }
    }

    /// Whether a header alone names the feed, without any message.
    const fn is_named_by_header(self) -> bool {
        matches!(self, Self::IexTops | Self::IexDeep | Self::IexDeepPlus)
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of feeds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Candidates(u16);

impl Candidates {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self((1 << Candidate::ALL.len()) - 1);

    /// One.
    #[must_use]
    pub const fn only(candidate: Candidate) -> Self {
        Self(candidate.bit())
    }

    /// Those in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `candidate` is among them.
    #[must_use]
    pub const fn contains(self, candidate: Candidate) -> bool {
        self.0 & candidate.bit() != 0
    }

    /// The one, where there is but one.
    #[must_use]
    pub fn single(self) -> Option<Candidate> {
        let mut all = self.iter();
        all.next().filter(|_| self.0.is_power_of_two())
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Candidate> {
        let all = Candidate::ALL.into_iter();
        all.filter(move |candidate| self.contains(*candidate))
    }
}

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        let each = candidates.into_iter();
        each.fold(Self::NONE, |all, one| all.or(Self::only(one)))
    }
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
