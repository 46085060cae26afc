//! How often the snapshot loop was seen whole since the last loss.
//!
//! The packets of a loop are numbered from 1, on each line for itself. A loop counts where all of its packets came on one
//! line, from the first one to the first one of the next loop, with as many snapshots as it says that there are
//! ("TotNumReports").

use super::instruments::Kind;
use crate::arbitration::LINES_MAX;

/// So many whole loops without a snapshot of an instrument that could be used, and it is given up.
const LOOPS_MAX: u32 = 2;

/// What a loop told of one kind of snapshots.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    reports: u32,
    /// "TotNumReports".
    total: u32,
    /// Whole loops that told all of them.
    whole: u32,
}

impl Told {
    fn end_loop(&mut self) {
        self.whole += u32::from(self.total > 0 && self.reports >= self.total);
        self.reports = 0;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// The last packet's number.
    last: u32,
    /// Whether all packets of this loop came.
    unbroken: bool,
    levels: Told,
    orders: Told,
}

/// What is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) levels: bool,
    pub(super) orders: bool,
}

impl Verdict {
    /// Whether books of that kind are given up.
    pub(super) const fn of(self, kind: Kind) -> bool {
        match kind {
            Kind::Levels => self.levels,
            Kind::Orders => self.orders,
        }
    }
}

/// The loops of all lines.
#[derive(Debug, Default)]
pub(super) struct Loops {
    lines: [Line; LINES_MAX],
    /// Whether any line told snapshots of levels, and of orders.
    told_levels: bool,
    told_orders: bool,
    /// Whole loops since the start, of all lines.
    pub(super) seen: u64,
}

impl Loops {
    /// Something was lost: what was seen before says nothing about it.
    pub(super) fn restart(&mut self) {
        self.lines = [Line::default(); LINES_MAX];
        (self.told_levels, self.told_orders) = (false, false);
    }

    /// Takes note of a packet of a line, and says what is given up now.
    pub(super) fn packet(&mut self, line: usize, number: u32) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(line) = self.lines.get_mut(line) else {
            return verdict;
        };
        if number == 1 {
            let before = line.levels.whole + line.orders.whole;
            if line.unbroken {
                line.levels.end_loop();
                line.orders.end_loop();
            }
            let (levels, orders) = (line.levels.whole, line.orders.whole);
            if levels + orders > before {
                self.seen += 1;
                verdict = Verdict {
                    // What no line ever tells is given up with the other kind.
                    levels: levels >= LOOPS_MAX || (!self.told_levels && orders >= LOOPS_MAX),
                    orders: orders >= LOOPS_MAX || (!self.told_orders && levels >= LOOPS_MAX),
                };
            }
            line.unbroken = true;
            (line.levels.reports, line.orders.reports) = (0, 0);
        } else {
            line.unbroken &= number == line.last.wrapping_add(1) || number == line.last;
        }
        line.last = number;
        verdict
    }

    /// Takes note of an instrument's snapshot in the last packet of a line, one of `total` in the loop.
    pub(super) fn snapshot(&mut self, line: usize, of_orders: bool, total: u32) {
        self.told_levels |= !of_orders;
        self.told_orders |= of_orders;
        if let Some(line) = self.lines.get_mut(line) {
            let told = if of_orders {
                &mut line.orders
            } else {
                &mut line.levels
            };
            told.reports = told.reports.saturating_add(1);
            told.total = total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_whole_loops_of_one_line_give_up_what_they_told() {
        let mut loops = Loops::default();
        // Each packet has one snapshot, each loop three of them.
        let mut tell = |line, numbers: &[u32], of_orders| {
            let mut verdict = Verdict::default();
            for number in numbers {
                let now = loops.packet(line, *number);
                verdict.levels |= now.levels;
                verdict.orders |= now.orders;
                loops.snapshot(line, of_orders, 3);
            }
            verdict
        };
        let nothing = Verdict::default();
        // From the middle of a loop on, one with a hole, one begun twice, two whole ones.
        assert_eq!(
            tell(2, &[5, 6, 1, 2, 4, 1, 1, 2, 3, 1, 2, 3], false),
            nothing
        );
        let both = Verdict {
            levels: true,
            orders: true,
        };
        assert_eq!(tell(2, &[1], false), both);
        // Two lines of one whole loop each.
        assert_eq!(tell(0, &[1, 2, 3, 1], true), nothing);
        assert_eq!(tell(1, &[1, 2, 3, 1], true), nothing);
        let orders = Verdict {
            levels: false,
            orders: true,
        };
        assert_eq!(tell(1, &[2, 3, 1], true), orders);
        // Orders have a line of their own, which takes longer.
        let levels = Verdict {
            levels: true,
            orders: false,
        };
        assert_eq!(tell(2, &[2, 3, 1], false), levels);
        assert_eq!(tell(LINES_MAX, &[1, 2, 3, 1, 2, 3, 1], true), nothing);
    }
}
