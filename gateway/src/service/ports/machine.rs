//! What is to be done about an interface, and how it stands: a state machine without clock, socket or log.
//!
//! It is told what the kernel says of the link, what became of the sockets and what time it is, and answers with the
//! one thing to do next. A device that is gone, or that is another one under the same name, takes its sockets with it:
//! they are given up, and made anew as soon as there is a device that is up. A link that is merely down keeps its
//! sockets: they go on when it comes up.

use std::time::Duration;

use crate::ingest::netdev::LinkFacts;

/// The first wait after an attempt to open that failed; each further one is twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// No wait is longer.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// How an interface stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum LinkState {
    /// There is no interface of that name.
    #[default]
    Absent = 0,
    /// It is there, and administratively down or without carrier.
    Down = 1,
    /// It is up, and its sockets are being made, or are to be.
    Attaching = 2,
    /// Packets are received as well as they were at the start.
    Live = 3,
    /// Packets are received, at a lower tier than at the start.
    Degraded = 4,
}

impl LinkState {
    /// All, in the order of their numbers.
    pub(crate) const ALL: [Self; 5] = [
        Self::Absent,
        Self::Down,
        Self::Attaching,
        Self::Live,
        Self::Degraded,
    ];

    /// As it is called in status and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Down => "down",
            Self::Attaching => "attaching",
            Self::Live => "live",
            Self::Degraded => "degraded",
        }
    }
}

/// What a machine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What the kernel says of the interface now.
    Facts(Option<LinkFacts>),
    /// A socket is of no use any more.
    Lost,
    /// The operator wants the best tier tried again.
    StepUp,
    /// The sockets were given up.
    Closed,
    /// Sockets were made on the device of that index, at a lower tier than at the start or not.
    Opened { index: u32, lower: bool },
    /// No sockets could be made.
    Failed,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// Nothing now.
    Nothing,
    /// Give up the sockets, and tell when that is done.
    Close,
    /// Make sockets, and tell what became of it.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sockets {
    Open { index: u32, lower: bool },
    Closing,
    Closed { retry_at: Duration },
    Opening,
}

/// The machine of one interface.
#[derive(Debug)]
pub(super) struct Machine {
    facts: Option<LinkFacts>,
    sockets: Sockets,
    /// Attempts that failed since the last that did not.
    failures: u32,
    /// Whether its sockets outlive the device: those of the socket tier, where it is the only one to be tried.
    keeps: bool,
}

impl Machine {
    /// Of an interface whose sockets are open on the device of that index.
    pub(super) fn new(index: u32, facts: Option<LinkFacts>, keeps: bool) -> Self {
        Self {
            facts,
            sockets: Sockets::Open {
                index,
                lower: false,
            },
            failures: 0,
            keeps,
        }
    }

    /// How the interface stands.
    pub(super) fn state(&self) -> LinkState {
        match (self.facts, self.sockets) {
            (None, _) => LinkState::Absent,
            (Some(facts), _) if !facts.up || !facts.carrier => LinkState::Down,
            (Some(_), Sockets::Open { lower: false, .. }) => LinkState::Live,
            (Some(_), Sockets::Open { lower: true, .. }) => LinkState::Degraded,
            (Some(_), _) => LinkState::Attaching,
        }
    }

    /// Takes news at `now`, on any clock that does not go back.
    pub(super) fn tell(&mut self, now: Duration, told: Told) -> Todo {
        match (told, self.sockets) {
            (Told::Facts(facts), _) => self.facts = facts,
            (Told::Lost | Told::StepUp, Sockets::Open { .. }) => {
                self.sockets = Sockets::Closing;
                return Todo::Close;
            }
            // What is given up or not yet made cannot be lost.
            (Told::Lost | Told::StepUp, _) => {}
            (Told::Closed, _) => self.sockets = Sockets::Closed { retry_at: now },
            (Told::Opened { index, lower }, _) => {
                self.failures = 0;
                self.sockets = Sockets::Open { index, lower };
            }
            (Told::Failed, _) => {
                let wait = RETRY_FIRST * 2_u32.saturating_pow(self.failures.min(8));
                self.failures = self.failures.saturating_add(1);
                self.sockets = Sockets::Closed {
                    retry_at: now + wait.min(RETRY_MAX),
                };
            }
        }
        self.next(now)
    }

    fn next(&mut self, now: Duration) -> Todo {
        match (self.sockets, self.facts) {
            (Sockets::Open { index, .. }, facts)
                if !self.keeps && facts.is_none_or(|facts| facts.index != index) =>
            {
                self.sockets = Sockets::Closing;
                Todo::Close
            }
            (Sockets::Closed { retry_at }, Some(facts)) if facts.up && now >= retry_at => {
                self.sockets = Sockets::Opening;
                Todo::Open
            }
            _ => Todo::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(index: u32, up: bool, carrier: bool) -> LinkFacts {
        LinkFacts {
            index,
            up,
            carrier,
            master: None,
        }
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_device_that_is_made_anew_is_opened_anew() {
        let mut machine = Machine::new(4, Some(facts(4, true, true)), false);
        assert_eq!(machine.state(), LinkState::Live);
        assert_eq!(machine.tell(MS, Told::Facts(None)), Todo::Close);
        assert_eq!(machine.state(), LinkState::Absent);
        assert_eq!(machine.tell(MS, Told::Closed), Todo::Nothing);
        let down = Told::Facts(Some(facts(5, false, false)));
        assert_eq!(machine.tell(MS, down), Todo::Nothing);
        assert_eq!(machine.state(), LinkState::Down);
        let up = Told::Facts(Some(facts(5, true, true)));
        assert_eq!(machine.tell(MS, up), Todo::Open);
        assert_eq!(machine.state(), LinkState::Attaching);
        let opened = Told::Opened {
            index: 5,
            lower: true,
        };
        assert_eq!(machine.tell(MS, opened), Todo::Nothing);
        assert_eq!(machine.state(), LinkState::Degraded);
    }

    #[test]
    fn a_device_that_was_swapped_between_two_looks_is_noticed() {
        let mut machine = Machine::new(4, Some(facts(4, true, true)), false);
        let other = Told::Facts(Some(facts(6, true, true)));
        assert_eq!(machine.tell(MS, other), Todo::Close);
        // Once more while its sockets are made.
        assert_eq!(machine.tell(MS, Told::Closed), Todo::Open);
        let third = Told::Facts(Some(facts(7, true, true)));
        assert_eq!(machine.tell(MS, third), Todo::Nothing);
        let opened = Told::Opened {
            index: 6,
            lower: false,
        };
        assert_eq!(machine.tell(MS, opened), Todo::Close);
    }

    #[test]
    fn a_link_that_goes_down_and_comes_up_keeps_its_sockets() {
        let mut machine = Machine::new(4, Some(facts(4, true, true)), false);
        for (up, carrier, state) in [
            (true, false, LinkState::Down),
            (false, false, LinkState::Down),
            (true, true, LinkState::Live),
        ] {
            let told = Told::Facts(Some(facts(4, up, carrier)));
            assert_eq!(machine.tell(MS, told), Todo::Nothing);
            assert_eq!(machine.state(), state);
        }
    }

    #[test]
    fn attempts_that_fail_come_further_and_further_apart() {
        let mut machine = Machine::new(4, Some(facts(4, true, true)), false);
        assert_eq!(machine.tell(MS, Told::Lost), Todo::Close);
        let mut now = MS;
        assert_eq!(machine.tell(now, Told::Closed), Todo::Open);
        for wait_ms in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            assert_eq!(machine.tell(now, Told::Failed), Todo::Nothing);
            let same = Told::Facts(Some(facts(4, true, true)));
            assert_eq!(machine.tell(now + MS * (wait_ms - 1), same), Todo::Nothing);
            now += MS * wait_ms;
            assert_eq!(machine.tell(now, same), Todo::Open);
        }
    }

    #[test]
    fn sockets_that_outlive_their_device_are_kept() {
        let mut machine = Machine::new(4, Some(facts(4, true, true)), true);
        assert_eq!(machine.tell(MS, Told::Facts(None)), Todo::Nothing);
        assert_eq!(machine.state(), LinkState::Absent);
        let back = Told::Facts(Some(facts(9, true, true)));
        assert_eq!(machine.tell(MS, back), Todo::Nothing);
        assert_eq!(machine.state(), LinkState::Live);
    }

    /// What the world does, seen from outside.
    #[derive(Clone, Debug)]
    enum World {
        Link(Option<(u32, bool, bool)>),
        Lose,
        StepUp,
        /// What is to be done gets done, with success or without.
        Do(bool),
        Wait(u64),
    }

    fn world() -> impl Strategy<Value = World> {
        let link = proptest::option::of((1_u32..4, any::<bool>(), any::<bool>()));
        prop_oneof![
            3 => link.prop_map(World::Link),
            1 => Just(World::Lose),
            1 => Just(World::StepUp),
            4 => any::<bool>().prop_map(World::Do),
            2 => (0_u64..6000).prop_map(World::Wait),
        ]
    }

    proptest! {
        /// Whatever happens, it never asks for sockets while it has some or some are being made, nor on a link that is
        /// not up; and once the world is quiet and kind for long enough it is live on the device that is there.
        #[test]
        fn it_always_ends_on_the_device_that_is_there(story in proptest::collection::vec(world(), 0..60)) {
            let mut machine = Machine::new(1, Some(facts(1, true, true)), false);
            let mut now = Duration::ZERO;
            let mut present = Some(facts(1, true, true));
            // What the machine asked for and nobody has done, and the device that has the sockets.
            let (mut owed, mut sockets) = (Todo::Nothing, Some(1));
            let kind = [World::Link(Some((3, true, true))), World::Wait(9000), World::Do(true), World::Do(true)];
            let ending = std::iter::repeat_n(kind, 8).flatten();
            for event in story.into_iter().chain(ending) {
                let told = match event {
                    World::Link(link) => {
                        present = link.map(|(index, up, carrier)| facts(index, up, carrier));
                        Told::Facts(present)
                    }
                    World::Wait(ms) => {
                        now += MS * u32::try_from(ms).unwrap_or(u32::MAX);
                        Told::Facts(present)
                    }
                    World::Lose => Told::Lost,
                    World::StepUp => Told::StepUp,
                    World::Do(success) => match (std::mem::replace(&mut owed, Todo::Nothing), present) {
                        (Todo::Nothing, _) => continue,
                        (Todo::Close, _) => {
                            sockets = None;
                            Told::Closed
                        }
                        (Todo::Open, Some(link)) if success && link.up => {
                            sockets = Some(link.index);
                            Told::Opened { index: link.index, lower: false }
                        }
                        (Todo::Open, _) => Told::Failed,
                    },
                };
                match machine.tell(now, told) {
                    Todo::Nothing => {}
                    todo => {
                        prop_assert_eq!(owed, Todo::Nothing, "one thing at a time");
                        match todo {
                            Todo::Open => {
                                prop_assert_eq!(sockets, None);
                                prop_assert!(present.is_some_and(|link| link.up));
                            }
                            _ => prop_assert!(sockets.is_some()),
                        }
                        owed = todo;
                    }
                }
            }
            prop_assert_eq!(machine.state(), LinkState::Live);
            prop_assert_eq!(sockets, Some(3));
        }
    }
}
