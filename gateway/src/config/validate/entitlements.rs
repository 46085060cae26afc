//! Who may read which queue and book. Names become numbers here: one that the system does not know is a mistake.

use super::super::accounts::Accounts;
use super::super::document::{Field, Findings, Place};
use super::super::model::{Book, Entitlement, Queue};
use super::super::raw::{RawAccount, RawConfig, RawEntitlement};
use super::{Names, names_of_queues_and_books, text};
use crate::broker::OverflowIds;

/// Stands for every queue and book.
const EVERY_QUEUE: &str = "*";
/// No system gives these to an account: to the kernel they mean "none".
const NO_ID: u32 = u32::MAX;

/// Users or groups.
#[derive(Clone, Copy)]
enum Kind {
    User,
    Group,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    fn look_up(self, name: &str, accounts: &dyn Accounts) -> Result<Option<u32>, String> {
        match self {
            Self::User => accounts.user(name),
            Self::Group => accounts.group(name),
        }
    }
}

/// Every entitlement, with accounts and queues resolved.
pub(super) fn entitlements(
    raw: &RawConfig,
    queues: &[Queue],
    books: &[Book],
    accounts: &dyn Accounts,
    findings: &Findings,
) -> Vec<Entitlement> {
    Names::collect(
        "entitlement",
        raw.entitlements.iter().map(|e| e.name.as_ref()),
        findings,
    );
    let unchecked = Findings::default();
    let names = Names::collect("queue or book", names_of_queues_and_books(raw), &unchecked);
    if raw.entitlements.is_empty() && !queues.is_empty() {
        findings.warn(
            &Place {
                key: "entitlement".to_owned(),
                ..Place::default()
            },
            "only the gateway's own user may read the queues, and programs of that user can stop and alter the gateway",
            "run strategies as users of their own, and name them in an [[entitlement]]",
        );
    }
    let overflow = OverflowIds::of_this_kernel();
    raw.entitlements
        .iter()
        .map(|entitlement| {
            let ids = |field, kind| ids(field, kind, overflow, accounts, findings);
            let members = members(entitlement, queues.len() + books.len(), &names, findings);
            let (queues_named, books_named): (Vec<_>, Vec<_>) =
                members.iter().partition(|index| **index < queues.len());
            let found = Entitlement {
                name: text(entitlement.name.as_ref(), ""),
                users: ids(entitlement.users.as_ref(), Kind::User),
                groups: ids(entitlement.groups.as_ref(), Kind::Group),
                queues: queues_named,
                books: books_named
                    .into_iter()
                    .map(|index: usize| index - queues.len())
                    .collect(),
            };
            nobody(entitlement, findings);
            own_user(entitlement, &found, accounts.own_user(), findings);
            found
        })
        .collect()
}

/// Without accounts a rule entitles nobody.
fn nobody(entitlement: &RawEntitlement, findings: &Findings) {
    let none = |field: &Option<Field<Vec<RawAccount>>>| {
        field.as_ref().is_none_or(|field| field.value.is_empty())
    };
    if none(&entitlement.users) && none(&entitlement.groups) && !entitlement.unreadable {
        findings.add(
            &entitlement.place,
            "names neither a user nor a group",
            "add users = [\"name\"] or groups = [\"name\"], or remove it",
        );
    }
}

fn own_user(entitlement: &RawEntitlement, found: &Entitlement, own: u32, findings: &Findings) {
    let Some(field) = &entitlement.users else {
        return;
    };
    if found.users.contains(&own) {
        findings.warn(
            &field.place,
            format!(
                "user {own} is the gateway's own, if it runs as this check does: strategies of that user can stop and \
                 alter the gateway"
            ),
            "run strategies as users of their own",
        );
    }
}

fn ids(
    field: Option<&Field<Vec<RawAccount>>>,
    kind: Kind,
    overflow: OverflowIds,
    accounts: &dyn Accounts,
    findings: &Findings,
) -> Vec<u32> {
    let Some(field) = field else {
        return Vec::new();
    };
    let word = kind.word();
    let overflow = match kind {
        Kind::User => overflow.uid,
        Kind::Group => overflow.gid,
    };
    let mut ids = Vec::new();
    for account in &field.value {
        let id = match account {
            RawAccount::Id(id) => *id,
            RawAccount::Name(name) => match kind.look_up(name, accounts) {
                Ok(Some(id)) => id,
                Ok(None) => {
                    findings.add(
                        &field.place,
                        format!("this machine knows no {word} \"{name}\""),
                        match name.parse::<u32>() {
                            Ok(_) => format!("write the number without quotes: {name}"),
                            Err(_) => format!(
                                "correct it (`getent {}` lists those there are), or give the number",
                                match kind {
                                    Kind::User => "passwd",
                                    Kind::Group => "group",
                                }
                            ),
                        },
                    );
                    continue;
                }
                Err(reason) => {
                    findings.add(
                        &field.place,
                        format!("{word} \"{name}\" cannot be looked up: {reason}"),
                        "mend the name service (/etc/nsswitch.conf), or give the number",
                    );
                    continue;
                }
            },
        };
        if id == overflow || id == NO_ID {
            findings.add(
                &field.place,
                format!(
                    "{word} {id} is the kernel's stand-in for those it cannot name, and whoever it is"
                ),
                format!("name a {word} of this machine"),
            );
        } else if ids.contains(&id) {
            findings.add(
                &field.place,
                format!("{word} {id} stands here twice"),
                "name each once",
            );
        } else {
            ids.push(id);
        }
    }
    ids
}

/// The queues or, counted on behind those, books that are named.
fn members(
    entitlement: &RawEntitlement,
    count: usize,
    names: &Names<'_>,
    findings: &Findings,
) -> Vec<usize> {
    let Some(field) = &entitlement.queues else {
        return Vec::new();
    };
    if field.value.is_empty() {
        findings.add(
            &field.place,
            "an entitlement to no queue",
            "name queues, or write [\"*\"] for all",
        );
    }
    if field.value.iter().any(|name| name == EVERY_QUEUE) {
        return (0..count).collect();
    }
    let found = field
        .value
        .iter()
        .filter_map(|name| names.resolve(name, &field.place, findings));
    found.collect()
}
