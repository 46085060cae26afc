//! Who may read what, by the credentials that the kernel tells.

use std::os::unix::fs::PermissionsExt;

use gateway::broker::{Limits, Rule};
use gateway_client::protocol::ErrorCode;
use gateway_client::{Client, ClientError, Event, Subscription};

use crate::rig::{Running, eventually, oldest, queue, record, start_with};
use crate::users::{as_user, can_become_others};

fn rule(name: &str, users: &[u32], groups: &[u32], queues: &[&str]) -> Rule {
    Rule {
        name: name.to_owned(),
        users: users.to_vec(),
        groups: groups.to_vec(),
        queues: queues.iter().map(|&queue| queue.to_owned()).collect(),
    }
}

fn subscribe(gateway: &Running, queue: &str) -> Result<Subscription, ClientError> {
    Client::connect(&gateway.path)?.subscribe(queue, &oldest())
}

#[test]
fn a_queue_is_read_by_those_whom_a_rule_names_and_by_nobody_else() {
    if !can_become_others() {
        return;
    }
    let (mut publisher, all) = queue("all");
    publisher.publish(&record(1));
    let rules = vec![rule("desk", &[1001], &[5001], &["all"])];
    let handles = vec![all, queue("other").1];
    let gateway = start_with(handles, Limits::default(), rules);
    eventually("the socket to open", || {
        let mode = std::fs::metadata(&gateway.path)
            .unwrap()
            .permissions()
            .mode();
        mode & 0o777 == 0o666
    });

    // By user, by group, by supplementary group (more of them than fit a first guess), and the gateway's own user.
    let many: Vec<u32> = (6000..6100).chain([5001]).collect();
    for (uid, gid, groups) in [
        (1001, 1, &[][..]),
        (1002, 5001, &[]),
        (1002, 1, &[7, 5001]),
        (1002, 1, &many),
        (0, 0, &[]),
    ] {
        as_user(uid, gid, groups, || {
            let mut subscription = subscribe(&gateway, "all").unwrap();
            assert!(matches!(subscription.poll(), Event::Record(_)));
            let queues = Client::connect(&gateway.path).unwrap().queues().unwrap();
            let expected = if uid == 0 { 2 } else { 1 };
            assert_eq!(queues.len(), expected, "{uid}");
        });
    }
    assert!(subscribe(&gateway, "other").is_ok());

    for (uid, queue, says) in [
        (1003, "all", &["\"all\"", "user 1003", "\"desk\""][..]),
        (1001, "other", &["\"other\"", "user 1001", "by default"]),
        (65_534, "all", &["\"all\"", "user 65534", "overflow id"]),
    ] {
        as_user(uid, 1, &[], || {
            let error = subscribe(&gateway, queue).unwrap_err();
            let ClientError::Refused { code, text } = &error else {
                panic!("{error}")
            };
            assert_eq!(*code, ErrorCode::NotEntitled);
            for expected in says {
                assert!(text.contains(expected), "{expected}: {text}");
            }
            let readable = Client::connect(&gateway.path).unwrap().queues().unwrap();
            let expected = if uid == 1001 { 1 } else { 0 };
            assert_eq!(readable.len(), expected);
        });
    }
    let counters = gateway.registry.counters();
    assert_eq!(
        (
            counters.refused_no_rule,
            counters.refused_not_named,
            counters.refused_foreign_user
        ),
        (1, 1, 1)
    );
    gateway.stop();
}

#[test]
fn a_change_applies_to_the_next_subscription() {
    if !can_become_others() {
        return;
    }
    let gateway = start_with(vec![queue("all").1], Limits::default(), Vec::new());
    let attempt = || as_user(1001, 1, &[], || subscribe(&gateway, "all").map(drop));
    let change = |rules| {
        gateway
            .catalogue
            .change(|offer| offer.entitlements = gateway::broker::Entitlements::new(rules));
    };
    // Without a rule the socket itself is closed to other users.
    assert!(matches!(attempt(), Err(ClientError::Connect { .. })));
    change(vec![rule("desk", &[1001], &[], &["all"])]);
    eventually("the entitlement", || attempt().is_ok());
    change(vec![rule("desk", &[1002], &[], &["all"])]);
    assert!(matches!(
        attempt(),
        Err(ClientError::Refused {
            code: ErrorCode::NotEntitled,
            ..
        })
    ));
    gateway.stop();
}

#[test]
fn one_user_cannot_take_the_clients_of_the_others() {
    if !can_become_others() {
        return;
    }
    let limits = Limits {
        clients_max: 8,
        clients_per_user_max: 2,
    };
    let rules = vec![rule("desk", &[1001, 1002], &[], &["all"])];
    let gateway = start_with(vec![queue("all").1], limits, rules);
    eventually("the socket to open", || {
        as_user(1001, 1, &[], || Client::connect(&gateway.path).is_ok())
    });
    let connect = |uid| as_user(uid, 1, &[], || Client::connect(&gateway.path));
    eventually("room", || gateway.registry.counters().clients == 0);
    let greedy = [connect(1001).unwrap(), connect(1001).unwrap()];
    let error = connect(1001).unwrap_err();
    assert!(
        error.to_string().contains("max_clients_per_user"),
        "{error}"
    );
    connect(1002).unwrap();
    assert_eq!(gateway.registry.counters().refused_user_busy, 1);
    drop(greedy);
    eventually("room again", || connect(1001).is_ok());
    gateway.stop();
}
