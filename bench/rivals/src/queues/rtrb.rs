//! `rtrb`: a ring for one writer and one reader, between threads. No broadcast: one reader is all it can have.

use anyhow::Result;
use rtrb::{Consumer, Producer, RingBuffer};

use super::{Channel, Receiver, Sender};
use crate::message::Message;

pub(crate) struct Rtrb;

impl Channel for Rtrb {
    type Sender = Producer<Message>;
    type Receiver = Consumer<Message>;

    fn pair(capacity: u64) -> Result<(Self::Sender, Self::Receiver)> {
        Ok(RingBuffer::new(capacity as usize))
    }
}

impl Sender for Producer<Message> {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        self.push(*message).is_ok()
    }
}

impl Receiver for Consumer<Message> {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let Ok(message) = self.pop() else {
            return 0;
        };
        read(&message);
        1
    }
}
