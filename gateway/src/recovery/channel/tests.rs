//! A worker that does not read, and servers on sockets of this host.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use gateway_feed::moldudp64::{Packet, PacketBuilder, Request, Session};
use gateway_feed::recovery::{Demand, Hole, PlannerConfig, SupplyItem};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::*;
use crate::recovery::ServerKind;
use crate::worker::control::{self, Command, Inbox};
use crate::worker::supply::{self, LaneSupply, SUPPLIES_MAX};

const LIMIT: Duration = Duration::from_secs(20);

fn session() -> Session {
    Session::from_name("ONE").unwrap()
}

/// A re-request server that has every message, and sends one a packet.
async fn serve(socket: UdpSocket) {
    let mut buffer = [0; 100];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let request = Request::parse(&buffer[..length]).unwrap();
        let mut packet = PacketBuilder::new(request.session, request.sequence, 100);
        packet.push(&request.sequence.to_be_bytes()).unwrap();
        let packet = packet.finish(<[u8]>::to_vec);
        socket.send_to(&packet, from).await.unwrap();
    }
}

/// What a worker would make of what it is given.
struct Worker {
    inbox: Inbox,
    lane: LaneSupply,
    missing: BTreeSet<u64>,
    supplied: u64,
    taken: usize,
    twice: usize,
}

impl Worker {
    fn tell(&self) {
        let next = self.missing.first().copied().unwrap_or(1_000);
        let mut demand = Demand::new(1, session().id(), next, self.supplied);
        if let (Some(first), Some(last)) = (self.missing.first(), self.missing.last()) {
            // In one piece: what is there already is not wanted twice, which counts.
            let mut first = *first;
            while first <= *last {
                let mut end = first;
                while self.missing.contains(&end) {
                    end += 1;
                }
                let count = end - first;
                if count > 0 && !demand.push(Hole { first, count }) {
                    break;
                }
                first = end + 1;
            }
        }
        self.lane.tell(demand);
    }

    /// Takes all that is there.
    fn read(&mut self) {
        while let Some(command) = self.inbox.next() {
            let Command::Supply { channel: 0, supply } = command else {
                panic!("{command:?}");
            };
            self.supplied = self.supplied.max(supply.serial);
            let SupplyItem::Answer(bytes) = &supply.item else {
                panic!("{supply:?}");
            };
            let packet = Packet::parse(bytes).unwrap();
            self.twice += usize::from(!self.missing.remove(&packet.sequence));
            self.taken += 1;
            self.lane.give_back(supply, Ok(()));
        }
    }
}

#[test]
fn what_a_worker_that_does_not_read_has_no_room_for_is_planned_anew_and_comes_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        let serving = tokio::spawn(serve(socket));
        let (controls, inbox) = control::line(1);
        let (line, lane) = supply::line(controls.clone(), 0);
        let desk = Arc::new(Desk::new(
            (&[server], ServerKind::Rerequest),
            (&[], ServerKind::Glimpse),
        ));
        let config = Recovery {
            rerequest: vec![server],
            gap_request: Vec::new(),
            glimpse: Vec::new(),
            spin: Vec::new(),
            source: None,
            interface: None,
            planner: PlannerConfig {
                servers: 1,
                requests_per_second: 100_000,
                attempts_max: 1_000,
                ..PlannerConfig::default()
            },
            snapshot_timeout: LIMIT,
            snapshot_bytes_max: 1_000,
        };
        let text = include_str!("../../../../config/gateway.toml");
        let channel = crate::config::parse(text, "/".as_ref())
            .unwrap()
            .channels
            .remove(0);
        let recovery = ChannelRecovery::new(
            &channel,
            &config,
            Servers::default(),
            line,
            Arc::clone(&desk),
        );
        let mut lookout = super::super::Lookout::default();
        let news = lookout.add(recovery.line());
        let (end, ended) = watch::channel(false);
        let running = [
            tokio::spawn(recovery.run(news, ended.clone())),
            tokio::spawn(lookout.run(ended)),
        ];
        let mut worker = Worker {
            inbox,
            lane,
            missing: (1..=300).collect(),
            supplied: 0,
            taken: 0,
            twice: 0,
        };
        worker.tell();
        let full = async {
            while desk.counters().planner.supplies_lost == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LIMIT, full).await.unwrap();
        // The line is full of supplies, and of nothing else: a command finds room.
        controls.send(Command::Stop).unwrap();
        let mut out = 0;
        while let Some(Command::Supply { supply, .. }) = worker.inbox.next() {
            out += 1;
            worker.supplied = supply.serial;
            let SupplyItem::Answer(bytes) = &supply.item else {
                panic!("{supply:?}");
            };
            let sequence = Packet::parse(bytes).unwrap().sequence;
            assert!(worker.missing.remove(&sequence), "{sequence} came twice");
            worker.lane.give_back(supply, Ok(()));
        }
        assert_eq!(out, SUPPLIES_MAX);
        let whole = async {
            while !worker.missing.is_empty() {
                worker.read();
                worker.tell();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LIMIT, whole).await.unwrap();
        assert_eq!((worker.twice, worker.taken + out), (0, 300));
        let counters = desk.counters();
        assert!(counters.planner.supplies_lost > 0);
        assert_eq!(counters.rerequest[0].failures, 0);
        assert_eq!(counters.rerequest[0].requests, counters.planner.requests);
        end.send(true).unwrap();
        for task in running {
            timeout(LIMIT, task).await.unwrap().unwrap();
        }
        serving.abort();
    });
}

/// A channel of two proxies that nobody has started.
fn with_proxies(on_gap: OnGap) -> ChannelRecovery {
    let (controls, _inbox) = control::line(1);
    let (line, _lane) = supply::line(controls, 0);
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let server = || GapServer {
        address,
        credentials: gateway_feed::pitch::session::Credentials::new("1", "U", "P").unwrap(),
        unit: 7,
        way: Way::default(),
        pauses: PlannerConfig::default().snapshot_backoff,
    };
    let config = Recovery {
        rerequest: Vec::new(),
        gap_request: Vec::new(),
        glimpse: Vec::new(),
        spin: Vec::new(),
        source: None,
        interface: None,
        planner: PlannerConfig {
            servers: 2,
            answers: gateway_feed::recovery::Answers::OnLines,
            ..PlannerConfig::default()
        },
        snapshot_timeout: LIMIT,
        snapshot_bytes_max: 1_000,
    };
    let text = include_str!("../../../../config/gateway.toml");
    let mut channel = crate::config::parse(text, "/".as_ref())
        .unwrap()
        .channels
        .remove(0);
    channel.on_gap = on_gap;
    let servers = Servers {
        gap_request: vec![server(), server()],
        ..Servers::default()
    };
    let desk = Arc::new(Desk::new(
        (&[address, address], ServerKind::GapRequest),
        (&[], ServerKind::Glimpse),
    ));
    ChannelRecovery::new(&channel, &config, servers, line, desk)
}

#[tokio::test]
async fn sessions_with_proxies_are_had_where_something_is_asked_for_only() {
    assert_eq!(with_proxies(OnGap::Recover).proxies.len(), 2);
    assert!(with_proxies(OnGap::Continue).proxies.is_empty());
}

#[tokio::test]
async fn a_request_that_no_proxy_takes_counts_as_a_failure_and_no_hole_as_asked_for_in_vain() {
    let mut recovery = with_proxies(OnGap::Recover);
    let mut demand = Demand::new(1, session().id(), 10, 0);
    assert!(demand.push(Hole {
        first: 10,
        count: 5
    }));
    let now = recovery.now();
    let actions = &mut recovery.actions;
    let mut act = |action| actions.push_back(action);
    recovery.planner.on_demand(now, &demand, &mut act);
    recovery.step(None);
    let counters = recovery.desk.counters();
    assert!(
        counters
            .rerequest
            .iter()
            .all(|server| (server.requests, server.failures) == (0, 1))
    );
    assert_eq!(counters.planner.spent_messages, 0);
    // A server that is back is asked at once.
    recovery.on_told(1, Told::Up);
    assert!(matches!(
        recovery.actions.pop_front(),
        Some(Action::Request { server: 1, .. })
    ));
    // The same cause is logged once, until it was of use.
    let warned = |recovery: &mut ChannelRecovery| recovery.proxy_failed(1, &"gone").is_some();
    assert_eq!(
        [warned(&mut recovery), warned(&mut recovery)],
        [true, false]
    );
    recovery.on_told(1, Told::Asked);
    recovery.on_told(
        1,
        Told::Replied(GapResponse {
            request: gateway_feed::pitch::session::GapRequest {
                unit: 7,
                sequence: 10,
                count: 5,
            },
            status: GapStatus::Accepted,
        }),
    );
    assert!(warned(&mut recovery));
    assert_eq!(recovery.desk.counters().rerequest[1].requests, 1);
}
