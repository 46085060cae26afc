//! `outcry`: a broadcast ring of bytes; 56 bytes and the header of a frame fill a line, as in ours.

use anyhow::{Context, Result};
use outcry::{Consumer, Producer};

use super::{Place, Queue, Receiver, Sender};
use crate::message::Message;

pub(crate) struct Outcry;

impl Queue for Outcry {
    type Sender = Producer;
    type Receiver = Consumer;

    fn create(place: &Place) -> Result<(Producer, String)> {
        let path = place.folder.join(place.name);
        let address = path.to_str().context("a path that is no text")?.to_owned();
        let queue = outcry::Queue::create(path, place.capacity * 64)?;
        Ok((queue.producer()?, address))
    }

    fn attach(address: &str) -> Result<Consumer> {
        Ok(outcry::Queue::open(address)?.consumer())
    }
}

impl Sender for Producer {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        self.write(bytemuck::bytes_of(message)).is_ok()
    }
}

impl Receiver for Consumer {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let mut message = Message::default();
        match self.try_read(bytemuck::bytes_of_mut(&mut message)) {
            Ok(Some(_)) => {
                read(&message);
                1
            }
            Ok(None) => 0,
            // A loss shows in the numbers of the messages.
            Err(_) => {
                self.resync();
                0
            }
        }
    }
}
