//! One attempt at a snapshot: a connection to a GLIMPSE server, from the login to the last message.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gateway_feed::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseError, GlimpseEvent};
use gateway_feed::soupbintcp::Credentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::{ConnectError, connect};
use super::rerequest::Way;

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

/// A whole snapshot.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The number of the live feed to go on with.
    pub(super) sequence: u64,
    /// Its messages, each behind its length.
    pub(super) messages: Bytes,
    /// How many.
    pub(super) count: u64,
    /// How long it took.
    pub(super) took: Duration,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    #[error(transparent)]
    Glimpse(#[from] GlimpseError),
    #[error("it is longer than {} MiB: raise snapshot_mib_max, or the server is no GLIMPSE server", .0 >> 20)]
    TooLong(usize),
    #[error("it was not whole within {} ms: raise snapshot_timeout_ms, or the server is too slow", .0.as_millis())]
    Timeout(Duration),
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

/// What came of a snapshot so far.
#[derive(Debug, Default)]
struct Taken {
    messages: Vec<u8>,
    bytes_max: usize,
    end: Option<Result<(u64, u64), FetchError>>,
}

impl Taken {
    fn on_event(&mut self, event: GlimpseEvent<'_>) {
        if self.end.is_some() {
            return;
        }
        match event {
            GlimpseEvent::Started { .. } => {}
            GlimpseEvent::Message(message) => {
                // The client takes no message that is longer than this can say.
                let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
                let length = length.to_be_bytes();
                if self.messages.len() + length.len() + message.len() > self.bytes_max {
                    self.end = Some(Err(FetchError::TooLong(self.bytes_max)));
                    return;
                }
                self.messages.extend_from_slice(&length);
                self.messages.extend_from_slice(message);
            }
            GlimpseEvent::Complete {
                next_sequence,
                messages,
            } => self.end = Some(Ok((next_sequence, messages))),
            GlimpseEvent::Failed(error) => self.end = Some(Err(error.into())),
        }
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
    let mut taken = Taken {
        bytes_max: server.bytes_max,
        ..Taken::default()
    };
    let mut buffer = vec![0; READ_BYTES];
    let (mut reader, mut writer) = stream.split();
    let (sequence, count) = loop {
        if let Some(end) = taken.end.take() {
            break end?;
        }
        let due = client.next_deadline().map(Duration::from_nanos);
        let due = due.map_or_else(|| begun + server.timeout, |due| begun + due);
        let nothing_to_send = client.output().is_empty();
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let now = clock(Instant::now());
                match read? {
                    0 => client.on_disconnect(&mut |event| taken.on_event(event)),
                    length => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        client.on_bytes(now, bytes, &mut |event| taken.on_event(event));
                    }
                }
            }
            written = writer.write(client.output()), if !nothing_to_send => client.sent(written?),
            () = sleep_until(due) => {
                client.on_time(clock(Instant::now()), &mut |event| taken.on_event(event));
            }
        }
    };
    // The snapshot is whole, whether the server hears the logout or not.
    let _ = timeout(LOGOUT_MAX, writer.write_all(client.output())).await;
    Ok(Fetched {
        sequence,
        messages: taken.messages.into(),
        count,
        took: begun.elapsed(),
    })
}
