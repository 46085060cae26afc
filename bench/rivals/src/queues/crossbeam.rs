//! `crossbeam-channel`, bounded: the channel that most Rust programs would use between threads.

use anyhow::Result;

use super::{Channel, Receiver, Sender};
use crate::message::Message;

pub(crate) struct Crossbeam;

impl Channel for Crossbeam {
    type Sender = crossbeam_channel::Sender<Message>;
    type Receiver = crossbeam_channel::Receiver<Message>;

    fn pair(capacity: u64) -> Result<(Self::Sender, Self::Receiver)> {
        Ok(crossbeam_channel::bounded(capacity as usize))
    }
}

impl Sender for crossbeam_channel::Sender<Message> {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        Self::try_send(self, *message).is_ok()
    }
}

impl Receiver for crossbeam_channel::Receiver<Message> {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let Ok(message) = self.try_recv() else {
            return 0;
        };
        read(&message);
        1
    }
}
