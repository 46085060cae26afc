//! Who may read which queue: nobody, but for the gateway's own user and those whom a rule names.
//!
//! A rule names users and groups by number; the kernel says which of them a peer has. Supplementary groups count. The
//! kernel's overflow ids stand for any user and any group of a foreign user namespace, so they are entitled to nothing.

use std::fmt;

use super::PeerCredentials;

/// Users and groups that may read some queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What logs and refusals call it.
    pub name: String,
    /// User ids.
    pub users: Vec<u32>,
    /// Group ids; a peer's own and its supplementary ones count.
    pub groups: Vec<u32>,
    /// Names of the queues and books.
    pub queues: Vec<String>,
}

impl Rule {
    fn covers(&self, queue: &str) -> bool {
        self.queues.iter().any(|name| name == queue)
    }
}

/// The kernel's ids for users and groups that this user namespace has no number for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverflowIds {
    /// `/proc/sys/kernel/overflowuid`
    pub uid: u32,
    /// `/proc/sys/kernel/overflowgid`
    pub gid: u32,
}

impl OverflowIds {
    /// The kernel's default for both.
    const DEFAULT: u32 = 65_534;

    /// What this kernel uses.
    #[must_use]
    pub fn of_this_kernel() -> Self {
        let read = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
            text.trim().parse().ok()
        };
        Self {
            uid: read("overflowuid").unwrap_or(Self::DEFAULT),
            gid: read("overflowgid").unwrap_or(Self::DEFAULT),
        }
    }
}

/// Who may read what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlements {
    owner: u32,
    overflow: OverflowIds,
    rules: Vec<Rule>,
}

impl Entitlements {
    /// `rules` for others; the user of this process may read everything.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self {
            owner: rustix::process::geteuid().as_raw(),
            overflow: OverflowIds::of_this_kernel(),
            rules,
        }
    }

    /// Whether anybody but the gateway's own user may read anything.
    #[must_use]
    pub fn is_for_others(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Decides about `peer` and `queue`.
    ///
    /// # Errors
    /// It may not read the queue.
    pub fn decide(&self, queue: &str, peer: Option<&PeerCredentials>) -> Result<(), Refusal> {
        let refuse = |uid, reason| {
            let queue = queue.to_owned();
            Err(Refusal { queue, uid, reason })
        };
        let Some(peer) = peer else {
            return refuse(None, Reason::UnknownUser);
        };
        if peer.uid == self.overflow.uid {
            return refuse(Some(peer.uid), Reason::ForeignUser);
        }
        if peer.uid == self.owner {
            return Ok(());
        }
        let named = |rule: &&Rule| {
            let group = |gid: u32| gid != self.overflow.gid && rule.groups.contains(&gid);
            rule.users.contains(&peer.uid) || peer.all_groups().any(group)
        };
        let mut covering = self.rules.iter().filter(|rule| rule.covers(queue));
        if covering.clone().any(|rule| named(&rule)) {
            return Ok(());
        }
        let reason = match covering.next() {
            None => Reason::NoRule,
            Some(first) => Reason::NotNamed {
                rules: covering.fold(format!("\"{}\"", first.name), |list, rule| {
                    format!("{list}, \"{}\"", rule.name)
                }),
            },
        };
        refuse(Some(peer.uid), reason)
    }

    /// Whether somebody who may read `queue` by these rules may not by those of `later`. Ids are compared, not people:
    /// whoever loses one of two rules that named him counts too.
    #[must_use]
    pub fn narrowed(&self, later: &Self, queue: &str) -> bool {
        let lost = |ids: fn(&Rule) -> &Vec<u32>| {
            let of = |rules: &[Rule]| -> Vec<u32> {
                let covering = rules.iter().filter(|rule| rule.covers(queue));
                covering.flat_map(ids).copied().collect()
            };
            let kept = of(&later.rules);
            of(&self.rules).iter().any(|id| !kept.contains(id))
        };
        lost(|rule| &rule.users) || lost(|rule| &rule.groups)
    }
}

impl Default for Entitlements {
    /// Nobody but the gateway's own user.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// Why a peer may not read a queue, in words for its log and ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("queue \"{queue}\" is refused to user {}: {reason}", Uid(*uid))]
pub struct Refusal {
    /// The queue.
    pub queue: String,
    /// The peer's user; `None` where the kernel did not tell.
    pub uid: Option<u32>,
    /// The rule that decided.
    pub reason: Reason,
}

/// The rule by which a peer is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No rule is about the queue.
    NoRule,
    /// Rules are about the queue, and none names the user or one of its groups.
    NotNamed {
        /// Their names.
        rules: String,
    },
    /// The user is of a foreign user namespace: it has no number here.
    ForeignUser,
    /// The kernel does not say who it is.
    UnknownUser,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str(
                "by default nobody but the gateway's own user may read it, and no [[entitlement]] is about it; add one",
            ),
            Self::NotNamed { rules } => write!(
                f,
                "[[entitlement]] {rules} does not name it or one of its groups; add it there and reload the gateway"
            ),
            Self::ForeignUser => f.write_str(
                "it is the kernel's overflow id, which stands for every user of a foreign user namespace; \
                 map the user into the gateway's namespace",
            ),
            Self::UnknownUser => f.write_str("the kernel does not say who it is"),
        }
    }
}

struct Uid(Option<u32>);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(uid) => uid.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERFLOW: OverflowIds = OverflowIds {
        uid: 65_534,
        gid: 65_534,
    };

    fn rule(name: &str, users: &[u32], groups: &[u32], queues: &[&str]) -> Rule {
        Rule {
            name: name.to_owned(),
            users: users.to_vec(),
            groups: groups.to_vec(),
            queues: queues.iter().map(|&queue| queue.to_owned()).collect(),
        }
    }

    fn entitlements(rules: &[Rule]) -> Entitlements {
        Entitlements {
            owner: 900,
            overflow: OVERFLOW,
            rules: rules.to_vec(),
        }
    }

    fn peer(uid: u32, gid: u32, groups: &[u32]) -> PeerCredentials {
        PeerCredentials {
            pid: 7,
            uid,
            gid,
            groups: groups.into(),
        }
    }

    #[test]
    fn users_groups_and_supplementary_groups_open_the_queues_of_their_rules_and_no_others() {
        let rules = entitlements(&[
            rule("desk", &[1001], &[50], &["all"]),
            rule("research", &[1002], &[], &["all", "some"]),
        ]);
        for (uid, gid, groups, queue, expected) in [
            (1001, 1, &[][..], "all", "ok"),
            (1002, 1, &[], "all", "ok"),
            (1002, 1, &[], "some", "ok"),
            (1003, 50, &[], "all", "ok"),
            (1003, 1, &[4, 50], "all", "ok"),
            (900, 1, &[], "nobody's", "ok"),
            (1001, 1, &[], "some", "not_named"),
            (1003, 50, &[50], "some", "not_named"),
            // Numbers of users and of groups are different things.
            (50, 1001, &[1001], "all", "not_named"),
            (1001, 50, &[], "nobody's", "no_rule"),
            (0, 0, &[], "all", "not_named"),
        ] {
            let decision = rules.decide(queue, Some(&peer(uid, gid, groups)));
            let found = match decision.map_err(|refusal| refusal.reason) {
                Ok(()) => "ok",
                Err(Reason::NoRule) => "no_rule",
                Err(Reason::NotNamed { .. }) => "not_named",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "{uid} {gid} {groups:?} {queue}");
        }
        assert!(rules.decide("all", None).is_err());
    }

    #[test]
    fn the_overflow_ids_are_nobody_even_where_a_rule_names_them() {
        let mut rules = entitlements(&[rule("all", &[65_534], &[65_534], &["all"])]);
        let foreign = rules.decide("all", Some(&peer(65_534, 1, &[])));
        assert!(matches!(foreign, Err(refusal) if refusal.reason == Reason::ForeignUser));
        assert!(
            rules
                .decide("all", Some(&peer(7, 65_534, &[65_534])))
                .is_err()
        );
        rules.owner = 65_534;
        assert!(rules.decide("all", Some(&peer(65_534, 1, &[]))).is_err());
    }

    #[test]
    fn a_refusal_names_queue_user_and_rule() {
        let rules = entitlements(&[
            rule("desk", &[1], &[], &["all"]),
            rule("research", &[2], &[], &["all"]),
        ]);
        let Err(refusal) = rules.decide("all", Some(&peer(1003, 1, &[]))) else {
            unreachable!("nobody entitled it")
        };
        let text = refusal.to_string();
        for expected in ["\"all\"", "user 1003", "\"desk\", \"research\"", "add it"] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn only_who_loses_an_id_makes_a_queue_rotate() {
        let before = entitlements(&[rule("a", &[1, 2], &[50], &["all", "some"])]);
        for (after, all, some) in [
            (
                vec![rule("b", &[1, 2, 3], &[50, 51], &["all", "some"])],
                false,
                false,
            ),
            (vec![rule("a", &[1], &[50], &["all", "some"])], true, true),
            (vec![rule("a", &[1, 2], &[], &["all", "some"])], true, true),
            (vec![rule("a", &[1, 2], &[50], &["all"])], false, true),
            (
                vec![
                    rule("a", &[1], &[], &["all", "some"]),
                    rule("b", &[2], &[50], &["some", "all"]),
                ],
                false,
                false,
            ),
            (vec![], true, true),
        ] {
            let after = entitlements(&after);
            assert_eq!(before.narrowed(&after, "all"), all, "{after:?}");
            assert_eq!(before.narrowed(&after, "some"), some, "{after:?}");
            assert!(!before.narrowed(&after, "other"));
        }
    }
}
