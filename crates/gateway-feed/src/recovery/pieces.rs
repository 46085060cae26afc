//! Which numbers are missing, and what was done about each.

use super::Hole;
use crate::sink::Nanos;

/// A request that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The servers, by bit.
    pub(super) servers: u32,
    /// An answer is expected until then.
    pub(super) until: Nanos,
}

/// Numbers that are missing and share their fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first: u64,
    /// The number behind the last one.
    pub(super) end: u64,
    /// Requests in a row that brought nothing of it.
    pub(super) attempts: u32,
    pub(super) asked: Option<Asked>,
    /// No server is asked any more.
    pub(super) spent: bool,
}

impl Piece {
    pub(super) const fn new(first: u64, end: u64) -> Self {
        Self {
            first,
            end,
            attempts: 0,
            asked: None,
            spent: false,
        }
    }

    /// The part of it that lies in `first .. end`.
    fn part(&self, first: u64, end: u64) -> Option<Self> {
        let (first, end) = (self.first.max(first), self.end.min(end));
        (first < end).then_some(Self {
            first,
            end,
            ..*self
        })
    }
}

/// All pieces, lowest first; they do not overlap.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    list: Vec<Piece>,
}

impl Pieces {
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Piece> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Piece> {
        self.list.iter_mut()
    }

    /// Goes over to the numbers of `holes` without those of `had`: what was done about those that stay is kept.
    pub(super) fn set(&mut self, holes: &[Hole], had: impl Iterator<Item = (u64, u64)> + Clone) {
        let mut wanted: Vec<(u64, u64)> =
            holes.iter().map(|hole| (hole.first, hole.end())).collect();
        for (first, end) in had {
            wanted = wanted
                .into_iter()
                .flat_map(|(from, to)| [(from, to.min(first)), (from.max(end), to)])
                .filter(|(from, to)| from < to)
                .collect();
        }
        let before = std::mem::take(&mut self.list);
        for (from, to) in wanted {
            let mut cursor = from;
            for piece in before.iter().filter_map(|piece| piece.part(from, to)) {
                if piece.first > cursor {
                    self.list.push(Piece::new(cursor, piece.first));
                }
                cursor = piece.end;
                self.list.push(piece);
            }
            if cursor < to {
                self.list.push(Piece::new(cursor, to));
            }
        }
    }

    /// Goes over to the numbers of `holes`, which shrink as what was asked for comes: what came in part is waited for until
    /// `until`, and counts as not asked for in vain.
    pub(super) fn follow(&mut self, holes: &[Hole], until: Nanos) {
        let before = self.list.clone();
        self.set(holes, std::iter::empty());
        let mut whole = before.iter().peekable();
        for piece in &mut self.list {
            while whole.next_if(|of| of.end <= piece.first).is_some() {}
            let shrank = whole.peek().is_some_and(|of| {
                of.first <= piece.first
                    && piece.end <= of.end
                    && (of.first, of.end) != (piece.first, piece.end)
            });
            if !shrank {
                continue;
            }
            piece.attempts = 0;
            if let Some(asked) = &mut piece.asked {
                asked.until = until;
            }
        }
    }

    /// Takes out the numbers `first .. end`; what is left of pieces that lost some is open again. Returns how many
    /// numbers went.
    pub(super) fn take(&mut self, first: u64, end: u64) -> u64 {
        let mut taken = 0;
        let before = std::mem::take(&mut self.list);
        for piece in before {
            let Some(part) = piece.part(first, end) else {
                self.list.push(piece);
                continue;
            };
            taken += part.end - part.first;
            for (from, to) in [(piece.first, part.first), (part.end, piece.end)] {
                if from < to {
                    self.list.push(Piece::new(from, to));
                }
            }
        }
        taken
    }

    /// Splits the piece at `index` in two before number `at`, the second part open.
    pub(super) fn split(&mut self, index: usize, at: u64) {
        if let Some(piece) = self.list.get_mut(index)
            && piece.first < at
            && at < piece.end
        {
            let rest = Piece {
                first: at,
                asked: None,
                ..*piece
            };
            piece.end = at;
            self.list.insert(index + 1, rest);
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Piece> {
        self.list.get(index).copied()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Piece> {
        self.list.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn numbers(pieces: &Pieces) -> BTreeSet<u64> {
        let all = pieces.iter().flat_map(|piece| piece.first..piece.end);
        let all: Vec<u64> = all.collect();
        let set: BTreeSet<u64> = all.iter().copied().collect();
        assert_eq!(set.len(), all.len(), "pieces overlap");
        set
    }

    proptest! {
        #[test]
        fn pieces_are_the_numbers_that_are_missing(steps in vec((0..3_u8, 0..40_u64, 1..12_u64), 1..60)) {
            let mut pieces = Pieces::default();
            let mut model = BTreeSet::new();
            for (step, first, count) in steps {
                let end = first + count;
                match step {
                    0 => {
                        let holes = [Hole { first, count }, Hole { first: end + 3, count: 9 }];
                        pieces.set(&holes, [(end - 1, end + 5)].into_iter());
                        model = (first..end - 1).chain(end + 5..end + 12).collect();
                    }
                    1 => {
                        let taken = pieces.take(first, end);
                        let before = model.len();
                        model.retain(|number| !(first..end).contains(number));
                        prop_assert_eq!(taken as usize, before - model.len());
                    }
                    _ => {
                        let index = count as usize % (pieces.list.len() + 1);
                        pieces.split(index, first);
                    }
                }
                prop_assert_eq!(&numbers(&pieces), &model);
                prop_assert!(pieces.list.windows(2).all(|pair| pair[0].end <= pair[1].first));
            }
        }
    }
}
