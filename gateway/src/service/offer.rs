//! What the broker is to give out, from the configuration.

use crate::broker::{Entitlements, Limits, Rule};
use crate::config::Config;

/// Who may read what.
pub(super) fn entitlements(config: &Config) -> Entitlements {
    let rules = config.entitlements.iter().map(|entitlement| Rule {
        name: entitlement.name.clone(),
        users: entitlement.users.clone(),
        groups: entitlement.groups.clone(),
        queues: {
            let queues = entitlement.queues.iter();
            let books = entitlement.books.iter();
            queues
                .map(|queue| config.queues[*queue].name.clone())
                .chain(books.map(|book| config.books[*book].name.clone()))
                .collect()
        },
    });
    Entitlements::new(rules.collect())
}

/// How many clients are served.
pub(super) const fn limits(config: &Config) -> Limits {
    Limits {
        clients_max: config.gateway.max_clients,
        clients_per_user_max: config.gateway.max_clients_per_user,
    }
}
