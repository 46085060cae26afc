//! The recoveries of all channels: made from the configuration, started, and known to the state.

use std::sync::Arc;

use gateway_feed::soupbintcp::Credentials;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::OnEnd;
use super::error::ServiceError;
use super::readiness::Readiness;
use super::state::{Seat, State};
use crate::config::Config;
use crate::config::model::{Channel, GlimpseServer, Recovery};
use crate::recovery::{ChannelRecovery, Desk, Lookout, SnapshotServer, Way, read_password};
use crate::worker::WorkerHandle;

/// What is ready to run.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    channels: Vec<ChannelRecovery>,
    /// By channel of the configuration.
    pub(super) desks: Vec<Option<Arc<Desk>>>,
}

/// The snapshot servers of each channel of the configuration, with their passwords.
pub(super) fn servers(config: &Config) -> Result<Vec<Vec<SnapshotServer>>, ServiceError> {
    let of = |channel: &Channel| {
        let recovery = channel.recovery.iter();
        let each = recovery.flat_map(|r| r.glimpse.iter().map(move |server| (r, server)));
        each.map(|(recovery, glimpse)| server(&channel.name, recovery, glimpse))
            .collect()
    };
    config.channels.iter().map(of).collect()
}

fn server(
    channel: &str,
    recovery: &Recovery,
    glimpse: &GlimpseServer,
) -> Result<SnapshotServer, ServiceError> {
    let refuse = |reason: String| ServiceError::Recovery {
        channel: channel.to_owned(),
        server: glimpse.address,
        reason,
    };
    let password = read_password(&glimpse.password).map_err(|error| refuse(error.to_string()))?;
    let credentials = Credentials::new(&glimpse.username, &password)
        .map_err(|error| refuse(format!("{}: {error}", glimpse.password)))?;
    Ok(SnapshotServer {
        address: glimpse.address,
        credentials,
        way: Way::of(recovery),
        timeout: recovery.snapshot_timeout,
        bytes_max: recovery.snapshot_bytes_max,
    })
}

/// Makes the recoveries of all channels that have one, at the lines of their workers.
pub(super) fn make(
    config: &Config,
    servers: Vec<Vec<SnapshotServer>>,
    seats: &[Seat],
    workers: &mut [WorkerHandle],
) -> Recoveries {
    let mut recoveries = Recoveries::default();
    for ((channel, servers), seat) in config.channels.iter().zip(servers).zip(seats) {
        let worker = workers.get_mut(seat.worker);
        let line = worker.and_then(|w| w.supplies.get_mut(seat.index)?.take());
        let desk = channel.recovery.as_ref().zip(line).map(|(recovery, line)| {
            let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
            let desk = Arc::new(Desk::new(&recovery.rerequest, &addresses));
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
