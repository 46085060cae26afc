//! One attempt at a snapshot: a connection to a GLIMPSE server, from the login to the last message.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use gateway_feed::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseEvent};
use gateway_feed::soupbintcp::Credentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::connect;
use super::rerequest::Way;
use super::snapshot::{FetchError, Fetched, Taken};

/// How long the logout may take that ends a whole snapshot.
const LOGOUT_MAX: Duration = Duration::from_millis(200);
/// What is read at a time.
const READ_BYTES: usize = 65_536;

/// A snapshot server and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotServer {
    pub(crate) address: SocketAddr,
    pub(crate) credentials: Credentials,
    pub(crate) way: Way,
    /// How long a whole snapshot may take.
    pub(crate) timeout: Duration,
    /// How much memory it may take.
    pub(crate) bytes_max: usize,
}

/// Fetches a snapshot.
pub(super) async fn fetch(server: SnapshotServer) -> Result<Fetched, FetchError> {
    let begun = Instant::now();
    let whole = async {
        let stream = connect(server.address, &server.way).await?;
        take(&server, stream, begun).await
    };
    timeout(server.timeout, whole)
        .await
        .unwrap_or(Err(FetchError::Timeout(server.timeout)))
}

fn on_event(event: GlimpseEvent<'_>, taken: &mut Taken) {
    match event {
        GlimpseEvent::Started { .. } => {}
        GlimpseEvent::Message(message) => taken.message(message),
        GlimpseEvent::Complete {
            next_sequence,
            messages,
        } => taken.end(Ok((next_sequence, messages))),
        GlimpseEvent::Failed(error) => taken.end(Err(error.into())),
    }
}

async fn take(
    server: &SnapshotServer,
    mut stream: TcpStream,
    begun: Instant,
) -> Result<Fetched, FetchError> {
    let clock = |at: Instant| u64::try_from((at - begun).as_nanos()).unwrap_or(u64::MAX);
    let mut client = GlimpseClient::new(
        GlimpseConfig::new(server.credentials),
        clock(Instant::now()),
    );
    let mut taken = Taken::new(server.bytes_max);
    let mut buffer = vec![0; READ_BYTES];
    let (mut reader, mut writer) = stream.split();
    let end = loop {
        if let Some(end) = taken.take_end() {
            break end?;
        }
        let due = client.next_deadline().map(Duration::from_nanos);
        let due = due.map_or_else(|| begun + server.timeout, |due| begun + due);
        let nothing_to_send = client.output().is_empty();
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let now = clock(Instant::now());
                match read? {
                    0 => client.on_disconnect(&mut |event| on_event(event, &mut taken)),
                    length => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        client.on_bytes(now, bytes, &mut |event| on_event(event, &mut taken));
                    }
                }
            }
            written = writer.write(client.output()), if !nothing_to_send => client.sent(written?),
            () = sleep_until(due) => {
                client.on_time(clock(Instant::now()), &mut |event| on_event(event, &mut taken));
            }
        }
    };
    // The snapshot is whole, whether the server hears the logout or not.
    let _ = timeout(LOGOUT_MAX, writer.write_all(client.output())).await;
    Ok(taken.fetched(end, begun))
}
