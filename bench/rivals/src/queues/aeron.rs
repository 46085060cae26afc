//! Aeron IPC by `rusteron-client`: exclusive publications, as Aeron's own benchmarks use; the media driver is a process
//! of its own, in its mode with one thread.

use std::ffi::CStr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusteron_client::{
    Aeron as Client, AeronContext, AeronExclusivePublication, AeronSubscription, Handlers, cformat,
};

use super::{Host, Place, Queue, Receiver, Sender};
use crate::message::Message;

/// 56 bytes and their header take 96 of a term of 16 MiB, half of which may be unread: room for 87,000 messages.
const CHANNEL: &CStr = c"aeron:ipc?term-length=16m";
/// How long the driver may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that one poll takes at most, as in Aeron's own samples.
const FRAGMENTS: usize = 10;

pub(crate) struct Aeron;

pub(crate) struct AeronSender {
    publication: AeronExclusivePublication,
    _client: Client,
}

pub(crate) struct AeronReceiver {
    subscription: AeronSubscription,
    _client: Client,
}

impl Queue for Aeron {
    type Sender = AeronSender;
    type Receiver = AeronReceiver;

    fn host(place: &Place) -> Result<Option<Host>> {
        let program = std::env::current_exe()?.with_file_name("gateway-bench-aeron-driver");
        let folder = place.folder.join("aeron");
        let driver = Command::new(program)
            .arg(&folder)
            .env("AERON_THREADING_MODE", "SHARED")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start Aeron's media driver")?;
        let host = Host(driver);
        let deadline = Instant::now() + PATIENCE;
        while !folder.join("cnc.dat").exists() {
            ensure!(
                Instant::now() < deadline,
                "Aeron's media driver did not start"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Some(host))
    }

    fn create(place: &Place) -> Result<(AeronSender, String)> {
        let folder = place.folder.join("aeron");
        let folder = folder.to_str().context("a path that is no text")?;
        // A stream a direction.
        let stream = i32::try_from(place.name.len())?;
        let client = connect(folder)?;
        let publication = client
            .async_add_exclusive_publication(CHANNEL, stream)?
            .poll_blocking(PATIENCE)?;
        let sender = AeronSender {
            publication,
            _client: client,
        };
        Ok((sender, format!("{folder}:{stream}")))
    }

    fn attach(address: &str) -> Result<AeronReceiver> {
        let (folder, stream) = address.rsplit_once(':').context("no such address")?;
        let client = connect(folder)?;
        let subscription = client
            .async_add_subscription(CHANNEL, stream.parse()?, Handlers::NONE, Handlers::NONE)?
            .poll_blocking(PATIENCE)?;
        Ok(AeronReceiver {
            subscription,
            _client: client,
        })
    }
}

fn connect(folder: &str) -> Result<Client> {
    let context = AeronContext::new()?;
    context.set_dir(&cformat!("{folder}"))?;
    let client = Client::new(&context)?;
    client.start()?;
    Ok(client)
}

impl Sender for AeronSender {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        self.publication.offer(bytemuck::bytes_of(message)).is_ok()
    }
}

impl Receiver for AeronReceiver {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let fragments = self.subscription.poll_fn(
            |bytes, _| {
                // Terms are aligned to 32 bytes, and so is what follows their headers.
                if let Ok(message) = bytemuck::try_from_bytes(bytes) {
                    read(message);
                }
            },
            FRAGMENTS,
        );
        fragments.map_or(0, |fragments| fragments as usize)
    }
}
