//! The recovery of one channel: demands of its worker and packets of servers in, requests and supplies out.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_feed::arbitration::OnGap;
use gateway_feed::moldudp64;
use gateway_feed::pitch::session::{GapResponse, GapStatus};
use gateway_feed::recovery::{Action, Planner, Reply, Request, Supply};
use gateway_feed::sink::Nanos;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::desk::Desk;
use super::glimpse::{self, SnapshotServer};
use super::proxy::{GapServer, Proxy, Told, reply_of};
use super::rerequest::{DATAGRAM_BYTES_MAX, Rerequest, Way, readable};
use super::snapshot::{FetchError, Fetched};
use super::spin::{self, SpinServer};
use crate::config::model::{Channel, Recovery};
use crate::worker::supply::SupplyLine;

/// What proxies' tasks have told and was not looked at yet; a task waits where there is more.
const TOLD_MAX: usize = 256;
/// Datagrams that are read of one server at a time.
const DATAGRAMS_AT_ONCE: usize = 64;
/// For how long a snapshot is kept before it is handed over, besides the channel's hold time. A server tells of messages
/// that the lines may bring a moment later; without this they would count as lost.
const SETTLES: Duration = Duration::from_millis(10);
/// When something is given again that the worker's line had no room for.
const GIVE_AGAIN: Duration = Duration::from_millis(5);

/// The servers of a channel that are logged in to.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) gap_request: Vec<GapServer>,
    pub(crate) glimpse: Vec<SnapshotServer>,
    /// In place of these.
    pub(crate) spin: Vec<SpinServer>,
}

/// One channel's servers, and what is asked of them.
#[derive(Debug)]
pub(crate) struct ChannelRecovery {
    name: String,
    line: SupplyLine,
    planner: Planner,
    rerequest: Vec<Rerequest>,
    proxies: Vec<Proxy>,
    glimpse: Vec<SnapshotServer>,
    spin: Vec<SpinServer>,
    fetch: Option<Fetch>,
    /// A snapshot that is whole, and when it is handed over.
    settling: Option<(Instant, u64, Bytes)>,
    settles: Duration,
    actions: VecDeque<Action>,
    desk: Arc<Desk>,
    buffer: Vec<u8>,
    begun: Instant,
    /// Something was not taken, and is to be given again then.
    again: Option<Instant>,
}

/// An attempt at a snapshot; dropped, it is abandoned.
#[derive(Debug)]
struct Fetch {
    server: usize,
    task: JoinHandle<Result<Fetched, FetchError>>,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ChannelRecovery {
    /// For `channel`, whose worker is at the other end of `line`.
    pub(crate) fn new(
        channel: &Channel,
        config: &Recovery,
        servers: Servers,
        line: SupplyLine,
        desk: Arc<Desk>,
    ) -> Self {
        let way = Way::of(config);
        let Servers {
            gap_request,
            glimpse,
            spin,
        } = servers;
        let rerequest = config.rerequest.iter();
        Self {
            name: channel.name.clone(),
            line,
            planner: Planner::new(config.planner),
            rerequest: rerequest
                .map(|server| Rerequest::new(*server, way.clone()))
                .collect(),
            // Without requests there is no use for a session, which others may need.
            proxies: gap_request
                .into_iter()
                .filter(|_| channel.on_gap == OnGap::Recover)
                .map(Proxy::new)
                .collect(),
            glimpse,
            spin,
            fetch: None,
            settling: None,
            settles: channel.hold_timeout + SETTLES,
            actions: VecDeque::new(),
            desk,
            buffer: vec![0; DATAGRAM_BYTES_MAX],
            begun: Instant::now(),
            again: None,
        }
    }

    /// The line to the worker.
    pub(crate) const fn line(&self) -> &SupplyLine {
        &self.line
    }

    /// Recovers until the end. `news` is notified when the worker has something to take.
    pub(crate) async fn run(mut self, news: Arc<Notify>, mut ended: watch::Receiver<bool>) {
        let (tell, mut told) = mpsc::channel(TOLD_MAX);
        // They end with this task.
        let mut tasks = JoinSet::new();
        for (index, proxy) in self.proxies.iter_mut().enumerate() {
            tasks.spawn(proxy.begin(index, tell.clone()));
        }
        loop {
            let due = self.due();
            let mut fetched = None;
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => return,
                () = news.notified() => {}
                () = readable(&self.rerequest) => {}
                Some((index, what)) = told.recv() => self.on_told(index, what),
                result = finished(&mut self.fetch) => fetched = Some(result),
                () = sleep_until(due.unwrap_or(self.begun)), if due.is_some() => {}
            }
            while let Ok((index, what)) = told.try_recv() {
                self.on_told(index, what);
            }
            self.step(fetched);
        }
    }

    fn now(&self) -> Nanos {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn due(&self) -> Option<Instant> {
        let planned = self.planner.next_deadline();
        let planned = planned.map(|due| self.begun + Duration::from_nanos(due));
        let settled = self.settling.as_ref().map(|(due, ..)| *due);
        [planned, settled, self.again].into_iter().flatten().min()
    }

    /// Takes all that is there, and does what follows from it.
    fn step(&mut self, fetched: Option<Result<Fetched, FetchError>>) {
        let now = self.now();
        self.again = None;
        while let Some(returned) = self.line.take_back() {
            if let Err(cause) = &returned.result {
                debug!(channel = self.name, %cause, "of no use to the channel");
            }
        }
        // Before a demand that may want another one.
        if let Some(fetched) = fetched {
            self.on_fetched(now, fetched);
        }
        if let Some((_, sequence, messages)) =
            self.settling.take_if(|(due, ..)| *due <= Instant::now())
        {
            let actions = &mut self.actions;
            let mut act = |action| actions.push_back(action);
            self.planner
                .on_snapshot(now, Some((sequence, messages)), &mut act);
        }
        let actions = &mut self.actions;
        if let Some(demand) = self.line.demand() {
            let mut act = |action| actions.push_back(action);
            self.planner.on_demand(now, &demand, &mut act);
        }
        self.receive(now);
        let actions = &mut self.actions;
        self.planner
            .on_time(now, &mut |action| actions.push_back(action));
        while let Some(action) = self.actions.pop_front() {
            self.act(action);
        }
        self.desk.open().planner = *self.planner.counters();
    }

    fn receive(&mut self, now: Nanos) {
        let actions = &mut self.actions;
        for (index, server) in self.rerequest.iter_mut().enumerate() {
            for _ in 0..DATAGRAMS_AT_ONCE {
                match server.receive(&mut self.buffer) {
                    Ok(None) => break,
                    Ok(Some(packet)) => {
                        self.desk.rerequest(index, |server| server.answers += 1);
                        let mut act = |action| actions.push_back(action);
                        self.planner.on_packet(now, index, packet, &mut act);
                    }
                    Err(error) => {
                        refused(&self.name, &self.desk, index, &error);
                        break;
                    }
                }
            }
        }
    }

    /// Takes what a proxy's task tells.
    fn on_told(&mut self, index: usize, what: Told) {
        let Some(proxy) = self.proxies.get_mut(index) else {
            return;
        };
        let address = proxy.server.address;
        match what {
            Told::Up => {
                proxy.is_up = true;
                // Of one that comes and goes for the same cause again and again nothing is told anew.
                if proxy.is_told_up {
                    debug!(channel = self.name, server = %address, "logged in to the gap request proxy again");
                } else {
                    proxy.is_told_up = true;
                    info!(channel = self.name, server = %address, "logged in to the gap request proxy");
                }
                self.desk
                    .rerequest(index, |server| server.last_failure.clear());
                let (now, actions) = (self.now(), &mut self.actions);
                let mut act = |action| actions.push_back(action);
                self.planner.on_server_up(now, index, &mut act);
            }
            Told::Down(cause, lasted) => {
                proxy.is_up = false;
                if lasted {
                    proxy.logged = None;
                }
                if let Some(server) = self.proxy_failed(index, &cause) {
                    let channel = &self.name;
                    warn!(channel, %server, %cause, "no session with the gap request proxy");
                    if let Some(proxy) = self.proxies.get_mut(index) {
                        proxy.is_told_up = false;
                    }
                }
            }
            Told::Asked => self.desk.rerequest(index, |server| server.requests += 1),
            Told::NotAsked(request) => self.not_asked(index, request.sequence.into()),
            Told::Replied(GapResponse { request, status }) if request.unit == proxy.server.unit => {
                match status {
                    GapStatus::Accepted => {
                        proxy.logged = None;
                        self.desk.rerequest(index, |server| server.answers += 1);
                    }
                    GapStatus::OutOfRange => debug!(
                        channel = self.name,
                        server = %address,
                        first = request.sequence,
                        count = request.count,
                        "the gap request proxy does not have these messages"
                    ),
                    _ => {
                        if let Some(server) = self.proxy_failed(index, &status) {
                            let channel = &self.name;
                            warn!(channel, %server, cause = %status, "the gap request proxy refuses");
                        }
                    }
                }
                self.replied(index, request.sequence.into(), reply_of(status));
            }
            Told::Replied(GapResponse { request, .. }) => {
                let cause = format!(
                    "it replies about unit {}, which it was not asked for",
                    request.unit
                );
                self.not_understood(index, &cause);
            }
            Told::Strange(kind) => {
                let cause = format!("it sent a message of type {kind:#04x}, which no proxy sends");
                self.not_understood(index, &cause);
            }
        }
    }

    fn not_understood(&mut self, index: usize, cause: &str) {
        if let Some(server) = self.proxy_failed(index, &cause) {
            let channel = &self.name;
            warn!(channel, %server, cause, "what the gap request proxy says is not understood: check its address");
        }
    }

    /// Takes note that a request to a proxy was not sent.
    fn not_asked(&mut self, index: usize, first: u64) {
        self.desk.rerequest(index, |server| server.failures += 1);
        self.replied(index, first, Reply::NotAsked);
    }

    fn replied(&mut self, server: usize, first: u64, reply: Reply) {
        let (now, actions) = (self.now(), &mut self.actions);
        let mut act = |action| actions.push_back(action);
        self.planner.on_reply(now, server, first, reply, &mut act);
    }

    /// Takes note that a proxy is of no use now; where it is, if the cause is another one than what was logged last.
    fn proxy_failed(&mut self, index: usize, cause: &dyn std::fmt::Display) -> Option<SocketAddr> {
        self.desk.rerequest(index, |server| {
            server.fail(cause);
        });
        let proxy = self.proxies.get_mut(index)?;
        let cause = Some(cause.to_string());
        if proxy.logged == cause {
            return None;
        }
        proxy.logged = cause;
        Some(proxy.server.address)
    }

    /// Sends a request by whichever way the server is asked.
    fn ask(&mut self, server: usize, request: Request) {
        if let Some(way) = self.rerequest.get_mut(server) {
            match way.send(&moldudp64::Request::from(request).encode()) {
                Ok(()) => self.desk.rerequest(server, |server| server.requests += 1),
                Err(error) => refused(&self.name, &self.desk, server, &error),
            }
        } else if let Some(proxy) = self.proxies.get(server)
            && !proxy.ask(request.first, request.count)
        {
            self.not_asked(server, request.first);
        }
    }

    fn on_fetched(&mut self, now: Nanos, fetched: Result<Fetched, FetchError>) {
        let Some(fetch) = self.fetch.take() else {
            return;
        };
        let index = fetch.server;
        let glimpse = self.glimpse.get(index).map(|server| server.address);
        let server = glimpse.or(self.spin.get(index).map(|server| server.address));
        let server = server.map(|address| address.to_string());
        match fetched {
            Ok(fetched) => {
                let Fetched {
                    sequence,
                    messages,
                    count,
                    took,
                } = fetched;
                info!(
                    channel = self.name,
                    server,
                    sequence,
                    messages = count,
                    bytes = messages.len(),
                    ms = took.as_millis(),
                    "snapshot fetched"
                );
                let mut counters = self.desk.open();
                if let Some(server) = counters.glimpse.get_mut(index) {
                    server.answers += 1;
                    server.last_failure.clear();
                }
                let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                counters.snapshot_fetch_sum_ns =
                    counters.snapshot_fetch_sum_ns.saturating_add(took);
                counters.snapshot_bytes += messages.len() as u64;
                drop(counters);
                self.settling = Some((Instant::now() + self.settles, sequence, messages));
            }
            Err(cause) => {
                // It is tried again and again: the same cause is told once.
                if self.desk.snapshot_failed(index, &cause) {
                    warn!(channel = self.name, server, %cause, "no snapshot");
                }
                let actions = &mut self.actions;
                let mut act = |action| actions.push_back(action);
                self.planner.on_snapshot(now, None, &mut act);
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Request { server, request } => self.ask(server, request),
            Action::Supply(supply) => self.give(supply),
            Action::FetchSnapshot { server, from } => {
                if let Some(counters) = self.desk.open().glimpse.get_mut(server) {
                    counters.requests += 1;
                }
                let task = if let Some(of) = self.glimpse.get(server).cloned() {
                    tokio::spawn(glimpse::fetch(of))
                } else if let Some(of) = self.spin.get(server).cloned() {
                    tokio::spawn(spin::fetch(of, from))
                } else {
                    return;
                };
                self.fetch = Some(Fetch { server, task });
            }
            Action::AbandonSnapshot => {
                self.fetch = None;
                self.settling = None;
            }
        }
    }

    fn give(&mut self, supply: Supply) {
        let serial = supply.serial;
        if let Err(cause) = self.line.give(supply) {
            debug!(channel = self.name, %cause, "the worker takes nothing more now");
            self.planner.on_supply_lost(serial);
            self.again = Some(Instant::now() + GIVE_AGAIN);
        }
    }
}

/// Takes note that a re-request server cannot be reached; the same cause is told once.
fn refused(channel: &str, desk: &Desk, index: usize, cause: &std::io::Error) {
    desk.rerequest(index, |server| {
        if server.fail(cause) {
            let server = server.address;
            warn!(channel, %server, %cause, "the re-request server cannot be reached");
        }
    });
}

/// Waits until the attempt is over; for ever, where there is none.
async fn finished(fetch: &mut Option<Fetch>) -> Result<Fetched, FetchError> {
    match fetch {
        None => std::future::pending().await,
        Some(fetch) => (&mut fetch.task).await.unwrap_or_else(|error| {
            // It is never cancelled while it is waited for.
            Err(FetchError::Connection(std::io::Error::other(error)))
        }),
    }
}
