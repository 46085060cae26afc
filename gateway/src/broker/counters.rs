//! What clients did, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Defines the counters once for those who count and once for those who read.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What clients did since the broker began.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct BrokerCounters { $($(#[$doc])* pub $name: u64,)+ }

        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: AtomicU64,)+ }

        impl Counters {
            pub(super) fn read(&self) -> BrokerCounters {
                // Statistics: no order needed.
                BrokerCounters { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Connections taken.
    connections,
    /// Connections at this moment.
    clients,
    /// Subscriptions given.
    subscriptions,
    /// Book tables given.
    tables,
    /// Answers to requests for orders.
    snapshots,
    /// Requests for orders refused: no such instrument, its book not valid, or too much asked for.
    refused_snapshots,
    /// Connections refused because there were `max_clients`.
    refused_busy,
    /// Connections refused because their user had `max_clients_per_user`.
    refused_user_busy,
    /// Subscriptions refused: no such queue or book, or a second one on a connection.
    refused_subscriptions,
    /// Subscriptions refused because no rule is about the queue.
    refused_no_rule,
    /// Subscriptions refused because no rule about the queue names the user or one of its groups.
    refused_not_named,
    /// Subscriptions refused because the user is of a foreign user namespace.
    refused_foreign_user,
    /// Subscriptions refused because the kernel did not say whose they are.
    refused_unknown_user,
    /// Readers whose entitlement was taken back.
    revoked,
    /// Messages that could not be understood.
    malformed,
    /// Messages of another protocol version.
    wrong_version,
    /// Requests that had to wait because their client asked too often.
    throttled,
    /// Clients that said nothing after connecting.
    silent,
    /// Clients that did not read their answers.
    stuck,
    /// Connections or subscriptions that failed for want of a resource.
    resource_failures,
}

impl BrokerCounters {
    /// What was refused to clients, by reason; the reasons never change.
    #[must_use]
    pub const fn refusals(&self) -> [(&'static str, u64); 12] {
        [
            ("max_clients", self.refused_busy),
            ("max_clients_per_user", self.refused_user_busy),
            ("subscription", self.refused_subscriptions),
            ("snapshot", self.refused_snapshots),
            ("no_rule", self.refused_no_rule),
            ("not_named", self.refused_not_named),
            ("foreign_user", self.refused_foreign_user),
            ("unknown_user", self.refused_unknown_user),
            ("revoked", self.revoked),
            ("malformed", self.malformed),
            ("wrong_version", self.wrong_version),
            ("resource", self.resource_failures),
        ]
    }
}

pub(super) fn count(counter: &AtomicU64) {
    // A statistic: no order needed.
    counter.fetch_add(1, Ordering::Relaxed);
}
