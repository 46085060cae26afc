//! The recoveries of all channels: made from the configuration, started, and known to the state.

use std::net::SocketAddr;
use std::sync::Arc;

use gateway_feed::pitch::{Market, session};
use gateway_feed::soupbintcp::Credentials;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::OnEnd;
use super::error::ServiceError;
use super::readiness::Readiness;
use super::state::{Seat, State};
use crate::config::Config;
use crate::config::model::{Channel, GlimpseServer, PasswordSource, Recovery, SessionServer};
use crate::recovery::{
    ChannelRecovery, Desk, GapServer, Lookout, ServerKind, Servers, SnapshotServer, SpinServer,
    Way, read_password,
};
use crate::worker::WorkerHandle;

/// What is ready to run.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    channels: Vec<ChannelRecovery>,
    /// By channel of the configuration.
    pub(super) desks: Vec<Option<Arc<Desk>>>,
}

/// The servers of each channel of the configuration that are logged in to, with their passwords.
pub(super) fn servers(config: &Config) -> Result<Vec<Servers>, ServiceError> {
    let of = |channel: &Channel| {
        let recovery = channel.recovery.iter();
        let gap_request = recovery
            .clone()
            .flat_map(|r| r.gap_request.iter().map(move |server| (r, server)))
            .map(|(recovery, server)| gap_server(channel, recovery, server));
        let spin = recovery
            .clone()
            .flat_map(|r| r.spin.iter().map(move |server| (r, server)))
            .map(|(recovery, server)| spin_server(channel, recovery, server));
        let glimpse = recovery
            .flat_map(|r| r.glimpse.iter().map(move |server| (r, server)))
            .map(|(recovery, server)| snapshot_server(channel, recovery, server));
        Ok(Servers {
            gap_request: gap_request.collect::<Result<_, _>>()?,
            glimpse: glimpse.collect::<Result<_, _>>()?,
            spin: spin.collect::<Result<_, _>>()?,
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

fn session_credentials(
    channel: &Channel,
    kind: ServerKind,
    server: &SessionServer,
) -> Result<session::Credentials, ServiceError> {
    log_in(
        channel,
        (kind, server.address),
        &server.password,
        |password| session::Credentials::new(&server.session_sub_id, &server.username, password),
    )
}

fn spin_server(
    channel: &Channel,
    recovery: &Recovery,
    spin: &SessionServer,
) -> Result<SpinServer, ServiceError> {
    Ok(SpinServer {
        address: spin.address,
        credentials: session_credentials(channel, ServerKind::Spin, spin)?,
        definitions: channel
            .feed
            .pitch_market()
            .is_some_and(Market::defines_in_spins),
        way: Way::of(recovery),
        timeout: recovery.snapshot_timeout,
        bytes_max: recovery.snapshot_bytes_max,
    })
}

fn gap_server(
    channel: &Channel,
    recovery: &Recovery,
    proxy: &SessionServer,
) -> Result<GapServer, ServiceError> {
    let credentials = session_credentials(channel, ServerKind::GapRequest, proxy)?;
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
            let addresses = |list: &[SessionServer]| -> Vec<SocketAddr> {
                list.iter().map(|server| server.address).collect()
            };
            let (proxies, spin) = (addresses(&recovery.gap_request), addresses(&recovery.spin));
            let glimpse: Vec<_> = recovery
                .glimpse
                .iter()
                .map(|server| server.address)
                .collect();
            let asked = if proxies.is_empty() {
                (&recovery.rerequest[..], ServerKind::Rerequest)
            } else {
                (&proxies[..], ServerKind::GapRequest)
            };
            let snapshots = if spin.is_empty() {
                (&glimpse[..], ServerKind::Glimpse)
            } else {
                (&spin[..], ServerKind::Spin)
            };
            let desk = Arc::new(Desk::new(asked, snapshots));
            let shown = Arc::clone(&desk);
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
