//! Our queue as a strategy reads it: through the client, from what a broker gave it.
//!
//! The broker here is a thread that answers with the gateway's own messages and decides nothing; it sleeps while
//! anything is measured.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use gateway_client::protocol::{ProtocolError, REQUEST_BYTES_MAX, Reply, Request};
use gateway_client::{Client, Event, Record, SubscribeOptions, Subscription};
use gateway_queue::PositionPage;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use super::ring::{Ring, RingSender};
use super::{Place, Queue, Receiver};
use crate::message::Message;

/// Clients that may wait to be let in.
const BACKLOG: i32 = 64;

pub(crate) struct Gateway;

impl Queue for Gateway {
    type Sender = RingSender;
    type Receiver = Subscription;

    fn create(place: &Place) -> Result<(RingSender, String)> {
        let (sender, _) = Ring::create(place)?;
        let path = place.folder.join(format!("{}.sock", place.name));
        listen(&path, sender.read_only().try_clone()?)?;
        let path = path.to_str().context("a path that is no text")?;
        Ok((sender, format!("{path}:{}", place.name)))
    }

    fn attach(address: &str) -> Result<Subscription> {
        let (path, name) = address.rsplit_once(':').context("no such address")?;
        let options = SubscribeOptions::named("bench");
        Ok(Client::connect(path)?.subscribe(name, &options)?)
    }
}

impl Receiver for Subscription {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        // A loss shows in the numbers of the messages.
        let Event::Record(Record::Mbo(_)) = self.poll() else {
            return 0;
        };
        let Ok(message) = self.current().words.try_into() else {
            return 0;
        };
        read(message);
        1
    }
}

/// Gives `ring` to whoever asks at `path`, until this process ends.
fn listen(path: &Path, ring: OwnedFd) -> Result<()> {
    let listener = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    rustix::net::bind(&listener, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&listener, BACKLOG)?;
    let ring = Arc::new(ring);
    thread::spawn(move || {
        while let Ok(client) = rustix::net::accept(&listener) {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                if let Err(error) = serve(&client, ring.as_fd()) {
                    eprintln!("the broker let a client go: {error:#}");
                }
            });
        }
    });
    Ok(())
}

/// Answers one client until it hangs up.
fn serve(client: &OwnedFd, ring: BorrowedFd<'_>) -> Result<()> {
    let mut pages = Vec::new();
    let mut message = [0; REQUEST_BYTES_MAX];
    loop {
        let (length, _) = rustix::net::recv(client, &mut message, RecvFlags::empty())?;
        if length == 0 {
            return Ok(());
        }
        let (number, request) = Request::decode(&message[..length])?;
        match request {
            Request::Hello => {
                let reply = Reply::Welcome {
                    pid: std::process::id(),
                    started_ns: 1,
                };
                answer(client, number, &reply, &[])?;
            }
            Request::Subscribe { .. } => {
                let (page, fd) = PositionPage::create()?;
                pages.push(page);
                let reply = Reply::Subscribed {
                    epoch: 1,
                    base: 0,
                    run: 1,
                };
                answer(client, number, &reply, &[ring, fd.as_fd()])?;
            }
            Request::Queues
            | Request::Status
            | Request::Books
            | Request::Book { .. }
            | Request::Orders { .. } => bail!(ProtocolError::Answer),
        }
    }
}

fn answer(
    client: &OwnedFd,
    number: u32,
    reply: &Reply,
    descriptors: &[BorrowedFd<'_>],
) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        bail!("no room for {} descriptors", descriptors.len());
    }
    rustix::net::sendmsg(
        client,
        &[IoSlice::new(&reply.encode(number))],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}
