//! A new configuration for a running gateway: what applies at once, and what waits for a restart.
//!
//! Entitlements and limits of clients apply at once; where somebody loses an entitlement the queue is rotated. All
//! else waits for the next start, and is named.

use super::offer;
use super::state::State;
use crate::config::Config;
use crate::config::model::{Book, Capture, Channel, Gateway, Interface, Queue, Worker};

/// Gives the broker the new entitlements and limits; the queues, by index, and books, by name, that somebody may not
/// read any more.
pub(super) fn apply(state: &State, new: &Config) -> (Vec<usize>, Vec<String>) {
    let entitlements = offer::entitlements(new);
    let before = state.catalogue.now();
    let narrowed = |name: &str| before.entitlements.narrowed(&entitlements, name);
    // The conflated queues of books are not among these.
    let queues = (0..)
        .zip(&state.config.queues)
        .filter(|(_, queue)| narrowed(&queue.name))
        .map(|(index, _)| index)
        .collect();
    let books = before.books.iter().map(|book| book.name());
    let books = books
        .filter(|book| narrowed(book))
        .map(str::to_owned)
        .collect();
    state.catalogue.change(|offer| {
        offer.entitlements = entitlements;
        offer.limits = offer::limits(new);
    });
    (queues, books)
}

/// The names of those keys of a struct whose values differ. Without `..` in the pattern: a key added to the struct has
/// to be added here.
macro_rules! differing {
    ($old:expr, $new:expr, $kind:ident { $($key:ident),+ } applied { $($applied:ident),* }) => {{
        let $kind { $($key,)+ $($applied: _,)* } = $old;
        let mut keys: Vec<&'static str> = Vec::new();
        $(if *$key != $new.$key {
            keys.push(stringify!($key));
        })+
        keys
    }};
}

/// What differs between the running configuration and a new one and waits for a restart, such as `queue "all": slots`.
pub(super) fn waiting(running: &Config, new: &Config) -> Vec<String> {
    let mut waiting = Vec::new();
    let keys = differing!(&running.gateway, new.gateway, Gateway {
        name, broker_socket, metrics_listen, log, housekeeping_core
    } applied { max_clients, max_clients_per_user });
    if !keys.is_empty() {
        waiting.push(format!("gateway: {}", keys.join(", ")));
    }
    compare(
        "interface",
        &running.interfaces,
        &new.interfaces,
        |old, new| {
            differing!(old, new, Interface {
                name, mode, lowest_tier, require, membership_interface, busy_poll, pin_link, rx_ring, queues,
                udp_checksum, socket_wait, force
            } applied {})
        },
        |interface| &interface.name,
        &mut waiting,
    );
    compare(
        "capture",
        &running.captures,
        &new.captures,
        |old, new| differing!(old, new, Capture { name, file, pace } applied {}),
        |capture| &capture.name,
        &mut waiting,
    );
    compare(
        "worker",
        &running.workers,
        &new.workers,
        |old, new| differing!(old, new, Worker { name, core, inputs, wait } applied {}),
        |worker| &worker.name,
        &mut waiting,
    );
    compare(
        "channel",
        &running.channels,
        &new.channels,
        |old, new| {
            differing!(old, new, Channel {
                name, feed, venue, worker, session_date, lines, hold_timeout, hold_packets_max, on_gap,
                recover_timeout, recover_packets_max, stale_after, recovery, orders_max, symbols_file
            } applied {})
        },
        |channel| &channel.name,
        &mut waiting,
    );
    compare(
        "queue",
        &running.queues,
        &new.queues,
        |old, new| {
            differing!(old, new, Queue {
                name, channels, worker, slots, records, symbols, classes, huge_pages
            } applied {})
        },
        |queue| &queue.name,
        &mut waiting,
    );
    compare(
        "book",
        &running.books,
        &new.books,
        |old, new| {
            differing!(old, new, Book {
                name, queue, instruments_max, orders_max, levels_max, core, wait, conflated
            } applied {})
        },
        |book| &book.name,
        &mut waiting,
    );
    waiting
}

/// Compares the items of a kind, by name.
fn compare<T>(
    kind: &str,
    running: &[T],
    new: &[T],
    differing: impl Fn(&T, &T) -> Vec<&'static str>,
    name: impl Fn(&T) -> &str,
    waiting: &mut Vec<String>,
) {
    for old in running {
        match new.iter().find(|new| name(new) == name(old)) {
            None => waiting.push(format!("{kind} \"{}\": removed", name(old))),
            Some(new) => {
                let keys = differing(old, new);
                if !keys.is_empty() {
                    waiting.push(format!("{kind} \"{}\": {}", name(old), keys.join(", ")));
                }
            }
        }
    }
    for new in new {
        if !running.iter().any(|old| name(old) == name(new)) {
            waiting.push(format!("{kind} \"{}\": added", name(new)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    const RUNNING: &str = r#"
[[interface]]
name = "eth1"
[[worker]]
name = "w0"
inputs = ["eth1"]
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{ group = "239.1.1.1", port = 5001 }]
[[queue]]
name = "all"
channels = ["itch"]
"#;

    fn waiting_after(change: impl Fn(&str) -> String) -> Vec<String> {
        let parse = |text: &str| crate::config::parse(text, Path::new(".")).unwrap();
        waiting(&parse(RUNNING), &parse(&change(RUNNING)))
    }

    #[test]
    fn what_waits_for_a_restart_is_named_and_what_does_not_is_not() {
        assert!(waiting_after(str::to_owned).is_empty());
        let applied = waiting_after(|text| {
            format!(
                "[gateway]\nmax_clients = 9\nmax_clients_per_user = 3\n{text}\
                 [[entitlement]]\nname = \"e\"\nusers = [1]\nqueues = [\"*\"]\n"
            )
        });
        assert!(applied.is_empty(), "{applied:?}");
        let changed = waiting_after(|text| {
            text.replace(
                "name = \"all\"",
                "name = \"all\"\nslots = 1024\nsymbols = [\"A\"]",
            )
            .replace("port = 5001", "port = 5002")
        });
        assert_eq!(
            changed,
            ["channel \"itch\": lines", "queue \"all\": slots, symbols"]
        );
        let renamed = waiting_after(|text| {
            let text = text.replace("name = \"all\"", "name = \"every\"");
            format!("[gateway]\nmetrics_listen = \"\"\n{text}")
        });
        assert_eq!(
            renamed,
            [
                "gateway: metrics_listen",
                "queue \"all\": removed",
                "queue \"every\": added"
            ]
        );
    }
}
