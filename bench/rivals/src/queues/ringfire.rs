//! `ringfire`: a broadcast ring with a sequence a slot; 56 bytes and the sequence fill a line, as in ours.

use anyhow::{Context, Result};
use ringfire::{RingConsumer, RingProducer};

use super::{Place, Queue, Receiver, Sender};
use crate::message::Message;

pub(crate) struct Ringfire;

impl Queue for Ringfire {
    type Sender = RingProducer<Message>;
    type Receiver = RingConsumer<Message>;

    fn create(place: &Place) -> Result<(Self::Sender, String)> {
        let path = place.folder.join(place.name);
        let address = path.to_str().context("a path that is no text")?.to_owned();
        Ok((RingProducer::create(path, place.capacity)?, address))
    }

    fn attach(address: &str) -> Result<Self::Receiver> {
        Ok(RingConsumer::attach(address)?)
    }
}

impl Sender for RingProducer<Message> {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        self.push(message);
        true
    }
}

impl Receiver for RingConsumer<Message> {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let Some(message) = self.try_recv() else {
            return 0;
        };
        read(&message);
        1
    }
}
