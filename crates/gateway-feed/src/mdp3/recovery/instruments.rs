//! What is known of each instrument: whether its books are whole, and as of which packet.

use super::kept::{Chain, Kept};
use crate::sink::Nanos;

/// An instrument, by its number in the channel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// The packet that a snapshot of its levels is as of: nothing up to it counts. Whole where it reaches what was lost.
    levels_as_of: u32,
    /// The same of its orders.
    orders_as_of: u32,
    /// The packet that a snapshot of its orders is as of whose parts are still coming, where they go on as they were given
    /// up: nothing up to it counts, but they are not whole for it. 0: none is.
    orders_coming: u32,
    /// "RptSeq" of the last entry before anything of it can be missing; 0: there was none.
    rpt_seq: u32,
    /// The same of the last entry at all.
    rpt_seq_seen: u32,
    /// Whether its levels, and its orders, were given up and not told since: they go on from where they were, right or not.
    doubted_levels: bool,
    doubted_orders: bool,
    /// Whether an update of its levels was withheld since they were last whole.
    pub(super) withheld_levels: bool,
    /// Whether an update of it was withheld since it was last whole, and readers were told so.
    pub(super) withheld: bool,
    /// Its messages that are kept.
    pub(super) chain: Chain,
    /// Since when its levels, and its orders, are not whole.
    levels_since: Nanos,
    orders_since: Nanos,
    /// Of which calm its last reports are remembered, see [`Instruments::recall`].
    calm: u32,
}

/// Which of an instrument's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Levels,
    Orders,
}

/// What an update proves about its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Nothing,
    /// None of its reports was lost: its levels are what they were.
    Unbroken,
    /// It has had no report before: there is nothing that could be missing.
    First,
    /// Its books are empty.
    Empty,
}

/// Why a snapshot is of use or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Take,
    /// The instrument is whole.
    NotWanted,
    /// From before the loss, or from before what is kept.
    TooOld,
    /// Further ahead of the stream than a venue is.
    TooFarAhead,
}

/// How far a snapshot may be ahead of the stream, in packets.
const AHEAD_MAX: u32 = 65_536;

/// All instruments of a channel.
#[derive(Debug)]
pub(super) struct Instruments {
    /// By number; 0 is none's.
    states: Box<[State]>,
    /// Numbers in use, from 1.
    used: u32,
    /// The last packet that was lost; 0: none was, or all that it might have harmed is whole again.
    lost_through: u32,
    /// The last packet of the stream.
    newest: u32,
    /// The latest packet that a snapshot is as of.
    ahead: u32,
    /// What time it is.
    now: Nanos,
    /// None of those that are not whole has not been for longer.
    stale_since: Nanos,
    /// When the last packet was lost that is in doubt.
    lost_at: Nanos,
    /// How often the stream was [calm](Self::is_calm).
    calms: u32,
    /// Whether it was when its last message came.
    was_calm: bool,
    /// Whether the last loss left a book whole, because a snapshot from behind it was there.
    spared: bool,
    /// Whether instruments that are new may have lost something that nobody made up for.
    newcomers_doubted: bool,
    /// Instruments whose levels, and whose orders, are not whole.
    pub(super) stale_levels: u32,
    pub(super) stale_orders: u32,
}

impl State {
    const fn as_of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Levels => self.levels_as_of,
            Kind::Orders => self.orders_as_of,
        }
    }

    const fn since(&self, kind: Kind) -> Nanos {
        match kind {
            Kind::Levels => self.levels_since,
            Kind::Orders => self.orders_since,
        }
    }

    const fn doubted(&mut self, kind: Kind) -> &mut bool {
        match kind {
            Kind::Levels => &mut self.doubted_levels,
            Kind::Orders => &mut self.doubted_orders,
        }
    }
}

impl Instruments {
    /// Room for instruments with numbers up to `instruments_max`.
    pub(super) fn new(instruments_max: u16) -> Self {
        Self {
            states: vec![State::default(); usize::from(instruments_max.max(1)) + 1]
                .into_boxed_slice(),
            used: 0,
            lost_through: 0,
            newest: 0,
            ahead: 0,
            now: 0,
            stale_since: 0,
            lost_at: 0,
            calms: 0,
            was_calm: false,
            spared: false,
            newcomers_doubted: false,
            stale_levels: 0,
            stale_orders: 0,
        }
    }

    pub(super) const fn newest(&self) -> u32 {
        self.newest
    }

    /// Whether every update of a message of this packet counts.
    pub(super) const fn is_settled(&self, packet: u32) -> bool {
        self.stale_levels == 0 && self.stale_orders == 0 && packet > self.ahead
    }

    /// Whether nothing was lost that may still harm somebody, and no snapshot has anything of a message of this packet:
    /// nothing need be known of it but where its instruments stand in their reports, which the directory remembers.
    #[inline(always)]
    pub(super) const fn is_calm(&self, packet: u32) -> bool {
        self.lost_through == 0 && packet > self.ahead
    }

    /// A message of this packet goes by in calm.
    #[inline(always)]
    pub(super) const fn pass(&mut self, packet: u32) {
        self.newest = packet;
        self.was_calm = true;
    }

    /// What comes next is looked at: it may have use for what went by.
    pub(super) const fn look(&mut self) {
        if self.was_calm {
            self.was_calm = false;
            self.calms = self.calms.wrapping_add(1);
        }
    }

    /// Remembers an instrument's last report, where it came in calm.
    pub(super) fn recall(&mut self, number: u32, rpt_seq: u32) {
        let calms = self.calms;
        let Some(state) = self.states.get_mut(number as usize) else {
            return;
        };
        if state.calm != calms {
            state.calm = calms;
            if rpt_seq != 0 {
                state.rpt_seq_seen = rpt_seq;
                // A snapshot may have been ahead of it.
                state.rpt_seq = state.rpt_seq.max(rpt_seq);
            }
        }
    }

    /// It is `now`: whether a book has not been whole for `limit`, and which of them have not, is to be asked.
    pub(super) fn is_overdue(&mut self, now: Nanos, limit: Nanos) -> bool {
        let first = std::mem::replace(&mut self.now, now) == 0;
        if first {
            // What was lost before the time was known is lost now.
            (self.stale_since, self.lost_at) = (now, now);
            for state in self.states.iter_mut().take(self.used as usize + 1) {
                (state.levels_since, state.orders_since) = (now, now);
            }
        }
        let waits = self.stale() > 0 && self.lost_through > 0;
        waits && now.saturating_sub(self.stale_since) >= limit
    }

    /// Whether all books are whole and nothing was lost for `limit`, and yet no two whole loops have said so: the loop loses,
    /// too, or has fewer snapshots than it says.
    pub(super) fn is_long_mended(&self, limit: Nanos) -> bool {
        let is_mended = self.stale() == 0 && self.lost_through > 0;
        is_mended && self.now.saturating_sub(self.lost_at) >= limit
    }

    /// Whether a book is not whole, and has not been for `limit`.
    pub(super) fn is_book_overdue(&self, number: u32, kind: Kind, limit: Nanos) -> bool {
        let since = self.state(number).since(kind);
        !self.is_whole(number, kind) && self.now.saturating_sub(since) >= limit
    }

    /// Those that are overdue were given up: the others go on waiting.
    pub(super) fn wait_on(&mut self) {
        let lost_through = self.lost_through;
        let used = self.states.iter().take(self.used as usize + 1).skip(1);
        let since = used.flat_map(|state| {
            let of = |kind| (state.as_of(kind) < lost_through).then(|| state.since(kind));
            [of(Kind::Levels), of(Kind::Orders)]
        });
        self.stale_since = since.flatten().min().unwrap_or(self.now);
    }

    /// Whether the last loss left a book whole: nothing but its next message would say that it is right.
    pub(super) const fn take_spared(&mut self) -> bool {
        std::mem::replace(&mut self.spared, false)
    }

    /// Whether anything was lost that may still harm somebody.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.lost_through > 0
    }

    /// How many instruments are not whole, at least.
    pub(super) fn stale(&self) -> u32 {
        self.stale_levels.max(self.stale_orders)
    }

    /// The stream is at this packet.
    pub(super) const fn at(&mut self, packet: u32) {
        self.newest = packet;
    }

    /// Instruments up to this number are in use: those that are new are as little whole as all others.
    pub(super) fn grow(&mut self, used: u32) {
        while self.used < used {
            self.used += 1;
            if let Some(state) = self.states.get_mut(self.used as usize) {
                *state = State {
                    doubted_levels: self.newcomers_doubted,
                    doubted_orders: self.newcomers_doubted,
                    levels_since: self.now,
                    orders_since: self.now,
                    ..State::default()
                };
            }
            if self.stale() == 0 {
                self.stale_since = self.now;
            }
            self.stale_levels += u32::from(self.lost_through > 0);
            self.stale_orders += u32::from(self.lost_through > 0);
        }
    }

    /// Packets up to this one are lost: no instrument is whole but those of which a snapshot reached further already.
    pub(super) fn lose(&mut self, through: u32) {
        let before = std::mem::replace(&mut self.lost_through, through);
        self.lost_at = self.now;
        if self.stale() == 0 {
            self.stale_since = self.now;
        }
        let now = self.now;
        let used = self.states.iter_mut().take(self.used as usize + 1).skip(1);
        let (levels, orders) = used.fold((0, 0), |(levels, orders), state| {
            state.orders_coming = 0;
            if state.levels_as_of >= before {
                state.levels_since = now;
            }
            if state.orders_as_of >= before {
                state.orders_since = now;
            }
            let stale = |as_of| u32::from(as_of < through);
            (
                levels + stale(state.levels_as_of),
                orders + stale(state.orders_as_of),
            )
        });
        (self.stale_levels, self.stale_orders) = (levels, orders);
        self.spared |= levels < self.used || orders < self.used;
    }

    /// Every book is empty, and every instrument's reports are counted anew. `renumbered`: packets are, too.
    pub(super) fn restart(&mut self, renumbered: bool) {
        for state in self.states.iter_mut().take(self.used as usize + 1) {
            let (levels_as_of, orders_as_of) = if renumbered {
                (0, 0)
            } else {
                (state.levels_as_of, state.orders_as_of)
            };
            *state = State {
                levels_as_of,
                orders_as_of,
                ..State::default()
            };
        }
        if renumbered {
            (self.ahead, self.newest) = (0, 0);
        }
        self.settle();
        (self.newcomers_doubted, self.spared) = (false, false);
    }

    /// Forgets all instruments.
    pub(super) fn forget(&mut self) {
        self.restart(true);
        self.used = 0;
    }

    /// What was lost harms no instrument that is known any longer. One that is not was in no loop: if it is not new, it is
    /// in doubt.
    pub(super) const fn settle(&mut self) {
        self.lost_through = 0;
        self.newcomers_doubted = true;
        (self.stale_levels, self.stale_orders) = (0, 0);
    }

    pub(super) fn state(&self, number: u32) -> State {
        self.states
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn state_mut(&mut self, number: u32) -> Option<&mut State> {
        self.states.get_mut(number as usize)
    }

    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    pub(super) fn is_whole(&self, number: u32, kind: Kind) -> bool {
        self.state(number).as_of(kind) >= self.lost_through
    }

    /// Whether an update of this book in a message of `packet` is a snapshot's already.
    pub(super) fn is_contained(&self, number: u32, kind: Kind, packet: u32) -> bool {
        let state = self.state(number);
        packet <= state.as_of(kind) || (kind == Kind::Orders && packet <= state.orders_coming)
    }

    /// Whether a snapshot of orders that were given up is coming in parts.
    pub(super) fn is_coming(&self, number: u32) -> bool {
        self.state(number).orders_coming > 0
    }

    /// Takes note of an entry about an instrument, and what it proves.
    pub(super) fn note(&mut self, number: u32, rpt_seq: u32, empties: bool) -> Proof {
        let lost_through = self.lost_through;
        let (newest, Some(state)) = (self.newest, self.states.get_mut(number as usize)) else {
            return Proof::Nothing;
        };
        if newest <= state.levels_as_of {
            // A snapshot has it already; of the levels.
            let harmed = state.orders_as_of < lost_through || state.doubted_orders;
            return if empties && harmed {
                Proof::Empty
            } else {
                Proof::Nothing
            };
        }
        let whole = state.levels_as_of >= lost_through;
        let before = state.rpt_seq;
        if rpt_seq != 0 {
            state.rpt_seq_seen = rpt_seq;
            if whole {
                state.rpt_seq = rpt_seq;
            }
        }
        let doubted = state.doubted_levels || state.doubted_orders;
        if whole && state.orders_as_of >= lost_through && !doubted {
            Proof::Nothing
        } else if empties {
            Proof::Empty
        } else if state.withheld_levels || rpt_seq == 0 {
            Proof::Nothing
        } else if rpt_seq == 1 && before == 0 {
            Proof::First
        } else if whole {
            Proof::Nothing
        } else if before != 0 && rpt_seq == before.wrapping_add(1) {
            Proof::Unbroken
        } else {
            Proof::Nothing
        }
    }

    /// Whether a snapshot as of `packet` makes a book whole, with what is kept of the stream behind it. `rpt_seq` is the
    /// snapshot's, where it has one.
    pub(super) fn judge(
        &self,
        number: u32,
        kind: Kind,
        packet: u32,
        rpt_seq: Option<u32>,
        kept: &Kept,
    ) -> Judgement {
        let mut state = self.state(number);
        let up_to_date = match rpt_seq {
            Some(rpt_seq) => rpt_seq >= state.rpt_seq_seen,
            None => packet >= self.newest,
        };
        // What was given up is not kept any longer: a snapshot must have all of it.
        let is_mended = *state.doubted(kind) && up_to_date;
        if self.is_whole(number, kind) && !is_mended {
            Judgement::NotWanted
        } else if packet < self.lost_through
            || (packet.saturating_add(1) < kept.complete_from() && !up_to_date)
        {
            Judgement::TooOld
        } else if packet > self.newest.saturating_add(AHEAD_MAX) {
            Judgement::TooFarAhead
        } else {
            Judgement::Take
        }
    }

    /// A book is whole as of `packet`; `rpt_seq` is that of the instrument's last report then, where it is known.
    pub(super) fn make_whole(
        &mut self,
        number: u32,
        kind: Kind,
        packet: u32,
        rpt_seq: Option<u32>,
    ) {
        let lost_through = self.lost_through;
        let Some(state) = self.states.get_mut(number as usize) else {
            return;
        };
        let (as_of, stale) = match kind {
            Kind::Levels => (&mut state.levels_as_of, &mut self.stale_levels),
            Kind::Orders => (&mut state.orders_as_of, &mut self.stale_orders),
        };
        if *as_of < lost_through {
            *stale = stale.saturating_sub(1);
        }
        *as_of = packet.max(lost_through).max(*as_of);
        *state.doubted(kind) = false;
        if kind == Kind::Orders {
            state.orders_coming = 0;
        }
        self.ahead = self.ahead.max(packet);
        if let (Kind::Levels, Some(rpt_seq)) = (kind, rpt_seq) {
            state.rpt_seq = rpt_seq.max(state.rpt_seq_seen).max(state.rpt_seq);
        }
        let whole = state.levels_as_of >= lost_through && state.orders_as_of >= lost_through;
        state.withheld &= !whole;
        state.withheld_levels &= kind != Kind::Levels;
    }

    /// A snapshot as of `packet` of orders that were given up is coming in parts: updates up to there are left out until
    /// it is whole, or does not come any longer.
    pub(super) fn contain(&mut self, number: u32, packet: u32) {
        if let Some(state) = self.states.get_mut(number as usize) {
            state.orders_coming = packet;
            self.ahead = self.ahead.max(packet);
        }
    }

    /// The snapshot whose parts were coming does not come any longer.
    pub(super) fn drop_coming(&mut self, number: u32) {
        if let Some(state) = self.states.get_mut(number as usize) {
            state.orders_coming = 0;
        }
    }

    /// A book is empty, or new.
    pub(super) fn begin(&mut self, number: u32, kind: Kind) {
        let (through, seen) = (self.lost_through, self.state(number).rpt_seq_seen);
        self.make_whole(number, kind, through, Some(seen));
    }

    /// A book has lost nothing: it is as right as it was before.
    pub(super) fn go_on(&mut self, number: u32, kind: Kind) {
        let doubted = *self.state(number).doubted(kind);
        self.begin(number, kind);
        if let Some(state) = self.states.get_mut(number as usize) {
            *state.doubted(kind) = doubted;
        }
    }

    /// Whether a book is whole, and was not given up.
    pub(super) fn is_right(&self, number: u32, kind: Kind) -> bool {
        self.is_whole(number, kind) && !*self.state(number).doubted(kind)
    }

    /// Whether this book was given up and not told since.
    pub(super) fn is_given_up(&self, number: u32, kind: Kind) -> bool {
        *self.state(number).doubted(kind)
    }

    /// Whether a book goes on that was given up.
    pub(super) fn is_doubted(&self, number: u32) -> bool {
        let state = self.state(number);
        state.doubted_levels || state.doubted_orders
    }

    /// A book goes on, right or not.
    pub(super) fn give_up(&mut self, number: u32, kind: Kind) {
        self.begin(number, kind);
        if let Some(state) = self.states.get_mut(number as usize) {
            *state.doubted(kind) = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_for_long_is_no_longer_in_doubt_though_no_two_loops_said_so() {
        let mut instruments = Instruments::new(10);
        instruments.grow(1);
        let _ = instruments.is_overdue(1_000, 500);
        instruments.lose(49);
        assert!(!instruments.is_overdue(1_100, 500));
        for kind in [Kind::Levels, Kind::Orders] {
            instruments.make_whole(1, kind, 60, Some(7));
        }
        assert!(!instruments.is_long_mended(500));
        let _ = instruments.is_overdue(1_499, 500);
        assert!(!instruments.is_long_mended(500));
        let _ = instruments.is_overdue(1_500, 500);
        assert!(instruments.is_long_mended(500) && !instruments.is_calm(61));
        instruments.settle();
        assert!(instruments.is_calm(61) && !instruments.is_long_mended(500));
    }

    #[test]
    fn one_that_appears_after_the_giving_up_is_in_doubt_unless_it_is_new() {
        let mut instruments = Instruments::new(10);
        instruments.at(50);
        instruments.lose(49);
        instruments.settle();
        instruments.grow(2);
        assert_eq!(instruments.note(1, 500, false), Proof::Nothing);
        assert_eq!(instruments.note(2, 1, false), Proof::First);
        for kind in [Kind::Levels, Kind::Orders] {
            instruments.begin(2, kind);
            assert!(instruments.is_whole(1, kind) && !instruments.is_right(1, kind));
            assert!(instruments.is_right(2, kind));
        }
    }

    #[test]
    fn each_book_is_overdue_by_its_own_time() {
        let (limit, kinds) = (100, [Kind::Levels, Kind::Orders]);
        let mut instruments = Instruments::new(10);
        instruments.grow(1);
        instruments.at(10);
        instruments.lose(9);
        assert!(
            !instruments.is_overdue(1_000, limit),
            "the time was not known"
        );
        assert!(!instruments.is_overdue(1_050, limit));
        instruments.make_whole(1, Kind::Levels, 9, Some(4));
        instruments.at(20);
        instruments.lose(19);
        assert!(!instruments.is_overdue(1_099, limit));
        assert!(instruments.is_overdue(1_100, limit));
        let overdue = |instruments: &Instruments| {
            kinds.map(|kind| instruments.is_book_overdue(1, kind, limit))
        };
        assert_eq!(overdue(&instruments), [false, true]);
        instruments.give_up(1, Kind::Orders);
        instruments.wait_on();
        assert!(!instruments.is_overdue(1_149, limit));
        assert!(instruments.is_overdue(1_150, limit));
        assert_eq!(overdue(&instruments), [true, false]);
        instruments.give_up(1, Kind::Levels);
        instruments.wait_on();
        assert!(!instruments.is_overdue(9_000, limit), "nobody waits");
    }

    #[test]
    fn reports_that_went_by_in_calm_are_recalled_once() {
        let mut instruments = Instruments::new(10);
        instruments.grow(1);
        assert!(instruments.is_calm(1));
        instruments.pass(1);
        instruments.look();
        instruments.recall(1, 7);
        instruments.at(5);
        instruments.lose(4);
        assert!(!instruments.is_calm(6));
        assert_eq!(instruments.note(1, 8, false), Proof::Unbroken);
        // What the stream itself told since is not forgotten for it.
        instruments.go_on(1, Kind::Levels);
        instruments.look();
        instruments.recall(1, 7);
        instruments.at(9);
        instruments.lose(8);
        assert_eq!(instruments.note(1, 9, false), Proof::Unbroken);
    }

    #[test]
    fn an_empty_book_counts_for_the_orders_where_a_snapshot_has_the_levels() {
        let mut instruments = Instruments::new(10);
        instruments.grow(1);
        instruments.at(101);
        instruments.lose(100);
        instruments.make_whole(1, Kind::Levels, 130, Some(9));
        instruments.at(120);
        assert_eq!(instruments.note(1, 7, false), Proof::Nothing);
        assert_eq!(instruments.note(1, 8, true), Proof::Empty);
        instruments.begin(1, Kind::Levels);
        // The snapshot is as good as it was.
        assert!(instruments.is_contained(1, Kind::Levels, 130));
    }

    /// An instrument whose books were given up, and of whose orders a snapshot as of packet 300 is coming in parts.
    fn coming() -> Instruments {
        let mut instruments = Instruments::new(10);
        instruments.grow(1);
        instruments.at(101);
        instruments.lose(100);
        for kind in [Kind::Levels, Kind::Orders] {
            instruments.give_up(1, kind);
        }
        instruments.settle();
        instruments.contain(1, 300);
        assert!(instruments.is_contained(1, Kind::Orders, 300) && instruments.is_coming(1));
        assert!(!instruments.is_contained(1, Kind::Levels, 300));
        assert!(!instruments.is_contained(1, Kind::Orders, 301));
        instruments
    }

    #[test]
    fn parts_that_are_coming_contain_nothing_of_a_book_that_begins_anew() {
        let mut instruments = coming();
        instruments.at(200);
        assert_eq!(instruments.note(1, 7, true), Proof::Empty);
        instruments.begin(1, Kind::Levels);
        assert!(
            instruments.is_contained(1, Kind::Orders, 200),
            "it is about orders"
        );
        instruments.begin(1, Kind::Orders);
        assert!(instruments.is_right(1, Kind::Orders) && !instruments.is_coming(1));
        assert!(!instruments.is_contained(1, Kind::Orders, 200));
        let mut instruments = coming();
        instruments.at(200);
        instruments.restart(false);
        assert!(instruments.is_right(1, Kind::Orders));
        assert!(!instruments.is_contained(1, Kind::Orders, 200));
    }

    #[test]
    fn parts_that_are_coming_make_no_book_whole_behind_a_loss() {
        let mut instruments = coming();
        instruments.at(251);
        instruments.lose(250);
        assert!(!instruments.is_whole(1, Kind::Orders) && !instruments.is_coming(1));
        assert_eq!((instruments.stale_levels, instruments.stale_orders), (1, 1));
        assert!(!instruments.is_contained(1, Kind::Orders, 251));
    }

    #[test]
    fn orders_alone_that_were_withheld_say_nothing_about_levels() {
        let mut instruments = Instruments::new(10);
        instruments.grow(1);
        instruments.at(1);
        assert_eq!(instruments.note(1, 3, false), Proof::Nothing);
        instruments.at(5);
        instruments.lose(4);
        if let Some(state) = instruments.state_mut(1) {
            state.withheld = true;
        }
        assert_eq!(instruments.note(1, 4, false), Proof::Unbroken);
        if let Some(state) = instruments.state_mut(1) {
            state.withheld_levels = true;
        }
        assert_eq!(instruments.note(1, 4, false), Proof::Nothing);
    }
}
