//! Entitlements are taken back while records flow: who keeps his loses none, who loses his sees none later.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::users::{as_user, can_become_others};
use common::{Running, Truth, until, write_capture};
use gateway::config::{self, Config};
use gateway::service::status::Status;
use gateway_client::{
    Client, ClientError, Closed, ControlKind, Event, Record, Start, SubscribeOptions, Subscription,
    WaitStrategy,
};

/// A day that takes about 1.5 s: 130,000 messages a second.
const MESSAGES: u64 = 200_000;
const PACKET_NS: u64 = 40_000;

/// A gateway that plays a day, and what is in it.
struct Day {
    folder: tempfile::TempDir,
    truth: Truth,
}

impl Day {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let anybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), anybody).unwrap();
        let file = folder.path().join("ab.pcap");
        // It begins with a pause in which readers attach.
        let pause = |packet: u64| {
            if packet == 1 {
                1_000_000_000
            } else {
                PACKET_NS
            }
        };
        let truth = write_capture(&file, MESSAGES, |_, _| false, pause);
        Self { folder, truth }
    }

    /// The configuration with those users entitled.
    fn config(&self, users: &str) -> Config {
        let file = self.folder.path().join("ab.pcap");
        let rule =
            format!("[[entitlement]]\nname = \"desk\"\nusers = [{users}]\nqueues = [\"native\"]\n");
        // Deep enough that a machine that is busy elsewhere laps nobody.
        let text = common::toml(self.folder.path(), &file, "capture", &rule, "").replace(
            "records = \"native\"",
            "records = \"native\"\nslots = 524288",
        );
        config::parse(&text, self.folder.path()).unwrap()
    }
}

/// What a reader saw until its queue's or the session's end.
struct Seen {
    messages: Vec<Vec<u8>>,
    lost: u64,
    closed: Option<Closed>,
}

fn subscribe(client: &Client) -> Result<Subscription, ClientError> {
    let options = SubscribeOptions {
        start: Start::Oldest,
        wait: WaitStrategy::Sleep(Duration::from_micros(200)),
        ..SubscribeOptions::named("reader")
    };
    client.subscribe("native", &options)
}

/// Reads to the end; `pause` is called after each record.
fn read(mut subscription: Subscription, attached: &AtomicUsize, pause: impl Fn(usize)) -> Seen {
    attached.fetch_add(1, Ordering::Relaxed);
    let mut seen = Seen {
        messages: Vec::new(),
        lost: 0,
        closed: None,
    };
    loop {
        match subscription.wait(Duration::from_secs(20)) {
            Event::Record(Record::Native { bytes, .. }) => {
                seen.messages.push(bytes.to_vec());
                pause(seen.messages.len());
            }
            Event::Record(Record::Control(control)) => {
                if control.kind == ControlKind::SessionEnd as u16 {
                    return seen;
                }
            }
            Event::Record(_) => {}
            Event::Lost(slots) => seen.lost += slots,
            Event::Closed(reason) => {
                seen.closed = Some(reason);
                return seen;
            }
            Event::Empty => panic!("nothing for 20 s"),
        }
    }
}

#[test]
fn under_load_the_entitled_see_every_record_once_and_the_revoked_none_after_the_switch() {
    if !can_become_others() {
        return;
    }
    let day = Day::new();
    let mut gateway = Running::start(day.config("1001, 1002, 1003"));
    let client = gateway.client();
    let status = || -> Status { serde_json::from_str(&client.status().unwrap()).unwrap() };
    let attached = AtomicUsize::new(0);
    let reader = |uid, pause: fn(usize)| {
        let (attached, socket) = (&attached, &gateway.socket);
        move || {
            as_user(uid, 1, &[], || {
                let client = until("the socket to open", || Client::connect(socket).ok());
                let subscription = subscribe(&client).unwrap();
                let seen = read(subscription, attached, pause);
                let again = subscribe(&client).map(drop);
                (seen, again)
            })
        }
    };
    let never = |_: usize| {};
    let slow = |count: usize| {
        if count.is_multiple_of(20_000) {
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let published = || status().queues[1].published;
    let (owner, kept, late, first, second) = std::thread::scope(|scope| {
        let owner = scope.spawn(reader(0, never));
        let kept = scope.spawn(reader(1001, never));
        let late = scope.spawn(reader(1001, slow));
        let first = scope.spawn(reader(1002, never));
        let second = scope.spawn(reader(1003, slow));
        until("all readers", || {
            (attached.load(Ordering::Relaxed) == 5).then_some(())
        });
        for (share, users) in [(4, "1001, 1003"), (2, "1001")] {
            until("some records", || {
                (published() > MESSAGES / share).then_some(())
            });
            gateway.reload(day.config(users));
        }
        // Nobody loses anything by this one, and nothing is rotated.
        gateway.reload(day.config("1001, 1004"));
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap();
        (
            join(owner),
            join(kept),
            join(late),
            join(first),
            join(second),
        )
    });

    let sent: Vec<&Vec<u8>> = day.truth.delivered.iter().map(|(_, bytes)| bytes).collect();
    for (who, (seen, again)) in [("owner", owner), ("kept", kept), ("late", late)] {
        assert_eq!((seen.lost, seen.closed), (0, None), "{who}");
        assert_eq!(seen.messages.len(), sent.len(), "{who}");
        assert!(
            seen.messages.iter().zip(&sent).all(|(a, b)| a == *b),
            "{who}"
        );
        assert!(again.is_ok(), "{who}: {again:?}");
    }
    let mut ends = Vec::new();
    for (who, (seen, again)) in [("first", first), ("second", second)] {
        assert_eq!(
            (seen.lost, seen.closed),
            (0, Some(Closed::Revoked)),
            "{who}"
        );
        assert!(
            seen.messages.iter().zip(&sent).all(|(a, b)| a == *b),
            "{who}"
        );
        assert!(
            matches!(again, Err(ClientError::Refused { .. })),
            "{who}: {again:?}"
        );
        ends.push(seen.messages.len());
    }
    assert!(ends[0] < ends[1] && ends[1] < sent.len(), "{ends:?}");
    let status = status();
    let rotations: Vec<u64> = status.queues.iter().map(|queue| queue.rotations).collect();
    assert_eq!(
        rotations,
        [0, 2],
        "queue \"all\" is nobody's but the owner's"
    );
    assert_eq!(status.queues[1].published, sent.len() as u64 + 2);
    assert_eq!((status.reloads.applied, status.broker.revoked), (3, 2));
    gateway.stop().unwrap();
}
