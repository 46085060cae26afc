//! Which instruments' books can be trusted, by their numbers: what is done to an order names no symbol.

/// An instrument that nothing but a new beginning makes clean.
const TAINTED: u32 = u32::MAX;

/// One entry for each number that an instrument may have.
#[derive(Debug)]
pub(super) struct Trust {
    /// How many gaps there were when the instrument's book was known to be right.
    clean_at: Box<[u32]>,
    /// Gaps since the last new beginning.
    gaps: u32,
    /// Whether one instrument by itself is tainted.
    is_marked: bool,
}

impl Trust {
    pub(super) fn new() -> Self {
        Self {
            clean_at: vec![0; 1 << 16].into_boxed_slice(),
            gaps: 0,
            is_marked: false,
        }
    }

    /// Whether a book of the instrument, built from all records so far, can be trusted.
    #[inline(always)]
    pub(super) fn is_clean(&self, instrument: u16) -> bool {
        self.clean_at[usize::from(instrument)] == self.gaps
    }

    /// Whether any instrument's cannot.
    pub(super) const fn is_suspect(&self) -> bool {
        self.gaps > 0 || self.is_marked
    }

    /// Messages about any instrument may be missing.
    pub(super) fn taint_all(&mut self) {
        self.gaps = (self.gaps + 1).min(TAINTED - 1);
    }

    /// Something about this instrument is missing.
    #[cold]
    pub(super) fn taint(&mut self, instrument: u16) {
        self.clean_at[usize::from(instrument)] = TAINTED;
        self.is_marked = true;
    }

    /// Every instrument begins anew, without any order.
    pub(super) fn begin_anew(&mut self) {
        self.gaps = 0;
        if std::mem::take(&mut self.is_marked) {
            self.clean_at.fill(0);
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
}
