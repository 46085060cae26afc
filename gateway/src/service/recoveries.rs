//! The recoveries of all channels: made from the configuration, started, and known to the state.

use std::net::SocketAddr;
use std::sync::Arc;

use gateway_feed::pitch::session;
use gateway_feed::soupbintcp::Credentials;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::OnEnd;
use super::error::ServiceError;
use super::readiness::Readiness;
use super::state::{Seat, State};
use crate::config::Config;
use crate::config::model::{Channel, GapRequestServer, GlimpseServer, PasswordSource, Recovery};
use crate::recovery::{
    ChannelRecovery, Desk, GapServer, Lookout, ServerKind, SnapshotServer, Way, read_password,
};
use crate::worker::WorkerHandle;

/// What is ready to run.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    channels: Vec<ChannelRecovery>,
    /// By channel of the configuration.
    pub(super) desks: Vec<Option<Arc<Desk>>>,
}

/// The servers of a channel that are logged in to, with their passwords.
#[derive(Debug)]
pub(super) struct Servers {
    gap_request: Vec<GapServer>,
    glimpse: Vec<SnapshotServer>,
}

/// Those of each channel of the configuration.
pub(super) fn servers(config: &Config) -> Result<Vec<Servers>, ServiceError> {
    let of = |channel: &Channel| {
        let recovery = channel.recovery.iter();
        let gap_request = recovery
            .clone()
            .flat_map(|r| r.gap_request.iter().map(move |server| (r, server)))
            .map(|(recovery, server)| gap_server(channel, recovery, server));
        let glimpse = recovery
            .flat_map(|r| r.glimpse.iter().map(move |server| (r, server)))
            .map(|(recovery, server)| snapshot_server(channel, recovery, server));
        Ok(Servers {
            gap_request: gap_request.collect::<Result<_, _>>()?,
            glimpse: glimpse.collect::<Result<_, _>>()?,
        })
    };
    config.channels.iter().map(of).collect()
}

/// A server's password, and with it its credentials.
fn log_in<C, E: std::fmt::Display>(
    channel: &Channel,
    (kind, server): (ServerKind, SocketAddr),
    source: &PasswordSource,
    make: impl FnOnce(&str) -> Result<C, E>,
) -> Result<C, ServiceError> {
    let refuse = |reason: String| ServiceError::Recovery {
        channel: channel.name.clone(),
        kind: kind.name(),
        server,
        reason,
    };
    let password = read_password(source).map_err(|error| refuse(error.to_string()))?;
    make(&password).map_err(|error| refuse(format!("{source}: {error}")))
}

fn snapshot_server(
    channel: &Channel,
    recovery: &Recovery,
    glimpse: &GlimpseServer,
) -> Result<SnapshotServer, ServiceError> {
    let server = (ServerKind::Glimpse, glimpse.address);
    let credentials = log_in(channel, server, &glimpse.password, |password| {
        Credentials::new(&glimpse.username, password)
    })?;
    Ok(SnapshotServer {
        address: glimpse.address,
        credentials,
        way: Way::of(recovery),
        timeout: recovery.snapshot_timeout,
        bytes_max: recovery.snapshot_bytes_max,
    })
}

fn gap_server(
    channel: &Channel,
    recovery: &Recovery,
    proxy: &GapRequestServer,
) -> Result<GapServer, ServiceError> {
    let server = (ServerKind::GapRequest, proxy.address);
    let credentials = log_in(channel, server, &proxy.password, |password| {
        session::Credentials::new(&proxy.session_sub_id, &proxy.username, password)
    })?;
    Ok(GapServer {
        address: proxy.address,
        credentials,
        // A channel of PITCH has one, or the configuration had been refused.
        unit: channel.unit.unwrap_or_default(),
        way: Way::of(recovery),
        pauses: recovery.planner.snapshot_backoff,
    })
}

/// Makes the recoveries of all channels that have one, at the lines of their workers.
pub(super) fn make(
    config: &Config,
    servers: Vec<Servers>,
    seats: &[Seat],
    workers: &mut [WorkerHandle],
) -> Recoveries {
    let mut recoveries = Recoveries::default();
    for ((channel, servers), seat) in config.channels.iter().zip(servers).zip(seats) {
        let worker = workers.get_mut(seat.worker);
        let line = worker.and_then(|w| w.supplies.get_mut(seat.index)?.take());
        let desk = channel.recovery.as_ref().zip(line).map(|(recovery, line)| {
            let Servers {
                gap_request,
                glimpse,
            } = servers;
            let proxies: Vec<_> = gap_request.iter().map(|server| server.address).collect();
            let snapshots: Vec<_> = glimpse.iter().map(|server| server.address).collect();
            let asked = if proxies.is_empty() {
                (&recovery.rerequest[..], ServerKind::Rerequest)
            } else {
                (&proxies[..], ServerKind::GapRequest)
            };
            let desk = Arc::new(Desk::new(asked, (&snapshots, ServerKind::Glimpse)));
            let shown = Arc::clone(&desk);
            let servers = (gap_request, glimpse);
            let made = ChannelRecovery::new(channel, recovery, servers, line, shown);
            recoveries.channels.push(made);
            desk
        });
        recoveries.desks.push(desk);
    }
    recoveries
}

impl Recoveries {
    /// Starts them all, to run until the end.
    pub(super) fn spawn(
        self,
        tasks: &mut JoinSet<()>,
        state: &Arc<State>,
        ended: &watch::Receiver<bool>,
    ) {
        let mut lookout = Lookout::default();
        for channel in self.channels {
            let news = lookout.add(channel.line());
            let ended = ended.clone();
            let ends = OnEnd::new(state, Readiness::recovery_has_ended);
            tasks.spawn(async move {
                let _ends = ends;
                channel.run(news, ended).await;
            });
        }
        if lookout.is_empty() {
            return;
        }
        let ended = ended.clone();
        let ends = OnEnd::new(state, Readiness::recovery_has_ended);
        tasks.spawn(async move {
            let _ends = ends;
            lookout.run(ended).await;
        });
    }
}
