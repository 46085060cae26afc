//! A Unix datagram socket: what a program uses that has no queue. Its ends block, or poll.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Place, Queue, Receiver, Sender};
use crate::message::Message;

pub(crate) struct Datagram<const BLOCKING: bool>;

pub(crate) struct DatagramSender {
    socket: UnixDatagram,
    /// Where the reader binds, until it has.
    path: Option<PathBuf>,
}

pub(crate) struct DatagramReceiver<const BLOCKING: bool> {
    socket: UnixDatagram,
}

impl<const BLOCKING: bool> Queue for Datagram<BLOCKING> {
    type Sender = DatagramSender;
    type Receiver = DatagramReceiver<BLOCKING>;

    fn create(place: &Place) -> Result<(DatagramSender, String)> {
        let path = place.folder.join(place.name);
        let address = path.to_str().context("a path that is no text")?.to_owned();
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(!BLOCKING)?;
        let sender = DatagramSender {
            socket,
            path: Some(path),
        };
        Ok((sender, address))
    }

    fn attach(address: &str) -> Result<DatagramReceiver<BLOCKING>> {
        let socket = UnixDatagram::bind(address)?;
        socket.set_nonblocking(!BLOCKING)?;
        Ok(DatagramReceiver { socket })
    }
}

impl Sender for DatagramSender {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        if let Some(path) = &self.path {
            if self.socket.connect(path).is_err() {
                return false;
            }
            self.path = None;
        }
        // No room, or a reader that is gone: the message that did not come shows there.
        self.socket.send(bytemuck::bytes_of(message)).is_ok()
    }
}

impl<const BLOCKING: bool> Receiver for DatagramReceiver<BLOCKING> {
    const BLOCKS: bool = BLOCKING;

    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let mut message = Message::default();
        match self.socket.recv(bytemuck::bytes_of_mut(&mut message)) {
            Ok(_) => {
                read(&message);
                1
            }
            Err(error) => {
                debug_assert_eq!(error.kind(), ErrorKind::WouldBlock);
                0
            }
        }
    }
}
