//! Which instruments' books can be trusted, by their numbers: what is done to an order names no symbol.

use crate::sink::InstrumentId;

/// Numbers that an instrument may have.
const NUMBERS: usize = 1 << 16;
/// Of an entry: a record of the instrument's book went out, or one of its orders is in doubt, since the last new beginning.
const TOUCHED: u32 = 1 << 31;
/// The rest of an entry, of an instrument that nothing but a new beginning makes clean.
const TAINTED: u32 = TOUCHED - 1;

/// One entry for each number that an instrument may have.
#[derive(Debug)]
pub(super) struct Trust {
    /// How many gaps there were when the instrument's book was known to be right, and [`TOUCHED`].
    entries: Box<[u32; NUMBERS]>,
    /// Gaps since the last new beginning.
    gaps: u32,
    /// The instruments that are [`TOUCHED`].
    touched: Vec<u16>,
    /// Whether there was a new beginning yet: what was before the start is not known.
    has_begun: bool,
}

impl Trust {
    pub(super) fn new() -> Self {
        // From a vector, so that the array never stands on the stack.
        let entries = vec![0; NUMBERS].into_boxed_slice();
        Self {
            entries: entries.try_into().expect("the vector has this length"),
            gaps: 0,
            touched: Vec::with_capacity(NUMBERS),
            has_begun: false,
        }
    }

    /// Whether a book of the instrument, built from all records so far, can be trusted.
    #[inline(always)]
    pub(super) fn is_clean(&self, instrument: u16) -> bool {
        self.entries[usize::from(instrument)] & !TOUCHED == self.gaps
    }

    /// Whether any instrument may have orders that nothing was told of since the last new beginning.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.gaps > 0 || !self.has_begun
    }

    /// Instruments of which something was told since the last new beginning.
    pub(super) fn touched(&self) -> impl Iterator<Item = InstrumentId> {
        let known = self.touched.iter().filter(|&&instrument| instrument != 0);
        known.map(|&instrument| InstrumentId(instrument.into()))
    }

    /// Something is told of the instrument's book.
    #[inline(always)]
    pub(super) fn touch(&mut self, instrument: u16) {
        if self.entries[usize::from(instrument)] & TOUCHED == 0 {
            self.touch_first(instrument);
        }
    }

    #[cold]
    #[inline(never)]
    fn touch_first(&mut self, instrument: u16) {
        self.entries[usize::from(instrument)] |= TOUCHED;
        // Each once: there is room for all.
        self.touched.push(instrument);
    }

    /// Messages about any instrument may be missing.
    pub(super) fn taint_all(&mut self) {
        self.gaps = (self.gaps + 1).min(TAINTED - 1);
    }

    /// Something about this instrument is missing.
    #[cold]
    pub(super) fn taint(&mut self, instrument: u16) {
        self.entries[usize::from(instrument)] |= TAINTED;
        self.touch(instrument);
    }

    /// Every instrument begins anew, without any order. Costs as much as was told since the last time, not as much as there
    /// are instruments.
    pub(super) fn begin_anew(&mut self) {
        self.gaps = 0;
        self.has_begun = true;
        for instrument in self.touched.drain(..) {
            self.entries[usize::from(instrument)] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_beginning_makes_clean() {
        let mut trust = Trust::new();
        assert!(trust.is_clean(7));
        trust.taint(7);
        assert!(!trust.is_clean(7) && trust.is_clean(8));
        trust.taint_all();
        assert!(!trust.is_clean(7) && !trust.is_clean(8));
        trust.begin_anew();
        assert!(trust.is_clean(7) && trust.is_clean(8));
    }

    #[test]
    fn what_is_cleared_is_what_was_touched_since_or_all_where_that_is_in_doubt() {
        let mut trust = Trust::new();
        assert!(trust.is_in_doubt());
        trust.begin_anew();
        for instrument in [7, 8, 7, 0] {
            trust.touch(instrument);
        }
        trust.taint(9);
        assert!(!trust.is_in_doubt());
        assert_eq!(
            trust.touched().map(|id| id.0).collect::<Vec<_>>(),
            [7, 8, 9]
        );
        trust.begin_anew();
        assert_eq!(trust.touched().count(), 0);
        trust.taint_all();
        assert!(trust.is_in_doubt());
    }
}
