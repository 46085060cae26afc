//! The queues, each behind the same two traits, each as its own documentation says that it is fastest.

#[cfg(feature = "aeron")]
mod aeron;
#[cfg(feature = "crossbeam")]
mod crossbeam;
mod datagram;
mod gateway;
#[cfg(feature = "iceoryx2")]
mod iceoryx2;
#[cfg(feature = "outcry")]
mod outcry;
mod raw_line;
mod ring;
#[cfg(feature = "ringfire")]
mod ringfire;
#[cfg(feature = "rtrb")]
mod rtrb;

use std::path::PathBuf;

use anyhow::Result;

use crate::message::Message;
use crate::task::Contestant;

pub(crate) use gateway::Gateway;
pub(crate) use ring::{Ring, SleepingReader};

/// The writing end.
pub(crate) trait Sender {
    /// Sends a message, or says that there is no room for it just now.
    fn try_send(&mut self, message: &Message) -> bool;
}

/// The reading end.
pub(crate) trait Receiver {
    /// Whether [`Self::receive`] waits for a message.
    const BLOCKS: bool = false;

    /// Shows what has come, one message or a few, as the queue has it; how many.
    fn receive(&mut self, read: impl FnMut(&Message)) -> usize;
}

/// Where a queue is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// For its files. The caller removes it.
    pub(crate) folder: PathBuf,
    /// Its name, no other's.
    pub(crate) name: &'static str,
    /// Messages that it is to hold, where that can be chosen.
    pub(crate) capacity: u64,
}

/// A queue between two processes.
pub(crate) trait Queue {
    type Sender: Sender;
    type Receiver: Receiver;

    /// Starts what the queue needs beside its ends, for as long as the result lives.
    fn host(place: &Place) -> Result<Option<Host>> {
        let _ = place;
        Ok(None)
    }

    /// Makes a queue and its writing end. Says where it is found.
    fn create(place: &Place) -> Result<(Self::Sender, String)>;

    /// Attaches to it.
    fn attach(address: &str) -> Result<Self::Receiver>;
}

/// A queue between two threads.
pub(crate) trait Channel {
    type Sender: Sender + Send;
    type Receiver: Receiver + Send;

    fn pair(capacity: u64) -> Result<(Self::Sender, Self::Receiver)>;
}

/// A process that a queue needs beside its ends. Killed once dropped.
#[derive(Debug)]
pub(crate) struct Host(pub(crate) std::process::Child);

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends, trying until there is room.
#[inline(always)]
pub(crate) fn send(tx: &mut impl Sender, message: &Message) {
    while !tx.try_send(message) {
        std::hint::spin_loop();
    }
}

/// Waits for a message: one hint to the processor an empty poll, for every queue.
#[inline(always)]
pub(crate) fn receive_one(rx: &mut impl Receiver, mut read: impl FnMut(&Message)) {
    while rx.receive(&mut read) == 0 {
        std::hint::spin_loop();
    }
}

/// What is to be done with a queue of whichever type.
pub(crate) trait Visit {
    type Output;
    fn queue<Q: Queue>(self) -> Result<Self::Output>;
    fn channel<C: Channel>(self) -> Result<Self::Output>;
}

/// Has `visit` visit `contestant`.
pub(crate) fn visit<V: Visit>(contestant: Contestant, visit: V) -> Result<V::Output> {
    match contestant {
        Contestant::Gateway => visit.queue::<Gateway>(),
        Contestant::Ring => visit.queue::<Ring>(),
        Contestant::RawLine => visit.queue::<raw_line::RawLine<1>>(),
        Contestant::RawLines => visit.queue::<raw_line::RawLine<65_536>>(),
        Contestant::Datagram => visit.queue::<datagram::Datagram<true>>(),
        Contestant::DatagramPolled => visit.queue::<datagram::Datagram<false>>(),
        #[cfg(feature = "ringfire")]
        Contestant::Ringfire => visit.queue::<ringfire::Ringfire>(),
        #[cfg(feature = "outcry")]
        Contestant::Outcry => visit.queue::<outcry::Outcry>(),
        #[cfg(feature = "iceoryx2")]
        Contestant::Iceoryx2 => visit.queue::<iceoryx2::Iceoryx2>(),
        #[cfg(feature = "aeron")]
        Contestant::Aeron => visit.queue::<aeron::Aeron>(),
        #[cfg(feature = "crossbeam")]
        Contestant::Crossbeam => visit.channel::<crossbeam::Crossbeam>(),
        #[cfg(feature = "rtrb")]
        Contestant::Rtrb => visit.channel::<rtrb::Rtrb>(),
        #[allow(unreachable_patterns, reason = "reached where a feature is off")]
        other => anyhow::bail!("this program was built without {other:?}"),
    }
}
