//! One attempt at a snapshot of a PITCH unit: a connection to a spin server, from the login to the image's end.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use gateway_feed::pitch::session::{Credentials, SpinClient, SpinEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::connect;
use super::rerequest::Way;
use super::snapshot::{FetchError, Fetched, Taken};

/// What is read at a time.
const READ_BYTES: usize = 65_536;

/// A spin server and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct SpinServer {
    pub(crate) address: SocketAddr,
    pub(crate) credentials: Credentials,
    /// Whether it tells what instruments the unit has, too.
    pub(crate) definitions: bool,
    pub(crate) way: Way,
    /// How long a whole image may take, the wait for one that reaches far enough included.
    pub(crate) timeout: Duration,
    /// How much memory it may take.
    pub(crate) bytes_max: usize,
}

/// Fetches an image behind which message `from`, or a later one, follows.
pub(super) async fn fetch(server: SpinServer, from: u64) -> Result<Fetched, FetchError> {
    let begun = Instant::now();
    let whole = async {
        let stream = connect(server.address, &server.way).await?;
        take(&server, stream, begun, from).await
    };
    timeout(server.timeout, whole)
        .await
        .unwrap_or(Err(FetchError::Timeout(server.timeout)))
}

fn on_event(event: SpinEvent<'_>, taken: &mut Taken) {
    match event {
        SpinEvent::Message(message) => taken.message(message),
        SpinEvent::Complete {
            next_sequence,
            messages,
        } => taken.end(Ok((next_sequence, messages))),
        SpinEvent::Failed(error) => taken.end(Err(error.into())),
    }
}

async fn take(
    server: &SpinServer,
    mut stream: TcpStream,
    begun: Instant,
    from: u64,
) -> Result<Fetched, FetchError> {
    let clock = |at: Instant| u64::try_from((at - begun).as_nanos()).unwrap_or(u64::MAX);
    let mut client = SpinClient::new(server.credentials, from, clock(Instant::now()));
    if server.definitions {
        client = client.with_definitions();
    }
    let mut taken = Taken::new(server.bytes_max);
    let mut buffer = vec![0; READ_BYTES];
    let (mut reader, mut writer) = stream.split();
    loop {
        if let Some(end) = taken.take_end() {
            return Ok(taken.fetched(end?, begun));
        }
        let due = client.next_deadline().map(Duration::from_nanos);
        let due = due.map_or_else(|| begun + server.timeout, |due| begun + due);
        let has_output = !client.output().is_empty();
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
            written = writer.write(client.output()), if has_output => client.sent(written?),
            () = sleep_until(due) => {
                let now = clock(Instant::now());
                client.on_time(now, &mut |event| on_event(event, &mut taken));
            }
        }
    }
}
