//! Where each instrument stands in its reports: every entry of the incremental feed that changes more than orders has a
//! number of its instrument's own ("RptSeq", tag 83), which goes on by one from each to the next, from 1.

/// The last report of each instrument since the last new beginning, by the instrument's number.
#[derive(Debug)]
pub(super) struct Reports {
    /// "RptSeq" below the era that it is of: reports of another era than this one's are none, so that a new beginning
    /// costs nothing.
    last: Box<[u64]>,
    era: u32,
}

impl Reports {
    /// For instruments with numbers up to `room`.
    pub(super) fn new(room: usize) -> Self {
        Self {
            last: vec![0; room + 1].into_boxed_slice(),
            era: 1,
        }
    }

    /// Takes note of an instrument's last report.
    #[inline(always)]
    pub(super) fn note(&mut self, number: u16, rpt_seq: u32) {
        if let Some(last) = self.last.get_mut(usize::from(number)) {
            *last = u64::from(self.era) << 32 | u64::from(rpt_seq);
        }
    }

    /// "RptSeq" of an instrument's last report; 0 where it has had none.
    pub(super) fn last(&self, number: u16) -> u32 {
        let last = self.last.get(usize::from(number)).copied();
        last.filter(|last| last >> 32 == u64::from(self.era))
            .map_or(0, |last| last as u32)
    }

    /// Every instrument's reports begin at 1 again.
    pub(super) const fn begin_anew(&mut self) {
        self.era = self.era.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_of_their_era() {
        let mut reports = Reports::new(2);
        reports.note(2, 7);
        assert_eq!(
            [0, 1, 2, 3].map(|number| reports.last(number)),
            [0, 0, 7, 0]
        );
        reports.note(3, 9);
        reports.begin_anew();
        assert_eq!([2, 3].map(|number| reports.last(number)), [0, 0]);
        reports.note(2, 1);
        assert_eq!(reports.last(2), 1);
    }
}
