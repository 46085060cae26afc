//! An explanation as people read it.

use std::fmt;

use super::{Explanation, RungStanding, Source};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.interface, self.summary)?;
        if self.source == Source::Probe {
            writeln!(
                f,
                "  looked up without attaching anything: what only the driver can refuse shows when a gateway runs"
            )?;
        }
        writeln!(f, "\n  tiers, fastest first")?;
        for rung in &self.tiers {
            let standing = match rung.standing {
                RungStanding::Used => "in use",
                RungStanding::Refused => "not possible",
                RungStanding::NotAllowed => "not allowed",
                RungStanding::NotNeeded => "not needed",
                RungStanding::Expected => "to be expected",
            };
            write!(f, "    {:<10} {standing}", rung.tier)?;
            if !rung.why.is_empty() {
                write!(f, ": {}", rung.why)?;
            }
            writeln!(f)?;
            if !rung.remedy.is_empty() {
                writeln!(f, "               to change that: {}", rung.remedy)?;
            }
        }
        writeln!(f, "\n  what else matters")?;
        for finding in &self.findings {
            let mark = if finding.attention { '!' } else { ' ' };
            writeln!(f, "  {mark} {:<18} {}", finding.subject, finding.what)?;
            if !finding.remedy.is_empty() {
                writeln!(f, "                       {}", finding.remedy)?;
            }
        }
        Ok(())
    }
}
