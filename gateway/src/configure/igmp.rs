//! Limits of multicast memberships.
//!
//! The gateway spreads its groups over sockets of 20, the kernel's default; it needs no more, but less makes it fail. A
//! line with more sources than `igmp_max_msf` (10 unless raised) needs another socket for each further lot of them.

use super::plan::{Plan, Stage, Wanted};
use super::setting::{Setting, Wish};

pub(super) const STAGE: Stage = Stage {
    name: "igmp",
    about: "groups and sources that a socket may join",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let igmp = &plan.profile.igmp;
    if let Some(groups) = igmp.memberships_max {
        let setting = Setting::IgmpMembershipsMax;
        all.wish(Wish::at_least(setting, groups.into()));
    }
    if let Some(sources) = igmp.sources_max {
        let lines = plan.config.channels.iter().flat_map(|c| &c.lines);
        let longest = lines.map(|line| line.sources.len() as u64).max();
        let sources = longest.unwrap_or(0).max(sources.into());
        all.wish(Wish::at_least(Setting::IgmpSourcesMax, sources));
    }
    all
}
